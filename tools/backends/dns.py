"""BIND on loopback: zones that a TSIG key may put TXT records into."""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import shutil
import socket
import socketserver
import subprocess
import threading
from typing import TYPE_CHECKING

from . import process

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Generator, Mapping

KEY_NAME = 'lego-key'
ALGORITHM = 'hmac-sha256'


@dataclasses.dataclass(frozen=True)
class NameServer:
    """A running name server."""

    address: str
    """`127.0.0.1:PORT`."""
    secret: str
    """Of the key that may update, in base64."""

    def variables(self) -> dict[str, str]:
        """What lego's provider `rfc2136` needs to update the zones."""
        return {
            'RFC2136_NAMESERVER': self.address,
            'RFC2136_TSIG_ALGORITHM': f'{ALGORITHM}.',
            'RFC2136_TSIG_KEY': KEY_NAME,
            'RFC2136_TSIG_SECRET': self.secret,
            'RFC2136_SEQUENCE_INTERVAL': '1',
        }


@contextlib.contextmanager
def name_server(
    folder: pathlib.Path, zones: Mapping[str, str] | None = None, updates: str = 'zonesub TXT'
) -> Generator[NameServer]:
    """Run BIND in an empty folder; of other names it knows that they are not there.

    Args:
        folder: Where its files are.
        zones: Names of zones without a dot at the end, and lines of each in the form of a zone
            file, beside those that every zone has.
        updates: What the key may update in each, as in `update-policy`.

    """
    port = process.free_port()
    found = shutil.which('tsig-keygen', path=process.PATH)
    if found is None:
        raise process.Failed('tsig-keygen is not installed (Debian, Ubuntu: apt install bind9)')
    key = subprocess.run(
        [found, '-a', ALGORITHM, KEY_NAME], capture_output=True, text=True, check=True
    ).stdout
    secret = key.partition('secret "')[2].partition('"')[0]
    zones = zones or {'example.test': ''}
    blocks = [key, _OPTIONS.format(folder=folder, port=port)]
    (folder / 'root.db').write_text(_ZONE, encoding='utf-8')
    for name, lines in zones.items():
        (folder / f'{name}.db').write_text(_ZONE + lines, encoding='utf-8')
        blocks.append(_CLAUSE.format(name=name, folder=folder, key=KEY_NAME, updates=updates))
    configuration = folder / 'named.conf'
    configuration.touch(mode=0o600)
    configuration.write_text('\n'.join(blocks), encoding='utf-8')
    log = folder / 'log'

    def is_ready() -> bool:
        return ' running\n' in log.read_text(encoding='utf-8', errors='replace')

    # Whatever it is asked, it asks nobody that is not on loopback.
    with process.running(['named', '-4', '-g', '-c', str(configuration)], folder, is_ready):
        yield NameServer(f'127.0.0.1:{port}', secret)


_OPTIONS = """
options {{
  directory "{folder}"; pid-file "{folder}/named.pid"; session-keyfile "{folder}/session.key";
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  recursion yes; allow-recursion {{ 127.0.0.0/8; }}; allow-query {{ 127.0.0.0/8; }};
  allow-transfer {{ none; }}; forwarders {{ }}; dnssec-validation no; notify no;
  query-source address 127.0.0.1;
  empty-zones-enable no;
}};
controls {{ }};
zone "." {{ type primary; file "{folder}/root.db"; }};
"""
_CLAUSE = """
zone "{name}" {{
  type primary; file "{folder}/{name}.db"; update-policy {{ grant {key} {updates}; }};
}};
"""
_ZONE = """$TTL 60
@ IN SOA ns1 hostmaster ( 1 3600 600 86400 1 )
@ IN NS ns1
ns1 IN A 127.0.0.1
"""


@dataclasses.dataclass(frozen=True)
class Resolver:
    """A name server that passes queries on to another one, and falls silent where it is told."""

    address: str
    """`127.0.0.1:PORT`, UDP only."""
    _silent: dict[str, threading.Event] = dataclasses.field(
        default_factory=dict[str, threading.Event], repr=False
    )

    def silence(self, name: str) -> threading.Event:
        """Take queries for the proof of a name from now on, and never answer them.

        The event is set when there was one.
        """
        return self._silent.setdefault(f'_acme-challenge.{name}', threading.Event())

    def answer(self, name: str) -> None:
        """Answer again."""
        self._silent.pop(f'_acme-challenge.{name}', None)


@contextlib.contextmanager
def resolver(name_server: str) -> Generator[Resolver]:
    """Run one before a name server (`HOST:PORT`)."""
    host, _, port = name_server.rpartition(':')
    silent: dict[str, threading.Event] = {}

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            query, own = self.request
            name, kind = _question(query)
            if kind == _TXT and (asked := silent.get(name)):
                asked.set()
                return
            with socket.socket(type=socket.SOCK_DGRAM) as other, contextlib.suppress(OSError):
                other.settimeout(5)
                other.sendto(query, (host, int(port)))
                own.sendto(other.recv(65535), self.client_address)

    with socketserver.ThreadingUDPServer(('127.0.0.1', process.free_port()), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.05})
        thread.start()
        try:
            yield Resolver(f'127.0.0.1:{server.server_address[1]}', silent)
        finally:
            server.shutdown()
            thread.join()


_TXT = 16


def _question(query: bytes) -> tuple[str, int]:
    """Name and type that a query asks for (RFC 1035, 4.1.2)."""
    labels: list[str] = []
    at = 12
    while size := query[at]:
        labels.append(query[at + 1 : at + 1 + size].decode('ascii', errors='replace').lower())
        at += 1 + size
    return '.'.join(labels), int.from_bytes(query[at + 1 : at + 3], 'big')


@contextlib.contextmanager
def accepting_provider() -> Generator[dict[str, str]]:
    """A DNS provider that takes every record and serves none; gives variables of `httpreq`.

    For an ACME server that takes every name for proved: its orders are not held up by DNS.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers['Content-Length']))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.05})
    thread.start()
    try:
        yield {
            'HTTPREQ_ENDPOINT': f'http://127.0.0.1:{server.server_port}',
            'HTTPREQ_POLLING_INTERVAL': '0',
        }
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
