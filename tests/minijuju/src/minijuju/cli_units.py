"""juju commands about units that exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minijuju import lifecycle
from minijuju.arguments import Refused
from minijuju.cli import command

if TYPE_CHECKING:
    from minijuju.command import Command


@command(
    'remove-unit',
    'no-prompt',
    'force',
    'n|num-units=',
    'destroy-storage',
    'no-wait',
    '!dry-run',
    most=None,
)
def _remove_unit(call: Command) -> str:
    names, count = call.arguments.positional, call.count('num-units', 0)
    if not names:
        call.required(0, 'unit')
    if count:
        units = sorted(call.app(names[0]).units.values(), key=lambda unit: -unit.number)
        names = tuple([unit.name for unit in units if not unit.dying][:count])
    model = call.model
    for unit in [call.unit(name) for name in names]:
        call.notes.append(f'will remove unit {unit.name}')
        if call.arguments.on('force'):
            call.agents.remove(model, unit)
        else:
            unit.dying = True
    lifecycle.sweep(model)
    return ''


@command('resolved|resolve', 'no-retry', 'all', most=None)
def _resolved(call: Command) -> str:
    model = call.model
    units = [call.unit(name) for name in call.arguments.positional]
    if call.arguments.on('all'):
        units = [unit for unit in model.units() if unit.in_error]
    if not units and not call.arguments.on('all'):
        call.required(0, 'unit')
    for unit in units:
        if not unit.in_error:
            raise Refused(f'unit "{unit.name}" is not in an error state')
        if call.arguments.on('no-retry'):
            call.agents.skip(model, unit)
        else:
            unit.resolved = True
    return ''


@command('move-leadership', most=1)
def _move_leadership(call: Command) -> str:
    """Make a unit its application's leader at once; Juju has no such command."""
    unit = call.unit(call.required(0, 'unit'))
    if unit.dying:
        raise Refused(f'unit "{unit.name}" is dying: it cannot lead')
    lifecycle.move_leadership(call.model.apps[unit.app], unit)
    return ''
