"""What ``juju status --format json`` says: status of applications, units and agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minijuju import VERSION
from minijuju.clock import status_time
from minijuju.model import Status
from minijuju.offers import connections, specs_of
from minijuju.operations import (
    UPDATE_STATUS,
    LifecycleHook,
    RelationHook,
    RunTask,
    SecretHook,
)
from minijuju.port import in_order
from minijuju.resolver import next_op

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from minijuju.charm import EndpointSpec
    from minijuju.model import App, Model, Unit
    from minijuju.offers import Offer, Saas
    from minijuju.operations import Op

CONTROLLER = 'minijuju'
CLOUD = 'localhost'
OWNER = 'admin'
"""The one user, who owns every model."""

# The worst unit speaks for its application (Juju core/status/status.go:352-381).
_SEVERITY = {
    'error': 100,
    'blocked': 90,
    'maintenance': 80,
    'waiting': 70,
    'active': 60,
    'terminated': 50,
    'unknown': 40,
}


def application_status(app: App) -> Status:
    """Return what the leader set for the application, or else its worst unit's status."""
    if app.status is not None:
        return app.status
    shown = [workload_status(unit) for unit in app.units.values()]
    worst = max(shown, key=lambda status: _SEVERITY.get(status.current, 0), default=None)
    return worst or Status('unknown', '', app.since)


def workload_status(unit: Unit) -> Status:
    """Return the unit's workload status; a failed hook hides what the charm set."""
    if unit.failure is None or not unit.in_error:
        return unit.workload
    op, suffix = unit.failure.op, ''
    name = op.name if isinstance(op, LifecycleHook | RelationHook | SecretHook) else ''
    if isinstance(op, RelationHook):
        suffix = f' for {op.remote_app}:{op.remote_endpoint}'
    return Status('error', f'hook failed: "{name}"{suffix}', unit.agent_since)


def agent_status(model: Model, unit: Unit, now: datetime) -> Status:
    """Return the agent's status: executing as long as the unit has anything to do.

    Juju says ``idle`` for moments between two hooks. Here a command that waits for idle agents
    waits for the end of all that follows from what it saw.
    """
    op = unit.running
    if op is None or op == UPDATE_STATUS:
        op = next_op(model, unit, now)
    if op is None or op == UPDATE_STATUS:
        return Status('idle', '', unit.agent_since)
    if not unit.installed and op != unit.running:
        return Status('allocating', '', unit.agent_since)
    return Status('executing', _doing(model, op), unit.agent_since)


def _doing(model: Model, op: Op) -> str:
    match op:
        case RelationHook():
            subject = f' for {op.remote_unit}' if op.remote_unit else ''
            return f'running {op.name} hook{subject}'
        case SecretHook():
            revision = f'/{op.revision}' if op.name in {'secret-expired', 'secret-remove'} else ''
            return f'running {op.name} hook for secret:{op.secret}{revision}'
        case LifecycleHook():
            return f'running {op.name} hook'
        case RunTask():
            task = model.tasks[op.task]
            return f'running action {task.action or "juju-exec"}'
        case _:
            return ''


def status_document(model: Model, apps: list[App], now: datetime) -> dict[str, object]:
    """Return the document of ``juju status --format json`` about some applications."""
    return {
        'model': {
            'name': model.name,
            'type': 'iaas',
            'controller': CONTROLLER,
            'cloud': CLOUD,
            'region': CLOUD,
            'version': VERSION,
            'model-status': _status(Status(model.status, '', model.created)),
            'sla': 'unsupported',
        },
        'machines': {str(u.machine): _machine(u) for app in apps for u in app.units.values()},
        'applications': {app.name: _app(model, app, now) for app in apps},
        'storage': {},
        'application-endpoints': {alias: _saas(model, s) for alias, s in model.saas.items()},
        'offers': {name: _offer(model, offer) for name, offer in model.offers.items()},
        'controller': {'timestamp': now.strftime('%H:%M:%SZ')},
    }


def remote_endpoints(specs: Mapping[str, EndpointSpec]) -> dict[str, dict[str, str]]:
    """Return endpoints of an offer as status and lists of offers show them."""
    return {name: {'interface': spec.interface, 'role': spec.role} for name, spec in specs.items()}


def _saas(model: Model, saas: Saas) -> dict[str, object]:
    relations: dict[str, list[str]] = {}
    for relation in model.relations_of(saas.alias):
        consumers = relations.setdefault(relation.end_of(saas.alias).spec.name, [])
        consumers.append(relation.remote_of(saas.alias).app)
    gone = Status('terminated', 'offer has been removed', model.created)
    return {
        'url': saas.url,
        'endpoints': remote_endpoints(saas.specs),
        'application-status': _status(application_status(saas.app) if saas.app else gone),
        'relations': relations,
    }


def _offer(model: Model, offer: Offer) -> dict[str, object]:
    app, count = model.apps[offer.app], len(connections(model, offer))
    return {
        'application': app.name,
        'charm': f'local:{app.charm.name}-{app.revision}',
        'total-connected-count': count,
        'active-connected-count': count,
        'endpoints': remote_endpoints(specs_of(model, offer)),
    }


def _app(model: Model, app: App, now: datetime) -> dict[str, object]:
    relations: dict[str, list[dict[str, str]]] = {}
    for relation in model.relations_of(app.name):
        end, remote = relation.end_of(app.name), relation.remote_of(app.name)
        relations.setdefault(end.spec.name, []).append(
            {
                'related-application': remote.app,
                'interface': end.spec.interface,
                'scope': 'global',
            }
        )
    found: dict[str, object] = {
        'charm': f'local:{app.charm.name}-{app.revision}',
        'base': {'name': app.charm.base[0], 'channel': app.charm.base[1]},
        'charm-origin': 'local',
        'charm-name': app.charm.name,
        'charm-rev': app.revision,
        'exposed': False,
        'application-status': _status(application_status(app)),
        'relations': relations,
        'units': {
            name: _unit(model, unit, now)
            for name, unit in sorted(app.units.items(), key=lambda item: item[1].number)
        },
        'endpoint-bindings': dict.fromkeys(['', *sorted(app.charm.endpoints)], 'alpha'),
    }
    if app.version:
        found['version'] = app.version
    if app.dying:
        found['life'] = 'dying'
    return found


def _unit(model: Model, unit: Unit, now: datetime) -> dict[str, object]:
    agent = _status(agent_status(model, unit, now))
    agent['version'] = VERSION
    if unit.dying:
        agent['life'] = 'dying'
    found: dict[str, object] = {
        'workload-status': _status(workload_status(unit)),
        'juju-status': agent,
        'machine': str(unit.machine),
        'public-address': unit.address,
    }
    if model.is_leader(unit):
        found['leader'] = True
    if unit.ports:
        found['open-ports'] = in_order(unit.ports)
    return found


def _machine(unit: Unit) -> dict[str, object]:
    since = Status('started', '', unit.agent_since)
    base = unit.charm.base
    return {
        'juju-status': {**_status(since), 'version': VERSION},
        'hostname': f'minijuju-{unit.machine}',
        'dns-name': unit.address,
        'ip-addresses': [unit.address],
        'instance-id': f'minijuju-{unit.machine}',
        'machine-status': _status(Status('running', 'Running', unit.agent_since)),
        'modification-status': _status(Status('idle', '', unit.agent_since)),
        'base': {'name': base[0], 'channel': base[1]},
        'hardware': 'virt-type=process',
    }


def _status(status: Status) -> dict[str, str]:
    found = {'current': status.current, 'since': status_time(status.since)}
    if status.message:
        found['message'] = status.message
    return found
