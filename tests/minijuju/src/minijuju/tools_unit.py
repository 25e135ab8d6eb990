"""Hook tools about the unit itself: leadership, config, status, log, ports, state."""

from __future__ import annotations

import re

from minijuju.arguments import Refused, key_values
from minijuju.clock import rfc3339
from minijuju.hooktools import Call, Output, tool
from minijuju.model import Status, Unit
from minijuju.status import application_status

_SETTABLE = ('maintenance', 'blocked', 'waiting', 'active')
_LEVELS = {'TRACE', 'DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'}
_PORT = re.compile(r'(?:(\d+)(?:-(\d+))?(?:/(tcp|udp))?|icmp)')


@tool('is-leader')
def _is_leader(call: Call) -> Output:
    return Output(call.context.is_leader)


@tool('config-get', 'a|all')
def _config_get(call: Call) -> Output:
    context = call.context
    settings = context.model.apps[context.unit.app].settings()
    key = call.arguments.at(0)
    return Output(settings.get(key) if key else settings)


@tool('status-set', 'application')
def _status_set(call: Call) -> None:
    context, (current, *words) = call.context, call.positional or ('',)
    if current not in _SETTABLE:
        raise Refused(f'invalid status "{current}", expected one of {list(_SETTABLE)}', code=2)
    now, message = context.now(), ' '.join(words)
    if not call.arguments.on('application'):
        context.unit.status_set = True
        context.unit.set_workload(current, message, now)
    elif context.is_leader:
        context.model.apps[context.unit.app].status = Status(current, message, now)
    else:
        raise Refused('this unit is not the leader')


@tool('status-get', 'application', 'include-data')
def _status_get(call: Call) -> Output:
    context = call.context
    if not call.arguments.on('application'):
        full = _status_data(context.unit.workload)
        return Output(full if call.arguments.on('include-data') else context.unit.workload.current)
    if not context.is_leader:
        raise Refused('finding application status: this unit is not the leader')
    app = context.model.apps[context.unit.app]
    units = {name: _status_data(unit.workload) for name, unit in app.units.items()}
    return Output(
        {'application-status': {**_status_data(application_status(app)), 'units': units}}
    )


@tool('juju-log', 'debug', 'l|log-level=')
def _juju_log(call: Call) -> None:
    if not call.positional:
        raise Refused('no message specified', code=2)
    level = 'DEBUG' if call.arguments.on('debug') else call.arguments.value('log-level', 'INFO')
    level = level.upper()
    known = level in _LEVELS
    call.context.log(level if known else 'INFO', ' '.join(call.positional))


@tool('application-version-set')
def _application_version_set(call: Call) -> None:
    if not call.positional:
        raise Refused('no version specified', code=2)
    context = call.context
    context.model.apps[context.unit.app].version = ' '.join(call.positional)


@tool('open-port', 'endpoints=')
def _open_port(call: Call) -> None:
    port = _port(call)
    call.context.opened.add(port)
    call.context.closed.discard(port)


@tool('close-port', 'endpoints=')
def _close_port(call: Call) -> None:
    port = _port(call)
    call.context.closed.add(port)
    call.context.opened.discard(port)


@tool('opened-ports', 'endpoints')
def _opened_ports(call: Call) -> Output:
    return Output(sorted(call.context.ports()))


@tool('goal-state')
def _goal_state(call: Call) -> Output:
    context, now = call.context, rfc3339(call.context.now())
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


@tool('state-get')
def _state_get(call: Call) -> Output:
    state, key = call.context.charm_state(), call.arguments.at(0)
    return Output(state.get(key) if key not in {'', '-'} else state)


@tool('state-set', 'file=')
def _state_set(call: Call) -> None:
    call.context.state_edits.update(call.file_values() | key_values(call.positional))


@tool('state-delete')
def _state_delete(call: Call) -> None:
    if not call.positional:
        raise Refused('no key specified', code=2)
    call.context.state_edits[call.positional[0]] = ''


@tool('storage-list')
def _storage_list(call: Call) -> Output:
    return Output([])


@tool('resource-get')
def _resource_get(call: Call) -> Output:
    name = call.arguments.at(0)
    path = call.context.model.apps[call.context.unit.app].resources.get(name)
    if path is None:
        raise Refused(f'could not download resource: resource "{name}" was not given to deploy')
    return Output(str(path))


def _status_data(status: Status) -> dict[str, object]:
    return {'status': status.current, 'message': status.message, 'status-data': {}}


def _goals(units: dict[str, Unit]) -> dict[str, dict[str, str]]:
    return {
        name: {
            'status': 'dying' if unit.dying else unit.workload.current,
            'since': rfc3339(unit.workload.since),
        }
        for name, unit in units.items()
    }


def _port(call: Call) -> str:
    given = call.arguments.at(0)
    match = _PORT.fullmatch(given.lower())
    if match is None:
        raise Refused(
            f'expected <port>[/<protocol>] or <from>-<to>[/<protocol>], got "{given}"', code=2
        )
    if match.group(0) == 'icmp':
        return 'icmp'
    first, last = int(match.group(1)), int(match.group(2) or match.group(1))
    if not 0 < first <= last < 65536:
        raise Refused(f'invalid port range {first}-{last}', code=2)
    span = str(first) if first == last else f'{first}-{last}'
    return f'{span}/{match.group(3) or "tcp"}'
