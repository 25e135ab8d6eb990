"""A CA whose key is at hand: the issuer of this charm."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from typing import TYPE_CHECKING

from tls_provider import x509
from tls_provider.issuer import Capabilities, Issued
from tls_provider.x509 import NameKind

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from certificate_profile import Signer
    from tls_provider.issuer import Outcome, Request


@dataclasses.dataclass(frozen=True)
class Options:
    """What the CA is to be, checked."""

    common_name: str
    ca_validity: datetime.timedelta
    """At least twice the validity of certificates."""
    validity: datetime.timedelta

    @property
    def ca_fingerprint(self) -> str:
        """Names the options that are part of the CA certificate: another value, another CA."""
        text = f'{self.common_name}\n{int(self.ca_validity.total_seconds())}'
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class LocalCA:
    """Issuer that signs with the key of one CA certificate, which is its own root."""

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

    @property
    def capabilities(self) -> Capabilities:
        """Every kind of name that a certificate can carry and that has a syntax to check."""
        kinds = {NameKind.DNS, NameKind.IP, NameKind.EMAIL, NameKind.URI, NameKind.REGISTERED_ID}
        return Capabilities(provider_type='self-signed', name_kinds=frozenset(kinds))

    @property
    def generation(self) -> str:
        """The fingerprint of the CA certificate."""
        return x509.fingerprint_of(self.certificate)

    @property
    def settings(self) -> str:
        """No option changes whether a request is served."""
        return self.capabilities.provider_type

    def is_due(self) -> bool:
        """Whether a new CA is needed: for other options, or to outlive the next certificate."""
        validity = self.options.validity.total_seconds()
        aged = self.now.timestamp() >= self.not_after - validity
        return aged or self.made_with != self.options.ca_fingerprint

    def issue(self, request: Request, *, timeout: datetime.timedelta) -> Outcome:
        """Sign; takes less than a millisecond, so there is nothing to time out."""
        del timeout
        pem = self._signer.sign(request, self.options.validity, self.now)
        return Issued(x509.parse_certificate(pem), self.trust_anchors)

    @property
    def trust_anchors(self) -> tuple[x509.Certificate, ...]:
        """The CA certificate."""
        return (self._anchor,)

    @functools.cached_property
    def _anchor(self) -> x509.Certificate:
        return x509.parse_certificate(self.certificate)

    @functools.cached_property
    def _signer(self) -> Signer:
        """Loaded once in a dispatch, and only when there is something to sign."""
        from certificate_profile import Signer  # noqa: PLC0415 : imports cryptography

        return Signer.load(self.private_key, self.certificate)

    @classmethod
    def from_secret(
        cls, content: Mapping[str, str], options: Options, now: datetime.datetime
    ) -> LocalCA:
        """The CA of a secret's content; raises `x509.Malformed` where that is damaged."""
        key, certificate = content.get('private-key', ''), content.get('ca-certificate', '')
        if 'digest' in content:
            if content['digest'] != _digest(content):
                raise x509.Malformed('its parts do not belong together')
            made_with, not_after = content['made-with'], int(content['not-after'])
            return cls(key, certificate, options, made_with, not_after, now)
        # Written by the charm that this one replaces, which kept nothing beside the certificate.
        from certificate_profile import Signer  # noqa: PLC0415 : imports cryptography

        end = x509.parse_certificate(certificate).not_after
        try:
            signer = Signer.load(key, certificate)
        except (ValueError, TypeError) as error:
            raise x509.Malformed(str(error)) from error
        same = signer.common_name == options.common_name and signer.lives(options.ca_validity)
        made_with = options.ca_fingerprint if same else 'other'
        return cls(key, certificate, options, made_with, int(end.timestamp()), now)

    def to_secret(self) -> dict[str, str]:
        """The content that `from_secret` reads."""
        content = {
            'private-key': self.private_key,
            'ca-certificate': self.certificate,
            'made-with': self.made_with,
            'not-after': str(self.not_after),
        }
        return {**content, 'digest': _digest(content)}


def create(options: Options, now: datetime.datetime) -> LocalCA:
    """A new CA."""
    from certificate_profile import make_root  # noqa: PLC0415 : imports cryptography

    private_key, certificate = make_root(options.common_name, options.ca_validity, now)
    end = x509.parse_certificate(certificate).not_after
    made_with = options.ca_fingerprint
    return LocalCA(private_key, certificate, options, made_with, int(end.timestamp()), now)


def _digest(content: Mapping[str, str]) -> str:
    """Tells whether a content is as it was written, for less than parsing it would cost."""
    parts = ('private-key', 'ca-certificate', 'made-with', 'not-after')
    text = '\n'.join(content.get(part, '') for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()
