"""A CA that signs, and the charm under ops.testing with a provider that says what a test wants."""

from __future__ import annotations

import dataclasses
import datetime
import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import ops.testing
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from charm import RequirerCharm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

HOUR = datetime.timedelta(hours=1)
LIFE = (-HOUR, 100 * HOUR)


class Authority:
    """A private CA: a root and an issuer below it."""

    def __init__(self) -> None:
        self.now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        self._root_key = ec.generate_private_key(ec.SECP256R1())
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._root_name, self._name = _common_name('Test Root'), _common_name('Test Issuer')
        self.root = self._ca(self._root_name, self._root_key.public_key())
        self.issuer = self._ca(self._name, self._key.public_key())

    def issue(
        self,
        csr_pem: str,
        *,
        is_ca: bool = False,
        life: tuple[datetime.timedelta, datetime.timedelta] = LIFE,
    ) -> str:
        """A certificate with the names of a CSR, its life relative to now."""
        csr = x509.load_pem_x509_csr(csr_pem.encode())
        builder = self._builder(csr.subject, self._name, csr.public_key(), life, is_ca=is_ca)
        for extension in csr.extensions:
            builder = builder.add_extension(extension.value, extension.critical)
        return _pem(builder.sign(self._key, hashes.SHA256()))

    def answer(
        self, csr_pem: str, *, is_ca: bool = False, life: Any = LIFE, **changes: object
    ) -> dict[str, object]:
        """An entry of the provider's `certificates`."""
        leaf = self.issue(csr_pem, is_ca=is_ca, life=life)
        entry: dict[str, object] = {
            'certificate_signing_request': csr_pem,
            'certificate': leaf,
            'ca': self.root,
            'chain': [leaf, self.issuer, self.root],
            'revoked': False,
        }
        return {**entry, **changes}

    def denial(self, csr: str, code: int = 101, message: str = 'no IP addresses') -> object:
        """An entry of the provider's `request_errors`."""
        error = {'code': code, 'name': 'ip_not_allowed', 'message': message}
        return {'csr': csr, 'certificate_signing_request': csr, 'error': error}

    def _ca(self, name: x509.Name, key: CertificatePublicKeyTypes) -> str:
        life = (-1000 * HOUR, 1000 * HOUR)
        builder = self._builder(name, self._root_name, key, life, is_ca=True)
        return _pem(builder.sign(self._root_key, hashes.SHA256()))

    def _builder(
        self,
        subject: x509.Name,
        issuer: x509.Name,
        key: CertificatePublicKeyTypes,
        life: tuple[datetime.timedelta, datetime.timedelta],
        *,
        is_ca: bool,
    ) -> x509.CertificateBuilder:
        return x509.CertificateBuilder(
            issuer_name=issuer,
            subject_name=subject,
            public_key=key,
            serial_number=x509.random_serial_number(),
            not_valid_before=self.now + life[0],
            not_valid_after=self.now + life[1],
        ).add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)


class Bench:
    """One unit of the charm, `web/N` in the model `demo`, related to a provider."""

    def __init__(
        self, config: Mapping[str, Any], *, leader: bool, unit: int, address: str, related: bool
    ):
        self.context = ops.testing.Context(RequirerCharm, app_name='web', unit_id=unit)
        self.relation_id = 7
        relation = ops.testing.Relation('certificates', remote_app_name='ca', id=7)
        network = ops.testing.Network(
            'certificates', bind_addresses=[], ingress_addresses=[address]
        )
        self.state = ops.testing.State(
            leader=leader,
            config=dict(config),
            relations={relation} if related else frozenset(),
            networks={network},
            model=ops.testing.Model('demo'),
        )
        if related:
            self.run(self.context.on.relation_created(relation))
        else:
            self.run(self.context.on.start())

    def run(self, event: Any) -> None:
        self.state = self.context.run(event, self.state)

    @property
    def relation(self) -> ops.testing.Relation:
        relation = self.state.get_relation(self.relation_id)
        assert isinstance(relation, ops.testing.Relation)
        return relation

    def relate_second(self) -> None:
        """Relate it to another provider as well, the one that all is about from now on."""
        self.relation_id = 8
        relation = ops.testing.Relation(
            'other-certificates', remote_app_name='other', id=self.relation_id
        )
        relations = {*self.state.relations, relation}
        self.state = dataclasses.replace(self.state, relations=relations)
        self.run(self.context.on.relation_created(relation))

    @property
    def status(self) -> object:
        """Compare it with a status of ops."""
        return self.state.unit_status

    def lead(self) -> None:
        self.state = dataclasses.replace(self.state, leader=True)
        self.run(self.context.on.leader_elected())

    def configure(self, config: Mapping[str, Any]) -> None:
        self.state = dataclasses.replace(self.state, config={**self.state.config, **config})
        self.run(self.context.on.config_changed())

    def entries(self, bag: str = 'unit') -> list[dict[str, Any]]:
        """The requests in a databag of the charm."""
        data = self.relation.local_app_data if bag == 'app' else self.relation.local_unit_data
        return json.loads(data.get('certificate_signing_requests', '[]'))

    def pems(self, bag: str = 'unit') -> list[str]:
        return [entry['certificate_signing_request'] for entry in self.entries(bag)]

    def csrs(self, bag: str = 'unit') -> list[x509.CertificateSigningRequest]:
        return [x509.load_pem_x509_csr(pem.encode()) for pem in self.pems(bag)]

    def provide(self, certificates: Sequence[object] = (), errors: Sequence[object] = ()) -> None:
        """Put answers into the provider's databag."""
        data = {
            'certificates': json.dumps(list(certificates)),
            'request_errors': json.dumps(list(errors)),
        }
        relation = dataclasses.replace(self.relation, remote_app_data=data)
        relations = {*(self.state.relations - {self.relation}), relation}
        self.state = dataclasses.replace(self.state, relations=relations)
        self.run(self.context.on.relation_changed(relation))

    def act(self, name: str, params: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
        """The results of an action."""
        self.run(self.context.on.action(name, params=dict(params)))
        return dict(self.context.action_results or {})

    def failure(self, name: str, params: Mapping[str, Any] = MappingProxyType({})) -> str:
        """The message of an action that has to fail."""
        with pytest.raises(ops.testing.ActionFailed) as caught:
            self.act(name, params)
        return caught.value.message


class Deploy(Protocol):
    """Deploy one unit of the charm."""

    def __call__(
        self,
        config: Mapping[str, Any] = ...,
        *,
        leader: bool = ...,
        unit: int = ...,
        address: str = ...,
        related: bool = ...,
    ) -> Bench: ...


@pytest.fixture(scope='session')
def authority() -> Authority:
    return Authority()


@pytest.fixture
def deploy() -> Deploy:
    def deploy(
        config: Mapping[str, Any] = MappingProxyType({}),
        *,
        leader: bool = True,
        unit: int = 0,
        address: str = '192.0.2.10',
        related: bool = True,
    ) -> Bench:
        # RSA keys take long to make; they have a test of their own
        quick = {'key-algorithm': 'ecdsa-p256', **config}
        return Bench(quick, leader=leader, unit=unit, address=address, related=related)

    return deploy


def _common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode().strip()
