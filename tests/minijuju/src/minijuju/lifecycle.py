"""What operations and commands change in a model. Called with the controller's lock held."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

from minijuju.model import Bag, Failure, Membership, Relation, Status, Unit
from minijuju.operations import LifecycleHook, RelationHook, SecretHook
from minijuju.secret import ROTATION

if TYPE_CHECKING:
    from datetime import datetime

    from minijuju.model import App, Endpoint, Model
    from minijuju.operations import Hook

# Juju's retry strategy (retrystrategy.go:24-27): 5 s, twice as long each time, never over 5 min,
# with jitter so that units which fail together do not come back together. The jitter is that of
# its backoff timer (juju/utils).
FIRST_RETRY = timedelta(seconds=5)
LONGEST_RETRY = timedelta(minutes=5)
JITTER = 0.03


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
                del model.apps[app.name]


def drop_relation(model: Model, relation: Relation) -> None:
    """Delete a relation with its bags and the grants that are tied to it."""
    if model.relations.pop(relation.id, None) is None:
        return
    for unit in model.units():
        unit.memberships.pop(relation.id, None)
        failed = unit.failure.op if unit.failure else None
        if isinstance(failed, RelationHook) and failed.relation == relation.id:
            unit.failure = None
    for secret in model.secrets.values():
        secret.grants = [grant for grant in secret.grants if grant.relation != relation.id]
    if relation.twin is not None:
        drop_relation(relation.twin.model, relation.twin.relation)
        sweep(relation.twin.model)


def end_relation(relation: Relation) -> None:
    """Begin the end of a relation, in both models that it may be in."""
    relation.dying = True
    if relation.twin is not None:
        relation.twin.relation.dying = True


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
        secret.grants = [grant for grant in secret.grants if grant.subject != unit.name]
    for task in model.tasks.values():
        if task.unit == unit.name and not task.done:
            task.status, task.message = 'failed', 'unit was removed'
    app = model.apps.get(unit.app)
    if app is not None:
        app.units.pop(unit.name, None)
        elect(app)
    sweep(model)


def begin(model: Model, unit: Unit, op: Hook, now: datetime) -> None:
    """Note what is known when a hook begins: cached bags of its subject are forgotten."""
    if isinstance(op, RelationHook) and op.remote_unit:
        membership = unit.memberships.get(op.relation)
        if membership is not None:
            membership.cache.pop(op.remote_unit, None)
    if op == LifecycleHook('install') and not unit.status_set:
        unit.set_workload('maintenance', 'installing charm software', now)
    if op == LifecycleHook('stop'):
        unit.set_workload('maintenance', 'stopping charm software', now)
    if op == LifecycleHook('remove'):
        unit.set_workload('maintenance', 'cleaning up prior to charm deletion', now)


def succeed(model: Model, unit: Unit, op: Hook, config: object, now: datetime) -> None:
    """Record that a hook has run, or counts as run.

    Args:
        model: the unit's model.
        unit: the unit.
        op: the hook.
        config: ``resolver.config_digest`` as it was when the hook began.
        now: the present moment.
    """
    unit.failure, unit.resolved = None, False
    if isinstance(op, LifecycleHook):
        _lifecycle_done(unit, op.name, config, now)
    elif isinstance(op, RelationHook):
        _relation_done(model, unit, op)
    else:
        _secret_done(model, unit, op, now)


def fail(unit: Unit, op: Hook, *, retry: bool, factor: float, now: datetime) -> None:
    """Put the unit into error after a failed hook; ``factor`` scales the retry delays.

    The delays begin anew after ``juju resolved``.
    """
    failed = 0 if unit.failure is None or unit.resolved else unit.failure.attempts
    attempts = failed + 1
    jitter = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311, not for secrecy
    delay = min(FIRST_RETRY * 2 ** min(attempts - 1, 10) * jitter, LONGEST_RETRY)
    unit.failure = Failure(op, attempts, now + delay * factor if retry else None)
    unit.resolved = False


def _lifecycle_done(unit: Unit, name: str, config: object, now: datetime) -> None:
    match name:
        case 'install':
            unit.installed = True
        case 'leader-elected':
            unit.led = True
        case 'config-changed':
            unit.config_seen = config
            unit.queued = '' if unit.started else 'start'
        case 'start':
            unit.started, unit.queued = True, ''
            update_status_ran(unit, now)
            if not unit.status_set:
                unit.set_workload('unknown', '', now)
        case 'upgrade-charm':
            unit.queued = 'config-changed'
        case 'update-status':
            update_status_ran(unit, now)
        case 'stop':
            unit.stopped = True
        case _:
            unit.removed = True
            unit.set_workload('terminated', '', now)


def update_status_ran(unit: Unit, now: datetime) -> None:
    """Count the interval to the next update-status from now; it varies by a fifth."""
    unit.last_update_status = now
    unit.update_status_factor = random.uniform(0.8, 1.2)  # noqa: S311, not for secrecy


def _relation_done(model: Model, unit: Unit, op: RelationHook) -> None:
    membership = unit.memberships.get(op.relation)
    if membership is None:
        return
    match op.kind:
        case 'created':
            membership.created = True
        case 'joined':
            membership.members[op.remote_unit] = op.version
            membership.pending = op.remote_unit
        case 'changed' if op.remote_unit:
            membership.members[op.remote_unit] = op.version
            if membership.pending == op.remote_unit:
                membership.pending = ''
        case 'changed':
            membership.app_version = max(op.version, membership.app_version)
        case 'departed':
            membership.members.pop(op.remote_unit, None)
        case 'broken':
            leave_scope(model, unit, op.relation)


def _secret_done(model: Model, unit: Unit, op: SecretHook, now: datetime) -> None:
    secret = model.secrets.get(op.secret)
    if secret is None:
        return
    revision = secret.revisions.get(op.revision)
    match op.name:
        case 'secret-changed':
            if unit.name in secret.observers:
                secret.observers[unit.name].notified = op.revision
        case 'secret-rotate':
            if secret.rotate in ROTATION:
                secret.rotates = now + ROTATION[secret.rotate]
        case 'secret-expired' if revision is not None:
            revision.expiry_sent = revision.expires
        case 'secret-remove' if revision is not None:
            revision.removal_sent = True
        case _:
            pass


def _drop_owned(model: Model, kind: str, name: str) -> None:
    for secret in [*model.secrets.values()]:
        if secret.owner.kind == kind and secret.owner.name == name:
            del model.secrets[secret.id]
