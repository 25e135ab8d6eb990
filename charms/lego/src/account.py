"""The account at an ACME server: a value, kept in a secret, and files as lego wants them."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import urllib.parse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Mapping

INHERITED = 'acme-account-details'
"""Label of the secret in which Canonical's charm of this name kept its account; of a unit."""


@dataclasses.dataclass(frozen=True)
class Account:
    """An account; its key is its identity, whoever has it may order and revoke."""

    server: str
    """Address of the ACME directory."""
    email: str
    private_key: str = dataclasses.field(repr=False)
    """PEM, SEC 1 or PKCS 8, as lego wrote it."""
    registration: str = ''
    """JSON object: what the server said at the registration. Empty: not registered."""

    def content(self) -> dict[str, str]:
        """Keys and values for a Juju secret."""
        return {
            'server': self.server,
            'email': self.email,
            'private-key': self.private_key,
            **({'registration': self.registration} if self.registration else {}),
        }

    def usable(self, generation: int) -> Account | None:
        """With its key as lego of a generation reads it; None: it is damaged.

        Either generation writes what lego 5 reads. lego 4 does not read PKCS 8.
        """
        from cryptography import exceptions  # noqa: PLC0415 : slow to import
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

        try:
            key = serialization.load_pem_private_key(self.private_key.encode(), None)
            if generation >= 5 or 'BEGIN PRIVATE KEY' not in self.private_key:
                return self
            pem = key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        except (ValueError, TypeError, exceptions.UnsupportedAlgorithm):
            return None
        return dataclasses.replace(self, private_key=pem.decode())

    def write(self, folder: pathlib.Path, generation: int) -> None:
        """Lay it out below lego's `--path`, for lego of that major version."""
        place, key = _places(folder, self.server, self.email, generation)
        key.parent.mkdir(mode=0o700, parents=True)
        key.touch(mode=0o600)
        key.write_text(self.private_key, encoding='utf-8')
        if not self.registration and generation < 5:
            return
        document: dict[str, object] = {'email': self.email}
        if self.registration:
            document['registration'] = json.loads(self.registration)
        if generation >= 5:
            document |= {'id': self.email, 'keyType': 'EC256', 'server': self.server}
        place.touch(mode=0o600)
        place.write_text(json.dumps(document), encoding='utf-8')


def label(server: str, email: str) -> str:
    """Of the secret; there is one for each server and e-mail address."""
    return f'acme-account-{hashlib.sha256(f"{server}{email}".encode()).hexdigest()[:16]}'


def read(content: Mapping[str, str], server: str, email: str) -> Account | None:
    """The account in a secret; None where it is another one, or nothing that can be used."""
    key, registration = content.get('private-key', ''), content.get('registration', '')
    if (content.get('server'), content.get('email')) != (server, email) or not key:
        return None
    return Account(server, email, key, _object(registration))


def adopted(server: str, email: str) -> Callable[[Mapping[str, str]], Account | None]:
    """Reads the account in a secret of Canonical's charm; None where it is another's.

    Which server knows it is not said there. Registering it once more gives the same account.
    """

    def read(content: Mapping[str, str]) -> Account | None:
        key = content.get('private-key', '')
        return Account(server, email, key) if key and content.get('email') == email else None

    return read


def found(folder: pathlib.Path, server: str, email: str) -> Account | None:
    """What lego 4 or 5 left below its `--path`, also after a failure; None: no key."""
    for generation in (4, 5):
        place, key = _places(folder, server, email, generation)
        with contextlib.suppress(OSError, UnicodeDecodeError):
            private_key = key.read_text(encoding='ascii')
            return Account(server, email, private_key, _registration(place))
    return None


def _registration(place: pathlib.Path) -> str:
    try:
        document: Any = json.loads(place.read_text(encoding='utf-8'))
        return _object(json.dumps(document['registration'], sort_keys=True))
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return ''


def _object(text: str) -> str:
    """A JSON object with something in it, as it stands; empty for anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return ''
    return text if isinstance(value, dict) and value else ''


def _places(
    folder: pathlib.Path, server: str, email: str, generation: int
) -> tuple[pathlib.Path, pathlib.Path]:
    """The files of an account: its description and its key."""
    host = urllib.parse.urlsplit(server).netloc.replace(':', '_')
    place = folder / 'accounts' / host / email
    keys = place if generation >= 5 else place / 'keys'
    return place / 'account.json', keys / f'{email}.key'
