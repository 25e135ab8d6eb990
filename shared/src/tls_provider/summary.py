"""What a pass came to: the answers of every relation, the ledger, and counts for the status."""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING

from tls_provider import ledger, revocation, wire
from tls_provider.decision import Ask, Ignore, Keep, Refuse, Withdraw
from tls_provider.ledger import Ledger, Record

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from tls_provider.decision import Answer, Decision


@dataclasses.dataclass(frozen=True)
class Problem:
    """A request that is not answered by a certificate of the authority in force, and why."""

    requirer: str
    message: str
    retry_at: int = 0
    """The next attempt, in seconds since the epoch; 0: at the next event, or none by itself."""


@dataclasses.dataclass(frozen=True)
class Summary:
    """What a pass came to; counts are of requests."""

    issued: int = 0
    superseded: int = 0
    """Of those that are issued: by an authority that is no longer in force."""
    pending: int = 0
    refused: int = 0
    problems: tuple[Problem, ...] = ()
    first_expiry: int = 0
    """When the first of the published certificates ends, in seconds since the epoch; 0: none."""
    asked: int = 0
    """Requests for which the issuer was asked in this pass."""
    withdrawn: int = 0
    to_revoke: int = 0
    """Certificates that the authority still has to revoke."""
    unrevoked: str = ''
    """Why it has not revoked the first of them that it was asked to revoke."""
    revokes: bool = False
    """The authority can revoke."""
    blocked: str = ''
    """What the operator of this application has to mend; empty: nothing."""


@dataclasses.dataclass(frozen=True)
class Result:
    """What is to be written after a pass."""

    answers: Mapping[int, wire.Answers]
    """By relation; a relation that is missing has no answers."""
    book: Ledger
    summary: Summary


def hold(decisions: Sequence[Decision], book: Ledger, now: datetime.datetime) -> Result:
    """The result of a pass without an issuer: what is published stands, what left is withdrawn."""
    tally = Tally()
    left = [(one.entry, one.record) for one in decisions if isinstance(one, Withdraw)]
    book = revocation.remember(book, left)
    for decision in decisions:
        match decision:
            case Keep() | Withdraw() | Ignore():
                tally.take(decision)
            case Ask() | Refuse():
                raise ValueError('decided with an issuer, to be carried out without one')
    return tally.result(book, now)


@dataclasses.dataclass
class Tally:
    """Collects the answers of a pass, in the order of the decisions."""

    answers: dict[int, list[Answer]] = dataclasses.field(
        default_factory=lambda: collections.defaultdict(list)
    )
    problems: list[Problem] = dataclasses.field(default_factory=list[Problem])
    asked: int = 0
    withdrawn: int = 0
    blocked: str = ''
    revokes: bool = False

    def add(self, relation_id: int, requirer: str, answer: Answer) -> None:
        """Take the answer to one request."""
        self.answers[relation_id].append(answer)
        record = answer.record
        if record.blocked and not self.blocked:
            self.blocked = record.message
        if record.message:
            retry_at = 0 if record.retry_at == ledger.NEVER else record.retry_at
            self.problems.append(Problem(requirer, record.message, retry_at))

    def take(self, decision: Keep | Withdraw | Ignore) -> None:
        """Take a decision in which no issuer has a part."""
        match decision:
            case Keep():
                self.add(decision.relation_id, decision.requirer, decision.answer)
            case Withdraw():
                self.withdrawn += 1
            case Ignore(complaint=complaint):
                self.problems.append(Problem(complaint.owner, complaint.message))

    def result(self, book: Ledger, now: datetime.datetime) -> Result:
        """Everything together; of the ledger, the records are those of the answers."""
        every = [answer for answers in self.answers.values() for answer in answers]
        served = [answer for answer in every if answer.entry and answer.serves]
        refused = sum(1 for answer in every if answer.refusal)
        ends = [answer.record.not_after for answer in served]
        records = {answer.key: answer.record for answer in every if answer.record != Record()}
        book = ledger.current(dataclasses.replace(book, records=records), now)
        summary = Summary(
            issued=len(served),
            superseded=sum(1 for one in served if one.record.generation != book.generation),
            pending=len(every) - len(served) - refused,
            refused=refused,
            problems=tuple(self.problems),
            first_expiry=min(ends, default=0),
            asked=self.asked,
            withdrawn=self.withdrawn,
            to_revoke=len(book.to_revoke),
            unrevoked=next((one.message for one in book.to_revoke if one.message), ''),
            revokes=self.revokes,
            blocked=self.blocked,
        )
        published = {
            relation_id: _published(answers) for relation_id, answers in self.answers.items()
        }
        return Result(published, book, summary)


def _published(answers: list[Answer]) -> wire.Answers:
    return wire.Answers(
        tuple(answer.entry for answer in answers if answer.entry),
        tuple(answer.refusal for answer in answers if answer.refusal),
    )
