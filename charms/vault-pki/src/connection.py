"""The only way to the server: one session, logged in once, whose failures are `Failure`s."""

from __future__ import annotations

import dataclasses
import logging
import os
import pathlib
import tempfile
import time
import urllib.parse
from typing import TYPE_CHECKING, Any, cast

import errors
from errors import Failure, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    import access
    from credentials import Login
    from options import Server

logger = logging.getLogger(__name__)

CONNECT = 5
"""Seconds until a server that does not take a connection is given up."""
READ = 30
"""Seconds until a server that does not answer is given up."""
MACHINE_BUNDLE = pathlib.Path('/etc/ssl/certs/ca-certificates.crt')
"""What the machine trusts; requests alone would take a bundle of its own."""


@dataclasses.dataclass
class Connection:
    """Requests to one server, in one keep-alive session, by one login.

    Nothing is opened before the first request. After the server was found out of reach no other
    request is tried: each would wait as long again.
    """

    server: Server
    login: Login
    policy: access.Policy
    """What the charm may do, to say what is missing where it may not."""
    environ: Mapping[str, str] = dataclasses.field(default_factory=lambda: os.environ)
    deadline: float | None = None
    """On the monotonic clock: no answer is waited for after it."""
    _client: Any = None
    """Of hvac, which declares few types."""
    _down: Failure | None = None
    _bundle: Any = None
    """The open file with the CA certificates."""

    def get(self, path: str) -> dict[str, Any]:
        """The data at a path; raises `Failure`."""
        return self._request('get', path, None)

    def list(self, path: str) -> dict[str, Any]:
        """The list at a path, empty where there is nothing; raises `Failure`."""
        return self._request('list', path, None)

    def post(self, path: str, data: Mapping[str, object]) -> dict[str, Any]:
        """What a write gives; raises `Failure`."""
        return self._request('post', path, data)

    def close(self) -> None:
        """Give back the session and the file of CA certificates."""
        if self._client is not None:
            self._client.adapter.close()
            self._client = None
        if self._bundle is not None:
            self._bundle.close()
            self._bundle = None

    def _request(
        self, method: str, path: str, data: Mapping[str, object] | None
    ) -> dict[str, Any]:
        if self._down:
            raise self._down
        try:
            client = self._client or self._log_in()
            try:
                return self._send(client, method, path, data)
            except Failure as failure:
                if failure.kind is not Kind.TOKEN or self.login.method == 'token':
                    raise
            # What was logged in may have ended or was revoked; a new login tells.
            self.close()
            return self._send(self._log_in(), method, path, data)
        except Failure as failure:
            if failure.kind is Kind.TOKEN:
                message = f'{self.server.host} does not accept the token; set another one'
                raise Failure(Kind.WRONG, message, failure.reason) from None
            if failure.passes:
                self._down = failure
            raise

    def _send(
        self, client: Any, method: str, path: str, data: Mapping[str, object] | None
    ) -> dict[str, Any]:
        try:
            body: dict[str, Any] = {} if data is None else {'json': dict(data)}
            answer = client.adapter.request(
                method, f'/v1/{path}', timeout=(CONNECT, self._patience()), **body
            )
        except Exception as error:
            if method == 'list' and _is_empty(error):
                return {}
            raise self._failure(error, path) from None  # its text may hold a secret
        if isinstance(answer, dict):
            found = cast('dict[str, Any]', answer)
            for warning in cast('list[str]', found.get('warnings') or []):
                logger.info('%s: %.200s', path, ' '.join(warning.split()))
            return found.get('data') or found
        if 300 <= answer.status_code < 400:
            location = str(answer.headers.get('Location', ''))
            place = urllib.parse.urlsplit(location).netloc or 'another'
            message = f'{self.server.host} is a standby and sends to {place:.60}; use that address'
            raise Failure(Kind.DOWN, message)
        if answer.status_code == 200:
            raise Failure(Kind.WRONG, f'{self.server.host} does not answer as Vault does')
        return {}

    def _patience(self) -> float:
        if self.deadline is None:
            return READ
        return max(1.0, min(READ, self.deadline - time.monotonic()))

    def _failure(self, error: Exception, path: str) -> Failure:
        return errors.classify(
            error,
            host=self.server.host,
            mount=self.policy.mount,
            role=self.policy.role,
            denied=lambda: self.policy.lacking(path),
        )

    def _log_in(self) -> Any:
        import hvac  # noqa: PLC0415 : costs every hook that asks for nothing

        session = self._session()
        timeouts: Any = (CONNECT, self._patience())
        client: Any = hvac.Client(
            url=self.server.address,
            token='',
            verify=session.verify,
            session=session,
            proxies=self._proxies(),
            timeout=timeouts,
            namespace=self.server.namespace or None,
            allow_redirects=False,  # the token would go with them
        )
        if self.login.method == 'token':
            client.token = self.login.values['token']
        else:
            client.token = self._token(client)
        self._client = client
        return client

    def _token(self, client: Any) -> str:
        values, method = self.login.values, self.login.method
        if method == 'approle':
            body = {'role_id': values['role-id'], 'secret_id': values['secret-id']}
        else:
            body = {'role': self.login.role, 'jwt': values['jwt']}
        try:
            answer = self._send(client, 'post', f'auth/{self.login.mount}/login', body)
            return str(answer['auth']['client_token'])
        except (KeyError, TypeError):
            message = f'{self.server.host} does not answer as Vault does'
            raise Failure(Kind.WRONG, message) from None
        except Failure as failure:
            if failure.passes or not failure.reason:
                raise
            message = f'not authorised: {self.server.host} refuses the login by {method}'
            message = f'{message} ({failure.reason}); see action authorize'
            raise Failure(Kind.WRONG, message, failure.reason) from None

    def renew_token(self) -> int:
        """Renew the operator's token; gives the seconds it has left, 0: for ever.

        Raises `Failure`.
        """
        found = self.get('auth/token/lookup-self')
        left, renewable = int(found.get('ttl', 0)), bool(found.get('renewable'))
        if left and renewable:
            self.post('auth/token/renew-self', {})
            left = int(self.get('auth/token/lookup-self').get('ttl', 0))
        return left

    def _session(self) -> Any:
        import requests  # noqa: PLC0415 : costs every hook that asks for nothing

        session = requests.Session()
        session.trust_env = False  # no bundle, proxy or password of the environment by surprise
        session.verify = True
        if self.server.ca_certificates:
            self._bundle = tempfile.NamedTemporaryFile('w', encoding='ascii', suffix='.pem')  # noqa: SIM115
            self._bundle.write('\n'.join(self.server.ca_certificates))
            self._bundle.flush()
            session.verify = self._bundle.name
        elif MACHINE_BUNDLE.exists():
            session.verify = str(MACHINE_BUNDLE)
        session.proxies = self._proxies()
        return session

    def _proxies(self) -> dict[str, str]:
        """The model's proxies, unless the server's host is excepted from them."""
        from requests.utils import should_bypass_proxies  # noqa: PLC0415

        environ = self.environ
        if should_bypass_proxies(self.server.address, environ.get('JUJU_CHARM_NO_PROXY', '')):
            return {}
        found = {
            'http': environ.get('JUJU_CHARM_HTTP_PROXY', ''),
            'https': environ.get('JUJU_CHARM_HTTPS_PROXY', ''),
        }
        return {scheme: proxy for scheme, proxy in found.items() if proxy}


def _is_empty(error: Exception) -> bool:
    """Whether it says that there is nothing to list: a 404 without a text."""
    import hvac.exceptions  # noqa: PLC0415

    return isinstance(error, hvac.exceptions.InvalidPath) and not getattr(error, 'errors', None)
