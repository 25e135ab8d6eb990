"""The conformance kit on this charm, with a root in a real OpenBao."""

from __future__ import annotations

import itertools
from collections.abc import Generator
from typing import ClassVar

import pytest
from ops import testing

from backends import openbao
from charm import VaultPKICharm
from tls_provider.testing.features import Feature
from tls_provider.testing.kit import Conformance, Rotation
from tls_provider.testing.world import Config, World

_NUMBERS = itertools.count(1)


@pytest.fixture(scope='session')
def bao(tmp_path_factory: pytest.TempPathFactory) -> Generator[openbao.OpenBao]:
    with openbao.openbao(tmp_path_factory.mktemp('bao')) as server:
        yield server


class TestConformance(Conformance, Rotation):
    charm = VaultPKICharm
    clocks: ClassVar = ('tls_provider.provider._now', 'charm._now')
    server: ClassVar[openbao.OpenBao]
    unsupported: ClassVar = {
        Feature.EMAIL_SANS: 102,
        Feature.URI_SANS: 102,
        Feature.REGISTERED_ID_SANS: 102,
        Feature.OTHER_NAME_SANS: 102,
        Feature.ECDSA_P521: 999,
        Feature.ED25519: 999,
        Feature.ISSUE_CA: 999,
    }

    @pytest.fixture(autouse=True)
    def _server(self, bao: openbao.OpenBao) -> None:
        TestConformance.server = bao

    def ready(self) -> testing.State:
        config: Config = {
            'vault-address': self.server.address,
            'vault-ca-certificates': self.server.certificate,
            'mount': f'pki-{next(_NUMBERS)}',
            'ca-type': 'root',
        }
        secret = testing.Secret({'token': self.server.root_token})
        state = testing.State(
            leader=True,
            config=config,
            relations={testing.PeerRelation('peers')},
            secrets={secret},
        )
        world = World(self.charm, state)
        world.act('authorize', **{'secret-id': secret.id})
        left = {one for one in world.state.secrets if one.id != secret.id}
        return testing.State(
            leader=True,
            config=config,
            relations=world.state.relations,
            secrets=left,
        )
