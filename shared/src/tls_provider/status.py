"""The status line of a pass: pure text from its summary."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from tls_provider import ledger, x509

if TYPE_CHECKING:
    from tls_provider.summary import Problem, Summary

LIMIT = 200
"""Characters of a status message."""


def message(summary: Summary, remark: str = '') -> str:
    """What an operator should know, most telling first; empty where nobody asks for anything.

    `1/3 issued, 2 refused; kafka/0: 10.0.0.5: IP addresses are not certified here; ...; next try
    14:05; 1 more problem; first expiry 2027-01-31`. Times are UTC. A remark of the charm comes
    after the counts.
    """
    counts = _counts(summary)
    if counts and remark:
        counts.append(x509.printable(remark, 80))
    rest: list[str] = []
    if summary.problems:
        more = len(summary.problems) - 1
        rest += [f'{more} more problem{"s" * (more > 1)}'] * (more > 0)
    if summary.to_revoke:
        why = f': {x509.printable(summary.unrevoked, 60)}' if summary.unrevoked else ''
        rest.append(f'{summary.to_revoke} to revoke{why}')
    if summary.first_expiry:
        rest.append(f'first expiry {_time(summary.first_expiry):%Y-%m-%d}')
    room = LIMIT - sum(len(part) + 2 for part in (*counts, *rest))
    problem = [_problem(summary.problems[0], room)] if summary.problems else []
    return '; '.join((*counts, *problem, *rest))


def blocked(summary: Summary) -> str:
    """What the operator of this application has to mend here; empty: nothing."""
    return x509.printable(summary.blocked, LIMIT - 3)


def _counts(summary: Summary) -> list[str]:
    total = summary.issued + summary.pending + summary.refused
    if not total:
        return []
    parts = [f'{summary.issued}/{total} issued']
    parts += [f'{summary.pending} pending'] * bool(summary.pending)
    parts += [f'{summary.refused} refused'] * bool(summary.refused)
    return [', '.join(parts)]


def _problem(problem: Problem, room: int) -> str:
    """The requirer and what is wrong, and when it is tried again, in no more than the room."""
    again = f'; next try {_time(problem.retry_at):%H:%M}' if problem.retry_at else ''
    requirer = x509.printable(problem.requirer, 50)
    left = room - len(again) - len(requirer) - len(': ') - len('...')
    return f'{requirer}: {x509.printable(problem.message, left)}{again}'


def _time(seconds: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(min(seconds, ledger.LAST), datetime.timezone.utc)
