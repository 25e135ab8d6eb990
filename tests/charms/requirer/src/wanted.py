"""What the charm wants certified: the options, applied to the place where it runs."""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import TYPE_CHECKING, TypeAlias

from charmlibs.interfaces.tls_certificates import CertificateRequestAttributes, Mode

from options import BadOption, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from options import Options

Wanted: TypeAlias = dict[Scope, list[CertificateRequestAttributes]]
"""The requests of each scope of the mode, all different."""

DEFAULT_NAMES: dict[Scope, str] = {
    Mode.UNIT: 'cert-{i}.unit-{unit}.{app}.{model}',
    Mode.APP: 'cert-{i}.{app}.{model}',
}

NO_COMMON_NAME = '-'

COMMON_NAME_BYTES = 64
"""Upper bound of RFC 5280, appendix A.1; cryptography enforces it."""

DNS_NAME_LENGTH = 253
"""RFC 1035, section 2.3.4, without the root's label."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the charm runs."""

    unit: str
    """The number of the unit."""
    app: str
    model: str
    address: str | None
    """The unit's ingress address, None while it has none."""


@dataclasses.dataclass(frozen=True)
class _Names:
    """The names of one request, placeholders filled in."""

    common_name: str
    """Empty for none."""
    dns: tuple[str, ...]
    ip: tuple[str, ...]


def requests(options: Options, place: Place) -> Wanted | BadOption:
    """The requests, or the option that cannot be followed here."""
    if options.needs_address and place.address is None:
        return BadOption('sans-ip', 'this unit has no ingress IP address for {address} yet')
    names: dict[Scope, list[_Names]] = {
        scope: [_names(options, place, scope, i) for i in range(options.num_certificates)]
        for scope in options.scopes
    }
    for group in names.values():
        for one in group:
            bad = next(_complaints(one, options), None)
            if bad is not None:
                return bad
    wanted: Wanted = {
        scope: [_attributes(options, one) for one in group] for scope, group in names.items()
    }
    # The library answers equal requests with one CSR, and refuses them across the scopes.
    total = [request for group in wanted.values() for request in group]
    if len(set(total)) < len(total):
        hint = '{i} and {unit}' if options.mode is Mode.APP_AND_UNIT else '{i}'
        return BadOption(
            'common_name',
            f'"{options.common_name}" makes equal requests; put {hint} into it or sans_dns',
        )
    return wanted


def _names(options: Options, place: Place, scope: Scope, number: int) -> _Names:
    values = {'i': str(number), 'app': place.app, 'model': place.model}
    values['unit'] = place.unit if scope is Mode.UNIT else 'app'
    values['address'] = place.address or ''

    def render(template: str) -> str:
        for name, value in values.items():
            template = template.replace(f'{{{name}}}', value)
        return template

    common_name, dns = options.common_name, options.sans_dns
    if not common_name:
        common_name = DEFAULT_NAMES[scope]
        dns = dns or (common_name,)
    return _Names(
        common_name='' if common_name == NO_COMMON_NAME else render(common_name),
        dns=tuple(map(render, dns)),
        # an application has no address of its own
        ip=tuple(
            render(item)
            for item in options.sans_ip
            if scope is Mode.UNIT or '{address}' not in item
        ),
    )


def _complaints(names: _Names, options: Options) -> Iterator[BadOption]:
    """What a CSR cannot carry. Whether a name is a good one is for the provider to say."""
    if not (names.common_name or names.dns or names.ip or options.sans_oid):
        yield BadOption('common_name', 'a request needs it or one of sans_dns, sans-ip, sans-oid')
    if not (names.common_name or options.add_unique_id or options.has_subject):
        # the library then fails: it signs no CSR with an empty subject
        yield BadOption('add-unique-id', 'without it and a common name the subject would be empty')
    if len(names.common_name.encode()) > COMMON_NAME_BYTES:
        yield BadOption(
            'common_name',
            f'"{names.common_name}" is longer than {COMMON_NAME_BYTES} bytes; set a shorter one',
        )
    for name in names.dns:
        if not name.isascii() or any(character.isspace() for character in name):
            yield BadOption('sans_dns', f'"{name}" is not ASCII without spaces; use A-labels')
        if len(name) > DNS_NAME_LENGTH:
            yield BadOption('sans_dns', f'"{name}" is longer than {DNS_NAME_LENGTH} characters')
    for text in names.ip:
        if '%' in text:
            yield BadOption('sans-ip', f'"{text}" has a zone, which a CSR cannot hold')
        elif not _is_address(text):
            yield BadOption('sans-ip', f'"{text}" is not an IP address')


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _attributes(options: Options, names: _Names) -> CertificateRequestAttributes:
    return CertificateRequestAttributes(
        common_name=names.common_name or None,
        sans_dns=names.dns,
        # in another form than the normal one the library would not know its own CSR again
        sans_ip=[str(ipaddress.ip_address(text)) for text in names.ip],
        sans_oid=options.sans_oid,
        organization=options.organization,
        organizational_unit=options.organizational_unit,
        email_address=options.email_address,
        country_name=options.country_name,
        state_or_province_name=options.state_or_province_name,
        locality_name=options.locality_name,
        is_ca=options.is_ca,
        add_unique_id_to_subject_name=options.add_unique_id,
    )
