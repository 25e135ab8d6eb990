"""Processes of a unit's hooks, killed at a moment that is seen in what they run."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import signal
import time

BEGUN, AFTER = 'begun', 'after '
"""Moments: the hook has begun; a hook tool has run, whose name follows, and the hook works without
one. Any other moment is that at which a hook tool of that name runs."""
_PATIENCE = 60
_QUIET = 0.005
"""Seconds without a hook tool: longer than from one to the next where nothing is done between."""


@dataclasses.dataclass
class Killer:
    """Kills hooks of one unit of minijuju."""

    model: str
    unit: str
    killed: int = 0
    """Hooks, one that runs again counted again."""
    _seen: set[int] = dataclasses.field(default_factory=set[int])
    """Sessions of processes that were watched."""

    def kill(self, moment: str, hook: str = '') -> bool:
        """Kill the next hook by SIGKILL when it gets to a moment; says whether that was seen.

        Args:
            moment: As above; hook tools take milliseconds, so that one may be missed.
            hook: Its name; empty: any.

        """
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            for session in self._sessions(hook) - self._seen:
                self._seen.add(session)
                if not _reaches(session, moment):
                    return False
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(session, signal.SIGKILL)
                    self.killed += 1
                    return True
        raise AssertionError(f'{self.unit} runs no hook {hook}')

    def _sessions(self, hook: str) -> set[int]:
        """Those whose first process runs a hook in the folder of the unit's charm."""
        parts = ('models', self.model, 'units', self.unit.replace('/', '-'), 'charm')
        name = f'JUJU_DISPATCH_PATH=hooks/{hook}'.encode()
        found: set[int] = set()
        for place in pathlib.Path('/proc').glob('[0-9]*'):
            with contextlib.suppress(OSError):  # it has ended, or is another user's
                pid, folder = int(place.name), (place / 'cwd').readlink()
                if folder.parts[-5:] == parts and os.getsid(pid) == pid:
                    words = (place / 'environ').read_bytes().split(b'\0')
                    if any(word == name or (not hook and name in word) for word in words):
                        found.add(pid)
        return found


def _reaches(session: int, moment: str) -> bool:
    """Watch a hook until it comes to a moment or ends."""
    if moment == BEGUN:
        return True
    tool = moment.removeprefix(AFTER)
    has_run, quiet_since = False, time.monotonic()
    while (tools := _tools(session)) is not None:
        now = time.monotonic()
        if moment in tools:
            return True
        if tools:
            has_run, quiet_since = has_run or tool in tools, now
        elif has_run and now - quiet_since > _QUIET:
            return True
        time.sleep(0.0005)
    return False


def _tools(pid: int) -> set[str] | None:
    """Names of the hook tools that a process runs now; None where it has ended."""
    try:
        children = pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text(encoding='ascii')
    except OSError:
        return None
    found: set[str] = set()
    for child in children.split():
        with contextlib.suppress(OSError):
            words = pathlib.Path(f'/proc/{child}/cmdline').read_bytes().decode().split('\0')
            found |= {word.rpartition('/')[2] for word in words[:2]}
    return found
