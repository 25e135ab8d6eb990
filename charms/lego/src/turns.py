"""Whose turn it is where several orders run at once."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable


class Turns:
    """Keeps orders apart that use the same TXT record: two at once would break each other."""

    def __init__(self):
        self._changed = threading.Condition()
        self._busy: set[str] = set()

    @contextlib.contextmanager
    def of(self, names: Iterable[str]) -> Generator[None]:
        """Wait until nobody else uses the records of these DNS names, then have them alone.

        A wildcard and its parent have the same record.
        """
        wanted = {name.removeprefix('*.') for name in names}
        with self._changed:
            self._changed.wait_for(lambda: self._busy.isdisjoint(wanted))
            self._busy |= wanted
        try:
            yield
        finally:
            with self._changed:
                self._busy -= wanted
                self._changed.notify_all()
