"""What the suites of the lego charm talk to: a name server and two ACME servers, on loopback."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from collections.abc import Generator

from backends import acme, dns

ZONES = {
    'example.test': (
        '_acme-challenge.delegated IN CNAME target.acme.test.\n'
        # To a zone that nobody serves: always fails.
        '_acme-challenge.hour-1 IN CNAME target.elsewhere.test.\n'
    ),
    'acme.test': '',
}


@dataclasses.dataclass(frozen=True)
class Servers:
    dns: dns.NameServer
    acme: acme.AcmeServer
    bound: acme.AcmeServer
    """Wants an account of its operator's."""
    folder: pathlib.Path


@contextlib.contextmanager
def running(folder: pathlib.Path) -> Generator[Servers]:
    """Run them in an empty folder."""
    for name in ('dns', 'acme', 'bound'):
        (folder / name).mkdir()
    with (
        dns.name_server(folder / 'dns', ZONES) as names,
        acme.acme_server(folder / 'acme', names.address) as server,
        acme.acme_server(
            folder / 'bound', names.address, settings=acme.external_account()
        ) as bound,
    ):
        yield Servers(names, server, bound, folder)
