"""One secret that the application owns, found by its label."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

import ops

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

_PRUNED = 'Revisions up to {} are removed.'


class Unreadable(Exception):
    """The secret is there but Juju does not give its content; the message says why."""


class AppSecret(ops.Object):
    """A secret of the application. Every unit may load it; only the leader stores.

    No old key stays readable: the revision that a new one replaces is removed in the same hook,
    and those that somebody else left, one in each update-status. Juju removes one revision of a
    secret in a hook. How far that is done stands in the secret's description.
    """

    def __init__(self, charm: ops.CharmBase, label: str):
        super().__init__(charm, f'secret-{label}')
        self._charm = charm
        self._label = label
        self._found: ops.Secret | None = None
        self._is_pruning = False
        self._has_removed = False
        self.framework.observe(charm.on.secret_changed, self._on_secret_changed)
        self.framework.observe(charm.on.secret_remove, self._on_secret_remove)
        self.framework.observe(charm.on.update_status, self._on_update_status)
        self.framework.observe(charm.on.collect_unit_status, self._on_collect_status)

    def load(self) -> dict[str, str] | None:
        """The latest content; None where there is no such secret. Raises `Unreadable`."""
        try:
            return self._find().get_content(refresh=True)
        except ops.SecretNotFoundError:
            return None
        except ops.ModelError as error:
            raise Unreadable(f'secret {self._label} cannot be read: {error}') from error

    def store(self, content: Mapping[str, str]) -> None:
        """Make this the content; to be called only when it differs from the latest."""
        try:
            secret = self._find()
        except ops.SecretNotFoundError:
            self.model.app.add_secret(dict(content), label=self._label)
            return
        info = secret.get_info()
        secret.set_content(dict(content))
        secret.get_content(refresh=True)  # this unit itself lets go of the one before
        self._remove(secret, info.revision)
        if _pruned(info) == info.revision - 1:
            secret.set_info(description=_PRUNED.format(info.revision))

    def _find(self) -> ops.Secret:
        """The secret, looked up once in a dispatch: that is a call of a hook tool."""
        self._found = self._found or self.model.get_secret(label=self._label)
        return self._found

    def _on_update_status(self, _: ops.UpdateStatusEvent) -> None:
        self._is_pruning = self._charm.unit.is_leader()

    def _on_collect_status(self, _: ops.CollectStatusEvent) -> None:
        """At the end of an update-status that removed nothing else, remove the oldest revision."""
        if not self._is_pruning or self._has_removed:
            return
        try:
            secret = self._find()
            info = secret.get_info()
        except ops.ModelError:  # missing or not readable: whoever loads it says so
            return
        oldest = _pruned(info) + 1
        if oldest < info.revision:
            self._remove(secret, oldest)
            secret.set_info(description=_PRUNED.format(oldest))

    def _on_secret_changed(self, event: ops.SecretChangedEvent) -> None:
        """Let go of the revision before; as long as a unit holds on to one, Juju keeps it."""
        if event.secret.label == self._label:
            try:
                event.secret.get_content(refresh=True)
            except ops.ModelError as error:
                logger.warning('secret %s cannot be read: %s', self._label, error)

    def _on_secret_remove(self, event: ops.SecretRemoveEvent) -> None:
        if event.secret.label == self._label:
            self._remove(event.secret, event.revision)

    def _remove(self, secret: ops.Secret, revision: int) -> None:
        self._has_removed = True
        try:
            secret.remove_revision(revision)
        except ops.ModelError as error:  # it is gone already
            logger.info('revision %d of secret %s: %s', revision, self._label, error)


def _pruned(info: ops.SecretInfo) -> int:
    """The revision up to which all are removed; 0: none is."""
    match = re.fullmatch(_PRUNED.format(r'(\d+)'), info.description or '')
    return int(match[1]) if match else 0
