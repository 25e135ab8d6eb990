"""Real HTTPS clients, each with nothing in trust but what it is given."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import ipaddress
import shlex
import ssl
import subprocess
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Generator

TIMEOUT = 10


class Unexpected(Exception):
    """A connection was refused that should be accepted, or the other way round."""


@dataclasses.dataclass(frozen=True)
class Target:
    """What a client connects to."""

    name: str
    """DNS name or IP address that the certificate has to be for."""
    address: str
    port: int


@dataclasses.dataclass(frozen=True)
class Answer:
    """What became of one request."""

    command: str
    """As one would type it."""
    text: str
    """Body of the answer, or why there is none."""
    status: int
    """Of HTTP; 0 where the connection was not trusted or not there."""


def curl(target: Target, trust: pathlib.Path) -> Answer:
    """The answer that curl gets."""
    host = f'{target.name}:{target.port}'
    command = [
        'curl', '--silent', '--show-error', '--noproxy', '*', '--max-time', str(TIMEOUT),
        '--cacert', str(trust), '--capath', '/dev/null', '--resolve', f'{host}:{target.address}',
        '--write-out', '\n%{http_code}', f'https://{host}/',
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    body, _, status = done.stdout.rpartition('\n')
    short = f'curl --cacert {trust} --resolve {host}:{target.address} https://{host}/'
    if done.returncode:
        return Answer(short, done.stderr.strip().partition('\n')[0], 0)
    return Answer(short, body.strip(), int(status))


def openssl(target: Target, trust: pathlib.Path) -> Answer:
    """The answer to a request by hand inside the TLS of openssl."""
    names = ['-verify_hostname', target.name, '-servername', target.name]
    if _is_address(target.name):
        names = ['-verify_ip', target.name, '-noservername']
    command = [
        'openssl', 's_client', '-connect', f'{target.address}:{target.port}', *names,
        '-CAfile', str(trust), '-no-CApath', '-no-CAstore', '-verify_return_error', '-quiet',
    ]  # fmt: skip
    request = f'GET / HTTP/1.1\r\nHost: {target.name}\r\nConnection: close\r\n\r\n'
    try:
        done = subprocess.run(
            command, input=request, capture_output=True, text=True, check=False, timeout=TIMEOUT
        )
    except subprocess.TimeoutExpired:
        return Answer(shlex.join(command), 'no answer in time', 0)
    head, _, body = done.stdout.replace('\r\n', '\n').partition('\n\n')
    words = head.split(None, 2)
    if not words:
        lines = [line for line in done.stderr.splitlines() if 'error' in line.lower()]
        return Answer(shlex.join(command), lines[0] if lines else done.stderr.strip(), 0)
    return Answer(shlex.join(command), body.strip(), int(words[1]))


def python(target: Target, trust: pathlib.Path) -> Answer:
    """The answer that Python's own client gets."""
    command = f'python: GET https://{target.name}:{target.port}/, {trust.name} in trust'
    try:
        context = ssl.create_default_context(cafile=str(trust))
        # To the address; the name is for TLS and for the header.
        with contextlib.closing(_Connection(target, context)) as connection:
            connection.request('GET', '/')
            answer = connection.getresponse()
            return Answer(command, answer.read().decode().strip(), answer.status)
    except (OSError, http.client.HTTPException) as error:
        return Answer(command, str(error), 0)


class _Connection(http.client.HTTPSConnection):
    """Connects to the address of a target that no name server knows."""

    def __init__(self, target: Target, context: ssl.SSLContext):
        super().__init__(target.name, target.port, timeout=TIMEOUT, context=context)
        self._target, self._context_of_it = target, context

    def connect(self) -> None:
        """Connect, and verify the certificate for the name."""
        plain = http.client.HTTPConnection(self._target.address, self._target.port, TIMEOUT)
        plain.connect()
        self.sock = self._context_of_it.wrap_socket(plain.sock, server_hostname=self._target.name)


CLIENTS: tuple[Callable[[Target, pathlib.Path], Answer], ...] = (curl, openssl, python)


def accepted(target: Target, trust: pathlib.Path, status: int = 200) -> Answer:
    """The answer to a client with this trust, curl's; raises `Unexpected` where one is refused.

    Args:
        target: What it connects to.
        trust: File with the CAs that it trusts.
        status: That HTTP has to answer.

    """
    found = [ask(target, trust) for ask in CLIENTS]
    for one in found:
        if one.status != status:
            raise Unexpected(f'{one.command}: wants status {status}, got {one.status} {one.text}')
    return found[0]


def refused(target: Target, trust: pathlib.Path) -> Answer:
    """Why no client with this trust connects, by curl; raises `Unexpected` if one does."""
    found = [ask(target, trust) for ask in CLIENTS]
    for one in found:
        if one.status:
            raise Unexpected(f'{one.command}: should not connect, got {one.status} {one.text}')
    return found[0]


@dataclasses.dataclass
class Watch:
    """What became of requests without end."""

    answered: int = 0
    failed: int = 0
    longest_gap: float = 0
    """Seconds between two answers, with failures between them."""
    reasons: list[str] = dataclasses.field(default_factory=list[str])
    """Why requests failed, each once."""

    def __str__(self) -> str:
        said = f'{self.answered + self.failed} connections, {self.failed} failed'
        return said + (f'; none answered for {self.longest_gap:.1f} s' if self.longest_gap else '')


@contextlib.contextmanager
def watching(target: Target, trust: pathlib.Path) -> Generator[Watch]:
    """Ask again and again, each time over a new connection, for as long as the context lasts."""
    watch = Watch()
    ended = threading.Event()

    def ask() -> None:
        last = time.monotonic()
        failed_since = False
        while not ended.wait(0.05):
            answer = python(target, trust)
            if answer.status != 200:
                watch.failed += 1
                failed_since = True
                if answer.text not in watch.reasons:
                    watch.reasons.append(answer.text)
                continue
            now = time.monotonic()
            watch.answered += 1
            if failed_since:
                watch.longest_gap = max(watch.longest_gap, now - last)
            last, failed_since = now, False

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
