"""Hook tools: the table of them, how one is called, and what its output looks like.

Texts and exit codes are those of Juju 3.6: 2 when arguments are refused, 1 when running fails.
The tools themselves are in the modules ``tools_*``.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import yaml

from minijuju.arguments import (
    Arguments,
    Flag,
    Refused,
    flags,
    key_values,
    parse,
    refuse_excess,
)
from minijuju.document import dump, scalars, sequence, to_json
from minijuju.operations import RelationHook

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from minijuju.context import HookContext
    from minijuju.model import Relation

RELATION = ('r=', 'relation=')
"""The options by which a tool takes a relation. A refusal shows the one that was given."""

_STYLES = {'smart': ('smart', 'json', 'yaml'), 'yaml': ('yaml', 'json')}
FILE_LIMIT = 64 * 1024 * 1024
"""Bytes that ``--file`` may have."""


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
class _File:
    """What ``--file`` holds, or why it cannot be had."""

    values: dict[str, str]
    problem: str = ''


@dataclass(frozen=True)
class Call:
    """One call of a hook tool."""

    context: HookContext
    arguments: Arguments
    cwd: Path
    file: _File

    @property
    def positional(self) -> tuple[str, ...]:
        """The arguments that are no options."""
        return self.arguments.positional

    def file_values(self, code: int = 1) -> dict[str, str]:
        """Return the mapping in the YAML or JSON of ``--file``, where ``-`` is stdin.

        Raises:
            Refused: there is no such file or it is no mapping of texts (exit code ``code``).
        """
        if self.file.problem:
            raise Refused(self.file.problem, code=code)
        return self.file.values

    def changes(self) -> dict[str, str]:
        """Return the ``k=v`` arguments over the mapping of ``--file``.

        Raises:
            Refused: one of both is not as it has to be.
        """
        given = key_values(self.positional, trim=True)
        return self.file_values() | given

    def relation(self) -> Relation:
        """Return the relation of ``-r``, or else the one that the hook is about.

        Raises:
            Refused: it is unknown to the unit, or none is named (exit code 2).
        """
        relation = self.relation_or_none()
        if relation is None:
            raise Refused('no relation id specified', code=2)
        return relation

    def relation_or_none(self) -> Relation | None:
        """Return what ``relation`` does, but None where no relation is named.

        Raises:
            Refused: ``-r`` is unknown to the unit (exit code 2).
        """
        for option in ('relation', 'r'):
            given = self.arguments.value(option)
            if option in self.arguments.values:
                number = given.rpartition(':')[2]
                known = bool(re.fullmatch(r'[+-]?[0-9]{1,18}', number))
                relation = self.context.relation(int(number)) if known else None
                if relation is None:
                    shown = f'--{option}' if len(option) > 1 else f'-{option}'
                    why = 'relation not found' if known else 'invalid relation id'
                    raise Refused(f'invalid value "{given}" for option {shown}: {why}', code=2)
                return relation
        op = self.context.op
        return self.context.relation(op.relation) if isinstance(op, RelationHook) else None


Run: TypeAlias = Callable[[Call], 'Output | str | None']


@dataclass(frozen=True)
class _Tool:
    run: Run
    known: dict[str, Flag]
    most: int | None
    style: str

    def check(self, call: Call) -> None:
        """Refuse what Juju refuses for every tool alike: a format, a relation, excess."""
        style = call.arguments.value('format', self.style)
        if self.style and style not in _STYLES[self.style]:
            wrong = f'invalid value "{style}" for option --format: unknown format "{style}"'
            raise Refused(wrong, code=2)
        call.relation_or_none()
        refuse_excess(call.arguments, self.most)


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
    'leader-get',
    'leader-set',
    'payload-register',
    'payload-status-set',
    'payload-unregister',
    'pod-spec-get',
    'pod-spec-set',
    'storage-add',
    'storage-get',
    'unit-get',
)


def names() -> list[str]:
    """Return the names of all tools, also of those that only refuse."""
    return sorted({*TOOLS, *_REFUSED})


def tool(name: str, *options: str, most: int | None = 0, style: str = '') -> Callable[[Run], Run]:
    """Register a function as a hook tool.

    It returns an ``Output``, or the very text to print, or nothing.

    Args:
        name: the tool's name.
        options: what it takes, written as ``a|all`` or ``file=``.
        most: how many arguments it takes beside them, None for any number.
        style: how an ``Output`` is printed without ``--format``: ``smart`` or ``yaml``. A tool
            without a style has no ``--format``.
    """
    shown = ('format=', 'o|output=') if style else ()

    def register(run: Run) -> Run:
        TOOLS[name] = _Tool(run, flags((*shown, *options)), most, style)
        return run

    return register


def run_tool(
    held: AbstractContextManager[HookContext], name: str, args: list[str], cwd: Path, stdin: str
) -> Reply:
    """Run one hook tool and return what it prints.

    Args:
        held: gives the hook's context, with the controller's lock held as long as it is open.
            Reading ``--file`` and printing are done without: they may take long.
        name: the tool.
        args: its arguments.
        cwd: where it is called.
        stdin: what it reads from ``--file -``.
    """
    found = TOOLS.get(name)
    if found is None:
        return Reply(1, '', f'ERROR {name} is not supported by minijuju\n')
    try:
        arguments = parse(args, found.known)
        file = _read_file(arguments.value('file'), cwd, stdin)
        with held as context:
            call = Call(context, arguments, cwd, file)
            found.check(call)
            output = found.run(call)
        if not isinstance(output, Output):
            return Reply(0, output or '')
        printed = _format(output.value, arguments.value('format', found.style))
        target = arguments.value('output')
        if target:
            (cwd / target).write_text(printed, encoding='utf-8')
        return Reply(0, '' if target else printed)
    except Refused as refused:
        return Reply(refused.code, '', f'ERROR {refused}\n')
    except OSError as error:
        return Reply(1, '', f'ERROR {error}\n')


def _read_file(name: str, cwd: Path, stdin: str) -> _File:
    if not name:
        return _File({})
    try:
        return _File(scalars(stdin if name == '-' else _text(cwd / name)))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        return _File({}, f'cannot read --file {name}: {error}')


def _text(path: Path) -> str:
    with path.open('rb') as file:
        data = file.read(FILE_LIMIT + 1)
    if len(data) > FILE_LIMIT:
        raise ValueError(f'it has more than {FILE_LIMIT} bytes')
    return data.decode()


def _format(value: object, style: str) -> str:
    if style == 'json':
        return to_json(value) + '\n'
    if value is None:
        return ''
    if style == 'smart':
        if isinstance(value, bool):
            return f'{value}\n'
        if isinstance(value, str):
            return f'{value}\n' if value else ''
        items = sequence(value)
        if items == value and all(isinstance(item, str) for item in items):
            return ''.join(f'{item}\n' for item in items)
    return dump(value).removesuffix('...\n')


for _kind in ('action', 'relation', 'secret', 'secret_read', 'unit'):
    importlib.import_module(f'minijuju.tools_{_kind}')
