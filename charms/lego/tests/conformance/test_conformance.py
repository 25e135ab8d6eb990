"""The conformance kit on this charm, with a real ACME server that takes every name for proved."""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile
from collections.abc import Generator, Mapping
from typing import ClassVar

import ops
import pytest
from ops import testing

from account import Account, label
from authority_roots import Roots
from backends import acme, dns
from charm import LegoCharm
from duplicates import History
from journal import Journal
from lego import Lego
from options import Options
from runs import Runs
from tls_provider import wire, x509
from tls_provider.issuer import Request
from tls_provider.testing import pki, predecessors
from tls_provider.testing.features import Feature
from tls_provider.testing.kit import Conformance, Upgrades
from tls_provider.testing.world import Config, World, described

EMAIL = 'operator@example.test'


@dataclasses.dataclass(frozen=True)
class Servers:
    acme: acme.AcmeServer
    resolver: str
    """A name server that knows no name, and asks nobody."""
    variables: Mapping[str, str]
    account: Account
    """Registered: what was proved once for it is proved for every test."""


@pytest.fixture(scope='session')
def servers(tmp_path_factory: pytest.TempPathFactory) -> Generator[Servers]:
    environ = {'PEBBLE_VA_ALWAYS_VALID': '1', 'PEBBLE_AUTHZREUSE': '100'}
    with (
        dns.accepting_provider() as variables,
        dns.name_server(tmp_path_factory.mktemp('dns')) as names,
        acme.acme_server(tmp_path_factory.mktemp('acme'), names.address, environ=environ) as one,
    ):
        options = _options(one, names.address, variables)
        account = _register(one, options, tmp_path_factory.mktemp('first'))
        yield Servers(one, names.address, variables, account)


def _register(server: acme.AcmeServer, options: Options, folder: pathlib.Path) -> Account:
    roots = Roots([server.root()], list, list)
    unregistered = Account(server.directory, EMAIL, KEY)
    issuer = Lego(Runs(options, lambda: BINARY, unregistered), Journal(folder), roots, History())
    csr = x509.parse_request(pki.request('first.example', key='ecdsa-p256'))
    issuer.issue(Request(csr, is_ca=False, requirer='first/0'), timeout=options.order_timeout)
    assert issuer.account is not None
    assert issuer.account.registration
    return issuer.account


def _options(server: acme.AcmeServer, resolver: str, variables: Mapping[str, str]) -> Options:
    """Of the charm towards these servers."""
    return Options(
        EMAIL,
        server.directory,
        'httpreq',
        variables,
        acme_roots=(server.certificate,),
        nameservers=(resolver,),
        propagation_wait=1,
    )


BINARY = pathlib.Path('/usr/bin/lego')
KEY = pki.private_key_pem('rsa-2048/account')
"""Of the account, as Canonical's charm makes it."""


class Before(predecessors.Lego):
    account = KEY


class LegoWorld(World):
    """A charm with a disk of its own."""

    chooses_serials = False
    chooses_profile = False
    folder: ClassVar[pathlib.Path]

    @staticmethod
    def _context(charm: type[ops.CharmBase]) -> testing.Context[ops.CharmBase]:
        root = pathlib.Path(tempfile.mkdtemp(dir=LegoWorld.folder))
        (root / 'bin').mkdir()
        (root / 'bin' / 'lego').symlink_to(BINARY)
        return testing.Context(charm, charm_root=root, **described(charm))


class TestConformance(Conformance, Upgrades):
    charm = LegoCharm
    world_type = LegoWorld
    clocks: ClassVar = ('tls_provider.provider._now', 'charm.now')
    many: ClassVar = 20
    predecessor = Before
    signs: ClassVar = ('lego.Lego.issue',)
    servers: ClassVar[Servers]
    unsupported: ClassVar = {
        Feature.CN_ONLY: 102,
        Feature.FREE_COMMON_NAME: 102,
        Feature.IP_SANS: 101,
        Feature.EMAIL_SANS: 102,
        Feature.URI_SANS: 102,
        Feature.REGISTERED_ID_SANS: 102,
        Feature.OTHER_NAME_SANS: 102,
        Feature.ECDSA_P521: 999,
        Feature.ED25519: 999,
        Feature.LONG_NAME: 102,
        Feature.ISSUE_CA: 999,
    }

    @pytest.fixture(autouse=True)
    def _servers(self, servers: Servers, tmp_path: pathlib.Path) -> None:
        TestConformance.servers = servers
        LegoWorld.folder = tmp_path

    def assert_same_authority(self, world: World, new: wire.Entry, old: wire.Entry) -> None:
        """The account is the one from before; so is the server, which has other CAs now."""
        account = self.servers.account
        [stored] = [one for one in world.state.secrets if one.owner is not None]
        assert stored.label == label(account.server, EMAIL)
        assert (stored.latest_content or stored.tracked_content) == account.content()
        assert x509.fingerprint_of(new.ca) == x509.fingerprint_of(self.servers.acme.root())
        assert old.ca.strip() in {one.pem.strip() for one in world.trusted()}

    def ready(self) -> testing.State:
        server = self.servers.acme
        variables = self.servers.variables.items()
        secret = testing.Secret({name.lower().replace('_', '-'): text for name, text in variables})
        account = testing.Secret(
            self.servers.account.content(), label=label(server.directory, EMAIL), owner='app'
        )
        nothing = LegoWorld.folder / 'nothing'
        nothing.touch()
        config: Config = {
            'email': EMAIL,
            'accept-terms-of-service': True,
            'server': server.directory,
            'plugin': 'httpreq',
            'plugin-config-secret-id': secret.id,
            'acme-ca-certificates': server.certificate,
            'ca-root-certificates': server.root(),
            'dns-propagation-wait': 1,
            'dns-nameservers': self.servers.resolver,
        }
        return testing.State(
            leader=True,
            config=config,
            relations={testing.PeerRelation('peers')},
            secrets={secret, account},
            resources={testing.Resource(name='lego', path=nothing)},
        )
