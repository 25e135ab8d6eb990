"""Group D: nothing that a requirer writes ends a hook, is repeated unescaped, or hurts another."""

from __future__ import annotations

import pytest

from tls_provider.testing import requirers
from tls_provider.testing.hostile_input import ATTACKS, ISSUED, NAMED, SILENT, Attack
from tls_provider.testing.kit.base import Kit, honest_request
from tls_provider.testing.world import World


class HostileInput(Kit):
    """Requirers that are broken or evil."""

    @pytest.mark.parametrize('attack', ATTACKS, ids=lambda attack: attack.name)
    def test_hostile_input_harms_nobody(self, attack: Attack, world: World) -> None:
        """The honest requirer is served in the hook that meets it first."""
        relation = world.relate('evil', {0: attack.bag()})
        honest = self.honest(world)

        self.serve(world, relation)

        assert world.entry(honest)
        world.assert_settled()
        answers = world.answers(relation)
        codes = [refusal.code for refusal in answers.refusals]
        shown = world.status + ''.join(log.message for log in world.context.juju_log)
        if attack.outcome == ISSUED:
            assert (len(answers.entries), codes) == (1, [])
        elif attack.outcome in {NAMED, SILENT}:
            assert (len(answers.entries), codes) == (0, [])
            assert ('evil/0' in world.status) is (attack.outcome == NAMED)
        else:
            assert (len(answers.entries), codes) == (0, [attack.outcome])
            assert 'evil/0' in world.status
        assert all(character.isprintable() or character == '\n' for character in shown)
        assert len(world.status) <= 200

    @pytest.mark.parametrize('attack', ATTACKS, ids=lambda attack: attack.name)
    def test_what_was_issued_survives_a_neighbour_in_the_same_relation(
        self, attack: Attack, world: World
    ) -> None:
        """Another unit of the same application turns hostile."""
        relation = world.relate(units={1: requirers.bag(honest_request())})
        self.serve(world, relation)
        [before] = world.answers(relation).entries

        world.write(relation, {0: attack.bag(), 1: requirers.bag(honest_request())})
        self.serve(world, relation)

        assert before in world.answers(relation).entries
        world.assert_settled()
        world.write(relation, {1: requirers.bag(honest_request())})
        self.serve(world, relation)
        assert world.entry(relation) == before
        assert 'kafka/0' not in world.status
        world.assert_settled()

    def test_a_requirer_that_mends_itself_is_served_at_once(self, world: World) -> None:
        """Nothing of a refusal lasts longer than its reason."""
        hostile = next(attack for attack in ATTACKS if attack.name == 'blank in a name')
        relation = world.relate(units={0: hostile.bag()})
        self.serve(world, relation)
        assert world.refusal(relation)

        world.write(relation, {0: requirers.bag(honest_request())})
        self.serve(world, relation)

        assert world.entry(relation)
        world.assert_settled()

    def test_junk_in_our_own_databag_is_replaced(self, world: World) -> None:
        """Whatever an earlier version or a crash has left there."""
        relation = world.relate(units={0: requirers.bag(honest_request())})
        for junk in ('junk', '{}', '[{}]', '[{"certificate": ""}]', '[null]'):
            bag = {'certificates': junk, 'request_errors': junk, 'capabilities': junk}
            world.write_own(relation, bag)

            self.serve(world, relation)

            assert world.entry(relation)
            world.assert_settled()
