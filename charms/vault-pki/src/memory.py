"""What is known of the CA as text, for the peer databag.

Nothing in it is secret, and it may be lost or damaged. A digest tells what `dumps` wrote: of any
other text only the roots that are trusted still are taken over, one by one. The CA and its
requests are found again in Vault and with the parent.
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

DIGEST = 'digest'
_END = 253402300800
"""The year 10000, which no time reaches."""


def dumps(state: State) -> str:
    """As text; `loads` reads it."""
    return sealed(dataclasses.asdict(state)) if state.place else ''


def sealed(values: Values) -> str:
    """Values as text, with their digest."""
    return json.dumps({**values, DIGEST: _digest(values)}, sort_keys=True)


def loads(text: str) -> State:
    """The state of a text; of what `dumps` did not write, what counts without the rest of it."""
    try:
        found: object = json.loads(text or '{}')
        values = dict(_object(found))
        is_sound = values.pop(DIGEST, '') == _digest(values)
    except (ValueError, RecursionError):
        return State()
    retired = [_retired(_object(one)) for one in _items(values.get('retired'))]
    if not is_sound:
        roots = tuple(one for one in retired if _is_certificate(one.root))
        return State(_text(values, 'place'), retired=roots, lists_due=True)
    return State(
        place=_text(values, 'place'),
        current=_issuing(_object(values.get('current'))),
        asked=_asked(_object(values.get('asked'))),
        retired=tuple(retired),
        left=tuple(_left(_object(one)) for one in _items(values.get('left'))),
        applied=_text(values, 'applied'),
        checked_at=_number(values, 'checked_at'),
        renew_token_at=_number(values, 'renew_token_at'),
        renewed=_text(values, 'renewed'),
        uncertain_until=_number(values, 'uncertain_until'),
        lists_due=values.get('lists_due') is True,
    )


def _issuing(values: Values) -> Issuing | None:
    chain = tuple(str(one) for one in _items(values.get('chain')))
    if not chain:
        return None
    return Issuing(
        issuer=_text(values, 'issuer'),
        key=_text(values, 'key'),
        chain=chain,
        not_before=_number(values, 'not_before'),
        not_after=_number(values, 'not_after'),
        made_with=_text(values, 'made_with'),
        csr=_text(values, 'csr'),
    )


def _asked(values: Values) -> Asked | None:
    csr = _text(values, 'csr')
    return Asked(csr, _text(values, 'key'), _text(values, 'made_with')) if csr else None


def _retired(values: Values) -> Retired:
    return Retired(
        issuer=_text(values, 'issuer'),
        key=_text(values, 'key'),
        root=_text(values, 'root'),
        until=_number(values, 'until'),
        csr=_text(values, 'csr'),
    )


def _left(values: Values) -> Left:
    current, asked = _object(values.get('current')), _object(values.get('asked'))
    return Left(_text(values, 'place'), _issuing(current), _asked(asked))


def _is_certificate(text: str) -> bool:
    try:
        x509.parse_certificate(text)
    except x509.Malformed:
        return False
    return True


def _digest(values: Values) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def _object(found: object) -> Values:
    return cast('dict[str, object]', found) if isinstance(found, dict) else {}


def _items(found: object) -> list[object]:
    return cast('list[object]', found) if isinstance(found, list) else []


def _text(values: Values, name: str) -> str:
    found = values.get(name)
    return found if isinstance(found, str) else ''


def _number(values: Values, name: str) -> int:
    found = values.get(name)
    return found if isinstance(found, int) and 0 <= found < _END else 0
