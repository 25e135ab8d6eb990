"""What is known of the CA as text, for the peer databag.

Nothing in it is secret, and it may be lost or damaged: what cannot be read is as if it were lost,
and the rest of it counts.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any, TypeVar, cast

from authority import Asked, Issuing, Left, Retired, State
from tls_provider import x509

_Part = TypeVar('_Part', Issuing, Asked, Retired, Left)


def dumps(state: State) -> str:
    """As text; `loads` reads it."""
    return json.dumps(dataclasses.asdict(state), sort_keys=True) if state.place else ''


def loads(text: str) -> State:
    """The state of a text; of what `dumps` did not write, the parts that can be read."""
    try:
        found: object = json.loads(text or '{}')
    except (ValueError, RecursionError):
        found = {}
    values = cast('dict[str, Any]', found) if isinstance(found, dict) else {}
    places, retired = values.get('left'), values.get('retired')
    read = (_read(Left, one) for one in _items(places))
    superseded = (_read(Retired, one) for one in _items(retired))
    return State(
        place=str(values.get('place', '')),
        current=_read(Issuing, values.get('current')),
        asked=_read(Asked, values.get('asked')),
        retired=tuple(one for one in superseded if one),
        left=tuple(one for one in read if one),
        applied=str(values.get('applied', '')),
        checked_at=_number(values.get('checked_at')),
        renew_token_at=_number(values.get('renew_token_at')),
        renewed=str(values.get('renewed', '')),
        lists_due=values.get('lists_due') is True,
    )


def _read(kind: type[_Part], found: object) -> _Part | None:
    """A part of the state; None where it is damaged."""
    if not isinstance(found, dict):
        return None
    try:
        known = {field.name for field in dataclasses.fields(kind)}
        values = {
            name: one for name, one in cast('dict[str, Any]', found).items() if name in known
        }
        one = kind(**values)  # a later revision may have written more
        match one:
            case Issuing():
                chain = tuple(map(str, one.chain))
                numbers = int(one.not_before), int(one.not_after)
                for pem in chain:
                    x509.fingerprint_of(pem)
                whole = dataclasses.replace(
                    one, chain=chain, not_before=numbers[0], not_after=numbers[1]
                )
                return whole if chain else None
            case Retired():
                x509.fingerprint_of(one.root)
                return dataclasses.replace(one, until=int(one.until))
            case Asked():
                return one if [block.der for block in x509.blocks(one.csr)] else None
            case Left():
                current, asked = _read(Issuing, one.current), _read(Asked, one.asked)
                return dataclasses.replace(one, current=current, asked=asked)
    except (ValueError, TypeError, AttributeError, OverflowError, x509.Malformed):
        return None


def _items(found: object) -> list[object]:
    return cast('list[object]', found) if isinstance(found, list) else []


def _number(found: object) -> int:
    return found if isinstance(found, int) else 0
