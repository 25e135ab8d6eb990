"""A model's debug log: a file, of which memory holds the places where entries begin."""

from __future__ import annotations

import os
from array import array
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

LEVELS = ('TRACE', 'DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL')
"""From the least to the most severe."""


class DebugLog:
    """Entries as ``juju debug-log`` prints them: ``unit-ca-0: 12:00:00 INFO MODULE text``."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open('w+b')
        self._starts = array('Q')
        self._size = 0

    def write(
        self, unit: str, module: str, level: str, messages: Iterable[str], now: datetime
    ) -> None:
        """Add entries, each of which may have several lines."""
        entity = f'unit-{unit.replace("/", "-")}' if unit else 'controller-0'
        added = bytearray()
        for message in messages:
            self._starts.append(self._size + len(added))
            # NUL is the one character that the client, which is bash, cannot hold.
            shown = message.replace('\0', '\\x00')
            line = f'{entity}: {now:%H:%M:%S} {level} {module} {shown}\n'
            added += line.encode(errors='backslashreplace')
        self._file.write(added)
        self._file.flush()
        self._size += len(added)

    def entries(self, limit: int = 0) -> list[str]:
        """Return the last entries, all of them when the limit is 0."""
        starts = [*self._starts[-limit:], self._size]
        data = os.pread(self._file.fileno(), self._size - starts[0], starts[0])
        first = starts[0]
        return [data[start - first : end - first].decode() for start, end in pairwise(starts)]

    def close(self) -> None:
        """Close the file."""
        self._file.close()
