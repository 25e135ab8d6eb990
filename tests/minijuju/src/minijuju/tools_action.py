"""Hook tools that only actions may use. Results and failure are kept whatever the exit code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from minijuju.arguments import Refused
from minijuju.document import mapping
from minijuju.hooktools import Call, Output, tool

if TYPE_CHECKING:
    from minijuju.task import Task

_ACTION_KEY = re.compile(r'[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?')
_RESERVED = {'stdout', 'stderr', 'stdout-encoding', 'stderr-encoding'}


@tool('action-get', most=1, style='smart')
def _action_get(call: Call) -> Output:
    value: object = _action(call).params
    for key in call.positional[0].split('.') if call.positional else ():
        value = mapping(value).get(key)
    return Output(value)


@tool('action-set', most=None)
def _action_set(call: Call) -> None:
    results: dict[str, str] = {}
    for word in call.positional:
        key, equals, value = word.partition('=')
        if not equals:
            raise Refused(f'argument "{word}" must be of the form key...=value', code=2)
        for part in key.split('.'):
            if not _ACTION_KEY.fullmatch(part):
                raise Refused(
                    f'key "{part}" must start and end with lowercase alphanumeric, and contain '
                    'only lowercase alphanumeric, hyphens and periods',
                    code=2,
                )
            if part in _RESERVED:
                raise Refused(f'cannot set reserved action key "{part}"', code=2)
        results[key] = value
    _action(call).results.update(results)


@tool('action-log', most=None)
def _action_log(call: Call) -> None:
    if not call.positional:
        raise Refused('no message specified', code=2)
    _action(call).log.append(' '.join(call.positional))


@tool('action-fail', most=1)
def _action_fail(call: Call) -> None:
    default = 'action failed without reason given, check action for errors'
    _action(call).message = call.positional[0] if call.positional else default
    call.context.action_failed = True


def _action(call: Call) -> Task:
    task = call.context.task
    if task is None or not task.action:
        raise Refused('not running an action')
    return task
