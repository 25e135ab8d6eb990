"""The controller: all models, the lock over them, the clock, the hooks that run."""

from __future__ import annotations

import secrets
import threading
import uuid
from typing import TYPE_CHECKING

from minijuju.clock import Clock
from minijuju.context import HookContext
from minijuju.debug_log import DebugLog
from minijuju.model import Model

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from minijuju.install import Options
    from minijuju.model import Unit
    from minijuju.operations import Op


class Controller:
    """Everything that the daemon knows. Hold ``changed`` for every access to models.

    Args:
        home: the folder for unit folders, logs and the cache.
        options: what is fixed when the command is made.
    """

    def __init__(self, home: Path, options: Options) -> None:
        self.home = home
        self.options = options
        self.uuid = str(uuid.uuid4())
        self.clock = Clock()
        self.changed = threading.Condition(threading.RLock())
        """The lock; notified after every change."""
        self.models: dict[str, Model] = {}
        self.logs: dict[str, DebugLog] = {}
        self.contexts: dict[str, HookContext] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        """Running charm processes by the id of their context."""
        self.mark = secrets.token_hex(12)
        """Begins the context id, and so marks the environment, of every charm process."""
        self.port = 0
        self._addresses = 0

    def add_model(self, name: str) -> Model:
        """Add a model and return it."""
        folder = self.home / 'models' / name
        model = Model(name, str(uuid.uuid4()), self.clock.now(), folder)
        self.models[name] = model
        self.logs[name] = DebugLog(self.home / 'logs' / f'{name}.log')
        return model

    def drop_model(self, model: Model) -> None:
        """Forget a model; its debug log's file stays. With the last one time is as it was."""
        del self.models[model.name]
        self.logs.pop(model.name).close()
        if not self.models:
            self.clock = Clock()

    def next_address(self) -> str:
        """Return an address of 127.0.0.0/8 that no unit has had."""
        self._addresses += 1
        number = self._addresses
        return f'127.{1 + number // 62500 % 250}.{number // 250 % 250}.{2 + number % 250}'

    def log(self, model: Model, unit: str, module: str, level: str, *messages: str) -> None:
        """Write entries into a model's debug log, if the model is still there."""
        with self.changed:
            log = self.logs.get(model.name)
            if log is not None and self.models.get(model.name) is model:
                log.write(unit, module, level, messages, self.clock.now())

    def open_context(self, model: Model, unit: Unit, op: Op) -> HookContext:
        """Return a new context for an operation, known under an id that cannot be guessed."""

        def log(level: str, message: str) -> None:
            self.log(model, unit.name, f'unit.{unit.name}.juju-log', level, message)

        number = f'{self.mark}-{secrets.token_hex(16)}'
        context = HookContext(number, model, unit, op, self.clock.now, log)
        self.contexts[number] = context
        return context
