"""Real keys and requests, each made once, and a linter of RFC 5280."""

from __future__ import annotations

import functools
import importlib
import ipaddress
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509 as c509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes


@functools.cache
def _key(name: str) -> CertificateIssuerPrivateKeyTypes:
    match name:
        case 'p256':
            return ec.generate_private_key(ec.SECP256R1())
        case 'p384':
            return ec.generate_private_key(ec.SECP384R1())
        case 'rsa':
            return rsa.generate_private_key(65537, 2048)
        case _:
            return ed25519.Ed25519PrivateKey.generate()


def _general(name: str | c509.GeneralName) -> c509.GeneralName:
    if not isinstance(name, str):
        return name
    try:
        return c509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return c509.DNSName(name)


@functools.cache
def _request(
    *names: str | c509.GeneralName,
    common_name: str = '',
    key: str = 'p256',
    extensions: tuple[tuple[c509.ExtensionType, bool], ...] = (),
) -> str:
    subject = [c509.NameAttribute(c509.NameOID.COMMON_NAME, common_name)] if common_name else []
    builder = c509.CertificateSigningRequestBuilder().subject_name(c509.Name(subject))
    if names:
        general = [_general(name) for name in names]
        builder = builder.add_extension(c509.SubjectAlternativeName(general), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    csr = builder.sign(_key(key), None if key == 'ed25519' else hashes.SHA256())
    return csr.public_bytes(serialization.Encoding.PEM).decode().strip()


@pytest.fixture(scope='session')
def make_request() -> Callable[..., str]:
    """PEM of a signing request; names as text or as GeneralName. Equal arguments, equal text."""
    return _request


@pytest.fixture(scope='session')
def ca_content() -> Callable[..., dict[str, str]]:
    """A secret's content as Canonical's charm writes it: an RSA key and its CA."""
    return _ca_content


def _ca_content(common_name: str, start: Any, life: Any) -> dict[str, str]:
    key = _key('rsa')
    name = c509.Name(
        [
            c509.NameAttribute(c509.NameOID.COMMON_NAME, common_name),
            c509.NameAttribute(c509.NameOID.COUNTRY_NAME, 'US'),
        ]
    )
    identifier = c509.SubjectKeyIdentifier(b'\x01' * 20)
    certificate = (
        c509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(c509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + life)
        .add_extension(identifier, critical=False)
        .add_extension(c509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private_key = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    return {
        'private-key': private_key.decode().strip(),
        'ca-certificate': certificate.public_bytes(serialization.Encoding.PEM).decode().strip(),
    }


@pytest.fixture(scope='session')
def lint() -> Callable[[bytes], set[str]]:
    """What pkilint finds in a certificate (DER) against RFC 5280, at WARNING and above."""
    # It has no types, so its modules are taken as they come.
    load: Any = importlib.import_module('pkilint.loader').RFC5280CertificateDocumentLoader()
    certificate: Any = importlib.import_module('pkilint.pkix.certificate')
    extension: Any = importlib.import_module('pkilint.pkix.extension')
    name: Any = importlib.import_module('pkilint.pkix.name')
    worst: Any = importlib.import_module('pkilint.validation').ValidationFindingSeverity.WARNING
    validator = certificate.create_pkix_certificate_validator_container(
        certificate.create_decoding_validators(
            name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS
        ),
        [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ],
    )

    def findings(der: bytes) -> set[str]:
        results = validator.validate(load.load_der_document(der, 'certificate').root)
        return {
            str(found.finding.code)
            for result in results
            for found in result.finding_descriptions
            if found.finding.severity <= worst
        }

    return findings
