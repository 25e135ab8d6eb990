"""PEM texts (RFC 7468) as what they are: blocks with labels. Nothing is parsed here."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import re

_BEGIN = re.compile(r'-----BEGIN ([^-\r\n]*)-----')
_REQUEST_LABELS = frozenset({'CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'})
_PRIVATE_LINE = re.compile(r'PRIVATE KEY( BLOCK)?\s*-', re.IGNORECASE)
"""The end of either of the lines around a key: one of the two may be damaged."""
_PRIVATE_DER = re.compile(
    rb'\x30(?:[\x00-\x7f]|\x81.|\x82..)\x02\x01[\x00\x01][\x02\x04\x30]', re.DOTALL
)
"""How PKCS 1, PKCS 8 and SEC 1 begin: a sequence of a version and what no request begins with."""


class Malformed(Exception):
    """A text is not what it should be; the message says what is wrong and does not quote it."""

    def __init__(self, message: str, *, loads: bool = False):
        super().__init__(message)
        self.loads = loads
        """A request that every requirer can load, though it is unusable: an error entry may carry
        it. One that does not load would break the requirer."""


@dataclasses.dataclass(frozen=True)
class Block:
    """One block of a PEM text."""

    label: str
    text: str
    """With its first and last line."""

    @property
    def der(self) -> bytes:
        """What it encodes; raises `Malformed`."""
        try:
            return base64.b64decode(''.join(self.text.split('-----')[2].split()), validate=True)
        except (ValueError, LookupError):
            raise Malformed(f'{self.label} is not base64') from None


def blocks(text: str) -> tuple[Block, ...]:
    """The blocks of a PEM text in their order; raises `Malformed` where one is cut off.

    Text between blocks does not matter.
    """
    found: list[Block] = []
    end = 0
    for match in _BEGIN.finditer(text):
        closing = f'-----END {match[1]}-----'
        place = text.find(closing, match.end())
        if place < 0 or '-----END' in text[end : match.start()]:
            raise Malformed('a PEM block is cut off')
        if '-----BEGIN' in text[match.end() : place]:
            raise Malformed('a PEM block is cut off')
        end = place + len(closing)
        found.append(Block(match[1], text[match.start() : end]))
    if '-----BEGIN' in text[end:] or '-----END' in text[end:]:
        raise Malformed('a PEM block is cut off')
    return tuple(found)


def holds_private_key(text: str) -> bool:
    """Whether a text holds a private key: as PEM, or in base64 as PEM or DER."""
    if _PRIVATE_LINE.search(text):
        return True
    try:
        data = base64.b64decode(''.join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    inner = data.decode('latin-1')
    return bool(_PRIVATE_LINE.search(inner) or _PRIVATE_DER.match(data))


def single_request(text: str) -> tuple[str, str]:
    """The text to answer, and what is wrong with what surrounds the request; empty: nothing.

    Of several PEM blocks it is the first request alone: that is what a lenient reader takes, and
    nothing that came with it, such as a private key, may be echoed.
    """
    begins = list(_BEGIN.finditer(text))
    first = next((match for match in begins if match[1] in _REQUEST_LABELS), None)
    has_key = _PRIVATE_LINE.search(text) is not None
    if first is None or (len(begins) < 2 and not has_key):
        return text, ''
    ending = f'-----END {first[1]}-----'
    end = text.find(ending, first.start())
    block = text[first.start() : end + len(ending)] if end >= 0 else ''
    if has_key:
        block = '' if _PRIVATE_LINE.search(block) else block
        return block, 'a private key came with the request and is public now: make a new key'
    return block, 'more than one PEM block in the request'


def fingerprint_of(pem: str) -> str:
    """SHA-256 of one certificate's DER in hexadecimal digits, without parsing the certificate.

    Raises `Malformed` where the text is not one PEM block.
    """
    lines = pem.strip().splitlines()
    if (
        len(lines) < 3
        or 'BEGIN CERTIFICATE-' not in lines[0]
        or not lines[-1].startswith('-----END')
    ):
        raise Malformed('not a PEM certificate')
    try:
        return hashlib.sha256(base64.b64decode(''.join(lines[1:-1]), validate=True)).hexdigest()
    except ValueError as error:
        raise Malformed('not a PEM certificate') from error


def encoded(der: bytes, label: str) -> str:
    """PEM text with 64 characters in a line and one line end after the last."""
    body = base64.b64encode(der).decode()
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return '\n'.join([f'-----BEGIN {label}-----', *lines, f'-----END {label}-----', ''])
