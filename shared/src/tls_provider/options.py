"""Options that all charms have, and the forms of value that several have.

An option that is empty means the same as one that is unset: Juju keeps an empty text as a value.
"""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING

from tls_provider import x509
from tls_provider.issuer import EVERY

if TYPE_CHECKING:
    from collections.abc import Mapping

_PRIVATE_KEY = 'holds a private key: it is secret no longer; make a new one'
_CERTIFICATES = frozenset({'CERTIFICATE', 'X509 CERTIFICATE'})
_UNITS = {'m': 'minutes', 'h': 'hours', 'd': 'days', 'w': 'weeks', '': 'days'}
_DURATION = re.compile(r'([0-9]{1,9})([mhdw]?)', re.ASCII)
_APPLICATION = re.compile(r'[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*|remote-[0-9a-f]{32}')


class Invalid(Exception):
    """An option has a value that cannot be used; the message names it and says what to do."""

    def __init__(self, name: str, problem: str):
        super().__init__(f'option {name}: {problem}')


def text(config: Mapping[str, object], name: str, default: str = '') -> str:
    """The value of an option without surrounding blanks; raises `Invalid` if it cannot be shown.

    Also for options of another type, as text.
    """
    value = str(config.get(name, '')).strip() or default
    if x509.holds_private_key(value):
        raise Invalid(name, _PRIVATE_KEY)
    if not value.isprintable():
        raise Invalid(name, 'holds characters that cannot be printed')
    return value


def items(config: Mapping[str, object], name: str, default: str = '') -> tuple[str, ...]:
    """The items of a list with commas, empty ones left out, each once; raises `Invalid`."""
    value = text(config, name, default)
    parts = (part.strip() for part in value.split(','))
    found = tuple(dict.fromkeys(part for part in parts if part))
    if value and not found:
        raise Invalid(name, 'names nothing')
    return found


def allowed_domains(config: Mapping[str, object]) -> tuple[str, ...]:
    """Option `allowed-domains`, in lower case; empty: any. Raises `Invalid`."""
    name = 'allowed-domains'
    domains = tuple(item.lower() for item in items(config, name))
    for domain in domains:
        if not x509.is_host_name(domain):
            shown = x509.printable(domain, 60)
            raise Invalid(name, f'"{shown}" is no domain; write them as in example.com,corp')
    return domains


def allow_ca_requests(config: Mapping[str, object]) -> frozenset[str]:
    """Option `allow-ca-requests`: applications, or `all` or `none`. Raises `Invalid`."""
    name = 'allow-ca-requests'
    found = items(config, name)
    if not found or found == ('none',):
        return frozenset()
    if found == ('all',):
        return frozenset({EVERY})
    for item in found:
        if not _APPLICATION.fullmatch(item) or item in {'all', 'none'}:
            shown = x509.printable(item, 60)
            raise Invalid(name, f'"{shown}" is no application; use all, none or names with commas')
    return frozenset(found)


def flag(config: Mapping[str, object], name: str, *, default: bool) -> bool:
    """Whether an option is true; raises `Invalid`."""
    value = text(config, name, str(default)).lower()
    if value not in {'true', 'false'}:
        raise Invalid(name, 'is neither true nor false')
    return value == 'true'


def certificates(config: Mapping[str, object], name: str) -> tuple[x509.Certificate, ...]:
    """The certificates of an option in PEM, each once; raises `Invalid`.

    Comments may stand before each, and nothing after the last.
    """
    value = str(config.get(name, '')).strip()
    if x509.holds_private_key(value):
        raise Invalid(name, _PRIVATE_KEY)
    if not value:
        return ()
    try:
        blocks = x509.blocks(value)
        others = [one.label for one in blocks if one.label not in _CERTIFICATES]
        if others or not blocks or not value.endswith(blocks[-1].text):
            raise Invalid(name, 'holds something else than PEM certificates')
        found = x509.parse_certificates(value)
    except x509.Malformed as error:
        raise Invalid(name, f'holds something else than PEM certificates: {error}') from None
    return tuple({one.fingerprint: one for one in found}.values())


def certificate_limit(config: Mapping[str, object]) -> int | None:
    """Option `certificate-limit`, for one relation; -1 or unset: None. Raises `Invalid`."""
    name = 'certificate-limit'
    value = text(config, name, '-1')
    try:
        limit = int(value)
    except ValueError:
        raise Invalid(name, f'"{x509.printable(value, 20)}" is not a whole number') from None
    if limit < -1:
        raise Invalid(name, f'{limit} is less than -1, which stands for no limit')
    return None if limit == -1 else limit


def duration(
    config: Mapping[str, object], name: str, default: str, most: int
) -> datetime.timedelta:
    """A number with m, h, d or w (minutes to weeks), without a letter days; raises `Invalid`.

    Args:
        config: All options.
        name: The option.
        default: What it means when it is unset or empty.
        most: The greatest value, in days; the least is one minute.

    """
    value = text(config, name, default)
    match = _DURATION.fullmatch(value)
    if match is None:
        shown = x509.printable(value, 20)
        raise Invalid(name, f'"{shown}" is not a number with m, h, d or w, as in 90d')
    number, unit = int(match[1]), datetime.timedelta(**{_UNITS[match[2]]: 1})
    if number < 1 or number > datetime.timedelta(days=most) / unit:
        raise Invalid(name, f'{value} is not between 1m and {most}d')
    return number * unit
