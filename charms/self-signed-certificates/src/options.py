"""The charm's options, checked once and completely."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING

from local_ca import EXTENDED_KEY_USAGES, KEY_ALGORITHMS, REQUEST_KEY_ALGORITHMS, Options
from tls_provider import options
from tls_provider.options import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_VALIDITY = 825
"""Days. Clients of one large vendor reject server certificates of a longer life, private CA or
not."""
MAX_CA_VALIDITY = 36525

# Options of the CA's subject, in the order that the CA/Browser Forum wants, with the dotted object
# identifier and the greatest length of X.520. The library that writes them counts bytes.
_SUBJECT = {
    'ca-country-name': ('2.5.4.6', 2),
    'ca-state-or-province-name': ('2.5.4.8', 128),
    'ca-locality-name': ('2.5.4.7', 128),
    'ca-organization': ('2.5.4.10', 64),
    'ca-organizational-unit': ('2.5.4.11', 64),
    'ca-common-name': ('2.5.4.3', 64),
    'ca-email-address': ('1.2.840.113549.1.9.1', 255),
}
_DEFAULT_NAME = 'self-signed-certificates-operator'


def parse(config: Mapping[str, object]) -> Options:
    """The CA that the options describe; raises `Invalid`."""
    validity = options.duration(config, 'certificate-validity', '90d', MAX_VALIDITY)
    ca_validity = options.duration(config, 'root-ca-validity', '365d', MAX_CA_VALIDITY)
    if ca_validity < 2 * validity:
        problem = f'{_span(ca_validity)} is less than twice certificate-validity'
        raise Invalid('root-ca-validity', f'{problem} ({_span(validity)})')
    return Options(
        subject=_subject(config),
        key_algorithm=_choice(config, 'ca-key-algorithm', 'ecdsa-p256', KEY_ALGORITHMS),
        ca_validity=ca_validity,
        validity=validity,
        extended_key_usages=_choices(config, 'extended-key-usages', EXTENDED_KEY_USAGES),
        request_key_algorithms=frozenset(
            _choices(config, 'request-key-algorithms', REQUEST_KEY_ALGORITHMS)
        ),
        allowed_domains=options.allowed_domains(config),
        ca_requests=options.allow_ca_requests(config),
        certificate_limit=options.certificate_limit(config),
    )


def _subject(config: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    subject: list[tuple[str, str]] = []
    for name, (oid, most) in _SUBJECT.items():
        default = _DEFAULT_NAME if name == 'ca-common-name' else ''
        value = options.text(config, name, default)
        if (length := len(value.encode(errors='replace'))) > most:
            raise Invalid(name, f'{length} bytes; use {most} at most')
        if value:
            subject.append((oid, value))
    found = dict(subject)
    country = found.get(_SUBJECT['ca-country-name'][0], 'US')
    if not re.fullmatch('[A-Za-z]{2}', country):
        raise Invalid('ca-country-name', f'"{country}" is not a code of two letters, as in US')
    email = found.get(_SUBJECT['ca-email-address'][0], 'a@b')
    if not re.fullmatch(r'[!-?A-~]+@[!-?A-~]+', email):
        raise Invalid('ca-email-address', 'is not a mail address of plain ASCII characters')
    return tuple(subject)


def _choice(config: Mapping[str, object], name: str, default: str, known: tuple[str, ...]) -> str:
    value = options.text(config, name, default)
    if value not in known:
        raise Invalid(name, f'"{value[:40]}" is not one of {", ".join(known)}')
    return value


def _choices(
    config: Mapping[str, object], name: str, known: Mapping[str, bool]
) -> tuple[str, ...]:
    """Several of the known values, in their order; unset, those that are the default."""
    default = ','.join(value for value, is_default in known.items() if is_default)
    found = options.items(config, name, default)
    for value in found:
        if value not in known:
            raise Invalid(name, f'"{value[:40]}" is not one of {", ".join(known)}')
    return tuple(value for value in known if value in found)


def _span(life: datetime.timedelta) -> str:
    """A life in the form of the options, in the largest unit that fits."""
    minutes = life // datetime.timedelta(minutes=1)
    for unit, size in (('d', 1440), ('h', 60)):
        if minutes % size == 0:
            return f'{minutes // size}{unit}'
    return f'{minutes}m'
