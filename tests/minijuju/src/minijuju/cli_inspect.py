"""juju commands that only look."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from minijuju.arguments import Refused
from minijuju.cli import command
from minijuju.clock import rfc3339
from minijuju.debug_log import LEVELS
from minijuju.port import in_order
from minijuju.status import status_document
from minijuju.status_table import status_table, table

if TYPE_CHECKING:
    from minijuju.command import Command
    from minijuju.model import App, Relation, Unit

# Juju's types of a unit's status log, and the kinds of status that each has.
_HISTORIES = {
    'unit': {'workload', 'juju-unit'},
    'workload': {'workload'},
    'juju-unit': {'juju-unit'},
}


@command('status', 'relations', 'integrations', 'storage', '!watch=', most=None)
def _status(call: Command) -> str:
    now, model = call.controller.clock.now(), call.model
    patterns = call.arguments.positional
    apps = [app for _, app in sorted(model.apps.items()) if not patterns or _fits(app, patterns)]
    if call.arguments.value('format', 'tabular') == 'tabular':
        return status_table(model, apps, now)
    return call.formatted(status_document(model, apps, now))


@command('show-unit', 'app', 'endpoint=', 'related-unit=', most=None)
def _show_unit(call: Command) -> str:
    names = call.arguments.positional or (call.required(0, 'unit name'),)
    units = [call.unit(name) for name in names]
    return call.formatted({unit.name: _unit(call, unit) for unit in units})


@command(
    'debug-log',
    'n|lines|limit=',
    'replay',
    'no-tail',
    '!tail',
    'l|level=',
    'i|include=',
    '!x|exclude=',
    '!include-module=',
    '!exclude-module=',
    most=0,
)
def _debug_log(call: Command) -> str:
    limit, level = call.count('limit', 0), call.arguments.value('level', LEVELS[0]).upper()
    included = call.arguments.all('include')
    if level not in LEVELS:
        raise Refused(f'level value "{level}" is not one of {", ".join(LEVELS)}', code=2)
    log = call.controller.logs[call.model.name]
    if level == LEVELS[0] and not included:
        return ''.join(log.entries(limit))
    severe = LEVELS[LEVELS.index(level) :]
    wanted = [re.sub(r'^(?!unit-|machine-)', 'unit-', name.replace('/', '-')) for name in included]
    found: list[str] = []
    for entry in log.entries():
        entity, _, rest = entry.partition(': ')
        named = not wanted or any(fnmatchcase(entity, pattern) for pattern in wanted)
        if named and rest.split(' ', 2)[1] in severe:
            found.append(entry)
    return ''.join(found[-limit:])


@command(
    'show-status-log',
    '!days=',
    '!from-date=',
    'include-status-updates',
    'n=',
    'type=',
    most=1,
)
def _show_status_log(call: Command) -> str:
    unit, kind = call.unit(call.required(0, 'entity name')), call.arguments.value('type', 'unit')
    if kind not in _HISTORIES:
        raise Refused(f'minijuju has no status log of type "{kind}"', code=2)
    entries = [entry for entry in unit.history if entry[0] in _HISTORIES[kind]]
    entries = entries[-call.count('n', 20) :]
    if call.arguments.value('format', 'tabular') != 'tabular':
        listed = [
            {
                'status': status.current,
                'message': status.message,
                'since': rfc3339(status.since),
                'type': kind,
            }
            for kind, status in entries
        ]
        return call.formatted(listed)
    rows = [('Time', 'Type', 'Status', 'Message')]
    rows += [(rfc3339(s.since), kind, s.current, s.message) for kind, s in entries]
    return table(rows)


def _fits(app: App, patterns: tuple[str, ...]) -> bool:
    """Say whether status is wanted of an application: by its name or that of one of its units."""
    names = [app.name, *app.units]
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def _unit(call: Command, unit: Unit) -> dict[str, object]:
    model, endpoint = call.model, call.arguments.value('endpoint')
    app = model.apps[unit.app]
    return {
        'workload-version': app.version,
        'machine': str(unit.machine),
        'opened-ports': in_order(unit.ports),
        'public-address': unit.address,
        'charm': f'local:{app.charm.name}-{app.revision}',
        'leader': model.is_leader(unit),
        'life': 'dying' if unit.dying else 'alive',
        'relation-info': [
            _relation(call, relation, unit)
            for relation in model.relations_of(unit.app)
            if endpoint in {'', relation.end_of(unit.app).spec.name}
        ],
    }


def _relation(call: Command, relation: Relation, unit: Unit) -> dict[str, object]:
    remote, only = relation.remote_of(unit.app), call.arguments.value('related-unit')
    found: dict[str, object] = {
        'relation-id': relation.id,
        'endpoint': relation.end_of(unit.app).spec.name,
        'related-endpoint': remote.spec.name,
        'application-data': dict(relation.app_bags[remote.app].data),
    }
    if relation.twin is not None:
        found['cross-model'] = True
    if call.arguments.on('app'):
        return found
    found['related-units'] = {
        name: {'in-scope': name in relation.scope, 'data': dict(bag.data)}
        for name, bag in sorted(relation.unit_bags.items())
        if name != unit.name and name.partition('/')[0] == remote.app and only in {'', name}
    }
    bag = relation.unit_bags.get(unit.name)
    if bag is not None:
        in_scope = unit.name in relation.scope
        found['local-unit'] = {'in-scope': in_scope, 'data': dict(bag.data)}
    return found
