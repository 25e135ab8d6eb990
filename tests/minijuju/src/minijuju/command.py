"""One call of ``juju``: what its arguments refer to."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from minijuju.arguments import Arguments, Refused, whole_number
from minijuju.document import dump, load, mapping, to_json
from minijuju.status import CONTROLLER, OWNER

if TYPE_CHECKING:
    from collections.abc import Generator

    from minijuju.agent import Agents
    from minijuju.controller import Controller
    from minijuju.model import App, Model, Unit

_FILE_LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True)
class Command:
    """One call of ``juju``."""

    controller: Controller
    agents: Agents
    arguments: Arguments
    cwd: Path
    environment_model: str = ''
    """What the caller has in JUJU_MODEL."""
    notes: list[str] = field(default_factory=list[str])
    """Lines for stderr."""

    @property
    def model(self) -> Model:
        """The model of ``--model``, of JUJU_MODEL, or the one last switched to.

        Raises:
            Refused: there is none.
        """
        name = self.arguments.value('model') or self.environment_model or self.selected()
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
        controller, colon, qualified = reference.rpartition(':')
        if colon:
            check_controller(controller)
        owner, _, name = qualified.rpartition('/')
        model = self.controller.models.get(name)
        if model is None or owner not in {'', OWNER}:
            raise Refused(f'model {CONTROLLER}:{owner or OWNER}/{name} not found')
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
            if not name:
                raise Refused(f'could not determine leader for "{app}"')
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
            Refused: it cannot be read, is no file or too large for what it is to hold.
        """
        path = self.path(name)
        try:
            if path.exists() and not path.is_file():
                raise Refused(f'cannot read {name}: not a file')
            with path.open('rb') as file:
                data = file.read(_FILE_LIMIT + 1)
            if len(data) > _FILE_LIMIT:
                raise Refused(f'cannot read {name}: more than {_FILE_LIMIT} bytes')
            return data.decode()
        except (OSError, UnicodeDecodeError) as error:
            raise Refused(f'cannot read {name}: {error}') from error

    def yaml_file(self, name: str) -> dict[str, object]:
        """Return the mapping in a YAML file; an empty file has an empty one.

        Raises:
            Refused: it cannot be read, or holds something else.
        """
        try:
            content = load(self.text_file(name))
        except yaml.YAMLError as error:
            raise Refused(f'cannot read {name}: {error}') from error
        found = mapping(content)
        if not found and content not in (None, {}):
            raise Refused(f'{name} must contain a YAML map with string keys')
        return found

    def count(self, option: str, default: int) -> int:
        """Return the number that an option gives.

        Raises:
            Refused: it is no number (exit code 2).
        """
        given = self.arguments.value(option, str(default))
        number = whole_number(given)
        if number is None:
            raise Refused(f'invalid value "{given}" for option --{option}', code=2)
        return number

    @contextmanager
    def unlocked(self) -> Generator[None]:
        """Let hooks and other commands go on meanwhile; models may change."""
        self.controller.changed.release()
        try:
            yield
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


def check_alive(model: Model) -> None:
    """Refuse to add to a model that is being destroyed."""
    if model.dying:
        raise Refused(f'model "{model.name}" is dying')


def check_controller(name: str) -> None:
    """Refuse every controller but the one that there is."""
    if name != CONTROLLER:
        raise Refused(f'controller {name} not found: minijuju has "{CONTROLLER}" only')
