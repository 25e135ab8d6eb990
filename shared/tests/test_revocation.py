"""Revocations are tried until they are done, and no failure ends the pass."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable
from typing import Any

import pytest

from tls_provider import revocation, x509
from tls_provider.issuer import Unavailable
from tls_provider.ledger import Ledger, Record, Revocation, Revoked
from tls_provider.wire import Entry

Sign = Callable[..., x509.Certificate]
HOUR = datetime.timedelta(hours=1)


class Authority:
    """A revoker whose answers are written down, in order; one more question fails."""

    revokes_withdrawn = True

    def __init__(self, *answers: Unavailable | Exception | None):
        self.answers = list(answers)
        self.asked: list[int] = []
        self.generations: list[str] = []

    def revoke(
        self, certificate: x509.Certificate, *, generation: str, timeout: datetime.timedelta
    ) -> Unavailable | None:
        assert timeout > datetime.timedelta(0)
        self.generations.append(generation)
        self.asked.append(certificate.serial)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def certificate(make_request: Callable[..., str], sign: Sign) -> x509.Certificate:
    return sign(make_request('a.example'))


@pytest.fixture
def entry(certificate: x509.Certificate) -> Entry:
    return Entry('csr', certificate.pem, '', ())


def _revoke(
    authority: Authority,
    now: datetime.datetime,
    book: Ledger | None = None,
    entries: tuple[Entry, ...] = (),
    left: datetime.timedelta = HOUR,
) -> Ledger:
    leaving = [revocation.Leaving(entry, Record('gen'), False) for entry in entries]
    return revocation.revoke(authority, book or Ledger(), leaving, lambda: now, now + left)


def _waiting(certificate: x509.Certificate, **changes: Any) -> Revocation:
    end = int(certificate.not_after.timestamp())
    return dataclasses.replace(Revocation(certificate.pem, 'gen', end), **changes)


def test_what_leaves_is_revoked(
    entry: Entry, certificate: x509.Certificate, now: datetime.datetime
):
    authority = Authority(None)

    book = _revoke(authority, now, Ledger('gen 2'), (entry,))

    second, end = int(now.timestamp()), int(certificate.not_after.timestamp())
    revoked = (Revoked(f'{certificate.serial:x}', 'gen', second, end),)
    assert book == Ledger('gen 2', revoked=revoked)
    assert authority.asked == [certificate.serial]
    assert authority.generations == ['gen']


def test_what_cannot_be_revoked_now_waits(
    entry: Entry, certificate: x509.Certificate, now: datetime.datetime
):
    second = int(now.timestamp())

    down = _revoke(Authority(Unavailable('down')), now, entries=(entry,))
    told = _revoke(Authority(Unavailable('down', retry_at=now + HOUR)), now, entries=(entry,))

    assert down.to_revoke == (
        _waiting(certificate, attempts=1, retry_at=second + 60, message='down'),
    )
    assert told.to_revoke == (
        _waiting(certificate, attempts=1, retry_at=second + 3600, message='down'),
    )


def test_a_bug_of_the_authority_is_logged_and_tried_again(
    entry: Entry,
    certificate: x509.Certificate,
    now: datetime.datetime,
    caplog: pytest.LogCaptureFixture,
):
    book = _revoke(Authority(RuntimeError('bug')), now, entries=(entry,))

    assert [one.attempts for one in book.to_revoke] == [1]
    assert 'RuntimeError: bug' in caplog.text


def test_it_is_tried_again_when_its_time_has_come(
    certificate: x509.Certificate, now: datetime.datetime
):
    waiting = Ledger('', {}, (_waiting(certificate, retry_at=int(now.timestamp()) + 1),))

    early = _revoke(Authority(), now, waiting)
    due = _revoke(Authority(None), now + datetime.timedelta(seconds=1), waiting)

    assert early == waiting
    assert due.to_revoke == ()
    assert len(due.revoked) == 1


def test_nothing_is_begun_after_the_deadline(entry: Entry, now: datetime.datetime):
    book = _revoke(Authority(), now, entries=(entry,), left=datetime.timedelta(0))

    assert [one.attempts for one in book.to_revoke] == [0]


def test_what_is_no_certificate_needs_no_revocation(entry: Entry, now: datetime.datetime):
    junk = dataclasses.replace(entry, certificate='junk')

    assert _revoke(Authority(), now, entries=(junk,)) == Ledger()


def test_junk_in_the_ledger_does_not_end_the_pass(now: datetime.datetime):
    book = Ledger('', {}, (Revocation('junk', '', 1 << 40),))

    assert [one.attempts for one in _revoke(Authority(), now, book).to_revoke] == [1]


def test_what_is_listed_is_not_listed_again(
    entry: Entry, certificate: x509.Certificate, now: datetime.datetime
):
    serial = f'{certificate.serial:x}'
    waiting = Ledger('', {}, (_waiting(certificate, retry_at=1 << 39),))
    done = Ledger('', revoked=(Revoked(serial, 'gen', 1, 1 << 39),))
    shown = dataclasses.replace(entry, revoked=True)
    leaving = [revocation.Leaving(shown, Record('gen', serial=serial), True)]

    for book in (waiting, done):
        after = revocation.revoke(Authority(), book, leaving, lambda: now, now + HOUR)

        assert after == book


def test_the_serial_of_another_ca_is_no_revocation(
    entry: Entry, certificate: x509.Certificate, now: datetime.datetime
):
    """Where people are the authority, CAs share a generation, and serials may be equal."""
    serial = f'{certificate.serial:x}'
    book = Ledger('', revoked=(Revoked(serial, 'gen', 1, 1 << 39),))
    authority = Authority(None)

    after = revocation.revoke(
        authority,
        book,
        [revocation.Leaving(entry, Record('gen', serial=serial), True)],
        lambda: now,
        now + HOUR,
    )

    assert authority.asked == [certificate.serial]
    assert after == book


@pytest.mark.parametrize('wanted', [True, False])
def test_what_left_while_nobody_could_say_is_decided_later(
    wanted: bool, entry: Entry, certificate: x509.Certificate, now: datetime.datetime
):
    book = revocation.remember(Ledger(), [(entry, Record('gen'))])
    assert [one.undecided for one in book.to_revoke] == [True]
    authority = Authority(None) if wanted else Authority()
    authority.revokes_withdrawn = wanted

    after = _revoke(authority, now, book)

    assert after.to_revoke == ()
    assert len(after.revoked) == wanted


def test_why_a_certificate_is_not_revoked(certificate: x509.Certificate):
    serial = f'{certificate.serial:x}'
    other = Revocation('junk', '', 1 << 40, message='another')
    late, down = _waiting(certificate), _waiting(certificate, message='down')

    assert revocation.why_not(Ledger('', {}, (other, down)), serial) == 'down'
    assert 'no time' in revocation.why_not(Ledger('', {}, (late,)), serial)
    assert revocation.why_not(Ledger('', {}, (other,)), serial) == ''
