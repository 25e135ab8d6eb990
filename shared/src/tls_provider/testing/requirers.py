"""Requirers of every generation of the library: what they write, and whether they take an answer.

The generations are those of the library. Versions 1 to 3 read by exact text and drop a databag as
a whole where a field is missing or of another type; the present one parses every entry of all
units and breaks on one that it cannot load. What the retired version 0 writes is here as well.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, cast

from charmlibs.interfaces import tls_certificates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SEEDED = {
    'egress-subnets': '192.0.2.7/32',
    'ingress-address': '192.0.2.7',
    'private-address': '192.0.2.7',
}
"""What Juju itself writes to the databag of a unit."""


@dataclasses.dataclass(frozen=True)
class Generation:
    """How a generation of the library writes its requests."""

    writes_ca: bool
    """The field `ca` is always there."""
    dress: Callable[[str], str]
    """The text of a request as it is sent."""


GENERATIONS = {
    'v1': Generation(writes_ca=False, dress=lambda csr: f'{csr.strip()}\n'),
    'v2': Generation(writes_ca=True, dress=lambda csr: f'{csr.strip()}\n'),
    'v2 before October 2023': Generation(writes_ca=False, dress=str.strip),
    'v3': Generation(writes_ca=True, dress=lambda csr: f'{csr.strip()}\n'),
    'v3 with CRLF': Generation(
        writes_ca=True, dress=lambda csr: csr.strip().replace('\n', '\r\n') + '\r\n'
    ),
    'v4': Generation(writes_ca=True, dress=str.strip),
}


def bag(*csrs: str, is_ca: bool = False, generation: str = 'v4', **more: str) -> dict[str, str]:
    """A databag with these requests."""
    form = GENERATIONS[generation]
    items: list[dict[str, object]] = []
    for csr in csrs:
        item: dict[str, object] = {'certificate_signing_request': form.dress(csr)}
        items.append({**item, 'ca': is_ca} if form.writes_ca or is_ca else item)
    return {**SEEDED, 'certificate_signing_requests': json.dumps(items), **more}


def retired_bag(unit: str) -> dict[str, str]:
    """What a requirer of the retired version 0 writes to the databag of its unit."""
    names = {'sans': json.dumps(['10.0.0.1', 'old.example'])}
    requests = {'old.example': {'sans': ['10.0.0.1']}}
    return {
        **SEEDED,
        **names,
        'unit_name': unit.replace('/', '_'),
        'common_name': 'old.example',
        'certificate_name': 'server',
        'cert_requests': json.dumps(requests),
    }


def assert_every_generation_reads(databag: Mapping[str, str]) -> None:
    """An answer in our application databag is in the form that every generation accepts."""
    _assert_schema_of_older_ones(databag)
    _assert_present_library(databag)


_ENTRY_FIELDS: dict[str, type] = {
    'certificate_signing_request': str,
    'certificate': str,
    'ca': str,
    'chain': list,
    'revoked': bool,
    'recommended_expiry_notification_time': int,
}
_ERROR_FIELDS: dict[str, type] = {'code': int, 'name': str, 'message': str}


def _assert_schema_of_older_ones(databag: Mapping[str, str]) -> None:
    """Versions 1 to 3, and the published schema."""
    if not databag:
        return
    assert 'certificates' in databag, 'versions 2 and 3 drop a databag without certificates'
    for entry in _load(databag['certificates'], list):
        _assert_fields(entry, _ENTRY_FIELDS)
        chain: list[object] = entry['chain']
        assert chain
        assert all(isinstance(link, str) for link in chain)
        assert chain[0] == entry['certificate']
    for refusal in _load(databag.get('request_errors', '[]'), list):
        _assert_fields(refusal, {'csr': str, 'certificate_signing_request': str, 'error': dict})
        assert refusal['csr'] == refusal['certificate_signing_request']
        _assert_fields(refusal['error'], _ERROR_FIELDS)
        for optional in ('reason', 'provider', 'endpoint'):
            assert isinstance(refusal['error'].get(optional, ''), str)


def _assert_present_library(databag: Mapping[str, str]) -> None:
    """Version 4 loads every entry unguarded."""
    for entry in _load(databag.get('certificates', '[]'), list):
        tls_certificates.CertificateSigningRequest.from_string(
            entry['certificate_signing_request']
        )
        for text in (entry['certificate'], entry['ca'], *entry['chain']):
            tls_certificates.Certificate.from_string(text)
    for refusal in _load(databag.get('request_errors', '[]'), list):
        tls_certificates.CertificateSigningRequest.from_string(refusal['csr'])
    capabilities: dict[str, object] = _load(databag.get('capabilities', '{}'), dict)
    booleans = {name for name in capabilities if name.startswith('supports_')}
    assert all(type(capabilities[name]) is bool for name in booleans)
    _assert_texts(capabilities.get('allowed_domains', []))
    assert isinstance(capabilities.get('provider_type', ''), str)


def _assert_texts(value: Any) -> None:
    assert isinstance(value, list)
    assert all(isinstance(item, str) for item in cast('list[object]', value))


def _load(text: str, kind: type) -> Any:
    value = json.loads(text)
    assert isinstance(value, kind)
    return value


def _assert_fields(item: Any, fields: Mapping[str, type]) -> None:
    assert isinstance(item, dict)
    found = cast('dict[str, object]', item)
    kinds: dict[str, type] = {name: type(found[name]) for name in fields}
    assert kinds == fields
