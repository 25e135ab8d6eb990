"""Hook tools about the unit itself: leadership, config, status, log, ports, state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minijuju.arguments import Refused
from minijuju.clock import rfc3339
from minijuju.hooktools import Call, Output, tool
from minijuju.model import NOT_LEADER, Status, Unit
from minijuju.operations import RelationHook
from minijuju.port import Port, in_order, parse_port
from minijuju.status import application_status

if TYPE_CHECKING:
    from datetime import datetime

_SETTABLE = ('maintenance', 'blocked', 'waiting', 'active')
_LEVELS = {
    **{name: name for name in ('TRACE', 'DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL')},
    'WARN': 'WARNING',
}

# Of each key and each value of the charm's state, in bytes (core/quota/fixed_limits.go).
STATE_KEY_LIMIT = 256
STATE_VALUE_LIMIT = 64 * 1024


@tool('is-leader', style='smart')
def _is_leader(call: Call) -> Output:
    return Output(call.context.is_leader)


@tool('config-get', 'a|all', most=1, style='smart')
def _config_get(call: Call) -> Output:
    app = call.context.model.apps[call.context.unit.app]
    settings, key, every = app.settings(), call.arguments.at(0), call.arguments.on('all')
    if key and every:
        raise Refused(f'cannot use argument --all together with key "{key}"', code=2)
    if every:
        return Output({name: settings.get(name) for name in app.charm.options})
    return Output(settings.get(key) if key else settings)


@tool('status-set', 'application', most=2)
def _status_set(call: Call) -> None:
    if not call.positional:
        raise Refused('invalid args, require <status> [message]', code=2)
    context, current, message = call.context, call.positional[0], call.arguments.at(1)
    if current not in _SETTABLE:
        valid = ' '.join(_SETTABLE)
        raise Refused(f'invalid status "{current}", expected one of [{valid}]', code=2)
    if not call.arguments.on('application'):
        context.unit.status_set = True
        context.unit.set_workload(current, message, context.now())
    elif context.is_leader:
        context.model.apps[context.unit.app].status = Status(current, message, context.now())
    else:
        raise Refused(NOT_LEADER)


@tool('status-get', 'application', 'include-data', style='smart')
def _status_get(call: Call) -> Output:
    context, data = call.context, call.arguments.on('include-data')
    alone = not data and call.arguments.value('format', 'smart') == 'smart'
    if not call.arguments.on('application'):
        status = context.unit.workload
        return Output(status.current if alone else _status_data(status, data=data))
    if not context.is_leader:
        raise Refused(f'finding application status: {NOT_LEADER}')
    app = context.model.apps[context.unit.app]
    status = application_status(app)
    if alone:
        return Output(status.current)
    units = {name: _status_data(unit.workload, data=data) for name, unit in app.units.items()}
    return Output({'application-status': {**_status_data(status, data=data), 'units': units}})


@tool('juju-log', 'debug', 'l|log-level=', 'format=', most=None)
def _juju_log(call: Call) -> None:
    if not call.positional:
        raise Refused('no message specified', code=2)
    context, op = call.context, call.context.op
    given = call.arguments.value('log-level') or 'INFO'
    level = 'DEBUG' if call.arguments.on('debug') else _LEVELS.get(given.upper())
    if level is None:
        context.log('WARNING', f'Specified log level of "{given}" is not valid')
    about = f'{op.endpoint}:{op.relation}: ' if isinstance(op, RelationHook) else ''
    context.log(level or 'INFO', about + ' '.join(call.positional))


@tool('application-version-set', most=1)
def _application_version_set(call: Call) -> None:
    if not call.positional:
        raise Refused('no version specified', code=2)
    context = call.context
    context.model.apps[context.unit.app].version = call.positional[0]


@tool('open-port', 'endpoints=', 'format=', most=1)
def _open_port(call: Call) -> None:
    context, port = call.context, _port(call)
    _check_conflict(call, 'open', port, {*context.opened, *context.unit.ports})
    context.closed.discard(str(port))
    context.opened.add(str(port))


@tool('close-port', 'endpoints=', 'format=', most=1)
def _close_port(call: Call) -> None:
    context, port = call.context, _port(call)
    _check_conflict(call, 'close', port, {*context.closed, *context.unit.ports})
    context.closed.add(str(port))
    context.opened.discard(str(port))


@tool('opened-ports', 'endpoints', style='smart')
def _opened_ports(call: Call) -> Output:
    if call.arguments.on('endpoints'):
        raise Refused('opened-ports --endpoints is not supported by minijuju')
    return Output(in_order(call.context.ports()))


@tool('goal-state', style='yaml')
def _goal_state(call: Call) -> Output:
    context, now = call.context, _goal_time(call.context.now())
    model, own = context.model, context.unit.app
    relations: dict[str, dict[str, dict[str, str]]] = {}
    for relation in model.relations_of(own):
        remote = model.apps.get(relation.remote_of(own).app)
        if relation.is_peer or remote is None:
            continue
        goals = relations.setdefault(relation.end_of(own).spec.name, {})
        goals[remote.name] = {'status': 'dying' if relation.dying else 'joined', 'since': now}
        goals.update(_goals(remote.units))
    return Output({'units': _goals(model.apps[own].units), 'relations': relations})


@tool('state-get', 'strict', most=1, style='smart')
def _state_get(call: Call) -> Output:
    state, key = call.context.charm_state(), call.arguments.at(0)
    if key in {'', '-'}:
        return Output(state)
    if key not in state and call.arguments.on('strict'):
        raise Refused(f'"{key}" not found')
    return Output(state.get(key, ''))


@tool('state-set', 'file=', most=None)
def _state_set(call: Call) -> None:
    for key, value in call.changes().items():
        if len(key.encode()) > STATE_KEY_LIMIT:
            raise Refused(f'max allowed key length ({STATE_KEY_LIMIT}) exceeded')
        if len(value.encode()) > STATE_VALUE_LIMIT:
            raise Refused(f'max allowed value length ({STATE_VALUE_LIMIT}) exceeded')
        call.context.state_edits[key] = value


@tool('state-delete', most=1)
def _state_delete(call: Call) -> None:
    for key in call.positional:
        call.context.state_edits[key] = None


@tool('storage-list', most=1, style='smart')
def _storage_list(call: Call) -> Output:
    return Output([])


@tool('resource-get', most=1)
def _resource_get(call: Call) -> str:
    if not call.positional:
        raise Refused('missing required resource name', code=2)
    [name] = call.positional
    path = call.context.model.apps[call.context.unit.app].resources.get(name)
    if path is None:
        raise Refused(f'could not download resource: resource "{name}" was not given to deploy')
    return str(path)


def _status_data(status: Status, *, data: bool) -> dict[str, object]:
    shown: dict[str, object] = {'status': status.current}
    return {**shown, 'message': status.message, 'status-data': {}} if data else shown


def _goals(units: dict[str, Unit]) -> dict[str, dict[str, str]]:
    return {
        name: {
            'status': 'dying' if unit.dying else unit.workload.current,
            'since': _goal_time(unit.workload.since),
        }
        for name, unit in units.items()
    }


def _goal_time(moment: datetime) -> str:
    """Return a moment in UTC as goal-state writes it: RFC 3339 but with a space."""
    return rfc3339(moment).replace('T', ' ')


def _check_conflict(call: Call, verb: str, port: Port, held: set[str]) -> None:
    of_unit = f'(unit "{call.context.unit.name}")'
    for other in sorted(map(parse_port, held)):
        if other != port and other.overlaps(port):
            conflict = f'port range conflicts with {other} {of_unit}'
            raise Refused(f'cannot {verb} {port} {of_unit}: {conflict}')


def _port(call: Call) -> Port:
    if not call.positional:
        raise Refused('no port or range specified', code=2)
    return parse_port(call.positional[0].lower())
