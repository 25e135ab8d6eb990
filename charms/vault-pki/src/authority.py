"""What the charm knows of its CA: values, kept as text in the peer databag. Nothing is secret.

It may be lost: then the CA is found again in Vault, by the mount's default issuer.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, cast

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
MAX_RETIRED = 8


@dataclasses.dataclass(frozen=True)
class Issuing:
    """The CA certificate that signs."""

    issuer: str
    """Its id in Vault; empty on a mount of somebody else's."""
    key: str
    """The id of its key in Vault."""
    name: str
    """Its name in Vault, which has to be repeated at every change."""
    chain: tuple[str, ...]
    """PEM texts: the CA certificate first, the root last."""
    not_before: int
    not_after: int
    """The end of the chain's shortest life, in seconds since the epoch."""
    made_with: str
    """`options.CA.fingerprint` when it was made."""

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


@dataclasses.dataclass(frozen=True)
class Asked:
    """The request for a CA certificate that the parent has, answered or not."""

    csr: str
    """PEM."""
    key: str
    """The id of its key in Vault."""
    name: str
    """Of the key."""
    made_with: str


@dataclasses.dataclass(frozen=True)
class State:
    """All of it."""

    place: str = ''
    """`options.Options.place`: elsewhere is another CA."""
    current: Issuing | None = None
    asked: Asked | None = None
    retired: tuple[Retired, ...] = ()
    """Newest first."""
    applied: str = ''
    """Names what was set on the mount last, and who did it."""
    checked_at: int = 0
    """When the mount was looked at last."""
    renew_token_at: int = 0
    """When the operator's token is to be renewed; 0: not known."""

    def at(self, place: str, now: int) -> State:
        """The state at a place; of another one only what is trusted still counts."""
        live = tuple(one for one in self.retired if one.until > now)
        if self.place == place:
            return dataclasses.replace(self, retired=live)
        moved = self.retire(now, 0) if self.current else dataclasses.replace(self, retired=live)
        return State(place=place, retired=moved.retired)

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
        one = Retired(self.current.issuer, self.current.key, self.current.root, until)
        others = [old for old in self.retired if old.until > now]
        return dataclasses.replace(self, current=None, retired=tuple([one, *others][:MAX_RETIRED]))

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

    def dumps(self) -> str:
        """As text; `loads` reads it."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True) if self.place else ''


def loads(text: str) -> State:
    """The state of a text; an empty one where it is none that `dumps` wrote."""
    try:
        found = cast('dict[str, Any]', json.loads(text or '{}'))
        current, asked = found.get('current'), found.get('asked')
        return State(
            place=str(found.get('place', '')),
            current=_issuing(current) if current else None,
            asked=Asked(**asked) if asked else None,
            retired=tuple(Retired(**one) for one in found.get('retired', ())),
            applied=str(found.get('applied', '')),
            checked_at=int(found.get('checked_at', 0)),
            renew_token_at=int(found.get('renew_token_at', 0)),
        )
    except (ValueError, TypeError, AttributeError, x509.Malformed, RecursionError):
        return State()


def _issuing(found: dict[str, Any]) -> Issuing:
    values: dict[str, Any] = {**found, 'chain': tuple(found['chain'])}
    issuing = Issuing(**values)
    for one in issuing.chain:
        x509.fingerprint_of(one)
    return issuing


def issuing(
    chain: Iterable[x509.Certificate],
    made_with: str,
    issuer: str = '',
    key: str = '',
    name: str = '',
) -> Issuing:
    """The value for a chain, the CA certificate first."""
    chain = tuple(chain)
    return Issuing(
        issuer=issuer,
        key=key,
        name=name,
        chain=tuple(one.pem for one in chain),
        not_before=int(chain[0].not_before.timestamp()),
        not_after=int(min(one.not_after for one in chain).timestamp()),
        made_with=made_with,
    )


def problem(chain: tuple[x509.Certificate, ...], now: datetime.datetime) -> str:
    """Why a chain, CA certificate first, cannot be that of an issuing CA; empty: it can."""
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
    return ''


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
