"""A relation has no more than its limit and its room; what is published is never the victim."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import pytest

from tls_provider import ledger, quota, wire, x509
from tls_provider.decision import Answer, Ask, Decision, Ignore, Keep, Refuse, Withdraw
from tls_provider.issuer import ErrorCode, Rejected, Request
from tls_provider.ledger import Record
from tls_provider.wire import Complaint, Entry, Refusal

Make = Callable[..., str]

WAITS = Record(attempts=1, message='waits')
FULL = Entry('csr', 'x' * ((wire.MAX_ANSWERS - 12_000) * 20 // 21), '', ('',))
"""Leaves room for no more than a few answers."""


@pytest.fixture
def ask(make_request: Make) -> Callable[..., Ask]:
    """A request that the issuer would be asked for."""

    def make(
        name: str = 'a',
        entry: Entry | None = None,
        refusal: Refusal | None = None,
        record: Record = Record(),  # noqa: B008 : frozen
    ) -> Ask:
        csr = x509.parse_request(make_request(f'{name}.example'))
        answer = Answer(entry, refusal, record, ledger.key(1, csr.pem, False), serves=False)
        return Ask(1, Request(csr, False, f'{name}/0'), answer)

    return make


def _keep(
    entry: Entry | None = None, refusal: Refusal | None = None, record: Record = WAITS
) -> Keep:
    return Keep(1, 'kafka/0', 'csr', Answer(entry, refusal, record, '1:a', serves=bool(entry)))


def _kinds(decisions: Sequence[Decision], limit: int | None) -> str:
    """The first letters: Ask, Refuse, Keep, Withdraw, Ignore."""
    return ''.join(type(one).__name__[0] for one in quota.limited(decisions, limit))


SMALL = Entry('csr', 'c', 'c', ('c',))
NO = Refusal('csr', 999, 'no')


@pytest.mark.parametrize(
    ('limit', 'kinds'),
    [(None, 'AAAA'), (5, 'AAAA'), (4, 'AAAA'), (3, 'AAAR'), (1, 'ARRR'), (0, 'RRRR')],
)
def test_new_requests_get_the_places_in_their_order(
    limit: int | None, kinds: str, ask: Callable[..., Ask]
):
    assert _kinds([ask(str(number)) for number in range(4)], limit) == kinds


@pytest.mark.parametrize(
    ('first', 'kinds'),
    [
        (_keep(SMALL), 'KR'),
        (_keep(), 'KR'),
        (_keep(refusal=NO), 'KA'),
        (Withdraw(1, SMALL, Record()), 'WA'),
        (Ignore(1, Complaint('kafka/0', 'junk')), 'IA'),
    ],
    ids=['issued', 'waits', 'refused', 'leaves', 'junk'],
)
def test_what_is_issued_or_waits_has_a_place(first: Decision, kinds: str, ask: Callable[..., Ask]):
    assert _kinds([first, ask()], 1) == kinds


def test_a_certificate_that_is_replaced_needs_no_further_place(ask: Callable[..., Ask]):
    assert _kinds([ask('a', SMALL), ask('b', SMALL), ask('c')], 2) == 'AAR'
    assert _kinds([ask('a', SMALL), ask('b', SMALL)], 0) == 'AA'


def test_a_refused_request_with_a_certificate_keeps_its_place(ask: Callable[..., Ask]):
    old = ask('old', SMALL)
    rejected = Rejected(ErrorCode.OTHER, 'no')
    refuse = Refuse(1, 'old/0', old.request.csr.pem, rejected, old.answer)

    assert _kinds([refuse, ask()], 1) == 'RR'


def test_requests_that_were_accepted_before_go_first(ask: Callable[..., Ask]):
    decisions = [ask('new'), ask('turned-down', None, NO, WAITS), ask('old', record=WAITS)]

    assert _kinds(decisions, 1) == 'RRA'
    assert _kinds(decisions, 2) == 'ARA'


def test_the_refusal_says_what_to_do_and_does_not_stand(ask: Callable[..., Ask]):
    [_, refused] = quota.limited([_keep(SMALL), ask()], 1)

    assert isinstance(refused, Refuse)
    assert not refused.standing
    assert refused.rejected.code == ErrorCode.OTHER
    assert refused.rejected.message == (
        'this relation has its 1 certificates (certificate-limit); '
        'remove requests or raise the option'
    )


def test_a_request_whose_answer_would_not_fit_is_refused_for_now(ask: Callable[..., Ask]):
    [_, first, second, third] = quota.limited([_keep(FULL), ask('a'), ask('b'), ask('c')], None)

    assert isinstance(first, Ask)
    for refused in (second, third):
        assert isinstance(refused, Refuse)
        assert not refused.standing
        assert refused.rejected.message == quota.NO_ROOM


def test_what_leaves_makes_room(ask: Callable[..., Ask]):
    full = dataclasses.replace(FULL, certificate='x' * wire.MAX_ANSWERS)

    assert _kinds([Withdraw(1, full, Record()), ask()], None) == 'WA'
    assert _kinds([_keep(refusal=Refusal('x' * wire.MAX_ANSWERS, 999, '')), ask()], None) == 'KI'


def test_a_certificate_is_replaced_in_a_full_relation(ask: Callable[..., Ask]):
    assert _kinds([_keep(FULL), _keep(FULL), ask('a', SMALL)], None) == 'KKA'


def test_a_request_is_named_where_not_even_a_refusal_fits(ask: Callable[..., Ask]):
    [*_, ignored] = quota.limited([_keep(FULL), _keep(FULL), ask()], None)

    assert ignored == Ignore(1, Complaint('a/0', quota.NO_ROOM))


def test_a_refusal_in_place_of_another_answer_needs_no_room(ask: Callable[..., Ask]):
    full = [_keep(FULL), _keep(FULL)]
    for answered in (ask('a', SMALL), ask('a', None, NO)):
        rejected = Rejected(ErrorCode.OTHER, 'no')
        refuse = Refuse(1, 'a/0', answered.request.csr.pem, rejected, answered.answer)

        assert quota.limited([*full, refuse], None)[-1] == refuse
