"""What stands in the certificates of `pki.Authority`: the profile of RFC 5280 for TLS."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from cryptography.hazmat.primitives.asymmetric.types import (
        CertificateIssuerPrivateKeyTypes,
        CertificatePublicKeyTypes,
    )

Extension = tuple[x509.ExtensionType, bool]
"""The value of an extension, and whether it is critical."""
Hash = hashes.SHA224 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512

_USAGES = (
    'digital_signature', 'content_commitment', 'key_encipherment', 'data_encipherment',
    'key_agreement', 'key_cert_sign', 'crl_sign', 'encipher_only', 'decipher_only',
)  # fmt: skip
_PURPOSES = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


def digest(key: CertificateIssuerPrivateKeyTypes) -> Hash | None:
    """The hash that fits a key in strength; Ed25519 has its own."""
    match key:
        case ed25519.Ed25519PrivateKey():
            return None
        case ec.EllipticCurvePrivateKey(key_size=384):
            return hashes.SHA384()
        case ec.EllipticCurvePrivateKey(key_size=521):
            return hashes.SHA512()
        case _:
            return hashes.SHA256()


def identifiers(
    key: CertificatePublicKeyTypes, issuer: x509.Certificate | None
) -> tuple[Extension, ...]:
    """The key identifiers of a certificate and of its issuer; no issuer: it signs itself.

    That of the issuer comes from its certificate, whatever it was computed from.
    """
    own = x509.SubjectKeyIdentifier.from_public_key(key)
    above = own
    if issuer is not None:
        above = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(above)
    return (own, False), (authority, False)


def ca_rights(path_length: int | None) -> tuple[Extension, ...]:
    """Rights of an authority with so many others in a row below it; None: as many as there are."""
    constraints = x509.BasicConstraints(ca=True, path_length=path_length)
    return (constraints, True), (usage('key_cert_sign', 'crl_sign'), True)


def leaf_rights(key: CertificatePublicKeyTypes) -> tuple[Extension, ...]:
    """Rights of a TLS server and client; RSA keys also encipher (RFC 3279, 2.3.1)."""
    encipherment = ['key_encipherment'] if isinstance(key, rsa.RSAPublicKey) else []
    return (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (usage('digital_signature', *encipherment), True),
        (x509.ExtendedKeyUsage(_PURPOSES), False),
    )


def changed(
    profile: Iterable[Extension],
    extensions: Iterable[Extension],
    without: Collection[type[x509.ExtensionType]],
) -> list[Extension]:
    """A profile with some extensions in the place of those of their kind, and without others."""
    extensions = list(extensions)
    replaced = {value.oid for value, _ in extensions} | {kind.oid for kind in without}
    return [one for one in profile if one[0].oid not in replaced] + extensions


def certify(
    *,
    key: CertificatePublicKeyTypes,
    subject: x509.Name,
    issuer: x509.Name,
    signer: CertificateIssuerPrivateKeyTypes,
    extensions: Iterable[Extension],
    start: datetime.datetime,
    life: datetime.timedelta,
) -> str:
    """PEM text of a certificate that lives from the second of `start` on.

    The last second counts too (RFC 5280, 4.1.2.5), so it is one before `start` and `life`.
    """
    start = start.replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + life - datetime.timedelta(seconds=1))
    )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical=critical)
    signed = builder.sign(signer, digest(signer))
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def usage(*rights: str) -> x509.KeyUsage:
    """Exactly these rights, by their names in `cryptography`."""
    return x509.KeyUsage(**{right: right in rights for right in _USAGES})
