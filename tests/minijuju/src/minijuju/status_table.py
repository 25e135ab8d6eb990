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

    from minijuju.model import App, Model, Unit


def status_table(model: Model, apps: list[App], now: datetime) -> str:
    """Return the status of some applications as tables, with Juju's order and headings."""
    parts = [
        table(
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
    if not apps:
        return parts[0] + f'\nModel "admin/{model.name}" is empty.\n'
    units = [unit for app in apps for unit in app.units.values()]
    parts += [_apps(apps), _units(model, units, now), _machines(units), _relations(model, apps)]
    return '\n'.join(part for part in parts if part)


def _apps(apps: list[App]) -> str:
    rows = [('App', 'Version', 'Status', 'Scale', 'Charm', 'Rev', 'Exposed', 'Message')]
    for app in apps:
        status = application_status(app)
        scale = str(len(app.units))
        rows.append(
            (
                app.name,
                app.version,
                status.current,
                scale,
                app.charm.name,
                str(app.revision),
                'no',
                status.message,
            )
        )
    return table(rows)


def _units(model: Model, units: list[Unit], now: datetime) -> str:
    rows = [('Unit', 'Workload', 'Agent', 'Machine', 'Public address', 'Ports', 'Message')]
    for unit in sorted(units, key=lambda unit: (unit.app, unit.number)):
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
    return table(rows) if len(rows) > 1 else ''


def _machines(units: list[Unit]) -> str:
    rows = [('Machine', 'State', 'Address', 'Inst id', 'Base', 'AZ', 'Message')]
    for unit in sorted(units, key=lambda unit: unit.machine):
        machine = str(unit.machine)
        base = '@'.join(unit.charm.base)
        rows.append((machine, 'started', unit.address, f'minijuju-{machine}', base, '', 'Running'))
    return table(rows) if len(rows) > 1 else ''


def _relations(model: Model, apps: list[App]) -> str:
    rows = [('Integration provider', 'Requirer', 'Interface', 'Type', 'Message')]
    found: list[tuple[str, ...]] = []
    shown = {relation.id: relation for app in apps for relation in model.relations_of(app.name)}
    for relation in shown.values():
        by_role = {end.spec.role: end for end in relation.ends}
        provider = by_role.get('provider', relation.ends[0])
        requirer = by_role.get('requirer', relation.ends[-1])
        kind = 'peer' if relation.is_peer else 'regular'
        message = 'dying' if relation.dying else ''
        found.append((str(provider), str(requirer), provider.spec.interface, kind, message))
    return table([*rows, *sorted(found)]) if found else ''


def table(rows: list[tuple[str, ...]]) -> str:
    """Return rows of equal length, the headings first, as lines with aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ''.join(
        '  '.join(f'{cell:<{width}}' for cell, width in zip(row, widths, strict=True)).rstrip()
        + '\n'
        for row in rows
    )
