"""What is known of the CA as text, for the peer databag.

Nothing in it is secret, and it may be lost or damaged: what cannot be read is as if it were lost,
and the rest of it counts. Every hook reads it, so what `dumps` wrote is known by a digest, and
only in another text each certificate and request is parsed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, cast

from authority import Asked, Issuing, Left, Retired, State
from tls_provider import x509

if TYPE_CHECKING:
    from collections.abc import Mapping

    Values = Mapping[str, object]

_DIGEST = 'digest'


def dumps(state: State) -> str:
    """As text; `loads` reads it."""
    if not state.place:
        return ''
    values = dataclasses.asdict(state)
    return json.dumps({**values, _DIGEST: _digest(values)}, sort_keys=True)


def loads(text: str) -> State:
    """The state of a text; of what `dumps` did not write, the parts that can be read."""
    try:
        found: object = json.loads(text or '{}')
    except (ValueError, RecursionError):
        found = {}
    values = dict(_object(found))
    reader = _Reader(is_sound=values.pop(_DIGEST, '') == _digest(values))
    retired = (reader.retired(_object(one)) for one in _items(values.get('retired')))
    left = (reader.left(_object(one)) for one in _items(values.get('left')))
    return State(
        place=_text(values, 'place'),
        current=reader.current(values),
        asked=reader.asked(values),
        retired=tuple(one for one in retired if one),
        left=tuple(left),
        applied=_text(values, 'applied'),
        checked_at=_number(values, 'checked_at') or 0,
        renew_token_at=_number(values, 'renew_token_at') or 0,
        renewed=_text(values, 'renewed'),
        lists_due=values.get('lists_due') is True,
    )


@dataclasses.dataclass(frozen=True)
class _Reader:
    """Gives the parts, None where one is not there or damaged."""

    is_sound: bool
    """Certificates and requests are as they were written."""

    def current(self, values: Values) -> Issuing | None:
        found = _object(values.get('current'))
        start, end = _number(found, 'not_before'), _number(found, 'not_after')
        chain = tuple(map(self._certificate, _items(found.get('chain'))))
        texts = [found.get(name) for name in ('issuer', 'key', 'name', 'made_with')]
        known = [text for text in texts if isinstance(text, str)]
        if start is None or end is None or not chain or not all(chain) or known != texts:
            return None
        issuer, key, name, made_with = known
        csr = self._request(found)
        return Issuing(issuer, key, name, chain, start, end, made_with, csr)

    def asked(self, values: Values) -> Asked | None:
        found = _object(values.get('asked'))
        csr = self._request(found)
        return Asked(csr, _text(found, 'key'), _text(found, 'made_with')) if csr else None

    def retired(self, values: Values) -> Retired | None:
        root, until = self._certificate(values.get('root')), _number(values, 'until')
        if not root or until is None:
            return None
        issuer, key = _text(values, 'issuer'), _text(values, 'key')
        return Retired(issuer, key, root, until, self._request(values))

    def left(self, values: Values) -> Left:
        return Left(_text(values, 'place'), self.current(values), self.asked(values))

    def _certificate(self, found: object) -> str:
        """PEM; empty where it is damaged."""
        text = found if isinstance(found, str) else ''
        if self.is_sound:
            return text
        try:
            return x509.parse_certificate(text).pem
        except x509.Malformed:
            return ''

    def _request(self, values: Values) -> str:
        """PEM; empty where it is damaged."""
        text = _text(values, 'csr')
        if self.is_sound or not text:
            return text
        try:
            x509.parse_request(text)
        except x509.Malformed:
            return ''
        return text


def _digest(values: Values) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def _object(found: object) -> Values:
    return cast('dict[str, object]', found) if isinstance(found, dict) else {}


def _items(found: object) -> list[object]:
    return cast('list[object]', found) if isinstance(found, list) else []


def _text(values: Values, name: str) -> str:
    found = values.get(name)
    return found if isinstance(found, str) else ''


def _number(values: Values, name: str) -> int | None:
    found = values.get(name)
    return found if isinstance(found, int) and abs(found) < 1 << 40 else None
