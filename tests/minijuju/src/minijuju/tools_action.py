"""Hook tools that only actions may use. Results and failure are kept whatever the exit code."""

from __future__ import annotations

import re

from minijuju.arguments import Refused
from minijuju.document import mapping
from minijuju.hooktools import Call, Output, tool

_ACTION_KEY = re.compile(r'[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?')
_RESERVED = {'stdout', 'stderr', 'stdout-encoding', 'stderr-encoding'}


@tool('action-get')
def _action_get(call: Call) -> Output:
    value: object = _task_params(call)
    for key in call.positional[0].split('.') if call.positional else ():
        value = mapping(value).get(key)
    return Output(value)


@tool('action-set')
def _action_set(call: Call) -> None:
    _task_params(call)
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
        if key in _RESERVED:
            raise Refused(f'cannot set reserved action key "{key}"', code=2)
        results[key] = value
    task = call.context.task
    if task is not None:
        task.results.update(results)


@tool('action-log')
def _action_log(call: Call) -> None:
    _task_params(call)
    if not call.positional:
        raise Refused('no message specified', code=2)
    task = call.context.task
    if task is not None:
        task.log.append(' '.join(call.positional))


@tool('action-fail')
def _action_fail(call: Call) -> None:
    _task_params(call)
    if len(call.positional) > 1:
        raise Refused(f'unrecognized args: {list(call.positional[1:])}', code=2)
    task = call.context.task
    if task is not None:
        default = 'action failed without reason given, check action for errors'
        task.message = call.arguments.at(0) or default
        call.context.action_failed = True


def _task_params(call: Call) -> dict[str, object]:
    task = call.context.task
    if task is None or not task.action:
        raise Refused('not running an action')
    return task.params
