"""What the metadata of every charm has in common.

For tests of charms that have no folder, and for comparing those that have one.
"""

from __future__ import annotations

from typing import Any

ENDPOINTS: dict[str, Any] = {
    'provides': {
        'certificates': {'interface': 'tls-certificates'},
        'send-ca-cert': {'interface': 'certificate_transfer'},
    },
    'peers': {'peers': {'interface': 'tls-provider-peers'}},
}

OPTIONS: dict[str, Any] = {
    'allowed-domains': {'type': 'string'},
    'allow-ca-requests': {'type': 'string'},
    'certificate-limit': {'type': 'int'},
}
"""Names and types; defaults and descriptions are the charm's own."""

_PAGE = {'page': {'type': 'integer'}}
_ID = {'id': {'type': 'string'}}

ACTIONS: dict[str, Any] = {
    'list-requests': {'params': _PAGE},
    'list-certificates': {'params': {**_PAGE, 'expiring-within': {'type': 'string'}}},
    'get-issued-certificates': {'params': _PAGE},
    'get-ca-certificate': {'params': _PAGE},
    'retry-requests': {'params': _ID},
    'revoke-certificate': {'params': _ID},
}
"""Names, parameters and their types."""


def lacking(charmcraft: dict[str, Any]) -> list[str]:
    """What of the common face a charmcraft.yaml lacks or has otherwise; empty: nothing."""
    problems: list[str] = []
    for kind, endpoints in ENDPOINTS.items():
        for name, endpoint in endpoints.items():
            other = charmcraft.get(kind, {}).get(name, {})
            if other.get('interface') != endpoint['interface']:
                problems.append(f'{kind} {name}')
    options: dict[str, Any] = charmcraft.get('config', {}).get('options', {})
    for name, option in OPTIONS.items():
        if options.get(name, {}).get('type') != option['type']:
            problems.append(f'option {name}')
    for name, action in ACTIONS.items():
        found: dict[str, Any] | None = charmcraft.get('actions', {}).get(name)
        params: dict[str, Any] = {} if found is None else found.get('params', {})
        kinds = {param: {'type': spec['type']} for param, spec in params.items()}
        if found is None or kinds != action.get('params', {}):
            problems.append(f'action {name}')
    return problems
