"""Group G: what fails in Juju or on the machine costs nobody what is published.

Processes that are killed have a group of their own, `kit.crashes`.
"""

from __future__ import annotations

import dataclasses
import datetime
import importlib
from typing import Any, ClassVar

import ops
import pytest
from ops import testing

from tls_provider.testing.kit.base import Kit
from tls_provider.testing.world import World

# Scenario has no seam at its hook tools.
_TOOLS: Any = getattr(importlib.import_module('scenario.mocking'), '_MockModelBackend')  # noqa: B009


def _denied(*_: object, **__: object) -> None:
    raise ops.ModelError('ERROR permission denied')


def _not_leading_any_more(*_: object, **__: object) -> None:
    raise ops.ModelError('ERROR cannot write relation settings')


class Faults(Kit):
    """Secrets that are gone, leaders that change, clocks that are wrong."""

    clocks: ClassVar[tuple[str, ...]] = ('tls_provider.provider._now',)
    """Dotted names of functions that give the present."""

    def _served(self, world: World) -> int:
        relation = self.honest(world)
        self.serve(world, relation)
        assert world.entry(relation)
        return relation

    def test_a_leader_that_is_none_any_more_when_it_writes_loses_nothing(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It fails, follows and touches nothing; the next leader serves."""
        relation = self.honest(world)
        with monkeypatch.context() as patch:
            patch.setattr(_TOOLS, 'relation_set', _not_leading_any_more)
            with pytest.raises(testing.errors.UncaughtCharmError):
                world.changed(relation)

        world.lead(False)
        before = world.state
        world.changed(relation)
        assert (world.state.relations, world.state.secrets) == (before.relations, before.secrets)
        world.lead(True)
        self.serve(world, relation)

        assert world.entry(relation)
        world.assert_settled()

    def test_a_secret_that_cannot_be_read_changes_nothing(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nor is another one made in its place; afterwards all goes on."""
        relation = self._served(world)
        before = world.state
        with monkeypatch.context() as patch:
            patch.setattr(_TOOLS, 'secret_get', _denied)
            world.run()

        self._assert_stands(world, before)
        if before.secrets:
            assert isinstance(world.state.unit_status, testing.BlockedStatus)
        entry = world.entry(relation)
        world.run()
        assert world.entry(relation) == entry
        world.assert_settled()

    def test_secrets_that_are_gone_are_not_replaced_in_silence(self, world: World) -> None:
        """What is published stays as it is, whoever has lost them."""
        self._served(world)
        before = world.state
        world.state = dataclasses.replace(before, secrets=frozenset())

        world.run()

        assert not world.state.secrets
        self._assert_stands(world, dataclasses.replace(before, secrets=frozenset()))

    @pytest.mark.parametrize('minutes', [-55, 55])
    def test_a_clock_that_is_wrong_by_an_hour_changes_nothing(
        self, minutes: int, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing is renewed or withdrawn."""
        self._served(world)
        before = world.state
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
        with monkeypatch.context() as patch:
            for name in self.clocks:
                patch.setattr(name, lambda: now)
            world.run()

        self._assert_stands(world, before)
        assert world.state.unit_status == before.unit_status

    def _assert_stands(self, world: World, before: testing.State) -> None:
        def published(state: testing.State) -> dict[int, dict[str, str]]:
            found = [one for one in state.relations if one.endpoint != 'peers']
            return {one.id: dict(getattr(one, 'local_app_data', {})) for one in found}

        assert published(world.state) == published(before)
        assert {one.id for one in world.state.secrets} == {one.id for one in before.secrets}
