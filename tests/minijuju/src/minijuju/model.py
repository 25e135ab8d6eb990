"""The state of a model: applications, units, relations, tasks. No input or output here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from minijuju.operations import UPDATE_STATUS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from minijuju.charm import Charm, EndpointSpec
    from minijuju.offers import Offer, Saas, Twin
    from minijuju.operations import Op
    from minijuju.secret import Secret
    from minijuju.task import Task


NOT_LEADER = 'this unit is not the leader'
"""What a unit is told that asks for what leaders may do."""
HISTORY_LIMIT = 200
"""Statuses of a unit that are remembered."""


@dataclass(frozen=True)
class Status:
    """A status, its message and the moment it was set."""

    current: str
    message: str
    since: datetime


@dataclass
class Bag:
    """A databag; the version grows with every change."""

    data: dict[str, str] = field(default_factory=dict[str, str])
    version: int = 0

    def write(self, changes: dict[str, str]) -> bool:
        """Apply changes, where an empty value deletes, and say whether they changed anything."""
        merged = {k: v for k, v in {**self.data, **changes}.items() if v}
        if merged == self.data:
            return False
        self.data = merged
        self.version += 1
        return True


@dataclass(frozen=True)
class Endpoint:
    """One end of a relation."""

    app: str
    spec: EndpointSpec

    def __str__(self) -> str:
        return f'{self.app}:{self.spec.name}'


@dataclass
class Relation:
    """A relation: two endpoints, or one for peers."""

    id: int
    ends: tuple[Endpoint, ...]
    dying: bool = False
    forced: bool = False
    """Whether units in error leave it without hooks when it is dying."""
    app_bags: dict[str, Bag] = field(default_factory=dict[str, Bag])
    unit_bags: dict[str, Bag] = field(default_factory=dict[str, Bag])
    """Bags of every unit that ever entered; those of departed units stay readable."""
    scope: set[str] = field(default_factory=set[str])
    twin: Twin | None = None
    """The other side, when the two applications are of different models."""

    @property
    def is_peer(self) -> bool:
        """Whether both ends are the same application's."""
        return len(self.ends) == 1

    def end_of(self, app: str) -> Endpoint:
        """Return the end that belongs to the application."""
        return next(end for end in self.ends if end.app == app)

    def remote_of(self, app: str) -> Endpoint:
        """Return the other end; for peers the same one."""
        return next((end for end in self.ends if end.app != app), self.ends[0])


@dataclass
class Membership:
    """What one unit's agent knows about one relation that the unit is in."""

    created: bool = False
    """Whether relation-created has run."""
    members: dict[str, int] = field(default_factory=dict[str, int])
    """Version of the unit bag last told, for each unit seen joined."""
    pending: str = ''
    """The unit whose joined has run and whose changed comes next."""
    app_version: int = 0
    cache: dict[str, dict[str, str]] = field(default_factory=dict[str, 'dict[str, str]'])
    """Unit bags as last read, kept over hooks until that unit's joined or changed runs."""


@dataclass
class Failure:
    """A failed hook that is to be run again."""

    op: Op
    attempts: int
    retry_at: datetime
    """When it is, in a model whose failed hooks are retried by themselves."""


@dataclass
class Unit:
    """A unit and the state of its agent."""

    app: str
    number: int
    machine: int
    address: str
    workload: Status
    agent_since: datetime
    served: datetime
    """When a hook or a task of it last ended; who was served longest ago comes next."""
    charm: Charm
    """The charm in the unit's folder, perhaps older than the application's."""
    folder: Path
    dying: bool = False
    installed: bool = False
    started: bool = False
    stopped: bool = False
    removed: bool = False
    led: bool = False
    """Whether leader-elected has run in this term."""
    status_set: bool = False
    """Whether the charm has ever set a status of its own."""
    queued: str = ''
    """A follow-up hook that comes before all else."""
    config_seen: object = None
    memberships: dict[int, Membership] = field(default_factory=dict[int, Membership])
    failure: Failure | None = None
    resolved: bool = False
    """Whether the failed hook is to be run again at once."""
    running: Op | None = None
    rests_until: datetime | None = None
    """After a hook that was killed: until then nothing of it runs."""
    last_update_status: datetime | None = None
    update_status_factor: float = 1.0
    ports: frozenset[str] = frozenset()
    charm_state: dict[str, str] = field(default_factory=dict[str, str])
    history: list[tuple[str, Status]] = field(default_factory=list['tuple[str, Status]'])
    """What status was set on it and on its agent, oldest first."""

    @property
    def name(self) -> str:
        """The unit's name, ``ca/0``."""
        return f'{self.app}/{self.number}'

    @property
    def in_error(self) -> bool:
        """Whether a hook has failed and is not run again just now.

        An update-status never shows, so that its error stays while it is run again.
        """
        failed = self.failure.op if self.failure is not None else None
        return failed is not None and (self.running != failed or failed == UPDATE_STATUS)

    def set_workload(self, current: str, message: str, now: datetime) -> None:
        """Set the workload status."""
        self.workload = Status(current, message, now)
        self.record('workload', self.workload)

    def record(self, kind: str, status: Status) -> None:
        """Add to the history; it forgets what is old."""
        self.history.append((kind, status))
        del self.history[:-HISTORY_LIMIT]


@dataclass
class App:
    """An application."""

    name: str
    charm: Charm
    revision: int
    since: datetime
    config: dict[str, object] = field(default_factory=dict[str, object])
    """Options that were set; others have their default."""
    trust: bool = False
    forced: bool = False
    """Whether the charm is also for units in error: the last refresh was forced."""
    status: Status | None = None
    """What the leader set for the application."""
    version: str = ''
    leader: str = ''
    dying: bool = False
    units: dict[str, Unit] = field(default_factory=dict[str, Unit])
    next_unit: int = 0
    resources: dict[str, Path] = field(default_factory=dict[str, 'Path'])

    def settings(self) -> dict[str, object]:
        """Return every option that is set or has a default."""
        defaults = {o.name: o.default for o in self.charm.options.values()}
        return {k: v for k, v in {**defaults, **self.config}.items() if v is not None}


@dataclass
class Model:
    """A model."""

    name: str
    uuid: str
    created: datetime
    folder: Path
    dying: bool = False
    apps: dict[str, App] = field(default_factory=dict[str, App])
    relations: dict[int, Relation] = field(default_factory=dict[int, Relation])
    secrets: dict[str, Secret] = field(default_factory=dict[str, 'Secret'])
    settings: dict[str, str] = field(default_factory=dict[str, str])
    constraints: dict[str, str] = field(default_factory=dict[str, str])
    tasks: dict[str, Task] = field(default_factory=dict[str, 'Task'])
    next_task: int = 1
    next_relation: int = 0
    next_machine: int = 0
    charm_revisions: dict[str, int] = field(default_factory=dict[str, int])
    offers: dict[str, Offer] = field(default_factory=dict[str, 'Offer'])
    saas: dict[str, Saas] = field(default_factory=dict[str, 'Saas'])
    """Offers of other models that this one consumes, by alias."""

    @property
    def status(self) -> str:
        """What Juju calls the state that the model is in."""
        return 'destroying' if self.dying else 'available'

    def units(self) -> Iterator[Unit]:
        """Yield every unit, by application and number."""
        for app in self.apps.values():
            yield from app.units.values()

    def unit(self, name: str) -> Unit | None:
        """Return a unit by its name."""
        app = self.apps.get(name.partition('/')[0])
        return app.units.get(name) if app else None

    def relations_of(self, app: str) -> list[Relation]:
        """Return the application's relations by id, peers included."""
        return [
            relation
            for _, relation in sorted(self.relations.items())
            if any(end.app == app for end in relation.ends)
        ]

    def visible_members(self, unit: Unit, relation: Relation) -> set[str]:
        """Return the other units that a unit's relation has at present; none when it is dying."""
        if unit.dying or relation.dying:
            return set()
        remote = relation.remote_of(unit.app).app
        found: set[str] = set()
        for name in relation.scope - {unit.name}:
            if name.partition('/')[0] == remote:
                other = relation.twin.unit(name) if relation.twin else self.unit(name)
                if other is not None and not other.dying:
                    found.add(name)
        return found

    def is_leader(self, unit: Unit) -> bool:
        """Say whether the unit leads its application."""
        app = self.apps.get(unit.app)
        return app is not None and app.leader == unit.name

    def manages(self, unit: Unit, secret: Secret) -> bool:
        """Say whether the unit manages a secret: its own, or as leader its application's."""
        of_app = secret.owner.kind == 'application'
        return secret.owned_by(unit.name) and (not of_app or self.is_leader(unit))
