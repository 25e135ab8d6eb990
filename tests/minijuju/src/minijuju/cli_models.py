"""juju commands about models and the controller."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from minijuju import VERSION, lifecycle
from minijuju.arguments import Refused, key_values
from minijuju.charm import machine_architecture
from minijuju.cli import command
from minijuju.cli_config import check_model_settings
from minijuju.clock import parse_duration, rfc3339
from minijuju.document import text
from minijuju.environment import faketime
from minijuju.offers import sever
from minijuju.status import CLOUD, CONTROLLER, OWNER
from minijuju.unpack import remove_tree

if TYPE_CHECKING:
    from minijuju.command import Command

_NAME = re.compile(r'[a-z0-9]+(-[a-z0-9]+)*')


@command('add-model', 'no-switch', 'c|controller=', 'config=', 'credential=', most=2)
def _add_model(call: Command) -> str:
    name = call.required(0, 'model name')
    if not _NAME.fullmatch(name):
        raise Refused(
            f'"{name}" is not a valid name: model names may only contain lowercase letters, '
            'digits and hyphens'
        )
    if name in call.controller.models:
        raise Refused(f'failed to create new model: model "{name}" for {OWNER} already exists')
    settings: dict[str, str] = {}
    for word in call.arguments.all('config'):
        given = call.yaml_file(word) if '=' not in word else key_values((word,))
        settings |= {key: text(value) for key, value in given.items()}
    check_model_settings(settings)
    model = call.controller.add_model(name)
    model.settings.update(settings)
    if not call.arguments.on('no-switch'):
        call.select(name)
    call.notes.append(f"Added '{name}' model on {CLOUD} for user '{OWNER}'")
    return ''


@command(
    'destroy-model',
    'y|no-prompt',
    'destroy-storage',
    'force',
    'no-wait',
    'release-storage',
    't|timeout=',
    most=1,
)
def _destroy_model(call: Command) -> str:
    model = call.find_model(call.required(0, 'model'))
    if not call.arguments.on('no-prompt'):
        raise Refused('minijuju asks no questions: add --no-prompt to destroy the model')
    given = call.arguments.value('timeout', '0s')
    controller, limit = call.controller, parse_duration(given)
    if limit is None:
        raise Refused(f'invalid value "{given}" for option --timeout', code=2)
    if call.arguments.on('force'):
        for unit in [*model.units()]:
            call.agents.remove(model, unit)
        for relation in [*model.relations.values()]:
            sever(model, relation)
    model.dying = True
    model.offers.clear()
    for app in [*model.apps.values()]:
        lifecycle.destroy_app(model, app)
    controller.changed.notify_all()
    deadline = time.monotonic() + limit.total_seconds() if limit else None
    while model.apps:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise Refused(f'timed out waiting for model "{model.name}" to be destroyed')
        controller.changed.wait(left)
    if controller.models.get(model.name) is model:
        controller.drop_model(model)
        remove_tree(model.folder)
    if call.selected() == model.name:
        call.select('')
    call.notes.append('Model destroyed.')
    return ''


@command('models|list-models', 'all', 'c|controller=', most=0)
def _models(call: Command) -> str:
    models, current = call.controller.models, call.selected()
    if call.arguments.value('format', 'tabular') != 'tabular':
        listed = [_model_info(call, name) for name in sorted(models)]
        return call.formatted({'models': listed, 'current-model': current})
    rows = [f'Controller: {CONTROLLER}', '', 'Model']
    rows += [f'{name}*' if name == current else name for name in sorted(models)]
    return '\n'.join(rows) + '\n'


@command('switch', 'c|controller=', most=1)
def _switch(call: Command) -> str:
    if not call.arguments.positional:
        current = call.environment_model or call.selected()
        if not current:
            raise Refused('no currently specified model')
        return f'{CONTROLLER}:{OWNER}/{current}\n'
    if overriding := call.environment_model:
        raise Refused(
            f'cannot switch when JUJU_MODEL is overriding the model (set to "{overriding}")'
        )
    name = call.arguments.at(0)
    if name != CONTROLLER:
        name = call.find_model(name).name
        before, _ = call.selected(), call.select(name)
        call.notes.append(f'{CONTROLLER}:{OWNER}/{before} -> {CONTROLLER}:{OWNER}/{name}')
    return ''


@command('show-model', 'c|controller=', most=1)
def _show_model(call: Command) -> str:
    name = call.arguments.at(0)
    model = call.find_model(name) if name else call.model
    return call.formatted({model.name: _model_info(call, model.name)})


@command('version', 'all', most=0)
def _version(call: Command) -> str:
    version = f'{VERSION}-genericlinux-{machine_architecture()}'
    if call.arguments.on('all'):
        return call.formatted({'version': version, 'git-commit': '', 'compiler': ''})
    if call.arguments.value('format', 'plain') == 'json':
        return call.formatted(version)
    return f'{version}\n'


@command('controllers', most=0)
def _controllers(call: Command) -> str:
    about = {'current-model': call.selected(), 'user': OWNER, 'cloud': CLOUD}
    return call.formatted({'controllers': {CONTROLLER: about}, 'current-controller': CONTROLLER})


@command('whoami', most=0)
def _whoami(call: Command) -> str:
    return call.formatted({'controller': CONTROLLER, 'model': call.selected(), 'user': OWNER})


@command('advance-clock', most=1)
def _advance_clock(call: Command) -> str:
    """Put the daemon's clock forward; Juju has no such command."""
    given = call.required(0, 'duration')
    length = parse_duration(given)
    if length is None:
        raise Refused(f'invalid duration "{given}"', code=2)
    if not call.controller.clock.advance(length):
        raise Refused(f'invalid duration "{given}": no clock goes that far', code=2)
    if faketime() is None:
        call.notes.append(
            'WARNING without libfaketime only timers go forward: charms still see the real time'
        )
    return f'{rfc3339(call.controller.clock.now())}\n'


def _model_info(call: Command, name: str) -> dict[str, object]:
    model = call.controller.models[name]
    return {
        'name': f'{OWNER}/{name}',
        'short-name': name,
        'model-uuid': model.uuid,
        'model-type': 'iaas',
        'controller-uuid': call.controller.uuid,
        'controller-name': CONTROLLER,
        'is-controller': False,
        'owner': OWNER,
        'cloud': CLOUD,
        'region': CLOUD,
        'type': 'lxd',
        'life': 'dying' if model.dying else 'alive',
        'status': {'current': model.status, 'since': rfc3339(model.created)},
        'agent-version': VERSION,
    }
