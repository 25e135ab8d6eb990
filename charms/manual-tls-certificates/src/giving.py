"""What a pass makes of certificates that were just supplied, and of the requests that they fit."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import renewal
import store
from store import Supplied
from tls_provider import wire, x509
from tls_provider.plan import Orders

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterable, Sequence

    from store import Store
    from supply import Checked
    from tls_provider.decision import Keep
    from tls_provider.summary import Result
    from tls_provider.x509 import Certificate


@dataclasses.dataclass(frozen=True)
class Change:
    """What an action makes of the store, and what a pass is to do with it."""

    store: Store
    orders: Orders = dataclasses.field(default_factory=Orders)
    wanted: frozenset[tuple[str, str]] = frozenset()
    """As in `Inbox.wanted`."""


@dataclasses.dataclass(frozen=True)
class Came:
    """What a change comes to."""

    change: Change
    result: Result

    def has(self, request: Keep, checked: Checked) -> bool:
        """Whether a request has a certificate after the pass."""
        entry = self._entry(request)
        return entry is not None and _is(entry, checked)

    def state(self, request: Keep) -> str:
        """What a request is afterwards."""
        entry = self._entry(request)
        if entry and not entry.revoked:
            return 'served'
        return 'refused' if self._refusal(request) else 'waiting'

    def reason(self, request: Keep) -> str:
        """Why a request has not what was supplied for it."""
        if refusal := self._refusal(request):
            return f'the request is refused: {refusal.message}'
        record = self.result.book.records.get(request.answer.key)
        if record and record.message:
            return record.message
        entry = self._entry(request)
        if entry and not entry.revoked:
            return 'the request had this one before; take back what it has (remove-certificate)'
        return 'the request cannot be answered; list-requests shows it'

    def _entry(self, request: Keep) -> wire.Entry | None:
        found = (one for one in self._answers(request).entries if one.csr == request.csr)
        return next(found, None)

    def _refusal(self, request: Keep) -> wire.Refusal | None:
        found = (one for one in self._answers(request).refusals if one.csr == request.csr)
        return next(found, None)

    def _answers(self, request: Keep) -> wire.Answers:
        return self.result.answers.get(request.relation_id, wire.Answers())


def had(request: Keep, checked: Checked) -> bool:
    """Whether a certificate was published for a request before."""
    entry = request.answer.entry
    return entry is not None and _is(entry, checked)


def _is(entry: wire.Entry, checked: Checked) -> bool:
    return not entry.revoked and entry.certificate.strip() == checked.certificate.pem.strip()


def give(
    known: Store,
    supplies: Sequence[tuple[Keep, Checked]],
    foresee: Callable[[Change], Result],
) -> Came:
    """What comes of certificates that fit requests; what no request gets is not kept.

    Of several for one request, the one that lasts longest is meant.

    Args:
        known: What was supplied before.
        supplies: Requests, each with a certificate that fits.
        foresee: Gives what a pass would come to.

    """
    best: dict[str, tuple[Keep, Checked]] = {}
    for request, checked in sorted(supplies, key=_end):  # the last one stays
        best[request.answer.key] = request, checked
    supplies = list(best.values())
    added = known
    for _, checked in supplies:
        added = added.keeping(_supplied(checked.certificate, checked.chain))
    change = Change(added, _orders(added, supplies), _wanted(supplies))
    result = foresee(change)
    published = {
        entry.certificate.strip()
        for answers in result.answers.values()
        for entry in answers.entries
        if not entry.revoked
    }
    kept = tuple(
        one
        for one in added.supplied
        if one in known.supplied or one.certificate.strip() in published
    )
    return Came(
        dataclasses.replace(change, store=dataclasses.replace(added, supplied=kept)), result
    )


def kept(known: Store, requests: Sequence[Keep], now: datetime.datetime) -> Store:
    """What is to be kept after a pass: what serves or may, and what is known of requests."""
    present = {one.answer.key for one in requests}
    waiting = {one.answer.key for one in requests if renewal.waits(one)}
    return _adopted(known, requests).current(now, present, waiting)


def _adopted(known: Store, requests: Iterable[Keep]) -> Store:
    """With certificates that serve and that nobody has supplied here.

    Canonical's charm of this name has published them, or what was supplied is lost.
    """
    texts = {one.certificate.strip() for one in known.supplied}
    for request in requests:
        entry = request.answer.entry
        if entry is None or not request.answer.serves or entry.certificate.strip() in texts:
            continue
        try:
            leaf = x509.parse_certificate(entry.certificate)
            links = [x509.parse_certificate(link) for link in entry.chain]
        except x509.Malformed:
            continue
        above = [link for link in links if link != leaf]
        given = (store.name(request.csr),)
        known = known.keeping(dataclasses.replace(_supplied(leaf, above), given=given))
    return known


def _end(supply: tuple[Keep, Checked]) -> datetime.datetime:
    return supply[1].certificate.not_after


def _wanted(supplies: Iterable[tuple[Keep, Checked]]) -> frozenset[tuple[str, str]]:
    return frozenset(
        (request.answer.key, checked.certificate.fingerprint) for request, checked in supplies
    )


def _orders(added: Store, supplies: Iterable[tuple[Keep, Checked]]) -> Orders:
    """Ask for the requests that do not serve, and for those whose certificate is to go."""
    by_text = {one.certificate: one for one in added.supplied}
    retry: set[str] = set()
    replace: set[str] = set()
    for request, checked in supplies:
        if not request.answer.serves:
            retry.add(request.answer.key)
        elif store.name(request.csr) not in by_text[checked.certificate.pem].given:
            replace.add(request.answer.key)
    return Orders(retry=frozenset(retry), replace=frozenset(replace))


def _supplied(certificate: Certificate, chain: Iterable[Certificate]) -> Supplied:
    return Supplied(
        certificate=certificate.pem,
        chain=tuple(link.pem for link in chain),
        key=store.key_digest(certificate.public_key),
        is_ca=certificate.is_ca,
        not_before=int(certificate.not_before.timestamp()),
        not_after=int(certificate.not_after.timestamp()),
    )
