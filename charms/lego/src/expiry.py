"""Certificates that end soon although nobody has renewed them, as lines for the log."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable

    from tls_provider.decision import Keep

logger = logging.getLogger(__name__)

EVENT = 'lego_cert_expiring'
"""The name that alerts look for."""


def log(requests: Iterable[Keep], ratio: float, now: datetime.datetime) -> None:
    """Log each certificate with less of its life left than the ratio."""
    for line in lines(requests, ratio, now):
        logger.warning('%s', line)


def lines(requests: Iterable[Keep], ratio: float, now: datetime.datetime) -> list[str]:
    """A JSON object for each certificate with less of its life left than the ratio."""
    found: list[str] = []
    for request in requests:
        record = request.answer.record
        life = record.not_after - record.not_before
        if request.answer.entry is None or life <= 0:
            continue
        left = record.not_after - now.timestamp()
        if left <= life * ratio:
            event = {
                'event': EVENT,
                'requirer': request.requirer,
                'serial_number': record.serial,
                'seconds_left': max(0, int(left)),
                'remaining_ratio': round(max(0.0, left / life), 4),
            }
            found.append(json.dumps(event))
    return found
