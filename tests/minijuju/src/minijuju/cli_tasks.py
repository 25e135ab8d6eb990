"""juju commands that run something on units: actions and shell commands."""

from __future__ import annotations

import re
import shlex
import time
from typing import TYPE_CHECKING

from minijuju.action_params import task_params
from minijuju.arguments import Refused
from minijuju.cli import command
from minijuju.clock import parse_duration, rfc3339
from minijuju.document import dump, mapping, text, to_json
from minijuju.machine import run_on_machine
from minijuju.task import Task

if TYPE_CHECKING:
    from datetime import timedelta

    from minijuju.charm import ActionSpec
    from minijuju.command import Command
    from minijuju.model import Unit


@command(
    'run',
    'background',
    '!max-concurrent=',
    'params=',
    'string-args',
    'wait=',
    most=None,
)
def _run(call: Command) -> str:
    words = call.arguments.positional
    names = [word for word in words if '/' in word and '=' not in word]
    rest = [word for word in words if word not in names]
    if not names:
        raise Refused('no unit specified', code=2)
    if not rest:
        raise Refused('no action specified', code=2)
    limit = _limit(call, '60s')
    action, units = rest[0], [call.unit(name) for name in names]
    missing = [unit for unit in units if action not in unit.charm.actions]
    if missing:
        call.model.next_task += 1
        call.notes.append(f'Operation {call.model.next_task - 1} failed to schedule any tasks:')
        call.notes.extend(f'action "{action}" not defined on unit "{u.name}"' for u in missing)
        return ''
    tasks: list[Task] = []
    for unit in units:
        params = task_params(call, unit.charm.actions[action], rest[1:])
        tasks.append(schedule(call, unit, action=action, params=params))
    return _await(call, tasks, limit)


@command(
    'exec',
    'all',
    'a|app|application=',
    'background',
    'execution-group=',
    'machine=',
    '!operator',
    'parallel',
    'u|unit=',
    'wait=',
    most=None,
)
def _exec(call: Command) -> str:
    words = call.arguments.positional
    if not words:
        raise Refused('no commands specified', code=2)
    limit = _limit(call, '5m')
    shell_line = words[0] if len(words) == 1 else shlex.join(words)
    units, machines = _targets(call)
    tasks = [schedule(call, unit, shell_line=shell_line) for unit in units]
    tasks += [schedule(call, u, shell_line=shell_line, on_machine=True) for u in machines]
    return _await(call, tasks, limit)


@command('show-task', '!wait=', '!watch', most=1)
def _show_task(call: Command) -> str:
    task = call.model.tasks.get(call.required(0, 'task ID'))
    if task is None:
        raise Refused(f'task "{call.arguments.at(0)}" not found')
    return call.formatted(_document(task))


@command('actions|list-actions', 'schema', most=1)
def _actions(call: Command) -> str:
    app = call.app(call.required(0, 'application name'))
    found = sorted(app.charm.actions.items())
    style = call.arguments.value('format', 'yaml' if call.arguments.on('schema') else 'tabular')
    if call.arguments.on('schema'):
        return call.formatted({name: _schema(spec) for name, spec in found}, style)
    described = {name: spec.description or 'No description' for name, spec in found}
    if not found:
        call.notes.append(f'No actions defined for {app.name}.')
    if style != 'tabular':
        return call.formatted(described)
    width = max(map(len, [*described, 'Action']))
    rows = [('Action', 'Description'), *described.items()]
    return ''.join(f'{name:<{width}}  {about}'.rstrip() + '\n' for name, about in rows)


def _schema(spec: ActionSpec) -> dict[str, object]:
    return {
        'title': spec.name,
        'description': spec.description,
        'type': 'object',
        'properties': spec.params,
        'required': list(spec.required),
        'additionalProperties': spec.additional,
    }


def _targets(call: Command) -> tuple[list[Unit], list[Unit]]:
    """Return the units to run on, and those on whose machines to run without a hook's context."""
    given = {
        kind: [name for value in call.arguments.all(kind) for name in value.split(',')]
        for kind in ('unit', 'application', 'machine')
    }
    everywhere = call.arguments.on('all')
    for kind, names in given.items():
        if everywhere and names:
            raise Refused(f'You cannot specify --all and individual {kind}s', code=2)
    if not everywhere and not any(given.values()):
        raise Refused(
            'You must specify a target, either through --all, --machine, --application or --unit',
            code=2,
        )
    units = [call.unit(name) for name in given['unit']]
    units += [unit for name in given['application'] for unit in call.app(name).units.values()]
    machines = [unit_on(call, name) for name in given['machine']]
    return units, machines or [unit for unit in call.model.units() if everywhere]


def unit_on(call: Command, machine: str) -> Unit:
    """Return the unit on a machine.

    Raises:
        Refused: there is no such machine.
    """
    for unit in call.model.units():
        if str(unit.machine) == machine:
            return unit
    raise Refused(f'machine {machine} not found')


def schedule(
    call: Command,
    unit: Unit,
    *,
    action: str = '',
    shell_line: str = '',
    params: dict[str, object] | None = None,
    on_machine: bool = False,
) -> Task:
    """Return a new task: an action, a command in the unit's context, or one on its machine."""
    model, now = call.model, call.controller.clock.now()
    task = Task(str(model.next_task), unit.name, action, shell_line, now, params=params or {})
    model.tasks[task.id] = task
    model.next_task += 1
    if on_machine:
        task.machine = str(unit.machine)
        run_on_machine(call.controller, model, unit, task)
    return task


def wait_for(call: Command, tasks: list[Task], limit: timedelta | None) -> None:
    """Wait until all tasks are done.

    Raises:
        Refused: the limit was too short.
    """
    deadline = None if limit is None else time.monotonic() + limit.total_seconds()
    call.controller.changed.notify_all()
    while not all(task.done for task in tasks):
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            late = ', '.join(_receiver(task) for task in tasks if not task.done)
            raise Refused(f'timed out waiting for results from: {late}')
        call.controller.changed.wait(left)


def _limit(call: Command, default: str) -> timedelta:
    given = call.arguments.value('wait', default)
    length = parse_duration(given)
    if length is None:
        raise Refused(f'invalid value "{given}" for option --wait', code=2)
    return length


def _await(call: Command, tasks: list[Task], limit: timedelta) -> str:
    if call.arguments.on('background'):
        listed = ', '.join(task.id for task in tasks)
        call.notes.append(f'Scheduled task {listed}: check with "juju show-task"')
        return ''
    call.notes.append(
        f'Running operation with {len(tasks)} task{"s" if len(tasks) > 1 else ""}\n'
        + '\n'.join(f'  - task {t.id} on {re.sub("[ /]", "-", _receiver(t))}' for t in tasks)
        + '\n'
    )
    wait_for(call, tasks, limit)
    documents = {task.machine or task.unit: _document(task) for task in tasks}
    match call.arguments.value('format', 'plain'):
        case 'json':
            out = to_json(documents) + '\n'
        case 'yaml':
            out = dump(documents)
        case _:
            out = _readable(tasks)
    broken = [task for task in tasks if task.return_code]
    if broken:
        listed = '\n'.join(f' - id "{t.id}" with return code {t.return_code}' for t in broken)
        what = 'task' if len(broken) == 1 else 'tasks'
        raise Refused(
            f'the following {what} failed:\n{listed}\n\n'
            "use 'juju show-task' to inspect the failure",
            stdout=out,
        )
    return out


def _document(task: Task) -> dict[str, object]:
    results: dict[str, object] = {}
    for key, value in task.results.items():
        *parents, last = key.split('.')
        place = results
        for parent in parents:
            inner = mapping(place.get(parent))
            place[parent] = inner
            place = inner
        place[last] = value
    results['return-code'] = task.return_code
    if task.stdout:
        results['stdout'] = task.stdout
    if task.stderr:
        results['stderr'] = task.stderr
    found: dict[str, object] = {
        'id': task.id,
        'status': task.status,
        ('machine' if task.machine else 'unit'): task.machine or task.unit,
        'results': results,
        'timing': {
            key: rfc3339(moment)
            for key, moment in (
                ('enqueued', task.enqueued),
                ('started', task.started),
                ('completed', task.completed),
            )
            if moment is not None
        },
    }
    if task.message:
        found['message'] = task.message
    if task.log:
        found['log'] = task.log
    return found


def _receiver(task: Task) -> str:
    return f'machine {task.machine}' if task.machine else f'unit {task.unit}'


def _readable(tasks: list[Task]) -> str:
    parts: list[str] = []
    for task in tasks:
        head = f'{task.machine or task.unit}:\n' if len(tasks) > 1 else ''
        if task.status == 'failed':
            head += f'Action id {task.id} failed: {task.message}\n'
        results = mapping(_document(task)['results'])
        stdout, stderr = text(results.pop('stdout', '')), text(results.pop('stderr', ''))
        results.pop('return-code')
        body = dump(results) if results and task.action else ''
        parts.append(head + ''.join(f'{line}\n' for line in task.log) + body + stdout + stderr)
    return '\n'.join(parts)
