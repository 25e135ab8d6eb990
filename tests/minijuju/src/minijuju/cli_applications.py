"""juju commands about applications."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from minijuju import lifecycle
from minijuju.arguments import Refused, key_values
from minijuju.cli import Command, command
from minijuju.document import mapping, text
from minijuju.model import App, Endpoint

if TYPE_CHECKING:
    from minijuju.charm import Charm


@command(
    'deploy',
    'attach-storage=',
    'base=',
    'bind=',
    'channel=',
    'config=',
    'constraints=',
    'force',
    'n|num-units=',
    'overlay=',
    'resource=',
    'revision=',
    'storage=',
    'to=',
    'trust',
)
def _deploy(call: Command) -> str:
    reference = call.required(0, 'charm or bundle')
    for option in ('attach-storage', 'overlay', 'storage'):
        if call.arguments.all(option):
            raise Refused(f'minijuju does not support deploy --{option}')
    if not reference.startswith(('/', '.')):
        raise Refused(
            'minijuju deploys local charms only: give the path of a .charm file, '
            f'not "{reference}"'
        )
    charm = call.load_charm(reference)
    model = call.model
    name = call.arguments.at(1) or charm.name
    if name in model.apps:
        raise Refused(f'cannot add application "{name}": application already exists')
    count = _count(call, default=1)
    app = App(name, charm, _next_revision(call, charm), call.controller.clock.now())
    app.trust = call.arguments.on('trust')
    _configure(call, app, _config_given(call, name))
    _take_resources(call, app)
    model.apps[name] = app
    for spec in charm.endpoints.values():
        if spec.role == 'peer':
            lifecycle.add_relation(model, (Endpoint(name, spec),))
    _add_units(call, app, count)
    base = '@'.join(charm.base)
    call.notes.append(
        f'Deploying "{name}" from local charm "{charm.name}", revision {app.revision} on {base}'
    )
    return ''


@command(
    'refresh',
    'base=',
    'channel=',
    'config=',
    'force',
    'force-base',
    'force-units',
    'path=',
    'resource=',
    'revision=',
    'storage=',
    'switch=',
    'trust',
)
def _refresh(call: Command) -> str:
    name, path = call.required(0, 'application'), call.arguments.value('path')
    if not path:
        raise Refused('minijuju refreshes from local charms only: give --path')
    charm = call.load_charm(path)
    app = call.app(name)
    if charm.name != app.charm.name:
        raise Refused(f'cannot refresh "{app.name}": "{charm.name}" is another charm')
    model, forced = call.model, call.arguments.on('force') or call.arguments.on('force-units')
    for relation in model.relations_of(app.name):
        spec = relation.end_of(app.name).spec
        if charm.endpoints.get(spec.name) != spec:
            raise Refused(f'would break relation "{" ".join(map(str, relation.ends))}"')
    app.trust = app.trust or call.arguments.on('trust')
    _take_resources(call, app)
    if charm.digest != app.charm.digest:
        app.charm, app.revision = charm, _next_revision(call, charm)
        app.config = {key: value for key, value in app.config.items() if key in charm.options}
        known = {r.end_of(app.name).spec.name for r in model.relations_of(app.name)}
        for spec in charm.endpoints.values():
            if spec.role == 'peer' and spec.name not in known:
                lifecycle.add_relation(model, (Endpoint(app.name, spec),))
    for unit in app.units.values():
        if forced and unit.failure is not None and unit.charm.digest != charm.digest:
            unit.forced_refresh = True
    _configure(call, app, _config_given(call, app.name))
    call.notes.append(f'Added local charm "{charm.name}", revision {app.revision}, to the model')
    return ''


@command('config', 'file=', 'reset=')
def _config(call: Command) -> str:
    app = call.app(call.required(0, 'application'))
    words = call.arguments.positional[1:]
    reset = [key for keys in call.arguments.all('reset') for key in keys.split(',')]
    values = key_values(tuple(word for word in words if '=' in word))
    if file := call.arguments.value('file'):
        values = {**_of_file(call, file, app.name), **values}
    if reset or values:
        for key in reset:
            _known_option(app, key)
        for key in reset:
            app.config.pop(key, None)
        _configure(call, app, values)
        return ''
    if words:
        _known_option(app, words[0])
        value = app.settings().get(words[0])
        return '' if value is None else f'{text(value)}\n'
    return call.formatted(_config_document(app))


@command('trust', 'remove', 'scope=')
def _trust(call: Command) -> str:
    call.app(call.required(0, 'application')).trust = not call.arguments.on('remove')
    return ''


@command('remove-application', 'no-prompt', 'destroy-storage', 'force', 'no-wait', 'dry-run')
def _remove_application(call: Command) -> str:
    model = call.model
    apps = [call.app(name) for name in call.arguments.positional]
    if not apps:
        call.required(0, 'application')
    for app in apps:
        if call.arguments.on('force'):
            for unit in [*app.units.values()]:
                call.agents.remove(model, unit)
        if app.name in model.apps:
            lifecycle.destroy_app(model, app)
        call.notes.append(f'will remove application {app.name}')
    return ''


@command('add-unit', 'attach-storage=', 'n|num-units=', 'to=')
def _add_unit(call: Command) -> str:
    app = call.app(call.required(0, 'application'))
    if app.dying:
        raise Refused(f'cannot add unit to application "{app.name}": application is not alive')
    _add_units(call, app, _count(call, default=1))
    return ''


@command('scale-application')
def _scale_application(call: Command) -> str:
    """Bring an application to a number of units; Juju allows it on Kubernetes only."""
    app, wanted = call.app(call.required(0, 'application')), call.required(1, 'scale')
    if not wanted.isdigit():
        raise Refused(f'invalid scale "{wanted}": expected integer', code=2)
    alive = [unit for unit in app.units.values() if not unit.dying]
    _add_units(call, app, int(wanted) - len(alive))
    for unit in sorted(alive, key=lambda unit: unit.number)[int(wanted) :]:
        unit.dying = True
    return ''


def _count(call: Command, *, default: int) -> int:
    given = call.arguments.value('num-units', str(default))
    if not given.isdigit():
        raise Refused(f'invalid value "{given}" for option --num-units', code=2)
    return int(given)


def _add_units(call: Command, app: App, count: int) -> None:
    for _ in range(count):
        address, now = call.controller.next_address(), call.controller.clock.now()
        unit = lifecycle.add_unit(call.model, app, address, now)
        unit.folder.mkdir(parents=True)


def _next_revision(call: Command, charm: Charm) -> int:
    revisions = call.model.charm_revisions
    revisions[charm.name] = revisions.get(charm.name, -1) + 1
    return revisions[charm.name]


def _config_given(call: Command, app: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in call.arguments.all('config'):
        found |= key_values((word,)) if '=' in word else _of_file(call, word, app)
    return found


def _of_file(call: Command, name: str, app: str) -> dict[str, str]:
    content = call.yaml_file(name)
    if app not in content:
        raise Refused(f'no settings found for "{app}" in {name}')
    return {key: text(value) for key, value in mapping(content[app]).items()}


def _configure(call: Command, app: App, values: dict[str, str]) -> None:
    parsed: dict[str, object] = {}
    for key, value in values.items():
        if key == 'trust':
            app.trust = value == 'true'
            continue
        _known_option(app, key)
        given = call.text_file(value[1:]) if value.startswith('@') else value
        parsed[key] = app.charm.options[key].parse(given)
    app.config.update(parsed)


def _known_option(app: App, key: str) -> None:
    if key not in app.charm.options:
        raise Refused(f'unknown option "{key}"')


def _take_resources(call: Command, app: App) -> None:
    for name, value in key_values(call.arguments.all('resource')).items():
        if name not in app.charm.resources:
            raise Refused(f'unknown resource "{name}"')
        source = call.path(value)
        folder = call.model.folder / 'resources' / app.name / name
        folder.mkdir(parents=True, exist_ok=True)
        try:
            app.resources[name] = Path(shutil.copy(source, folder / source.name))
        except OSError as error:
            raise Refused(f'cannot read resource "{name}": {error}') from error


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
