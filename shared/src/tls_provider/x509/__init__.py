"""Signing requests and certificates as plain values, parsed eagerly and once.

Every text may come from a stranger. Whatever is wrong with it comes out as `Malformed` and as
nothing else. `cryptography` is imported when something is parsed and not before, so that a pass in
which nothing changed does not pay for it.
"""

from __future__ import annotations

import base64
import dataclasses
import enum
import hashlib
import ipaddress
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable

_BEGIN = re.compile(r'-----BEGIN ([^-\r\n]*)-----')
_REQUEST_LABELS = frozenset({'CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'})
_HOST_LABEL = re.compile(r'[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?', re.IGNORECASE | re.ASCII)


class Malformed(Exception):
    """A text is not what it should be; the message says what is wrong and does not quote it."""

    def __init__(self, message: str, *, loads: bool = False):
        super().__init__(message)
        self.loads = loads
        """A request that every requirer can load, though it is unusable: an error entry may carry
        it. One that does not load would break the requirer."""


class NameKind(str, enum.Enum):
    """Kinds of subject alternative names (RFC 5280, 4.2.1.6)."""

    DNS = 'DNS'
    IP = 'IP'
    EMAIL = 'e-mail'
    URI = 'URI'
    REGISTERED_ID = 'registered ID'
    OTHER = 'other'


@dataclasses.dataclass(frozen=True, order=True)
class Name:
    """One subject alternative name."""

    kind: NameKind
    value: str
    """DNS names in lower case, IP addresses in their canonical text, object identifiers dotted."""

    def __str__(self) -> str:
        plain = self.kind in {NameKind.DNS, NameKind.IP}
        return printable(self.value if plain else f'{self.kind.value} {self.value}')


@dataclasses.dataclass(frozen=True)
class Key:
    """What a public key is, without the key."""

    algorithm: str
    """`rsa`, `ecdsa-p256`, `ecdsa-p384`, `ecdsa-p521`, `ed25519`; other keys under other names."""
    bits: int
    exponent: int = 0
    """RSA only."""

    def __str__(self) -> str:
        return f'{self.algorithm}-{self.bits}' if self.algorithm == 'rsa' else self.algorithm


@dataclasses.dataclass(frozen=True)
class SigningRequest:
    """A certificate signing request (RFC 2986) that was parsed completely."""

    pem: str
    """The text exactly as it was received: requirers match it byte for byte."""
    der: bytes = dataclasses.field(repr=False)
    public_key: bytes = dataclasses.field(repr=False)
    """DER of the SubjectPublicKeyInfo."""
    key: Key
    signature_hash: str
    """`sha256` and so on, `unknown`, or empty for algorithms that have none (Ed25519)."""
    proves_possession: bool
    """The request is signed by the key that it holds."""
    subject: tuple[tuple[str, str], ...]
    """Pairs of dotted object identifier and value, in the order of the request."""
    alternative_names: tuple[Name, ...]
    """The subjectAltName extension as it stands, duplicates removed."""

    @property
    def common_name(self) -> str:
        """The first common name of the subject, or an empty text."""
        return next(iter(self.common_names), '')

    @property
    def common_names(self) -> tuple[str, ...]:
        """All common names of the subject; clients of old look at any of them."""
        return tuple(value for oid, value in self.subject if oid == '2.5.4.3')

    @property
    def names(self) -> tuple[Name, ...]:
        """What to certify: the alternative names, else a common name that is a host or an IP."""
        if self.alternative_names or not self.common_name:
            return self.alternative_names
        try:
            return (Name(NameKind.IP, str(ipaddress.ip_address(self.common_name))),)
        except ValueError:
            pass
        bare = self.common_name.removeprefix('*.')
        return (Name(NameKind.DNS, self.common_name.lower()),) if is_host_name(bare) else ()


@dataclasses.dataclass(frozen=True)
class Certificate:
    """A certificate (RFC 5280) that was parsed completely."""

    pem: str
    """One block with LF line ends and no surrounding text."""
    der: bytes = dataclasses.field(repr=False)
    public_key: bytes = dataclasses.field(repr=False)
    """DER of the SubjectPublicKeyInfo."""
    serial: int
    not_before: datetime.datetime
    not_after: datetime.datetime
    """Both aware, UTC, inclusive, whole seconds."""
    is_ca: bool
    names: tuple[Name, ...]
    subject: str
    issuer: str
    """Names for messages, as in RFC 4514."""
    signs_certificates: bool
    """Its key usage lets it sign certificates, or it has none."""
    serves: bool
    """Its purposes let it authenticate a server, or it has none."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the DER in hexadecimal digits."""
        return hashlib.sha256(self.der).hexdigest()


def printable(text: str, limit: int = 100) -> str:
    """A stranger's text for a log or a status: escaped where it is not printable, and cut."""
    escaped = ''.join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:limit])
    return f'{escaped[:limit]}...' if len(text) > limit or len(escaped) > limit else escaped


def is_host_name(text: str) -> bool:
    """Whether a text is a DNS name of RFC 1034 syntax, underscores allowed, no wildcard, no IP."""
    labels = text.split('.')
    numeric = labels[-1].isdigit()
    return len(text) <= 253 and not numeric and all(_is_label(label) for label in labels)


def _is_label(text: str) -> bool:
    """A label of a host name; one that claims to be internationalised must be so (RFC 5891)."""
    if not _HOST_LABEL.fullmatch(text):
        return False
    if text[2:4] != '--':
        return True
    try:
        encoded = text.lower().removeprefix('xn--').encode()
        return text.lower().startswith('xn--') and not encoded.decode('punycode').isascii()
    except (UnicodeError, OverflowError):
        return False


def single_request(text: str) -> tuple[str, str]:
    """The text to answer, and what is wrong with what surrounds the request; empty: nothing.

    Of several PEM blocks it is the first request alone: that is what a lenient reader takes, and
    nothing that came with it, such as a private key, may be echoed.
    """
    labels = [label.strip().upper() for label in _BEGIN.findall(text)]
    first = next((match for match in _BEGIN.finditer(text) if match[1] in _REQUEST_LABELS), None)
    if len(labels) < 2 or first is None:
        return text, ''
    ending = f'-----END {first[1]}-----'
    end = text.find(ending, first.start())
    block = text[first.start() : end + len(ending)] if end >= 0 else ''
    if any('PRIVATE KEY' in label for label in labels):
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


def parse_request(text: str) -> SigningRequest:
    """A signing request from its PEM text; raises `Malformed`.

    Line ends, surrounding text and the older label do not matter; `single_request` says whether
    the text holds more than it should.
    """
    from tls_provider.x509 import _reader  # noqa: PLC0415 : imports cryptography

    return _reader.read_request(text)


def parse_certificates(text: str) -> tuple[Certificate, ...]:
    """Every certificate of a PEM bundle in its order, one at least; raises `Malformed`."""
    from tls_provider.x509 import _reader  # noqa: PLC0415 : imports cryptography

    return _reader.read_certificates(text)


def parse_certificate(text: str) -> Certificate:
    """A certificate from its PEM text; raises `Malformed`, also where there are several."""
    certificates = parse_certificates(text)
    if len(certificates) != 1:
        raise Malformed(f'{len(certificates)} certificates where one is expected')
    return certificates[0]


def signed_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether the issuer's name and key stand behind a certificate (RFC 5280, 6.1.3 a)."""
    from tls_provider.x509 import _reader  # noqa: PLC0415 : imports cryptography

    return _reader.signed_by(certificate, issuer)


def mismatch(
    request: SigningRequest,
    certificate: Certificate,
    chain: Iterable[Certificate],
    *,
    is_ca: bool,
    now: datetime.datetime,
    more_names: bool = False,
) -> str | None:
    """Why a certificate with its chain must not be published for a request; None when it may.

    The chain is ordered from the issuer of the certificate to the root and does not hold the
    certificate. Each must have signed the one before and be entitled to (RFC 5280, 6.1). With
    `more_names`, names beyond those of the request are no reason, nor wildcards that cover them.
    """
    from tls_provider.x509 import _reader  # noqa: PLC0415 : imports cryptography

    chain = tuple(chain)
    if not chain:
        return 'the chain is empty'
    if certificate.public_key != request.public_key:
        return 'the certificate is for another key than the request'
    if certificate.is_ca != is_ca:
        return f'the certificate is {"" if certificate.is_ca else "not "}a CA certificate'
    if not is_ca and (wrong := _wrong_names(request.names, certificate.names, more_names)):
        return wrong
    below = certificate
    for issuer in chain:
        if not issuer.is_ca:
            return 'the chain holds a certificate that is not a CA certificate'
        if not _reader.signed_by(below, issuer):
            return 'the chain is not in order: one of its certificates did not sign the one before'
        below = issuer
    for one in (certificate, *chain):
        if not one.not_before <= now <= one.not_after:
            return f'not valid now but from {one.not_before} to {one.not_after}'
    return None


def _wrong_names(
    wanted: tuple[Name, ...], found: tuple[Name, ...], more_names: bool
) -> str | None:
    if set(wanted) == set(found):
        return None
    if not more_names:
        return 'the names of the certificate are not those of the request'
    lacking = [name for name in wanted if name not in found and not _is_covered(name, found)]
    if lacking:
        return f'the certificate lacks {", ".join(str(name) for name in lacking[:5])}'
    return None


def _is_covered(name: Name, found: tuple[Name, ...]) -> bool:
    """Whether a wildcard stands for a DNS name (RFC 9525, 6.3: one label, the left-most)."""
    label, _, parent = name.value.partition('.')
    wildcard = Name(NameKind.DNS, f'*.{parent}')
    return name.kind is NameKind.DNS and label != '*' and wildcard in found
