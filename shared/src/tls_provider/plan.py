"""What to do about each request: a pure function of requests, published answers, ledger and time.

Each distinct request, that is a text in a relation, gets exactly one decision. A request that is
answered and whose answer stands is recognised by its text: nothing is parsed for it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from tls_provider import ledger, policy, quota, wire, x509
from tls_provider.decision import Answer, Ask, Ignore, Keep, Refuse, Withdraw
from tls_provider.issuer import ErrorCode, Rejected, Request

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterable, Iterator

    from tls_provider.decision import Decision
    from tls_provider.ledger import Ledger, Record


_LABEL, _JOINED = 'CERTIFICATE REQUEST', 'certificate-request'
_CLOCK_TOLERANCE = 3600
"""Seconds that a certificate may start in the future before it is taken for the work of a clock
that was wrong; less than that passes by itself."""


@dataclasses.dataclass(frozen=True)
class Relation:
    """One relation as it was read."""

    id: int
    submissions: tuple[wire.Submission, ...] = ()
    complaints: tuple[wire.Complaint, ...] = ()
    published: wire.Answers = dataclasses.field(default_factory=wire.Answers)


@dataclasses.dataclass(frozen=True)
class Authority:
    """What of the issuer bears on decisions."""

    generation: str
    settings: str
    rules: tuple[policy.Rule, ...]
    limit: int | None
    """Certificates in one relation; None: no limit."""
    anchors: Callable[[], frozenset[str]]
    """Fingerprints of the trust anchors, none where these are not known. Called only for
    certificates that the ledger lacks or that another authority has issued."""


@dataclasses.dataclass(frozen=True)
class Orders:
    """What an operator wants besides, by keys of the ledger."""

    retry: frozenset[str] = frozenset()
    """Ask now, however long these should wait."""
    replace: frozenset[str] = frozenset()
    """Ask now for another certificate of these, though one serves."""
    revoke: frozenset[str] = frozenset()
    """Replace the certificates of these, and revoke them at their authority."""


def plan(
    relations: Iterable[Relation],
    book: Ledger,
    authority: Authority | None,
    now: datetime.datetime,
    orders: Orders | None = None,
) -> tuple[Decision, ...]:
    """One decision for each distinct request, and one for each certificate without a request.

    Without an authority (the issuer is not ready) the answers stand as they are.
    """
    planner = _Planner(book, authority, int(now.timestamp()), orders or Orders())
    return tuple(
        decision for relation in relations for decision in planner.plan_relation(relation)
    )


@dataclasses.dataclass(frozen=True)
class _Planner:
    book: Ledger
    authority: Authority | None
    now: int
    orders: Orders

    def plan_relation(self, relation: Relation) -> Iterator[Decision]:
        for complaint in relation.complaints:
            yield Ignore(relation.id, complaint)
        entries = {entry.csr: entry for entry in relation.published.entries}
        refusals = {refusal.csr: refusal for refusal in relation.published.refusals}
        wanted: dict[str, wire.Submission] = {}

        def rank(one: wire.Submission) -> tuple[bool, bool, bool]:
            """What is flawed goes first, for it tells of a key that must not be certified.

            A leaf goes before a CA certificate where one request is submitted as both, and the
            text that is answered already before one that differs in blanks.
            """
            return not one.flaw, one.is_ca, one.csr not in entries

        for submission in sorted(relation.submissions, key=rank):
            first = wanted.setdefault(_bare(submission.csr), submission)
            if first.is_ca != submission.is_ca:
                message = 'the same request is submitted with and without ca; the leaf is issued'
                yield Ignore(relation.id, wire.Complaint(submission.owner, message))
        decisions: list[Decision] = []
        before = _respelled([one.csr for one in wanted.values()], entries)
        for submission in wanted.values():
            text = before.get(submission.csr, submission.csr)
            if entry := entries.pop(text, None):
                entry = dataclasses.replace(entry, csr=submission.csr)  # its text is echoed
            refusal = refusals.get(submission.csr)
            answer = self._answer(relation.id, submission, entry, refusal, text)
            decisions.append(self._decide(relation.id, submission, answer))
        unreadable = any(complaint.unreadable for complaint in relation.complaints)
        for csr, entry in entries.items():
            unclaimed = self._unclaimed(relation.id, csr)
            key = ledger.key(relation.id, csr, unclaimed.is_ca)
            record = self.book.records.get(key, ledger.Record())
            ordered = key in self.orders.revoke
            # Its request may be in what cannot be read.
            if unreadable and not ordered and self._is_trusted(entry, record):
                answer = self._answer(relation.id, unclaimed, entry, None)
                decisions.append(Keep(relation.id, '', csr, answer))
            else:
                decisions.append(Withdraw(relation.id, entry, record, ordered))
        limit = self.authority.limit if self.authority else None
        yield from quota.limited(decisions, limit)

    def _unclaimed(self, relation_id: int, csr: str) -> wire.Submission:
        """The request of a certificate that nobody submits; what it was for is in the ledger."""
        is_ca = ledger.key(relation_id, csr, True) in self.book.records
        return wire.Submission(csr, is_ca, '')

    def _answer(
        self,
        relation_id: int,
        submission: wire.Submission,
        entry: wire.Entry | None,
        refusal: wire.Refusal | None,
        before: str = '',
    ) -> Answer:
        """What is known of a request; a certificate without a record is read, junk is dropped.

        `before` is the text of the request by which it is known, where that is another one.
        """
        key = ledger.key(relation_id, submission.csr, submission.is_ca)
        is_same = before in {'', submission.csr}
        known = key if is_same else ledger.key(relation_id, before, submission.is_ca)
        record = self.book.records.get(known, ledger.Record())
        if entry and not record.generation:
            adopted = self._adopt(entry, record)
            entry, record = (entry, adopted) if adopted else (None, record)
        revoke = entry is not None and key in self.orders.revoke
        serves = (
            entry is not None
            and not (entry.revoked or revoke)
            and record.is_ca == submission.is_ca
            and self.now <= record.not_after
            and self._is_trusted(entry, record)
        )
        return Answer(entry, None if entry else refusal, record, key, serves, revoke)

    def _is_trusted(self, entry: wire.Entry, record: Record) -> bool:
        """Whether clients are told to trust the authority of a certificate that is superseded."""
        if self.authority is None or record.generation in {'', self.authority.generation}:
            return True
        anchors = self.authority.anchors()
        try:
            return not anchors or x509.fingerprint_of(entry.ca) in anchors
        except x509.Malformed:
            return False

    def _decide(self, relation_id: int, submission: wire.Submission, answer: Answer) -> Decision:
        keep = Keep(relation_id, submission.owner, submission.csr, answer)
        authority, record = self.authority, answer.record
        if authority is None:
            return keep
        current = answer.serves and record.generation == authority.generation
        due = self.now >= record.renew_at or record.not_before > self.now + _CLOCK_TOLERANCE
        replace = answer.key in self.orders.replace
        if current and not submission.flaw and not (due or replace):
            return keep
        # A final refusal that is not published, or no longer, has to be given again.
        lost = record.retry_at == ledger.NEVER and not answer.serves and not answer.refusal
        ordered = answer.key in self.orders.retry or answer.revoke or replace
        if record.waits(authority.settings, self.now) and not (lost or ordered):
            return keep
        try:
            csr = x509.parse_request(submission.csr)
        except x509.Malformed as error:
            message = submission.flaw or str(error)
            if not error.loads:
                return Ignore(relation_id, wire.Complaint(submission.owner, message))
            rejected = Rejected(ErrorCode.OTHER, message)
            return Refuse(relation_id, submission.owner, submission.csr, rejected, answer)
        replaces = answer.entry.certificate if answer.entry else ''
        request = Request(csr, submission.is_ca, submission.owner, replaces, ordered, answer.key)
        flaw = Rejected(ErrorCode.OTHER, submission.flaw) if submission.flaw else None
        if rejected := flaw or policy.judge(request, authority.rules):
            return Refuse(relation_id, submission.owner, submission.csr, rejected, answer)
        return Ask(relation_id, request, answer)

    def _adopt(self, entry: wire.Entry, record: Record) -> Record | None:
        """The record with what a certificate tells, or None where the entry is unusable.

        It counts as issued by the authority in force, unless that has trust anchors and none of
        them is in the chain.
        """
        try:
            request = x509.parse_request(entry.csr)
            certificate = x509.parse_certificate(entry.certificate)
            chain = [x509.parse_certificate(link).fingerprint for link in (entry.ca, *entry.chain)]
        except x509.Malformed:
            return None
        if certificate.public_key != request.public_key:
            return None
        generation = ''  # known when there is an authority again
        if self.authority is not None:
            anchors = self.authority.anchors()
            superseded = bool(anchors) and anchors.isdisjoint(chain)
            generation = '' if superseded else self.authority.generation
        return ledger.described(record, certificate, generation)


def _respelled(wanted: Iterable[str], entries: Iterable[str]) -> dict[str, str]:
    """By requests without an entry: texts with an entry that nobody asks for, but for blanks.

    A requirer's library has changed, or the charm before this one wrote texts in its own way. What
    cannot be loaded is left out, for the text is going to be echoed.
    """
    asked, answered = set(wanted), set(entries)
    if not (missing := asked - answered) or not (left := answered - asked):
        return {}
    texts = {_bare(text): text for text in sorted(left)}
    return {
        csr: texts[bare]
        for csr in sorted(missing)
        if (bare := _bare(csr)) in texts and _is_loadable(csr)
    }


def _is_loadable(csr: str) -> bool:
    try:
        x509.parse_request(csr)
    except x509.Malformed:
        return False
    return True


def _bare(text: str) -> str:
    """Without blanks and line ends, which tell no two requests apart; but for those of a label."""
    return ''.join(text.replace(_LABEL, _JOINED).split())
