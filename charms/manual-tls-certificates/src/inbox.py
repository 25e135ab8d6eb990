"""The issuer of this charm: gives what an operator has supplied, and waits for what he has not.

A certificate that was supplied once answers requests for its key and names, whichever relation
they come from and however often they are made anew; see `store` for how often.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
from typing import TYPE_CHECKING

import store
from tls_provider import x509
from tls_provider.issuer import Capabilities, ErrorCode, Issued, Pending, Rejected
from tls_provider.x509 import NameKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from options import Options
    from store import Store, Supplied
    from tls_provider.issuer import Outcome, Request
    from tls_provider.x509 import Certificate

ALGORITHMS = frozenset({'rsa', 'ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'ed25519'})


@dataclasses.dataclass
class Inbox:
    """Issuer that gives what was supplied, and waits for what was not."""

    options: Options
    store: Store
    """Changes in a pass: the charm keeps it afterwards."""
    published_roots: Callable[[], Sequence[str]]
    """Gives PEM texts of the roots of what is published."""
    now: datetime.datetime
    wanted: frozenset[tuple[str, str]] = frozenset()
    """What a person has supplied just now: pairs of a request's key and a fingerprint."""

    @property
    def capabilities(self) -> Capabilities:
        """People certify what they like."""
        kinds = {NameKind.DNS, NameKind.IP, NameKind.EMAIL, NameKind.URI, NameKind.REGISTERED_ID}
        return Capabilities(
            provider_type='manual',
            name_kinds=frozenset(kinds),
            key_algorithms=ALGORITHMS,
            ca_certificates=True,
            ca_requests=self.options.ca_requests,
            allowed_domains=self.options.allowed_domains,
            certificate_limit=self.options.certificate_limit,
            more_names=True,
        )

    @property
    def generation(self) -> str:
        """There is no authority here that could be replaced."""
        return 'manual'

    @property
    def settings(self) -> str:
        """What is refused; a refusal that is taken back falls."""
        refused = {key: dataclasses.asdict(one) for key, one in self.store.refused.items()}
        return hashlib.sha256(json.dumps(refused, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def trust_anchors(self) -> tuple[str, ...]:
        """What is left of the operator's bundle, and by option the roots of what is published."""
        bundle = [one.pem for one in self.options.bundle if one not in self.ended]
        roots = self.published_roots() if self.options.sends_supplied_cas else ()
        return tuple(dict.fromkeys(text.strip() for text in (*bundle, *roots)))

    @property
    def ended(self) -> tuple[Certificate, ...]:
        """CAs of the bundle that nobody should trust any more."""
        return tuple(one for one in self.options.bundle if one.not_after < self.now)

    @property
    def revokes_withdrawn(self) -> bool:
        """The requirer may come again, and is then to have the same."""
        return False

    def issue(self, request: Request, *, timeout: datetime.timedelta) -> Outcome:
        """What was supplied for the key and names of the request, unless it is refused."""
        del timeout
        if refusal := self.store.refused.get(request.key):
            return Rejected(ErrorCode(refusal.code), refusal.message)
        name = store.name(request.csr.pem)
        for one in self._candidates(request, name):
            if found := self._issued(one, request):
                self.store = self.store.answered(one, name, self.now)
                return found
        since = self.store.since.get(request.key, int(self.now.timestamp()))
        times = {**self.store.since, request.key: since}
        self.store = dataclasses.replace(self.store, since=times)
        day = datetime.datetime.fromtimestamp(since, datetime.timezone.utc)
        what = 'another certificate' if request.replaces else 'a certificate'
        return Pending(f'waits for {what} since {day:%Y-%m-%d %H:%M}')

    def revoke(
        self, certificate: Certificate, *, generation: str, timeout: datetime.timedelta
    ) -> None:
        """Never give it again; the authority itself is told by people."""
        del generation, timeout
        self.store = self.store.without(certificate)

    def _candidates(self, request: Request, name: str) -> list[Supplied]:
        """What was supplied for the key and may be given: as a person wants, then the last."""
        key = store.key_digest(request.csr.public_key)
        found = [
            one
            for one in reversed(self.store.supplied)
            if one.key == key
            and one.is_ca == request.is_ca
            and one.certificate.strip() != request.replaces.strip()
            and self._may_be_given(one, request, name)
        ]
        return sorted(found, key=lambda one: not self._is_wanted(one, request))

    def _is_wanted(self, one: Supplied, request: Request) -> bool:
        return (request.key, one.fingerprint) in self.wanted

    def _may_be_given(self, one: Supplied, request: Request, name: str) -> bool:
        is_wanted = self._is_wanted(one, request)
        if request.replaces:
            try:
                published = x509.parse_certificate(request.replaces)
            except x509.Malformed:
                return True
            if published.fingerprint in self.store.removed:
                return True  # what served before it serves again
            if not (name not in one.given if is_wanted else self.store.is_later(one, published)):
                return False
        return is_wanted or one.may_answer(name, self.now)

    def _issued(self, one: Supplied, request: Request) -> Issued | None:
        certificate = x509.parse_certificate(one.certificate)
        chain = tuple(x509.parse_certificate(pem) for pem in one.chain)
        problem = x509.mismatch(
            request.csr, certificate, chain, is_ca=request.is_ca, now=self.now, more_names=True
        )
        return None if problem else Issued(certificate, chain)
