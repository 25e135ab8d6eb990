"""juju commands about applications and how many units they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minijuju import lifecycle
from minijuju.arguments import Refused, whole_number
from minijuju.cli import command
from minijuju.command import check_alive
from minijuju.unpack import remove_tree

if TYPE_CHECKING:
    from minijuju.command import Command
    from minijuju.model import App


@command(
    'remove-application',
    'no-prompt',
    'destroy-storage',
    'force',
    'no-wait',
    '!dry-run',
    most=None,
)
def _remove_application(call: Command) -> str:
    model = call.model
    apps = [call.app(name) for name in call.arguments.positional]
    if not apps:
        call.required(0, 'application')
    for app in apps:
        offers = [offer for offer in model.offers.values() if offer.app == app.name]
        if offers and not call.arguments.on('force'):
            what = f'{len(offers)} offer{"s" if len(offers) > 1 else ""}'
            raise Refused(
                f'cannot destroy application "{app.name}": application is used by {what}'
            )
        for offer in offers:
            del model.offers[offer.name]
        if call.arguments.on('force'):
            for unit in [*app.units.values()]:
                call.agents.remove(model, unit)
        if app.name in model.apps:
            lifecycle.destroy_app(model, app)
        call.notes.append(f'will remove application {app.name}')
    return ''


@command('add-unit', '!attach-storage=', 'n|num-units=', '!to=', most=1)
def _add_unit(call: Command) -> str:
    app = call.app(call.required(0, 'application'))
    check_alive(call.model)
    if app.dying:
        raise Refused(f'cannot add unit to application "{app.name}": application is not alive')
    add_units(call, app, call.count('num-units', 1))
    return ''


@command('scale-application', most=2)
def _scale_application(call: Command) -> str:
    """Bring an application to a number of units; Juju allows it on Kubernetes only."""
    app, wanted = call.app(call.required(0, 'application')), call.required(1, 'scale')
    scale = whole_number(wanted)
    if scale is None:
        raise Refused(f'invalid scale "{wanted}": expected integer', code=2)
    alive = [unit for unit in app.units.values() if not unit.dying]
    add_units(call, app, scale - len(alive))
    for unit in sorted(alive, key=lambda unit: unit.number)[scale:]:
        unit.dying = True
    return ''


def add_units(call: Command, app: App, count: int) -> None:
    """Add units to an application, each with a folder of its own."""
    for _ in range(count):
        address, now = call.controller.next_address(), call.controller.clock.now()
        unit = lifecycle.add_unit(call.model, app, address, now)
        # An earlier unit of that name may have left what could not be removed at once.
        remove_tree(unit.folder.parent)
        unit.folder.mkdir(parents=True, exist_ok=True)
