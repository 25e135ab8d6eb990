"""juju commands that reach a unit's machine past Juju: ssh and scp."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from minijuju.arguments import Refused
from minijuju.cli import command
from minijuju.cli_tasks import schedule, unit_on, wait_for

if TYPE_CHECKING:
    from minijuju.command import Command
    from minijuju.model import Unit

# Options of ssh(1) and scp(1) that take a value.
_WITH_VALUE = set('BbcDEeFIiJLlmOopPQRSsWwX')


@command(
    'ssh',
    '!container=',
    'no-host-key-checks',
    'proxy',
    'pty',
    most=None,
    interspersed=False,
)
def _ssh(call: Command) -> str:
    unit = _target(call, call.required(0, 'target name'))
    words = _without_options(list(call.arguments.positional[1:]))
    if not words:
        raise Refused('minijuju opens no shell: give a command')
    # ssh(1) joins the words and leaves them to a shell.
    task = schedule(call, unit, shell_line=' '.join(words), on_machine=True)
    wait_for(call, [task], None)
    if task.stderr:
        call.notes.append(task.stderr.removesuffix('\n'))
    if task.message:
        raise Refused(task.message)
    if task.return_code:
        code = task.return_code if 0 < task.return_code < 256 else 255
        raise Refused(f'exit status {task.return_code}', code=code, stdout=task.stdout)
    return task.stdout


@command('scp', '!container=', 'no-host-key-checks', 'proxy', most=None)
def _scp(call: Command) -> str:
    names = _without_options(list(call.arguments.positional))
    if len(names) < 2:
        raise Refused('at least two arguments required', code=2)
    *sources, target = [_place(call, name) for name in names]
    try:
        with call.unlocked():
            for source in sources:
                if source.is_dir():
                    into = target / source.name if target.is_dir() else target
                    shutil.copytree(source, into, symlinks=True, dirs_exist_ok=True)
                else:
                    shutil.copy(source, target)
    except (OSError, shutil.Error) as error:
        raise Refused(f'cannot copy to {names[-1]}: {error}') from error
    return ''


def _target(call: Command, name: str) -> Unit:
    name = name.rpartition('@')[2]
    return call.unit(name) if '/' in name else unit_on(call, name)


def _place(call: Command, name: str) -> Path:
    """Return the path of a file here, or of ``[user@]unit:path`` below the unit's charm folder."""
    target, colon, path = name.partition(':')
    if not colon or target.startswith(('.', '/')):
        return call.path(name)
    return _target(call, target).folder / path


def _without_options(words: list[str]) -> list[str]:
    """Return the words that follow options of ssh, which have no effect on one machine."""
    while words and words[0].startswith('-') and len(words[0]) > 1:
        option = words.pop(0)
        if option[-1] in _WITH_VALUE and len(option) == 2 and words:
            words.pop(0)
    return words
