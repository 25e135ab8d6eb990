"""When somebody has to have another certificate signed: nobody else will."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime

    from tls_provider.decision import Keep

DAY = 86400
WARN_DAYS = (7, 14, 30)
"""Before the first end of a certificate the status asks for another one, in these steps."""
LONG_LIFE, NOTICE = 90 * DAY, 30 * DAY
"""Of a life as long as this or longer, another one is asked for so long before its end."""
SHARE_LEFT = 0.1
"""Of a shorter one, when so much of it is left."""


def remark(first_expiry: int, now: datetime.datetime) -> str:
    """What the status says of the first end of a certificate, in seconds since the epoch."""
    left = (first_expiry - now.timestamp()) / DAY
    if not first_expiry or left > max(WARN_DAYS):
        return ''
    days = next(number for number in WARN_DAYS if left <= number)
    return f'a certificate ends within {days} days: supply another'


def waits(request: Keep) -> bool:
    """Whether a request has no certificate, or another one is wanted and is not there."""
    return not request.answer.serves or bool(request.answer.record.message)


def wants_certificate(request: Keep, now: datetime.datetime) -> bool:
    """Whether somebody should sign a request: it has no certificate in force, or for long."""
    record = request.answer.record
    if not request.answer.serves:
        return request.answer.refusal is None
    if record.not_before > now.timestamp():
        return True
    life = record.not_after - record.not_before + 1  # both seconds count (RFC 5280, 4.1.2.5)
    left = record.not_after - now.timestamp()
    return left <= life * SHARE_LEFT or (life >= LONG_LIFE and left <= NOTICE)
