"""The time, in one place."""

from __future__ import annotations

import datetime


def now() -> datetime.datetime:
    """The present, aware, UTC."""
    return datetime.datetime.now(datetime.timezone.utc)
