"""haproxy as a process of the unit: installed where it can be, configured, ended."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PATH = os.pathsep.join([os.environ.get('PATH', os.defpath), '/usr/sbin', '/sbin'])
MISSING = 'haproxy is not installed: apt install haproxy on the machine of this unit'


@dataclasses.dataclass(frozen=True)
class Server:
    """One unit of the application."""

    unit: str
    address: str
    """`ADDRESS:PORT`."""
    scheme: str
    """`http` or `https`."""
    name: str
    """DNS name that its certificate has to be for."""


def is_there() -> bool:
    """Whether it is installed."""
    return shutil.which('haproxy', path=PATH) is not None


def install() -> None:
    """Install it through apt, if it is not there and that can be done."""
    apt = shutil.which('apt-get', path=PATH)
    if is_there() or apt is None or os.geteuid() != 0:
        return
    for arguments in (['update'], ['install', '--yes', '--no-install-recommends', 'haproxy']):
        subprocess.run([apt, '-qq', *arguments], stdin=subprocess.DEVNULL, check=True)


class Proxy:
    """haproxy in a folder of its own."""

    def __init__(self, folder: pathlib.Path):
        self._folder = folder

    def run(self, bind: str, certificate: str, trust: str, servers: Sequence[Server]) -> None:
        """Have it run with a configuration; not at all without a certificate.

        A process that runs with another configuration hands its listener over: no connection is
        refused in between.

        Args:
            bind: `ADDRESS:PORT` for clients.
            certificate: PEM of the key and the chain.
            trust: PEM of the CAs that certificates of servers are verified by; without any,
                servers that speak HTTPS get no requests.
            servers: What is behind it.

        """
        if not certificate or not is_there():
            self.end()
            return
        trusted = [one for one in servers if one.scheme == 'http' or trust]
        files = {
            'site.pem': certificate,
            'trust.pem': trust,
            'haproxy.cfg': _CONFIGURATION.format(bind=bind) + ''.join(map(_line, trusted)),
        }
        self._folder.mkdir(mode=0o700, exist_ok=True)
        changed = [name for name, text in files.items() if self._write(name, text)]
        before = self._running()
        if before and not changed:
            return
        # It takes the listener of the one before, with connections that wait there, and asks it
        # to finish what it is at.
        take_over = ['-x', 'haproxy.sock', '-sf', str(before)] if before else []
        subprocess.run(
            ['haproxy', '-D', '-f', 'haproxy.cfg', *take_over],
            cwd=self._folder,
            env={**os.environ, 'PATH': PATH},
            stdin=subprocess.DEVNULL,
            check=True,
        )

    def end(self) -> None:
        """Let it run no longer."""
        if before := self._running():
            with contextlib.suppress(ProcessLookupError):
                os.kill(before, signal.SIGTERM)

    def _write(self, name: str, text: str) -> bool:
        path = self._folder / name
        if path.exists() and path.read_text(encoding='utf-8') == text:
            return False
        path.touch(mode=0o600)
        path.write_text(text, encoding='utf-8')
        return True

    def _running(self) -> int:
        """The process that runs, 0 without one."""
        try:
            pid = int((self._folder / 'haproxy.pid').read_text(encoding='ascii'))
            words = pathlib.Path(f'/proc/{pid}/cmdline').read_bytes()
        except (OSError, ValueError):
            return 0
        return pid if words.startswith(b'haproxy\0') else 0


def _line(server: Server) -> str:
    """The line of a server."""
    line = f'  server {server.unit.replace("/", "-")} {server.address}'
    if server.scheme == 'https':
        line += f' ssl verify required ca-file trust.pem verifyhost {server.name}'
        line += f' sni str({server.name})'
    return line + '\n'


_CONFIGURATION = """global
  pidfile haproxy.pid
  stats socket unix@haproxy.sock mode 600 level admin expose-fd listeners
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend public
  bind {bind} ssl crt site.pem
  default_backend application
backend application
  balance roundrobin
"""
