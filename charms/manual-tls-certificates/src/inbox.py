"""What an operator has decided about requests: the issuer of this charm.

A certificate that was supplied once answers every request for its key and names, whichever
relation it comes from and however often it is made anew.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
from typing import TYPE_CHECKING, Any, cast

from tls_provider import x509
from tls_provider.issuer import Capabilities, ErrorCode, Issued, Pending, Rejected
from tls_provider.x509 import NameKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from options import Options
    from tls_provider.issuer import Outcome, Request

ALGORITHMS = frozenset({'rsa', 'ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'ed25519'})


@dataclasses.dataclass(frozen=True)
class Supplied:
    """A certificate as it is published, checked when it was supplied."""

    certificate: str
    """PEM."""
    chain: tuple[str, ...]
    """PEM texts from its issuer to the root."""
    key: str
    """SHA-256 of the public key in hexadecimal digits."""
    is_ca: bool
    not_after: int
    """In seconds since the epoch."""


@dataclasses.dataclass(frozen=True)
class Refusal:
    """A request that the operator does not serve."""

    code: int
    """One of `ErrorCode`."""
    message: str


@dataclasses.dataclass(frozen=True)
class Store:
    """All that the operator has decided."""

    supplied: tuple[Supplied, ...] = ()
    refused: Mapping[str, Refusal] = dataclasses.field(default_factory=dict[str, Refusal])
    """By `name` of the request."""
    since: Mapping[str, int] = dataclasses.field(default_factory=dict[str, int])
    """When requests that wait were seen first, in seconds since the epoch, by `name`."""

    def dumps(self) -> str:
        """JSON text; each certificate of a chain is in it once."""
        links = {x509.fingerprint_of(pem)[:32]: pem for one in self.supplied for pem in one.chain}
        names = {pem: name for name, pem in links.items()}
        supplied = [
            {**dataclasses.asdict(one), 'chain': [names[pem] for pem in one.chain]}
            for one in self.supplied
        ]
        refused = {name: dataclasses.asdict(one) for name, one in self.refused.items()}
        document = {'links': links, 'supplied': supplied, 'refused': refused, 'since': self.since}
        return json.dumps(document, sort_keys=True, separators=(',', ':'))

    def current(self, now: datetime.datetime, wanted: set[str]) -> Store:
        """Without certificates that have ended, and times of requests that nobody makes."""
        left = tuple(one for one in self.supplied if one.not_after >= now.timestamp())
        since = {name: time for name, time in self.since.items() if name in wanted}
        return dataclasses.replace(self, supplied=left, since=since)


def loads(text: str) -> Store:
    """From the text of `dumps`; what is damaged counts as nothing decided."""
    try:
        document = cast('dict[str, Any]', json.loads(text or '{}'))
        links = document.get('links', {})
        return Store(
            tuple(
                Supplied(
                    str(one['certificate']),
                    tuple(str(links[name]) for name in one['chain']),
                    str(one['key']),
                    bool(one['is_ca']),
                    int(one['not_after']),
                )
                for one in document.get('supplied', [])
            ),
            {name: Refusal(**one) for name, one in document.get('refused', {}).items()},
            {name: int(time) for name, time in document.get('since', {}).items()},
        )
    except (ValueError, TypeError, LookupError, AttributeError):
        return Store()


def name(csr: str) -> str:
    """Names a request by its text, whichever relation it comes from."""
    return hashlib.sha256(csr.encode(errors='surrogatepass')).hexdigest()[:32]


def key_digest(public_key: bytes) -> str:
    """Names a public key (DER)."""
    return hashlib.sha256(public_key).hexdigest()


@dataclasses.dataclass
class Inbox:
    """Issuer that gives what was supplied, and waits for what was not."""

    options: Options
    store: Store
    """Changes in a pass: the charm stores it afterwards."""
    published_roots: Callable[[], Sequence[str]]
    """Gives PEM texts of the roots of what is published."""
    now: datetime.datetime

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
        """The operator's bundle, and by option the roots of what is published."""
        roots = self.published_roots() if self.options.sends_supplied_cas else ()
        every = [*self.options.bundle, *roots]
        return tuple(dict.fromkeys(text.strip() for text in every))

    def issue(self, request: Request, *, timeout: datetime.timedelta) -> Outcome:
        """What was supplied for the key and names of the request."""
        del timeout
        found = self._find(request)
        if found is not None:
            return found
        named = name(request.csr.pem)
        if refusal := self.store.refused.get(named):
            return Rejected(ErrorCode(refusal.code), refusal.message)
        since = self.store.since.get(named, int(self.now.timestamp()))
        if named not in self.store.since:
            times = {**self.store.since, named: since}
            self.store = dataclasses.replace(self.store, since=times)
        day = datetime.datetime.fromtimestamp(since, datetime.timezone.utc)
        what = 'another certificate' if request.replaces else 'a certificate'
        return Pending(f'waits for {what} since {day:%Y-%m-%d %H:%M}')

    def _find(self, request: Request) -> Issued | None:
        """The one that lasts longest, but for that which is to be replaced."""
        key = key_digest(request.csr.public_key)
        fitting = [
            one
            for one in self.store.supplied
            if one.key == key
            and one.is_ca == request.is_ca
            and one.certificate.strip() != request.replaces.strip()
        ]
        for one in sorted(fitting, key=lambda one: one.not_after, reverse=True):
            certificate = x509.parse_certificate(one.certificate)
            chain = tuple(x509.parse_certificate(pem) for pem in one.chain)
            problem = x509.mismatch(
                request.csr,
                certificate,
                chain,
                is_ca=request.is_ca,
                now=self.now,
                more_names=True,
            )
            if problem is None:
                return Issued(certificate, chain)
        return None
