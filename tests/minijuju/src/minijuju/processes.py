"""Charm processes: starting them so that they cannot outlive the daemon, and ending them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

STARTING = threading.Lock()
"""Held while a process is started: one at a time.

Between fork and exec a child holds every file that is open here, also a dispatch that another
thread is just writing, and Linux refuses to execute a file that anyone may write (ETXTBSY). When
starts do not overlap, every such child is past its exec before the next process is started.
"""


def start(
    command: list[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    stdout: Path,
    stderr: Path,
) -> subprocess.Popen[bytes]:
    """Start a charm process in a session of its own, with output into files.

    It is killed when the calling *thread* ends (prctl(2)), so call from one that lasts as long
    as the daemon. What it starts itself is the warden's to end.
    """
    setpriv = shutil.which('setpriv')
    prefix = [setpriv, '--pdeathsig', 'KILL', '--'] if setpriv else []
    with stdout.open('wb') as out, stderr.open('wb') as err, STARTING:
        return subprocess.Popen(
            [*prefix, *command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )


def await_end(process: subprocess.Popen[bytes]) -> None:
    """Block until the process has ended, without reaping it: its id stays its own."""
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that is not yet reaped, and its group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def kill_marked(*marks: bytes) -> int:
    """Kill every process whose environment holds all the marks; return how many there were."""
    killed = 0
    for entry in Path('/proc').iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environment = (entry / 'environ').read_bytes()
            if all(mark in environment for mark in marks):
                os.kill(int(entry.name), signal.SIGKILL)
                killed += 1
        except OSError:
            continue
    return killed


def keep_warden(mark: bytes) -> None:
    """Fork a process that kills what bears the mark as soon as this process has ended.

    The kernel closes this process's end of a pipe however it ends, SIGKILL included. Call while
    there is one thread only.
    """
    watched, kept = os.pipe()
    if os.fork():
        os.close(watched)
        return
    os.close(kept)
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.read(watched, 1)
    # A process may have forked, or have been in the middle of an exec, while /proc was read.
    empty = 0
    while empty < 3:
        empty = 0 if kill_marked(mark) else empty + 1
    os._exit(0)
