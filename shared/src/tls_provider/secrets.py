"""One secret that the application owns, found by its label."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ops

if TYPE_CHECKING:
    from collections.abc import Mapping


class Unreadable(Exception):
    """The secret is there but Juju does not give its content; the message says why."""


class AppSecret(ops.Object):
    """A secret of the application. Every unit may load it; only the leader stores.

    A revision that was replaced is removed as soon as Juju says that nobody reads it any more: no
    old key stays readable.
    """

    def __init__(self, charm: ops.CharmBase, label: str):
        super().__init__(charm, f'secret-{label}')
        self._label = label
        self.framework.observe(charm.on.secret_remove, self._on_secret_remove)

    def load(self) -> dict[str, str] | None:
        """The latest content; None where there is no such secret. Raises `Unreadable`."""
        try:
            return self.model.get_secret(label=self._label).get_content(refresh=True)
        except ops.SecretNotFoundError:
            return None
        except ops.ModelError as error:
            raise Unreadable(f'secret {self._label} cannot be read: {error}') from error

    def store(self, content: Mapping[str, str]) -> None:
        """Make this the content; to be called only when it differs from the latest."""
        try:
            secret = self.model.get_secret(label=self._label)
        except ops.SecretNotFoundError:
            self.model.app.add_secret(dict(content), label=self._label)
        else:
            secret.set_content(dict(content))

    def _on_secret_remove(self, event: ops.SecretRemoveEvent) -> None:
        if event.secret.label == self._label:
            event.remove_revision()
