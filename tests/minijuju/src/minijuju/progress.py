"""What a unit remembers of its hooks: how they begin and end. Called with the lock held."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

from minijuju.lifecycle import leave_scope
from minijuju.model import Failure
from minijuju.operations import LifecycleHook, RelationHook, SecretHook
from minijuju.secret import ROTATION

if TYPE_CHECKING:
    from datetime import datetime

    from minijuju.model import Model, Unit
    from minijuju.operations import Hook

# Juju's retry strategy (retrystrategy.go:24-27): 5 s, twice as long each time, never over 5 min,
# with jitter so that units which fail together do not come back together. The jitter is that of
# its backoff timer (juju/utils).
FIRST_RETRY = timedelta(seconds=5)
LONGEST_RETRY = timedelta(minutes=5)
JITTER = 0.03


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


def fail(unit: Unit, op: Hook, *, factor: float, now: datetime) -> None:
    """Put the unit into error after a failed hook; ``factor`` scales the retry delays.

    The delays begin anew after ``juju resolved``.
    """
    failed = 0 if unit.failure is None or unit.resolved else unit.failure.attempts
    attempts = failed + 1
    jitter = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311, not for secrecy
    delay = min(FIRST_RETRY * 2 ** min(attempts - 1, 10) * jitter, LONGEST_RETRY)
    unit.failure = Failure(op, attempts, now + delay * factor)
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
            revision.expiry_sent = op.expires
        case 'secret-remove' if revision is not None:
            revision.removal_sent = True
        case _:
            pass
