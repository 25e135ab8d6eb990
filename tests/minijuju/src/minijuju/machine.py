"""Commands on a unit's machine: no hook, no hook tools, and no waiting for the unit's hooks."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from minijuju.environment import machine_environment
from minijuju.outputs import Output, follow
from minijuju.processes import start

if TYPE_CHECKING:
    from minijuju.controller import Controller
    from minijuju.model import Model, Unit
    from minijuju.task import Task


def run_on_machine(controller: Controller, model: Model, unit: Unit, task: Task) -> None:
    """Run a task's command in the unit's charm folder, at once; the task gets the outcome.

    Call with the lock held; ``changed`` is notified at the end.
    """
    task.status, task.started = 'running', controller.clock.now()
    environment = machine_environment(model, unit, controller.mark, controller.clock.offset)

    def run() -> None:
        outputs = [Output(_nobody), Output(_nobody)]
        try:
            command = ['bash', '-c', task.command]
            process = start(command, folder=unit.folder, environment=environment)
            follow(process, outputs)
            code, problem = process.wait(), ''
        except OSError as error:
            code, problem = 1, f'cannot run a command on machine {task.machine}: {error}'
        with controller.changed:
            if not task.done:
                task.return_code, task.message = code, problem
                task.stdout, task.stderr = (output.text for output in outputs)
                task.status = 'failed' if problem else 'completed'
                task.completed = controller.clock.now()
            controller.changed.notify_all()

    # The process dies with its thread, which therefore waits for it.
    threading.Thread(target=run, name=f'task-{task.id}', daemon=True).start()


def _nobody(lines: list[str]) -> None:
    """Log nothing: what a command on a machine prints is for its caller only."""
