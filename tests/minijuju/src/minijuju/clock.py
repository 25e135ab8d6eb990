"""The one clock, and the texts that Juju uses for moments and durations."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

_UNITS = {
    'ns': 1e-9,
    'us': 1e-6,
    'ms': 1e-3,
    's': 1.0,
    'm': 60.0,
    'h': 3600.0,
    'd': 86400.0,
}
_PART = re.compile(r'([0-9]+(?:\.[0-9]+)?)(ns|us|ms|s|m|h|d)')
_GO_DURATION = re.compile(r'(-?)((?:[0-9]+(?:\.[0-9]+)?(?:ns|us|ms|s|m|h))+)')
# Go counts nanoseconds in 63 bits, which end after 292 years, as do Python's waits.
_LONGEST = timedelta(days=106_751)
# Far enough from Python's last year for every length that may be added.
_LAST = datetime(9000, 1, 1, tzinfo=timezone.utc)
_MOMENT = re.compile(r'(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?')


class Clock:
    """The time of day for timers, retries and time stamps; it can be put forward."""

    def __init__(self) -> None:
        self._offset = timedelta()

    @property
    def offset(self) -> timedelta:
        """How far this clock is ahead of the machine's."""
        return self._offset

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return datetime.now(timezone.utc) + self._offset

    def advance(self, by: timedelta) -> bool:
        """Put the clock forward, and say whether it goes that far: to the year 9000."""
        if self.now() > _LAST - by:
            return False
        self._offset += by
        return True


def rfc3339(moment: datetime) -> str:
    """Return the moment in UTC as ``2026-01-31T23:59:59Z``."""
    return moment.astimezone(timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')


def status_time(moment: datetime) -> str:
    """Return the moment as ``juju status`` writes it: ``31 Jan 2026 23:59:59Z``."""
    return moment.astimezone(timezone.utc).strftime('%d %b %Y %H:%M:%SZ')


def parse_duration(value: str) -> timedelta | None:
    """Return the length of a Go duration such as ``1h30m`` or ``10s``, None when it is not one.

    Days (``2d``) are understood too. A bare number counts as seconds, as jubilant may send it.
    What is longer than Go can count is none.
    """
    if re.fullmatch(r'[0-9]+(\.[0-9]+)?', value):
        return _length(f'{value}s')
    if not value or _PART.sub('', value):
        return None
    return _length(value)


def go_duration(value: str) -> timedelta | None:
    """Return the length of a text as Go writes durations, ``-1h30m`` too; None for any other."""
    match = _GO_DURATION.fullmatch(value)
    if match is None:
        return None
    sign, parts = match.groups()
    length = _length(parts)
    return -length if sign and length is not None else length


def parse_moment(value: str, now: datetime) -> datetime | None:
    """Return the moment that an ``--expire`` text names, None when it is neither form.

    The text is RFC 3339 (UTC when it has no zone) or a Go duration from now, such as ``1h30m``.
    """
    if match := _MOMENT.fullmatch(value):
        date, time, fraction, zone = match.groups()
        micro = f'{fraction or "0":0<6}'[:6]
        zone = '+00:00' if zone in {None, 'Z'} else zone
        try:
            return datetime.fromisoformat(f'{date}T{time}.{micro}{zone}').astimezone(timezone.utc)
        except (ValueError, OverflowError):  # the zone may lead out of the calendar
            return None
    length = go_duration(value)
    return None if length is None else now + length


def _length(parts: str) -> timedelta | None:
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(parts))
    return timedelta(seconds=seconds) if seconds <= _LONGEST.total_seconds() else None
