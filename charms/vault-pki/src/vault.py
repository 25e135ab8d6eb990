"""Certificates of a CA whose key is in Vault: the issuer of this charm."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import time
from typing import TYPE_CHECKING

import role
from errors import Failure, Kind
from tls_provider import x509
from tls_provider.issuer import Capabilities, Issued, Rejected, Unavailable
from tls_provider.x509 import NameKind

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

    from options import Options
    from pki import Mount
    from tls_provider.issuer import Outcome, Request
    from upkeep import Upkeep

logger = logging.getLogger(__name__)

LEAST = 0.1
"""Part of its life that a certificate must have at least; a CA with less left signs no more."""
_MENDABLE = {Kind.NO_MOUNT, Kind.NO_ROLE, Kind.NO_ISSUER}


@dataclasses.dataclass
class Vault:
    """An issuer that signs by a role of Vault's PKI engine. Also a `Revoker`."""

    options: Options
    mount: Mount
    upkeep: Upkeep
    """Knows the CA in force, and mends what is missing on the server."""
    clock: Callable[[], datetime.datetime]
    _mended: bool = False
    _chain: tuple[tuple[str, ...], tuple[x509.Certificate, ...]] | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What the roles allow."""
        return Capabilities(
            provider_type='vault',
            ip_sans=self.options.ip_sans,
            wildcards=self.options.wildcards,
            subdomains=self.options.subdomains,
            allowed_domains=self.options.allowed_domains,
            certificate_limit=self.options.certificate_limit,
            endpoint=self.options.server.address,
            name_kinds=frozenset({NameKind.DNS, NameKind.IP}),
        )

    @property
    def generation(self) -> str:
        """The CA certificate in force, and the purposes of certificates."""
        current = self.upkeep.state.current
        usages = self.options.extended_key_usages
        purposes = '' if len(usages) > 1 else f' {",".join(usages)}'
        return f'{current.fingerprint if current else ""}{purposes}'

    @property
    def settings(self) -> str:
        """All options, and who is logged in."""
        login = self.options.login
        text = f'{dataclasses.replace(self.options, login=None)} {login and login.fingerprint}'
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def trust_anchors(self) -> tuple[str, ...]:
        """The root of the CA in force, and those of CAs whose certificates are out still."""
        return self.upkeep.state.trust_anchors(self._second())

    @property
    def revokes_withdrawn(self) -> bool:
        """As the operator wants it."""
        return self.options.revokes_withdrawn

    def issue(self, request: Request, *, timeout: datetime.timedelta) -> Outcome:
        """Sign by the role for the request's key, for no longer than the CA lives."""
        self._limit(timeout)
        try:
            return self._sign(request)
        except Failure as failure:
            first = failure
        if self._mended or not self._is_mendable(first):
            return self._outcome(first)
        logger.warning('%s', first.message)
        self._mended = True  # once in a pass
        try:
            self.upkeep.mend()
            return self._sign(request)
        except Failure as failure:
            # What hinders the mending is not to be blamed for a refusal.
            return self._outcome(first if first.kind is Kind.REFUSED else failure)

    def _is_mendable(self, failure: Failure) -> bool:
        """Whether somebody may have changed on the server what this charm keeps there."""
        is_drift = failure.kind is Kind.REFUSED and self.options.manages_mount
        return is_drift or failure.kind in _MENDABLE

    def _outcome(self, failure: Failure) -> Outcome:
        """What a failure means; the charm's own roles refuse nothing that its rules let pass."""
        outcome = failure.outcome()
        if isinstance(outcome, Rejected) and self.options.manages_mount:
            return dataclasses.replace(outcome, transient=True)
        return outcome

    def revoke(
        self, certificate: x509.Certificate, *, generation: str, timeout: datetime.timedelta
    ) -> Unavailable | None:
        """Revoke in Vault; at the end of the pass it is in the list of the CA that signed it."""
        del generation  # the mount knows the serials of all its CAs
        self._limit(timeout)
        try:
            self.mount.revoke(certificate.serial)
        except Failure as failure:
            if failure.kind in {Kind.UNKNOWN_CERTIFICATE, Kind.NO_MOUNT}:
                return Unavailable(f'mount {self.options.mount} does not know it')
            return Unavailable(failure.message, failure.reason)
        self.upkeep.note_revocation()
        return None

    def _sign(self, request: Request) -> Issued | Unavailable:
        current = self.upkeep.state.current
        if current is None:
            return Unavailable(self.upkeep.remark or 'there is no CA', blocked=False)
        left = current.not_after - self._second() - 1
        whole = int(self.options.validity.total_seconds())
        if left < whole * LEAST and left < 3600:
            message = self.upkeep.remark or 'the CA is about to end'
            return Unavailable(message, blocked=True)
        life = min(whole, left)
        name = role.name(self.options, request.csr.key.algorithm)
        where = f'issuer/{current.issuer}/' if current.issuer else ''
        signed = self.mount.sign(f'{where}sign/{name}', _values(request, life))
        if signed.issuer != current.fingerprint:
            # The keeper of the mount has put another CA in force since.
            self.upkeep.check()
            current = self.upkeep.state.current
            if current is None or signed.issuer != current.fingerprint:
                return Unavailable('the CA in Vault changes at this moment')
            if signed.certificate.not_after.timestamp() > current.not_after:
                # Its life was measured by the CA before; the next attempt knows better.
                return Unavailable('the CA in Vault has changed, and ends sooner')
        return Issued(signed.certificate, self._parsed(current.chain))

    def _parsed(self, chain: tuple[str, ...]) -> tuple[x509.Certificate, ...]:
        """The certificates of a chain, which is the same for all requests of a pass."""
        if self._chain is None or self._chain[0] != chain:
            self._chain = chain, tuple(map(x509.parse_certificate, chain))
        return self._chain[1]

    def _limit(self, timeout: datetime.timedelta) -> None:
        connection, end = self.mount.connection, time.monotonic() + timeout.total_seconds()
        connection.deadline = min(connection.deadline or end, end)

    def _second(self) -> int:
        return int(self.clock().timestamp())


def _values(request: Request, life: int) -> dict[str, object]:
    """What to sign. The names stand beside the request, in lower case and without repetitions."""
    names = request.csr.names
    return {
        'csr': request.csr.pem,
        'common_name': request.csr.common_name if len(request.csr.common_name) <= 64 else '',
        'alt_names': ','.join(one.value for one in names if one.kind is NameKind.DNS),
        'ip_sans': ','.join(one.value for one in names if one.kind is NameKind.IP),
        'exclude_cn_from_sans': True,  # those that are to be there are listed
        'ttl': f'{life}s',
    }
