"""The conformance kit on this charm."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import pytest
from ops import testing

from charm import SelfSignedCertificatesCharm
from tls_provider import wire, x509
from tls_provider.testing import pki, predecessors, requirers
from tls_provider.testing.features import Feature
from tls_provider.testing.kit import Allowed, Conformance, Rotation, Upgrades
from tls_provider.testing.world import World


class TestConformance(Conformance, Rotation, Upgrades):
    charm = SelfSignedCertificatesCharm
    clocks: ClassVar = ('tls_provider.provider._now', 'charm._now')
    predecessor = predecessors.SelfSigned
    signs: ClassVar = ('local_ca.create', 'certificate_profile.Signer.sign')
    unsupported: ClassVar = {Feature.OTHER_NAME_SANS: 102}
    optional: ClassVar = {
        Feature.ISSUE_CA: Allowed(999, {'allow-ca-requests': 'all'}),
        Feature.ECDSA_P521: Allowed(
            999, {'request-key-algorithms': 'rsa,ecdsa-p256,ecdsa-p384,ecdsa-p521,ed25519'}
        ),
        Feature.ED25519: Allowed(
            999, {'request-key-algorithms': 'rsa,ecdsa-p256,ecdsa-p384,ecdsa-p521,ed25519'}
        ),
    }

    @pytest.mark.parametrize(
        'options',
        [
            {},
            {'root_ca_validity': '200', 'certificate_validity': '100'},
            {
                'ca_common_name': 'The CA',
                'ca_organization': 'Example',
                'ca_organizational_unit': 'Unit',
                'ca_email_address': 'ca@example.org',
                'ca_country_name': 'DE',
                'ca_state_or_province_name': 'State',
                'ca_locality_name': 'Town',
                'root_ca_validity': '1000d',
            },
        ],
        ids=['defaults', 'bare days', 'all of the subject'],
    )
    def test_the_ca_of_the_charm_before_stays(self, options: dict[str, str]) -> None:
        """With its key, whatever its options were."""
        relation = testing.Relation('certificates', remote_units_data={0: BAG})
        left = self.left(relation, **options)
        [secret] = left.secrets

        world = self.refreshed(left)

        [kept] = world.state.secrets
        assert kept.id == secret.id
        assert contents(world).items() >= secret.tracked_content.items()
        assert world.answers(relation.id) == answers(left, relation)
        assert [one.fingerprint for one in world.trusted()] == [
            x509.fingerprint_of(secret.tracked_content['ca-certificate'])
        ]

    def test_the_ca_before_that_stays_in_trust_and_its_key_goes(self) -> None:
        """A rotation that the charm before has begun is ended."""
        relation = testing.Relation('certificates', remote_units_data={0: BAG})
        left = self.left(relation, event='config_changed')
        old = next(one for one in left.secrets if one.label == predecessors.EXPIRING)
        [revoked] = answers(left, relation).entries

        world = self.refreshed(left)

        new = contents(world)
        assert new['private-key'] != old.tracked_content['private-key']
        assert world.entry(relation.id).certificate != revoked.certificate
        assert world.entry(relation.id).ca == new['ca-certificate']
        assert {one.fingerprint for one in world.trusted()} == {
            x509.fingerprint_of(one['ca-certificate']) for one in (new, old.tracked_content)
        }

    @pytest.mark.parametrize('junk', [None, {}, {'private-key': 'junk'}, {'ca-certificate': ''}])
    def test_where_its_secret_holds_no_ca_no_other_is_made(
        self, junk: dict[str, str] | None
    ) -> None:
        """What is published stays, and so does the secret until somebody restores it."""
        relation = testing.Relation('certificates', remote_units_data={0: BAG})
        left = self.left(relation)
        [secret] = left.secrets
        damaged: list[testing.Secret] = []
        if junk is not None:
            good = secret.tracked_content if junk else {'other': 'text'}
            content = {key: one for key, one in {**good, **junk}.items() if one}
            damaged = [
                dataclasses.replace(secret, tracked_content=content, latest_content=content)
            ]

        world = self.refreshed(dataclasses.replace(left, secrets={*damaged}))

        assert isinstance(world.state.unit_status, testing.BlockedStatus)
        assert predecessors.ACTIVE in world.status
        assert world.answers(relation.id) == answers(left, relation)
        assert [*world.state.secrets] == damaged
        world.state = dataclasses.replace(world.state, secrets=left.secrets)
        world.run()
        assert isinstance(world.state.unit_status, testing.ActiveStatus)
        assert world.answers(relation.id) == answers(left, relation)


BAG = requirers.bag(pki.request('a.example', key='ecdsa-p256'))


def answers(state: testing.State, relation: testing.Relation) -> wire.Answers:
    return wire.read_answers(state.get_relation(relation.id).local_app_data)


def contents(world: World) -> dict[str, str]:
    """Of the only secret."""
    [secret] = world.state.secrets
    return dict(secret.latest_content or secret.tracked_content)
