"""The server as a process of the unit."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

END = 5
"""Seconds that it has to end by itself."""
SCRIPT = pathlib.Path(__file__).with_name('server.py')


def ensure(folder: pathlib.Path, address: str, port: int, peer_port: int) -> None:
    """Have it run in a folder on an address, with these ports."""
    command = [sys.executable, str(SCRIPT), address, str(port), str(peer_port)]
    if _running(folder) == command:
        return
    end(folder)
    with (folder / 'server.log').open('ab') as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (folder / 'server.pid').write_text(str(process.pid), encoding='ascii')


def end(folder: pathlib.Path) -> None:
    """Let it run no longer."""
    deadline = time.monotonic() + END
    number = signal.SIGTERM
    while _running(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(_pid(folder), number)
        time.sleep(0.02)
        if time.monotonic() > deadline:
            number = signal.SIGKILL


def calls(folder: pathlib.Path) -> str:
    """What came of the calls to other units, in JSON."""
    path = folder / 'calls.json'
    return path.read_text(encoding='utf-8') if path.exists() else '{}'


def _pid(folder: pathlib.Path) -> int:
    return int((folder / 'server.pid').read_text(encoding='ascii'))


def _running(folder: pathlib.Path) -> list[str]:
    """The command of the server that runs in a folder, empty where none does."""
    try:
        words = pathlib.Path(f'/proc/{_pid(folder)}/cmdline').read_text(encoding='utf-8')
    except (OSError, ValueError):
        return []
    command = words.rstrip('\0').split('\0')
    return command if str(SCRIPT) in command else []
