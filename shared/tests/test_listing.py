"""Rows and pages: bounded, and readable whatever a stranger wrote."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tls_provider import ledger, listing
from tls_provider.decision import Answer, Keep
from tls_provider.ledger import Record
from tls_provider.testing import pki
from tls_provider.wire import Entry


def _keep(csr: str, entry: Entry | None = None, *, is_ca: bool = False, **record: int) -> Keep:
    key = ledger.key(3, csr, is_ca)
    answer = Answer(entry, None, Record(**record), key, serves=False)  # type: ignore[arg-type]
    return Keep(3, 'kafka/0', csr, answer)


def test_a_request_that_cannot_be_read_is_shown_as_far_as_it_goes():
    row = listing.request(_keep('junk'))

    assert (row['names'], row['state']) == ([], 'pending')
    assert row['key'] == 'unknown: no PEM text'


def test_a_ca_request_has_its_mark():
    row = listing.request(_keep(pki.request(common_name='Sub CA'), is_ca=True))

    assert row['ca'] is True
    assert listing.page([row], 1).text.endswith('kafka/0  pending  CA Sub CA')


def test_a_revoked_certificate_has_its_mark_and_its_end_may_be_unknown():
    csr = pki.request('a.example')

    row = listing.certificate(_keep(csr, Entry(csr, 'c', 'c', ('c',), revoked=True)))

    assert (row['revoked'], row['not-after'], row['serial']) == (True, '', '')


def test_a_waiting_request_shows_when_it_is_tried():
    row = listing.request(_keep(pki.request('a.example'), retry_at=60, attempts=2))

    assert (row['next-try'], row['attempts']) == ('1970-01-01T00:01:00Z', 2)
    assert listing.page([row], 1).text.endswith('a.example  next try 1970-01-01T00:01:00Z')
    assert 'next-try' not in listing.request(_keep('x', retry_at=ledger.NEVER))


def test_text_of_strangers_is_escaped():
    row = listing.request(_keep(pki.request('a.example', common_name='\x1b[31m\n')))

    assert row['common-name'] == '\\x1b[31m\\n'
    assert listing.page([{**row, 'message': '\x07'}], 1).text.endswith('\\x07')


def test_a_row_that_no_action_could_show_is_left_out():
    huge = 'x' * listing.LARGEST

    page = listing.page([huge, 'small', {'id': huge}], 1)

    assert json.loads(page.json) == [listing.TOO_LARGE, 'small', listing.TOO_LARGE]


@given(st.lists(st.integers(0, listing.PAGE * 2), max_size=12))
def test_pages_hold_every_row_once_and_are_bounded(sizes: list[int]):
    rows = [f'{number}:{"x" * size}' for number, size in enumerate(sizes)]
    count = listing.page(rows, 1).count

    pages = [listing.page(rows, number) for number in range(1, count + 1)]

    assert [row for page in pages for row in json.loads(page.json)] == [
        row if len(json.dumps(row)) <= listing.LARGEST else listing.TOO_LARGE for row in rows
    ]
    assert all(len(page.json) < 131_072 for page in pages)
    assert count == 1 or all(json.loads(page.json) for page in pages)


@pytest.mark.parametrize('number', [0, 2, -1])
def test_a_page_that_does_not_exist_is_an_error(number: int):
    with pytest.raises(ValueError, match='does not exist'):
        listing.page([], number)
