"""Group H: an event that comes again changes nothing, and the order of events does not matter."""

from __future__ import annotations

import dataclasses
import functools

import hypothesis
import pytest
from hypothesis import strategies as st
from ops import testing

from tls_provider.testing import pki, requirers
from tls_provider.testing.kit.base import Kit
from tls_provider.testing.world import World

EVENTS = (
    'start',
    'config_changed',
    'update_status',
    'upgrade_charm',
    'leader_elected',
)
_NAMES = ('a.example', 'b.example', 'not valid', 'c.example')


@functools.cache
def _bags() -> tuple[dict[str, str], ...]:
    """The databags among which a unit changes: none, one request, two, a bad one, junk."""
    one, two, bad, three = (pki.request(name) for name in _NAMES)
    return (
        {},
        requirers.bag(one),
        requirers.bag(two, three),
        requirers.bag(bad),
        requirers.bag(one, bad, three),
        {'certificate_signing_requests': 'junk'},
    )


_UNITS = st.integers(0, 2)
_STEPS = st.one_of(
    st.tuples(st.just('write'), st.integers(0, 1), _UNITS, st.integers(0, 5)),
    st.tuples(st.just('leave'), st.integers(0, 1), _UNITS),
    st.tuples(st.just('changed'), st.integers(0, 1)),
    st.tuples(st.just('event'), st.sampled_from(EVENTS)),
    st.tuples(st.just('lead'), st.booleans()),
)
Step = tuple[object, ...]
_SETTINGS = hypothesis.settings(
    max_examples=15,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)


class IdempotenceAndOrder(Kit):
    """The state of the world decides, not the way to it."""

    @pytest.mark.parametrize('event', EVENTS)
    def test_no_event_changes_a_settled_world(self, event: str, world: World) -> None:
        """Whatever comes twice is done once."""
        self._settle_with_everything(world)
        before = world.state

        world.run(event)

        assert world.state.relations == before.relations
        assert world.state.secrets == before.secrets
        assert world.state.unit_status == before.unit_status

    def test_a_relation_event_that_comes_again_changes_nothing(self, world: World) -> None:
        """Also where it comes for a unit that has left."""
        relation = self._settle_with_everything(world)
        before = world.state
        remote = world.relation(relation)
        on = world.context.on
        for event in (
            on.relation_created(remote),
            on.relation_changed(remote),
            on.relation_changed(remote, remote_unit=0),
            on.relation_departed(remote, remote_unit=0, departing_unit=9),
        ):
            after = world.context.run(event, world.state)

            assert after.relations == before.relations

    def test_each_event_alone_is_enough(self, world: World) -> None:
        """A requirer is served by whatever comes first, not by its own event alone."""
        for number, event in enumerate(EVENTS):
            csr = pki.request(f'n{number}.example')
            relation = world.relate(f'app-{event.replace("_", "-")}', {0: requirers.bag(csr)})

            world.run(event)
            self.settle(world)

            assert world.entry(relation)
        world.assert_settled()

    def test_a_follower_writes_nothing(self, world: World) -> None:
        """It stands by, and says so."""
        self._settle_with_everything(world)
        world.relate('late', {0: requirers.bag(pki.request('late.example'))})
        before = world.state
        world.lead(False)

        for event in EVENTS[:-1]:
            world.run(event)

        assert world.state.relations == before.relations
        assert world.state.secrets == before.secrets
        assert isinstance(world.state.unit_status, testing.ActiveStatus)

    def test_the_next_leader_goes_on_with_the_same_authority(self, world: World) -> None:
        """From the databags, the ledger and the secrets alone."""
        relation = self._settle_with_everything(world)
        before = world.answers(relation)
        anchors = world.trusted()
        late = world.relate('late', {0: requirers.bag(pki.request('late.example'))})
        other = self.world_type(self.charm, dataclasses.replace(world.state, leader=False))

        other.lead(True)
        self.settle(other)

        assert other.answers(relation) == before
        assert other.entry(late)
        assert other.trusted() == anchors
        other.assert_settled()

    def test_the_order_of_events_does_not_change_the_end(self) -> None:
        """The same databags come to the same answers, whatever happened before."""

        # A function for each charm: Hypothesis takes one that several classes share for a mistake.
        @_SETTINGS
        @hypothesis.given(st.lists(_STEPS, min_size=2, max_size=8))
        def check(steps: list[Step]) -> None:
            self._go_any_way(steps)

        check()

    def _go_any_way(self, steps: list[Step]) -> None:
        world = self.world_type(self.charm, self.ready())
        relations = [world.relate('one'), world.relate('two')]
        for step in steps:
            _take(world, relations, step)
        world.lead(True)
        self.settle(world)
        fresh = self.world_type(self.charm, self.ready())
        again = [
            fresh.relate(app, world.relation(relation).remote_units_data)
            for app, relation in zip(('one', 'two'), relations, strict=True)
        ]
        fresh.run()
        self.settle(fresh)

        for relation, other in zip(relations, again, strict=True):
            assert _outcome(world, relation) == _outcome(fresh, other)
        assert world.state.unit_status == fresh.state.unit_status
        world.assert_settled()

    def _settle_with_everything(self, world: World) -> int:
        """Requests of every fate."""
        relation = world.relate(
            units={number: bag for number, bag in enumerate(_bags()) if number},
            app_bag=requirers.bag(pki.request('app.example')),
        )
        self.serve(world, relation)
        world.assert_settled()
        return relation


def _take(world: World, relations: list[int], step: Step) -> None:
    match step:
        case ('write', int(which), int(unit), int(bag)):
            units = dict(world.relation(relations[which]).remote_units_data)
            world.write(relations[which], {**units, unit: _bags()[bag]})
        case ('leave', int(which), int(unit)):
            units = dict(world.relation(relations[which]).remote_units_data)
            units.pop(unit, None)
            world.write(relations[which], units)
        case ('changed', int(which)):
            world.changed(relations[which])
        case ('event', str(event)):
            if event != 'leader_elected' or world.state.leader:
                world.run(event)
        case ('lead', bool(leader)):
            world.lead(leader)
        case _:
            raise ValueError(step)


def _outcome(world: World, relation: int) -> dict[str, int]:
    """What each request came to: 0 for a certificate, else the code."""
    answers = world.answers(relation)
    refused = {refusal.csr: refusal.code for refusal in answers.refusals}
    return {entry.csr: 0 for entry in answers.entries} | refused
