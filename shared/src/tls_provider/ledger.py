"""What the provider remembers of each request beside the databags: a record in the peer databag.

The databags are the database of certificates. The ledger adds what cannot be read there without
parsing: dates and authority of what was issued, attempts and when to try again, and under which
settings a refusal stands. It may be lost: then it is made again from the published certificates.
The size is bounded by the live requests: a record of a request that left is not carried over.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from tls_provider.x509 import Certificate

RENEW_AT = 0.97
"""Share of its life after which a certificate is replaced for the same request. Requirers renew
earlier, at 0.9 by default and at 0.95 at the latest, with a new request; this serves those whose
new request is the old one, byte for byte."""
NEVER = 1 << 40
"""The `retry_at` of a refusal that is final while the settings are the same."""

BACKOFF = (1, 5, 15, 60, 120, 240)
"""Minutes to wait after the first, second, ... failed attempt; the last value from then on.

The first steps are short, because most failures pass by themselves: a backend restarts, a network
comes back. From the fourth on nobody is helped by haste, and a failing backend must not be asked
more than a few times a day by every request.
"""


@dataclasses.dataclass(frozen=True)
class Record:
    """What is known of one request. Times are whole seconds since the epoch, 0 for none."""

    generation: str = ''
    """The authority that issued the published certificate."""
    is_ca: bool = False
    """The published certificate is a CA certificate."""
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

    def waits(self, settings: str, now: int) -> bool:
        """Whether it is too early for another attempt."""
        return self.tried_under == settings and now < self.retry_at


@dataclasses.dataclass(frozen=True)
class Ledger:
    """All records of an application, by `key`."""

    generation: str = ''
    """The last authority in force; not empty once anything could have been issued."""
    records: Mapping[str, Record] = dataclasses.field(default_factory=dict[str, Record])
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
        not_after=end,
        renew_at=start + int((end - start) * RENEW_AT),
    )


def failed(
    record: Record,
    message: str,
    settings: str,
    now: datetime.datetime,
    retry_at: int | None = None,
) -> Record:
    """The record after an attempt without a certificate; None takes the time from `BACKOFF`.

    A final refusal that is given again changes nothing, so that nothing has to be written.
    """
    last = (record.retry_at, record.tried_under, record.message)
    if retry_at == NEVER and last == (NEVER, settings, message):
        return record
    wait = 60 * BACKOFF[min(record.attempts, len(BACKOFF) - 1)]
    return dataclasses.replace(
        record,
        attempts=record.attempts + 1,
        retry_at=int(now.timestamp()) + wait if retry_at is None else retry_at,
        tried_under=settings,
        message=message,
    )


def dumps(ledger: Ledger) -> str:
    """A text that `loads` reads; fields with their default are left out."""
    blank = dataclasses.asdict(Record())
    records = {
        name: {
            field: value
            for field, value in dataclasses.asdict(record).items()
            if value != blank[field]
        }
        for name, record in ledger.records.items()
    }
    fields: dict[str, object] = {'generation': ledger.generation, 'records': records}
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
        {name: _record(_object(item)) for name, item in _object(fields.get('records')).items()},
        problems if isinstance(problems, str) else '',
    )


def _object(value: object) -> dict[str, object]:
    return cast('dict[str, object]', value) if isinstance(value, dict) else {}


def _record(item: dict[str, object]) -> Record:
    """A record with every field of the right type, defaults for the others."""
    blank = dataclasses.asdict(Record())
    fields = {name: value for name, value in item.items() if type(value) is type(blank.get(name))}
    return dataclasses.replace(Record(), **cast('dict[str, str]', fields))
