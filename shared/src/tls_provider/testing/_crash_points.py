"""Where a process is killed: calls to Juju and to a backend, and what is outside of it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import importlib
import os
import pathlib
import pkgutil
import shutil
import signal
from collections.abc import Callable, Generator, Iterable
from typing import Any
from unittest import mock

from tls_provider.issuer import Request

# Scenario has no seam at its hook tools.
_TOOLS: type = getattr(importlib.import_module('scenario.mocking'), '_MockModelBackend')  # noqa: B009


_CHANGES_NOTHING = {
    'action_get',
    'config_get',
    'is_leader',
    'juju_log',
    'planned_units',
    'relation_get',
    'relation_ids',
    'relation_list',
    'relation_remote_app_name',
    'resource_get',
    'secret_info_get',
    'status_get',
}
"""Hook tools after which all is as it was before them, in Juju and outside."""


@dataclasses.dataclass
class Points:
    """Calls to Juju and to the backend, counted; the process ends at one of them.

    Of calls that change nothing the first in a row counts: wherever between them the process ends,
    it leaves the same.
    """

    end_at: int | None = None
    backend_is_all: bool = False
    """Nothing changes outside between two calls to the backend: one point is enough there."""
    calls: int = 0
    names: list[str] = dataclasses.field(default_factory=list[str])
    _idle: bool = False

    def reach(self, name: str) -> None:
        """Note a point, or end the process there."""
        self.calls += 1
        is_past = self.backend_is_all and name.startswith('after ')
        idle, self._idle = self._idle, name in _CHANGES_NOTHING or is_past
        if idle and (self._idle or (self.backend_is_all and name.startswith('before '))):
            return
        if len(self.names) == self.end_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.names.append(name)


@contextlib.contextmanager
def watched(
    points: Points, backend: Iterable[str], effects: Iterable[str], file: pathlib.Path
) -> Generator[None]:
    """Make every call to Juju and to the backend a point.

    Args:
        points: Where they are counted.
        backend: Dotted names of functions, with a point before and one after each call.
        effects: Dotted names of functions whose calls are noted, by request.
        file: For these notes.

    """
    with contextlib.ExitStack() as stack:
        tools: dict[str, Any] = dict(vars(_TOOLS))
        for name, function in tools.items():
            if callable(function) and not name.startswith('_'):
                tool = _before(function, functools.partial(points.reach, name))
                stack.enter_context(mock.patch.object(_TOOLS, name, tool))
        for dotted in backend:
            stack.enter_context(_patched(dotted, functools.partial(_around, points, dotted)))
        for dotted in effects:
            stack.enter_context(_patched(dotted, functools.partial(_noted, file, dotted)))
        yield


@contextlib.contextmanager
def kept(folder: pathlib.Path) -> Generator[Callable[[], None]]:
    """Give a function that puts a folder back as it is now."""
    copy = folder.with_name('kept')
    shutil.copytree(folder, copy, symlinks=True)

    def restore() -> None:
        for place in folder.iterdir():
            shutil.rmtree(place) if place.is_dir() else place.unlink()
        shutil.copytree(copy, folder, symlinks=True, dirs_exist_ok=True)

    yield restore
    shutil.rmtree(copy)


def _patched(dotted: str, wrap: Callable[[Any], Any]) -> contextlib.AbstractContextManager[Any]:
    """A function, or a method of a class, wrapped for a time."""
    owner, _, name = dotted.rpartition('.')
    place = pkgutil.resolve_name(owner)
    return mock.patch.object(place, name, wrap(getattr(place, name)))


def _before(function: Any, reach: Callable[[], None]) -> Any:
    @functools.wraps(function)
    def call(instance: object, *arguments: Any, **more: Any) -> Any:
        reach()
        return function(instance, *arguments, **more)

    return call


def _around(points: Points, name: str, function: Any) -> Any:
    @functools.wraps(function)
    def call(*arguments: Any, **more: Any) -> Any:
        points.reach(f'before {name}')
        result = function(*arguments, **more)
        points.reach(f'after {name}')
        return result

    return call


def _noted(file: pathlib.Path, name: str, function: Any) -> Any:
    @functools.wraps(function)
    def call(*arguments: Any, **more: Any) -> Any:
        result = function(*arguments, **more)
        asked = [one.csr.pem for one in arguments if isinstance(one, Request)]
        with file.open('a', encoding='ascii') as log:
            log.write(
                f'{name} {" ".join(hashlib.sha256(p.encode()).hexdigest() for p in asked)}\n'
            )
        return result

    return call


def lines(file: pathlib.Path) -> list[str]:
    return file.read_text(encoding='ascii').splitlines() if file.exists() else []
