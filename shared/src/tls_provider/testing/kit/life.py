"""Group F: a certificate through its life, until it ends, is revoked or nobody wants it any more.

Certificates of another time are put into our own databag, as an earlier pass has left them there:
no backend has to be told what time it is.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Mapping
from typing import ClassVar

import pytest

from tls_provider import wire, x509
from tls_provider.testing import pki, requirers
from tls_provider.testing.kit.base import Kit, honest_request
from tls_provider.testing.world import World

OTHER = pki.Authority.root('some other root')
_DAY = datetime.timedelta(days=1)


def left_behind(csr: str, days_before: int, life: int, *, is_ca: bool = False) -> dict[str, str]:
    """A databag of ours with a certificate of an authority that nobody knows.

    Args:
        csr: The request.
        days_before: How long it is in force.
        life: In days.
        is_ca: It is one of a CA.

    """
    start = datetime.datetime.now(datetime.timezone.utc) - days_before * _DAY
    request = x509.parse_request(csr)
    leaf = OTHER.sign(request, start=start, life=life * _DAY, is_ca=is_ca)
    chain = (leaf.pem, OTHER.anchor.pem)
    entry = wire.Entry(csr=csr, certificate=leaf.pem, ca=OTHER.anchor.pem, chain=chain)
    written = wire.write_answers(wire.Answers((entry,)))
    return {name: text for name, text in written.items() if text}


class LifeCycle(Kit):
    """Requests that stay while certificates go."""

    def _standing(self, world: World) -> tuple[str, int]:
        """A request that the charm has not seen yet, beside one that is served."""
        self.serve(world, self.honest(world, 'first'))
        csr = honest_request()
        return csr, world.relate(units={0: requirers.bag(csr)})

    @pytest.mark.parametrize(
        ('days_before', 'life', 'is_ca'),
        [(100, 90, False), (90, 91, False), (-30, 90, False), (1, 90, True)],
        ids=['ended', 'near its end', 'not yet', 'with rights of a CA'],
    )
    def test_a_certificate_that_does_not_serve_is_replaced_for_the_same_request(
        self, days_before: int, life: int, is_ca: bool, world: World
    ) -> None:
        """The requirer needs not ask again."""
        csr, relation = self._standing(world)
        world.write_own(relation, left_behind(csr, days_before, life, is_ca=is_ca))

        self.serve(world, relation)

        entry = world.entry(relation)
        assert entry.csr == csr
        assert entry.ca.strip() != OTHER.anchor.pem.strip()
        world.assert_settled()

    def test_a_certificate_of_another_request_is_replaced(self, world: World) -> None:
        """It has another key."""
        csr, relation = self._standing(world)
        other = pki.request('honest.example', key='ecdsa-p256/other')
        [wrong] = json.loads(left_behind(other, 1, 90)['certificates'])
        entries = json.dumps([{**wrong, 'certificate_signing_request': csr}])
        world.write_own(relation, {'certificates': entries})

        self.serve(world, relation)

        assert world.entry(relation).csr == csr
        world.assert_settled()

    def test_a_revoked_certificate_is_replaced_for_the_same_request(self, world: World) -> None:
        """By another one, and that one stays."""
        relation = self.honest(world)
        self.serve(world, relation)
        before = world.entry(relation)
        [row] = json.loads(world.act('list-certificates')['certificates'])

        world.act('revoke-certificate', id=row['id'])
        self.serve(world, relation)

        after = world.entry(relation)
        assert after.csr == before.csr
        assert after.certificate != before.certificate
        world.run()
        assert world.entry(relation) == after
        world.assert_settled()

    def test_a_unit_that_has_left_takes_its_certificate_along(self, world: World) -> None:
        """Its departure is the only event; the units that stay keep theirs."""
        csrs = [pki.request(f'unit-{number}.example') for number in range(3)]
        bags = {number: requirers.bag(csr) for number, csr in enumerate(csrs)}
        relation = world.relate(units={0: bags[0]})
        self.serve(world, relation)
        first = world.entry(relation)
        world.write(relation, bags)
        self.serve(world, relation)
        assert len(world.answers(relation).entries) == len(csrs)

        for left in ({0: bags[0], 1: bags[1]}, {0: bags[0]}):
            world.write(relation, left)
            departed = world.context.on.relation_departed(
                world.relation(relation), remote_unit=len(left), departing_unit=len(left)
            )
            world.state = world.context.run(departed, world.state)
            assert len(world.answers(relation).entries) == len(left)

        assert world.entry(relation) == first
        world.assert_settled()

    def test_an_option_that_changes_an_answer_changes_it_in_that_hook(self, world: World) -> None:
        """What is refused is served, and what is issued stays."""
        csrs = [pki.request(f'n{number}.example') for number in range(3)]
        world.configure(certificate_limit=2)
        relation = world.relate(units={0: requirers.bag(*csrs)})
        self.serve(world, relation)
        before = world.answers(relation)
        assert (len(before.entries), len(before.refusals)) == (2, 1)

        world.configure(certificate_limit=-1)
        self.settle(world)

        after = world.answers(relation)
        assert {entry.csr for entry in after.entries} == set(csrs)
        assert set(before.entries) <= set(after.entries)
        world.assert_settled()

    def test_a_request_that_waits_outlives_its_leader(self, world: World) -> None:
        """The next one answers it, and nothing twice."""
        relation = self.honest(world)
        world.lead(False)
        world.changed(relation)
        assert not world.answers(relation).entries
        other = self.world_type(self.charm, dataclasses.replace(world.state, leader=False))

        other.lead(True)
        self.settle(other)

        entry = other.entry(relation)
        other.run()
        assert other.entry(relation) == entry
        other.assert_settled()


class Rotation(Kit):
    """For charms that have an authority of their own, which an option replaces."""

    rotations: ClassVar[tuple[Mapping[str, str | float], ...]] = (
        {'ca_common_name': 'The next one'},
        {'ca_common_name': 'The one after that'},
    )
    """Options, each set of which makes another authority."""

    def test_another_authority_replaces_every_certificate_and_costs_no_trust(
        self, world: World
    ) -> None:
        """Twice in a row: whoever has the certificates of before is trusted meanwhile."""
        relations = [self.honest(world, app) for app in ('a', 'b')]
        self.serve(world, relations[0])
        roots = [anchor.fingerprint for anchor in world.trusted()]
        assert len(roots) == 1
        for number, options in enumerate(self.rotations, start=2):
            before = [world.entry(relation) for relation in relations]

            world.configure(**options)

            after = [world.entry(relation) for relation in relations]
            assert [entry.csr for entry in after] == [entry.csr for entry in before]
            assert len({entry.ca for entry in (*before, *after)}) == 2
            trusted = {anchor.fingerprint for anchor in world.trusted()}
            assert len(trusted) == number
            assert {x509.fingerprint_of(entry.ca) for entry in (*before, *after)} <= trusted
            world.run()  # a key that is replaced goes a hook later
            assert [world.entry(relation) for relation in relations] == after
            world.assert_settled()
