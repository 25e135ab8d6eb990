"""A model's debug log, in memory and in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


class DebugLog:
    """Lines as ``juju debug-log`` prints them: ``unit-ca-0: 12:00:00 INFO unit.ca/0... text``."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open('w', encoding='utf-8', errors='backslashreplace')
        self._lines: list[str] = []

    def write(self, unit: str, module: str, level: str, message: str, now: datetime) -> None:
        """Add one entry, which may have several lines."""
        entity = f'unit-{unit.replace("/", "-")}' if unit else 'controller-0'
        line = f'{entity}: {now:%H:%M:%S} {level} {module} {message}'
        self._lines.append(line)
        self._file.write(line + '\n')
        self._file.flush()

    def last(self, limit: int) -> list[str]:
        """Return the last entries, all of them when the limit is 0."""
        return self._lines[-limit:]

    def close(self) -> None:
        """Close the file."""
        self._file.close()
