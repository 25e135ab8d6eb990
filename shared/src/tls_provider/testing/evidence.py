"""Proof that a published certificate is what it should be: a linter and six verifiers agree.

Where one of them cannot judge, that is listed here with the reason, and it is an error if it can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from tls_provider import wire, x509
from tls_provider.testing import lint, pki, verifiers
from tls_provider.testing.verifiers import Presented, Refused

_SLOW = {'NSS'}
"""Needs a data base for each root, and more time than the others together."""
_EXCEPTIONS: dict[str, tuple[str, Callable[[list[bool]], bool]]] = {
    'NSS': ('knows no Ed25519', any),
    'cryptography': ('verifies nothing of an Ed25519 CA', lambda links: any(links[1:])),
}
"""By verifier: what it cannot judge, and when: by whether each link has an Ed25519 key."""


def assert_accepted(
    entry: wire.Entry, *, csr_key: str, is_ca: bool, lints: bool = True, by_all: bool = True
) -> None:
    """A published certificate passes the linter, and the verifiers if it is no CA certificate.

    Args:
        entry: As it was published, chain and all.
        csr_key: Name of the private key of the request, see `pki.private_key`.
        is_ca: It is a CA certificate, which no client is shown by itself.
        lints: Linters are asked: the authority is one that minds them.
        by_all: The verifiers that take long are asked, too.

    """
    chain = [x509.parse_certificate(pem) for pem in entry.chain]
    if lints:
        assert_lints(chain)
    if not is_ca:
        assert_verifies(chain, csr_key, by_all=by_all)


def assert_lints(chain: Iterable[x509.Certificate]) -> None:
    """Every certificate, and what links each to its issuer, without a finding."""
    links = list(chain)
    for link in links:
        assert lint.findings(link) == set()
    assert lint.chain_findings(links) == set()


def assert_verifies(
    chain: Iterable[x509.Certificate], csr_key: str, *, by_all: bool = True
) -> None:
    """Verifiers accept a chain, the leaf first and the root last."""
    *presented, root = chain
    shown = Presented(
        chain=tuple(one.pem for one in presented),
        root=root.pem,
        private_key=pki.private_key_pem(csr_key),
        host=verifiers.host_of(presented[0]),
    )
    links = [_is_ed25519(one) for one in (*presented, root)]
    for name, verify in verifiers.VERIFIERS.items():
        if name in _SLOW and not by_all:
            continue
        reason, applies = _EXCEPTIONS.get(name, ('', _never))
        if not applies(links):
            verify(shown)
            continue
        try:
            verify(shown)
        except Refused:
            continue
        raise AssertionError(f'{name} is listed as one that {reason}, and accepts the chain')


def _never(_: list[bool]) -> bool:
    return False


def _is_ed25519(certificate: x509.Certificate) -> bool:
    key = serialization.load_der_public_key(certificate.public_key)
    return isinstance(key, ed25519.Ed25519PublicKey)
