"""juju commands about settings: of applications and of models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minijuju.arguments import Refused, key_values, switch, whole_number
from minijuju.cli import command
from minijuju.clock import parse_duration
from minijuju.document import mapping, text

if TYPE_CHECKING:
    from minijuju.charm import Charm, Option
    from minijuju.command import Command
    from minijuju.model import App

# The model's settings that have an effect here, and their defaults.
_DEFAULTS: dict[str, object] = {
    'automatically-retry-hooks': True,
    'logging-config': '<root>=INFO',
    'update-status-hook-interval': '5m',
}


@command('config', 'file=', 'reset=', most=None)
def _config(call: Command) -> str:
    app = call.app(call.required(0, 'application name'))
    words = call.arguments.positional[1:]
    reset = _reset(call)
    values = key_values(tuple(word for word in words if '=' in word))
    if file := call.arguments.value('file'):
        values = {**_of_file(call, file, app.name), **values}
    if reset or values:
        for key in reset:
            if key != 'trust':
                _option(app.charm, key)
        parsed = parse_options(call, app.charm, values)
        for key in reset:
            app.config.pop(key, None)
        app.trust = app.trust and 'trust' not in reset
        set_options(app, parsed)
        return ''
    if not words:
        return call.formatted(_config_document(app))
    if words[0] == 'trust':
        return f'{text(app.trust)}\n'
    _option(app.charm, words[0])
    value = app.settings().get(words[0])
    return '' if value is None else f'{text(value)}\n'


@command('trust', 'remove', 'scope=', most=1)
def _trust(call: Command) -> str:
    app = call.app(call.required(0, 'application name'))
    app.trust = not call.arguments.on('remove')
    return ''


@command('model-config', 'reset=', 'file=', 'ignore-read-only-fields', most=None)
def _model_config(call: Command) -> str:
    model, words = call.model, call.arguments.positional
    reset = _reset(call)
    values = key_values(tuple(word for word in words if '=' in word))
    if file := call.arguments.value('file'):
        values = {**{key: text(value) for key, value in call.yaml_file(file).items()}, **values}
    if reset or values:
        check_model_settings(values)
        for key in reset:
            model.settings.pop(key, None)
        model.settings.update(values)
        return ''
    found: dict[str, dict[str, object]] = {
        key: {'Value': value, 'Source': 'default'} for key, value in _DEFAULTS.items()
    }
    for key, value in model.settings.items():
        typed: object = {'true': True, 'false': False}.get(value, value)
        found[key] = {'Value': typed, 'Source': 'model'}
    if words:
        if words[0] not in found:
            raise Refused(f'key "{words[0]}" not found in "{model.name}" model.')
        return f'{text(found[words[0]]["Value"])}\n'
    return call.formatted(found)


@command('model-constraints', most=0)
def _model_constraints(call: Command) -> str:
    constraints = call.model.constraints.items()
    return call.formatted({k: v if (n := whole_number(v)) is None else n for k, v in constraints})


@command('set-model-constraints', most=None)
def _set_model_constraints(call: Command) -> str:
    call.model.constraints = dict(key_values(call.arguments.positional))
    return ''


def check_model_settings(values: dict[str, str]) -> None:
    """Refuse values of model settings that are of the wrong type."""
    for key, value in values.items():
        no_duration = key.endswith('-interval') and parse_duration(value) is None
        no_switch = isinstance(_DEFAULTS.get(key), bool) and value not in {'true', 'false'}
        if no_duration or no_switch:
            raise Refused(f'invalid value "{value}" for "{key}"')


def options_given(call: Command, app: str) -> dict[str, str]:
    """Return the options that ``--config`` gives, as ``k=v`` or in YAML files."""
    found: dict[str, str] = {}
    for word in call.arguments.all('config'):
        found |= key_values((word,)) if '=' in word else _of_file(call, word, app)
    return found


def parse_options(call: Command, charm: Charm, values: dict[str, str]) -> dict[str, object]:
    """Return the values of a charm's options, and of ``trust``, in the types that they have.

    Raises:
        Refused: an option is unknown or a value is of another type.
    """
    parsed: dict[str, object] = {}
    for key, value in values.items():
        if key == 'trust':
            parsed[key] = switch(value)
            if parsed[key] is None:
                raise Refused(f'option "trust" expected bool, got "{value}"')
            continue
        given = call.text_file(value[1:]) if value.startswith('@') else value
        parsed[key] = _option(charm, key).parse(given)
    return parsed


def set_options(app: App, parsed: dict[str, object]) -> None:
    """Set what ``parse_options`` has returned."""
    app.trust = bool(parsed.get('trust', app.trust))
    app.config.update({key: value for key, value in parsed.items() if key != 'trust'})


def _reset(call: Command) -> list[str]:
    return [key for keys in call.arguments.all('reset') for key in keys.split(',')]


def _of_file(call: Command, name: str, app: str) -> dict[str, str]:
    content = call.yaml_file(name)
    if app not in content:
        raise Refused(f'no settings found for "{app}" in {name}')
    return {key: text(value) for key, value in mapping(content[app]).items()}


def _option(charm: Charm, key: str) -> Option:
    option = charm.options.get(key)
    if option is None:
        raise Refused(f'unknown option "{key}"')
    return option


def _config_document(app: App) -> dict[str, object]:
    settings: dict[str, object] = {}
    for name, option in sorted(app.charm.options.items()):
        entry: dict[str, object] = {'description': option.description, 'type': option.type}
        value = app.config.get(name, option.default)
        entry['source'] = 'user' if name in app.config else 'default'
        if option.default is not None:
            entry['default'] = option.default
        if value is None:
            entry['source'] = 'unset'
        else:
            entry['value'] = value
        settings[name] = entry
    trust = {
        'description': 'Does this application have access to trusted credentials',
        'type': 'bool',
        'default': False,
        'source': 'user' if app.trust else 'default',
        'value': app.trust,
    }
    return {
        'application': app.name,
        'charm': app.charm.name,
        'settings': settings,
        'application-config': {'trust': trust},
    }
