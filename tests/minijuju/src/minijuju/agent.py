"""Unit agents: threads that take the next operation of any unit, run it and record the end."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from datetime import timedelta
from typing import TYPE_CHECKING

from minijuju import artifact, lifecycle, progress
from minijuju.dispatch import hook_command
from minijuju.environment import hook_environment
from minijuju.interpreter import python_folder
from minijuju.operations import (
    UPDATE_STATUS,
    EnterScope,
    LeaveScope,
    LifecycleHook,
    RelationHook,
    Remove,
    RunTask,
    SecretHook,
)
from minijuju.outputs import Output, follow
from minijuju.processes import kill_group, kill_marked, start
from minijuju.resolver import config_digest, next_op, wake_at
from minijuju.status import agent_status, workload_status
from minijuju.unpack import remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from minijuju.charm import Charm
    from minijuju.context import HookContext
    from minijuju.controller import Controller
    from minijuju.model import Model, Unit
    from minijuju.operations import Hook, Op
    from minijuju.task import Task

_REST = timedelta(seconds=0.3)  # of a unit whose hook was killed: some always kill themselves
_LONGEST_WAIT = 3600.0  # seconds; the machine's clock may be set meanwhile


class Agents:
    """The agents of all units. One unit's hooks never overlap; other units' hooks may.

    There are as many threads as hooks may run at once. A charm process dies with the thread that
    started it, so that each waits for its own. One whose hook takes long gets a substitute, and
    ends with the hook: charms that hang hold up nobody else, as under Juju.
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    def begin(self) -> None:
        """Start the threads."""
        for _ in range(self._controller.options.jobs):
            self._begin_one()

    def _begin_one(self) -> None:
        threading.Thread(target=self._work, name='agent', daemon=True).start()

    def _work(self) -> None:
        relieved = threading.Event()

        def relieve() -> None:
            relieved.set()
            self._begin_one()

        try:
            while not relieved.is_set():
                context, config, old = self._take()
                patience = threading.Timer(self._controller.options.long_hook, relieve)
                patience.daemon = True
                patience.start()
                code, outputs = self._run_safely(context, old)
                patience.cancel()
                self._finish(context, config, code, outputs)
        except BaseException:
            # Units that silently stop are worse than a daemon that ends with its reason in a log.
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)

    def _run_safely(self, context: HookContext, old: Charm | None) -> tuple[int, list[Output]]:
        outputs = [self._output(context, level) for level in ('DEBUG', 'WARNING')]
        try:
            return self._run(context, old, outputs), outputs
        except OSError as error:
            # A charm may do anything to its folder.
            self._log(context, 'ERROR', f'cannot run the charm: {error}')
            return 1, outputs
        except Exception:
            self._log(context, 'ERROR', traceback.format_exc())
            return 1, outputs

    def _output(self, context: HookContext, level: str) -> Output:
        unit, op, task = context.unit.name, context.op, context.task
        name = op.name if isinstance(op, LifecycleHook | RelationHook | SecretHook) else ''
        module = f'unit.{unit}.{name or (task and task.action) or "juju-exec"}'

        def tell(lines: list[str]) -> None:
            self._controller.log(context.model, unit, module, level, *lines)

        return Output(tell)

    def _take(self) -> tuple[HookContext, object, Charm | None]:
        """Wait for a unit with a process to run, and mark it as running."""
        controller = self._controller
        with controller.changed:
            while True:
                found = self._find()
                if found is None:
                    controller.changed.wait(self._time_to_wake())
                    continue
                model, unit, op = found
                now = controller.clock.now()
                old = self._replaced_charm(model, unit, op)
                if isinstance(op, RunTask):
                    task = model.tasks[op.task]
                    task.status, task.started = 'running', now
                elif isinstance(op, LifecycleHook | RelationHook | SecretHook):
                    progress.begin(model, unit, op, now)
                unit.running = op
                if op != UPDATE_STATUS:
                    unit.agent_since = now
                    unit.record('juju-unit', agent_status(model, unit, now))
                context = controller.open_context(model, unit, op)
                controller.changed.notify_all()
                return context, config_digest(model, unit), old

    def _find(self) -> tuple[Model, Unit, Op] | None:
        """Return the unit that has waited longest; operations without a process are done here."""
        now = self._controller.clock.now()
        for model, unit in sorted(self._ready(), key=lambda found: found[1].served):
            if unit.rests_until is not None and now < unit.rests_until:
                continue
            unit.rests_until = None
            while op := next_op(model, unit, now):
                if not self._without_process(model, unit, op):
                    return model, unit, op
                self._controller.changed.notify_all()
                if isinstance(op, Remove):
                    return self._find()
        return None

    def _ready(self) -> Iterator[tuple[Model, Unit]]:
        """Yield the units of all models of which nothing runs."""
        for model in self._controller.models.values():
            for unit in model.units():
                if unit.running is None:
                    yield model, unit

    def _without_process(self, model: Model, unit: Unit, op: Op) -> bool:
        match op:
            case EnterScope():
                lifecycle.enter_scope(model, unit, op.relations)
            case LeaveScope():
                lifecycle.leave_scope(model, unit, op.relation)
            case Remove():
                self.remove(model, unit)
            case _:
                return False
        return True

    def remove(self, model: Model, unit: Unit) -> None:
        """End a unit now, with all its processes and its folder. Hold the lock."""
        mark = f'JUJU_CONTEXT_ID={self._controller.mark}'
        names = (f'JUJU_UNIT_NAME={unit.name}\0', f'JUJU_MODEL_UUID={model.uuid}')
        kill_marked(mark.encode(), *(name.encode() for name in names))
        for context in [*self._controller.contexts.values()]:
            if context.unit is unit:
                del self._controller.contexts[context.id]
                process = self._controller.processes.get(context.id)
                if process is not None:
                    kill_group(process)
        lifecycle.drop_unit(model, unit)
        remove_tree(unit.folder.parent)

    def skip(self, model: Model, unit: Unit) -> None:
        """Count the failed hook of a unit as run. Hold the lock."""
        op = unit.failure.op if unit.failure is not None else None
        if isinstance(op, LifecycleHook | RelationHook | SecretHook):
            now = self._controller.clock.now()
            progress.succeed(model, unit, op, config_digest(model, unit), now)

    def _time_to_wake(self) -> float | None:
        controller = self._controller
        now = controller.clock.now()
        found = (wake_at(model, unit) for model, unit in self._ready())
        moments = [moment for moment in found if moment is not None]
        if not moments:
            return None
        return min(max((min(moments) - now).total_seconds(), 0.01), _LONGEST_WAIT)

    def _replaced_charm(self, model: Model, unit: Unit, op: Op) -> Charm | None:
        """Take up a new charm when it is time to, and return the one whose files are there."""
        app = model.apps[unit.app]
        new = unit.charm.digest != app.charm.digest
        upgrade = new and op == LifecycleHook('upgrade-charm')
        forced = new and app.forced and unit.failure is not None
        if op == LifecycleHook('install') or upgrade or forced:
            old, unit.charm = unit.charm, app.charm
            if upgrade:
                unit.queued = 'upgrade-charm'
            return old
        return None

    def _run(self, context: HookContext, old: Charm | None, outputs: list[Output]) -> int:
        unit, controller = context.unit, self._controller
        if old is not None:
            artifact.install_into(unit.charm, unit.folder, old)
        if not unit.folder.is_dir():
            raise FileNotFoundError(f'its folder {unit.folder} is gone')
        command = hook_command(context)
        if not command:
            self._log(context, 'INFO', 'skipped: the charm has neither dispatch nor such a hook')
            return 0
        paths = [controller.home / 'tools']
        if unit.charm.python:
            paths.append(python_folder(unit.charm, controller.home / 'pythons'))
        environment = hook_environment(
            context, paths=paths, port=controller.port, offset=controller.clock.offset
        )
        process = start(command, folder=unit.folder, environment=environment)
        with controller.changed:
            controller.processes[context.id] = process
            if context.id not in controller.contexts:
                kill_group(process)
        follow(process, outputs)
        with controller.changed:
            del controller.processes[context.id]
            return process.wait()

    def _finish(
        self, context: HookContext, config: object, code: int, outputs: list[Output]
    ) -> None:
        controller, unit, model = self._controller, context.unit, context.model
        with controller.changed:
            alive = controller.contexts.pop(context.id, None) is not None
            if not alive:
                controller.changed.notify_all()
                return
            now = controller.clock.now()
            problem = context.commit() if code == 0 else ''
            if problem:
                self._log(context, 'ERROR', f'committing requested changes failed: {problem}')
            unit.running, unit.served = None, now
            op = context.op
            shown = op != UPDATE_STATUS or code or problem
            if shown:
                unit.agent_since = now
            if isinstance(op, RunTask):
                self._finish_task(context, model.tasks[op.task], code, problem, outputs)
            elif isinstance(op, LifecycleHook | RelationHook | SecretHook):
                self._finish_hook(context, op, config, code, problem)
            status = agent_status(model, unit, now)
            if shown and status.current == 'idle':
                unit.record('juju-unit', status)
            controller.changed.notify_all()

    def _finish_hook(
        self, context: HookContext, op: Hook, config: object, code: int, problem: str
    ) -> None:
        controller, unit, model = self._controller, context.unit, context.model
        now = controller.clock.now()
        if _killed(code):
            unit.rests_until = now + _REST
            self._log(context, 'WARNING', f'hook "{op.name}" was interrupted; it will run again')
        elif code or problem:
            self._log(context, 'ERROR', f'hook "{op.name}" failed: exit status {code}')
            progress.fail(unit, op, factor=controller.options.retry_factor, now=now)
            unit.record('workload', workload_status(unit))
            lifecycle.leave_forced(model)
        else:
            self._log(context, 'INFO', f'ran "{op.name}" hook')
            progress.succeed(model, unit, op, config, now)

    def _finish_task(
        self, context: HookContext, task: Task, code: int, problem: str, outputs: list[Output]
    ) -> None:
        now, failed, killed = self._controller.clock.now(), context.action_failed, _killed(code)
        task.stdout, task.stderr = (output.text for output in outputs)
        task.end(now, code, problem, failed=failed, killed=killed)
        self._log(
            context, 'INFO', f'ran task {task.id} {task.action or "juju-exec"}: {task.status}'
        )

    def _log(self, context: HookContext, level: str, message: str) -> None:
        unit = context.unit.name
        self._controller.log(context.model, unit, 'juju.worker.uniter.operation', level, message)


def _killed(code: int) -> bool:
    """Say whether a hook was ended so that it neither failed nor succeeded: it is run again."""
    return code in {-signal.SIGTERM, -signal.SIGKILL}
