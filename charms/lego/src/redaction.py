"""Texts of lego and of servers without the operator's secrets."""

from __future__ import annotations

import base64
import html
import json
import re
import urllib.parse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

LEAST = 4
"""Characters of a secret that is looked for: shorter ones are in every text."""
_HIDDEN = '\ufdd0'
"""Stands for one character of a secret. Unicode gives it no meaning and never will."""


def hide(text: str, secrets: Iterable[str], *, is_cut: bool = False) -> str:
    """The text at the same length, every character of a secret replaced.

    So that what was found at a place of the text is shown from the same place of this one, and no
    cut through a secret lets a part of it through. `shown` makes a message of any part.

    Args:
        text: Any.
        secrets: In the forms in which lego was given them.
        is_cut: The text is the end of a longer one: it may begin within a secret.

    """
    forms = {form for secret in secrets for form in _forms(secret) if len(form) >= LEAST}
    marks = bytearray(len(text))
    for form in forms:
        place = text.find(form)
        while place >= 0:
            marks[place : place + len(form)] = b'\1' * len(form)
            place = text.find(form, place + 1)
    if is_cut:
        most = min(len(text), max(map(len, forms), default=0))
        marks[:most] = b'\1' * most
    return ''.join(_HIDDEN if mark else one for one, mark in zip(text, marks, strict=True))


def shown(hidden: str) -> str:
    """A part of what `hide` gave, for people: without the queries of links, which hold tokens."""
    return re.sub(f'{_HIDDEN}+', '***', re.sub(r'\S+', _without_query, hidden))


def _without_query(word: re.Match[str]) -> str:
    before, scheme, address = word[0].partition('://')
    link, mark, _ = address.partition('?')
    return f'{before}{scheme}{link}?***' if mark else word[0]


def _forms(secret: str) -> Iterator[str]:
    """How a secret may be written: itself, its lines, and each as programs encode it, trimmed.

    Encodings are taken twice over: lego 5 quotes messages in which servers have quoted something.
    """
    pieces = [secret, *re.split(r'[\r\n]+|\\r|\\n', secret)]
    for piece in {one.strip() for one in pieces}:
        if len(piece) < LEAST:
            continue
        yield from _base64(piece)
        yield piece.encode(errors='replace').hex()
        forms = {piece}
        for _ in range(2):
            forms |= {encode(form) for form in forms for encode in _ENCODINGS}
        yield from forms


def _percent(text: str) -> str:
    return urllib.parse.quote(text, safe='', errors='replace')


def _json(text: str) -> str:
    return json.dumps(text)[1:-1]


_ENCODINGS: tuple[Callable[[str], str], ...] = (
    _percent,
    lambda text: urllib.parse.quote(text, errors='replace'),
    lambda text: urllib.parse.quote_plus(text, errors='replace'),
    lambda text: re.sub('%..', lambda one: one[0].lower(), _percent(text)),
    _json,
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    # What Go does for JSON beyond that, and for %q.
    lambda text: re.sub(
        '[<>&]', lambda one: f'\\u{ord(one[0]):04x}', json.dumps(text, ensure_ascii=False)[1:-1]
    ),
    lambda text: re.sub(r'[\\"]', r'\\\g<0>', text),
    lambda text: text.encode('unicode_escape').decode(),
    lambda text: text.replace('/', '\\/'),  # PHP does, for JSON
    lambda text: re.sub(r'\\u[0-9a-f]{4}', lambda one: f'\\u{one[0][2:].upper()}', _json(text)),
    html.escape,
    # Go escapes fewer characters of a path, and writes quotes for HTML as numbers.
    lambda text: urllib.parse.quote(text, safe='$&+=:@', errors='replace'),
    lambda text: html.escape(text).replace('&quot;', '&#34;').replace('&#x27;', '&#39;'),
)


def _base64(piece: str) -> Iterator[str]:
    """In base64, also where it is a part of what is encoded, as a password is in `user:password`.

    There it begins at any of three places of a group, and the characters at its ends are shared
    with what is around it.
    """
    content = piece.encode(errors='replace')
    for altchars in (b'+/', b'-_'):
        yield base64.b64encode(content, altchars).decode()
        yield base64.b64encode(content, altchars).decode().rstrip('=')
        for before in range(3):
            encoded = base64.b64encode(b'\0' * before + content, altchars).decode()
            yield encoded[-(-before * 8 // 6) : (before + len(content)) * 8 // 6]
