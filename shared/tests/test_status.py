"""The status line tells an operator the most telling things first, in bounded printable text."""

from __future__ import annotations

import pytest

from tls_provider import status
from tls_provider.summary import Problem, Summary

P1, P2, P3 = (Problem(f'kafka/{number}', 'no IP') for number in range(3))


@pytest.mark.parametrize(
    ('summary', 'message'),
    [
        (Summary(), ''),
        (Summary(issued=2, first_expiry=1_772_323_200), '2/2 issued; first expiry 2026-03-01'),
        (Summary(issued=1, pending=1), '1/2 issued, 1 pending'),
        (Summary(issued=1, to_revoke=2), '1/1 issued; 2 to revoke'),
        (
            Summary(issued=1, to_revoke=2, unrevoked='the account is lost'),
            '1/1 issued; 2 to revoke: the account is lost',
        ),
        (
            Summary(refused=1, problems=(Problem('kafka/0', 'gone', 1_772_323_200),)),
            '0/1 issued, 1 refused; kafka/0: gone; next try 00:00',
        ),
        (Summary(refused=1, problems=(P1,)), '0/1 issued, 1 refused; kafka/0: no IP'),
        (
            Summary(issued=2, refused=1, pending=1, problems=(P1, P2), first_expiry=1),
            '2/4 issued, 1 pending, 1 refused; kafka/0: no IP; 1 more problem; '
            'first expiry 1970-01-01',
        ),
        (Summary(issued=1, problems=(P1, P2, P3)), '1/1 issued; kafka/0: no IP; 2 more problems'),
        (Summary(problems=(P1,)), 'kafka/0: no IP'),
        (Summary(problems=(Problem('a\n', 'b\x1b'),)), 'a\\n: b\\x1b'),
    ],
)
def test_messages(summary: Summary, message: str):
    assert status.message(summary) == message


def test_a_message_is_bounded():
    problems = (Problem('a' * 500, 'b' * 500, 1_772_323_200),) * 3

    message = status.message(Summary(issued=1, problems=problems, first_expiry=1_772_323_200))

    assert len(message) == status.LIMIT
    assert message.startswith('1/1 issued; aaa')
    assert 'aa...: bbb' in message
    assert message.endswith('b...; next try 00:00; 2 more problems; first expiry 2026-03-01')


@pytest.mark.parametrize(
    ('blocked', 'shown'), [('', ''), ('mount pki: denied', 'mount pki: denied'), ('a\n', 'a\\n')]
)
def test_what_the_operator_must_mend_stands_alone(blocked: str, shown: str):
    assert status.blocked(Summary(issued=1, blocked=blocked)) == shown


def test_what_the_operator_must_mend_is_bounded():
    assert len(status.blocked(Summary(blocked='a' * 500))) == status.LIMIT


def test_a_remark_comes_after_the_counts():
    summary = Summary(issued=2, problems=(Problem('kafka/0', 'no'),))

    assert status.message(summary, 'one ends\nsoon') == '2/2 issued; one ends\\nsoon; kafka/0: no'
    assert status.message(Summary(), 'one ends soon') == ''
    assert len(status.message(summary, 'x' * 500)) <= status.LIMIT
