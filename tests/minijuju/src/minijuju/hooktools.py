"""Hook tools: the table of them, how one is called, and what its output looks like.

Texts and exit codes are those of Juju 3.6: 2 when arguments are refused, 1 when running fails.
The tools themselves are in the modules ``tools_*``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import yaml

from minijuju.arguments import Arguments, Flag, Refused, flags, parse
from minijuju.document import dump, load, mapping, sequence, text, to_json
from minijuju.operations import RelationHook

if TYPE_CHECKING:
    from pathlib import Path

    from minijuju.context import HookContext
    from minijuju.model import Relation


@dataclass(frozen=True)
class Reply:
    """What a command prints and its exit code."""

    code: int = 0
    stdout: str = ''
    stderr: str = ''


@dataclass(frozen=True)
class Output:
    """A value that a tool prints in the format asked for; null is a value too."""

    value: object


@dataclass(frozen=True)
class Call:
    """One call of a hook tool."""

    context: HookContext
    arguments: Arguments
    cwd: Path
    stdin: str

    @property
    def positional(self) -> tuple[str, ...]:
        """The arguments that are no options."""
        return self.arguments.positional

    def file_values(self) -> dict[str, str]:
        """Return the mapping in the YAML or JSON of ``--file``, where ``-`` is stdin."""
        name = self.arguments.value('file')
        if not name:
            return {}
        try:
            content = self.stdin if name == '-' else (self.cwd / name).read_text(encoding='utf-8')
            return {key: text(value) for key, value in mapping(load(content)).items()}
        except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
            raise Refused(f'cannot read --file {name}: {error}', code=2) from error

    def relation(self, option: str = '-r') -> Relation:
        """Return the relation of ``-r``, or else the one that the hook is about.

        Args:
            option: the spelling that a refusal shows.

        Raises:
            Refused: it is unknown to the unit, or none is named (exit code 2).
        """
        given = self.arguments.value('relation')
        if given:
            number = given.rpartition(':')[2]
            relation = self.context.relation(int(number)) if number.isdigit() else None
            if relation is None:
                message = f'invalid value "{given}" for option {option}: relation not found'
                raise Refused(message, code=2)
            return relation
        op = self.context.op
        relation = self.context.relation(op.relation) if isinstance(op, RelationHook) else None
        if relation is None:
            raise Refused('no relation id specified', code=2)
        return relation


Run: TypeAlias = Callable[[Call], 'Output | None']


@dataclass(frozen=True)
class _Tool:
    run: Run
    known: dict[str, Flag]


TOOLS: dict[str, _Tool] = {}
"""Every tool by its name."""

_REFUSED = (
    'add-metric',
    'credential-get',
    'juju-reboot',
    'k8s-raw-get',
    'k8s-raw-set',
    'k8s-spec-get',
    'k8s-spec-set',
    'payload-register',
    'payload-status-set',
    'payload-unregister',
    'pod-spec-get',
    'pod-spec-set',
    'storage-add',
    'storage-get',
)


def names() -> list[str]:
    """Return the names of all tools, also of those that only refuse."""
    return sorted({*TOOLS, *_REFUSED})


def tool(name: str, *options: str) -> Callable[[Run], Run]:
    """Register a function as a hook tool; options are written as ``r|relation=``."""

    def register(run: Run) -> Run:
        TOOLS[name] = _Tool(run, flags(('format=', 'o|output=', *options)))
        return run

    return register


def run_tool(context: HookContext, name: str, args: list[str], cwd: Path, stdin: str) -> Reply:
    """Run one hook tool and return what it prints."""
    found = TOOLS.get(name)
    if found is None:
        return Reply(1, '', f'ERROR {name} is not supported by minijuju\n')
    try:
        arguments = parse(args, found.known)
        output = found.run(Call(context, arguments, cwd, stdin))
        return Reply(0, _format(output, arguments.value('format', 'smart')))
    except Refused as refused:
        return Reply(refused.code, '', f'ERROR {refused}\n')


def _format(output: Output | None, style: str) -> str:
    if output is None:
        return ''
    match style:
        case 'json':
            return to_json(output.value) + '\n'
        case 'yaml':
            return dump(output.value)
        case 'smart':
            return _smart(output.value)
        case _:
            raise Refused(f'invalid value "{style}" for option --format', code=2)


def _smart(value: object) -> str:
    if value is None or value in ('', {}, []):
        return ''
    if isinstance(value, bool):
        return f'{value}\n'
    items = sequence(value)
    if items and all(isinstance(item, str) for item in items):
        return '\n'.join(map(str, items)) + '\n'
    return dump(value) if items or mapping(value) else f'{value}\n'


for _kind in ('action', 'relation', 'secret', 'secret_read', 'unit'):
    importlib.import_module(f'minijuju.tools_{_kind}')
