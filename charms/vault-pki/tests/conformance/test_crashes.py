"""What a killed process of this charm leaves behind, in Juju and in a real OpenBao.

The server is put back to what it was before each crash, and says itself what it has made.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import json
import pathlib
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from typing import ClassVar

import pytest
from ops import testing

import memory
from access import Policy
from backends import openbao, rewind
from charm import STATE, VaultPKICharm
from tls_provider import wire, x509
from tls_provider.testing import pki, requirers
from tls_provider.testing.kit.crashes import CSRS, Crashes, Step
from tls_provider.testing.world import World

MOUNT = 'pki'
LOGIN = f'auth/approle/role/{Policy(MOUNT, "charm", True).name}'
PARENT = pki.Authority.root('the parent')
NEXT = pki.Authority.root('the parent after rotation')


@pytest.fixture(scope='module')
def session(tmp_path_factory: pytest.TempPathFactory) -> Generator[rewind.Session]:
    with openbao.openbao(tmp_path_factory.mktemp('bao')) as server, rewind.session(server) as made:
        yield made


class Killed(Crashes):
    """With a CA of one kind, from the day on which the charm is deployed."""

    charm = VaultPKICharm
    backend: ClassVar = ('connection.Connection.post', 'pki.Mount.make_lists')
    backend_is_all = True  # but for the login, whose batch token the server does not store

    @pytest.fixture(autouse=True)
    def _session(self, session: rewind.Session) -> Generator[None]:
        self.session = session
        self.names: dict[str, str] = {}
        with session.kept() as restore:
            yield
            restore()

    def ready(self) -> testing.State:
        server = self.session.server
        return testing.State(
            leader=True,
            config={
                'vault-address': server.address,
                'vault-ca-certificates': server.certificate,
                'mount': MOUNT,
                'ca-type': self.variant,
            },
            relations={testing.PeerRelation('peers')},
            secrets={testing.Secret({'token': server.root_token})},
        )

    def keep(self, outside: pathlib.Path) -> AbstractContextManager[Callable[[], None]]:
        del outside  # only the server is there
        return self.session.kept()

    def spent(self, outside: pathlib.Path) -> collections.Counter[str]:
        del outside
        keys, logins = self.session.keys(f'{MOUNT}/keys'), self.session.keys(f'{LOGIN}/secret-id')
        found = collections.Counter(keys=len(keys), logins=len(logins))
        return found + collections.Counter(map(self._named, self.session.keys(f'{MOUNT}/certs')))

    def _named(self, serial: str) -> str:
        """Of a certificate that the server has made, the request: each has a name of its own."""
        if serial not in self.names:
            pem = self.session.ask('GET', f'{MOUNT}/cert/{serial}')['certificate']
            certificate = x509.parse_certificate(pem)
            names = [one.value for one in certificate.names]
            self.names[serial] = f'certificate of {names or certificate.subject}'
        return self.names[serial]

    def look(self, world: World) -> object:
        """Keys and CAs of the mount, which of them sign, and what charm and parent know."""
        bags = [getattr(one, 'local_app_data', {}) for one in world.state.relations]
        known = memory.loads(next((bag[STATE] for bag in bags if STATE in bag), ''))
        latest, held = known.asked or known.current, requests_of_ca(world)
        default = self.session.ask('GET', f'{MOUNT}/config/issuers').get('default')
        issuers = [
            self.session.ask('GET', f'{MOUNT}/issuer/{one}')
            for one in self.session.keys(f'{MOUNT}/issuers')
        ]
        return (
            len(self.session.keys(f'{MOUNT}/keys')),
            sorted(
                (
                    one['usage'] if one['key_id'] else '',
                    one['issuer_id'] == default,
                    known.current is not None and one['issuer_id'] == known.current.issuer,
                )
                for one in issuers
            ),
            known.asked is not None,
            len(known.retired),
            len(held),
            latest is not None and latest.csr.strip() in held,
        )


def authorise(world: World) -> None:
    [admin] = [one for one in world.state.secrets if 'token' in one.tracked_content]
    world.act('authorize', **{'secret-id': admin.id})


class TestCrashes(Killed):
    variant = 'root'

    def story(self) -> Sequence[Step]:
        deployed, *others = super().story()
        return (
            deployed,
            Step('authorised', authorise),
            *others,
            Step('another root', lambda world: world.configure(ca_common_name='other')),
            Step('mount gone', lambda world: world.changed(kafka(world)), self._delete_mount),
        )

    def _delete_mount(self, world: World) -> None:
        self.session.ask('DELETE', f'sys/mounts/{MOUNT}')
        world.write(kafka(world), {0: requirers.bag(CSRS[0])})


class TestCrashesOfAnIntermediate(Killed):
    """By a parent that has a new root, and revokes; then by a person in its place."""

    variant = 'intermediate'

    def story(self) -> Sequence[Step]:
        return (
            Step('parent integrated', told, integrate),
            Step('signed', told, sign_by(PARENT)),
            Step('parent has a new root', told, sign_by(NEXT)),
            Step('CA revoked', told, revoke),
            Step('signed again', told, sign_by(NEXT)),
            Step('parent gone', lambda world: world.part(parent(world))),
            Step('another CA', renamed),
            Step('request shown', lambda world: world.act('get-ca-csr')),
            Step('certificate provided', self._provide, self._sign_by_hand),
        )

    def ready(self) -> testing.State:
        world = World(self.charm, super().ready())
        authorise(world)
        world.relate('kafka', {0: requirers.bag(CSRS[0])})
        return world.state

    def _sign_by_hand(self, world: World) -> None:
        csr = (world.context.action_results or {})['csr']
        self.signed = ca_certificate(PARENT, csr)

    def _provide(self, world: World) -> None:
        chain = {'certificate': self.signed.pem, 'ca-certificate': PARENT.certificate.pem}
        world.act('provide-ca-certificate', **chain)


def kafka(world: World) -> int:
    """A requirer of the story."""
    return next(one.id for one in related(world) if one.remote_app_name == 'kafka')


def parent(world: World) -> int:
    return next(one.id for one in related(world) if one.endpoint == 'parent')


def related(world: World) -> list[testing.Relation]:
    return [one for one in world.state.relations if isinstance(one, testing.Relation)]


def requests_of_ca(world: World) -> list[str]:
    """What the parent has of the charm."""
    bags = [one.local_app_data for one in related(world) if one.endpoint == 'parent']
    return [one.csr.strip() for bag in bags for one in wire.read_requests('', bag)[0]]


def integrate(world: World) -> None:
    relation = testing.Relation('parent', remote_app_name='above')
    relations = {*world.state.relations, relation}
    world.state = dataclasses.replace(world.state, relations=relations)


def told(world: World) -> None:
    world.changed(parent(world))


def renamed(world: World) -> None:
    world.configure(ca_common_name='other')


def ca_certificate(authority: pki.Authority, csr: str) -> x509.Certificate:
    start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=5)
    life = datetime.timedelta(days=365)
    return authority.sign(x509.parse_request(csr), is_ca=True, start=start, life=life)


def sign_by(authority: pki.Authority) -> Callable[[World], None]:
    """The parent answers all that is asked."""

    def sign(world: World) -> None:
        answer(world, authority, revoked=False)

    return sign


def revoke(world: World) -> None:
    answer(world, NEXT, revoked=True)


def answer(world: World, authority: pki.Authority, *, revoked: bool) -> None:
    root = authority.certificate.pem
    signed = {csr: ca_certificate(authority, csr).pem for csr in requests_of_ca(world)}
    entries = [
        {
            'certificate_signing_request': csr,
            'certificate': certificate,
            'ca': root,
            'chain': [certificate, root],
            'revoked': revoked,
        }
        for csr, certificate in signed.items()
    ]
    world.write(parent(world), app_bag={'certificates': json.dumps(entries)})


def test_the_server_is_put_back(session: rewind.Session) -> None:
    root = {'common_name': 'x', 'key_type': 'ec'}
    session.ask('POST', 'sys/mounts/there', {'type': 'pki'})
    session.ask('POST', 'there/root/generate/internal', root)
    issuers, keys = session.keys('there/issuers'), session.keys('there/keys')

    with session.kept() as restore:
        session.ask('POST', 'there/root/generate/internal', root)
        session.ask('DELETE', f'there/issuer/{issuers[0]}')
        session.ask('POST', 'sys/mounts/new', {'type': 'pki'})
        session.ask('POST', 'sys/policies/acl/new', {'policy': '# nothing'})
        restore()

    assert (session.keys('there/issuers'), session.keys('there/keys')) == (issuers, keys)
    assert 'new/' not in session.ask('GET', 'sys/mounts')
    assert 'new' not in session.keys('sys/policies/acl')
    session.ask('DELETE', 'sys/mounts/there')
