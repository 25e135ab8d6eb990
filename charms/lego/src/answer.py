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
class Verdict:
    """On what an order brought for a request."""

    outcome: Outcome
    fits: bool = True
    """False: it will never be published for this request."""


@dataclasses.dataclass(frozen=True)
class Judge:
    """Looks at what came before it is given away."""

    UNKNOWN_ROOT: ClassVar = 'option ca-root-certificates'
    """How the message begins where a certificate came and its root is not known."""

    roots: Roots

    def unknown_root(self, brought: Brought, now: datetime.datetime) -> Unavailable | None:
        """Says that the operator has to give the root; None: it is known."""
        is_known = self.roots.complete(brought.certificate, brought.above, now) is not None
        return None if is_known else self._unknown(brought)

    def _unknown(self, brought: Brought) -> Unavailable:
        top = (brought.certificate, *brought.above)[-1]
        message = f'{self.UNKNOWN_ROOT}: the root "{top.issuer}" is not known'
        return Unavailable(message, blocked=True)

    def answer(self, request: Request, brought: Brought, now: datetime.datetime) -> Verdict:
        """The certificate with its chain up to the root, or why it is not published."""
        certificate = brought.certificate
        chain = self.roots.complete(certificate, brought.above, now)
        if chain is None:
            return Verdict(self._unknown(brought))

        def problem(at: datetime.datetime) -> str | None:
            return x509.mismatch(request.csr, certificate, chain, is_ca=request.is_ca, now=at)

        found = problem(now)
        if found is None:
            return Verdict(Issued(certificate, chain))
        # One that fits at another time may be published yet: a clock is wrong.
        fits = certificate.not_after > now and problem(certificate.not_before) is None
        message = f'what the server sent is not published: {found}'
        return Verdict(Rejected(ErrorCode.OTHER, message, transient=True), fits=fits)


def is_superseded(brought: Brought, published: str) -> bool:
    """Whether a note from disk is what is published (PEM), or older.

    Dates can be compared only where the same CA set them: CAs date certificates back differently.
    """
    try:
        other = x509.parse_certificate(published)
    except x509.Malformed:
        return False
    own = brought.certificate
    is_older = own.issuer == other.issuer and own.not_before < other.not_before
    return own.serial == other.serial or is_older
