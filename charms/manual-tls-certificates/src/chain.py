"""Finds the way from a certificate to a root among CA certificates in any order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tls_provider import x509

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterable, Iterator

    from tls_provider.x509 import Certificate

LONGEST = 16
"""Certificates in one chain."""
MOST_STEPS = 5000
"""Of a search: many CAs that sign one another have more ways than anybody can try."""


class NoChain(Exception):
    """There is no chain that may be published; the message says why of the one that came best."""


class Pool:
    """CA certificates of which chains are built."""

    def __init__(
        self,
        certificates: Iterable[Certificate],
        anchors: Iterable[Certificate],
        now: datetime.datetime,
    ):
        """Sort the certificates by subject, what lasts longest first.

        Args:
            certificates: In any order; strangers do no harm.
            anchors: Of them or beside them, those at which a chain may end though it goes on.
            now: The present.

        """
        anchors = tuple(anchors)
        self._anchors = {one.fingerprint for one in anchors}
        self._now = now
        self._signed: dict[tuple[str, str], bool] = {}
        self._by_subject: dict[str, list[Certificate]] = {}
        every = {one.fingerprint: one for one in (*certificates, *anchors)}
        for one in sorted(every.values(), key=lambda one: one.not_after, reverse=True):
            self._by_subject.setdefault(one.subject, []).append(one)

    def chain(
        self,
        certificate: Certificate,
        judge: Callable[[tuple[Certificate, ...]], str | None],
    ) -> tuple[Certificate, ...]:
        """From the issuer of a certificate to a root; raises `NoChain`.

        The first that is accepted, those that go on to a root before those that end at an anchor.

        Args:
            certificate: What the chain is for.
            judge: Says why a complete chain is not accepted, or None.

        """
        search = _Search()
        for found in self._ways((certificate,), search):
            problem = judge(found)
            if problem is None:
                return found
            search.fail(LONGEST + 1, problem)
        raise NoChain(search.problem)

    def _ways(
        self, path: tuple[Certificate, ...], search: _Search
    ) -> Iterator[tuple[Certificate, ...]]:
        """Every chain that goes on from a path, without the certificate itself."""
        search.steps += 1
        if search.steps > MOST_STEPS or len(path) > LONGEST:
            search.fail(0, 'there are too many CA certificates to find a chain among them')
            return
        below, chain = path[-1], path[1:]
        if chain and self._is_signed(below, below):
            yield chain
            return
        found = [
            one
            for one in self._by_subject.get(below.issuer, ())
            if one not in path and self._may_sign(below, one, len(path), search)
        ]
        for one in found:
            yield from self._ways((*path, one), search)
        # A trust anchor's own signature is nobody's concern (RFC 5280, 6.1).
        if chain and (below.subject == below.issuer or below.fingerprint in self._anchors):
            yield chain
        elif not found:
            issuer = x509.printable(below.issuer, 80)
            shown = x509.printable(below.subject or 'the certificate', 80)
            search.fail(len(path) - 0.5, f'the issuer "{issuer}" of "{shown}" is missing')

    def _may_sign(
        self, below: Certificate, issuer: Certificate, depth: int, search: _Search
    ) -> bool:
        problem = ''
        if not self._is_signed(below, issuer):
            algorithm = x509.refused_signature(below, issuer)
            shown = x509.printable(below.subject or 'the certificate', 80)
            problem = f'the signature of "{shown}" is with {algorithm}, which is not accepted'
            if not algorithm:  # another CA of the same name
                return False
        elif wrong := _unfit(issuer, self._now):
            problem = wrong
        if problem:
            search.fail(depth, problem)
        return not problem

    def _is_signed(self, below: Certificate, issuer: Certificate) -> bool:
        pair = below.fingerprint, issuer.fingerprint
        if pair not in self._signed:
            self._signed[pair] = x509.signed_by(below, issuer)
        return self._signed[pair]


class _Search:
    """How far the search for one chain came."""

    def __init__(self):
        self.steps = 0
        self.problem = ''
        self._depth = -1.0

    def fail(self, depth: float, problem: str) -> None:
        """Keep the first problem of the path that came farthest."""
        if depth > self._depth:
            self._depth, self.problem = depth, problem


def _unfit(issuer: Certificate, now: datetime.datetime) -> str:
    """Why a certificate may not sign others; empty: it may."""
    shown = x509.printable(issuer.subject, 80)
    if not issuer.is_ca:
        return f'"{shown}" is in the chain and is no CA certificate (basicConstraints)'
    if not issuer.signs_certificates:
        return f'the key usage of "{shown}" does not let it sign certificates'
    if now > issuer.not_after:
        return f'the CA certificate "{shown}" has ended on {issuer.not_after:%Y-%m-%d} UTC'
    if now < issuer.not_before:
        start = f'{issuer.not_before:%Y-%m-%d}'
        return f'the CA certificate "{shown}" is valid only from {start} UTC on'
    return ''
