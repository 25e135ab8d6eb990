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
LARGEST = 100_000
TOO_LARGE = 'too large to show'
"""Stands for a row that no action can show."""
LEAST_DIGITS = 4
"""Of a request's digest, in an id that is given to something that changes it."""
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
    first, last, count = _page((len(json.dumps(row)) for row in rows), number)
    lines = [_line(row) for row in rows[first:last] if not isinstance(row, str)]
    return Page(json.dumps(list(rows[first:last])), '\n'.join(lines), count)


def text_page(texts: Sequence[str], number: int) -> tuple[str, int]:
    """A page of texts, each on lines of its own, and how many pages there are.

    Such a page stands alone and has more room. Raises ValueError as `page`.
    """
    texts = [text if len(text) <= LARGEST else TOO_LARGE for text in texts]
    first, last, count = _page((len(text) + 2 for text in texts), number, LARGEST)
    return '\n'.join(texts[first:last]), count


def json_page(rows: Iterable[Row], number: int) -> tuple[str, int]:
    """A page of rows as a JSON list, and how many pages there are; else as `text_page`."""
    texts = [json.dumps(row) for row in rows]
    shown = [text if len(text) <= LARGEST else json.dumps(TOO_LARGE) for text in texts]
    text, count = text_page(shown, number)
    return f'[{text}]'.replace('\n', ', '), count


def find(requests: Iterable[Keep], wanted: str, kind: str, *, least: int = 0) -> Keep:
    """The request of an id as it is shown, or of its beginning; raises ValueError.

    Args:
        requests: Where it should be.
        wanted: Relation and digest with a colon between, or the digest alone.
        kind: What these are, for messages.
        least: Digits of the digest that are asked for.

    """
    if not wanted:
        raise ValueError('parameter id is missing; list-requests and list-certificates show it')
    if x509.holds_private_key(wanted):
        raise ValueError('parameter id holds a private key: it is secret no longer')
    relation, colon, rest = wanted.partition(':')
    digits = rest if colon else wanted
    if len(digits) < least:
        raise ValueError(f'parameter id: give {least} digits of the request at least')
    prefix = f'{relation}:{digits}'
    found = [
        one
        for one in requests
        if one.answer.key.startswith(prefix if colon else f'{one.relation_id}:{digits}')
    ]
    if len(found) != 1:
        number = 'more than one' if found else 'no'
        shown = x509.printable(wanted, 40)
        raise ValueError(f'{number} {kind} has an id that begins with "{shown}"')
    return found[0]


def having(requests: Iterable[Keep], one: Keep) -> frozenset[str]:
    """Keys of all requests for which the certificate of one is published."""
    entry = one.answer.entry
    text = entry.certificate.strip() if entry else ''
    return frozenset(
        other.answer.key
        for other in requests
        if other.answer.entry and other.answer.entry.certificate.strip() == text
    )


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


def _page(sizes: Iterable[int], number: int, most: int = PAGE) -> tuple[int, int, int]:
    """Where a page begins and ends, and the number of pages; raises ValueError where it is not.

    There is one page at least, and an item at least in each if there is any.
    """
    pages = [(0, 0)]
    room = most
    for index, size in enumerate(sizes):
        first, _ = pages[-1]
        if size > room and index > first:
            first, room = index, most
            pages.append((first, index))
        pages[-1] = first, index + 1
        room -= size
    if not 1 <= number <= len(pages):
        raise ValueError(f'page {number} does not exist; the last one is {len(pages)}')
    return *pages[number - 1], len(pages)


def _time(seconds: int) -> str:
    moment = datetime.datetime.fromtimestamp(min(seconds, ledger.LAST), datetime.timezone.utc)
    return moment.strftime('%Y-%m-%dT%H:%M:%SZ')
