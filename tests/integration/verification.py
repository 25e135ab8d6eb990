"""Whether an issued certificate is what clients accept, where its private key is out of reach."""

from __future__ import annotations

from tls_provider import x509
from tls_provider.testing import evidence, verifiers


def assert_verifies(chain: list[str], root: str, host: str, *, lints: bool = True) -> None:
    """Check a chain (PEM texts, leaf first, root last) against a root (PEM) for a DNS name.

    Linters are asked as well, unless the authority is one that does not mind them.
    """
    assert chain[-1].strip() == root.strip()
    shown = verifiers.Presented(tuple(chain[:-1]), root, private_key='', host=host)
    for verify in (verifiers.openssl, verifiers.gnutls, verifiers.nss, verifiers.cryptography):
        verify(shown)
    if lints:
        evidence.assert_lints([x509.parse_certificate(pem) for pem in chain])
