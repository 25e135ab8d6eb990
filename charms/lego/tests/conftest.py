from __future__ import annotations

import dataclasses
import datetime
import pathlib
from collections.abc import Callable, Container, Generator
from typing import Any, cast

import pytest

from account import Account
from authority_roots import Roots
from backends import acme, dns
from duplicates import History
from journal import Journal
from lego import Lego
from options import Options
from runs import Runs
from tls_provider import x509
from tls_provider.issuer import Request
from tls_provider.testing import canaries, pki

BINARY = pathlib.Path('/usr/bin/lego')
EMAIL = 'operator@example.test'


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


@dataclasses.dataclass(frozen=True)
class Bed:
    """Servers that run."""

    dns: dns.NameServer
    acme: acme.AcmeServer

    def options(self, **changes: object) -> Options:
        base = Options(
            email=EMAIL,
            server=self.acme.directory,
            plugin='rfc2136',
            variables=self.dns.variables(),
            acme_roots=(self.acme.certificate,),
            issuer_roots=(self.acme.root(),),
            propagation_wait=1,
            nameservers=(self.dns.address,),
            order_timeout=datetime.timedelta(minutes=2),
        )
        return dataclasses.replace(base, **cast('dict[str, Any]', changes))


@pytest.fixture(scope='session')
def name_server(tmp_path_factory: pytest.TempPathFactory) -> Generator[dns.NameServer]:
    zones = {
        'example.test': '_acme-challenge.delegated IN CNAME target.acme.test.\n',
        'acme.test': '',
        'example.org': '',
    }
    with dns.name_server(tmp_path_factory.mktemp('dns'), zones) as server:
        yield server


@pytest.fixture(scope='session')
def bed(name_server: dns.NameServer, tmp_path_factory: pytest.TempPathFactory) -> Generator[Bed]:
    with acme.acme_server(tmp_path_factory.mktemp('acme'), name_server.address) as server:
        yield Bed(name_server, server)


PUBLIC = {
    'email',
    'httpreq-endpoint',
    'httpreq-mode',
    'registration',
    'rfc2136-nameserver',
    'rfc2136-tsig-algorithm',
    'rfc2136-tsig-key',
    'server',
}
"""Keys of the account's secret and of the operator's whose values everybody may see."""


@pytest.fixture(autouse=True)
def _canaries(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: pathlib.Path
) -> Generator[None]:
    """Whatever a test does with the charm: no secret is seen."""
    with canaries.watched(monkeypatch, caplog, tmp_path, public=PUBLIC):
        yield


Make = Callable[..., Lego]


@pytest.fixture
def make(tmp_path: pathlib.Path) -> Make:
    """Makes an issuer with a journal of its own."""

    def issuer(
        options: Options,
        account: Account | None = None,
        *,
        binary: pathlib.Path = BINARY,
        folder: str = 'orders',
        settled: Container[str] = (),
        history: History | None = None,
    ) -> Lego:
        roots = Roots(options.issuer_roots, tuple, tuple)
        journal = Journal(tmp_path / folder, options.kind_of_certificate(), options.known_roots())
        runs = Runs(options, lambda: binary, account)
        made = Lego(runs, journal, roots, history or History(), now)
        made.recover(settled)
        return made

    return issuer


def asked(
    *names: str, common_name: str = '', key: str = 'ecdsa-p256', ordered: bool = False
) -> Request:
    csr = x509.parse_request(pki.request(*names, common_name=common_name, key=key))
    return Request(csr, is_ca=False, requirer='kafka/0', ordered=ordered)
