"""Pebble on loopback: an ACME server that validates and signs as a public one does."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import ssl
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from tls_provider import x509
from tls_provider.testing import pki

from . import process

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Generator, Mapping

EAB_KEY_ID = 'kid-1'
EAB_KEY = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W'
"""In base64url without padding."""

BLOCKED = 'blocked.test'
"""A domain that the server refuses. Pebble breaks down on names with fewer labels than this."""


@dataclasses.dataclass(frozen=True)
class AcmeServer:
    """A running ACME server."""

    directory: str
    """Address of the ACME directory."""
    certificate: str
    """PEM of the CA that signed the server's own certificate."""
    management: str
    """Address of pebble's management interface."""
    log: pathlib.Path

    def root(self) -> str:
        """PEM of the root below which certificates are issued."""
        return self._get('/roots/0')

    def orders(self) -> int:
        """How many orders were made so far."""
        return self.log.read_text(encoding='utf-8').count('POST /order-plz')

    def registrations(self) -> int:
        """How often an account was asked for so far."""
        return self.log.read_text(encoding='utf-8').count('POST /sign-me-up')

    def status(self, serial: str) -> str:
        """`Valid` or `Revoked`, of a certificate by its serial number in hexadecimal digits."""
        return json.loads(self._get(f'/cert-status-by-serial/{serial}'))['Status']

    def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            self._get('/roots/0')
        except (urllib.error.URLError, OSError):
            return False
        return True

    def _get(self, path: str) -> str:
        context = ssl.create_default_context(cadata=self.certificate)
        with urllib.request.urlopen(  # noqa: S310
            self.management + path, timeout=5, context=context
        ) as answer:
            return answer.read().decode()


@contextlib.contextmanager
def acme_server(
    folder: pathlib.Path,
    name_server: str,
    *,
    settings: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    ports: tuple[int, int] | None = None,
) -> Generator[AcmeServer]:
    """Run pebble in an empty folder.

    Args:
        folder: Where its files are.
        name_server: Address of the name server that it validates by.
        settings: Keys of its configuration that differ.
        environ: Its `PEBBLE_` variables that differ.
        ports: Of the directory and of the management; else free ones.

    """
    port, management = ports or (process.free_port(), process.free_port())
    authority = pki.Authority.root('ACME server')
    now = datetime.datetime.now(datetime.timezone.utc)
    csr = x509.parse_request(pki.request('localhost', '127.0.0.1', key='ecdsa-p256'))
    own = authority.sign(csr, start=now - datetime.timedelta(hours=1))
    (folder / 'pebble.crt').write_text(own.pem, encoding='utf-8')
    (folder / 'pebble.key').write_text(pki.private_key_pem('ecdsa-p256'), encoding='utf-8')
    (folder / 'pebble.json').write_text(
        json.dumps(
            {
                'pebble': {
                    'listenAddress': f'127.0.0.1:{port}',
                    'managementListenAddress': f'127.0.0.1:{management}',
                    'certificate': 'pebble.crt',
                    'privateKey': 'pebble.key',
                    'httpPort': 5002,
                    'tlsPort': 5001,
                    'ocspResponderURL': '',
                    'certificateValidityPeriod': 90 * 86400,
                    'domainBlocklist': [BLOCKED],
                    **(settings or {}),
                }
            }
        ),
        encoding='utf-8',
    )
    server = AcmeServer(
        directory=f'https://localhost:{port}/dir',
        certificate=authority.certificate.pem,
        management=f'https://localhost:{management}',
        log=folder / 'log',
    )
    command = ['pebble', '-config', 'pebble.json', '-dnsserver', name_server]
    variables = {
        'PEBBLE_VA_NOSLEEP': '1',
        'PEBBLE_WFE_NONCEREJECT': '0',
        'PEBBLE_AUTHZREUSE': '0',
        **(environ or {}),
    }
    with process.running(command, folder, server.is_ready, variables):
        yield server


def external_account() -> dict[str, object]:
    """Settings of a server that wants an account of its operator's, the one of `EAB_KEY`."""
    return {
        'externalAccountBindingRequired': True,
        'externalAccountMACKeys': {EAB_KEY_ID: EAB_KEY},
    }
