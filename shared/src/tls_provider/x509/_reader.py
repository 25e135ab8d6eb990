"""The readers of `tls_provider.x509`: the only module of the package that uses cryptography."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from cryptography import exceptions, x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from tls_provider.x509 import Certificate, Key, Malformed, Name, NameKind, SigningRequest

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

_CURVES = {'secp256r1': 'ecdsa-p256', 'secp384r1': 'ecdsa-p384', 'secp521r1': 'ecdsa-p521'}
_BROKEN = {'md5', 'sha1'}
"""Hashes with which nothing is signed any more."""


def read_request(text: str) -> SigningRequest:
    """See `x509.parse_request`."""
    if '-----BEGIN' not in text:
        raise Malformed('no PEM text')
    try:
        csr = x509.load_pem_x509_csr(text.encode())
    # The parser's exceptions come from no common base and are not all documented.
    except Exception as error:
        raise Malformed('not a certificate signing request that can be read') from error
    try:
        return _read_request(text, csr)
    except Exception as error:
        raise Malformed(f'not a valid certificate signing request: {error}', loads=True) from error


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
    """See `x509.signed_by`."""
    try:
        x509.load_der_x509_certificate(certificate.der).verify_directly_issued_by(
            x509.load_der_x509_certificate(issuer.der)
        )
    except (ValueError, TypeError, exceptions.InvalidSignature, exceptions.UnsupportedAlgorithm):
        return False
    return True


def refused_signature(certificate: Certificate, issuer: Certificate) -> str:
    """See `x509.refused_signature`."""
    below, above = (x509.load_der_x509_certificate(one.der) for one in (certificate, issuer))
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # as in _read_certificate
        if below.issuer != above.subject:
            return ''
    try:
        below.verify_directly_issued_by(above)
    except (ValueError, TypeError, exceptions.UnsupportedAlgorithm):
        try:
            algorithm = below.signature_hash_algorithm
        except exceptions.UnsupportedAlgorithm:
            return below.signature_algorithm_oid.dotted_string
        return algorithm.name if algorithm and algorithm.name in _BROKEN else ''
    except exceptions.InvalidSignature:  # of another key
        pass
    return ''


def same_subject(certificate: Certificate, request: SigningRequest) -> bool:
    """See `x509.same_subject`."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # as in _read_request
        wanted = x509.load_der_x509_csr(request.der).subject
        return x509.load_der_x509_certificate(certificate.der).subject == wanted


def key_of(certificate: Certificate) -> Key:
    """See `x509.key_of`."""
    return _describe(x509.load_der_x509_certificate(certificate.der).public_key())


def subject_of(certificate: Certificate) -> tuple[tuple[str, str], ...]:
    """See `x509.subject_of`."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # as in _read_certificate
        return _pairs(x509.load_der_x509_certificate(certificate.der).subject)


def _pairs(name: x509.Name) -> tuple[tuple[str, str], ...]:
    return tuple(
        (part.oid.dotted_string, part.value if isinstance(part.value, str) else part.value.hex())
        for part in name
    )


def _read_request(text: str, csr: x509.CertificateSigningRequest) -> SigningRequest:
    """Call every accessor: loading is lazy, and much that loads fails only here."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # wrong lengths in the subject are for policy to judge
        subject = _pairs(csr.subject)
    public_key = csr.public_key()
    return SigningRequest(
        pem=text,
        der=csr.public_bytes(serialization.Encoding.DER),
        public_key=public_key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
        key=_describe(public_key),
        signature_hash=_signature_hash(csr),
        proves_possession=_proves_possession(csr),
        subject=subject,
        alternative_names=_names(csr.extensions),
    )


def _signature_hash(csr: x509.CertificateSigningRequest) -> str:
    try:
        algorithm = csr.signature_hash_algorithm
    except exceptions.UnsupportedAlgorithm:
        return 'unknown'
    return algorithm.name if algorithm else ''


def _proves_possession(csr: x509.CertificateSigningRequest) -> bool:
    try:
        return csr.is_signature_valid
    except exceptions.UnsupportedAlgorithm:
        return False


def _read_certificate(certificate: x509.Certificate) -> Certificate:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        is_ca = constraints.ca
    except x509.ExtensionNotFound:
        is_ca = False
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # authorities write longer names than X.520 has
        subject, issuer = (
            name.rfc4514_string() for name in (certificate.subject, certificate.issuer)
        )
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
        subject=subject,
        issuer=issuer,
        signs_certificates=_signs_certificates(certificate.extensions),
        serves=_serves(certificate.extensions),
    )


def _signs_certificates(extensions: x509.Extensions) -> bool:
    try:
        return extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        return True


def _serves(extensions: x509.Extensions) -> bool:
    try:
        purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    good = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    return not good.isdisjoint(purposes)


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
