"""The ledger survives a round trip and any junk; the waits grow as its table says."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tls_provider import ledger, revocation, x509
from tls_provider.ledger import Ledger, Record, Revocation, Revoked

FULL = Record('gen', True, 'abc', 100, 200, 190, 3, 150, 'settings', 'message', True)


def test_a_ledger_is_read_as_it_was_written():
    book = Ledger('gen', {'1:a': FULL, '2:b': Record(), '3:c': Record(not_after=1)})

    assert ledger.loads(ledger.dumps(book)) == book


def test_defaults_are_not_written():
    text = ledger.dumps(Ledger('gen', {'1:a': Record(not_after=7)}))

    assert json.loads(text) == {'generation': 'gen', 'records': {'1:a': {'not_after': 7}}}


def test_the_text_does_not_depend_on_the_order_of_records():
    forwards = Ledger('', {'1:a': FULL, '2:b': FULL})
    backwards = Ledger('', {'2:b': FULL, '1:a': FULL})

    assert ledger.dumps(forwards) == ledger.dumps(backwards)


@pytest.mark.parametrize(
    'text',
    ['', 'junk', 'null', '[]', '1', '{}', '[' * 100_000, '9' * 5000, '{"records": [1]}',
     '{"generation": 1, "records": null}'],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_junk_is_an_empty_ledger(text: str):
    assert ledger.loads(text) == Ledger()


@pytest.mark.parametrize(
    'item',
    [
        None,
        [],
        {'unknown': 1},
        {'generation': 1},
        {'is_ca': 1},
        {'is_ca': None},
        {'not_after': True},
        {'not_after': 1.5},
        {'retry_at': '5'},
        {'message': {}},
    ],
)
def test_fields_of_wrong_types_are_defaults(item: object):
    book = ledger.loads(json.dumps({'records': {'1:a': item, '2:b': {'attempts': 2}}}))

    assert book.records == {'1:a': Record(), '2:b': Record(attempts=2)}


@given(st.text(max_size=100))
def test_no_text_raises(text: str):
    assert isinstance(ledger.loads(text), Ledger)


@given(
    st.dictionaries(
        st.text(max_size=9),
        st.builds(
            Record,
            generation=st.text(max_size=9),
            is_ca=st.booleans(),
            not_after=st.integers(0, 1 << 40),
            attempts=st.integers(0, 99),
            retry_at=st.integers(0, 1 << 40),
            message=st.text(max_size=9),
        ),
        max_size=4,
    )
)
def test_any_records_are_read_as_they_were_written(records: dict[str, Record]):
    book = Ledger('gen', records)

    assert ledger.loads(ledger.dumps(book)) == book


def test_keys_tell_relation_request_and_flag_apart():
    keys = {ledger.key(*one) for one in ((1, 'a', False), (2, 'a', False), (1, 'b', False))}
    keys |= {ledger.key(1, 'a', True), ledger.key(1, '\ud800', False)}

    assert len(keys) == 5
    assert ledger.key(1, 'a', False) in keys


def test_a_certificate_is_renewed_at_97_percent_of_its_life(
    make_request: Callable[..., str],
    sign: Callable[..., x509.Certificate],
    now: datetime.datetime,
):
    life = datetime.timedelta(seconds=100_000)
    certificate = sign(make_request('a.example'), start=now, life=life)

    record = ledger.issued(certificate, 'gen')

    start = int(now.timestamp())
    serial = f'{certificate.serial:x}'
    assert record == Record('gen', False, serial, start, start + 100_000, start + 97_000)


def test_a_ca_certificate_is_recorded_as_one(root: Callable[..., x509.Certificate]):
    assert ledger.issued(root(), 'gen').is_ca


def test_waits_grow_as_the_table_says_and_then_stay(now: datetime.datetime):
    record, waits = Record(), list[int]()
    for _ in range(8):
        record = ledger.failed(record, 'down', 'settings', now)
        waits.append(record.retry_at - int(now.timestamp()))

    assert waits == [60, 300, 900, 3600, 7200, 14400, 14400, 14400]
    assert record.attempts == 8


def test_a_failure_keeps_what_is_known_of_the_certificate(now: datetime.datetime):
    record = ledger.failed(Record('gen', True, 'abc', 100, 200, 190), 'down', 'settings', now, 7)

    assert record == Record('gen', True, 'abc', 100, 200, 190, 1, 7, 'settings', 'down')


@pytest.mark.parametrize(
    ('settings', 'now', 'waits'),
    [('same', 99, True), ('same', 100, False), ('same', 101, False), ('other', 99, False)],
)
def test_a_record_waits_for_its_time_under_the_same_settings(settings: str, now: int, waits: bool):
    record = Record(retry_at=100, tried_under='same')

    assert record.waits(settings, now) is waits


def test_a_final_refusal_waits_for_ever_under_the_same_settings():
    record = Record(retry_at=ledger.NEVER, tried_under='same')

    assert record.waits('same', 1 << 39)
    assert not record.waits('other', 0)


def test_a_blank_record_does_not_wait():
    assert not Record().waits('', 1)


def test_a_final_refusal_that_is_given_again_changes_nothing(now: datetime.datetime):
    record = ledger.failed(Record(), 'no', 'settings', now, ledger.NEVER)

    assert ledger.failed(record, 'no', 'settings', now, ledger.NEVER) == record
    assert ledger.failed(record, 'no', 'others', now, ledger.NEVER) != record
    assert ledger.failed(record, 'never', 'settings', now, ledger.NEVER) != record


GONE = Revocation('PEM', 'gen', 99)
SOON = Revocation('PEM 2', 'gen', 100, 2, 7)


def test_revocations_are_read_as_they_were_written():
    book = Ledger('gen', {}, (GONE, SOON), (Revoked('1f', 'gen', 5, 100),), 'problems')

    assert ledger.loads(ledger.dumps(book)) == book


@pytest.mark.parametrize(
    'item', [None, 1, {}, {'certificate': ''}, {'serial': 1}, {'not_after': 9}]
)
def test_a_revocation_of_nothing_is_left_out(item: object):
    text = json.dumps({'to_revoke': [item], 'revoked': [item]})

    assert ledger.loads(text) == Ledger()


@pytest.mark.parametrize('junk', [None, 1, 'text', {}])
def test_revocations_that_are_no_list_are_none(junk: object):
    assert ledger.loads(json.dumps({'to_revoke': junk, 'revoked': junk})) == Ledger()


def test_names_of_python_are_no_fields():
    text = json.dumps({'records': {'1:a': {'__doc__': 'x', '__module__': 'x', 'waits': 1}}})

    assert ledger.loads(text).records == {'1:a': Record()}


def test_what_has_ended_needs_no_revocation(now: datetime.datetime):
    at = datetime.datetime.fromtimestamp(100, datetime.timezone.utc)
    revoked = (Revoked('1', 'gen', 5, 99), Revoked('2', 'gen', 5, 100))
    book = Ledger('gen', {'1:a': FULL}, (GONE, SOON), revoked)

    assert ledger.current(book, at) == Ledger('gen', {'1:a': FULL}, (SOON,), revoked[1:])


def test_both_lists_are_bounded_and_lose_the_oldest(now: datetime.datetime):
    at = datetime.datetime.fromtimestamp(0, datetime.timezone.utc)
    to_revoke = tuple(Revocation(f'{n}', '', 9) for n in range(ledger.MAX_REVOCATIONS + 1))
    revoked = tuple(Revoked(f'{n}', '', 5, 9) for n in range(ledger.MAX_REVOKED + 1))

    book = ledger.current(Ledger('', {}, to_revoke, revoked), at)

    assert (book.to_revoke, book.revoked) == (to_revoke[1:], revoked[1:])


def test_a_revocation_waits_as_a_request_does(now: datetime.datetime):
    second = int(now.timestamp())

    first = revocation.later(GONE, now, None, 'down')
    later = revocation.later(first, now, second + 9, 'down')

    assert first == Revocation('PEM', 'gen', 99, 1, second + 60, message='down')
    assert later == Revocation('PEM', 'gen', 99, 2, second + 9, message='down')


def test_a_note_is_judged_anew(now: datetime.datetime):
    failed = ledger.failed(Record(), 'x' * 999, 'settings', now, blocked=True)
    noted = ledger.noted(failed, 'y' * 999)

    assert failed.blocked
    assert failed.message == 'x' * ledger.MAX_MESSAGE
    assert noted == Record(attempts=1, message='y' * ledger.MAX_MESSAGE)
    assert not noted.waits('settings', 0)


@pytest.mark.parametrize(
    ('life', 'left'), [(60, 15), (2400, 600), (3600, 600), (20_000, 600), (100_000, 3000)]
)
def test_a_short_life_is_renewed_in_time_for_the_next_event(
    life: int,
    left: int,
    make_request: Callable[..., str],
    sign: Callable[..., x509.Certificate],
    now: datetime.datetime,
):
    certificate = sign(make_request('a.example'), start=now, life=datetime.timedelta(seconds=life))

    record = ledger.issued(certificate, 'gen')

    assert record.not_after - record.renew_at in {left, left + 1}


def test_a_wait_that_comes_from_a_wrong_clock_is_none():
    week = 7 * 86400

    assert Record(retry_at=week, tried_under='same').waits('same', 0)
    assert not Record(retry_at=week + 1, tried_under='same').waits('same', 0)


@pytest.mark.parametrize('value', [-1, (1 << 40) + 1, 10**30])
def test_numbers_that_cannot_be_are_defaults(value: int):
    text = json.dumps({'records': {'1:a': {'not_after': value, 'attempts': 2}}})

    assert ledger.loads(text).records == {'1:a': Record(attempts=2)}


def test_what_was_ordered_is_dropped_for_nothing_else():
    at = datetime.datetime.fromtimestamp(0, datetime.timezone.utc)
    ordered = Revocation('first', '', 9, ordered=True)
    others = tuple(Revocation(f'{n}', '', 9) for n in range(ledger.MAX_REVOCATIONS))

    book = ledger.current(Ledger('', {}, (ordered, *others)), at)

    assert ordered in book.to_revoke
    assert len(book.to_revoke) == ledger.MAX_REVOCATIONS


def test_nobody_waits_longer_than_a_week(now: datetime.datetime):
    second = int(now.timestamp())
    record = ledger.failed(Record(), 'no', 'settings', now, second + 10**7)

    assert record.retry_at == second + ledger.MAX_WAIT
    assert record.waits('settings', second)
    assert ledger.pending(record, 'm' * 999, 's', now, second + 10**7) == Record(
        attempts=1, retry_at=second + ledger.MAX_WAIT, tried_under='s', message='m' * 200
    )
