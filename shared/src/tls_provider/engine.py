"""Carries decisions out: asks the issuer, checks what came back, and gives the new answers.

Inside a budget, one request at a time or as many as the issuer allows. Whatever it does, the other
requests are served, and a certificate that serves stays published until a better one is there.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import logging
from concurrent import futures
from typing import TYPE_CHECKING, TypeVar, get_args

from tls_provider import ledger, revocation, wire, x509
from tls_provider.decision import Ask, Ignore, Keep, Refuse, Withdraw
from tls_provider.issuer import (
    ErrorCode,
    Issued,
    Outcome,
    Pending,
    Rejected,
    Revoker,
    Unavailable,
)
from tls_provider.revocation import Leaving
from tls_provider.summary import Tally
from tls_provider.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tls_provider.decision import Answer, Decision
    from tls_provider.issuer import Issuer, Request
    from tls_provider.ledger import Ledger, Record
    from tls_provider.summary import Result

logger = logging.getLogger(__name__)

NO_TURN = 'waits for the next event: this one took its time'
MAX_OUTAGE_WAIT = 300
"""Seconds until a backend that is out of reach is tried again at the latest."""
MAX_TEXT = 300
"""Characters of a backend's text in a refusal."""
NOTICE = 0.1
"""Share of a certificate's life before its end at which older requirers should renew."""


@dataclasses.dataclass(frozen=True)
class Engine:
    """One pass with an issuer."""

    issuer: Issuer
    settings: str
    """Fingerprint of all that could change an answer."""
    clock: Callable[[], datetime.datetime]
    budget: datetime.timedelta
    """No request is begun after this time, so that a hook stays short; the rest waits."""

    def carry_out(self, decisions: Iterable[Decision], book: Ledger) -> Result:
        """The answers and the ledger after the pass; `book` is the ledger before it."""
        decisions = tuple(decisions)
        deadline = self.clock() + self.budget
        # An issuer that gives what it has must not give once more what is to go.
        ordered = [one for decision in decisions if (one := _leaving(decision)) and one.ordered]
        if ordered:
            soon = self.clock() + self.budget / 4  # others wait meanwhile
            done = self._revoke(dataclasses.replace(book, to_revoke=()), ordered, soon)
            book = dataclasses.replace(done, to_revoke=(*book.to_revoke, *done.to_revoke))
        turns = self._ask_all([one for one in decisions if isinstance(one, Ask)], deadline)
        tally = Tally()
        for decision in decisions:
            match decision:
                case Keep() | Withdraw() | Ignore():
                    tally.take(decision)
                case Refuse():
                    tally.add(decision.relation_id, decision.requirer, self._refused(decision))
                case Ask():
                    answer = _marked(decision, turns.answers[decision.answer.key])
                    tally.add(decision.relation_id, decision.request.requirer, answer)
        tally.asked = turns.asked
        book = dataclasses.replace(book, generation=self.issuer.generation)
        tally.revokes = isinstance(self.issuer, Revoker)
        withdrawn = [
            one for decision in decisions if (one := _leaving(decision)) and not one.ordered
        ]
        book = self._revoke(book, withdrawn, deadline)
        return tally.result(book, self.clock())

    def _revoke(self, book: Ledger, leaving: list[Leaving], deadline: datetime.datetime) -> Ledger:
        if not isinstance(self.issuer, Revoker):
            return dataclasses.replace(book, to_revoke=())
        due = [one for one in leaving if one.ordered or self.issuer.revokes_withdrawn]
        return revocation.revoke(self.issuer, book, due, self.clock, deadline)

    def _ask_all(self, asks: list[Ask], deadline: datetime.datetime) -> Turns:
        """Ask for each in turn, or for several at once where the issuer allows it."""
        # Those that had no turn go first, then those that failed least: nobody is starved by a
        # request that always takes long.
        asks = sorted(asks, key=_rank)
        turns = Turns(collections.deque(asks))
        workers = min(self.issuer.capabilities.parallel, len(asks))
        if workers < 2:
            self._work(turns, deadline)
            return turns
        with futures.ThreadPoolExecutor(workers) as pool:
            running = [pool.submit(self._work, turns, deadline) for _ in range(workers)]
        for worker in running:
            worker.result()
        return turns

    def _work(self, turns: Turns, deadline: datetime.datetime) -> None:
        """Take requests from the queue until it is empty."""
        while (ask := turns.next()) is not None:
            try:
                turns.answers[ask.answer.key] = self._take_turn(turns, ask, deadline)
            finally:
                turns.done(ask)

    def _take_turn(self, turns: Turns, ask: Ask, deadline: datetime.datetime) -> Answer:
        left = deadline - self.clock()
        if turns.unavailable:
            return self._unavailable(ask.answer, ask.request, turns.unavailable, asked=False)
        if left <= datetime.timedelta(0):
            record = ledger.noted(ask.answer.record, NO_TURN)
            return self._without_stale_refusal(dataclasses.replace(ask.answer, record=record))
        outcome = self.issue(ask.request, left)
        turns.note(outcome)
        return self._react(ask.request, ask.answer, outcome)

    def issue(self, request: Request, timeout: datetime.timedelta) -> Outcome | None:
        """The issuer's outcome, None where it broke or gave a certificate for something else."""
        try:
            outcome = self.issuer.issue(request, timeout=timeout)
            problem = self._problem(request, outcome) if isinstance(outcome, Issued) else None
            if not isinstance(outcome, get_args(Outcome)):
                raise TypeError(f'not an outcome: {outcome!r:.80}')
        except Exception:  # a bug of the backend costs this request alone
            logger.exception('the backend broke on a request of %s', request.requirer)
            return None
        if problem:
            logger.error('certificate for %s is not published: %s', request.requirer, problem)
            return None
        return outcome

    def _problem(self, request: Request, issued: Issued) -> str | None:
        return x509.mismatch(
            request.csr,
            issued.certificate,
            issued.chain,
            is_ca=request.is_ca,
            now=self.clock(),
            more_names=self.issuer.capabilities.more_names,
        )

    def _react(self, request: Request, answer: Answer, outcome: Outcome | None) -> Answer:
        match outcome:
            case Issued():
                return self._issued(request, answer, outcome)
            case Pending():
                retry_at = _seconds(outcome.retry_at, 0)
                record = ledger.pending(
                    answer.record, outcome.message, self.settings, self.clock(), retry_at
                )
                return dataclasses.replace(answer, record=record, refusal=None)
            case Rejected():
                retry_at = _seconds(outcome.retry_at, ledger.NEVER)
                if outcome.transient:
                    retry_at = max(self._later(answer.record), _seconds(outcome.retry_at, 0))
                record = self._failed(answer.record, outcome.message, retry_at)
                return self._deny(answer, request.csr.pem, outcome.code, outcome, record)
            case Unavailable():
                return self._unavailable(answer, request, outcome)
            case None:
                message = 'the backend gave no usable certificate; see the log'
                answer = self._without_stale_refusal(answer)
                record = self._failed(answer.record, message, None)
                return dataclasses.replace(answer, record=record)

    def _issued(self, request: Request, answer: Answer, issued: Issued) -> Answer:
        certificate = issued.certificate
        hours = (certificate.not_after - certificate.not_before) / datetime.timedelta(hours=1)
        entry = wire.Entry(
            csr=request.csr.pem,
            certificate=certificate.pem.strip(),
            ca=issued.chain[-1].pem.strip(),
            chain=tuple(one.pem.strip() for one in (certificate, *issued.chain)),
            notice_hours=max(1, int(hours * NOTICE)),
        )
        record = ledger.issued(certificate, self.issuer.generation)
        return dataclasses.replace(answer, entry=entry, refusal=None, record=record, serves=True)

    def _refused(self, decision: Refuse) -> Answer:
        """The answer to a request that the issuer was not asked for."""
        answer, rejected = decision.answer, decision.rejected
        if decision.standing:
            record = self._failed(answer.record, rejected.message, ledger.NEVER)
        else:
            record = ledger.noted(answer.record, rejected.message)
        return self._deny(answer, decision.csr, rejected.code, rejected, record)

    def _unavailable(
        self, answer: Answer, request: Request, outcome: Unavailable, *, asked: bool = True
    ) -> Answer:
        """As a refusal, but the next attempt comes by itself, and soon.

        One request is enough to find that the backend is there again. Those that were not asked
        have not failed.
        """
        attempts = answer.record.attempts
        wait = min(ledger.backoff(attempts if asked else 0), MAX_OUTAGE_WAIT)
        soon = int(self.clock().timestamp()) + wait
        retry_at = _seconds(outcome.retry_at, soon)
        record = self._failed(answer.record, outcome.message, retry_at, blocked=outcome.blocked)
        if not asked:
            record = dataclasses.replace(record, attempts=attempts)
        if outcome.blocked:
            return dataclasses.replace(self._without_stale_refusal(answer), record=record)
        code = ErrorCode.SERVER_NOT_AVAILABLE
        return self._deny(answer, request.csr.pem, code, outcome, record)

    def _later(self, record: Record) -> int:
        return int(self.clock().timestamp()) + ledger.backoff(record.attempts)

    def _without_stale_refusal(self, answer: Answer) -> Answer:
        """A refusal under other settings does not stand only because the backend is broken."""
        stale = answer.record.tried_under not in {'', self.settings}
        return dataclasses.replace(answer, refusal=None) if stale else answer

    def _failed(
        self, record: Record, message: str, retry_at: int | None, *, blocked: bool = False
    ) -> Record:
        now = self.clock()
        return ledger.failed(record, message, self.settings, now, retry_at, blocked=blocked)

    def _deny(
        self,
        answer: Answer,
        csr: str,
        code: ErrorCode,
        outcome: Rejected | Unavailable,
        record: Record,
    ) -> Answer:
        """A certificate that serves stays; else the refusal is published in place of anything."""
        if answer.serves:
            return dataclasses.replace(answer, record=record)
        backend = self.issuer.capabilities
        message, reason, endpoint = (
            x509.printable(text, MAX_TEXT)
            for text in (outcome.message, outcome.reason, backend.endpoint)
        )
        refusal = wire.Refusal(csr, code, message, reason, backend.provider_type, endpoint)
        return dataclasses.replace(answer, entry=None, refusal=refusal, record=record)


def _rank(ask: Ask) -> tuple[bool, int]:
    return ask.answer.record.message != NO_TURN, ask.answer.record.attempts


def _leaving(decision: Decision) -> Leaving | None:
    """The certificate that a decision gives up."""
    match decision:
        case Withdraw(entry=entry, record=record, ordered=ordered):
            return Leaving(entry, record, ordered)
        case Ask(answer=answer) | Refuse(answer=answer):
            if answer.entry is None or not answer.revoke:
                return None
            return Leaving(answer.entry, answer.record, True)
        case Keep() | Ignore():
            return None


def _marked(ask: Ask, answer: Answer) -> Answer:
    """The answer, with a certificate that was to be revoked shown as such if it is still there.

    So that requirers stop using it, and no later pass takes it for one that serves.
    """
    if not ask.answer.revoke or answer.entry is None or answer.entry != ask.answer.entry:
        return answer
    return dataclasses.replace(answer, entry=dataclasses.replace(answer.entry, revoked=True))


_Default = TypeVar('_Default', int, None)


def _seconds(time: datetime.datetime | None, default: _Default) -> int | _Default:
    return int(time.timestamp()) if time else default
