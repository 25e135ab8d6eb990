"""What one hook sees and wants to change: the view, the buffered edits, the commit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from minijuju.arguments import Refused
from minijuju.operations import RelationHook, RunTask
from minijuju.secret_edits import SecretEdits

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from minijuju.model import Bag, Membership, Model, Relation, Unit
    from minijuju.operations import Op
    from minijuju.task import Task

BAG_LIMIT = 16 * 1024 * 1024
STATE_LIMIT = 2 * 1024 * 1024
DENIED = 'permission denied'
UNWRITABLE = 'cannot write relation settings'


@dataclass
class HookContext:
    """One running hook, action or command of a unit. Used with the controller's lock held."""

    id: str
    model: Model
    unit: Unit
    op: Op
    now: Callable[[], datetime]
    log: Callable[[str, str], None]
    """Writes a line into the debug log: level and message."""
    unit_edits: dict[int, dict[str, str]] = field(default_factory=dict[int, 'dict[str, str]'])
    app_edits: dict[int, dict[str, str]] = field(default_factory=dict[int, 'dict[str, str]'])
    opened: set[str] = field(default_factory=set[str])
    closed: set[str] = field(default_factory=set[str])
    state_edits: dict[str, str | None] = field(default_factory=dict[str, 'str | None'])
    """Changes of the charm's state; None deletes."""
    secrets: SecretEdits = field(default_factory=SecretEdits)
    seen: dict[tuple[int, str], dict[str, str]] = field(
        default_factory=dict['tuple[int, str]', 'dict[str, str]']
    )
    """Application bags and bags of non-members as read in this hook."""
    action_failed: bool = False

    @property
    def is_leader(self) -> bool:
        """Whether the unit leads its application at present."""
        return self.model.is_leader(self.unit)

    @property
    def task(self) -> Task | None:
        """The action or command that runs, if one does."""
        return self.model.tasks[self.op.task] if isinstance(self.op, RunTask) else None

    def membership(self, number: int) -> Membership | None:
        """Return what the unit knows about a relation, None when it is not in it."""
        return self.unit.memberships.get(number)

    def relation(self, number: int) -> Relation | None:
        """Return a relation that the unit is in."""
        return self.model.relations.get(number) if number in self.unit.memberships else None

    def members(self, number: int) -> list[str]:
        """Return the units that this unit has seen joined and not departed, sorted."""
        membership = self.membership(number)
        known = set(membership.members) if membership is not None else set[str]()
        op = self.op
        if isinstance(op, RelationHook) and op.relation == number and op.remote_unit:
            if op.kind == 'departed':
                known.discard(op.remote_unit)
            else:
                known.add(op.remote_unit)
        return sorted(known)

    def read_bag(self, relation: Relation, subject: str) -> dict[str, str]:
        """Return the databag of a unit or an application in a relation, own edits included.

        Raises:
            Refused: the unit may not read it, or the subject is not in the relation.
        """
        if subject == self.unit.name:
            edits = self.unit_edits.get(relation.id, {})
            return _edited(relation.unit_bags[subject].data, edits)
        if subject == self.unit.app:
            if not (relation.is_peer or self.is_leader):
                raise Refused(DENIED)
            edits = self.app_edits.get(relation.id, {})
            return _edited(self._read_once(relation, subject, relation.app_bags), edits)
        if '/' not in subject:
            if subject not in relation.app_bags:
                raise Refused(DENIED)
            return self._read_once(relation, subject, relation.app_bags)
        if subject not in relation.unit_bags:
            raise Refused(DENIED)
        if subject.partition('/')[0] == self.unit.app and not relation.is_peer:
            raise Refused(DENIED)
        membership = self.membership(relation.id)
        if membership is not None and subject in self.members(relation.id):
            if subject not in membership.cache:
                membership.cache[subject] = dict(relation.unit_bags[subject].data)
            return membership.cache[subject]
        return self._read_once(relation, subject, relation.unit_bags)

    def write_bag(self, relation: Relation, changes: dict[str, str], *, app: bool) -> None:
        """Buffer changes to the unit's own bag or its application's; empty values delete.

        Raises:
            Refused: the unit is not the leader and means the application's bag.
        """
        if app and not self.is_leader:
            raise Refused(UNWRITABLE)
        edits = self.app_edits if app else self.unit_edits
        edits.setdefault(relation.id, {}).update(changes)

    def ports(self) -> set[str]:
        """Return the ports that are open, with what the hook has asked for."""
        return (set(self.unit.ports) | self.opened) - self.closed

    def charm_state(self) -> dict[str, str]:
        """Return the charm's state with the hook's own changes."""
        merged = {**self.unit.charm_state, **self.state_edits}
        return {key: value for key, value in merged.items() if value is not None}

    def commit(self) -> str:
        """Apply all edits or, when one is refused, none; return the reason, empty if done."""
        problem = self._problem()
        if problem:
            return problem
        for number, changes in self.unit_edits.items():
            if relation := self.model.relations.get(number):
                relation.unit_bags[self.unit.name].write(changes)
        for number, changes in self.app_edits.items():
            if relation := self.model.relations.get(number):
                self._write_app_bag(relation, relation.app_bags[self.unit.app], changes)
        self.unit.ports = frozenset(self.ports())
        self.unit.charm_state = self.charm_state()
        self.secrets.commit(self.model, self.unit, self.now())
        return ''

    def _write_app_bag(self, relation: Relation, bag: Bag, changes: dict[str, str]) -> None:
        told = bag.version
        if bag.write(changes) and relation.is_peer:
            # The writer gets no event about its own words.
            membership = self.membership(relation.id)
            if membership is not None and membership.app_version == told:
                membership.app_version = bag.version

    def _problem(self) -> str:
        if any(self.app_edits.values()) and not self.is_leader:
            return UNWRITABLE
        for edits, subject in (
            (self.unit_edits, self.unit.name),
            (self.app_edits, self.unit.app),
        ):
            for number, changes in edits.items():
                relation = self.model.relations.get(number)
                if relation is None:
                    continue
                bags = relation.unit_bags if subject == self.unit.name else relation.app_bags
                size = _size(_edited(bags[subject].data, changes))
                if size > BAG_LIMIT:
                    return f'max allowed size ({BAG_LIMIT}) exceeded: {size}'
        size = _size(self.charm_state())
        if size > STATE_LIMIT:
            return f'max allowed size ({STATE_LIMIT}) exceeded: {size}'
        return self.secrets.problem(self.model, self.unit)

    def _read_once(self, relation: Relation, subject: str, bags: dict[str, Bag]) -> dict[str, str]:
        key = (relation.id, subject)
        if key not in self.seen:
            self.seen[key] = dict(bags[subject].data)
        return self.seen[key]


def _edited(data: dict[str, str], edits: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in {**data, **edits}.items() if value}


def _size(data: dict[str, str]) -> int:
    return sum(map(_length, data)) + sum(map(_length, data.values()))


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
