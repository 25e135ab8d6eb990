"""Group F: a charm that is refreshed in the place of Canonical's charm of the same name.

What that one has issued stays, its authority goes on. Only charms that have one are in this group.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import pytest
from ops import testing

from tls_provider import wire, x509
from tls_provider.testing import pki, predecessors, requirers
from tls_provider.testing._crash_points import Points, lines, watched
from tls_provider.testing.features import Promise
from tls_provider.testing.kit.base import Kit, Record
from tls_provider.testing.world import World

EVENTS = ('upgrade_charm', 'config_changed', 'start', 'update_status')
"""As Juju sends them after a refresh, and then."""
_ANSWERED = [name for name, one in requirers.GENERATIONS.items() if one.writes_ca]
"""Generations of requirers that the charm before answers: its library wants the field `ca`."""
_REVISIONS = 3
"""Old revisions of secrets that the charm before may leave; one goes in each hook."""
_A = pki.request('a.example', common_name='a.example', key='rsa-2048')
_B = pki.request('b.example', common_name='b.example', key='ecdsa-p256')
_C = pki.request('c.example', common_name='c.example', key='ecdsa-p384')
_ENDED = pki.request(predecessors.ENDED, key='ecdsa-p256/ended')
_DENIED = pki.request(predecessors.DENIED, key='ecdsa-p256/denied')


class Upgrades(Kit):
    """A state that the charm before has left."""

    predecessor: ClassVar[type[predecessors.Predecessor]]
    signs: ClassVar[Sequence[str]]
    """Dotted names of functions that sign, order, or ask for it."""

    def left(self, *relations: testing.Relation, event: str = '', **options: str) -> testing.State:
        """The state after the charm before has served these relations, and had an event then."""
        ready, before = self.ready(), self.predecessor
        context = before.context()
        config = {name: one for name, one in ready.config.items() if name in before.options}
        state = testing.State(
            leader=True,
            config={**config, **{name.replace('_', '-'): one for name, one in options.items()}},
            relations={
                *relations,
                testing.Relation(before.trust, remote_app_data={'version': '1'}),
                *(testing.Relation(endpoint) for endpoint in before.requires),
            },
            secrets={one for one in ready.secrets if one.owner is None},
        )
        for relation in relations:
            changed = context.on.relation_changed(state.get_relation(relation.id))
            state = context.run(changed, state)
        if event:
            state = context.run(getattr(context.on, event)(), state)
        return dataclasses.replace(state, resources=ready.resources)

    def refreshed(self, state: testing.State) -> World:
        """The charm in such a state, with the events of a refresh.

        At the first one Juju has not made the peer relation. Options that the charm before lacks
        are set at last: until then nothing is issued.
        """
        world = self.world_type(self.charm, state)
        before = _published(world.state)
        world.run('upgrade_charm')
        assert _published(world.state) == before
        peers = testing.PeerRelation('peers')
        world.state = dataclasses.replace(world.state, relations={*world.state.relations, peers})
        for event in EVENTS:
            world.run(event)
        more = {name: one for name, one in self.ready().config.items() if name not in state.config}
        if more:
            assert isinstance(world.state.unit_status, testing.BlockedStatus)
            assert _certificates(world.state) <= _certificates(state)
            world.configure(**more)
        for relation in world.state.get_relations('certificates'):
            world.changed(relation.id)
        return world

    @pytest.fixture
    def notes(self, tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
        """A file with a line for everything that is signed."""
        file = tmp_path / 'signed'
        with watched(Points(), (), self.signs, file):
            yield file

    def test_what_is_published_stays(self, notes: pathlib.Path, record_property: Record) -> None:
        """Certificates of several relations, units and applications, with their chains."""
        left = self.left(
            _relation('kafka', requirers.bag(_A, _B)),
            _relation('mysql', requirers.bag(), app_bag=requirers.bag(_C)),
        )
        assert [len(one) for one in _entries(left).values()] == [2, 1]

        world = self.refreshed(left)

        assert _entries(world.state) == _entries(left)
        assert lines(notes) == []
        assert isinstance(world.state.unit_status, testing.ActiveStatus)
        assert world.status.startswith('3/3 issued')
        self.assert_steady(world)
        self.prove(record_property, Promise.UPGRADE, 'kept')

    @pytest.mark.parametrize('generation', _ANSWERED)
    def test_a_request_that_the_library_spelled_otherwise_keeps_its_certificate(
        self, generation: str, notes: pathlib.Path
    ) -> None:
        """And gets its own text back, by which older requirers know it."""
        left = self.left(_relation('kafka', requirers.bag(_A, generation=generation)))
        [before] = _entries(left).values()

        world = self.refreshed(left)

        [after] = _entries(world.state).values()
        sent = requirers.GENERATIONS[generation].dress(_A)
        assert after == [dataclasses.replace(before[0], csr=sent)]
        assert lines(notes) == []
        self.assert_steady(world)

    def test_what_was_revoked_is_issued_again(self) -> None:
        """As the charm before would have done in its next hook."""
        relation = _relation('kafka', requirers.bag(_A, _B))
        left = self.left(relation, event='config_changed')
        [revoked] = _entries(left).values()
        assert [one.revoked for one in revoked] == [True, True]

        world = self.refreshed(left)
        self.settle(world)

        after = world.answers(relation.id).entries
        assert [one.csr for one in after] == [one.csr for one in revoked]
        assert not [one for one in after if one.revoked]
        assert not {one.certificate for one in after} & {one.certificate for one in revoked}
        self.assert_steady(world)

    def test_what_has_ended_is_issued_again_and_nothing_else(self) -> None:
        """Under its own request."""
        relation = _relation('kafka', requirers.bag(_A, _ENDED))
        left = self.left(relation)
        [before] = _entries(left).values()

        world = self.refreshed(left)
        self.settle(world)

        after = {one.csr: one for one in world.answers(relation.id).entries}
        assert set(after) == {_A, _ENDED}
        assert after[_A] in before
        world.assert_certificate(after[_ENDED], is_ca=False)
        self.assert_steady(world)

    def test_what_was_denied_is_judged_anew(self) -> None:
        """By the rules and the authority of today; errors of requests that have left go."""
        relation = _relation('kafka', requirers.bag(_DENIED))
        other = _relation('mysql', requirers.bag(_DENIED))
        left = self.left(relation, other)
        assert [len(one.refusals) for one in _answers(left).values()] == [1, 1]
        left = _written(left, other.id, requirers.bag())

        world = self.refreshed(left)
        self.settle(world)

        world.assert_certificate(world.entry(relation.id), is_ca=False)
        assert world.answers(other.id) == wire.Answers()
        self.assert_steady(world)

    def test_certificates_of_requests_that_have_left_go(self) -> None:
        """The charm before may not have seen it."""
        relation = _relation('kafka', requirers.bag(_A, _B))
        left = _written(self.left(relation), relation.id, requirers.bag(_B))

        world = self.refreshed(left)

        assert [one.csr for one in world.answers(relation.id).entries] == [_B]
        self.assert_steady(world)

    def test_a_later_request_is_served_by_the_same_authority(self) -> None:
        """So that clients which trust it have nothing to do."""
        relation = _relation('kafka', requirers.bag(_A))
        world = self.refreshed(self.left(relation))
        trusted = world.trusted()
        before = world.entry(relation.id)

        late = self.honest(world)
        self.serve(world, late)

        entry = world.entry(late)
        world.assert_certificate(entry, is_ca=False)
        assert world.entry(relation.id) == before
        self.assert_same_authority(world, entry, before)
        assert x509.fingerprint_of(before.ca) in {one.fingerprint for one in trusted}
        self.assert_steady(world)

    def assert_same_authority(self, world: World, new: wire.Entry, old: wire.Entry) -> None:
        """A new certificate is of the authority of one from before."""
        del world
        assert x509.fingerprint_of(new.ca) == x509.fingerprint_of(old.ca)

    def test_units_that_do_not_lead_touch_nothing(self) -> None:
        """Whatever the charm before has left to them."""
        left = self.left(_relation('kafka', requirers.bag(_A)))
        peers = testing.PeerRelation('peers')
        state = dataclasses.replace(left, leader=False, relations={*left.relations, peers})
        world = self.world_type(self.charm, state)
        before = world.state

        for event in EVENTS:
            world.run(event)

        assert world.state.relations == before.relations
        assert world.state.secrets == before.secrets
        assert isinstance(world.state.unit_status, testing.ActiveStatus)

    def assert_steady(self, world: World) -> None:
        """Every requirer reads what is published, and another event changes nothing."""
        for relation in world.state.get_relations('certificates'):
            requirers.assert_every_generation_reads(world.relation(relation.id).local_app_data)
        for _ in range(_REVISIONS):
            world.run()
        before = world.state

        world.run()

        assert (world.state.relations, world.state.secrets) == (before.relations, before.secrets)


def _relation(
    app: str, bag: Mapping[str, str], app_bag: Mapping[str, str] | None = None
) -> testing.Relation:
    return testing.Relation(
        'certificates',
        remote_app_name=app,
        remote_units_data={0: dict(bag)},
        remote_app_data=dict(app_bag or {}),
    )


def _written(state: testing.State, relation_id: int, bag: Mapping[str, str]) -> testing.State:
    """With another databag of unit 0, of which the charm before had no event."""
    old = state.get_relation(relation_id)
    assert isinstance(old, testing.Relation)
    new = dataclasses.replace(old, remote_units_data={0: dict(bag)})
    return dataclasses.replace(state, relations={*state.relations} - {old} | {new})


def _published(state: testing.State) -> dict[int, dict[str, str]]:
    """What others see of this application, as it is written."""
    return {
        one.id: dict(one.local_app_data)
        for one in state.relations
        if isinstance(one, testing.Relation)
    }


def _answers(state: testing.State) -> dict[int, wire.Answers]:
    return {
        one.id: wire.read_answers(_published(state)[one.id])
        for one in state.get_relations('certificates')
    }


def _certificates(state: testing.State) -> set[str]:
    return {entry.certificate for one in _answers(state).values() for entry in one.entries}


def _entries(state: testing.State) -> dict[int, list[wire.Entry]]:
    """Published certificates by relation, in the order of their requests."""
    return {
        number: sorted(one.entries, key=lambda entry: entry.csr)
        for number, one in sorted(_answers(state).items())
    }
