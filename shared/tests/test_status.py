"""The status line tells an operator the most telling things first, in bounded printable text."""

from __future__ import annotations

import pytest

from tls_provider import status
from tls_provider.engine import Problem, Summary

P1, P2, P3 = (Problem(f'kafka/{number}', 'no IP') for number in range(3))


@pytest.mark.parametrize(
    ('summary', 'message'),
    [
        (Summary(), ''),
        (Summary(issued=2, first_expiry=1_772_323_200), '2/2 issued; first expiry 2026-03-01'),
        (Summary(issued=1, pending=1), '1/2 issued'),
        (Summary(refused=1, problems=(P1,)), '0/1 issued; kafka/0: no IP'),
        (
            Summary(issued=2, refused=1, pending=1, problems=(P1, P2), first_expiry=1),
            '2/4 issued; kafka/0: no IP; 1 more problem',
        ),
        (Summary(issued=1, problems=(P1, P2, P3)), '1/1 issued; kafka/0: no IP; 2 more problems'),
        (Summary(problems=(P1,)), 'kafka/0: no IP'),
        (Summary(problems=(Problem('a\n', 'b\x1b'),)), 'a\\n: b\\x1b'),
    ],
)
def test_messages(summary: Summary, message: str):
    assert status.message(summary) == message


def test_a_message_is_bounded():
    problems = (Problem('a' * 500, 'b' * 500),) * 3

    message = status.message(Summary(issued=1, problems=problems))

    assert len(message) <= status.LIMIT
    assert message.startswith('1/1 issued; aaa')
