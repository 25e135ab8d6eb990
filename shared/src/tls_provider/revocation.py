"""Revocation at the authority: what the ledger lists is tried until it is done or has ended."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from typing import TYPE_CHECKING

from tls_provider import ledger, x509
from tls_provider.ledger import Revocation, Revoked

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterable

    from tls_provider import wire
    from tls_provider.issuer import Revoker
    from tls_provider.ledger import Ledger, Record

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Leaving:
    """A published certificate that is given up."""

    entry: wire.Entry
    record: Record
    ordered: bool
    """The operator wants it revoked."""


def revoke(
    revoker: Revoker,
    book: Ledger,
    leaving: Iterable[Leaving],
    clock: Callable[[], datetime.datetime],
    deadline: datetime.datetime,
) -> Ledger:
    """The ledger after an attempt for each certificate that is due.

    Args:
        revoker: The authority.
        book: Lists what is still to be revoked, and what was.
        leaving: Published certificates that are to be revoked from now on.
        clock: Gives the time.
        deadline: No attempt is begun after this time.

    """
    keeps = revoker.revokes_withdrawn
    due = [
        dataclasses.replace(one, undecided=False)
        for one in book.to_revoke
        if keeps or not one.undecided
    ]
    known = {one.certificate for one in due}
    done = {(one.generation, one.serial) for one in book.revoked}
    for given_up in leaving:
        one = _revocation(given_up.entry, given_up.record)
        entry, serial = given_up.entry, given_up.record.serial
        if one is None or one.certificate in known:
            continue
        # Where people are the authority, it has many CAs: a serial alone says too little then.
        if (one.generation, serial) not in done or (given_up.ordered and not entry.revoked):
            due.append(dataclasses.replace(one, ordered=given_up.ordered))
            known.add(one.certificate)
    waiting: list[Revocation] = []
    revoked = list(book.revoked)
    for one in due:
        now = clock()
        if one.retry_at > now.timestamp() or now >= deadline:
            waiting.append(one)
            continue
        result = _attempt(revoker, one, now, deadline)
        if isinstance(result, Revoked):
            if (result.generation, result.serial) not in done:
                revoked.append(result)
                done.add((result.generation, result.serial))
        else:
            waiting.append(result)
    return dataclasses.replace(book, to_revoke=tuple(waiting), revoked=tuple(revoked))


def remember(book: Ledger, leaving: Iterable[tuple[wire.Entry, Record]]) -> Ledger:
    """The ledger with certificates that left while there was no issuer to ask about them."""
    left = [one for entry, record in leaving if (one := _revocation(entry, record))]
    undecided = [dataclasses.replace(one, undecided=True) for one in left]
    return dataclasses.replace(book, to_revoke=(*book.to_revoke, *undecided))


def why_not(book: Ledger, serial: str) -> str:
    """Why a certificate (hexadecimal digits) is not revoked yet; empty where it is."""
    for one in book.to_revoke:
        with contextlib.suppress(x509.Malformed):
            if x509.parse_certificate(one.certificate).hex_serial == serial:
                return one.message or 'there was no time left; it is tried again'
    return ''


def later(
    revocation: Revocation, now: datetime.datetime, retry_at: int | None, message: str
) -> Revocation:
    """A revocation after an attempt that failed; None takes the time from `BACKOFF`."""
    wait = int(now.timestamp()) + ledger.backoff(revocation.attempts)
    return dataclasses.replace(
        revocation,
        attempts=revocation.attempts + 1,
        retry_at=wait if retry_at is None else retry_at,
        message=message[: ledger.MAX_MESSAGE],
    )


def _revocation(entry: wire.Entry, record: Record) -> Revocation | None:
    try:
        certificate = x509.parse_certificate(entry.certificate)
    except x509.Malformed:  # nothing that an authority could know
        return None
    end = int(certificate.not_after.timestamp())
    return Revocation(certificate.pem, record.generation, end)


def _attempt(
    revoker: Revoker, one: Revocation, now: datetime.datetime, deadline: datetime.datetime
) -> Revoked | Revocation:
    """What it came to: done, or to be tried again."""
    retry_at, message = None, 'the backend broke; see the log'
    try:
        certificate = x509.parse_certificate(one.certificate)
        failure = revoker.revoke(certificate, generation=one.generation, timeout=deadline - now)
    except Exception:  # a bug of the backend does not end the pass
        logger.exception('the backend broke when it was to revoke a certificate')
    else:
        if failure is None:
            serial, second = certificate.hex_serial, int(now.timestamp())
            return Revoked(serial, one.generation, second, one.not_after)
        message = x509.printable(failure.message)
        logger.warning('a certificate is not revoked yet: %s', message)
        retry_at = int(failure.retry_at.timestamp()) if failure.retry_at else None
    return later(one, now, retry_at, message)
