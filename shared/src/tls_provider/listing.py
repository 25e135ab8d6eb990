"""What an operator is shown of requests and certificates: rows, as JSON and as text, in pages."""

from __future__ import annotations

import dataclasses
import datetime
import json
from typing import TYPE_CHECKING, cast

from tls_provider import ledger, x509

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tls_provider.decision import Keep

Row = dict[str, object]

PAGE = 60_000
"""Characters of JSON in one page. One result of an action has room for 131,071 bytes; the text
beside it is shorter than the JSON, and a page may exceed this by one row."""
LARGEST = 120_000
TOO_LARGE = 'too large to show'
"""Stands for a row that no action can show."""
_ID_DIGITS = 12


@dataclasses.dataclass(frozen=True)
class Page:
    """A part of the rows."""

    json: str
    """A list."""
    text: str
    """One line for a row; empty for rows that are texts."""
    count: int
    """Of pages in all."""


def page(rows: Sequence[Row | str], number: int) -> Page:
    """The page of a number from 1 on; raises ValueError where it does not exist."""
    texts = [json.dumps(row) for row in rows]
    rows = [
        row if len(text) <= LARGEST else TOO_LARGE for row, text in zip(rows, texts, strict=True)
    ]
    pages = _pages(json.dumps(row) for row in rows)
    if not 1 <= number <= len(pages):
        raise ValueError(f'page {number} does not exist; the last one is {len(pages)}')
    first, last = pages[number - 1]
    lines = [_line(row) for row in rows[first:last] if not isinstance(row, str)]
    return Page(json.dumps(list(rows[first:last])), '\n'.join(lines), len(pages))


def request_id(request: Keep) -> str:
    """Relation and the beginning of the request's SHA-256, such as `4:1f0c62e9a4b7`."""
    relation, _, digest = request.answer.key.partition(':')
    return f'{relation}:{digest[:_ID_DIGITS]}'


def request(one: Keep) -> Row:
    """One request with its state, and why it has no certificate."""
    refusal, record = one.answer.refusal, one.answer.record
    # A certificate stays beside the reason why it could not be replaced.
    state = 'issued' if one.answer.serves else 'refused' if refusal else 'pending'
    row: Row = {**_head(one), 'state': state, **_asked_for(one.csr)}
    if message := record.message or (refusal.message if refusal else ''):
        row['message'] = message
    if refusal:
        row['code'] = refusal.code
    if record.attempts:
        row['attempts'] = record.attempts
    if 0 < record.retry_at < ledger.NEVER:
        row['next-try'] = _time(record.retry_at)
    return row


def certificate(one: Keep) -> Row:
    """One published certificate without its PEM text."""
    record = one.answer.record
    row: Row = {
        **_head(one),
        'serial': record.serial,
        'not-after': _time(record.not_after) if record.not_after else '',
        'names': _asked_for(one.csr)['names'],
    }
    if one.answer.entry and one.answer.entry.revoked:
        row['revoked'] = True
    return row


def issued(one: Keep) -> Row:
    """One published certificate as PEM texts."""
    entry = one.answer.entry
    assert entry, 'only published certificates are listed'  # noqa: S101
    return {
        'csr': entry.csr,
        'certificate': entry.certificate,
        'ca': entry.ca,
        'chain': list(entry.chain),
        'revoked': entry.revoked,
    }


def _head(one: Keep) -> Row:
    return {
        'id': request_id(one),
        'requirer': one.requirer,
        'relation-id': one.relation_id,
        'ca': one.answer.key.endswith(':ca'),
    }


def _asked_for(csr: str) -> Row:
    """Names, subject and key of a request, as far as they can be read."""
    try:
        parsed = x509.parse_request(csr)
    except x509.Malformed as error:
        return {'names': [], 'key': f'unknown: {error}'}
    found: Row = {'names': [str(name) for name in parsed.names], 'key': str(parsed.key)}
    if parsed.common_name:
        found['common-name'] = x509.printable(parsed.common_name)
    return found


def _line(row: Mapping[str, object]) -> str:
    """A row to read: what is short first, lists joined, words without their names."""
    shown = ', '.join(cast('list[str]', row.get('names', [])))
    columns = [
        str(row['id']),
        str(row['requirer'] or '?'),
        str(row.get('state', row.get('not-after', ''))),
        f'{"CA " * bool(row["ca"])}{shown or row.get("common-name", "-")}',
        str(row.get('message', '')),
        f'next try {row["next-try"]}' if 'next-try' in row else '',
    ]
    return '  '.join(x509.printable(column, 200) for column in columns if column)


def _pages(texts: Iterable[str]) -> list[tuple[int, int]]:
    """Where each page begins and ends; one at least, and with an item at least if there is any."""
    pages = [(0, 0)]
    room = PAGE
    for index, text in enumerate(texts):
        first, _ = pages[-1]
        if len(text) > room and index > first:
            first, room = index, PAGE
            pages.append((first, index))
        pages[-1] = first, index + 1
        room -= len(text)
    return pages


def _time(seconds: int) -> str:
    moment = datetime.datetime.fromtimestamp(min(seconds, ledger.LAST), datetime.timezone.utc)
    return moment.strftime('%Y-%m-%dT%H:%M:%SZ')
