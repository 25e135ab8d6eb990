"""The juju command: its table of subcommands and what they share.

The subcommands themselves are in the modules ``cli_*``, by noun.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import yaml

from minijuju.arguments import Arguments, Flag, Refused, flags, parse
from minijuju.artifact import load_artifact
from minijuju.document import dump, load, mapping, to_json
from minijuju.hooktools import Reply

if TYPE_CHECKING:
    from minijuju.agent import Agents
    from minijuju.charm import Charm
    from minijuju.controller import Controller
    from minijuju.model import App, Model, Unit

_NOUNS = ('applications', 'inspect', 'models', 'relations', 'secrets', 'tasks', 'units')


@dataclass(frozen=True)
class Command:
    """One call of ``juju``."""

    controller: Controller
    agents: Agents
    arguments: Arguments
    cwd: Path
    notes: list[str] = field(default_factory=list[str])
    """Lines for stderr."""

    @property
    def model(self) -> Model:
        """The model of ``--model``, or the one last switched to.

        Raises:
            Refused: there is none.
        """
        name = self.arguments.value('model') or self.selected()
        if not name:
            raise Refused('No model in focus: use "juju switch" or --model')
        return self.find_model(name)

    def selected(self) -> str:
        """Return the model last switched to, empty for none."""
        try:
            return self._selection().read_text(encoding='utf-8').strip()
        except FileNotFoundError:
            return ''

    def select(self, name: str) -> None:
        """Make a model the current one; an empty name makes it none."""
        self._selection().write_text(name, encoding='utf-8')

    def find_model(self, reference: str) -> Model:
        """Return the model of ``[controller:][user/]model``.

        Raises:
            Refused: there is no such model.
        """
        name = reference.rpartition(':')[2].rpartition('/')[2]
        model = self.controller.models.get(name)
        if model is None:
            raise Refused(f'model minijuju:admin/{name} not found')
        return model

    def app(self, name: str) -> App:
        """Return an application.

        Raises:
            Refused: there is no such application.
        """
        app = self.model.apps.get(name)
        if app is None:
            raise Refused(f'application "{name}" not found')
        return app

    def unit(self, name: str) -> Unit:
        """Return a unit; ``app/leader`` is the application's leader.

        Raises:
            Refused: there is no such unit.
        """
        app, slash, number = name.partition('/')
        if slash and number == 'leader':
            name = self.app(app).leader
        unit = self.model.unit(name)
        if unit is None:
            raise Refused(f'unit "{name}" not found')
        return unit

    def required(self, index: int, what: str) -> str:
        """Return a positional argument.

        Raises:
            Refused: it is missing (exit code 2).
        """
        value = self.arguments.at(index)
        if not value:
            raise Refused(f'no {what} specified', code=2)
        return value

    def path(self, name: str) -> Path:
        """Return a path of the command line, relative to the caller's folder."""
        return self.cwd / Path(name).expanduser()

    def text_file(self, name: str) -> str:
        """Return a file's text.

        Raises:
            Refused: it cannot be read.
        """
        try:
            return self.path(name).read_text(encoding='utf-8')
        except (OSError, UnicodeDecodeError) as error:
            raise Refused(f'cannot read {name}: {error}') from error

    def yaml_file(self, name: str) -> dict[str, object]:
        """Return the mapping in a YAML file.

        Raises:
            Refused: it cannot be read.
        """
        try:
            return mapping(load(self.text_file(name)))
        except yaml.YAMLError as error:
            raise Refused(f'cannot read {name}: {error}') from error

    def load_charm(self, reference: str) -> Charm:
        """Return the charm in a file, without holding the lock meanwhile: hooks go on.

        Raises:
            Refused: it is no charm, or does not fit this machine.
        """
        self.controller.changed.release()
        try:
            return load_artifact(self.path(reference), self.controller.home / 'cache')
        finally:
            self.controller.changed.acquire()

    def formatted(self, value: object, default: str = 'yaml') -> str:
        """Return the value in the format asked for: json or yaml."""
        match self.arguments.value('format', default):
            case 'json':
                return to_json(value) + '\n'
            case 'yaml' | 'tabular':
                return dump(value)
            case other:
                raise Refused(f'invalid value "{other}" for option --format', code=2)

    def _selection(self) -> Path:
        return self.controller.home / 'current-model'


Run: TypeAlias = Callable[[Command], str]


@dataclass(frozen=True)
class _Subcommand:
    run: Run
    known: dict[str, Flag]


_COMMANDS: dict[str, _Subcommand] = {}


def command(name: str, *options: str) -> Callable[[Run], Run]:
    """Register a function as a subcommand; options are written as ``n|num-units=``.

    The function runs with the controller's lock held. ``--model`` and ``--format`` are understood
    everywhere.
    """

    def register(run: Run) -> Run:
        shared = ('m|model=', 'format=', 'o|output=', 'color', 'no-color', 'utc', 'quiet')
        _COMMANDS[name] = _Subcommand(run, flags((*shared, *options)))
        return run

    return register


def run_command(controller: Controller, agents: Agents, args: list[str], cwd: Path) -> Reply:
    """Run one juju command and return what it prints."""
    name, rest = (args[0], args[1:]) if args else ('help', [])
    if name in {'help', '--help', '-h'}:
        return Reply(0, f'minijuju understands: {", ".join(sorted(_COMMANDS))}\n')
    found = _COMMANDS.get(name)
    if found is None:
        return Reply(2, '', f'ERROR "{name}" is not supported by minijuju: see "juju help"\n')
    notes: list[str] = []
    code, out = 0, ''
    try:
        call = Command(controller, agents, parse(rest, found.known), cwd, notes)
        with controller.changed:
            out = found.run(call)
            controller.changed.notify_all()
    except Refused as refused:
        code, out = refused.code, refused.stdout
        notes.append(f'ERROR {refused}')
    return Reply(code, out, ''.join(f'{note}\n' for note in notes))


for _noun in _NOUNS:
    importlib.import_module(f'minijuju.cli_{_noun}')
