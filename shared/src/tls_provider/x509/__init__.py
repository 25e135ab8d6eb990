"""Signing requests and certificates as plain values, parsed eagerly and once.

Every text may come from a stranger. Whatever is wrong with it comes out as `Malformed` and as
nothing else. `cryptography` is imported when something is parsed and not before, so that a pass in
which nothing changed does not pay for it.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import ipaddress
from typing import TYPE_CHECKING

from tls_provider.x509._pem import (
    Block,
    Malformed,
    blocks,
    encoded,
    fingerprint_of,
    holds_private_key,
    single_request,
)
from tls_provider.x509._text import is_host_name, is_ip_address, printable

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable

__all__ = [
    'Block',
    'Certificate',
    'Key',
    'Malformed',
    'Name',
    'NameKind',
    'SigningRequest',
    'blocks',
    'encoded',
    'fingerprint_of',
    'holds_private_key',
    'is_host_name',
    'is_ip_address',
    'key_of',
    'mismatch',
    'parse_certificate',
    'parse_certificates',
    'parse_request',
    'printable',
    'refused_signature',
    'same_subject',
    'signed_by',
    'single_request',
    'subject_of',
    'unusable_authority',
]


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

    @property
    def hex_serial(self) -> str:
        """The serial number in hexadecimal digits, as it is kept and shown."""
        return f'{self.serial:x}'


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


def refused_signature(certificate: Certificate, issuer: Certificate) -> str:
    """The algorithm for which a signature of the issuer is not accepted; empty: not the reason."""
    from tls_provider.x509 import _reader  # noqa: PLC0415 : imports cryptography

    return _reader.refused_signature(certificate, issuer)


def same_subject(certificate: Certificate, request: SigningRequest) -> bool:
    """Whether a certificate has the subject of a request."""
    from tls_provider.x509 import _reader  # noqa: PLC0415 : imports cryptography

    return _reader.same_subject(certificate, request)


def key_of(certificate: Certificate) -> Key:
    """What the public key of a certificate is."""
    from tls_provider.x509 import _reader  # noqa: PLC0415 : imports cryptography

    return _reader.key_of(certificate)


def subject_of(certificate: Certificate) -> tuple[tuple[str, str], ...]:
    """The subject of a certificate, as `SigningRequest.subject`."""
    from tls_provider.x509 import _reader  # noqa: PLC0415 : imports cryptography

    return _reader.subject_of(certificate)


def unusable_authority(chain: Iterable[Certificate], hosts: Iterable[str]) -> str | None:
    """Why certificates below a CA would not verify, or None.

    Looks at what `signed_by` does not: path lengths, names and purposes, and critical extensions
    that no verifier knows (RFC 5280, 6.1). Keys, order and dates are for the caller.

    Args:
        chain: The CA that signs first, the root last.
        hosts: Names that are to be certified, with what is below them; empty: any.

    """
    from tls_provider.x509 import _constraints  # noqa: PLC0415 : imports cryptography

    return _constraints.unusable(tuple(chain), tuple(hosts))


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
    certificate. Each must have signed the one before and be entitled to (RFC 5280, 6.1), by path
    length and names too. With `more_names`, names beyond those of the request are no reason, nor
    wildcards that cover them.
    """
    from tls_provider.x509 import _verifier  # noqa: PLC0415 : imports cryptography

    chain = tuple(chain)
    return _verifier.mismatch(
        request, certificate, chain, is_ca=is_ca, now=now, more_names=more_names
    )
