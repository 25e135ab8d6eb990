"""Carries decisions out: asks the issuer, checks what came back, and gives the new answers.

One request at a time, inside a budget. Whatever the issuer does, the other requests are served,
and a certificate that serves stays published until a better one is there.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import logging
from typing import TYPE_CHECKING, TypeVar

from tls_provider import ledger, wire, x509
from tls_provider.issuer import ErrorCode, Issued, Pending, Rejected, Unavailable
from tls_provider.ledger import Ledger, Record
from tls_provider.plan import Ask, Ignore, Keep, Refuse, Withdraw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tls_provider.issuer import Issuer, Outcome, Request
    from tls_provider.plan import Answer, Decision

logger = logging.getLogger(__name__)

NOTICE = 0.1
"""Share of a certificate's life before its end at which older requirers should renew."""


@dataclasses.dataclass(frozen=True)
class Problem:
    """A request that is not answered by a certificate of the authority in force, and why."""

    requirer: str
    message: str


@dataclasses.dataclass(frozen=True)
class Summary:
    """What a pass came to; counts are of requests."""

    issued: int = 0
    pending: int = 0
    refused: int = 0
    problems: tuple[Problem, ...] = ()
    first_expiry: int = 0
    """When the first of the published certificates ends, in seconds since the epoch; 0: none."""
    asked: int = 0
    """Requests for which the issuer was asked in this pass."""
    withdrawn: int = 0


@dataclasses.dataclass(frozen=True)
class Result:
    """What is to be written after a pass."""

    answers: Mapping[int, wire.Answers]
    """By relation; a relation that is missing has no answers."""
    book: Ledger
    summary: Summary


def hold(decisions: Iterable[Decision], generation: str) -> Result:
    """The result of a pass without an issuer: what is published stands, what left is withdrawn."""
    tally = _Tally()
    for decision in decisions:
        match decision:
            case Keep() | Withdraw() | Ignore():
                tally.take(decision)
            case Ask() | Refuse():
                raise ValueError('decided with an issuer, to be carried out without one')
    return tally.result(generation)


@dataclasses.dataclass(frozen=True)
class Engine:
    """One pass with an issuer."""

    issuer: Issuer
    settings: str
    """Fingerprint of all that could change an answer."""
    clock: Callable[[], datetime.datetime]
    budget: datetime.timedelta
    """No request is begun after this time, so that a hook stays short; the rest waits."""

    def carry_out(self, decisions: Iterable[Decision]) -> Result:
        """The answers and the ledger after the pass."""
        decisions = tuple(decisions)
        answered = self._ask_all([one for one in decisions if isinstance(one, Ask)])
        tally = _Tally()
        for decision in decisions:
            match decision:
                case Keep() | Withdraw() | Ignore():
                    tally.take(decision)
                case Refuse():
                    answer = self._refused(decision.answer, decision.csr, decision.rejected)
                    tally.add(decision.relation_id, decision.requirer, answer)
                case Ask():
                    answer, asked = answered[decision.answer.key]
                    tally.asked += asked
                    tally.add(decision.relation_id, decision.request.requirer, answer)
        return tally.result(self.issuer.generation)

    def _ask_all(self, asks: list[Ask]) -> dict[str, tuple[Answer, bool]]:
        """The new answer by key, and whether the issuer was asked for it."""
        answered: dict[str, tuple[Answer, bool]] = {}
        deadline = self.clock() + self.budget
        unavailable: Unavailable | None = None
        # Those that failed least go first: nobody is starved by a request that always takes long.
        for ask in sorted(asks, key=lambda ask: ask.answer.record.attempts):
            left = deadline - self.clock()
            answer, asked = ask.answer, False
            if unavailable:
                answer = self._unavailable(answer, ask.request, unavailable)
            elif left <= datetime.timedelta(0):
                answer = _noted(answer, 'waits for the next event: this one took its time')
            else:
                outcome, asked = self._issue(ask.request, left), True
                answer = self._react(ask.request, answer, outcome)
                unavailable = outcome if isinstance(outcome, Unavailable) else None
            answered[answer.key] = answer, asked
        return answered

    def _issue(self, request: Request, timeout: datetime.timedelta) -> Outcome | None:
        """The issuer's outcome, None where it broke or gave a certificate for something else."""
        try:
            outcome = self.issuer.issue(request, timeout=timeout)
            problem = self._problem(request, outcome) if isinstance(outcome, Issued) else None
        except Exception:  # a bug of the backend costs this request alone
            logger.exception('the backend broke on a request of %s', request.requirer)
            return None
        if problem:
            logger.error('certificate for %s is not published: %s', request.requirer, problem)
            return None
        return outcome

    def _problem(self, request: Request, issued: Issued) -> str | None:
        return x509.mismatch(
            request.csr, issued.certificate, issued.chain, is_ca=request.is_ca, now=self.clock()
        )

    def _react(self, request: Request, answer: Answer, outcome: Outcome | None) -> Answer:
        match outcome:
            case Issued():
                return self._issued(request, answer, outcome)
            case Pending():
                record = dataclasses.replace(
                    answer.record,
                    retry_at=_seconds(outcome.retry_at, 0),
                    tried_under=self.settings,
                    message=outcome.message,
                )
                return dataclasses.replace(answer, record=record, refusal=None)
            case Rejected():
                return self._refused(answer, request.csr.pem, outcome)
            case Unavailable():
                return self._unavailable(answer, request, outcome)
            case None:
                message = 'the backend gave no usable certificate; see the log'
                record = ledger.failed(answer.record, message, self.settings, self.clock())
                return dataclasses.replace(answer, record=record)

    def _issued(self, request: Request, answer: Answer, issued: Issued) -> Answer:
        certificate = issued.certificate
        hours = (certificate.not_after - certificate.not_before) / datetime.timedelta(hours=1)
        entry = wire.Entry(
            csr=request.csr.pem,
            certificate=certificate.pem.strip(),
            ca=issued.chain[-1].pem.strip(),
            chain=tuple(one.pem.strip() for one in (certificate, *issued.chain)),
            notice_hours=int(hours * NOTICE),
        )
        record = ledger.issued(certificate, self.issuer.generation)
        return dataclasses.replace(answer, entry=entry, refusal=None, record=record, serves=True)

    def _refused(self, answer: Answer, csr: str, rejected: Rejected) -> Answer:
        retry_at = _seconds(rejected.retry_at, ledger.NEVER)
        return self._deny(answer, csr, rejected.code, rejected, retry_at)

    def _unavailable(self, answer: Answer, request: Request, outcome: Unavailable) -> Answer:
        """As a refusal, but the next attempt comes by itself."""
        retry_at = _seconds(outcome.retry_at, None)
        code = ErrorCode.SERVER_NOT_AVAILABLE
        return self._deny(answer, request.csr.pem, code, outcome, retry_at)

    def _deny(
        self,
        answer: Answer,
        csr: str,
        code: ErrorCode,
        outcome: Rejected | Unavailable,
        retry_at: int | None,
    ) -> Answer:
        """A certificate that serves stays; else the refusal is published in place of anything."""
        record = ledger.failed(
            answer.record, outcome.message, self.settings, self.clock(), retry_at
        )
        if answer.serves:
            return dataclasses.replace(answer, record=record)
        provider = self.issuer.capabilities.provider_type
        refusal = wire.Refusal(csr, code, outcome.message, outcome.reason, provider)
        return dataclasses.replace(answer, entry=None, refusal=refusal, record=record)


_Default = TypeVar('_Default', int, None)


def _seconds(time: datetime.datetime | None, default: _Default) -> int | _Default:
    return int(time.timestamp()) if time else default


def _noted(answer: Answer, message: str) -> Answer:
    return dataclasses.replace(answer, record=dataclasses.replace(answer.record, message=message))


@dataclasses.dataclass
class _Tally:
    """Collects the answers of a pass, in the order of the decisions."""

    answers: dict[int, list[Answer]] = dataclasses.field(
        default_factory=lambda: collections.defaultdict(list)
    )
    problems: list[Problem] = dataclasses.field(default_factory=list[Problem])
    asked: int = 0
    withdrawn: int = 0

    def add(self, relation_id: int, requirer: str, answer: Answer) -> None:
        self.answers[relation_id].append(answer)
        if answer.record.message:
            self.problems.append(Problem(requirer, answer.record.message))

    def take(self, decision: Keep | Withdraw | Ignore) -> None:
        """What an issuer has no part in."""
        match decision:
            case Keep():
                self.add(decision.relation_id, decision.requirer, decision.answer)
            case Withdraw():
                self.withdrawn += 1
            case Ignore(complaint=complaint):
                self.problems.append(Problem(complaint.owner, complaint.message))

    def result(self, generation: str) -> Result:
        every = [answer for answers in self.answers.values() for answer in answers]
        served = [answer for answer in every if answer.entry and answer.serves]
        refused = sum(1 for answer in every if answer.refusal)
        ends = [answer.record.not_after for answer in served]
        summary = Summary(
            issued=len(served),
            pending=len(every) - len(served) - refused,
            refused=refused,
            problems=tuple(self.problems),
            first_expiry=min(ends, default=0),
            asked=self.asked,
            withdrawn=self.withdrawn,
        )
        records = {answer.key: answer.record for answer in every if answer.record != Record()}
        published = {
            relation_id: _published(answers) for relation_id, answers in self.answers.items()
        }
        return Result(published, Ledger(generation, records), summary)


def _published(answers: list[Answer]) -> wire.Answers:
    return wire.Answers(
        tuple(answer.entry for answer in answers if answer.entry),
        tuple(answer.refusal for answer in answers if answer.refusal),
    )
