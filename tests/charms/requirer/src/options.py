"""The charm's configuration as one frozen value, checked once."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Literal, TypeAlias

from charmlibs.interfaces.tls_certificates import KeyAlgorithm, Mode
from cryptography import x509

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Scope: TypeAlias = Literal[Mode.APP, Mode.UNIT]
"""Whose request it is; also says in which databag it lies."""

MODES = {'unit': Mode.UNIT, 'app': Mode.APP, 'app-and-unit': Mode.APP_AND_UNIT}

SCOPES: dict[Mode, tuple[Scope, ...]] = {
    Mode.UNIT: (Mode.UNIT,),
    Mode.APP: (Mode.APP,),
    Mode.APP_AND_UNIT: (Mode.APP, Mode.UNIT),
}

KEY_ALGORITHMS = {
    'rsa-2048': (KeyAlgorithm.RSA, 2048),
    'rsa-3072': (KeyAlgorithm.RSA, 3072),
    'rsa-4096': (KeyAlgorithm.RSA, 4096),
    'ecdsa-p256': (KeyAlgorithm.ECDSA, 256),
    'ecdsa-p384': (KeyAlgorithm.ECDSA, 384),
}

MOST_CERTIFICATES = 1000

PLACEHOLDERS = {
    'common_name': ('i', 'unit', 'app', 'model'),
    'sans_dns': ('i', 'unit', 'app', 'model'),
    'sans-ip': ('i', 'unit', 'address'),
}


@dataclasses.dataclass(frozen=True)
class BadOption:
    """An option that cannot be followed."""

    name: str
    complaint: str
    """What is wrong with its value and what would be right."""

    def __str__(self) -> str:
        return f'option {self.name}: {self.complaint}'


@dataclasses.dataclass(frozen=True)
class Options:
    """The configuration. Names are templates still: see `wanted.requests`."""

    mode: Mode
    num_certificates: int
    common_name: str
    """A template; empty for the default, `-` for none."""
    sans_dns: tuple[str, ...]
    sans_ip: tuple[str, ...]
    sans_oid: tuple[str, ...]
    organization: str | None
    organizational_unit: str | None
    email_address: str | None
    country_name: str | None
    state_or_province_name: str | None
    locality_name: str | None
    is_ca: bool
    add_unique_id: bool
    key_algorithm: KeyAlgorithm
    key_size: int
    renewal_relative_time: float
    raw_only: bool

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes that the mode asks certificates for."""
        return SCOPES[self.mode]

    @property
    def has_subject(self) -> bool:
        """Whether the subject holds anything besides common name and unique identifier."""
        return any((
            self.organization, self.organizational_unit, self.email_address,
            self.country_name, self.state_or_province_name, self.locality_name,
        ))  # fmt: skip

    @property
    def needs_address(self) -> bool:
        """Whether the unit's ingress address has to be known."""
        return Mode.UNIT in self.scopes and any('{address}' in item for item in self.sans_ip)


def parse(config: Mapping[str, bool | int | float | str]) -> Options | BadOption:
    """The options, or the first of them that is wrong."""
    bad = next(_complaints(config), None)
    if bad is not None:
        return bad
    algorithm, size = KEY_ALGORITHMS[_text(config, 'key-algorithm')]
    return Options(
        mode=MODES[_text(config, 'mode')],
        num_certificates=int(config['num_certificates']),
        common_name=_text(config, 'common_name'),
        sans_dns=_items(config, 'sans_dns'),
        sans_ip=_items(config, 'sans-ip'),
        sans_oid=_items(config, 'sans-oid'),
        # The library reads an absent part of the subject as None: an empty string would make it
        # take its own CSR for another's and replace it in every hook.
        organization=_text(config, 'organization_name') or None,
        organizational_unit=_text(config, 'organizational-unit') or None,
        email_address=_text(config, 'email_address') or None,
        country_name=_text(config, 'country_name') or None,
        state_or_province_name=_text(config, 'state_or_province_name') or None,
        locality_name=_text(config, 'locality_name') or None,
        is_ca=bool(config['is_ca']),
        add_unique_id=bool(config['add-unique-id']),
        key_algorithm=algorithm,
        key_size=size,
        renewal_relative_time=float(config['renewal-relative-time']),
        raw_only=bool(config['raw-only']),
    )


def _text(config: Mapping[str, bool | int | float | str], name: str) -> str:
    return str(config.get(name, '')).strip()


def _items(config: Mapping[str, bool | int | float | str], name: str) -> tuple[str, ...]:
    """The items of a comma list, trimmed, without empty ones and repetitions."""
    items = (item.strip() for item in _text(config, name).split(','))
    return tuple(dict.fromkeys(item for item in items if item))


def _is_oid(text: str) -> bool:
    try:
        x509.ObjectIdentifier(text)
    except ValueError:
        return False
    return True


def _complaints(config: Mapping[str, bool | int | float | str]) -> Iterator[BadOption]:
    for name, allowed in (('mode', MODES), ('key-algorithm', KEY_ALGORITHMS)):
        if (value := _text(config, name)) not in allowed:
            yield BadOption(name, f'"{value}" is not one of {", ".join(allowed)}')

    number = int(config['num_certificates'])
    if not 0 <= number <= MOST_CERTIFICATES:
        yield BadOption('num_certificates', f'{number} is not between 0 and {MOST_CERTIFICATES}')

    part = float(config['renewal-relative-time'])
    if not 0.5 < part <= 1.0:
        yield BadOption('renewal-relative-time', f'{part} is not above 0.5 and at most 1.0')

    for name, known in PLACEHOLDERS.items():
        for item in _items(config, name):
            stray = re.search(r'[{}]', re.sub(rf'\{{({"|".join(known)})\}}', '', item))
            if stray:
                allowed = ', '.join(f'{{{placeholder}}}' for placeholder in known)
                yield BadOption(name, f'"{item}": the only placeholders are {allowed}')

    for item in _items(config, 'sans-oid'):
        if not _is_oid(item):
            yield BadOption('sans-oid', f'"{item}" is not an object identifier such as 1.3.6.1.4')

    country = _text(config, 'country_name')
    if country and not re.fullmatch(r'[A-Za-z]{2}', country):
        yield BadOption('country_name', f'"{country}" is not a country code of two letters')

    email = _text(config, 'email_address')
    if email and not (email.isascii() and re.fullmatch(r'[^@\s]+@[^@\s]+', email)):
        yield BadOption('email_address', f'"{email}" is not an e-mail address')
