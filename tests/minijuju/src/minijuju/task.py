"""Actions and commands of ``juju exec``: what was asked of a unit, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime


@dataclass
class Task:
    """An action or a command on one unit."""

    id: str
    unit: str
    action: str
    """The action's name, empty for a command."""
    command: str
    enqueued: datetime
    params: dict[str, object] = field(default_factory=dict[str, object])
    status: Literal['pending', 'running', 'completed', 'failed'] = 'pending'
    results: dict[str, str] = field(default_factory=dict[str, str])
    message: str = ''
    log: list[str] = field(default_factory=list[str])
    return_code: int = 0
    stdout: str = ''
    stderr: str = ''
    started: datetime | None = None
    completed: datetime | None = None
    machine: str = ''
    """Set when the command runs on the unit's machine, without a hook's context."""

    @property
    def done(self) -> bool:
        """Whether there is a result."""
        return self.status in {'completed', 'failed'}

    def end(self, now: datetime, code: int, problem: str, *, failed: bool, killed: bool) -> None:
        """Record that its process has ended.

        Args:
            now: the present moment.
            code: the exit code.
            problem: why what it wanted to change was refused, empty when it was not.
            failed: whether it has said that it failed.
            killed: whether a signal has ended it.
        """
        self.completed, self.return_code = now, code
        if killed:
            self.message = 'action terminated'
        elif problem:
            # What the charm says of its failure stays (Juju's finalizeAction).
            self.return_code = 1
            self.stderr = f'{self.stderr}\n{problem}' if self.stderr else problem
            self.message = self.message or 'committing requested changes failed'
        self.status = 'failed' if failed or killed or problem else 'completed'
