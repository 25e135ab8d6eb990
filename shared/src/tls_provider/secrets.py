"""Secrets that the application owns, found by their labels."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

import ops

from tls_provider import databag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

logger = logging.getLogger(__name__)

_Value = TypeVar('_Value')


class Unreadable(Exception):
    """Juju does not give the content of a secret; the message says why."""


class Inherited:
    """A secret that the charm before this one has made, of the unit or the application."""

    def __init__(self, model: ops.Model, label: str):
        self._model = model
        self._label = label
        self._taken: ops.Secret | None = None

    def take(self, read: Callable[[Mapping[str, str]], _Value | None]) -> _Value | None:
        """What is read of its content; None where there is none, or none that can be read."""
        try:
            secret = self._model.get_secret(label=self._label)
            value = read(secret.get_content(refresh=True))
        except ops.ModelError:
            return None
        self._taken = None if value is None else secret
        return value

    def remove(self) -> None:
        """Remove it, if something was taken, which is stored elsewhere now."""
        if self._taken is not None:
            self._taken.remove_all_revisions()
            self._taken = None


class AppSecret(ops.Object):
    """A secret of the application. Every unit may load it; only the leader stores.

    No old key stays readable: every revision that was replaced is removed, one in each dispatch
    after that. In one dispatch Juju keeps either the change of a secret or the removal of one of
    its revisions, whichever comes last: a removal never follows a change here. What is still to be
    removed stands in the peer databag, the newest first.
    """

    def __init__(self, charm: ops.CharmBase, label: str, *, peers: str = 'peers'):
        super().__init__(charm, f'secret-{label}')
        self._charm = charm
        self._label = label
        self._peers = peers
        self._found: ops.Secret | None = None
        self._is_changed = False
        self.framework.observe(charm.on.secret_changed, self._on_secret_changed)
        self.framework.observe(charm.on.secret_remove, self._on_secret_remove)
        self.framework.observe(charm.on.collect_unit_status, self._on_end_of_dispatch)

    def load(self) -> dict[str, str] | None:
        """The latest content; None where there is no such secret. Raises `Unreadable`."""
        try:
            return self._find().get_content(refresh=True)
        except ops.SecretNotFoundError:
            return None
        except ops.ModelError as error:
            raise Unreadable(f'secret {self._label} cannot be read: {error}') from error

    def store(self, content: Mapping[str, str], *, first: bool = False) -> None:
        """Make this the content; to be called only when it differs from the latest.

        Args:
            content: Key and value.
            first: What was stored before is not this charm's: none of its revisions was removed.

        """
        self._is_changed = True
        try:
            secret = self._find()
        except ops.SecretNotFoundError:
            self.model.app.add_secret(dict(content), label=self._label)
            return
        replaced = secret.get_info().revision
        secret.set_content(dict(content))
        since = 1 if first else replaced
        self._write_superseded([*range(replaced, since - 1, -1), *self._superseded()])

    def _find(self) -> ops.Secret:
        """The secret, looked up once in a dispatch: that is a call of a hook tool."""
        self._found = self._found or self.model.get_secret(label=self._label)
        return self._found

    def _on_secret_changed(self, event: ops.SecretChangedEvent) -> None:
        """Let go of the revision before; as long as a unit holds on to one, Juju keeps it."""
        if event.secret.label == self._label:
            try:
                event.secret.get_content(refresh=True)
            except ops.ModelError as error:
                logger.warning('secret %s cannot be read: %s', self._label, error)

    def _on_secret_remove(self, event: ops.SecretRemoveEvent) -> None:
        """Juju says that nobody reads a revision any more; it goes before others."""
        if event.secret.label == self._label and self._charm.unit.is_leader():
            others = [one for one in self._superseded() if one != event.revision]
            self._write_superseded([event.revision, *others])

    def _on_end_of_dispatch(self, _: ops.CollectStatusEvent) -> None:
        """Remove a revision, unless the secret was changed in this dispatch."""
        if self._is_changed or not self._charm.unit.is_leader():
            return
        if not (superseded := self._superseded()):
            return
        try:
            secret = self._find()
            secret.get_content(refresh=True)  # this unit itself lets go of it
            secret.remove_revision(superseded[0])
        except ops.ModelError as error:  # it is gone already
            logger.info('revision %d of secret %s: %s', superseded[0], self._label, error)
        self._write_superseded(superseded[1:])

    def _superseded(self) -> list[int]:
        """Revisions that are to be removed, in that order."""
        peers = self.model.get_relation(self._peers)
        if peers is None:
            return []
        text = peers.data[self._charm.app].get(self._key, '')
        return [int(one) for one in text.split() if one.isascii() and one.isdigit()]

    def _write_superseded(self, revisions: list[int]) -> None:
        if (peers := self.model.get_relation(self._peers)) is not None:
            text = ' '.join(str(one) for one in dict.fromkeys(revisions))
            databag.write(peers.data[self._charm.app], {self._key: text})

    @property
    def _key(self) -> str:
        return f'superseded-revisions-{self._label}'
