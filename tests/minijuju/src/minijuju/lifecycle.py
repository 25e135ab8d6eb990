"""How things in a model come and go. Called with the controller's lock held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minijuju.model import Bag, Membership, Relation, Status, Unit
from minijuju.operations import RelationHook

if TYPE_CHECKING:
    from datetime import datetime

    from minijuju.model import App, Endpoint, Model


def add_relation(model: Model, ends: tuple[Endpoint, ...]) -> Relation:
    """Add a relation between the endpoints and return it."""
    relation = Relation(model.next_relation, ends)
    relation.app_bags = {end.app: Bag() for end in ends}
    model.relations[relation.id] = relation
    model.next_relation += 1
    return relation


def add_unit(model: Model, app: App, address: str, now: datetime) -> Unit:
    """Add a unit to an application, as its leader if it has none, and return it."""
    number, machine = app.next_unit, model.next_machine
    app.next_unit += 1
    model.next_machine += 1
    unit = Unit(
        app=app.name,
        number=number,
        machine=machine,
        address=address,
        workload=Status('waiting', 'waiting for machine', now),
        agent_since=now,
        served=now,
        charm=app.charm,
        folder=model.folder / 'units' / f'{app.name}-{number}' / 'charm',
    )
    app.units[unit.name] = unit
    elect(app)
    return unit


def elect(app: App) -> None:
    """Give an application without a leader one, an alive unit of the lowest number."""
    if app.leader in app.units:
        return
    by_number = sorted(app.units.values(), key=lambda unit: (unit.dying, unit.number))
    app.leader = by_number[0].name if by_number else ''


def move_leadership(app: App, unit: Unit) -> None:
    """Let a unit lead its application; the one that did so far hears nothing of it."""
    before = app.units.get(app.leader)
    if before is not None and before is not unit:
        before.led = False
    app.leader = unit.name


def enter_scope(model: Model, unit: Unit, relations: tuple[int, ...]) -> None:
    """Let the unit join relations: others see it from now on, with its addresses in its bag."""
    for number in relations:
        relation = model.relations[number]
        relation.scope.add(unit.name)
        bag = relation.unit_bags.setdefault(unit.name, Bag())
        bag.write(
            {
                'egress-subnets': f'{unit.address}/32',
                'ingress-address': unit.address,
                'private-address': unit.address,
            }
        )
        if relation.twin is not None:
            relation.twin.enter(unit.name, bag)
        unit.memberships[number] = Membership()


def leave_scope(model: Model, unit: Unit, number: int) -> None:
    """Let the unit leave a relation; the last one out of a dying relation ends it."""
    unit.memberships.pop(number, None)
    relation = model.relations.get(number)
    if relation is not None:
        relation.scope.discard(unit.name)
        if relation.twin is not None:
            relation.twin.leave(unit.name)
    sweep(model)


def sweep(model: Model) -> None:
    """Drop dying relations without units and dying applications without units and relations."""
    for relation in [*model.relations.values()]:
        if relation.dying and not relation.scope:
            drop_relation(model, relation)
    for app in [*model.apps.values()]:
        if app.dying and not app.units:
            relations = model.relations_of(app.name)
            for relation in relations:
                if relation.is_peer:
                    drop_relation(model, relation)
            if not [relation for relation in relations if not relation.is_peer]:
                _drop_owned(model, 'application', app.name)
                _drop_grants(model, app.name)
                del model.apps[app.name]


def drop_relation(model: Model, relation: Relation) -> None:
    """Delete a relation with its bags and the grants that are tied to it."""
    if model.relations.pop(relation.id, None) is None:
        return
    for unit in model.units():
        unit.memberships.pop(relation.id, None)
        _forget_failure(unit, relation)
    for secret in model.secrets.values():
        secret.grants = [grant for grant in secret.grants if grant.relation != relation.id]
    if relation.twin is not None:
        drop_relation(relation.twin.model, relation.twin.relation)
        sweep(relation.twin.model)


def end_relation(relation: Relation, *, forced: bool = False) -> None:
    """Begin the end of a relation, in both models that it may be in."""
    for side in (relation, relation.twin and relation.twin.relation):
        if side is not None:
            side.dying, side.forced = True, side.forced or forced


def leave_forced(model: Model) -> None:
    """Let the model's units in error leave relations whose end is forced, without hooks."""
    for relation in [*model.relations.values()]:
        if relation.dying and relation.forced:
            for unit in [unit for unit in model.units() if unit.in_error]:
                if relation.id in unit.memberships:
                    _forget_failure(unit, relation)
                    leave_scope(model, unit, relation.id)


def _forget_failure(unit: Unit, relation: Relation) -> None:
    failed = unit.failure.op if unit.failure else None
    if isinstance(failed, RelationHook) and failed.relation == relation.id:
        unit.failure = None


def destroy_app(model: Model, app: App) -> None:
    """Begin the end of an application, its units and its relations."""
    app.dying = True
    for relation in model.relations_of(app.name):
        if not relation.is_peer:
            end_relation(relation)
    for unit in app.units.values():
        unit.dying = True
    sweep(model)


def drop_unit(model: Model, unit: Unit) -> None:
    """Delete a unit that is done, with the secrets that it owns; leadership moves at once."""
    for number in [*unit.memberships]:
        leave_scope(model, unit, number)
    _drop_owned(model, 'unit', unit.name)
    for secret in model.secrets.values():
        secret.observers.pop(unit.name, None)
        secret.prune()
    _drop_grants(model, unit.name)
    for task in model.tasks.values():
        if task.unit == unit.name and not task.done:
            task.status, task.message = 'failed', 'unit was removed'
    app = model.apps.get(unit.app)
    if app is not None:
        app.units.pop(unit.name, None)
        elect(app)
    sweep(model)


def _drop_grants(model: Model, subject: str) -> None:
    for secret in model.secrets.values():
        secret.grants = [grant for grant in secret.grants if grant.subject != subject]


def _drop_owned(model: Model, kind: str, name: str) -> None:
    for secret in [*model.secrets.values()]:
        if secret.owner.kind == kind and secret.owner.name == name:
            del model.secrets[secret.id]
