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
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from tls_provider.x509 import NameKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

    from tls_provider.issuer import Request
    from tls_provider.ledger import Revoked
    from tls_provider.x509 import Name

BACKDATE = datetime.timedelta(minutes=5)
"""How far certificates start in the past at most, for clients whose clock is slow. Never more than
a tenth of the life: requirers would renew at once what seems to be nearly over."""

_PURPOSES = {
    'server-auth': ExtendedKeyUsageOID.SERVER_AUTH,
    'client-auth': ExtendedKeyUsageOID.CLIENT_AUTH,
}
_CURVES: dict[str, type[ec.EllipticCurve]] = {'p256': ec.SECP256R1, 'p384': ec.SECP384R1}


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

    def has_subject(self, subject: Iterable[tuple[str, str]]) -> bool:
        """Whether the CA certificate has exactly these values, in any order.

        A unique identifier that the library of other charms adds does not count.
        """
        found = {
            (part.oid.dotted_string, part.value)
            for part in self.certificate.subject
            if part.oid != x509.NameOID.X500_UNIQUE_IDENTIFIER
        }
        return found == set(subject)

    def _signs_lists(self) -> bool:
        try:
            usage = self.certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        except x509.ExtensionNotFound:
            return True
        return usage.crl_sign

    def lives(self, validity: datetime.timedelta) -> bool:
        """Whether the CA certificate was made for such a life, give or take the last second."""
        life = self.certificate.not_valid_after_utc - self.certificate.not_valid_before_utc
        return abs(life - validity) < datetime.timedelta(seconds=5)

    def sign(
        self,
        request: Request,
        validity: datetime.timedelta,
        now: datetime.datetime,
        purposes: Iterable[str],
    ) -> str:
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
        if request.is_ca:
            complete = _as_ca(builder, path_length=0)
        else:
            complete = _as_leaf(builder, request, purposes)
        return _sign(complete, self.key)

    def sign_revocation_list(
        self, revoked: Iterable[Revoked], validity: datetime.timedelta, now: datetime.datetime
    ) -> str:
        """A CRL (RFC 5280, 5) with these certificates, as PEM text.

        Raises ValueError where the CA certificate is not for signing lists.
        """
        if not self._signs_lists():
            raise ValueError(
                'the CA certificate is not for signing revocation lists; run rotate-private-key'
            )
        start, end = _period(now, validity)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(start)
            .next_update(end)
            .add_extension(_authority_key_identifier(self.certificate), critical=False)
            .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
        )
        for one in revoked:
            date = datetime.datetime.fromtimestamp(one.revoked_at, datetime.timezone.utc)
            entry = x509.RevokedCertificateBuilder().serial_number(int(one.serial, 16))
            builder = builder.add_revoked_certificate(entry.revocation_date(date).build())
        signed = builder.sign(self.key, _digest(self.key))
        return signed.public_bytes(serialization.Encoding.PEM).decode()


def make_root(
    subject: Iterable[tuple[str, str]],
    key_algorithm: str,
    validity: datetime.timedelta,
    now: datetime.datetime,
) -> tuple[str, str]:
    """Private key (PKCS 8, not encrypted) and certificate of a new CA, as PEM.

    Args:
        subject: Pairs of dotted object identifier and value.
        key_algorithm: `ecdsa-p256`, `ecdsa-p384`, `ed25519` or `rsa-` with the number of bits.
        validity: From now on; the start lies a little before.
        now: The time.

    """
    key = _make_key(key_algorithm)
    name = x509.Name(
        [x509.NameAttribute(x509.ObjectIdentifier(oid), value) for oid, value in subject]
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    start, end = _period(now, validity)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
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


def _make_key(algorithm: str) -> CertificateIssuerPrivateKeyTypes:
    family, _, size = algorithm.partition('-')
    match family:
        case 'rsa':
            return rsa.generate_private_key(65537, int(size))
        case 'ecdsa':
            return ec.generate_private_key(_CURVES[size]())
        case _:
            return ed25519.Ed25519PrivateKey.generate()


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


def _as_leaf(
    builder: x509.CertificateBuilder, request: Request, purposes: Iterable[str]
) -> x509.CertificateBuilder:
    """Rights of a TLS server and client, and the names that were asked for."""
    rsa = request.csr.key.algorithm == 'rsa'
    usage = _usage('digital_signature', *['key_encipherment'] * rsa)
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([_PURPOSES[one] for one in purposes]), critical=False)
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


def _digest(key: CertificateIssuerPrivateKeyTypes) -> hashes.SHA256 | hashes.SHA384 | None:
    """The hash that fits a key in strength; Ed25519 has its own."""
    match key:
        case ed25519.Ed25519PrivateKey():
            return None
        case ec.EllipticCurvePrivateKey(key_size=384):
            return hashes.SHA384()
        case _:
            return hashes.SHA256()


def _sign(builder: x509.CertificateBuilder, key: CertificateIssuerPrivateKeyTypes) -> str:
    signed = builder.sign(key, _digest(key))
    return signed.public_bytes(serialization.Encoding.PEM).decode()
