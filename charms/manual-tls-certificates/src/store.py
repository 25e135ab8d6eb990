"""What an operator has decided about requests, and how it is kept as one text."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Any, cast

from tls_provider import x509

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Mapping

MOST_GIVEN = 20
"""Requests that a certificate remembers to have answered."""
HALF, NEARLY_OVER = 0.5, 0.9
"""Shares of a certificate's life.

Requirers renew from a half of it on, with the same key and another text. Who gets the certificate
that he has already asks again at once, and so on without end. One that only comes again, because
it was refreshed or related anew, is to keep it. From the half on nobody can tell these apart: a
certificate then answers one more request by itself, and none when there is little left of it.
"""


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
    not_before: int
    not_after: int
    """Both in seconds since the epoch."""
    given: tuple[str, ...] = ()
    """Names of requests that it has answered, the last one last."""
    is_late: bool = False
    """It has answered another request after a half of its life."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the DER in hexadecimal digits."""
        return x509.fingerprint_of(self.certificate)

    def may_answer(self, name: str, now: datetime.datetime) -> bool:
        """Whether a request gets it without a person who has just supplied it."""
        if self._is_last(name):
            return True
        passed = self._passed(now)
        return passed < HALF or (passed < NEARLY_OVER and not self.is_late)

    def answering(self, name: str, now: datetime.datetime) -> Supplied:
        """The same after it has answered a request."""
        given = (*(one for one in self.given if one != name), name)[-MOST_GIVEN:]
        again = not self._is_last(name) and self._passed(now) >= HALF
        return dataclasses.replace(self, given=given, is_late=self.is_late or again)

    def _is_last(self, name: str) -> bool:
        return not self.given or self.given[-1] == name

    def _passed(self, now: datetime.datetime) -> float:
        """The share of its life."""
        return (now.timestamp() - self.not_before) / max(1, self.not_after - self.not_before)


@dataclasses.dataclass(frozen=True)
class Refusal:
    """A request that the operator does not serve."""

    code: int
    """One of `ErrorCode`."""
    message: str


@dataclasses.dataclass(frozen=True)
class Store:
    """All that the operator has decided; requests are named by their key in the ledger."""

    supplied: tuple[Supplied, ...] = ()
    refused: Mapping[str, Refusal] = dataclasses.field(default_factory=dict[str, Refusal])
    """By request."""
    since: Mapping[str, int] = dataclasses.field(default_factory=dict[str, int])
    """When requests that wait began to, in seconds since the epoch, by request."""
    removed: Mapping[str, int] = dataclasses.field(default_factory=dict[str, int])
    """Fingerprints of certificates that were taken back or revoked, and when they end."""
    ended: tuple[str, ...] = ()
    """Fingerprints of CAs in the bundle that have ended, as far as this was logged."""

    def dumps(self) -> str:
        """JSON text; each certificate of a chain is in it once."""
        links = {x509.fingerprint_of(pem)[:32]: pem for one in self.supplied for pem in one.chain}
        names = {pem: name for name, pem in links.items()}
        supplied = [
            {**dataclasses.asdict(one), 'chain': [names[pem] for pem in one.chain]}
            for one in self.supplied
        ]
        document = {**dataclasses.asdict(self), 'links': links, 'supplied': supplied}
        return json.dumps(document, sort_keys=True, separators=(',', ':'))

    def current(
        self, now: datetime.datetime, present: Collection[str], waiting: Collection[str]
    ) -> Store:
        """Without certificates that have ended, and without what is not asked for any more.

        Args:
            now: The present.
            present: All requests.
            waiting: Those that wait for a certificate, or for another one.

        """
        second = now.timestamp()
        return dataclasses.replace(
            self,
            supplied=tuple(one for one in self.supplied if one.not_after >= second),
            refused={name: one for name, one in self.refused.items() if name in present},
            since={name: time for name, time in self.since.items() if name in waiting},
            removed={name: end for name, end in self.removed.items() if end >= second},
        )

    def noting(self, ended: Collection[x509.Certificate]) -> tuple[Store, list[x509.Certificate]]:
        """With the CAs of the bundle that have ended, and those of them that were not noted."""
        new = [one for one in ended if one.fingerprint not in self.ended]
        return dataclasses.replace(self, ended=tuple(one.fingerprint for one in ended)), new

    def keeping(self, new: Supplied) -> Store:
        """With a certificate; one that is there already stays as it is."""
        if any(one.certificate == new.certificate for one in self.supplied):
            return self
        return dataclasses.replace(self, supplied=(*self.supplied, new))

    def is_later(self, one: Supplied, published: x509.Certificate) -> bool:
        """Whether a certificate was supplied after one that is published.

        What people supply last counts, though it may end sooner: so they move to another CA. One
        that was published before there was a store is compared by its end.
        """
        texts = [other.certificate.strip() for other in self.supplied]
        if published.pem.strip() in texts:
            return self.supplied.index(one) > texts.index(published.pem.strip())
        return one.not_after > published.not_after.timestamp()

    def answered(self, one: Supplied, name: str, now: datetime.datetime) -> Store:
        """After a certificate has answered a request."""
        new = one.answering(name, now)
        if new == one:
            return self
        every = tuple(new if other is one else other for other in self.supplied)
        return dataclasses.replace(self, supplied=every)

    def without(self, certificate: x509.Certificate) -> Store:
        """Without a certificate, for good."""
        end = int(certificate.not_after.timestamp())
        left = tuple(one for one in self.supplied if one.certificate != certificate.pem)
        removed = {**self.removed, certificate.fingerprint: end}
        return dataclasses.replace(self, supplied=left, removed=removed)


def loads(text: str) -> Store:
    """From the text of `dumps`; what is damaged in it is left out, unknown fields are ignored."""
    try:
        found: object = json.loads(text or '{}')
    except (ValueError, RecursionError):
        return Store()
    document = _object(found)
    links = _object(document.get('links'))
    supplied = [_supplied(_object(one), links) for one in _list(document.get('supplied'))]
    refused = {
        name: _refusal(_object(one)) for name, one in _object(document.get('refused')).items()
    }
    return Store(
        tuple(one for one in supplied if one is not None),
        {name: one for name, one in refused.items() if one is not None},
        _numbers(document.get('since')),
        _numbers(document.get('removed')),
        tuple(one for one in _list(document.get('ended')) if isinstance(one, str)),
    )


def _supplied(document: dict[str, Any], links: dict[str, Any]) -> Supplied | None:
    try:
        text = str(document['certificate'])
        if 'not_before' not in document:
            start = x509.parse_certificate(text).not_before.timestamp()
            document = {**document, 'not_before': start}
        return Supplied(
            certificate=text,
            chain=tuple(str(links[link]) for link in document['chain']),
            key=str(document['key']),
            is_ca=bool(document['is_ca']),
            not_before=int(document['not_before']),
            not_after=int(document['not_after']),
            given=tuple(str(one) for one in _list(document.get('given'))),
            is_late=bool(document.get('is_late')),
        )
    except (LookupError, TypeError, ValueError, OverflowError, x509.Malformed):
        return None


def _refusal(document: dict[str, Any]) -> Refusal | None:
    code, message = document.get('code'), document.get('message')
    return Refusal(code, message) if isinstance(code, int) and isinstance(message, str) else None


def _numbers(value: object) -> dict[str, int]:
    return {name: one for name, one in _object(value).items() if isinstance(one, int)}


def _object(value: object) -> dict[str, Any]:
    return cast('dict[str, Any]', value) if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return cast('list[Any]', value) if isinstance(value, list) else []


def name(csr: str) -> str:
    """Names a request by its text, whichever relation it comes from."""
    return hashlib.sha256(csr.encode(errors='surrogatepass')).hexdigest()[:32]


def key_digest(public_key: bytes) -> str:
    """Names a public key (DER)."""
    return hashlib.sha256(public_key).hexdigest()
