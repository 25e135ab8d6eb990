"""An OpenBao server that is put back to what it was, for tests that try one thing again and again.

The server's own way, a snapshot of raft, takes five seconds each time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import ssl
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from .openbao import OpenBao

_STORAGE = {'sys/mounts': 'logical', 'sys/auth': 'auth'}
"""Where the storage has what each kind of mounts keeps."""
_BUILT_IN = {'cubbyhole', 'identity', 'ns_token', 'system', 'token'}
_AS_IT_IS = 'encoding=base64&compressed=false'
"""Else what begins like something compressed is taken for it."""
_POLICIES = 'sys/policies/acl'


@dataclasses.dataclass(frozen=True)
class Session:
    """Requests of root over one connection, for tests that have many."""

    server: OpenBao
    connection: http.client.HTTPSConnection

    def ask(
        self, method: str, path: str, data: Mapping[str, object] | None = None
    ) -> dict[str, Any]:
        """The data of an answer, empty where there is nothing; raises `RuntimeError`."""
        body = None if data is None else json.dumps(data)
        headers = {'X-Vault-Token': self.server.root_token}
        self.connection.request(method, f'/v1/{path}', body, headers)
        with self.connection.getresponse() as answer:
            text = answer.read().decode()
            if answer.status == http.HTTPStatus.NOT_FOUND:
                return {}
            if answer.status >= http.HTTPStatus.BAD_REQUEST:
                raise RuntimeError(f'{method} {path}: {answer.status} {text}')
        found: dict[str, Any] = json.loads(text or '{}')
        return found.get('data') or {}

    def keys(self, path: str) -> list[str]:
        """What a list has."""
        return self.ask('LIST', path).get('keys', [])

    @contextlib.contextmanager
    def kept(self) -> Generator[Callable[[], None]]:
        """Give a function that puts mounts with what is in them, logins and policies back.

        Changed policies, tuned mounts and mounts that were deleted stay as they are.
        """
        mounts, policies = self._mounts(), set(self.keys(_POLICIES))
        before = {path: self._entries(place) for path, place in mounts.items()}

        def restore() -> None:
            for name in set(self.keys(_POLICIES)) - policies:
                self.ask('DELETE', f'{_POLICIES}/{name}')
            for path, place in self._mounts().items():
                if path not in mounts:
                    self.ask('DELETE', path)
                elif place == mounts[path]:
                    self._put_back(before[path], self._entries(place))

        yield restore

    def _mounts(self) -> dict[str, str]:
        """Where each mount is in the storage, by its path in the API."""
        return {
            f'{kind}/{name.rstrip("/")}': f'sys/raw/{folder}/{mount["uuid"]}/'
            for kind, folder in _STORAGE.items()
            for name, mount in self.ask('GET', kind).items()
            if mount['type'] not in _BUILT_IN
        }

    def _entries(self, place: str) -> dict[str, str]:
        """What the storage holds below a place, in base64."""
        found: dict[str, str] = {}
        for key in self.keys(place):
            if key.endswith('/'):
                found |= self._entries(f'{place}{key}')
            else:
                found[place + key] = self.ask('GET', f'{place}{key}?{_AS_IT_IS}')['value']
        return found

    def _put_back(self, before: Mapping[str, str], now: Mapping[str, str]) -> None:
        for path in now.keys() - before.keys():
            self.ask('DELETE', path)
        for path, value in before.items():
            if now.get(path) != value:
                self.ask('PUT', path, {'value': value, 'encoding': 'base64'})


@contextlib.contextmanager
def session(server: OpenBao) -> Generator[Session]:
    """A session that ends with the context."""
    context = ssl.create_default_context(cadata=server.certificate)
    host = server.address.removeprefix('https://')
    with contextlib.closing(http.client.HTTPSConnection(host, context=context)) as connection:
        yield Session(server, connection)
