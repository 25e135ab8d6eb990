"""Charm processes: starting them so that they cannot outlive the daemon, and ending them."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_SET_CHILD_SUBREAPER = 36

STARTING = threading.Lock()
"""Held while a process is started: one at a time.

Between fork and exec a child holds every file that is open here, also a dispatch that another
thread is just writing, and Linux refuses to execute a file that anyone may write (ETXTBSY). When
starts do not overlap, every such child is past its exec before the next process is started.
"""


def start(
    command: list[str], *, folder: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a charm process in a session of its own; ``follow`` reads its two outputs.

    It is killed when the calling *thread* ends (prctl(2)), so call from one that outlasts it.
    What it starts itself is the warden's to end.
    """
    setpriv = shutil.which('setpriv')
    prefix = [setpriv, '--pdeathsig', 'KILL', '--'] if setpriv else []
    with STARTING:
        return subprocess.Popen(
            [*prefix, *command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that is not yet reaped, and its group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def kill_marked(*marks: bytes) -> int:
    """Kill every process whose environment holds all the marks, and what those have started.

    Returns:
        How many there were.
    """
    killed, empty = set[int](), 0
    # A process in the middle of an exec shows no environment: look again.
    while empty < 3:
        family: set[int] = set()
        # A stopped process starts no more of them, and still is the parent of those it has.
        while new := _family(marks) - family:
            for pid in new:
                _signal(pid, signal.SIGSTOP)
            family |= new
        for pid in family:
            _signal(pid, signal.SIGKILL)
        killed |= family
        empty = 0 if family else empty + 1
    return len(killed)


def keep_warden() -> None:
    """Fork, and return in the child only; the parent is its warden and never returns.

    However the child ends, SIGKILL included, the warden then kills all that it has left behind.
    The kernel gives it every orphan among the child's descendants, in whatever session and with
    whatever environment (PR_SET_CHILD_SUBREAPER in prctl(2)). Call while there is one thread.
    """
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = os.fork()
    if not child:
        return
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while os.wait()[0] != child:
        pass
    with suppress(ChildProcessError):  # there is none left
        while True:
            for pid in _descendants({os.getpid()}, _parents()):
                _signal(pid, signal.SIGKILL)
            os.wait()
    os._exit(0)


def _parents() -> dict[int, int]:
    """Return the parent of every process that runs."""
    found: dict[int, int] = {}
    for entry in Path('/proc').iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                # The name of a program, in parentheses, may hold anything.
                stat = (entry / 'stat').read_text(errors='replace').rpartition(')')[2]
                state, parent = stat.split()[:2]
                if state != 'Z':
                    found[int(entry.name)] = int(parent)
    return found


def _is_marked(pid: int, marks: tuple[bytes, ...]) -> bool:
    try:
        environment = Path(f'/proc/{pid}/environ').read_bytes()
    except OSError:
        return False
    return all(mark in environment for mark in marks)


def _descendants(ancestors: set[int], parents: Mapping[int, int]) -> set[int]:
    found: set[int] = set()
    while more := {pid for pid, up in parents.items() if up in ancestors | found} - found:
        found |= more
    return found


def _family(marks: tuple[bytes, ...]) -> set[int]:
    parents = _parents()
    found = {pid for pid in parents if pid != os.getpid() and _is_marked(pid, marks)}
    return found | _descendants(found, parents)


def _signal(pid: int, number: int) -> None:
    with suppress(OSError):  # it is gone
        os.kill(pid, number)
