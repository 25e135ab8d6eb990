"""The status line of a pass: pure text from its summary."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from tls_provider import x509

if TYPE_CHECKING:
    from tls_provider.engine import Summary

LIMIT = 200
"""Characters of a status message."""


def message(summary: Summary) -> str:
    """What an operator should know, most telling first; empty where nobody asks for anything.

    `2/3 issued; kafka/0: 10.0.0.5: IP addresses are not certified here; ...; 1 more problem`.
    """
    total = summary.issued + summary.pending + summary.refused
    parts = [f'{summary.issued}/{total} issued'] if total else []
    if summary.problems:
        first = summary.problems[0]
        parts.append(f'{x509.printable(first.requirer)}: {x509.printable(first.message, 130)}')
        more = len(summary.problems) - 1
        parts += [f'{more} more problem{"s" * (more > 1)}'] * (more > 0)
    elif summary.first_expiry:
        end = datetime.datetime.fromtimestamp(summary.first_expiry, datetime.timezone.utc)
        parts.append(f'first expiry {end:%Y-%m-%d}')
    return '; '.join(parts)[:LIMIT]
