"""juju commands that run something on units: actions and shell commands."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING

from minijuju.action_params import task_params
from minijuju.arguments import Refused
from minijuju.cli import Command, command
from minijuju.clock import parse_duration, rfc3339
from minijuju.document import dump, mapping, text, to_json
from minijuju.model import Task

if TYPE_CHECKING:
    from minijuju.model import Unit


@command('run', 'background', 'max-concurrent=', 'params=', 'string-args', 'wait=')
def _run(call: Command) -> str:
    words = call.arguments.positional
    names = [word for word in words if '/' in word and '=' not in word]
    rest = [word for word in words if word not in names]
    if not names:
        raise Refused('no unit specified', code=2)
    if not rest:
        raise Refused('no action specified', code=2)
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
        tasks.append(_schedule(call, unit, action=action, params=params))
    return _await(call, tasks, default='60s')


@command(
    'exec',
    'all',
    'a|app|application=',
    'background',
    'execution-group=',
    'machine=',
    'operator',
    'parallel',
    'u|unit=',
    'wait=',
)
def _exec(call: Command) -> str:
    units = _targets(call)
    words = call.arguments.positional
    if not words:
        raise Refused('no commands specified', code=2)
    shell_line = words[0] if len(words) == 1 else shlex.join(words)
    tasks = [_schedule(call, unit, shell_line=shell_line) for unit in units]
    return _await(call, tasks, default='5m')


@command('ssh', 'container=', 'no-host-key-checks', 'proxy', 'pty')
def _ssh(call: Command) -> str:
    unit = _by_name_or_machine(call, call.required(0, 'target').rpartition('@')[2])
    words = call.arguments.positional[1:]
    if not words:
        raise Refused('minijuju opens no shell: give a command')
    task = _schedule(call, unit, shell_line=' '.join(words))
    _wait_for(call, [task], None)
    if task.stderr:
        call.notes.append(task.stderr.rstrip('\n'))
    if task.return_code:
        raise Refused(f'exit status {task.return_code}', stdout=task.stdout)
    return task.stdout


@command('show-task', 'wait=', 'watch')
def _show_task(call: Command) -> str:
    task = call.model.tasks.get(call.required(0, 'task ID'))
    if task is None:
        raise Refused(f'task "{call.arguments.at(0)}" not found')
    return call.formatted(_document(task))


@command('actions', 'schema')
def _actions(call: Command) -> str:
    found = call.app(call.required(0, 'application')).charm.actions
    if call.arguments.value('format', 'tabular') != 'tabular':
        described = {
            name: {
                'description': spec.description,
                'parameters': {'type': 'object', 'properties': spec.params},
            }
            for name, spec in sorted(found.items())
        }
        return call.formatted(described)
    width = max(map(len, [*found, 'Action']))
    rows = [('Action', 'Description'), *sorted((n, s.description) for n, s in found.items())]
    return ''.join(f'{name:<{width}}  {about}'.rstrip() + '\n' for name, about in rows)


def _targets(call: Command) -> list[Unit]:
    names = [name for value in call.arguments.all('unit') for name in value.split(',')]
    names += [name for value in call.arguments.all('machine') for name in value.split(',')]
    units = [_by_name_or_machine(call, name) for name in names]
    for value in call.arguments.all('application'):
        units += [unit for name in value.split(',') for unit in call.app(name).units.values()]
    if call.arguments.on('all'):
        units += call.model.units()
    if not units:
        raise Refused('you must specify a target, either through --all, --machine, --unit', code=2)
    return units


def _by_name_or_machine(call: Command, name: str) -> Unit:
    if '/' in name:
        return call.unit(name)
    for unit in call.model.units():
        if str(unit.machine) == name:
            return unit
    raise Refused(f'machine {name} not found')


def _schedule(
    call: Command,
    unit: Unit,
    *,
    action: str = '',
    shell_line: str = '',
    params: dict[str, object] | None = None,
) -> Task:
    model = call.model
    now = call.controller.clock.now()
    task = Task(str(model.next_task), unit.name, action, shell_line, now, params or {})
    model.tasks[task.id] = task
    model.next_task += 1
    return task


def _wait_for(call: Command, tasks: list[Task], limit: str | None) -> None:
    length = parse_duration(limit) if limit is not None else None
    if limit is not None and length is None:
        raise Refused(f'invalid value "{limit}" for option --wait', code=2)
    deadline = None if length is None else time.monotonic() + length.total_seconds()
    call.controller.changed.notify_all()
    while not all(task.done for task in tasks):
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            late = ', '.join(f'unit {task.unit}' for task in tasks if not task.done)
            raise Refused(f'timed out waiting for results from: {late}')
        call.controller.changed.wait(left)


def _await(call: Command, tasks: list[Task], *, default: str) -> str:
    if call.arguments.on('background'):
        listed = ', '.join(task.id for task in tasks)
        call.notes.append(f'Scheduled task {listed}: check with "juju show-task"')
        return ''
    call.notes.append(
        f'Running operation with {len(tasks)} task{"s" if len(tasks) > 1 else ""}\n'
        + '\n'.join(f'  - task {task.id} on unit-{task.unit.replace("/", "-")}' for task in tasks)
        + '\n'
    )
    _wait_for(call, tasks, call.arguments.value('wait', default))
    documents = {task.unit: _document(task) for task in tasks}
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
        'unit': task.unit,
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


def _readable(tasks: list[Task]) -> str:
    parts: list[str] = []
    for task in tasks:
        head = f'{task.unit}:\n' if len(tasks) > 1 else ''
        if task.status == 'failed':
            head += f'Action id {task.id} failed: {task.message}\n'
        results = mapping(_document(task)['results'])
        stdout, stderr = text(results.pop('stdout', '')), text(results.pop('stderr', ''))
        results.pop('return-code')
        body = dump(results) if results and task.action else ''
        parts.append(head + ''.join(f'{line}\n' for line in task.log) + body + stdout + stderr)
    return '\n'.join(parts)
