"""What ``juju status`` prints for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minijuju import VERSION
from minijuju.status import (
    CLOUD,
    CONTROLLER,
    agent_status,
    application_status,
    workload_status,
)

if TYPE_CHECKING:
    from datetime import datetime

    from minijuju.model import Model


def status_table(model: Model, now: datetime) -> str:
    """Return the model's status as tables, in Juju's order and with Juju's headings."""
    parts = [
        _table(
            [
                ('Model', 'Controller', 'Cloud/Region', 'Version', 'SLA', 'Timestamp'),
                (
                    model.name,
                    CONTROLLER,
                    f'{CLOUD}/{CLOUD}',
                    VERSION,
                    'unsupported',
                    now.strftime('%H:%M:%SZ'),
                ),
            ]
        )
    ]
    if not model.apps:
        return parts[0] + f'\nModel "admin/{model.name}" is empty.\n'
    parts += [_apps(model), _units(model, now), _machines(model), _relations(model)]
    return '\n'.join(part for part in parts if part)


def _apps(model: Model) -> str:
    rows = [('App', 'Version', 'Status', 'Scale', 'Charm', 'Rev', 'Exposed', 'Message')]
    for name, app in sorted(model.apps.items()):
        status = application_status(app)
        scale = str(len(app.units))
        rows.append(
            (
                name,
                app.version,
                status.current,
                scale,
                app.charm.name,
                str(app.revision),
                'no',
                status.message,
            )
        )
    return _table(rows)


def _units(model: Model, now: datetime) -> str:
    rows = [('Unit', 'Workload', 'Agent', 'Machine', 'Public address', 'Ports', 'Message')]
    for unit in sorted(model.units(), key=lambda unit: (unit.app, unit.number)):
        workload, agent = workload_status(unit), agent_status(model, unit, now)
        message = workload.message
        if agent.current == 'executing' and agent.message:
            hook = agent.message.removeprefix('running ')
            message = f'({hook}) {message}'.rstrip()
        rows.append(
            (
                unit.name + ('*' if model.is_leader(unit) else ''),
                workload.current,
                agent.current,
                str(unit.machine),
                unit.address,
                ','.join(sorted(unit.ports)),
                message,
            )
        )
    return _table(rows) if len(rows) > 1 else ''


def _machines(model: Model) -> str:
    rows = [('Machine', 'State', 'Address', 'Inst id', 'Base', 'AZ', 'Message')]
    for unit in sorted(model.units(), key=lambda unit: unit.machine):
        machine = str(unit.machine)
        base = '@'.join(unit.charm.base)
        rows.append((machine, 'started', unit.address, f'minijuju-{machine}', base, '', 'Running'))
    return _table(rows) if len(rows) > 1 else ''


def _relations(model: Model) -> str:
    rows = [('Integration provider', 'Requirer', 'Interface', 'Type', 'Message')]
    found: list[tuple[str, ...]] = []
    for relation in model.relations.values():
        by_role = {end.spec.role: end for end in relation.ends}
        provider = by_role.get('provider', relation.ends[0])
        requirer = by_role.get('requirer', relation.ends[-1])
        kind = 'peer' if relation.is_peer else 'regular'
        message = 'dying' if relation.dying else ''
        found.append((str(provider), str(requirer), provider.spec.interface, kind, message))
    return _table([*rows, *sorted(found)]) if found else ''


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ''.join(
        '  '.join(f'{cell:<{width}}' for cell, width in zip(row, widths, strict=True)).rstrip()
        + '\n'
        for row in rows
    )
