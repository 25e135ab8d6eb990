"""What a charm tells the kit, and what the groups of cases share."""

from __future__ import annotations

import dataclasses
import inspect
import pathlib
from collections.abc import Callable, Mapping
from typing import ClassVar

import ops
import pytest
from ops import testing

from tls_provider.testing import pki, requirers
from tls_provider.testing.features import Feature, Promise
from tls_provider.testing.world import Config, World

Record = Callable[[str, object], None]
"""The fixture `record_property`."""


@dataclasses.dataclass(frozen=True)
class Allowed:
    """A feature that is refused until the operator allows it."""

    code: int
    """Of the refusal."""
    config: Mapping[str, str | int | float | bool]
    """Options that allow it."""


class Kit:
    """A charm under test."""

    charm: ClassVar[type[ops.CharmBase]]
    unsupported: ClassVar[Mapping[Feature, int]] = {}
    """Features that the charm lacks, each with the code of its refusal."""
    optional: ClassVar[Mapping[Feature, Allowed]] = {}
    """Features that its operator has to allow first."""

    world_type: ClassVar[type[World]] = World

    def ready(self) -> testing.State:
        """A state in which the charm can issue."""
        return testing.State(leader=True, relations={testing.PeerRelation('peers')})

    def settle(self, world: World) -> None:
        """Let requests that wait for somebody be decided; nothing where none do."""

    @pytest.fixture
    def world(self) -> World:
        """The charm as it is ready to issue."""
        return self.world_type(self.charm, self.ready())

    def allow(self, world: World, *features: Feature) -> None:
        """Set the options that allow these features, as far as they are optional."""
        config: Config = {}
        for feature in features:
            if feature in self.optional:
                config.update(self.optional[feature].config)
        if config:
            world.state = dataclasses.replace(world.state, config={**world.state.config, **config})
            world.run('config_changed')

    def serve(self, world: World, relation_id: int) -> None:
        """Run relation-changed, and let what waits be decided."""
        world.changed(relation_id)
        self.settle(world)

    def honest(self, world: World, app: str = 'honest') -> int:
        """Add a requirer with a plain request, which is to be served whatever others do."""
        return world.relate(app, {0: requirers.bag(honest_request(app))})

    def prove(self, record: Record, feature: Feature | Promise, verdict: str) -> None:
        """Note for the matrix that a feature is served or refused as declared, or kept."""
        record('proved', (_title(self.charm), feature.name, verdict))


def _title(charm: type) -> str:
    """The name of a charm's folder; of a charm that has none, its class."""
    source = pathlib.Path(inspect.getfile(charm))
    return source.parents[1].name if source.name == 'charm.py' else charm.__name__


def honest_request(app: str = 'honest') -> str:
    """A request that every provider serves."""
    return pki.request(f'{app}.example', common_name=f'{app}.example', key='ecdsa-p256')
