"""Whether what an order brought is the answer to a request, and may be published."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from tls_provider import x509
from tls_provider.issuer import ErrorCode, Issued, Rejected, Unavailable

if TYPE_CHECKING:
    import datetime

    from authority_roots import Roots
    from journal import Brought
    from tls_provider.issuer import Outcome, Request


@dataclasses.dataclass(frozen=True)
class Judge:
    """Looks at what came before it is given away."""

    UNKNOWN_ROOT: ClassVar = 'option ca-root-certificates'
    """How the message begins where a certificate came and its root is not known."""

    roots: Roots

    def unknown_root(self, brought: Brought) -> Unavailable | None:
        """Says that the operator has to give the root; None: it is known."""
        if self.roots.complete(brought.certificate, brought.above) is not None:
            return None
        top = (brought.certificate, *brought.above)[-1]
        message = f'{self.UNKNOWN_ROOT}: the root "{top.issuer}" is not known'
        return Unavailable(message, blocked=True)

    def answer(self, request: Request, brought: Brought, now: datetime.datetime) -> Outcome | None:
        """The certificate with its chain up to the root, or why it must wait.

        None: it will never be an answer to this request.
        """
        certificate = brought.certificate
        if request.replaces and _is_older(certificate, request.replaces):
            return None
        chain = self.roots.complete(certificate, brought.above)
        if chain is None:
            return self.unknown_root(brought)

        def problem(at: datetime.datetime) -> str | None:
            return x509.mismatch(request.csr, certificate, chain, is_ca=request.is_ca, now=at)

        found = problem(now)
        if found is None:
            return Issued(certificate, chain)
        if certificate.not_after <= now or problem(certificate.not_before) is not None:
            return None
        # It fits, but not at this time: a clock is wrong.
        return Rejected(ErrorCode.OTHER, f'what the server sent is {found}', transient=True)


def _is_older(certificate: x509.Certificate, published: str) -> bool:
    """Also where it is the published one itself."""
    try:
        other = x509.parse_certificate(published)
    except x509.Malformed:
        return False
    return certificate.serial == other.serial or certificate.not_before < other.not_before
