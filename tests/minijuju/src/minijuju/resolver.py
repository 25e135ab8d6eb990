"""What a unit does next, and when to look again. Pure: decides, does nothing.

The order is that of Juju's uniter (``worker/uniter/resolver.go`` and the resolvers it calls).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from minijuju.clock import parse_duration
from minijuju.operations import (
    UPDATE_STATUS,
    EnterScope,
    LeaveScope,
    LifecycleHook,
    RelationHook,
    Remove,
    RunTask,
    SecretHook,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from minijuju.model import Failure, Membership, Model, Relation, Unit
    from minijuju.operations import Op, RelationKind
    from minijuju.secret import Revision, Secret


def next_op(model: Model, unit: Unit, now: datetime) -> Op | None:
    """Return the first operation that applies to the unit, None when it has nothing to do."""
    if unit.failure is not None:
        # Actions run even after a failed install: the charm's files are there by then.
        return _task(model, unit) or _retry(model, unit.failure, now, resolved=unit.resolved)
    if unit.queued:
        return LifecycleHook(unit.queued)
    if not unit.installed:
        return Remove() if unit.dying else LifecycleHook('install')
    if unit.dying:
        return _task(model, unit) or _dying(model, unit)
    return (
        _created(model, unit)
        or _leadership(model, unit)
        or _secret_hook(model, unit, now)
        or _task(model, unit)
        or _alive(model, unit, now)
    )


def wake_at(model: Model, unit: Unit) -> datetime | None:
    """Return the next moment at which the clock alone gives the unit something to do."""
    if unit.rests_until is not None:
        return unit.rests_until
    if unit.failure is not None:
        return unit.failure.retry_at if _retries(model) else None
    if unit.dying or not unit.installed:
        return None
    moments = [update_status_due(model, unit)]
    for secret in _handled(model, unit):
        moments.append(secret.rotates)
        moments.extend(r.expires for r in secret.revisions.values() if _expiry_open(r))
    return min((moment for moment in moments if moment is not None), default=None)


def update_status_due(model: Model, unit: Unit) -> datetime | None:
    """Return when an alive unit's update-status is due, None before start."""
    if not unit.started or unit.last_update_status is None:
        return None
    interval = parse_duration(model.settings.get('update-status-hook-interval', '5m'))
    return unit.last_update_status + (interval or timedelta(minutes=5)) * unit.update_status_factor


def config_digest(model: Model, unit: Unit) -> object:
    """Return the values whose change gives config-changed: options, trust, address."""
    app = model.apps[unit.app]
    return tuple(sorted((k, str(v)) for k, v in app.settings().items())), app.trust, unit.address


def _retries(model: Model) -> bool:
    return model.settings.get('automatically-retry-hooks') != 'false'


def _retry(model: Model, failure: Failure, now: datetime, *, resolved: bool) -> Op | None:
    due = _retries(model) and failure.retry_at <= now
    return failure.op if due or resolved else None


def _created(model: Model, unit: Unit) -> Op | None:
    alive = [r for r in model.relations_of(unit.app) if not r.dying]
    new = tuple(relation.id for relation in alive if relation.id not in unit.memberships)
    if new:
        return EnterScope(new)
    for relation in alive:
        if not unit.memberships[relation.id].created:
            return _relation_hook('created', unit, relation)
    return None


def _leadership(model: Model, unit: Unit) -> Op | None:
    if model.is_leader(unit) and not unit.led:
        return LifecycleHook('leader-elected')
    return None


def _handled(model: Model, unit: Unit) -> Iterator[Secret]:
    """Yield the secrets whose owner's events go to this unit."""
    for _, secret in sorted(model.secrets.items()):
        if model.manages(unit, secret):
            yield secret


def _expiry_open(revision: Revision) -> bool:
    return revision.expires is not None and revision.expires != revision.expiry_sent


def _secret_hook(model: Model, unit: Unit, now: datetime) -> Op | None:
    handled = list(_handled(model, unit))
    for secret in handled:
        for number, revision in sorted(secret.revisions.items()):
            expires = revision.expires
            if expires is not None and expires <= now and _expiry_open(revision):
                return SecretHook('secret-expired', secret.id, number, secret.label, expires)
    for secret in handled:
        if secret.rotates is not None and secret.rotates <= now:
            return SecretHook('secret-rotate', secret.id, secret.newest, secret.label)
    for _, secret in sorted(model.secrets.items()):
        observer = secret.observers.get(unit.name)
        if observer is not None and secret.newest >= 2 and observer.notified != secret.newest:
            label = observer.label or (secret.label if secret.owned_by(unit.name) else '')
            return SecretHook('secret-changed', secret.id, secret.newest, label)
    for secret in handled:
        for revision in secret.obsolete():
            if not revision.removal_sent:
                return SecretHook('secret-remove', secret.id, revision.number, secret.label)
    return None


def _task(model: Model, unit: Unit) -> Op | None:
    pending = [t for t in model.tasks.values() if t.unit == unit.name and t.status == 'pending']
    if not pending:
        return None
    first = min(pending, key=lambda task: (not task.action, int(task.id)))
    return RunTask(first.id)


def _dying(model: Model, unit: Unit) -> Op:
    for relation in model.relations_of(unit.app):
        membership = unit.memberships.get(relation.id)
        if membership is not None:
            return _relation_op(model, unit, relation, membership) or LeaveScope(relation.id)
    if unit.started and not unit.stopped:
        return LifecycleHook('stop')
    return Remove() if unit.removed else LifecycleHook('remove')


def _alive(model: Model, unit: Unit, now: datetime) -> Op | None:
    app = model.apps[unit.app]
    if unit.charm.digest != app.charm.digest:
        return LifecycleHook('upgrade-charm')
    if unit.config_seen != config_digest(model, unit):
        return LifecycleHook('config-changed')
    for relation in model.relations_of(unit.app):
        membership = unit.memberships.get(relation.id)
        if membership is not None and (op := _relation_op(model, unit, relation, membership)):
            return op
    due = update_status_due(model, unit)
    return UPDATE_STATUS if due is not None and due <= now else None


def _relation_op(
    model: Model, unit: Unit, relation: Relation, membership: Membership
) -> Op | None:
    visible = model.visible_members(unit, relation)
    if membership.pending:
        return _unit_hook('changed', unit, relation, membership.pending)
    for other in sorted(membership.members):
        if other not in visible:
            departing = unit.name if unit.dying else other
            return _relation_hook('departed', unit, relation, other, departing=departing)
    if relation.dying or unit.dying:
        if relation.is_peer or not membership.created:
            return LeaveScope(relation.id)
        return _relation_hook('broken', unit, relation)
    remote = relation.app_bags[relation.remote_of(unit.app).app]
    if remote.version != membership.app_version:
        return _relation_hook('changed', unit, relation, version=remote.version)
    for other in sorted(visible):
        if other not in membership.members:
            return _unit_hook('joined', unit, relation, other)
    for other in sorted(visible):
        if relation.unit_bags[other].version != membership.members[other]:
            return _unit_hook('changed', unit, relation, other)
    return None


def _unit_hook(kind: RelationKind, unit: Unit, relation: Relation, other: str) -> Op:
    version = relation.unit_bags[other].version
    return _relation_hook(kind, unit, relation, other, version=version)


def _relation_hook(
    kind: RelationKind,
    unit: Unit,
    relation: Relation,
    other: str = '',
    *,
    departing: str = '',
    version: int = 0,
) -> RelationHook:
    endpoint = relation.end_of(unit.app).spec.name
    remote = relation.remote_of(unit.app)
    return RelationHook(
        kind, relation.id, endpoint, remote.app, remote.spec.name, other, departing, version
    )
