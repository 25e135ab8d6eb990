"""Group K: many requests are a matter of many requests, not of their square."""

from __future__ import annotations

from typing import ClassVar

import pytest
from ops import testing

from tls_provider.testing import pki, requirers
from tls_provider.testing.kit.base import Kit
from tls_provider.testing.world import World


class Scale(Kit):
    """Times are shown by the benchmarks; here are counts."""

    many: ClassVar[int] = 90
    """Requests; fewer where each takes its time."""

    @pytest.mark.parametrize('relations', [1, 10])
    def test_many_requests_are_served_and_then_left_alone(
        self, relations: int, world: World
    ) -> None:
        """In one hook, whether one requirer has them or many."""
        each = self.many // relations
        csrs = [
            pki.request(f'n{number}.example', key=f'ecdsa-p256/{number % 5}')
            for number in range(relations * each)
        ]
        ids = [
            world.relate(
                f'app-{place}', {0: requirers.bag(*csrs[place * each : (place + 1) * each])}
            )
            for place in range(relations)
        ]

        self.serve(world, ids[0])
        for _ in range(self.many):
            if self._missing(world, ids, each) == 0:
                break
            world.run()  # what had no turn in the hook before
            self.settle(world)

        assert self._missing(world, ids, each) == 0
        assert isinstance(world.state.unit_status, testing.ActiveStatus)
        assert f'{len(csrs)}/{len(csrs)} issued' in world.status
        world.assert_settled()
        before = [world.answers(one) for one in ids]
        world.write(ids[0], {0: requirers.bag(*csrs[1:each])})
        self.serve(world, ids[0])
        assert [world.answers(one) for one in ids[1:]] == before[1:]
        first = {one.csr for one in world.answers(ids[0]).entries}
        assert first == {one.csr for one in before[0].entries} - {csrs[0]}

    def _missing(self, world: World, ids: list[int], each: int) -> int:
        return sum(each - len(world.answers(one).entries) for one in ids)
