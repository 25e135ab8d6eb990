"""Databags that are almost right: JSON, PEM and DER changed where it hurts, the rest kept whole.

A random change of bytes ends in the outermost reader. Here each layer is taken apart, changed and
put together again, so that lengths, base64 and JSON fit and the innermost reader sees the change.
The same generator of random numbers gives the same result.
"""

from __future__ import annotations

import base64
import binascii
import copy
import dataclasses
import json
import random
import re
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_BLOCK = re.compile(r'-----BEGIN ([^-]*)-----\s*(.*?)-----END \1-----', re.DOTALL)
_WRAPPING = {0x03: 1, 0x04: 0}
"""Tags of primitive values that may hold DER, and the bytes before it."""
_TAGS = (0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x13, 0x16, 0x17, 0x1E, 0x30, 0x31, 0x80, 0x82)
_CONTENTS = (
    b'',
    b'\x00',
    b'\xff',
    b'\x80\x01',
    b'a.example',
    b'a\x00b.example',
    b'xn--\xc3\xa4',
    b'\xff\xfe\xed\xa0\x80',
    b'\x2a\x03\x05',
    b'99991231235959Z',
    b'000101000000Z',
    b'\x7f' * 40,
    b'a' * 300,
)
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


@dataclasses.dataclass
class _Node:
    """A value of DER."""

    tag: int
    content: bytes = b''
    parts: list[_Node] = dataclasses.field(default_factory=list['_Node'])
    """Instead of the content where it is made of values."""
    lead: bytes = b''
    """Before the parts: the unused bits of a BIT STRING."""

    def encode(self) -> bytes:
        body = self.lead + b''.join(part.encode() for part in self.parts) or self.content
        size = len(body)
        if size < 128:
            return bytes([self.tag, size]) + body
        length = size.to_bytes((size.bit_length() + 7) // 8, 'big')
        return bytes([self.tag, 0x80 | len(length)]) + length + body


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
    pool = [found for one in donors[:8] if (found := _der(one))]
    body = base64.encodebytes(mutated_der(der, chance, pool)).decode()
    return f'{text[: block.start(2)]}{body}{text[block.end(2) :]}'


def _der(pem: str) -> bytes:
    block = _BLOCK.search(pem)
    return base64.b64decode(block[2]) if block else b''


def mutated_der(der: bytes, chance: random.Random, donors: Sequence[bytes] = ()) -> bytes:
    """DER with one to three changes; lengths fit, unless they are what is changed."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        parts = _parse(der, 0)
        if not parts or chance.random() < 0.1:
            der = _mutated_bytes(der, chance)
            continue
        _change(_every(parts), chance, donors)
        der = b''.join(part.encode() for part in parts)
    return der


def _parse(data: bytes, depth: int) -> list[_Node] | None:
    """The values that data is made of; None: it is not made of values."""
    nodes: list[_Node] = []
    place = 0
    while place < len(data):
        tag, place = data[place], place + 1
        if tag & 0x1F == 0x1F or place >= len(data):
            return None
        size, place = data[place], place + 1
        if size >= 0x80:
            count = size & 0x7F
            if not 0 < count < 4 or place + count > len(data):
                return None
            size, place = int.from_bytes(data[place : place + count], 'big'), place + count
        if place + size > len(data):
            return None
        nodes.append(_node(tag, data[place : place + size], depth))
        place += size
    return nodes


def _node(tag: int, content: bytes, depth: int) -> _Node:
    skipped = 0 if tag & 0x20 else _WRAPPING.get(tag)
    if skipped is None or not content or depth > 20:
        return _Node(tag, content)
    parts = _parse(content[skipped:], depth + 1)
    return _Node(tag, content, parts, content[:skipped]) if parts else _Node(tag, content)


def _every(nodes: list[_Node]) -> list[tuple[list[_Node], int]]:
    """Where each value stands, whatever its depth."""
    found: list[tuple[list[_Node], int]] = []
    for index, node in enumerate(nodes):
        found += [(nodes, index), *_every(node.parts)]
    return found


def _change(
    places: list[tuple[list[_Node], int]], chance: random.Random, donors: Sequence[bytes]
) -> None:
    siblings, index = chance.choice(places)
    node = siblings[index]

    def graft() -> None:
        other = _parse(chance.choice(donors), 0) if donors else None
        if other:
            found, place = chance.choice(_every(other))
            siblings[index] = found[place]

    def swap() -> None:
        other = chance.randrange(len(siblings))
        siblings[index], siblings[other] = siblings[other], siblings[index]

    def fill() -> None:
        node.parts, node.content = [], chance.choice(_CONTENTS)

    def flip() -> None:
        if not node.parts:
            node.content = _mutated_bytes(node.content, chance)

    def retag() -> None:
        node.tag = chance.choice(_TAGS)

    def wrap() -> None:
        for _ in range(chance.choice((1, 1, 2, 60))):
            siblings[index] = _Node(0x30, parts=[siblings[index]])

    changes: tuple[Callable[[], object], ...] = (
        graft,
        swap,
        fill,
        fill,
        flip,
        flip,
        flip,
        retag,
        wrap,
        lambda: siblings.pop(index),
        lambda: siblings.insert(index, copy.deepcopy(node)),
        lambda: siblings.extend([node] * chance.choice((2, 20, 200))),
    )
    chance.choice(changes)()


def _mutated_bytes(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data) + 1)
    new = bytes([chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))])
    return data[:place] + chance.choice((b'', new)) + data[place + chance.choice((0, 1, 1, 1)) :]


def _mutated_text(text: str, chance: random.Random) -> str:
    place = chance.randrange(len(text) + 1)
    end = chance.choice((place, place + 1, place + 1, chance.randrange(place, len(text) + 1)))
    new = chance.choice((*_RAW, *_CHARACTERS, *_CHARACTERS, ''))
    return text[:place] + new + text[end:]
