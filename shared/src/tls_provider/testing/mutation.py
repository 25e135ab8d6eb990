"""Databags that are almost right: JSON, PEM and DER changed where it hurts, the rest kept whole.

A random change of bytes ends in the outermost reader. Here each layer is taken apart, changed and
put together again, so that lengths, base64 and JSON fit and the innermost reader sees the change.
The same generator of random numbers gives the same result.
"""

from __future__ import annotations

import base64
import binascii
import copy
import json
import random
import re
from typing import TYPE_CHECKING, Any, cast

from tls_provider.testing import _der

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_BLOCK = re.compile(r'-----BEGIN ([^-]*)-----\s*(.*?)-----END \1-----', re.DOTALL)
_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1 << 70,
    1.5,
    float('nan'),
    float('-inf'),
    '',
    '\ud800',
    '\x00',
    '\u202e\x1b[31m',
    'x' * 70_000,
    [],
    {},
    [[]],
    {'': ''},
)
_RAW = (
    '[' * 90_000,
    '[' * 900 + ']' * 900,
    '9' * 5000,
    '1e999',
    '-0',
    '"\\ud800"',
    '\ufeff',
    '\x00',
)
_LABELS = ('NEW CERTIFICATE REQUEST', 'CERTIFICATE', 'X509 CRL', 'PRIVATE KEY', 'PUBLIC KEY', '')
_CHARACTERS = '\x00\t\n\r "\\{}[],:-=+/0A\x7f\x85\xa0\u0130\u202e\u2028\ud800\U0001f512'


def mutated_bag(
    bag: Mapping[str, str], chance: random.Random, donors: Sequence[str] = ()
) -> dict[str, str]:
    """A databag with one to three changes.

    Args:
        bag: Best an honest one, or what came out of this function.
        chance: Decides.
        donors: PEM texts of which parts are taken.

    """
    result = dict(bag)
    for _ in range(chance.choice((1, 1, 2, 3))):
        if not result or chance.random() < 0.02:
            result[chance.choice(sorted(bag) or ['certificates'])] = chance.choice(_RAW)
            continue
        keys = sorted(result)
        [key] = chance.choices(keys, [min(len(result[one]), 999) + 9 for one in keys])
        if chance.random() < 0.02:
            result[chance.choice(_KEYS)] = result.pop(key)
        else:
            result[key] = mutated_json(result[key], chance, donors)
    return result


_KEYS = (
    'certificate_signing_requests',
    'certificates',
    'request_errors',
    'ledger',
    'chain',
    'version',
    'cert_requests',
)


def mutated_json(text: str, chance: random.Random, donors: Sequence[str] = ()) -> str:
    """A JSON text with one change in its values, or anywhere."""
    if chance.random() < 0.1:
        return _mutated_text(text, chance)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return mutated_pem(text, chance, donors)
    try:
        return json.dumps(_mutated_value(value, chance, donors, depth=0))
    except RecursionError:
        return text


def _mutated_value(value: Any, chance: random.Random, donors: Sequence[str], *, depth: int) -> Any:
    """The value with one change, as deep as chance has it."""
    if isinstance(value, (list, dict)) and value and depth < 40 and chance.random() < 0.9:
        return _mutated_items(copy.copy(cast('Any', value)), chance, donors, depth)
    if isinstance(value, str) and chance.random() < 0.85:
        return mutated_pem(value, chance, donors)
    return chance.choice(_VALUES)


def _mutated_items(items: Any, chance: random.Random, donors: Sequence[str], depth: int) -> Any:
    """A list or an object, which is changed, with an item less, one more or another one."""
    is_list = not hasattr(items, 'keys')
    place = chance.choice(range(len(items)) if is_list else sorted(items))
    action = chance.random()
    if action < 0.08:
        del items[place]
    elif action < 0.16 and is_list:
        items.insert(place, copy.copy(items[place]))
    elif action < 0.16:
        items[chance.choice(_NAMES)] = items[place]
    else:
        items[place] = _mutated_value(items[place], chance, donors, depth=depth + 1)
    return items


_NAMES = (
    'ca',
    'chain',
    'csr',
    'error',
    'code',
    'message',
    'revoked',
    'certificate',
    'certificate_signing_request',
    'recommended_expiry_notification_time',
)


def mutated_pem(text: str, chance: random.Random, donors: Sequence[str] = ()) -> str:
    """A text with one change, inside the DER of a PEM block where there is one."""
    block = _BLOCK.search(text)
    action = chance.random()
    if block is None or action < 0.08:
        return _mutated_text(text, chance)
    if action < 0.12:
        return text.replace(block[1], chance.choice(_LABELS))
    if action < 0.16 and donors:
        other = chance.choice(donors)
        return chance.choice((f'{other}\n{text}', f'{text}\n{other}', other))
    if action < 0.2:
        return text.replace('\n', chance.choice(('\r\n', '\r', '\n\n', '', ' \n')))
    try:
        der = base64.b64decode(block[2])
    except (binascii.Error, ValueError):
        return _mutated_text(text, chance)
    pool = [found for one in donors[:8] if (found := _body(one))]
    body = base64.encodebytes(_der.mutated_der(der, chance, pool)).decode()
    return f'{text[: block.start(2)]}{body}{text[block.end(2) :]}'


def _body(pem: str) -> bytes:
    block = _BLOCK.search(pem)
    return base64.b64decode(block[2]) if block else b''


def _mutated_text(text: str, chance: random.Random) -> str:
    place = chance.randrange(len(text) + 1)
    end = chance.choice((place, place + 1, place + 1, chance.randrange(place, len(text) + 1)))
    new = chance.choice((*_RAW, *_CHARACTERS, *_CHARACTERS, ''))
    return text[:place] + new + text[end:]
