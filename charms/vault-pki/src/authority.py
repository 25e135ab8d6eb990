"""What the charm knows of its CA: values, kept by `memory` in the peer databag. None is secret.

It may be lost: then the CA is found again in Vault, by the mount's default issuer.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from above import Requests
from tls_provider import x509

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable

MARGIN = 0.1
"""Part of a certificate's life that the CA must outlive it by, when it is renewed in time."""
LATEST = 0.5
"""Part of its own life after which a CA is renewed at the latest: one that is hardly longer than
its certificates would be renewed for ever otherwise."""
OVERLAP = 86400
"""Seconds that a superseded root stays trusted at least, for requirers that are not there now."""
MAX_RETIRED = 40
"""Superseded CAs that are remembered; those that end first are forgotten first."""
MAX_LEFT = 4
"""Other places whose CA is remembered."""


@dataclasses.dataclass(frozen=True)
class Issuing:
    """The CA certificate that signs."""

    issuer: str
    """Its id in Vault; empty on a mount of somebody else's."""
    key: str
    """The id of its key in Vault."""
    chain: tuple[str, ...]
    """PEM texts: the CA certificate first, the root last."""
    not_before: int
    not_after: int
    """The end of the chain's shortest life, in seconds since the epoch."""
    made_with: str
    """`options.CA.fingerprint` when it was made; empty: it is not what any options say."""
    csr: str = ''
    """PEM of the request that it was made for, which stays with the parent; empty: not known."""

    @property
    def fingerprint(self) -> str:
        """Of the CA certificate."""
        return x509.fingerprint_of(self.chain[0])

    @property
    def root(self) -> str:
        """PEM of the root."""
        return self.chain[-1]

    def renew_at(self, validity: datetime.timedelta) -> int:
        """When another CA should take over, for certificates of this life."""
        needed = validity.total_seconds() * (1 + MARGIN)
        most = (self.not_after - self.not_before) * LATEST
        return int(self.not_after - min(needed, most))


@dataclasses.dataclass(frozen=True)
class Retired:
    """A CA that signs no more; its root is trusted while its certificates are out."""

    issuer: str
    key: str
    root: str
    """PEM."""
    until: int
    """In seconds since the epoch."""
    csr: str = ''
    """PEM of the request that it was made for; empty: it stays with no parent."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """A request for a CA certificate that is not answered yet."""

    csr: str
    """PEM."""
    key: str
    """The id of its key in Vault."""
    made_with: str


@dataclasses.dataclass(frozen=True)
class Left:
    """What is in force at a place where the charm was before."""

    place: str
    current: Issuing | None
    asked: Asked | None


@dataclasses.dataclass(frozen=True)
class State:
    """All of it."""

    place: str = ''
    """`options.Options.place`: elsewhere is another CA."""
    current: Issuing | None = None
    asked: Asked | None = None
    retired: tuple[Retired, ...] = ()
    """Newest first."""
    left: tuple[Left, ...] = ()
    """Places before this one, the last first."""
    applied: str = ''
    """Names what was set on the mount last, and who did it."""
    checked_at: int = 0
    """When the mount was looked at last."""
    renew_token_at: int = 0
    """When the operator's token is to be renewed; 0: not known."""
    renewed: str = ''
    """Names the token that this is known of."""
    uncertain_until: int = 0
    """Something was forgotten: till then requests that count may not be known."""
    lists_due: bool = False
    """Something was revoked that no revocation list holds yet."""

    def with_parent(self, now: int) -> Requests:
        """What the parent is to have.

        Requests of CAs whose certificates count still stay with it, for it takes a request that
        is gone for one that has ended.
        """
        latest, current = self.asked or self.current, self.current
        if latest is None:
            return Requests(keeps_all=True)
        is_unknown = current is not None and len(current.chain) > 1 and not current.csr
        if is_unknown or now < self.uncertain_until:
            return Requests(latest.csr, keeps_all=True)
        every = [one.csr for one in self.retired]
        if current and current.not_after > now:
            every.append(current.csr)
        kept = dict.fromkeys(csr for csr in every if csr not in {'', latest.csr})
        return Requests(latest.csr, tuple(kept))

    def at(self, place: str, now: int) -> State:
        """The state at a place; of another one only what is trusted still counts."""
        live = tuple(one for one in self.retired if one.until > now)
        if self.place == place:
            return dataclasses.replace(self, retired=live)
        there = next((one for one in self.left if one.place == place), Left(place, None, None))
        left = [one for one in self.left if one.place != place]
        if self.current or self.asked:
            left.insert(0, Left(self.place, self.current, self.asked))
        moved = self.retire(now, 0) if self.current else dataclasses.replace(self, retired=live)
        state = State(place, there.current, there.asked, moved.retired, tuple(left[:MAX_LEFT]))
        return state.without_retired(there.current)

    def without_retired(self, current: Issuing | None) -> State:
        """The state in which a CA is not listed as one before."""
        name = current.issuer if current else ''
        others = tuple(one for one in self.retired if not name or one.issuer != name)
        return dataclasses.replace(self, retired=others)

    def back_at(self, left: Left) -> State:
        """The state with what is in force at another place: it is this one by another name."""
        others = tuple(one for one in self.left if one != left)
        back = dataclasses.replace(self, current=left.current, asked=left.asked, left=others)
        return back.without_retired(left.current)

    def trusting(self, root: str, until: int) -> State:
        """The state in which a root is trusted, unless it is already."""
        if root.strip() in {one.strip() for one in self.trust_anchors(0)}:
            return self
        one = Retired('', '', root, until)
        return dataclasses.replace(self, retired=(*self.retired, one))

    def retire(self, now: int, last: int) -> State:
        """The state without a CA in force.

        Args:
            now: The time.
            last: The end of the last certificate that is published, 0: not known.

        """
        if self.current is None:
            return self
        end = self.current.not_after
        until = min(end, max(last or end, now + OVERLAP))
        old = self.current
        one = Retired(old.issuer, old.key, old.root, until, old.csr)
        every = [one, *(before for before in self.retired if before.until > now)]
        kept = sorted(every, key=lambda before: before.until, reverse=True)[:MAX_RETIRED]
        retired = tuple(before for before in every if before in kept)
        return dataclasses.replace(self, current=None, retired=retired)

    def trust_anchors(self, now: int) -> tuple[str, ...]:
        """PEM texts of the roots that clients should trust, newest first, each once."""
        roots = [self.current.root] if self.current else []
        roots += [one.root for one in self.retired if one.until > now]
        return tuple(dict.fromkeys(root.strip() + '\n' for root in roots))

    def knows(self, issuer: str) -> bool:
        """Whether an issuer in Vault is in force, or was."""
        every = [one for one in (self.current, *self.retired) if one]
        return any(one.issuer == issuer for one in every)

    def knows_key(self, key: str) -> bool:
        """Whether a key in Vault has a use, or had one."""
        every = [one for one in (self.current, self.asked, *self.retired) if one]
        return any(one.key == key for one in every)


def issuing(
    chain: Iterable[x509.Certificate],
    made_with: str,
    *,
    issuer: str = '',
    key: str = '',
    csr: str = '',
) -> Issuing:
    """The value for a chain, the CA certificate first."""
    chain = tuple(chain)
    return Issuing(
        issuer=issuer,
        key=key,
        chain=tuple(one.pem for one in chain),
        not_before=int(chain[0].not_before.timestamp()),
        not_after=int(min(one.not_after for one in chain).timestamp()),
        made_with=made_with,
        csr=csr,
    )


def problem(
    chain: tuple[x509.Certificate, ...], now: datetime.datetime, hosts: Iterable[str] = ()
) -> str:
    """Why a chain cannot be that of an issuing CA; empty: it can.

    Args:
        chain: CA certificate first, root last.
        now: The time.
        hosts: What is to be certified; empty: any name.

    """
    for below, above in zip(chain, (*chain[1:], chain[-1]), strict=True):
        if not below.is_ca or not below.signs_certificates:
            return f'{below.subject} is no certificate of a CA'
        if not below.not_before <= now <= below.not_after:
            ends = f'{below.not_before:%Y-%m-%d %H:%M} to {below.not_after:%Y-%m-%d %H:%M}'
            return f'{below.subject} is valid from {ends} UTC, not now'
        if not x509.signed_by(below, above):
            if below == above:
                return f'the chain ends at {below.issuer}, whose certificate is missing'
            return 'the chain is not in order: one did not sign the one before'
    return x509.unusable_authority(chain, hosts) or ''


def ordered(
    certificate: x509.Certificate, others: Iterable[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """The certificate and, of the others, those above it, up to the root if it is there."""
    chain, left = [certificate], {one.fingerprint: one for one in others}
    left.pop(certificate.fingerprint, None)
    while not x509.signed_by(chain[-1], chain[-1]):
        above = next((one for one in left.values() if x509.signed_by(chain[-1], one)), None)
        if above is None:
            break
        chain.append(left.pop(above.fingerprint))
    return tuple(chain)
