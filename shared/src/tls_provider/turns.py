"""Whose turn it is to be asked for, where several threads ask an issuer.

Two requests that share a name are not asked for at once: where an authority proves the control of
names, the traces of one would be in the way of the other. Nobody waits for such a turn while there
is something else to ask for.
"""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING

from tls_provider.issuer import Unavailable

if TYPE_CHECKING:
    import collections

    from tls_provider.decision import Answer, Ask
    from tls_provider.issuer import Outcome


@dataclasses.dataclass
class Turns:
    """The requests that wait for their turn, and what became of the others; used by threads."""

    queue: collections.deque[Ask]
    answers: dict[str, Answer] = dataclasses.field(default_factory=dict[str, 'Answer'])
    """By key of the ledger."""
    asked: int = 0
    unavailable: Unavailable | None = None
    _busy: set[str] = dataclasses.field(default_factory=set[str])
    _changed: threading.Condition = dataclasses.field(default_factory=threading.Condition)

    def next(self) -> Ask | None:
        """The first request whose names nobody is asking for; None: nothing is left."""
        with self._changed:
            while self.queue:
                for ask in self.queue:
                    if self._busy.isdisjoint(names := _names(ask)):
                        self.queue.remove(ask)
                        self._busy |= names
                        return ask
                self._changed.wait()
            return None

    def done(self, ask: Ask) -> None:
        """A request that `next` gave has had its turn."""
        with self._changed:
            self._busy -= _names(ask)
            self._changed.notify_all()

    def note(self, outcome: Outcome | None) -> None:
        """Once the backend is out of reach, nobody else waits for it in this pass."""
        with self._changed:
            self.asked += 1
            if isinstance(outcome, Unavailable):
                self.unavailable = outcome


def _names(ask: Ask) -> set[str]:
    """As they are proved: a wildcard by the name that it stands below."""
    return {name.value.lower().removeprefix('*.') for name in ask.request.csr.names}
