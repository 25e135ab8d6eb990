"""Fixtures over `tls_provider.testing`: requests, another charm's CA, and a linter of RFC 5280."""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Callable, Generator

import pytest
from cryptography import x509 as c509
from cryptography.hazmat.primitives import serialization

from tls_provider import x509
from tls_provider.testing import _profile, canaries, pki
from tls_provider.testing import lint as linter

_SECOND = datetime.timedelta(seconds=1)
_USAGE = _profile.usage('digital_signature', 'key_encipherment', 'key_cert_sign')
"""Of CA certificates of the library that the other charm is on."""

PUBLIC = {'ca-certificate', 'csr', 'digest', 'made-with', 'not-after', 'retire-at', 'retiring'}
"""Keys of the CA's secret whose values everybody may see."""


@pytest.fixture(autouse=True)
def _canaries(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: pathlib.Path
) -> Generator[None]:
    """Whatever a test does with the charm: no key of anybody is seen."""
    with canaries.watched(monkeypatch, caplog, tmp_path, public=PUBLIC):
        yield


@pytest.fixture(scope='session')
def make_request() -> Callable[..., str]:
    """PEM of a signing request; names as text or as GeneralName. Equal arguments, equal text."""
    return pki.request


@pytest.fixture(scope='session')
def ca_content() -> Callable[..., dict[str, str]]:
    """A secret's content as Canonical's charm writes it: an RSA key and its CA."""
    return _ca_content


def _ca_content(
    common_name: str, start: datetime.datetime, life: datetime.timedelta
) -> dict[str, str]:
    authority = pki.Authority.root(
        'of the other charm',  # one key for all of them
        key='rsa-2048',
        subject=c509.Name(
            [
                c509.NameAttribute(c509.NameOID.COMMON_NAME, common_name),
                c509.NameAttribute(c509.NameOID.X500_UNIQUE_IDENTIFIER, '0f8d7f3e-55c3'),
                c509.NameAttribute(c509.NameOID.COUNTRY_NAME, 'US'),
            ]
        ),
        start=start,
        life=life + _SECOND,  # it ends at `start + life`
        extensions=[(c509.SubjectKeyIdentifier(b'\x01' * 20), False), (_USAGE, True)],
        without=[c509.AuthorityKeyIdentifier],
    )
    private_key = authority.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    return {
        'private-key': private_key.decode().strip(),
        'ca-certificate': authority.certificate.pem.strip(),
    }


@pytest.fixture(scope='session')
def lint() -> Callable[[bytes], set[str]]:
    """What pkilint finds in a certificate (DER) against RFC 5280, at WARNING and above."""

    def findings(der: bytes) -> set[str]:
        pem = c509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)
        return linter.findings(x509.parse_certificate(pem.decode()))

    return findings
