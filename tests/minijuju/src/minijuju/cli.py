"""The juju command: its table of subcommands, and how one is run.

The subcommands themselves are in the modules ``cli_*``, by noun.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from minijuju.arguments import Arguments, Flag, Refused, flags, parse, refuse_excess
from minijuju.command import Command, check_controller
from minijuju.hooktools import Reply

if TYPE_CHECKING:
    from pathlib import Path

    from minijuju.agent import Agents
    from minijuju.controller import Controller

_NOUNS = (
    'applications',
    'charms',
    'config',
    'inspect',
    'machines',
    'models',
    'offers',
    'relations',
    'secrets',
    'tasks',
    'units',
)

Run: TypeAlias = Callable[[Command], str]


@dataclass(frozen=True)
class _Subcommand:
    run: Run
    known: dict[str, Flag]
    most: int | None
    interspersed: bool

    def parse(self, words: list[str]) -> Arguments:
        arguments = parse(words, self.known, interspersed=self.interspersed)
        refuse_excess(arguments, self.most)
        if controller := arguments.value('controller'):
            check_controller(controller)
        return arguments


_COMMANDS: dict[str, _Subcommand] = {}


def command(
    name: str, *options: str, most: int | None, interspersed: bool = True
) -> Callable[[Run], Run]:
    """Register a function as a subcommand.

    The function runs with the controller's lock held. ``--model`` and ``--format`` are understood
    everywhere.

    Args:
        name: the subcommand, and its other names: ``integrate|relate``.
        options: written as ``n|num-units=``; ``!`` before one that is refused as not supported.
            What is neither refused nor asked for has no effect on one machine.
        most: how many arguments it takes beside them, None for any number.
        interspersed: whether options may follow the first argument.
    """

    def register(run: Run) -> Run:
        shared = ('m|model=', 'format=', 'o|output=', 'color', 'no-color', 'utc', 'quiet')
        made = _Subcommand(run, flags((*shared, *options)), most, interspersed)
        for spelling in name.split('|'):
            _COMMANDS[spelling] = made
        return run

    return register


def run_command(
    controller: Controller, agents: Agents, args: list[str], cwd: Path, environment_model: str
) -> Reply:
    """Run one juju command and return what it prints."""
    name, rest = (args[0], args[1:]) if args else ('help', [])
    if name in {'help', '--help', '-h'}:
        return Reply(0, f'minijuju understands: {", ".join(sorted(_COMMANDS))}\n')
    found = _COMMANDS.get('version' if name == '--version' else name)
    if found is None:
        return Reply(2, '', f'ERROR "{name}" is not supported by minijuju: see "juju help"\n')
    notes: list[str] = []
    code, out = 0, ''
    try:
        arguments = found.parse(rest)
        call = Command(controller, agents, arguments, cwd, environment_model, notes)
        with controller.changed:
            out = found.run(call)
            controller.changed.notify_all()
        if target := arguments.value('output'):
            call.path(target).write_text(out, encoding='utf-8')
            out = ''
    except Refused as refused:
        code, out = refused.code, refused.stdout
        notes.append(f'ERROR {refused}')
    except OSError as error:
        code, out = 1, ''
        notes.append(f'ERROR {error}')
    return Reply(code, out, ''.join(f'{note}\n' for note in notes))


for _noun in _NOUNS:
    importlib.import_module(f'minijuju.cli_{_noun}')
