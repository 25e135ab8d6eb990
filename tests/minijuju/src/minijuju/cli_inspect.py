"""juju commands that only look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minijuju.arguments import Refused
from minijuju.cli import Command, command
from minijuju.clock import rfc3339
from minijuju.status import status_document
from minijuju.status_table import status_table

if TYPE_CHECKING:
    from minijuju.model import Model, Relation, Unit


@command('status', 'relations', 'integrations', 'storage', 'watch=')
def _status(call: Command) -> str:
    now = call.controller.clock.now()
    if call.arguments.value('format', 'tabular') == 'tabular':
        return status_table(call.model, now)
    return call.formatted(status_document(call.model, now))


@command('show-unit', 'app', 'endpoint=', 'related-unit=')
def _show_unit(call: Command) -> str:
    names = call.arguments.positional or (call.required(0, 'unit'),)
    units = [call.unit(name) for name in names]
    return call.formatted({unit.name: _unit(call.model, unit) for unit in units})


@command('debug-log', 'n|lines|limit=', 'replay', 'no-tail', 'tail', 'l|level=', 'i|include=', 'T')
def _debug_log(call: Command) -> str:
    limit = call.arguments.value('limit', '0')
    if not limit.isdigit():
        raise Refused(f'invalid value "{limit}" for option --limit', code=2)
    lines = call.controller.logs[call.model.name].last(int(limit))
    return ''.join(f'{line}\n' for line in lines)


@command('show-status-log', 'days=', 'from-date=', 'include-status-updates', 'n=', 'type=')
def _show_status_log(call: Command) -> str:
    unit = call.unit(call.required(0, 'entity'))
    count = call.arguments.value('n', '20')
    if not count.isdigit():
        raise Refused(f'invalid value "{count}" for option -n', code=2)
    entries = unit.history[-int(count) :]
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
    return 'Time  Type  Status  Message\n' + ''.join(
        f'{rfc3339(status.since)}  {kind}  {status.current}  {status.message}'.rstrip() + '\n'
        for kind, status in entries
    )


def _unit(model: Model, unit: Unit) -> dict[str, object]:
    app = model.apps[unit.app]
    return {
        'workload-version': app.version,
        'machine': str(unit.machine),
        'opened-ports': sorted(unit.ports),
        'public-address': unit.address,
        'charm': f'local:{app.charm.name}-{app.revision}',
        'leader': model.is_leader(unit),
        'life': 'dying' if unit.dying else 'alive',
        'relation-info': [_relation(relation, unit) for relation in model.relations_of(unit.app)],
    }


def _relation(relation: Relation, unit: Unit) -> dict[str, object]:
    remote = relation.remote_of(unit.app)
    found: dict[str, object] = {
        'relation-id': relation.id,
        'endpoint': relation.end_of(unit.app).spec.name,
        'related-endpoint': remote.spec.name,
        'application-data': dict(relation.app_bags[remote.app].data),
        'related-units': {
            name: {'in-scope': name in relation.scope, 'data': dict(bag.data)}
            for name, bag in sorted(relation.unit_bags.items())
            if name != unit.name and name.partition('/')[0] == remote.app
        },
    }
    bag = relation.unit_bags.get(unit.name)
    if bag is not None:
        in_scope = unit.name in relation.scope
        found['local-unit'] = {'in-scope': in_scope, 'data': dict(bag.data)}
    return found
