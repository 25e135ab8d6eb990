"""What passes between this charm's CA and the parent that signs it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tls_provider import x509


@dataclasses.dataclass(frozen=True)
class Requests:
    """What the parent has of this application, or is to have, as PEM."""

    asked: str = ''
    """The one that is worked on; empty: none."""
    kept: tuple[str, ...] = ()
    """Those that stay if they are there, and signed."""
    keeps_all: bool = False
    """Not all that counts is known: whatever is there stays."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What has come back for a request so far."""

    message: str = ''
    """Why there is no certificate, and what to do."""
    blocked: bool = False
    """Somebody has to act."""
    certificate: x509.Certificate | None = None
    chain: tuple[x509.Certificate, ...] = ()
    """What came with it."""
    revoked: bool = False

    def other_than(self, fingerprint: str) -> x509.Certificate | None:
        """The certificate, if it serves and is not this one."""
        one = None if self.revoked else self.certificate
        return one if one and one.fingerprint != fingerprint else None


class Above(Protocol):
    """The parent, as far as the CA is concerned with it."""

    def is_there(self) -> bool:
        """Whether there is one to ask."""
        ...

    def held(self) -> tuple[str, ...]:
        """The requests that it has of this application, as PEM."""
        ...

    def ask(self, csr: str) -> Answer:
        """Hand over a request, unless that was done, and give what came back."""
        ...

    def answer(self, csr: str) -> Answer:
        """What came back for a request."""
        ...

    def sync(self) -> None:
        """Withdraw what counts no more, and hand over what is missing."""
        ...
