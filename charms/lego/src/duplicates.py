"""How often the same names had a certificate lately: public authorities count that."""

from __future__ import annotations

import datetime
import hashlib
import json
import threading
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tls_provider.x509 import Name

SPAN = datetime.timedelta(days=7)


class History:
    """When certificates were issued, by the set of their names."""

    MOST: ClassVar = 3
    """Of the 5 in 7 days that Let's Encrypt allows, two are left for the operator."""

    def __init__(self, text: str = '', server: str = ''):
        """From the text of `dumps`; anything else counts as nothing.

        Args:
            text: The times at all servers.
            server: The one whose certificates are counted.

        """
        self._server = server
        self._lock = threading.Lock()
        self._times: dict[str, list[int]] = {}
        try:
            document: Any = json.loads(text or '{}')
            for key, times in document.items():
                self._times[str(key)] = sorted(int(time) for time in times)
        except (ValueError, TypeError, AttributeError, RecursionError):
            self._times = {}

    def note(self, names: Iterable[Name], time: datetime.datetime) -> None:
        """One more, issued at this time; noted twice it counts once."""
        second = int(time.timestamp())
        with self._lock:
            times = set(self._times.get(self._key(names), []))
            self._times[self._key(names)] = sorted({*times, second})

    def free_at(self, names: Iterable[Name], now: datetime.datetime) -> datetime.datetime | None:
        """When the same names may have another one; None: now."""
        with self._lock:
            times = self._recent(self._times.get(self._key(names), []), now)
        if len(times) < self.MOST:
            return None
        oldest = datetime.datetime.fromtimestamp(times[-self.MOST], datetime.timezone.utc)
        return oldest + SPAN

    def dumps(self, now: datetime.datetime) -> str:
        """JSON text of what counts still; empty where nothing does."""
        with self._lock:
            left = {key: self._recent(times, now) for key, times in self._times.items()}
        left = {key: times for key, times in left.items() if times}
        return json.dumps(left, sort_keys=True, separators=(',', ':')) if left else ''

    @staticmethod
    def _recent(times: list[int], now: datetime.datetime) -> list[int]:
        second = now.timestamp()
        return [time for time in times if second - SPAN.total_seconds() < time <= second]

    def _key(self, names: Iterable[Name]) -> str:
        text = ','.join([self._server, *sorted(str(name) for name in names)])
        return hashlib.sha256(text.encode()).hexdigest()[:16]
