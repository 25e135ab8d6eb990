"""The only way to the server: one session, logged in once, whose failures are `Failure`s."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import tempfile
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import answers
import errors
from answers import Answer
from errors import Failure, Kind, Place
from tls_provider.engine import NO_TURN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import access
    from credentials import Login
    from options import Server

CONNECT = 5
"""Seconds until a server that does not take a connection is given up."""
READ = 30
"""Seconds until a server that has not answered completely is given up."""
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
    """On the monotonic clock: the end of the pass, after which no answer is waited for."""
    _client: Any = None
    """Of hvac, which declares few types."""
    _down: Failure | None = None
    _bundle: Any = None
    """Removes the file with the CA certificates."""

    def get(self, path: str) -> Answer:
        """The data at a path; raises `Failure`."""
        return self._request('get', path, None)

    def list(self, path: str) -> Answer:
        """The list at a path, empty where there is nothing; raises `Failure`."""
        try:
            return self._request('list', path, None)
        except Failure as failure:
            if failure.kind is Kind.ABSENT:
                return Answer()
            raise

    def post(self, path: str, data: Mapping[str, object]) -> Answer:
        """What a write gives; raises `Failure`."""
        return self._request('post', path, data)

    def close(self) -> None:
        """Give back the session and the file of CA certificates."""
        if self._client is not None:
            self._client.adapter.close()
            self._client = None
        if self._bundle is not None:
            self._bundle()
            self._bundle = None

    def _request(self, method: str, path: str, data: Mapping[str, object] | None) -> Answer:
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
    ) -> Answer:
        policy, body = self.policy, {} if data is None else {'json': dict(data)}
        sent = frozenset({*self.login.values.values(), client.token})
        place = Place(self.server.host, policy.mount, policy.role, path, policy.lacking, sent)
        patience = self._patience()
        arguments = {'timeout': (min(CONNECT, patience), patience), **body}
        try:
            response = _within(
                patience, lambda: client.adapter.request(method, f'/v1/{path}', **arguments)
            )
            status, text = int(response.status_code), str(response.text)
            location = str(response.headers.get('Location', ''))
        except Exception as error:  # its text may hold a secret
            failure = errors.unreachable(error, self.server.host)
        else:
            return answers.read(status, text, location, place)
        # Of a server that had less time than others have, nothing is known.
        is_short = self.deadline is not None and time.monotonic() >= self.deadline
        raise Failure(Kind.LATE, NO_TURN) if is_short else failure

    def _patience(self) -> float:
        """Seconds for one request, all of it; raises `Failure` where there are none left."""
        if self.deadline is None:
            return READ
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Failure(Kind.LATE, NO_TURN)
        return min(READ, left)

    def _log_in(self) -> Any:
        import hvac  # noqa: PLC0415 : costs every hook that asks for nothing
        from hvac.adapters import RawAdapter  # noqa: PLC0415

        session = self._session()
        client: Any = hvac.Client(
            url=self.server.address,
            token='',
            verify=session.verify,
            session=session,
            proxies=self._proxies(),
            namespace=self.server.namespace or None,
            allow_redirects=False,  # the token would go with them
            adapter=RawAdapter,  # answers are read by `answers` alone
            ignore_exceptions=True,
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
        path = f'auth/{self.login.mount}/login'
        try:
            found = self._send(client, 'post', path, body).part('auth').text('client_token')
        except Failure as failure:
            if failure.passes or not failure.reason:
                raise
            message = f'not authorised: {self.server.host} refuses the login by {method}'
            message = f'{message} ({failure.reason}); see action authorize'
            raise Failure(Kind.WRONG, message, failure.reason) from None
        if not found:
            raise Failure(Kind.WRONG, f'{self.server.host} does not answer as Vault does')
        return found

    def renew_token(self) -> int:
        """Renew the operator's token; gives the seconds it has left, 0: for ever.

        Raises `Failure`.
        """
        found = self.get('auth/token/lookup-self')
        left = found.number('ttl')
        if left and found.values.get('renewable') is True:
            self.post('auth/token/renew-self', {})
            left = self.get('auth/token/lookup-self').number('ttl')
        return left

    def _session(self) -> Any:
        import requests  # noqa: PLC0415 : costs every hook that asks for nothing

        session = requests.Session()
        session.trust_env = False  # no bundle, proxy or password of the environment by surprise
        session.verify = True
        if self.server.ca_certificates:
            descriptor, name = tempfile.mkstemp(suffix='.pem')
            # It goes with the connection, however the hook ends.
            self._bundle = weakref.finalize(self, pathlib.Path(name).unlink, missing_ok=True)
            with os.fdopen(descriptor, 'w', encoding='ascii') as file:
                file.write('\n'.join(self.server.ca_certificates))
            session.verify = name
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


def _within(seconds: float, work: Callable[[], Any]) -> Any:
    """What work gives, unless it takes longer: then `TimeoutError`.

    Timeouts of sockets begin anew with every byte, so a server that trickles would never meet
    one. The thread that is left behind ends with its socket, or with the process.
    """
    done: list[Any] = []
    failed: list[Exception] = []

    def run() -> None:
        try:
            done.append(work())
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not done:
        raise TimeoutError
    return done[0]
