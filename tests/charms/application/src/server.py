"""The workload: an API, a listener for the other units, and calls to each of them without end.

Usage: `server.py ADDRESS PORT PEER_PORT` in a folder with

- `settings.json`: `name` of the unit, `scheme` of the API, addresses of `peers`;
- `api.pem`, `peer.pem`: key and chain; `trust.pem`: the CAs that units trust each other by.

All are read anew for each connection, so that whoever replaces a file need not tell. What came of
the calls is in `calls.json`.
"""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import pathlib
import ssl
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

BETWEEN = 0.2
"""Seconds between two rounds of calls."""
TIMEOUT = 5


def settings() -> dict[str, Any]:
    """What the charm says."""
    return json.loads(pathlib.Path('settings.json').read_text(encoding='utf-8'))


def api_context() -> ssl.SSLContext | None:
    """TLS of the API, None for plain HTTP. Raises OSError while there is no certificate."""
    if settings()['scheme'] == 'http':
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain('api.pem')
    return context


def listener_context() -> ssl.SSLContext:
    """TLS towards units that call: they have to have a certificate as well."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    return authenticated(context)


def caller_context() -> ssl.SSLContext:
    """TLS towards units that are called; their certificates have to be for their addresses."""
    return authenticated(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


def authenticated(context: ssl.SSLContext) -> ssl.SSLContext:
    """The context with this unit's certificate and trust: without CAs it trusts nobody."""
    context.load_cert_chain('peer.pem')
    if pathlib.Path('trust.pem').exists():
        context.load_verify_locations('trust.pem')
    return context


class Handler(http.server.BaseHTTPRequestHandler):
    """Says who answers."""

    timeout = TIMEOUT

    def do_GET(self) -> None:
        """Answer with the name of the unit."""
        body = f'{settings()["name"]}\n'.encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    """Speaks HTTP inside the TLS of a context that is made for each connection."""

    def __init__(self, address: tuple[str, int], context: Callable[[], ssl.SSLContext | None]):
        super().__init__(address, Handler)
        self._context = context

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Answer one connection, in its own thread."""
        connection: socket.socket = request
        connection.settimeout(TIMEOUT)
        context = self._context()
        if context is not None:
            connection = context.wrap_socket(connection, server_side=True)
        with connection:
            super().finish_request(connection, client_address)
            if isinstance(connection, ssl.SSLSocket):
                with contextlib.suppress(OSError):  # the client may be gone
                    connection.unwrap()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """One line for a connection that failed."""
        del request
        print(f'{client_address[0]}: {sys.exc_info()[1]}', flush=True)


def call(address: str, port: int) -> tuple[str, str]:
    """`answered` and the issuer of the unit's certificate, or `failed` and why."""
    try:
        connection = http.client.HTTPSConnection(
            address, port, timeout=TIMEOUT, context=caller_context()
        )
        with contextlib.closing(connection):
            connection.connect()
            shown: Any = connection.sock.getpeercert()
            connection.request('GET', '/')
            connection.getresponse().read()
    except (OSError, http.client.HTTPException) as error:
        return 'failed', f'{type(error).__name__}: {error}'
    issuer = dict(pair for names in shown['issuer'] for pair in names)
    return 'answered', issuer.get('commonName', '')


def call_peers(port: int) -> None:
    """Call every other unit, again and again, and note what came of it."""
    found: dict[str, dict[str, Any]] = {}
    while True:
        addresses = settings()['peers']
        found = {one: found.get(one, {'answered': 0, 'failed': 0}) for one in addresses}
        for address, calls in found.items():
            outcome, calls['last'] = call(address, port)
            calls[outcome] += 1
        pathlib.Path('calls.new').write_text(json.dumps(found), encoding='utf-8')
        pathlib.Path('calls.new').replace('calls.json')
        time.sleep(BETWEEN)


def main(address: str, port: str, peer_port: str) -> None:
    """Serve until a signal ends it."""
    api = Server((address, int(port)), api_context)
    peers = Server((address, int(peer_port)), listener_context)
    for work in (api.serve_forever, peers.serve_forever):
        threading.Thread(target=work, daemon=True).start()
    call_peers(int(peer_port))


if __name__ == '__main__':
    main(*sys.argv[1:])
