"""The operations of a unit agent: what ``resolver.next_op`` answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

RelationKind: TypeAlias = Literal['created', 'joined', 'changed', 'departed', 'broken']
SecretKind: TypeAlias = Literal[
    'secret-expired', 'secret-rotate', 'secret-changed', 'secret-remove'
]


@dataclass(frozen=True)
class LifecycleHook:
    """A hook without a subject: install, start, config-changed, leader-elected and so on."""

    name: str


@dataclass(frozen=True)
class RelationHook:
    """A relation hook; ``remote_unit`` is empty for created, broken and app-level changed."""

    kind: RelationKind
    relation: int
    endpoint: str
    remote_app: str
    remote_endpoint: str
    remote_unit: str = ''
    departing: str = ''
    version: int = 0
    """Version of the bag that a joined or changed is about; success records it as seen."""

    @property
    def name(self) -> str:
        """The hook's name, ``certificates-relation-changed``."""
        return f'{self.endpoint}-relation-{self.kind}'


@dataclass(frozen=True)
class SecretHook:
    """A hook about one secret."""

    name: SecretKind
    secret: str
    revision: int
    label: str = ''
    expires: datetime | None = None
    """The expiry time that a secret-expired is about; success records it as told."""


@dataclass(frozen=True)
class RunTask:
    """An action, or a command of ``juju exec``."""

    task: str


@dataclass(frozen=True)
class EnterScope:
    """The unit joins relations that are new to it; runs no hook."""

    relations: tuple[int, ...]


@dataclass(frozen=True)
class LeaveScope:
    """The unit leaves a relation without a hook: a peer relation, or one never created."""

    relation: int


@dataclass(frozen=True)
class Remove:
    """The unit is done; nothing of it remains."""


UPDATE_STATUS = LifecycleHook('update-status')
"""The one hook that status does not show."""

Hook: TypeAlias = LifecycleHook | RelationHook | SecretHook
Op: TypeAlias = Hook | RunTask | EnterScope | LeaveScope | Remove
