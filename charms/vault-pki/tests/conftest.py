from __future__ import annotations

import contextlib
import dataclasses
import datetime
import itertools
import json
import pathlib
import subprocess
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import pytest
from ops import testing

import memory
from access import Policy
from backends import openbao
from charm import CREDENTIALS, STATE, VaultPKICharm
from connection import Connection
from tls_provider import ledger, wire, x509
from tls_provider.testing import canaries, pki

Context = testing.Context[VaultPKICharm]
Config = dict[str, str | int | float | bool]
_NUMBERS = itertools.count(1)


@pytest.fixture(scope='session')
def bao(tmp_path_factory: pytest.TempPathFactory) -> Generator[openbao.OpenBao]:
    with openbao.openbao(tmp_path_factory.mktemp('bao')) as server:
        yield server


PUBLIC = {'mount', 'role-id'}
"""Keys of credentials whose values everybody may see."""


@contextlib.contextmanager
def watched(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, folder: pathlib.Path
) -> Generator[None]:
    """No secret of a state is seen, nor what any connection logs in with and gets for it."""
    log_in: Callable[[Connection], Any] = vars(Connection)['_log_in']
    with canaries.watched(monkeypatch, caplog, folder, public=PUBLIC) as watch:

        def noted(connection: Connection) -> Any:
            for key, value in connection.login.values.items():
                if key not in PUBLIC:
                    watch.hide(f'login: {key}', value)
            client = log_in(connection)
            watch.hide('token of a session', client.token)
            return client

        # Tokens of sessions are nowhere else.
        monkeypatch.setattr(Connection, '_log_in', noted)
        yield


@pytest.fixture(autouse=True)
def _canaries(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: pathlib.Path
) -> Generator[None]:
    """Whatever a test does with the charm."""
    with watched(monkeypatch, caplog, tmp_path):
        yield


@dataclasses.dataclass
class Bed:
    """The charm in Juju's hooks, on a mount of its own of a real server."""

    bao: openbao.OpenBao
    mount: str
    context: Context
    state: testing.State

    @property
    def policy(self) -> str:
        """The name of policy and AppRole that `authorize` makes."""
        options = {'role': 'charm', **self.state.config}
        return Policy(str(options['mount']), str(options['role']), True).name

    def configure(self, **options: str | float) -> None:
        changed: Config = {name.replace('_', '-'): value for name, value in options.items()}
        self.state = dataclasses.replace(self.state, config={**self.state.config, **changed})
        self.run('config_changed')

    def run(self, event: str = 'update_status') -> None:
        emit: Callable[[], Any] = getattr(self.context.on, event)
        self.state = self.context.run(emit(), self.state)

    def act(self, name: str, **params: object) -> dict[str, Any]:
        given = {key.replace('_', '-'): value for key, value in params.items()}
        self.state = self.context.run(self.context.on.action(name, params=given), self.state)
        return dict(self.context.action_results or {})

    def authorize(self) -> str:
        secret = testing.Secret({'token': self.bao.root_token})
        kept = self.state.secrets
        self.state = dataclasses.replace(self.state, secrets={*kept, secret})
        result = self.act('authorize', secret_id=secret.id)['result']
        left = {one for one in self.state.secrets if one.id != secret.id}
        self.state = dataclasses.replace(self.state, secrets=left)
        return result

    def ask(self, *csrs: str, app: str = 'kafka') -> int:
        """Relate a requirer with these requests, with the event."""
        relation = testing.Relation(
            'certificates', remote_app_name=app, remote_units_data={0: bag(*csrs)}
        )
        self.state = dataclasses.replace(self.state, relations={*self.state.relations, relation})
        self.changed(relation.id)
        return relation.id

    def changed(self, relation_id: int) -> None:
        relation = self.state.get_relation(relation_id)
        assert isinstance(relation, testing.Relation)
        self.state = self.context.run(
            self.context.on.relation_changed(relation, remote_unit=0), self.state
        )

    def write(self, relation_id: int, **changes: Any) -> None:
        """Change a relation, without the event."""
        old = self.state.get_relation(relation_id)
        new = dataclasses.replace(old, **changes)
        others = {one for one in self.state.relations if one.id != relation_id}
        self.state = dataclasses.replace(self.state, relations={*others, new})

    def answers(self, relation_id: int) -> wire.Answers:
        return wire.read_answers(self.state.get_relation(relation_id).local_app_data)

    def entry(self, relation_id: int) -> wire.Entry:
        answers = self.answers(relation_id)
        assert answers.refusals == ()
        [entry] = answers.entries
        return entry

    def refusal(self, relation_id: int) -> wire.Refusal:
        answers = self.answers(relation_id)
        assert answers.entries == ()
        [refusal] = answers.refusals
        return refusal

    @property
    def status(self) -> tuple[str, str]:
        return self.state.unit_status.name, self.state.unit_status.message

    @property
    def authority(self) -> dict[str, Any]:
        [peers] = self.state.get_relations('peers')
        assert isinstance(peers, testing.PeerRelation)
        return json.loads(peers.local_app_data[STATE])

    def credentials(self) -> dict[str, str]:
        [secret] = [one for one in self.state.secrets if one.label == CREDENTIALS]
        return dict(secret.latest_content or secret.tracked_content)

    def later(self) -> None:
        """Let the time be over that failed requests and revocations wait."""
        [peers] = self.state.get_relations('peers')
        assert isinstance(peers, testing.PeerRelation)
        book = ledger.loads(peers.local_app_data['ledger'])
        records = {key: _due(one) for key, one in book.records.items()}
        book = dataclasses.replace(
            book, records=records, to_revoke=tuple(map(_due, book.to_revoke))
        )
        bag = {**peers.local_app_data, 'ledger': ledger.dumps(book)}
        self.write(peers.id, local_app_data=bag)

    def replace_state(self, **changes: object) -> None:
        """Change what the charm remembers of its CA."""
        values = {**self.authority, **changes}
        values.pop(memory.DIGEST, None)
        self._remember(memory.sealed(values))

    def damage_state(self, **changes: object) -> None:
        """The same, as nobody who knows of the digest does."""
        self._remember(json.dumps({**self.authority, **changes}))

    def _remember(self, text: str) -> None:
        [peers] = self.state.get_relations('peers')
        assert isinstance(peers, testing.PeerRelation)
        self.write(peers.id, local_app_data={**peers.local_app_data, STATE: text})


_Waits = TypeVar('_Waits', ledger.Record, ledger.Revocation)


def _due(one: _Waits) -> _Waits:
    return one if one.retry_at == ledger.NEVER else dataclasses.replace(one, retry_at=0)


def openssl(*arguments: str, text: str) -> str:
    done = subprocess.run(
        ['openssl', *arguments], input=text, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def verified(bed: Bed, certificate: str, folder: pathlib.Path) -> str:
    """What openssl says of a leaf of a root, revocation checked."""
    crl = bed.bao.get(f'{bed.mount}/crl/pem').decode()
    bundle = folder / 'bundle.pem'
    bundle.write_text('\n'.join([*bed.authority['current']['chain'], crl]), encoding='ascii')
    return openssl('verify', '-crl_check', '-CAfile', str(bundle), text=certificate)


def bag(*csrs: str, is_ca: bool = False) -> dict[str, str]:
    requests = [{'certificate_signing_request': csr, 'ca': is_ca} for csr in csrs]
    return {'certificate_signing_requests': json.dumps(requests)}


@pytest.fixture
def bed(bao: openbao.OpenBao) -> Bed:
    """Not authorised yet, and without a parent."""
    mount = f'pki-{next(_NUMBERS)}'
    config: Config = {
        'vault-address': bao.address,
        'vault-ca-certificates': bao.certificate,
        'mount': mount,
    }
    state = testing.State(leader=True, config=config, relations={testing.PeerRelation('peers')})
    return Bed(bao, mount, testing.Context(VaultPKICharm), state)


@pytest.fixture
def rooted(bed: Bed) -> Bed:
    """Authorised, with a root in Vault."""
    bed.configure(ca_type='root')
    bed.authorize()
    return bed


def chain(entry: wire.Entry) -> list[x509.Certificate]:
    return [x509.parse_certificate(one) for one in entry.chain]


ROOT = pki.Authority.root('the parent')


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


def sign(
    csr: str, root: pki.Authority = ROOT, life: datetime.timedelta = datetime.timedelta(days=365)
) -> x509.Certificate:
    """A CA certificate that starts five minutes ago."""
    start = now() - datetime.timedelta(minutes=5)
    return root.sign(x509.parse_request(csr), is_ca=True, start=start, life=life)


def relate(bed: Bed) -> int:
    relation = testing.Relation('parent', remote_app_name='above')
    relations = {*bed.state.relations, relation}
    bed.state = dataclasses.replace(bed.state, relations=relations)
    bed.state = bed.context.run(bed.context.on.relation_created(relation), bed.state)
    return relation.id


def asked(bed: Bed, relation_id: int) -> list[str]:
    bag = bed.state.get_relation(relation_id).local_app_data
    found = json.loads(bag.get('certificate_signing_requests', '[]'))
    assert all(one['ca'] is True for one in found)
    return [one['certificate_signing_request'] for one in found]


def answer(bed: Bed, relation_id: int, csr: str, certificate: x509.Certificate, root: str) -> None:
    """Have the parent answer a request, beside what it has answered."""
    bag = bed.state.get_relation(relation_id)
    assert isinstance(bag, testing.Relation)
    before = wire.read_answers(bag.remote_app_data).entries
    entries = [dataclasses.asdict(one) for one in before if one.csr.strip() != csr.strip()]
    for one in entries:
        one['certificate_signing_request'] = one.pop('csr')
    entry = {
        'certificate_signing_request': csr,
        'certificate': certificate.pem,
        'ca': root,
        'chain': [certificate.pem, root],
        'revoked': False,
    }
    bed.write(relation_id, remote_app_data={'certificates': json.dumps([*entries, entry])})
    relation = bed.state.get_relation(relation_id)
    assert isinstance(relation, testing.Relation)
    bed.state = bed.context.run(bed.context.on.relation_changed(relation), bed.state)


def settled(bed: Bed) -> tuple[int, str]:
    """Have a parent sign; gives the relation and the request."""
    parent = relate(bed)
    bed.authorize()
    [csr] = asked(bed, parent)
    answer(bed, parent, csr, sign(csr), ROOT.certificate.pem)
    return parent, csr


def revoked(csr: str, certificate: x509.Certificate) -> dict[str, object]:
    """An entry of a parent's that has revoked what it gave for a request."""
    return {
        'certificate_signing_request': csr,
        'certificate': certificate.pem,
        'ca': ROOT.certificate.pem,
        'chain': [certificate.pem, ROOT.certificate.pem],
        'revoked': True,
    }


def prepare(bed: Bed) -> None:
    """A mount as somebody else would make it, with a root and one role."""
    bed.bao.call(
        'POST', f'sys/mounts/{bed.mount}', {'type': 'pki', 'config': {'max_lease_ttl': '87600h'}}
    )
    values = {'common_name': 'A root of others', 'key_type': 'ec', 'ttl': '8760h'}
    bed.bao.call('POST', f'{bed.mount}/root/generate/internal', values)
    role = {
        'allow_any_name': True,
        'key_type': 'any',
        'require_cn': False,
        'ttl': '2160h',
        'key_usage': ['DigitalSignature'],
    }
    bed.bao.call('POST', f'{bed.mount}/roles/charm', role)


CSR = pki.request('www.example.test', key='ecdsa-p256')
