"""DER taken apart, changed where it hurts and put together again; see `mutation`."""

from __future__ import annotations

import copy
import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

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
