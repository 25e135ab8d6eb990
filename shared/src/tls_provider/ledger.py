"""What the provider remembers of each request beside the databags: a record in the peer databag.

The databags are the database of certificates. The ledger adds what cannot be read there without
parsing: dates and authority of what was issued, attempts and when to try again, and under which
settings a refusal stands. It may be lost: then it is made again from the published certificates.

The size is bounded. A record, 400 bytes as a rule and 2 KB at most, lives as long as its request,
and requests of a relation are bounded by the room for their answers (`wire.MAX_ANSWERS`). Of
certificates that are still to be revoked there are `MAX_REVOCATIONS` at most, 2 KB each, and of
those that were revoked `MAX_REVOKED`, 100 bytes each; both lists lose what has ended by itself.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from tls_provider.x509 import Certificate

RENEW_AT = 0.97
"""Share of its life after which a certificate is replaced for the same request. Requirers renew
by 0.95 with a new request; this serves those whose new request is the old one, byte for byte."""
MARGIN = 600
"""Seconds before its end at which it is replaced at the latest: twice the time between two events
that come by themselves. Of a life that is short, a quarter is enough."""
MAX_WAIT = 7 * 86400
"""Seconds that anybody waits at most. A longer wait comes from a clock that was wrong."""
NEVER = 1 << 40
"""The `retry_at` of a refusal that is final while the settings are the same."""
LAST = 253_402_300_799
"""The last second of the year 9999, which is the last that can be shown."""
MAX_MESSAGE = 200
"""Characters of a message that are kept."""
MAX_REVOCATIONS = 1000
MAX_REVOKED = 2000

BACKOFF = (1, 5, 15, 60, 120, 240)
"""Minutes to wait after the first, second, ... failed attempt; the last value from then on.

The first steps are short, because most failures pass by themselves. From the fourth on nobody is
helped by haste, and a failing backend must not be asked more than a few times a day by a request.
"""


@dataclasses.dataclass(frozen=True)
class Record:
    """What is known of one request. Times are whole seconds since the epoch, 0 for none."""

    generation: str = ''
    """The authority that issued the published certificate."""
    is_ca: bool = False
    """The published certificate is a CA certificate."""
    serial: str = ''
    """Of the published certificate, in hexadecimal digits."""
    not_before: int = 0
    not_after: int = 0
    renew_at: int = 0
    attempts: int = 0
    """Failed attempts since the last success."""
    retry_at: int = 0
    """No attempt before this time while the settings are those of `tried_under`."""
    tried_under: str = ''
    """The settings at the last attempt; when they change, the next attempt is due at once."""
    message: str = ''
    """What the last attempt came to, for the status; empty after a success."""
    blocked: bool = False
    """The last attempt failed for something that the operator of this application must mend."""

    def waits(self, settings: str, now: int) -> bool:
        """Whether it is too early for another attempt."""
        if self.tried_under != settings:
            return False
        return self.retry_at == NEVER or now < self.retry_at <= now + MAX_WAIT


@dataclasses.dataclass(frozen=True)
class Revocation:
    """A certificate that is to be revoked at its authority and is not yet."""

    certificate: str
    """PEM."""
    generation: str
    """The authority that issued it, empty where that is not known."""
    not_after: int
    attempts: int = 0
    retry_at: int = 0
    ordered: bool = False
    """The operator wants it: it is dropped for no other one."""
    undecided: bool = False
    """It left while there was no issuer that could say whether it is to be revoked."""
    message: str = ''
    """Why the last attempt failed."""


@dataclasses.dataclass(frozen=True)
class Revoked:
    """A certificate that was revoked and has not ended."""

    serial: str
    """In hexadecimal digits."""
    generation: str
    """As in `Revocation`."""
    revoked_at: int
    not_after: int


@dataclasses.dataclass(frozen=True)
class Ledger:
    """All that an application remembers of its requests."""

    generation: str = ''
    """The last authority in force; not empty once anything could have been issued."""
    records: Mapping[str, Record] = dataclasses.field(default_factory=dict[str, Record])
    """By `key`."""
    to_revoke: tuple[Revocation, ...] = ()
    revoked: tuple[Revoked, ...] = ()
    problems: str = ''
    """Fingerprint of the problems that were logged last, so that the same are not logged again."""


def key(relation_id: int, csr: str, is_ca: bool) -> str:
    """Names one request in one relation: equal requests of two relations are two requests."""
    digest = hashlib.sha256(csr.encode(errors='surrogatepass')).hexdigest()
    return f'{relation_id}:{digest[:32]}{":ca" * is_ca}'


def issued(certificate: Certificate, generation: str) -> Record:
    """The record of a certificate that was issued just now."""
    return described(Record(), certificate, generation)


def described(record: Record, certificate: Certificate, generation: str) -> Record:
    """The record with authority, kind and dates of the certificate that is published."""
    start = int(certificate.not_before.timestamp())
    end = int(certificate.not_after.timestamp())
    return dataclasses.replace(
        record,
        generation=generation,
        is_ca=certificate.is_ca,
        serial=certificate.hex_serial,
        not_before=start,
        not_after=end,
        renew_at=end - _margin(end - start),
    )


def _margin(life: int) -> int:
    return int(max(life * (1 - RENEW_AT), min(MARGIN, life / 4)))


def failed(
    record: Record,
    message: str,
    settings: str,
    now: datetime.datetime,
    retry_at: int | None = None,
    *,
    blocked: bool = False,
) -> Record:
    """The record after an attempt without a certificate; None takes the time from `BACKOFF`.

    A final refusal that is given again changes nothing, so that nothing has to be written.
    """
    message = message[:MAX_MESSAGE]
    last = (record.retry_at, record.tried_under, record.message)
    if retry_at == NEVER and last == (NEVER, settings, message):
        return record
    return dataclasses.replace(
        record,
        attempts=record.attempts + 1,
        retry_at=_retry_at(retry_at, now, backoff(record.attempts)),
        tried_under=settings,
        message=message,
        blocked=blocked,
    )


def pending(
    record: Record, message: str, settings: str, now: datetime.datetime, retry_at: int
) -> Record:
    """The record of a request that the authority has not decided; 0: ask at every event."""
    return dataclasses.replace(
        record,
        retry_at=min(retry_at, int(now.timestamp()) + MAX_WAIT),
        tried_under=settings,
        message=message[:MAX_MESSAGE],
        blocked=False,
    )


def _retry_at(retry_at: int | None, now: datetime.datetime, wait: int) -> int:
    second = int(now.timestamp())
    if retry_at is None:
        return second + wait
    return retry_at if retry_at == NEVER else min(retry_at, second + MAX_WAIT)


def noted(record: Record, message: str) -> Record:
    """The record with a message, to be judged anew at the next event."""
    return dataclasses.replace(
        record, retry_at=0, tried_under='', message=message[:MAX_MESSAGE], blocked=False
    )


def backoff(attempts: int) -> int:
    """Seconds to wait after a failed attempt, by the number of those before it."""
    return 60 * BACKOFF[min(attempts, len(BACKOFF) - 1)]


def current(book: Ledger, now: datetime.datetime) -> Ledger:
    """The ledger without what has ended, and with no more than is kept of the rest."""
    second = int(now.timestamp())
    to_revoke = [one for one in book.to_revoke if one.not_after >= second]
    revoked = [one for one in book.revoked if one.not_after >= second]
    return dataclasses.replace(
        book,
        to_revoke=tuple(sorted(to_revoke, key=lambda one: one.ordered)[-MAX_REVOCATIONS:]),
        revoked=tuple(revoked[-MAX_REVOKED:]),
    )


def dumps(ledger: Ledger) -> str:
    """A text that `loads` reads; fields with their default are left out."""
    fields: dict[str, object] = {
        'generation': ledger.generation,
        'records': {name: _fields(record) for name, record in ledger.records.items()},
    }
    for name, rows in (('to_revoke', ledger.to_revoke), ('revoked', ledger.revoked)):
        if rows:
            fields[name] = [dataclasses.asdict(one) for one in rows]
    if ledger.problems:
        fields['problems'] = ledger.problems
    return json.dumps(fields, sort_keys=True)


def loads(text: str) -> Ledger:
    """The ledger of a text; what cannot be read is left out, unknown fields are ignored."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return Ledger()
    fields = _object(value)
    generation, problems = fields.get('generation'), fields.get('problems')
    return Ledger(
        generation if isinstance(generation, str) else '',
        {
            name: _typed(Record(), _object(item))
            for name, item in _object(fields.get('records')).items()
        },
        tuple(
            one
            for item in _list(fields.get('to_revoke'))
            if (one := _typed(Revocation('', '', 0), _object(item))).certificate
        ),
        tuple(
            one
            for item in _list(fields.get('revoked'))
            if (one := _typed(Revoked('', '', 0, 0), _object(item))).serial
        ),
        problems if isinstance(problems, str) else '',
    )


_BLANK = dataclasses.asdict(Record())
_Row = TypeVar('_Row', Record, Revocation, Revoked)


def _fields(record: Record) -> dict[str, object]:
    return {field: value for field in _BLANK if (value := getattr(record, field)) != _BLANK[field]}


def _is_sane(value: object) -> bool:
    """Numbers are counts and times, which are no larger than `NEVER`."""
    return not isinstance(value, int) or 0 <= value <= NEVER


def _object(value: object) -> dict[str, object]:
    return cast('dict[str, object]', value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return cast('list[object]', value) if isinstance(value, list) else []


def _typed(blank: _Row, item: dict[str, object]) -> _Row:
    """The row with every field of the item that has the right type."""
    known = vars(blank)
    fields = {
        name: value
        for name, value in item.items()
        if name in known and type(value) is type(known[name]) and _is_sane(value)
    }
    return dataclasses.replace(blank, **cast('dict[str, Any]', fields))
