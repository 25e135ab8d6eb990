"""juju commands that bring charms into a model."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from minijuju import lifecycle
from minijuju.arguments import Refused
from minijuju.artifact import load_artifact
from minijuju.charm import APP_NAME
from minijuju.cli import command
from minijuju.cli_applications import add_units
from minijuju.cli_config import options_given, parse_options, set_options
from minijuju.command import check_alive
from minijuju.model import App, Endpoint

if TYPE_CHECKING:
    from minijuju.charm import Charm
    from minijuju.command import Command


@command(
    'deploy',
    '!attach-storage=',
    'base=',
    'bind=',
    'channel=',
    'config=',
    'constraints=',
    'force',
    'n|num-units=',
    '!overlay=',
    'resource=',
    'revision=',
    '!storage=',
    '!to=',
    'trust',
    most=2,
)
def _deploy(call: Command) -> str:
    charm = _load(call, call.required(0, 'charm or bundle'))
    model = call.model
    check_alive(model)
    name = call.arguments.at(1) or charm.name
    if not APP_NAME.fullmatch(name):
        raise Refused(f'invalid application name "{name}"')
    if name in model.apps:
        raise Refused(f'cannot add application "{name}": application already exists')
    if name in model.saas:
        raise Refused(f'cannot add application "{name}": saas application already exists')
    count = call.count('num-units', 1)
    options = parse_options(call, charm, options_given(call, name))
    app = App(name, charm, 0, call.controller.clock.now())
    _take_resources(call, app, charm)
    app.revision = _next_revision(call, charm)
    app.trust = call.arguments.on('trust')
    set_options(app, options)
    model.apps[name] = app
    for spec in charm.endpoints.values():
        if spec.role == 'peer':
            lifecycle.add_relation(model, (Endpoint(name, spec),))
    add_units(call, app, count)
    base = '@'.join(charm.base)
    call.notes.append(
        f'Deploying "{name}" from local charm "{charm.name}", revision {app.revision} on {base}'
    )
    return ''


@command(
    'refresh',
    'base=',
    'bind=',
    'channel=',
    'config=',
    'force',
    'force-base',
    'force-units',
    'path=',
    'resource=',
    'revision=',
    '!storage=',
    '!switch=',
    'trust',
    most=1,
)
def _refresh(call: Command) -> str:
    name = call.required(0, 'application')
    charm = _load(call, call.arguments.value('path') or call.app(name).charm.name)
    app, model = call.app(name), call.model
    if charm.name != app.charm.name:
        raise Refused(f'cannot refresh "{app.name}": "{charm.name}" is another charm')
    for relation in model.relations_of(app.name):
        spec = relation.end_of(app.name).spec
        new = charm.endpoints.get(spec.name)
        if new is None or (new.interface, new.role) != (spec.interface, spec.role):
            raise Refused(f'would break relation "{" ".join(map(str, relation.ends))}"')
    options = parse_options(call, charm, options_given(call, app.name))
    _take_resources(call, app, charm)
    app.trust = app.trust or call.arguments.on('trust')
    if charm.digest != app.charm.digest:
        app.charm, app.revision = charm, _next_revision(call, charm)
        app.config = {key: value for key, value in app.config.items() if key in charm.options}
        known = {r.end_of(app.name).spec.name for r in model.relations_of(app.name)}
        for spec in charm.endpoints.values():
            if spec.role == 'peer' and spec.name not in known:
                lifecycle.add_relation(model, (Endpoint(app.name, spec),))
    app.forced = call.arguments.on('force') or call.arguments.on('force-units')
    set_options(app, options)
    call.notes.append(f'Added local charm "{charm.name}", revision {app.revision}, to the model')
    return ''


def _load(call: Command, reference: str) -> Charm:
    """Return the charm of a path or a name, without holding the lock meanwhile: hooks go on.

    Raises:
        Refused: there is none, or it does not fit this machine or the base asked for.
    """
    cache = call.controller.home / 'cache'
    with call.unlocked():
        if reference.startswith(('/', '.')):
            return _of_base(call, load_artifact(call.path(reference), cache))
        name = reference.removeprefix('ch:')
        folder = Path(call.controller.options.charms)
        if not call.controller.options.charms or not APP_NAME.fullmatch(name):
            raise Refused(
                'minijuju deploys local charms only: give the path of a .charm file, '
                f'not "{reference}", or install minijuju with --charms'
            )
        problems = ''
        # The newest base comes last in the alphabet, and is what Juju prefers.
        for path in sorted([*folder.glob(f'{name}.charm'), *folder.glob(f'{name}_*.charm')])[::-1]:
            charm = _load_or_say(call, path, cache)
            if not isinstance(charm, str):
                return charm
            problems += f'; {charm}'
        raise Refused(f'charm "{name}" not found in {folder}{problems}')


def _load_or_say(call: Command, path: Path, cache: Path) -> Charm | str:
    """Return the charm, or why it will not do."""
    try:
        return _of_base(call, load_artifact(path, cache))
    except Refused as refused:
        return str(refused)


def _of_base(call: Command, charm: Charm) -> Charm:
    wanted, has = call.arguments.value('base').partition('/')[0], '@'.join(charm.base)
    if wanted and wanted != has and not call.arguments.on('force'):
        raise Refused(
            f'base "{wanted}/stable" is not supported, supported bases are: {has}/stable'
        )
    return charm


def _next_revision(call: Command, charm: Charm) -> int:
    revisions = call.model.charm_revisions
    revisions[charm.name] = revisions.get(charm.name, -1) + 1
    return revisions[charm.name]


def _given_resources(call: Command) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in call.arguments.all('resource'):
        name, equals, value = word.partition('=')
        problem = '' if equals else f'badly formatted name value pair: {word}'
        if problem or name in found:
            problem = problem or f'duplicate name specified: "{name}"'
            raise Refused(f'invalid value "{word}" for option --resource: {problem}', code=2)
        found[name] = value
    return found


def _take_resources(call: Command, app: App, charm: Charm) -> None:
    for name, value in _given_resources(call).items():
        if name not in charm.resources:
            raise Refused(f'unknown resource "{name}"')
        source = call.path(value)
        folder = call.model.folder / 'resources' / app.name / name
        folder.mkdir(parents=True, exist_ok=True)
        try:
            app.resources[name] = Path(shutil.copy(source, folder / source.name))
        except OSError as error:
            raise Refused(f'cannot read resource "{name}": {error}') from error
