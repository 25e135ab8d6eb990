"""Real keys, requests and authorities; each is made once and then reused."""

from __future__ import annotations

import base64
import datetime
import functools
import ipaddress
from typing import TYPE_CHECKING, cast

import hypothesis
import pytest
from cryptography import x509 as c509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from tls_provider import x509

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.types import (
        CertificateIssuerPrivateKeyTypes,
        CertificatePublicKeyTypes,
    )

# The same examples in every run, and no clock: a slow machine is no defect.
hypothesis.settings.register_profile('steady', derandomize=True, database=None, deadline=None)
hypothesis.settings.load_profile('steady')

_DIGESTS = {
    'sha256': hashes.SHA256(),
    'sha384': hashes.SHA384(),
    'sha512': hashes.SHA512(),
    'sha224': hashes.SHA224(),
    'none': None,
}
_NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)


@functools.cache
def _key(name: str) -> CertificateIssuerPrivateKeyTypes:
    """The key of a name such as `p256` or `p256/second`."""
    match name.partition('/')[0]:
        case 'p256':
            return ec.generate_private_key(ec.SECP256R1())
        case 'p384':
            return ec.generate_private_key(ec.SECP384R1())
        case 'p521':
            return ec.generate_private_key(ec.SECP521R1())
        case 'k256':
            return ec.generate_private_key(ec.SECP256K1())
        case 'rsa':
            return rsa.generate_private_key(65537, 2048)
        case 'dsa':
            return dsa.generate_private_key(2048)
        case _:
            return ed25519.Ed25519PrivateKey.generate()


def _general(name: str | c509.GeneralName) -> c509.GeneralName:
    if not isinstance(name, str):
        return name
    try:
        return c509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return c509.DNSName(name)


def _subject(common_name: str) -> c509.Name:
    if not common_name:
        return c509.Name([])
    return c509.Name([c509.NameAttribute(c509.NameOID.COMMON_NAME, common_name)])


@functools.cache
def _request(
    *names: str | c509.GeneralName,
    common_name: str = '',
    subject: c509.Name | None = None,
    key: str = 'p256',
    digest: str = 'sha256',
    extensions: tuple[tuple[c509.ExtensionType, bool], ...] = (),
) -> str:
    builder = c509.CertificateSigningRequestBuilder().subject_name(
        _subject(common_name) if subject is None else subject
    )
    if names:
        builder = builder.add_extension(
            c509.SubjectAlternativeName([_general(name) for name in names]), critical=False
        )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    csr = builder.sign(_key(key), _DIGESTS[digest])
    return csr.public_bytes(serialization.Encoding.PEM).decode().strip()


def _root(by: str = 'one') -> x509.Certificate:
    return _make_root(by)


@functools.cache
def _make_root(by: str) -> x509.Certificate:
    key = _key(f'p256/authority {by}')
    name = _subject(f'authority {by}')
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    life = datetime.timedelta(days=20000)
    return _certify(key.public_key(), name, name, key, (), True, start, life)


def _certify(
    key: CertificatePublicKeyTypes,
    subject: c509.Name,
    issuer: c509.Name,
    signer: CertificateIssuerPrivateKeyTypes,
    names: tuple[x509.Name, ...],
    is_ca: bool,
    start: datetime.datetime,
    life: datetime.timedelta,
) -> x509.Certificate:
    builder = (
        c509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(c509.random_serial_number())
        .not_valid_before(start.replace(microsecond=0))
        .not_valid_after(start.replace(microsecond=0) + life)
        .add_extension(c509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    if names:
        general = [_general(name.value) for name in names]
        builder = builder.add_extension(c509.SubjectAlternativeName(general), critical=False)
    signed = builder.sign(signer, hashes.SHA256())
    return x509.parse_certificate(signed.public_bytes(serialization.Encoding.PEM).decode())


def _sign(
    csr: str,
    *,
    by: str = 'one',
    is_ca: bool = False,
    names: tuple[x509.Name, ...] | None = None,
    start: datetime.datetime = _NOW - datetime.timedelta(days=1),
    life: datetime.timedelta = datetime.timedelta(days=90),
    key: str | None = None,
) -> x509.Certificate:
    request = x509.parse_request(csr)
    public = serialization.load_der_public_key(request.public_key)
    return _certify(
        _key(key).public_key() if key else cast('CertificatePublicKeyTypes', public),
        _subject('leaf'),
        _subject(f'authority {by}'),
        _key(f'p256/authority {by}'),
        (request.names if not is_ca else ()) if names is None else names,
        is_ca,
        start,
        life,
    )


@pytest.fixture(scope='session')
def now() -> datetime.datetime:
    """The time of the tests that are given one."""
    return _NOW


@pytest.fixture(scope='session')
def make_request() -> Callable[..., str]:
    """PEM of a signing request; names as text or as GeneralName. Equal arguments, equal text."""
    return _request


@pytest.fixture(scope='session')
def sign() -> Callable[..., x509.Certificate]:
    """A certificate for a request, signed by the authority of a name."""
    return _sign


@pytest.fixture(scope='session')
def root() -> Callable[..., x509.Certificate]:
    """The certificate of the authority of a name."""
    return _root


@pytest.fixture(scope='session')
def private_key() -> str:
    """PEM of a private key."""
    return _key('p256').private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()  # fmt: skip


@pytest.fixture(scope='session')
def duplicate_extension() -> str:
    """PEM of a request with twice the same extension, which no builder makes."""
    oids = [c509.ObjectIdentifier(oid) for oid in ('1.2.3.5', '1.2.3.6')]
    extensions = tuple((c509.UnrecognizedExtension(oid, b'\x05\x00'), False) for oid in oids)
    csr = c509.load_pem_x509_csr(_request('one.example', extensions=extensions).encode())
    der = csr.public_bytes(serialization.Encoding.DER)
    twice = base64.encodebytes(der.replace(b'\x2a\x03\x06', b'\x2a\x03\x05')).decode()
    return f'-----BEGIN CERTIFICATE REQUEST-----\n{twice}-----END CERTIFICATE REQUEST-----'
