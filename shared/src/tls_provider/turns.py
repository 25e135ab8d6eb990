"""Whose turn it is to be asked for, where several threads ask an issuer."""

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
    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    def next(self) -> Ask | None:
        """The request whose turn it is."""
        with self.lock:
            return self.queue.popleft() if self.queue else None

    def note(self, outcome: Outcome | None) -> None:
        """Once the backend is out of reach, nobody else waits for it in this pass."""
        with self.lock:
            self.asked += 1
            if isinstance(outcome, Unavailable):
                self.unavailable = outcome
