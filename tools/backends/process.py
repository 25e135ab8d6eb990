"""A server as a child process: started, waited for, ended; nothing of it is left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Generator, Mapping, Sequence

PATH = os.pathsep.join([os.environ.get('PATH', os.defpath), '/usr/sbin', '/sbin'])
"""Debian keeps servers where only root looks for programs."""
START = 30
"""Seconds until a server that does not answer is given up."""


_LOCKS: list[socket.socket] = []
"""Abstract addresses, one for each port: they vanish with the process, whatever ends it."""


class Failed(Exception):
    """A server is not there or did not start; the message ends with what it wrote."""


def free_port() -> int:
    """A TCP and UDP port on loopback that nobody listens on, and no other process here is given.

    A port that is only found free may be found by two processes before either listens on it: each
    has a lock that its process holds to its end.
    """
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(('127.0.0.1', 0))
            port = tcp.getsockname()[1]
            lock = socket.socket(socket.AF_UNIX)
            with contextlib.suppress(OSError):
                lock.bind(f'\0tls-providers-port-{port}')
                udp.bind(('127.0.0.1', port))
                _LOCKS.append(lock)
                return port
            lock.close()


def wait_for(is_true: Callable[[], bool], problem: str) -> None:
    """Wait until something is so; raises `Failed` with the problem after `START` seconds."""
    deadline = time.monotonic() + START
    while not is_true():
        if time.monotonic() > deadline:
            raise Failed(problem)
        time.sleep(0.02)


@contextlib.contextmanager
def running(
    command: Sequence[str],
    folder: pathlib.Path,
    is_ready: Callable[[], bool],
    environ: Mapping[str, str] | None = None,
) -> Generator[subprocess.Popen[bytes]]:
    """Run a server in a folder, from when it is ready to the end of the context.

    What it writes goes to the file `log` in the folder. Raises `Failed`.
    """
    program = shutil.which(command[0], path=PATH)
    if program is None:
        raise Failed(f'{command[0]} is not installed')
    log = folder / 'log'
    with log.open('wb') as output:
        process = subprocess.Popen(
            [program, *command[1:]],
            cwd=folder,
            env={'PATH': PATH, 'HOME': str(folder), **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + START
        while not is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                text = log.read_text(encoding='utf-8', errors='replace')[-1000:]
                raise Failed(f'{command[0]} did not start: {text}')
            time.sleep(0.02)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
