"""The daemon's listener on 127.0.0.1, for hook tools and for ``juju``.

A request is ``COUNT STDIN-LENGTH\\n``, then COUNT words that each end in NUL (context id or token,
working folder, name, arguments), then stdin. The answer is ``CODE OUT-LENGTH ERR-LENGTH\\n`` and
both texts. A TCP port has no file permissions, so that the first word must be unguessable.
"""

from __future__ import annotations

import hmac
import secrets
import socket
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from minijuju import cli, hooktools
from minijuju.hooktools import Reply

if TYPE_CHECKING:
    from minijuju.agent import Agents
    from minijuju.controller import Controller

_STALE = Reply(254, '', 'ERROR this daemon does not know the caller\n')
_FIRST_REQUEST_LIMIT = 60.0  # seconds that a daemon without models waits for its first command


class Server:
    """Serves until the last model is gone.

    Args:
        controller: the state that commands and hook tools work on.
        agents: what ends units.
    """

    def __init__(self, controller: Controller, agents: Agents) -> None:
        self._controller = controller
        self._agents = agents
        self._listener = socket.create_server(('127.0.0.1', 0), backlog=128)
        self._commands = 0
        self._unsent = 0
        self._ending = False
        self._stopped = False
        self.token = secrets.token_hex(16)
        """What ``juju`` must send."""
        controller.port = self._listener.getsockname()[1]

    def serve(self) -> None:
        """Answer requests; return when a command has left no model, or none comes at first."""
        patience = threading.Timer(_FIRST_REQUEST_LIMIT, self._end_if_unused)
        patience.daemon = True
        patience.start()
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                break
            threading.Thread(target=self._handle, args=(connection,), daemon=True).start()
        patience.cancel()
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

    def _end_if_unused(self) -> None:
        with self._controller.changed:
            if self._ending or self._controller.models or self._commands:
                return
        self._end()

    def _handle(self, connection: socket.socket) -> None:
        with connection:
            request = _receive(connection)
            if request is None:
                return
            (token, cwd, name, *args), stdin = request
            if name == 'juju':
                self._command(connection, token, Path(cwd), args)
            else:
                _send(connection, self._tool(token, Path(cwd), name, args, stdin))

    def _tool(self, token: str, cwd: Path, name: str, args: list[str], stdin: str) -> Reply:
        with self._controller.changed:
            context = self._controller.contexts.get(token)
            if context is None:
                return Reply(1, '', 'ERROR bad request: unknown context\n')
            try:
                return hooktools.run_tool(context, name, args, cwd, stdin)
            except Exception:
                return Reply(1, '', f'ERROR {traceback.format_exc()}')

    def _command(self, connection: socket.socket, token: str, cwd: Path, args: list[str]) -> None:
        if not hmac.compare_digest(token, self.token):
            _send(connection, _STALE)
            return
        with self._controller.changed:
            if self._ending:
                return  # without an answer the client asks the next daemon
            self._commands += 1
            self._unsent += 1
        try:
            reply = cli.run_command(self._controller, self._agents, args, cwd)
        except Exception:
            reply = Reply(1, '', f'ERROR {traceback.format_exc()}')
        with self._controller.changed:
            self._commands -= 1
            last = not self._commands and not self._controller.models
            self._ending = self._ending or last
        if last:
            # End first: who sees the answer must find the next daemon, not this one.
            self._end()
        _send(connection, reply)
        with self._controller.changed:
            self._unsent -= 1
            self._controller.changed.notify_all()


def _receive(connection: socket.socket) -> tuple[list[str], str] | None:
    data = bytearray()
    while True:
        line, newline, rest = bytes(data).partition(b'\n')
        if newline:
            count, size = map(int, line.split())
            words = rest.split(b'\0', count)
            if len(words) > count and len(words[count]) >= size:
                texts = [word.decode(errors='surrogateescape') for word in words[:count]]
                return texts, words[count].decode(errors='replace')
        more = connection.recv(1 << 20)
        if not more:
            return None
        data += more


def _send(connection: socket.socket, reply: Reply) -> None:
    out = reply.stdout.encode(errors='surrogateescape')
    err = reply.stderr.encode(errors='surrogateescape')
    try:
        connection.sendall(f'{reply.code} {len(out)} {len(err)}\n'.encode() + out + err)
    except OSError:
        return  # the caller is gone
