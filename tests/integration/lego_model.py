"""Steps that the suites of the lego charm share."""

from __future__ import annotations

import json
import time
from typing import Any

import jubilant
from acme_servers import Servers

from backends import acme

PROVIDER = 'lego'


def secret(juju: jubilant.Juju, name: str, content: dict[str, str]) -> str:
    uri = juju.add_secret(name, content)
    juju.grant_secret(name, PROVIDER)
    return str(uri)


def variables(servers: Servers, **changes: str) -> dict[str, str]:
    found = {**servers.dns.variables(), **changes}
    return {name.lower().replace('_', '-'): value for name, value in found.items()}


def roots(server: acme.AcmeServer) -> dict[str, str]:
    return {
        'server': server.directory,
        'acme-ca-certificates': server.certificate,
        'ca-root-certificates': server.root(),
    }


def ask(juju: jubilant.Juju, *names: str, app: str = 'web') -> None:
    """Have a requirer ask for one certificate for these names, with a new key."""
    juju.config(
        app,
        {'num_certificates': 1, 'common_name': names[0], 'sans_dns': ','.join(names)},
    )


def certificates(juju: jubilant.Juju, unit: str = 'web/0') -> list[dict[str, Any]]:
    return json.loads(juju.run(unit, 'get-certificate').results['certificates'])


def asked(juju: jubilant.Juju, unit: str = 'web/0') -> dict[str, Any]:
    """The request of a requirer, with what it was told."""
    [request] = json.loads(juju.run(unit, 'get-requests').results['requests'])
    return request


def pass_time(juju: jubilant.Juju, length: str) -> None:
    """Put the clock forward, and wait until the provider has had the update-status of it.

    Units are idle in the eyes of Juju before and while they have one.
    """

    def last() -> str:
        log = juju.cli('debug-log', '--limit', '20', '--no-tail', '--include', f'{PROVIDER}/0')
        found = [line for line in log.splitlines() if line.endswith(' ran "update-status" hook')]
        return found[-1] if found else ''

    before = last()
    juju.cli('advance-clock', length)
    deadline = time.monotonic() + juju.wait_timeout
    while (now := last()) == before or not now:
        assert time.monotonic() < deadline, 'there was no update-status'
        time.sleep(0.05)


def message(status: jubilant.Status) -> tuple[str, str]:
    shown = status.apps[PROVIDER].app_status
    return shown.current, shown.message
