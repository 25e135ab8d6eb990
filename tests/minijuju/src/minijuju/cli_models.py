"""juju commands about models and the controller."""

from __future__ import annotations

import re
import shutil
import time

from minijuju import VERSION, lifecycle
from minijuju.arguments import Refused, key_values
from minijuju.charm import machine_architecture
from minijuju.cli import Command, command
from minijuju.clock import parse_duration, rfc3339
from minijuju.environment import faketime
from minijuju.status import CLOUD, CONTROLLER

_NAME = re.compile(r'[a-z0-9]+(-[a-z0-9]+)*')

# The settings that have an effect here, and their defaults.
_DEFAULTS: dict[str, object] = {
    'automatically-retry-hooks': True,
    'logging-config': '<root>=INFO',
    'update-status-hook-interval': '5m',
}


@command('add-model', 'no-switch', 'c|controller=', 'config=', 'credential=')
def _add_model(call: Command) -> str:
    name = call.required(0, 'model name')
    if not _NAME.fullmatch(name):
        raise Refused(
            f'"{name}" is not a valid name: model names may only contain lowercase letters, '
            'digits and hyphens'
        )
    if name in call.controller.models:
        raise Refused(f'failed to create new model: model "{name}" for admin already exists')
    settings = key_values(call.arguments.all('config'))
    model = call.controller.add_model(name)
    model.settings.update(settings)
    if not call.arguments.on('no-switch'):
        call.select(name)
    call.notes.append(f"Added '{name}' model on {CLOUD} for user 'admin'")
    return ''


@command(
    'destroy-model',
    'y|no-prompt',
    'destroy-storage',
    'force',
    'no-wait',
    'release-storage',
    't|timeout=',
)
def _destroy_model(call: Command) -> str:
    model = call.find_model(call.required(0, 'model'))
    if not call.arguments.on('no-prompt'):
        raise Refused('minijuju asks no questions: add --no-prompt to destroy the model')
    controller, limit = call.controller, parse_duration(call.arguments.value('timeout', '0s'))
    if call.arguments.on('force'):
        for unit in [*model.units()]:
            call.agents.remove(model, unit)
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
        shutil.rmtree(model.folder, ignore_errors=True)
    if call.selected() == model.name:
        call.select('')
    call.notes.append('Model destroyed.')
    return ''


@command('models', 'all', 'c|controller=')
def _models(call: Command) -> str:
    models, current = call.controller.models, call.selected()
    if call.arguments.value('format', 'tabular') != 'tabular':
        listed = [_model_info(call, name) for name in sorted(models)]
        return call.formatted({'models': listed, 'current-model': current})
    rows = [f'Controller: {CONTROLLER}', '', 'Model']
    rows += [f'{name}*' if name == current else name for name in sorted(models)]
    return '\n'.join(rows) + '\n'


@command('switch', 'c|controller=')
def _switch(call: Command) -> str:
    if not call.arguments.positional:
        current = call.selected()
        if not current:
            raise Refused('no currently specified model')
        return f'{CONTROLLER}:admin/{current}\n'
    name = call.arguments.at(0)
    if name != CONTROLLER:
        name = call.find_model(name).name
        before, _ = call.selected(), call.select(name)
        call.notes.append(f'{CONTROLLER}:admin/{before} -> {CONTROLLER}:admin/{name}')
    return ''


@command('show-model', 'c|controller=')
def _show_model(call: Command) -> str:
    name = call.arguments.at(0)
    model = call.find_model(name) if name else call.model
    return call.formatted({model.name: _model_info(call, model.name)})


@command('model-config', 'reset=', 'file=')
def _model_config(call: Command) -> str:
    model, words = call.model, call.arguments.positional
    reset = [key for keys in call.arguments.all('reset') for key in keys.split(',')]
    if reset or any('=' in word for word in words):
        for key in reset:
            model.settings.pop(key, None)
        for key, value in key_values(words).items():
            if key.endswith('-interval') and parse_duration(value) is None:
                raise Refused(f'invalid value "{value}" for "{key}"')
            model.settings[key] = value
        return ''
    found: dict[str, dict[str, object]] = {
        key: {'Value': value, 'Source': 'default'} for key, value in _DEFAULTS.items()
    }
    for key, value in model.settings.items():
        typed: object = {'true': True, 'false': False}.get(value, value)
        found[key] = {'Value': typed, 'Source': 'model'}
    if words:
        if words[0] not in found:
            raise Refused(f'key "{words[0]}" not found in "{model.name}" model')
        return f'{found[words[0]]["Value"]}\n'
    return call.formatted(found)


@command('model-constraints')
def _model_constraints(call: Command) -> str:
    return call.formatted(call.model.constraints)


@command('set-model-constraints')
def _set_model_constraints(call: Command) -> str:
    call.model.constraints.update(key_values(call.arguments.positional))
    return ''


@command('version', 'all')
def _version(call: Command) -> str:
    text = f'{VERSION}-genericlinux-{machine_architecture()}'
    if call.arguments.on('all'):
        return call.formatted({'version': text, 'git-commit': '', 'compiler': ''})
    if call.arguments.value('format', 'plain') == 'json':
        return call.formatted(text)
    return f'{text}\n'


@command('controllers')
def _controllers(call: Command) -> str:
    about = {'current-model': call.selected(), 'user': 'admin', 'cloud': CLOUD}
    return call.formatted({'controllers': {CONTROLLER: about}, 'current-controller': CONTROLLER})


@command('whoami')
def _whoami(call: Command) -> str:
    return call.formatted({'controller': CONTROLLER, 'model': call.selected(), 'user': 'admin'})


@command('advance-clock')
def _advance_clock(call: Command) -> str:
    """Put the daemon's clock forward; Juju has no such command."""
    given = call.required(0, 'duration')
    length = parse_duration(given)
    if length is None:
        raise Refused(f'invalid duration "{given}"', code=2)
    call.controller.clock.advance(length)
    if faketime() is None:
        call.notes.append(
            'WARNING without libfaketime only timers go forward: charms still see the real time'
        )
    return f'{rfc3339(call.controller.clock.now())}\n'


def _model_info(call: Command, name: str) -> dict[str, object]:
    model = call.controller.models[name]
    return {
        'name': f'admin/{name}',
        'short-name': name,
        'model-uuid': model.uuid,
        'model-type': 'iaas',
        'controller-uuid': call.controller.uuid,
        'controller-name': CONTROLLER,
        'is-controller': False,
        'owner': 'admin',
        'cloud': CLOUD,
        'region': CLOUD,
        'type': 'lxd',
        'life': 'alive',
        'status': {'current': 'available', 'since': rfc3339(model.created)},
        'agent-version': VERSION,
    }
