"""Starting the daemon on demand, and ending it.

The daemon holds a lock on ``daemon.lock`` for as long as it or a charm process lives. Its port and
token are in ``daemon``, which only its user may read.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sys
import threading
import traceback
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from minijuju import hooktools
from minijuju.agent import Agents
from minijuju.controller import Controller
from minijuju.install import client_text, read_options
from minijuju.processes import keep_warden, kill_marked
from minijuju.server import Server

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

_PATIENCE = 30  # seconds for an ending daemon to be gone, and for a new one to listen


def start(home: Path, stale: str) -> None:
    """Make sure that a daemon serves the folder; return when it listens.

    Args:
        home: the state folder.
        stale: port and token that a client has just tried in vain, ``''`` for none.

    Raises:
        TimeoutError: an earlier daemon does not end.
    """
    with _locked(home / 'start.lock'):
        known = _read(home / 'daemon')
        if known and known != stale.strip() and not _is_free(home / 'daemon.lock'):
            return
        lock = os.open(home / 'daemon.lock', os.O_RDWR | os.O_CREAT, 0o600)
        signal.signal(signal.SIGALRM, _too_long)
        signal.alarm(_PATIENCE)
        fcntl.flock(lock, fcntl.LOCK_EX)
        signal.alarm(0)
        ready, tell = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.close(ready)
                _detach(home, {lock, tell})
                keep_warden()
                _run(home, lock, tell)
            os._exit(0)
        os.close(tell)
        if not os.read(ready, 1):
            message = f'the minijuju daemon did not start: see {home / "daemon.log"}'
            raise RuntimeError(message)


def stop(home: Path) -> bool:
    """End the daemon of a folder with all its charm processes; say whether there was one."""
    lock = home / 'daemon.lock'
    if _is_free(lock):
        return False
    with suppress(ProcessLookupError):
        os.kill(int(_read(lock)), signal.SIGTERM)
    with _locked(lock):
        return True


def _run(home: Path, lock: int, tell: int) -> None:
    controller: Controller | None = None
    try:
        if (home / 'daemon').exists():
            # The daemon before was killed. If its warden was too, what charms had started is left.
            kill_marked(b'JUJU_CONTEXT_ID=', b'=' + os.fsencode(home / 'models') + b'/')
        controller = Controller(home, read_options(home))
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        _lay_out(home)
        agents = Agents(controller)
        server = Server(controller, agents)

        def end(*_: object) -> None:
            threading.Thread(target=server.stop, daemon=True).start()

        signal.signal(signal.SIGTERM, end)
        _write_private(home / 'daemon', f'{controller.port} {server.token}\n')
        agents.begin()
        os.write(tell, b'1')
        os.close(tell)
        server.serve()
        (home / 'daemon').unlink(missing_ok=True)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(0)


def _lay_out(home: Path) -> None:
    shutil.rmtree(home / 'models', ignore_errors=True)
    for name in ('cache', 'logs', 'models', 'pythons', 'tools'):
        (home / name).mkdir(exist_ok=True)
    client = home / 'tools' / '.client'
    client.write_text(client_text(), encoding='utf-8')
    client.chmod(0o755)
    for name in hooktools.names():
        link = home / 'tools' / name
        if not link.is_symlink():
            link.symlink_to('.client')


def _detach(home: Path, keep: set[int]) -> None:
    """Let go of everything inherited: who started the daemon may wait for the end of its pipes."""
    os.chdir(home)
    log = os.open(home / 'daemon.log', os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    for name in os.listdir('/proc/self/fd'):  # noqa: PTH208, the numbers are what is wanted
        if int(name) > 2 and int(name) not in keep:
            with suppress(OSError):
                os.close(int(name))


@contextmanager
def _locked(path: Path) -> Generator[None]:
    with path.open('a', encoding='utf-8') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_free(path: Path) -> bool:
    with path.open('a', encoding='utf-8') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding='utf-8').strip()
    except FileNotFoundError:
        return ''


def _write_private(path: Path, content: str) -> None:
    partial = path.with_suffix('.new')
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), 'w') as file:
        file.write(content)
    partial.rename(path)


def _too_long(*_: object) -> None:
    raise TimeoutError('the earlier minijuju daemon does not end')
