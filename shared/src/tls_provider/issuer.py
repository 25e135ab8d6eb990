"""The seam between the relation and a backend: one request goes down, one outcome comes back.

A backend implements `Issuer`, and `Revoker` where its authority can revoke. Outcomes are values:
four reactions are needed, and the type checker proves that each is handled.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from tls_provider.x509 import NameKind

if TYPE_CHECKING:
    import datetime

    from tls_provider.x509 import Certificate, SigningRequest


class ErrorCode(enum.IntEnum):
    """Codes of `request_errors` (tls-certificates v1): 1xx request, 2xx server, 9xx other."""

    IP_NOT_ALLOWED = 101
    DOMAIN_NOT_ALLOWED = 102
    WILDCARD_NOT_ALLOWED = 103
    SERVER_NOT_AVAILABLE = 201
    OTHER = 999


EVERY = '*'
"""Stands for all applications in `Capabilities.ca_requests`."""


@dataclasses.dataclass(frozen=True)
class Capabilities:
    """What a backend certifies: published to requirers, and enforced before it is asked."""

    provider_type: str
    """For example `self-signed`, `acme`, `vault`."""
    ip_sans: bool = True
    wildcards: bool = True
    subdomains: bool = True
    ca_certificates: bool = False
    """The backend can certify a CA."""
    ca_requests: frozenset[str] = frozenset()
    """Applications that the operator lets have CA certificates; `EVERY` stands for all."""
    allowed_domains: tuple[str, ...] = ()
    """Empty: any."""
    certificate_limit: int | None = None
    """Certificates in one relation, issued and outstanding; None: no limit. Not published."""
    parallel: int = 1
    """Requests that may be asked at once, each in a thread: more than one only where the backend
    waits for somebody else. Not published."""
    more_names: bool = False
    """Certificates may hold further names, and wildcards that cover those of the request: people
    issue them. Not published."""
    endpoint: str = ''
    """Address of the authority, named in refusals; not part of `capabilities` on the wire."""
    name_kinds: frozenset[NameKind] = frozenset({NameKind.DNS, NameKind.IP})
    """Kinds of names beyond those that the interface can express; not published."""
    key_algorithms: frozenset[str] = frozenset({'rsa', 'ecdsa-p256', 'ecdsa-p384'})
    """As in `x509.Key.algorithm`; not published."""

    def certifies_ca_for(self, application: str) -> bool:
        """Whether an application gets a CA certificate when it asks for one."""
        return self.ca_certificates and not self.ca_requests.isdisjoint({application, EVERY})


@dataclasses.dataclass(frozen=True)
class Request:
    """One well-formed certificate request."""

    csr: SigningRequest
    is_ca: bool
    """The requirer asks for a CA certificate. What the CSR itself says of this is ignored."""
    requirer: str
    """`kafka/0` for a unit's request, `kafka` for an application's."""
    replaces: str = ''
    """PEM of the certificate that is published for this request now: another one is wanted. Empty
    where there is none."""
    ordered: bool = False
    """The operator wants it now, by an action: a backend that holds back repetitions does not."""
    key: str = ''
    """Names the request in its relation, as in the ledger: the same text elsewhere is another."""

    @property
    def application(self) -> str:
        """The application of the requirer; across models it is the name that Juju made up."""
        return self.requirer.partition('/')[0]


@dataclasses.dataclass(frozen=True)
class Issued:
    """The authority signed."""

    certificate: Certificate
    chain: tuple[Certificate, ...]
    """Issuer first, root last, the certificate itself left out; at least one."""


@dataclasses.dataclass(frozen=True)
class Pending:
    """The authority has not decided; nothing is published and it is asked again later."""

    message: str
    retry_at: datetime.datetime | None = None
    """None: at every event."""


@dataclasses.dataclass(frozen=True)
class Rejected:
    """The request will not be served as it is; published in `request_errors`.

    Final until the request or the settings change, unless `retry_at` is given or `transient` is
    true.
    """

    code: ErrorCode
    message: str
    """Names the thing, says what is wrong and what to do."""
    reason: str = ''
    """The backend's own word for it, if it has one."""
    retry_at: datetime.datetime | None = None
    transient: bool = False
    """It may pass by itself: tried again at growing intervals, never before `retry_at`."""


@dataclasses.dataclass(frozen=True)
class Unavailable:
    """The backend is out of reach: nobody's fault, and no other request is tried in this pass."""

    message: str
    reason: str = ''
    retry_at: datetime.datetime | None = None
    blocked: bool = False
    """It does not pass by itself: the operator of this application must act. Requirers are told
    nothing, for there is nothing that they could do; their requests wait."""


Outcome = Issued | Pending | Rejected | Unavailable


@dataclasses.dataclass(frozen=True)
class NotReady:
    """What a charm's factory returns in place of an issuer that it cannot build yet."""

    message: str
    blocked: bool
    """True: the operator must act (Blocked). False: it passes by itself (Waiting)."""


@runtime_checkable
class Issuer(Protocol):
    """Turns one certificate request into one outcome. Knows nothing of Juju.

    Built anew in every dispatch from configuration and secrets; what must last is in Juju or in
    the backend. Connects, logs in and loads keys on first use: a dispatch with nothing to ask is
    free.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What is certified under the present configuration."""
        ...

    @property
    def generation(self) -> str:
        """Names the authority in force; a new value supersedes every certificate.

        Each is replaced in place, while the old one stays published.
        """
        ...

    @property
    def settings(self) -> str:
        """Fingerprint of all that could change an answer; a standing refusal falls with it."""
        ...

    @property
    def trust_anchors(self) -> tuple[str, ...]:
        """What clients should trust, as PEM texts of one certificate each.

        Newest first; more than one during a rotation. Texts, because they are compared and
        published in every pass and none of them has to be parsed for that.
        """
        ...

    def issue(self, request: Request, *, timeout: datetime.timedelta) -> Outcome:
        """Ask the authority for one certificate; safe to repeat after a crash.

        An exception out of it is a bug: it costs this request alone and is tried again later.
        """
        ...


@runtime_checkable
class Revoker(Protocol):
    """An issuer whose authority can revoke."""

    @property
    def revokes_withdrawn(self) -> bool:
        """Whether a certificate is to be revoked when its request leaves."""
        ...

    def revoke(
        self, certificate: Certificate, *, generation: str, timeout: datetime.timedelta
    ) -> Unavailable | None:
        """Revoke a certificate at its authority; safe to repeat.

        Args:
            certificate: What was published.
            generation: Names the authority that issued it, as `Issuer.generation` did then; empty
                where that is not known.
            timeout: How long it may take.

        Returns:
            None: it is revoked now, or was before. Else why it is not: it stays listed with that
            message, and is tried again until it ends by itself.

        """
        ...
