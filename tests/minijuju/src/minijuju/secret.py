"""Secrets as the controller stores them, and who may do what with them."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

_ID_ALPHABET = '0123456789abcdefghijklmnopqrstuv'
_KEY = re.compile(r'[a-z](?:-?[a-z0-9]){2,}')
_UUID = r'[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
_URI = re.compile(rf'(?:secret:(?://)?)?(?:({_UUID})/)?([0-9a-z]{{20}})')

# Limits of Juju 3.6 (core/secrets). Juju 4 allows a million bytes, but what works with the small
# ones works everywhere.
VALUE_LIMIT = 8 * 1024
CONTENT_LIMIT = 64 * 1024

# Months and longer vary in Juju too little to matter here.
ROTATION = {
    'hourly': timedelta(hours=1),
    'daily': timedelta(days=1),
    'weekly': timedelta(days=7),
    'monthly': timedelta(days=30),
    'quarterly': timedelta(days=90),
    'yearly': timedelta(days=365),
}


@dataclass(frozen=True)
class Owner:
    """Who owns a secret: an application, one unit, or the model (a user's secret)."""

    kind: Literal['application', 'unit', 'model']
    name: str


@dataclass
class Revision:
    """One content of a secret."""

    number: int
    content: dict[str, str]
    created: datetime
    expires: datetime | None = None
    expiry_sent: datetime | None = None
    """The expiry time for which secret-expired has run."""
    removal_sent: bool = False
    """Whether secret-remove has run for it."""


@dataclass
class Observer:
    """A unit that has read the secret."""

    revision: int = 0
    """The revision that it is pinned at."""
    label: str = ''
    notified: int = 0
    """The latest revision for which secret-changed has run."""


@dataclass(frozen=True)
class Grant:
    """Leave to read, tied to a relation; ``relation`` is None for a user's secret."""

    subject: str
    """An application or a unit."""
    relation: int | None


@dataclass
class Secret:
    """A secret with all its revisions, readers and grants."""

    id: str
    owner: Owner
    created: datetime
    updated: datetime
    label: str = ''
    """The owner's label; a user's secret has its name here."""
    description: str = ''
    rotate: str = 'never'
    rotates: datetime | None = None
    auto_prune: bool = False
    revisions: dict[int, Revision] = field(default_factory=dict[int, Revision])
    newest: int = 0
    observers: dict[str, Observer] = field(default_factory=dict[str, Observer])
    grants: list[Grant] = field(default_factory=list[Grant])

    @property
    def latest(self) -> Revision | None:
        """The newest revision, None after it was removed."""
        return self.revisions.get(self.newest)

    def add_revision(
        self, content: dict[str, str], now: datetime, expires: datetime | None = None
    ) -> Revision:
        """Store a content as the newest revision and return it."""
        self.newest += 1
        revision = Revision(self.newest, dict(content), now, expires)
        self.revisions[self.newest] = revision
        self.updated = now
        return revision

    def set_rotation(self, policy: str, now: datetime) -> None:
        """Rotate by this policy from now on; ``never`` stops rotation."""
        if policy != self.rotate:
            self.rotate = policy
            self.rotates = now + ROTATION[policy] if policy in ROTATION else None

    def owned_by(self, unit: str) -> bool:
        """Say whether the unit, or the application that it belongs to, owns the secret."""
        return self.owner in {
            Owner('unit', unit),
            Owner('application', unit.partition('/')[0]),
        }

    def readable_by(self, unit: str) -> bool:
        """Say whether the unit may read it: as an owner's unit or by a grant."""
        if self.owned_by(unit):
            return True
        return any(grant.subject in {unit, unit.partition('/')[0]} for grant in self.grants)

    def obsolete(self) -> list[Revision]:
        """Return the old revisions that no reader is pinned at, oldest first."""
        pinned = {observer.revision for observer in self.observers.values()}
        return [
            self.revisions[number]
            for number in sorted(self.revisions)
            if number != self.newest and number not in pinned
        ]

    def prune(self) -> None:
        """Remove old revisions that no reader is pinned at, if the secret's user wants that."""
        if self.auto_prune:
            for revision in self.obsolete():
                del self.revisions[revision.number]


def new_id() -> str:
    """Return a new identifier: 20 characters as an xid has them."""
    return ''.join(secrets.choice(_ID_ALPHABET) for _ in range(20))


def parse_uri(uri: str) -> tuple[str, str]:
    """Return model and identifier in a secret URI with or without its scheme.

    The model is empty where none is named, both are where it is no such URI.
    """
    match = _URI.fullmatch(uri)
    return (match.group(1) or '', match.group(2)) if match is not None else ('', '')


def bare_id(uri: str) -> str:
    """Return the identifier in ``secret:ID``, ``secret://MODEL/ID`` or ``ID``."""
    return uri.removeprefix('secret:').rpartition('/')[2]


def checksum(content: dict[str, str]) -> str:
    """Return the SHA-256 of a content; equal contents have equal sums."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def key_problem(key: str) -> str:
    """Return why a content key is refused, empty when it is good."""
    return '' if _KEY.fullmatch(key) else f'key "{key}" not valid'


def size_problem(content: dict[str, str]) -> str:
    """Return why a content is too large, empty when it is not."""
    total = 0
    for key, value in content.items():
        size = len(value.encode())
        if size > VALUE_LIMIT:
            return f'secret content for key "{key}" too large: {size} bytes'
        total += size
    return f'secret content too large: {total} bytes' if total > CONTENT_LIMIT else ''
