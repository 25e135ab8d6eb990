"""From a failure of lego to what the pass does about it."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import authorities
from failure_rows import Kind
from tls_provider.issuer import Rejected, Unavailable

if TYPE_CHECKING:
    from failure import Failure
    from tls_provider.issuer import Outcome

MEND_WAIT = datetime.timedelta(hours=1)
"""Until an order is tried again that failed for something that the operator has to mend. A change
of the options or secrets ends the wait."""


def outcome(found: Failure, server: str, now: datetime.datetime) -> Outcome:
    """What a failure means for the request and for those after it.

    `Unavailable` where another order would fail too: none is begun then.
    """
    message = f'{authorities.name(server)}: {found.message}'
    match found.kind:
        case Kind.FINAL:
            return Rejected(found.code, f'refused by {message}', found.reason)
        case Kind.LATER | Kind.LIMIT:
            return Rejected(found.code, message, found.reason, found.retry_at, transient=True)
        case Kind.SERVER | Kind.NO_ACCOUNT:
            return Unavailable(message, found.reason)
        case Kind.ACCOUNT_LIMIT:
            return Unavailable(message, found.reason, found.retry_at)
        case Kind.MEND:
            return Unavailable(found.message, found.reason, now + MEND_WAIT, blocked=True)
