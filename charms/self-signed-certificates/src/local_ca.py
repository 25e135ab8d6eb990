"""A CA whose key is at hand: the issuer of this charm."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import hashlib
from typing import TYPE_CHECKING

from tls_provider import x509
from tls_provider.issuer import Capabilities, ErrorCode, Issued, Rejected, Unavailable
from tls_provider.x509 import NameKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from certificate_profile import Signer
    from tls_provider.issuer import Outcome, Request
    from tls_provider.ledger import Revoked

KEY_ALGORITHMS = (
    'ecdsa-p256',
    'ecdsa-p384',
    'rsa-2048',
    'rsa-3072',
    'rsa-4096',
    'ed25519',
)
"""Of the CA's own key."""
REQUEST_KEY_ALGORITHMS = {
    'rsa': True,
    'ecdsa-p256': True,
    'ecdsa-p384': True,
    'ecdsa-p521': False,
    'ed25519': False,
}
"""Of keys in requests, and whether they are accepted by default: several TLS clients know neither
of the last two."""
EXTENDED_KEY_USAGES = {'server-auth': True, 'client-auth': True}
"""Purposes of certificates, and whether they are the default."""

OVERLAP = datetime.timedelta(days=1)
"""How long a superseded CA stays trusted at least, for requirers that have not taken their new
certificates yet; longer where certificates live longer."""


@dataclasses.dataclass(frozen=True)
class Options:
    """What the CA is to be and to do, checked."""

    subject: tuple[tuple[str, str], ...]
    """Pairs of dotted object identifier and value, in the order of the certificate."""
    key_algorithm: str
    """One of `KEY_ALGORITHMS`."""
    ca_validity: datetime.timedelta
    """At least twice the validity of certificates."""
    validity: datetime.timedelta
    extended_key_usages: tuple[str, ...] = tuple(EXTENDED_KEY_USAGES)
    """Some of `EXTENDED_KEY_USAGES`."""
    request_key_algorithms: frozenset[str] = frozenset({'rsa', 'ecdsa-p256', 'ecdsa-p384'})
    """Some of `REQUEST_KEY_ALGORITHMS`."""
    allowed_domains: tuple[str, ...] = ()
    ca_requests: frozenset[str] = frozenset()
    certificate_limit: int | None = None

    @property
    def ca_fingerprint(self) -> str:
        """Names the options that are part of the CA certificate: another value, another CA."""
        seconds = int(self.ca_validity.total_seconds())
        text = f'{self.subject}\n{self.key_algorithm}\n{seconds}'
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class Retiring:
    """A CA certificate that is trusted still and signs no more; its key is gone."""

    pem: str
    until: int
    """In seconds since the epoch."""


@dataclasses.dataclass(frozen=True)
class LocalCA:
    """Issuer that signs with the key of one CA certificate, which is its own root.

    It is also a `Revoker`: its authority revokes by listing serial numbers, and the ledger of the
    provider is that list. `revocation_list` signs it.
    """

    private_key: str = dataclasses.field(repr=False)
    """PEM, PKCS 8, not encrypted."""
    certificate: str
    """PEM."""
    options: Options
    made_with: str
    """`Options.ca_fingerprint` when it was made."""
    not_after: int
    """The end of the CA certificate, in seconds since the epoch."""
    now: datetime.datetime
    retiring: tuple[Retiring, ...] = ()
    """CA certificates before this one that are trusted still, newest first."""
    adopted: bool = False
    """Read from a secret of Canonical's charm, and not stored as a secret of this one yet."""

    revokes_withdrawn = False

    @property
    def capabilities(self) -> Capabilities:
        """Every kind of name that a certificate can carry and that has a syntax to check."""
        kinds = {NameKind.DNS, NameKind.IP, NameKind.EMAIL, NameKind.URI, NameKind.REGISTERED_ID}
        return Capabilities(
            provider_type='self-signed',
            name_kinds=frozenset(kinds),
            key_algorithms=self.options.request_key_algorithms,
            ca_certificates=True,
            ca_requests=self.options.ca_requests,
            allowed_domains=self.options.allowed_domains,
            certificate_limit=self.options.certificate_limit,
        )

    @property
    def generation(self) -> str:
        """The fingerprint of the CA certificate, and the purposes where they are not the default.

        So that a change of either replaces every certificate.
        """
        purposes = self.options.extended_key_usages
        rest = '' if purposes == tuple(EXTENDED_KEY_USAGES) else f' {",".join(purposes)}'
        return x509.fingerprint_of(self.certificate) + rest

    @property
    def settings(self) -> str:
        """All options that change whether a request is served are capabilities."""
        return ''

    def is_due(self) -> bool:
        """Whether a new CA is needed: for other options, or to outlive the next certificate."""
        validity = self.options.validity.total_seconds()
        aged = self.now.timestamp() >= self.not_after - validity
        return aged or self.made_with != self.options.ca_fingerprint

    def issue(self, request: Request, *, timeout: datetime.timedelta) -> Outcome:
        """Sign; takes less than a millisecond, so there is nothing to time out."""
        del timeout
        if request.csr.public_key == self._anchor.public_key:
            return Rejected(ErrorCode.OTHER, 'the key of the request is that of the CA itself')
        if self.now < self._anchor.not_before:
            start = f'{self._anchor.not_before:%Y-%m-%d %H:%M} UTC'
            message = f'the CA is valid from {start} on; mend the clock or run rotate-private-key'
            return Unavailable(message, blocked=True)
        pem = self._signer.sign(
            request, self.options.validity, self.now, self.options.extended_key_usages
        )
        return Issued(x509.parse_certificate(pem), (self._anchor,))

    def revoke(
        self, certificate: x509.Certificate, *, generation: str, timeout: datetime.timedelta
    ) -> None:
        """Nothing to do here: what the ledger says is revoked is on the next list."""
        del certificate, generation, timeout

    def revocation_list(self, revoked: Iterable[Revoked]) -> str:
        """The CRL of this CA as PEM text; what other CAs issued is left out.

        Raises ValueError with a message where the CA may not sign one.
        """
        fingerprint = x509.fingerprint_of(self.certificate)
        own = [one for one in revoked if one.generation.partition(' ')[0] == fingerprint]
        return self._signer.sign_revocation_list(own, self.options.validity, self.now)

    @property
    def trust_anchors(self) -> tuple[str, ...]:
        """The CA certificate, and those before it until they retire."""
        second = self.now.timestamp()
        return (self.certificate, *(one.pem for one in self.retiring if one.until > second))

    @functools.cached_property
    def _anchor(self) -> x509.Certificate:
        return x509.parse_certificate(self.certificate)

    @functools.cached_property
    def _signer(self) -> Signer:
        """Loaded once in a dispatch, and only when there is something to sign."""
        from certificate_profile import Signer  # noqa: PLC0415 : imports cryptography

        return Signer.load(self.private_key, self.certificate)


def create(
    options: Options, now: datetime.datetime, retiring: tuple[Retiring, ...] = ()
) -> LocalCA:
    """A new CA."""
    from certificate_profile import make_root  # noqa: PLC0415 : imports cryptography

    private_key, certificate = make_root(
        options.subject, options.key_algorithm, options.ca_validity, now
    )
    end = x509.parse_certificate(certificate).not_after
    made_with = options.ca_fingerprint
    return LocalCA(
        private_key, certificate, options, made_with, int(end.timestamp()), now, retiring
    )
