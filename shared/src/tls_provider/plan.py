"""What to do about each request: a pure function of requests, published answers, ledger and time.

Each distinct request, that is a text in a relation, gets exactly one decision. A request that is
answered and whose answer stands is recognised by its text: nothing is parsed for it.
"""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING

from tls_provider import ledger, policy, wire, x509
from tls_provider.issuer import ErrorCode, Rejected, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tls_provider.ledger import Ledger, Record


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
    anchors: Callable[[], frozenset[str]]
    """Fingerprints of the trust anchors; called only for certificates that the ledger lacks."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What is published and known for one request."""

    entry: wire.Entry | None
    refusal: wire.Refusal | None
    record: Record
    key: str
    """Of the ledger."""
    serves: bool
    """The entry holds a certificate of the kind that was asked for, in force and not revoked."""


@dataclasses.dataclass(frozen=True)
class Keep:
    """The answer stands as it is, also where it is none: there is nothing to do now."""

    relation_id: int
    requirer: str
    answer: Answer


@dataclasses.dataclass(frozen=True)
class Ask:
    """The issuer is to be asked; until it has answered, the answer stands."""

    relation_id: int
    request: Request
    answer: Answer


@dataclasses.dataclass(frozen=True)
class Refuse:
    """The request is unusable or breaks a rule."""

    relation_id: int
    requirer: str
    csr: str
    rejected: Rejected
    answer: Answer


@dataclasses.dataclass(frozen=True)
class Withdraw:
    """The request of a published certificate has left."""

    relation_id: int
    entry: wire.Entry


@dataclasses.dataclass(frozen=True)
class Ignore:
    """Something that cannot be answered on the wire; it is named in log and status."""

    relation_id: int
    complaint: wire.Complaint


Decision = Keep | Ask | Refuse | Withdraw | Ignore


def plan(
    relations: Iterable[Relation],
    book: Ledger,
    authority: Authority | None,
    now: datetime.datetime,
) -> tuple[Decision, ...]:
    """One decision for each distinct request, and one for each certificate without a request.

    Without an authority (the issuer is not ready) the answers stand as they are.
    """
    planner = _Planner(book, authority, int(now.timestamp()))
    return tuple(
        decision for relation in relations for decision in planner.plan_relation(relation)
    )


@dataclasses.dataclass(frozen=True)
class _Planner:
    book: Ledger
    authority: Authority | None
    now: int

    def plan_relation(self, relation: Relation) -> Iterator[Decision]:
        for complaint in relation.complaints:
            yield Ignore(relation.id, complaint)
        entries = {entry.csr: entry for entry in relation.published.entries}
        refusals = {refusal.csr: refusal for refusal in relation.published.refusals}
        room = wire.MAX_ANSWERS - sum(map(wire.size, entries.values()))
        room -= sum(map(wire.refusal_size, refusals))
        wanted: dict[str, wire.Submission] = {}
        # What is flawed goes first, for it tells of a key that must not be certified. A leaf goes
        # before a CA certificate where one request is submitted as both.
        for submission in sorted(relation.submissions, key=lambda one: (not one.flaw, one.is_ca)):
            first = wanted.setdefault(''.join(submission.csr.split()), submission)
            if first.is_ca != submission.is_ca:
                message = 'the same request is submitted with and without ca; the leaf is issued'
                yield Ignore(relation.id, wire.Complaint(submission.owner, message))
        for submission in wanted.values():
            entry, refusal = entries.pop(submission.csr, None), refusals.get(submission.csr)
            answer = self._answer(relation.id, submission, entry, refusal)
            decision, needed = self._fit(self._decide(relation.id, submission, answer), room)
            room -= needed
            yield decision
        unreadable = any(complaint.unreadable for complaint in relation.complaints)
        for csr, entry in entries.items():
            if unreadable:  # its request may be in what cannot be read
                yield Keep(relation.id, '', self._unclaimed(relation.id, csr, entry))
            else:
                yield Withdraw(relation.id, entry)

    def _fit(self, decision: Decision, room: int) -> tuple[Decision, int]:
        """The decision, or another one if its answer would not fit, and the room that it takes."""
        message = 'too many requests in this relation; remove some'
        if isinstance(decision, Ask) and decision.answer.entry is None:
            csr, requirer = decision.request.csr.pem, decision.request.requirer
            if (needed := wire.expected_size(csr)) <= room:
                return decision, needed
            retry_at = datetime.datetime.fromtimestamp(self.now + 900, datetime.timezone.utc)
            rejected = Rejected(ErrorCode.OTHER, message, retry_at=retry_at)
            decision = Refuse(decision.relation_id, requirer, csr, rejected, decision.answer)
        if isinstance(decision, Refuse) and not (
            decision.answer.refusal or decision.answer.serves
        ):
            if (needed := wire.refusal_size(decision.csr)) <= room:
                return decision, needed
            complaint = wire.Complaint(decision.requirer, decision.rejected.message)
            return Ignore(decision.relation_id, complaint), 0
        return decision, 0

    def _unclaimed(self, relation_id: int, csr: str, entry: wire.Entry) -> Answer:
        """A certificate of which nobody says any more whether it is a CA certificate."""
        leaf, ca = (wire.Submission(csr, is_ca, '') for is_ca in (False, True))
        known = ledger.key(relation_id, csr, True) in self.book.records
        return self._answer(relation_id, ca if known else leaf, entry, None)

    def _answer(
        self,
        relation_id: int,
        submission: wire.Submission,
        entry: wire.Entry | None,
        refusal: wire.Refusal | None,
    ) -> Answer:
        """What is known of a request; a certificate without a record is read, junk is dropped."""
        key = ledger.key(relation_id, submission.csr, submission.is_ca)
        record = self.book.records.get(key, ledger.Record())
        if entry and not record.generation:
            adopted = self._adopt(entry, record)
            entry, record = (entry, adopted) if adopted else (None, record)
        serves = (
            entry is not None
            and not entry.revoked
            and record.is_ca == submission.is_ca
            and self.now <= record.not_after
        )
        return Answer(entry, None if entry else refusal, record, key, serves)

    def _decide(self, relation_id: int, submission: wire.Submission, answer: Answer) -> Decision:
        keep = Keep(relation_id, submission.owner, answer)
        authority, record = self.authority, answer.record
        if authority is None:
            return keep
        current = answer.serves and record.generation == authority.generation
        if current and not submission.flaw and self.now < record.renew_at:
            return keep
        # A final refusal that is not published, or no longer, has to be given again.
        lost = record.retry_at == ledger.NEVER and not answer.serves and not answer.refusal
        if record.waits(authority.settings, self.now) and not lost:
            return keep
        try:
            csr = x509.parse_request(submission.csr)
        except x509.Malformed as error:
            message = submission.flaw or str(error)
            if not error.loads:
                return Ignore(relation_id, wire.Complaint(submission.owner, message))
            rejected = Rejected(ErrorCode.OTHER, message)
            return Refuse(relation_id, submission.owner, submission.csr, rejected, answer)
        request = Request(csr, submission.is_ca, submission.owner)
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
