"""The certificates that a local CA makes: the profile of RFC 5280 for TLS, nothing beside it.

Strict verifiers accept them. Key and names come from the request, everything else from here: what
a request says about its own rights is ignored.
"""

from __future__ import annotations

import dataclasses
import datetime
import ipaddress
import warnings
from typing import TYPE_CHECKING, cast

from cryptography import exceptions, x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from tls_provider.x509 import NameKind

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

    from tls_provider.issuer import Request
    from tls_provider.x509 import Name

BACKDATE = datetime.timedelta(minutes=5)
"""How far certificates start in the past at most, for clients whose clock is slow. Never more than
a tenth of the life: requirers would renew at once what seems to be nearly over."""


@dataclasses.dataclass(frozen=True)
class Signer:
    """A CA ready to sign."""

    key: CertificateIssuerPrivateKeyTypes = dataclasses.field(repr=False)
    certificate: x509.Certificate

    @classmethod
    def load(cls, private_key: str, certificate: str) -> Signer:
        """From PEM texts; raises ValueError or TypeError, also where they do not match."""
        try:
            key = serialization.load_pem_private_key(private_key.encode(), None)
        except exceptions.UnsupportedAlgorithm as error:
            raise ValueError('the private key is of an unknown kind') from error
        found = x509.load_pem_x509_certificate(certificate.encode())
        if key.public_key() != found.public_key():
            raise ValueError('the private key is not that of the certificate')
        return cls(cast('CertificateIssuerPrivateKeyTypes', key), found)

    @property
    def common_name(self) -> str:
        """Of the CA certificate; empty where it has none."""
        names = self.certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return str(names[0].value) if names else ''

    def lives(self, validity: datetime.timedelta) -> bool:
        """Whether the CA certificate was made for such a life, give or take the last second."""
        life = self.certificate.not_valid_after_utc - self.certificate.not_valid_before_utc
        return abs(life - validity) < datetime.timedelta(seconds=5)

    def sign(self, request: Request, validity: datetime.timedelta, now: datetime.datetime) -> str:
        """A certificate for a request as PEM text; it never outlives the CA."""
        csr = x509.load_der_x509_csr(request.csr.der)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # about lengths in bytes; the policy counts characters
            subject = csr.subject
        start, end = _period(now, validity)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.certificate.subject)
            .public_key(csr.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(max(start, self.certificate.not_valid_before_utc))
            .not_valid_after(min(end, self.certificate.not_valid_after_utc))
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(csr.public_key()), critical=False
            )
            .add_extension(_authority_key_identifier(self.certificate), critical=False)
        )
        complete = _as_ca(builder, path_length=0) if request.is_ca else _as_leaf(builder, request)
        return _sign(complete, self.key)


def make_root(
    common_name: str, validity: datetime.timedelta, now: datetime.datetime
) -> tuple[str, str]:
    """Private key (ECDSA P-256, PKCS 8, not encrypted) and certificate of a new CA, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    start, end = _period(now, validity)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(identifier, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
    )
    private_key = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private_key.decode(), _sign(_as_ca(builder, path_length=None), key)


def _period(
    now: datetime.datetime, validity: datetime.timedelta
) -> tuple[datetime.datetime, datetime.datetime]:
    """First and last second of a life, both inclusive (RFC 5280, 4.1.2.5)."""
    start = (now - min(BACKDATE, validity / 10)).replace(microsecond=0)
    return start, start + validity - datetime.timedelta(seconds=1)


def _as_ca(builder: x509.CertificateBuilder, path_length: int | None) -> x509.CertificateBuilder:
    """Rights of a CA; a root has no path length, for it could not sign another CA with one."""
    return builder.add_extension(
        x509.BasicConstraints(ca=True, path_length=path_length), critical=True
    ).add_extension(_usage('key_cert_sign', 'crl_sign'), critical=True)


def _as_leaf(builder: x509.CertificateBuilder, request: Request) -> x509.CertificateBuilder:
    """Rights of a TLS server and client, and the names that were asked for."""
    rsa = request.csr.key.algorithm == 'rsa'
    usage = _usage('digital_signature', *['key_encipherment'] * rsa)
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    )
    if not request.csr.names:
        return builder  # a client identity that is not a host name
    names = x509.SubjectAlternativeName([_general_name(name) for name in request.csr.names])
    return builder.add_extension(names, critical=not request.csr.subject)


def _usage(*rights: str) -> x509.KeyUsage:
    every = (
        'digital_signature', 'content_commitment', 'key_encipherment', 'data_encipherment',
        'key_agreement', 'key_cert_sign', 'crl_sign', 'encipher_only', 'decipher_only',
    )  # fmt: skip
    return x509.KeyUsage(**{right: right in rights for right in every})


def _general_name(name: Name) -> x509.GeneralName:
    match name.kind:
        case NameKind.DNS:
            return x509.DNSName(name.value)
        case NameKind.IP:
            return x509.IPAddress(ipaddress.ip_address(name.value))
        case NameKind.EMAIL:
            return x509.RFC822Name(name.value)
        case NameKind.URI:
            return x509.UniformResourceIdentifier(name.value)
        case NameKind.REGISTERED_ID:
            return x509.RegisteredID(x509.ObjectIdentifier(name.value))
        case NameKind.OTHER:
            raise ValueError('not among the kinds of the capabilities')


def _authority_key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """The identifier that the issuer's certificate carries, however that was computed."""
    try:
        found = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        found = x509.SubjectKeyIdentifier.from_public_key(issuer.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found)


def _sign(builder: x509.CertificateBuilder, key: CertificateIssuerPrivateKeyTypes) -> str:
    signed = builder.sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()
