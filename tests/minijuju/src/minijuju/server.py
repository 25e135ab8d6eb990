"""The daemon's listener on 127.0.0.1, for hook tools and for ``juju``.

A request is ``WORDS-LENGTH STDIN-LENGTH\\n``, then words that each end in NUL, then stdin. The
words are the context id or token, the working folder, the command's name, for ``juju`` the value
of JUJU_MODEL, and the arguments. The answer is ``CODE OUT-LENGTH ERR-LENGTH\\n`` and both texts. A
TCP port has no file permissions, so that the first word must be unguessable; who cannot say it
gets little of the daemon's memory and time.
"""

from __future__ import annotations

import hmac
import os
import secrets
import socket
import threading
import time
import traceback
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from minijuju import cli, hooktools
from minijuju.arguments import Refused
from minijuju.hooktools import FILE_LIMIT, Reply

if TYPE_CHECKING:
    from collections.abc import Generator

    from minijuju.agent import Agents
    from minijuju.context import HookContext
    from minijuju.controller import Controller

_STALE = Reply(254, '', 'ERROR this daemon does not know the caller\n')
_NO_CONTEXT = 'bad request: unknown context'
_UNKNOWN = Reply(1, '', f'ERROR {_NO_CONTEXT}\n')
_FIRST_REQUEST_LIMIT = 60.0  # seconds that a daemon without models waits for its first command
# Seconds that it stays after a command that has left no model: who comes just then, as the next
# test does, need not wait for its end and for another one.
_LINGERING = 0.5
_PATIENCE = 10.0  # seconds for the next bytes of a request
_SEND_LIMIT = 60.0  # seconds for a caller to take its answer
_WORDS_LIMIT = 4 * 1024 * 1024  # Linux passes at most 2 MiB of arguments
_CHUNK = 1 << 20
_TOO_LARGE = Reply(1, '', f'ERROR more than {FILE_LIMIT} bytes on stdin\n')


class Server:
    """Serves until a little after the last model is gone.

    Args:
        controller: the state that commands and hook tools work on.
        agents: what ends units.
    """

    def __init__(self, controller: Controller, agents: Agents) -> None:
        self._controller = controller
        self._agents = agents
        self._listener = socket.create_server(('127.0.0.1', 0), backlog=1024)
        self._commands = 0
        self._unsent = 0
        self._ending = False
        self._stopped = False
        self._patience = self._end_after(_FIRST_REQUEST_LIMIT)
        self.token = secrets.token_hex(16)
        """What ``juju`` must send."""
        controller.port = self._listener.getsockname()[1]

    def serve(self) -> None:
        """Answer requests; return soon after one that has left no model, or if none comes."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                if self._ending:
                    break
                # Someone has taken all file numbers; they come back when connections time out.
                time.sleep(0.05)
                continue
            threading.Thread(target=self._handle, args=(connection,), daemon=True).start()
        self._patience.cancel()
        with self._controller.changed:
            while self._unsent and not self._stopped:
                self._controller.changed.wait()

    def stop(self) -> None:
        """Make ``serve`` return without waiting for commands that are under way."""
        with self._controller.changed:
            self._stopped = True
            self._controller.changed.notify_all()
        self._end()

    def _end(self) -> None:
        with self._controller.changed:
            self._ending = True
        # This wakes the thread that accepts; closing alone would not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _end_after(self, seconds: float) -> threading.Timer:
        patience = threading.Timer(seconds, self._end_if_unused)
        patience.daemon = True
        patience.start()
        return patience

    def _end_if_unused(self) -> None:
        with self._controller.changed:
            if not (self._ending or self._controller.models or self._commands):
                self._end()

    def _handle(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(_PATIENCE)
            try:
                self._answer(connection)
            except (OSError, ValueError):
                return  # the caller is gone, silent, or no client of ours

    def _answer(self, connection: socket.socket) -> None:
        with connection.makefile('rb') as stream:
            words_size, stdin_size = map(int, stream.readline(64).split())
            if not (0 < words_size <= _WORDS_LIMIT and stdin_size >= 0):
                raise ValueError('no request')
            # JSON has no place for bytes that are no UTF-8, and Juju replaces them too.
            words = _read(stream, words_size).split(b'\0')[:-1]
            token, _, name, *args = (word.decode(errors='replace') for word in words)
            cwd = Path(os.fsdecode(words[1]))
            if name == 'juju':
                self._command(connection, token, cwd, args)
                return
            known = self._context(token) is not None
            if known and stdin_size <= FILE_LIMIT:
                stdin = _read(stream, stdin_size).decode(errors='replace')
                reply = self._tool(token, cwd, name, args, stdin)
            else:
                _drop(stream, stdin_size)
                reply = _TOO_LARGE if known else _UNKNOWN
            _send(connection, reply)

    def _context(self, token: str) -> HookContext | None:
        with self._controller.changed:
            return self._controller.contexts.get(token)

    def _tool(self, token: str, cwd: Path, name: str, args: list[str], stdin: str) -> Reply:
        try:
            return hooktools.run_tool(self._held(token), name, args, cwd, stdin)
        except Exception:
            return Reply(1, '', f'ERROR {traceback.format_exc()}')

    @contextmanager
    def _held(self, token: str) -> Generator[HookContext]:
        """Hold the lock, with the context of a hook that still runs."""
        with self._controller.changed:
            context = self._context(token)
            if context is None:
                raise Refused(_NO_CONTEXT)
            yield context

    def _command(self, connection: socket.socket, token: str, cwd: Path, args: list[str]) -> None:
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            _send(connection, _STALE)
            return
        with self._controller.changed:
            if self._ending:
                return  # without an answer the client asks the next daemon
            self._patience.cancel()
            self._commands += 1
            self._unsent += 1
        environment_model, *words = args
        try:
            reply = cli.run_command(self._controller, self._agents, words, cwd, environment_model)
        except Exception:
            reply = Reply(1, '', f'ERROR {traceback.format_exc()}')
        with self._controller.changed:
            self._commands -= 1
            if not (self._commands or self._controller.models or self._ending):
                self._patience.cancel()
                self._patience = self._end_after(_LINGERING)
        _send(connection, reply)
        with self._controller.changed:
            self._unsent -= 1
            self._controller.changed.notify_all()


def _read(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise ValueError('the request is cut off')
    return data


def _drop(stream: BinaryIO, size: int) -> None:
    # Who is cut off in the middle of sending never sees the answer.
    while size > 0 and (data := stream.read(min(size, _CHUNK))):
        size -= len(data)


def _send(connection: socket.socket, reply: Reply) -> None:
    out, err = (text.encode(errors='replace') for text in (reply.stdout, reply.stderr))
    connection.settimeout(_SEND_LIMIT)
    with suppress(OSError):  # the caller is gone
        connection.sendall(f'{reply.code} {len(out)} {len(err)}\n'.encode() + out + err)
