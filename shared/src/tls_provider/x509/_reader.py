"""The readers of `tls_provider.x509`: the only module of the package that uses cryptography."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING

from cryptography import exceptions, x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tls_provider.x509 import Certificate, Key, Malformed, Name, NameKind, SigningRequest

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

_LABEL = re.compile(r'-----BEGIN ([A-Z0-9 ]{1,40})-----')
_REQUEST_LABELS = ('CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST')
_CURVES = {'secp256r1': 'ecdsa-p256', 'secp384r1': 'ecdsa-p384', 'secp521r1': 'ecdsa-p521'}


def read_request(text: str) -> SigningRequest:
    """See `x509.parse_request`."""
    block = _only_request_block(text)
    try:
        csr = x509.load_pem_x509_csr(block.encode())
    # The parser's exceptions come from no common base and are not all documented.
    except Exception as error:
        raise Malformed('not a certificate signing request that can be read') from error
    try:
        return _read_request(text, csr)
    except Exception as error:
        raise Malformed(f'not a valid certificate signing request: {error}', echo=text) from error


def read_certificates(text: str) -> tuple[Certificate, ...]:
    """See `x509.parse_certificates`."""
    try:
        return tuple(
            _read_certificate(one) for one in x509.load_pem_x509_certificates(text.encode())
        )
    # As in read_request.
    except Exception as error:
        raise Malformed('not a PEM certificate that can be read') from error


def signed_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether the issuer's name and key stand behind a certificate (RFC 5280, 6.1.3 a)."""
    try:
        x509.load_der_x509_certificate(certificate.der).verify_directly_issued_by(
            x509.load_der_x509_certificate(issuer.der)
        )
    except (ValueError, TypeError, exceptions.InvalidSignature, exceptions.UnsupportedAlgorithm):
        return False
    return True


def _only_request_block(text: str) -> str:
    """The one request of a text, checked to be alone."""
    labels = _LABEL.findall(text)
    requests = [label for label in labels if label in _REQUEST_LABELS]
    if not labels:
        raise Malformed('no PEM text')
    if not requests:
        raise Malformed(
            'a PEM text of another kind where a certificate signing request is expected'
        )
    if len(labels) > 1:
        start, ending = (
            text.index(f'-----BEGIN {requests[0]}-----'),
            f'-----END {requests[0]}-----',
        )
        block = text[start : text.find(ending, start) + len(ending)]
        echo = block if _loads(block) else None  # what a lenient requirer takes of such a text
        if any('PRIVATE KEY' in label for label in labels):
            message = 'a private key came with the request and is public now: make a new key'
            raise Malformed(message, echo=echo)
        raise Malformed('more than one PEM block', echo=echo)
    return text


def _loads(text: str) -> bool:
    """Whether a requirer can load the request of a text."""
    try:
        x509.load_pem_x509_csr(text.encode())
    # As in read_request.
    except Exception:
        return False
    return True


def _read_request(text: str, csr: x509.CertificateSigningRequest) -> SigningRequest:
    """Call every accessor: loading is lazy, and much that loads fails only here."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # wrong lengths in the subject are for policy to judge
        subject = tuple(
            (
                part.oid.dotted_string,
                part.value if isinstance(part.value, str) else part.value.hex(),
            )
            for part in csr.subject
        )
    public_key = csr.public_key()
    try:
        hash_algorithm = csr.signature_hash_algorithm
        signed = csr.is_signature_valid
    except exceptions.UnsupportedAlgorithm:
        hash_algorithm, signed = None, False
    return SigningRequest(
        pem=text,
        der=csr.public_bytes(serialization.Encoding.DER),
        public_key=public_key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
        key=_describe(public_key),
        signature_hash=hash_algorithm.name if hash_algorithm else '',
        proves_possession=signed,
        subject=subject,
        alternative_names=_names(csr.extensions),
    )


def _read_certificate(certificate: x509.Certificate) -> Certificate:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        is_ca = constraints.ca
    except x509.ExtensionNotFound:
        is_ca = False
    return Certificate(
        pem=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        der=certificate.public_bytes(serialization.Encoding.DER),
        public_key=certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
        serial=certificate.serial_number,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        is_ca=is_ca,
        names=_names(certificate.extensions),
    )


def _names(extensions: x509.Extensions) -> tuple[Name, ...]:
    try:
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(dict.fromkeys(_name(name) for name in names))


def _name(name: x509.GeneralName) -> Name:
    match name:
        case x509.DNSName():
            return Name(NameKind.DNS, name.value.lower())
        case x509.IPAddress():
            return Name(NameKind.IP, str(name.value))
        case x509.RFC822Name():
            return Name(NameKind.EMAIL, name.value)
        case x509.UniformResourceIdentifier():
            return Name(NameKind.URI, name.value)
        case x509.RegisteredID():
            return Name(NameKind.REGISTERED_ID, name.value.dotted_string)
        case x509.OtherName():
            return Name(NameKind.OTHER, f'name of type {name.type_id.dotted_string}')
        case _:
            return Name(NameKind.OTHER, type(name).__name__)


def _describe(key: CertificatePublicKeyTypes) -> Key:
    match key:
        case rsa.RSAPublicKey():
            return Key('rsa', key.key_size, key.public_numbers().e)
        case ec.EllipticCurvePublicKey():
            return Key(_CURVES.get(key.curve.name, f'ecdsa-{key.curve.name}'), key.key_size)
        case ed25519.Ed25519PublicKey():
            return Key('ed25519', 256)
        case _:
            return Key(type(key).__name__.removesuffix('PublicKey').lower(), 0)
