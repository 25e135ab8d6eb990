"""What each outcome comes to, and that nothing an issuer does harms another request."""

from __future__ import annotations

import dataclasses
import datetime
import threading
from collections.abc import Callable, Mapping

import pytest
from cryptography import x509 as c509

from tls_provider import ledger, policy, wire, x509
from tls_provider.decision import Ask, Decision, Ignore, Keep, Withdraw
from tls_provider.engine import Engine
from tls_provider.issuer import (
    Capabilities,
    ErrorCode,
    Issued,
    Issuer,
    Outcome,
    Pending,
    Rejected,
    Request,
    Unavailable,
)
from tls_provider.ledger import Ledger, Record
from tls_provider.plan import Authority, Orders, Relation, plan
from tls_provider.summary import Problem, Result, Summary, hold
from tls_provider.wire import Answers, Complaint, Entry, Refusal, Submission

Make = Callable[..., str]
Sign = Callable[..., x509.Certificate]

BUDGET = datetime.timedelta(minutes=2)
HOUR = datetime.timedelta(hours=1)


class Clock:
    """A time that passes only when it is told to."""

    def __init__(self, now: datetime.datetime):
        self.now = now

    def __call__(self) -> datetime.datetime:
        return self.now


class Script:
    """An issuer whose outcome for each request is written down; any other request fails."""

    capabilities = Capabilities('script')
    generation = 'gen'
    settings = 'settings'
    trust_anchors = ()

    def __init__(
        self,
        clock: Clock,
        outcomes: Mapping[str, Outcome | Exception],
        takes: datetime.timedelta = datetime.timedelta(0),
    ):
        self._clock = clock
        self._outcomes = dict(outcomes)
        self._takes = takes
        self.asked: list[str] = []
        self.timeouts: list[datetime.timedelta] = []

    def issue(self, request: Request, *, timeout: datetime.timedelta) -> Outcome:
        self.asked.append(request.csr.pem)
        self.timeouts.append(timeout)
        self._clock.now += self._takes
        outcome = self._outcomes.pop(request.csr.pem)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@pytest.fixture
def csr(make_request: Make) -> str:
    return make_request('a.example')


@pytest.fixture
def other(make_request: Make) -> str:
    return make_request('b.example')


@pytest.fixture
def clock(now: datetime.datetime) -> Clock:
    return Clock(now)


def _plan(
    relation: Relation, book: Ledger, now: datetime.datetime, settings: str = 'settings'
) -> tuple[Decision, ...]:
    rules = policy.rules(Script.capabilities)
    return plan([relation], book, Authority('gen', settings, rules, None, frozenset[str]), now)


def _relation(*csrs: str, entries: tuple[Entry, ...] = ()) -> Relation:
    submissions = tuple(Submission(csr, False, f'kafka/{n}') for n, csr in enumerate(csrs))
    return Relation(1, submissions, (), Answers(entries))


def _run(
    script: Script,
    clock: Clock,
    *csrs: str,
    entries: tuple[Entry, ...] = (),
    book: Ledger | None = None,
) -> Result:
    relation = _relation(*csrs, entries=entries)
    decisions = _plan(relation, book or Ledger(), clock())
    return Engine(script, 'settings', clock, BUDGET).carry_out(decisions, book or Ledger())


def _record(result: Result, csr: str) -> Record:
    return result.book.records[ledger.key(1, csr, False)]


class Served:
    """A certificate of an older authority that serves, and the ledger that knows it."""

    def __init__(self, csr: str, sign: Sign, root: Sign):
        certificate = sign(csr, by='two')
        chain = (certificate.pem, root('two').pem)
        self.entry = Entry(csr, certificate.pem, root('two').pem, chain)
        self.record = ledger.issued(certificate, 'old')
        self.book = Ledger('old', {ledger.key(1, csr, False): self.record})


@pytest.fixture
def served(csr: str, sign: Sign, root: Sign) -> Served:
    return Served(csr, sign, root)


def test_a_script_is_an_issuer(clock: Clock):
    issuer: Issuer = Script(clock, {})

    assert isinstance(issuer, Issuer)


def test_nothing_comes_of_nothing(clock: Clock):
    result = _run(Script(clock, {}), clock)

    assert result == Result({}, Ledger('gen'), Summary())


def test_a_certificate_is_published_with_its_chain(csr: str, clock: Clock, sign: Sign, root: Sign):
    certificate = sign(csr, life=datetime.timedelta(days=90))

    result = _run(Script(clock, {csr: Issued(certificate, (root(),))}), clock, csr)

    leaf, ca = certificate.pem.strip(), root().pem.strip()
    entry = Entry(csr, leaf, ca, (leaf, ca), notice_hours=216)
    assert result.answers == {1: Answers((entry,))}
    assert result.book == Ledger(
        'gen', {ledger.key(1, csr, False): ledger.issued(certificate, 'gen')}
    )
    end = int(certificate.not_after.timestamp())
    assert result.summary == Summary(issued=1, asked=1, first_expiry=end)


def test_the_last_of_the_chain_is_the_ca(csr: str, clock: Clock, sign: Sign, root: Sign):
    certificate = sign(csr)

    result = _run(Script(clock, {csr: Issued(certificate, (root(), root()))}), clock, csr)

    [entry] = result.answers[1].entries
    assert entry.chain == tuple(one.pem.strip() for one in (certificate, root(), root()))
    assert entry.ca == entry.chain[-1]


def test_a_certificate_ends_a_row_of_failures(csr: str, clock: Clock, sign: Sign, root: Sign):
    book = Ledger('gen', {ledger.key(1, csr, False): Record(attempts=4, message='down')})

    result = _run(Script(clock, {csr: Issued(sign(csr), (root(),))}), clock, csr, book=book)

    assert _record(result, csr).attempts == 0
    assert result.summary.problems == ()


def test_a_pending_request_has_no_answer_and_is_asked_again_at_every_event(csr: str, clock: Clock):
    result = _run(Script(clock, {csr: Pending('awaits approval')}), clock, csr)

    assert result.answers == {1: Answers()}
    assert result.summary == Summary(
        pending=1, problems=(Problem('kafka/0', 'awaits approval'),), asked=1
    )
    assert isinstance(_plan(_relation(csr), result.book, clock())[0], Ask)


def test_a_pending_request_waits_for_the_time_that_was_named(csr: str, clock: Clock):
    outcome = Pending('awaits approval', retry_at=clock() + HOUR)

    result = _run(Script(clock, {csr: outcome}), clock, csr)

    assert _record(result, csr).retry_at == int((clock() + HOUR).timestamp())


def test_a_pending_request_has_no_refusal_any_more(csr: str, clock: Clock):
    refused = Answers((), (Refusal(csr, 102, 'no'),))
    relation = dataclasses.replace(_relation(csr), published=refused)
    script = Script(clock, {csr: Pending('awaits approval')})

    result = Engine(script, 'settings', clock, BUDGET).carry_out(
        _plan(relation, Ledger(), clock()), Ledger()
    )

    assert result.answers == {1: Answers()}


def test_a_refusal_is_published_and_final(csr: str, clock: Clock):
    outcome = Rejected(ErrorCode.DOMAIN_NOT_ALLOWED, 'not this', 'policy 7')

    result = _run(Script(clock, {csr: outcome}), clock, csr)

    assert result.answers == {
        1: Answers((), (Refusal(csr, 102, 'not this', 'policy 7', 'script'),))
    }
    assert _record(result, csr).retry_at == ledger.NEVER
    assert result.summary == Summary(
        refused=1, problems=(Problem('kafka/0', 'not this'),), asked=1
    )


def test_a_refusal_with_a_time_is_not_final(csr: str, clock: Clock):
    outcome = Rejected(ErrorCode.OTHER, 'quota', retry_at=clock() + HOUR)

    result = _run(Script(clock, {csr: outcome}), clock, csr)

    assert _record(result, csr).retry_at == int((clock() + HOUR).timestamp())


def test_a_refusal_that_may_pass_is_tried_again_at_growing_intervals(csr: str, clock: Clock):
    outcome = Rejected(ErrorCode.OTHER, 'no TXT record', transient=True)
    book, waits = Ledger(), list[int]()

    for _ in range(4):
        result = _run(Script(clock, {csr: outcome}), clock, csr, book=book)
        book = result.book
        waits.append(_record(result, csr).retry_at - int(clock().timestamp()))
        clock.now += datetime.timedelta(seconds=waits[-1])
        assert [refusal.code for refusal in result.answers[1].refusals] == [999]

    assert waits == [60 * minutes for minutes in ledger.BACKOFF[:4]]


def test_a_refusal_that_may_pass_waits_as_long_as_the_backend_says(csr: str, clock: Clock):
    outcome = Rejected(
        ErrorCode.SERVER_NOT_AVAILABLE, 'limit', transient=True, retry_at=clock() + HOUR
    )

    result = _run(Script(clock, {csr: outcome}), clock, csr)

    assert _record(result, csr).retry_at == int((clock() + HOUR).timestamp())


def test_a_request_that_breaks_a_rule_is_refused_without_asking(make_request: Make, clock: Clock):
    bad = make_request('a b')

    result = _run(Script(clock, {}), clock, bad)

    [refusal] = result.answers[1].refusals
    assert (refusal.csr, refusal.code) == (bad, 102)
    assert result.summary.asked == 0


def test_an_unavailable_backend_is_not_asked_again_in_the_pass(csr: str, other: str, clock: Clock):
    script = Script(clock, {csr: Unavailable('vault is sealed', 'sealed')})

    result = _run(script, clock, csr, other)

    assert script.asked == [csr]
    assert result.answers == {
        1: Answers(
            (),
            tuple(
                Refusal(one, 201, 'vault is sealed', 'sealed', 'script') for one in (csr, other)
            ),
        )
    }
    waits = {_record(result, one).retry_at - int(clock().timestamp()) for one in (csr, other)}
    assert waits == {60}


def test_an_unavailable_backend_is_asked_again_when_it_said(csr: str, clock: Clock):
    outcome = Unavailable('vault is sealed', retry_at=clock() + HOUR)

    result = _run(Script(clock, {csr: outcome}), clock, csr)

    assert _record(result, csr).retry_at == int((clock() + HOUR).timestamp())


def test_an_exception_costs_its_request_alone(
    csr: str, other: str, clock: Clock, sign: Sign, root: Sign, caplog: pytest.LogCaptureFixture
):
    outcomes = {csr: RuntimeError('bug'), other: Issued(sign(other), (root(),))}

    result = _run(Script(clock, outcomes), clock, csr, other)

    assert [entry.csr for entry in result.answers[1].entries] == [other]
    assert result.answers[1].refusals == ()
    assert (result.summary.issued, result.summary.pending) == (1, 1)
    assert _record(result, csr).retry_at == int(clock().timestamp()) + 60
    assert 'the backend broke on a request of kafka/0' in caplog.text


@pytest.mark.parametrize(
    ('arguments', 'reason'),
    [
        ({'key': 'p256/second'}, 'another key'),
        ({'by': 'two'}, 'not in order'),
        ({'is_ca': True}, 'is a CA certificate'),
        ({'names': ()}, 'names'),
        ({'life': datetime.timedelta(hours=1)}, 'not valid now'),
    ],
)
def test_a_certificate_for_something_else_is_not_published(
    arguments: dict[str, object],
    reason: str,
    csr: str,
    clock: Clock,
    sign: Sign,
    root: Sign,
    caplog: pytest.LogCaptureFixture,
):
    wrong = Issued(sign(csr, **arguments), (root(),))

    result = _run(Script(clock, {csr: wrong}), clock, csr)

    assert result.answers == {1: Answers()}
    assert reason in caplog.text
    assert 'no usable certificate' in result.summary.problems[0].message


@pytest.mark.parametrize(
    'outcome',
    [
        Rejected(ErrorCode.OTHER, 'no'),
        Unavailable('down'),
        Pending('waits'),
        RuntimeError('bug'),
    ],
    ids=lambda outcome: type(outcome).__name__,
)
def test_a_certificate_that_serves_stays_until_a_better_one_is_there(
    outcome: Outcome | Exception, csr: str, served: Served, clock: Clock
):
    script = Script(clock, {csr: outcome})

    result = _run(script, clock, csr, entries=(served.entry,), book=served.book)

    assert script.asked == [csr]
    assert result.answers == {1: Answers((served.entry,))}
    assert _record(result, csr).generation == 'old'
    assert _record(result, csr).attempts == (not isinstance(outcome, Pending))
    assert result.summary.issued == 1
    assert len(result.summary.problems) == 1


def test_a_certificate_that_serves_is_replaced_by_a_better_one(
    csr: str, served: Served, clock: Clock, sign: Sign, root: Sign
):
    certificate = sign(csr)
    script = Script(clock, {csr: Issued(certificate, (root(),))})

    result = _run(script, clock, csr, entries=(served.entry,), book=served.book)

    [entry] = result.answers[1].entries
    assert entry.certificate == certificate.pem.strip()


@pytest.mark.parametrize(
    'outcome', [Rejected(ErrorCode.OTHER, 'no'), Unavailable('down')], ids=['rejected', 'down']
)
def test_a_certificate_that_does_not_serve_gives_way_to_a_refusal(
    outcome: Outcome, csr: str, served: Served, clock: Clock
):
    entry = dataclasses.replace(served.entry, revoked=True)

    result = _run(Script(clock, {csr: outcome}), clock, csr, entries=(entry,), book=served.book)

    assert result.answers[1].entries == ()
    assert [refusal.csr for refusal in result.answers[1].refusals] == [csr]


def test_a_request_has_never_both_a_certificate_and_a_refusal(
    csr: str, clock: Clock, sign: Sign, root: Sign
):
    relation = dataclasses.replace(
        _relation(csr), published=Answers((), (Refusal(csr, 102, 'no'),))
    )
    script = Script(clock, {csr: Issued(sign(csr), (root(),))})

    result = Engine(script, 'settings', clock, BUDGET).carry_out(
        _plan(relation, Ledger(), clock()), Ledger()
    )

    assert len(result.answers[1].entries) == 1
    assert result.answers[1].refusals == ()


@pytest.mark.parametrize('with_key', [True, False])
def test_a_request_has_no_refusal_beside_its_certificate_for_a_malformed_copy(
    with_key: bool,
    csr: str,
    other: str,
    private_key: str,
    clock: Clock,
    sign: Sign,
    root: Sign,
):
    script = Script(clock, {csr: Issued(sign(csr), (root(),))})
    malformed = f'{csr}\n{private_key if with_key else other}'

    result = _run(script, clock, csr, malformed)

    # Requirers compare what they load, which is the first request of a text.
    load = c509.load_pem_x509_csr
    refused = [load(refusal.csr.encode()) for refusal in result.answers[1].refusals]
    assert load(csr.encode()) not in refused


def test_approval_that_takes_long_does_not_lengthen_the_waits(csr: str, clock: Clock):
    book = Ledger()
    for _ in range(9):
        book = _run(Script(clock, {csr: Pending('awaits approval')}), clock, csr, book=book).book

    result = _run(Script(clock, {csr: Unavailable('down')}), clock, csr, book=book)

    assert _record(result, csr).retry_at == int(clock().timestamp()) + 60


def test_requests_beyond_the_budget_wait_for_the_next_event(
    make_request: Make, clock: Clock, sign: Sign, root: Sign
):
    csrs = [make_request(f'{name}.example') for name in 'abcd']
    outcomes = {csr: Issued(sign(csr), (root(),)) for csr in csrs}
    script = Script(clock, outcomes, takes=datetime.timedelta(seconds=50))

    result = _run(script, clock, *csrs)

    assert script.asked == csrs[:3]
    assert [timeout.total_seconds() for timeout in script.timeouts] == [120, 70, 20]
    assert (result.summary.issued, result.summary.pending) == (3, 1)
    assert 'waits for the next event' in result.summary.problems[0].message
    assert isinstance(_plan(_relation(csrs[3]), result.book, clock())[0], Ask)


def test_those_that_failed_least_are_asked_first(
    csr: str, other: str, clock: Clock, sign: Sign, root: Sign
):
    book = Ledger('gen', {ledger.key(1, csr, False): Record(attempts=2)})
    outcomes = {one: Issued(sign(one), (root(),)) for one in (csr, other)}
    script = Script(clock, outcomes)

    _run(script, clock, csr, other, book=book)

    assert script.asked == [other, csr]


def test_what_left_is_withdrawn_and_forgotten(csr: str, served: Served, clock: Clock):
    result = _run(Script(clock, {}), clock, entries=(served.entry,), book=served.book)

    assert result == Result({}, Ledger('gen'), Summary(withdrawn=1))


def test_what_stands_is_neither_asked_nor_changed(csr: str, served: Served, clock: Clock):
    record = dataclasses.replace(served.record, generation='gen')
    book = Ledger('gen', {ledger.key(1, csr, False): record})

    result = _run(Script(clock, {}), clock, csr, entries=(served.entry,), book=book)

    assert result.answers == {1: Answers((served.entry,))}
    assert result.book == book


def test_what_cannot_be_answered_is_a_problem(clock: Clock):
    result = _run(Script(clock, {}), clock, 'junk')

    assert result.answers == {}
    assert result.summary.problems == (Problem('kafka/0', 'no PEM text'),)
    assert result.book.records == {}


def test_the_first_expiry_is_the_earliest(
    csr: str, other: str, clock: Clock, sign: Sign, root: Sign
):
    sooner = sign(other, life=datetime.timedelta(days=30))
    outcomes = {csr: Issued(sign(csr), (root(),)), other: Issued(sooner, (root(),))}

    result = _run(Script(clock, outcomes), clock, csr, other)

    assert result.summary.first_expiry == int(sooner.not_after.timestamp())


class TestHold:
    def test_what_is_published_stands(self, csr: str, served: Served, now: datetime.datetime):
        relation = _relation(csr, entries=(served.entry,))

        result = hold(plan([relation], served.book, None, now), served.book, now)

        assert result.answers == {1: Answers((served.entry,))}
        assert result.book == served.book
        assert result.summary.issued == 1

    def test_what_left_is_withdrawn(self, served: Served, now: datetime.datetime):
        result = hold([Withdraw(1, served.entry, served.record)], served.book, now)

        assert result.answers == {}
        assert result.book.records == {}
        assert [one.undecided for one in result.book.to_revoke] == [True]
        assert result.summary == Summary(withdrawn=1, to_revoke=1)

    def test_complaints_are_problems(self, now: datetime.datetime):
        result = hold([Ignore(1, Complaint('kafka/0', 'no'))], Ledger('old'), now)

        assert result.summary.problems == (Problem('kafka/0', 'no'),)

    def test_a_new_request_is_pending(self, csr: str, now: datetime.datetime):
        result = hold(plan([_relation(csr)], Ledger(), None, now), Ledger(), now)

        assert result == Result({1: Answers()}, Ledger(), Summary(pending=1))

    def test_decisions_of_an_authority_are_a_bug(self, csr: str, now: datetime.datetime):
        with pytest.raises(ValueError, match='decided with an issuer'):
            hold(_plan(_relation(csr), Ledger(), now), Ledger(), now)


def test_a_second_pass_over_the_first_changes_nothing(
    csr: str, other: str, make_request: Make, clock: Clock, sign: Sign, root: Sign
):
    csrs = (csr, other, make_request('a b'), 'junk')
    outcomes = {csr: Issued(sign(csr), (root(),)), other: Unavailable('down')}
    first = _run(Script(clock, outcomes), clock, *csrs)

    relation = dataclasses.replace(_relation(*csrs), published=first.answers[1])
    second = Engine(Script(clock, {}), 'settings', clock, BUDGET).carry_out(
        _plan(relation, first.book, clock()), first.book
    )

    assert wire.write_answers(second.answers[1]) == wire.write_answers(first.answers[1])
    assert second.book == first.book


def test_a_second_pass_over_a_private_key_changes_nothing(
    csr: str, private_key: str, clock: Clock
):
    text = f'{csr}\n{private_key}'
    first = _run(Script(clock, {}), clock, text)

    relation = dataclasses.replace(_relation(text), published=first.answers[1])
    second = Engine(Script(clock, {}), 'settings', clock, BUDGET).carry_out(
        _plan(relation, first.book, clock()), first.book
    )

    assert second.book == first.book


def test_a_certificate_without_a_chain_costs_its_request_alone(
    csr: str, other: str, clock: Clock, sign: Sign, root: Sign, caplog: pytest.LogCaptureFixture
):
    outcomes = {csr: Issued(sign(csr), ()), other: Issued(sign(other), (root(),))}

    result = _run(Script(clock, outcomes), clock, csr, other)

    assert [entry.csr for entry in result.answers[1].entries] == [other]
    assert 'the chain is empty' in caplog.text
    assert _record(result, csr).retry_at == int(clock().timestamp()) + 60


@pytest.mark.parametrize('damaged', ['leaf', 'chain'])
def test_what_cannot_even_be_checked_costs_its_request_alone(
    damaged: str,
    csr: str,
    other: str,
    clock: Clock,
    sign: Sign,
    root: Sign,
    caplog: pytest.LogCaptureFixture,
):
    leaf, ca = sign(csr), root()
    # A time without a zone cannot be compared with one that has it.
    if damaged == 'leaf':
        leaf = dataclasses.replace(leaf, not_before=leaf.not_before.replace(tzinfo=None))
    else:
        ca = dataclasses.replace(ca, not_before=ca.not_before.replace(tzinfo=None))
    outcomes = {csr: Issued(leaf, (ca,)), other: Issued(sign(other), (root(),))}

    result = _run(Script(clock, outcomes), clock, csr, other)

    assert [entry.csr for entry in result.answers[1].entries] == [other]
    assert 'the backend broke on a request of kafka/0' in caplog.text


def test_a_certificate_stays_through_passes_that_cannot_read_its_request(
    csr: str, served: Served, clock: Clock
):
    complaint = Complaint('kafka/0', 'not JSON', unreadable=True)
    record = dataclasses.replace(served.record, generation='gen')
    book = Ledger('gen', {ledger.key(1, csr, False): record})
    relation = Relation(1, (), (complaint,), Answers((served.entry,)))

    held = hold(plan([relation], book, None, clock()), book, clock())
    result = Engine(Script(clock, {}), 'settings', clock, BUDGET).carry_out(
        _plan(relation, held.book, clock()), held.book
    )

    for one in (held, result):
        assert one.answers == {1: Answers((served.entry,))}
        assert one.book == book
        assert one.summary.problems == (Problem('kafka/0', 'not JSON'),)


def test_a_second_pass_over_a_full_relation_changes_nothing(
    csr: str, other: str, served: Served, clock: Clock
):
    relation = _relation(csr, other, entries=(served.entry,))
    rules = policy.rules(Script.capabilities)
    authority = Authority('old', 'settings', rules, 1, frozenset[str])
    script = Script(clock, {})
    script.generation = 'old'
    engine = Engine(script, 'settings', clock, BUDGET)
    decisions = plan([relation], served.book, authority, clock())
    first = engine.carry_out(decisions, served.book)
    again = dataclasses.replace(relation, published=first.answers[1])

    second = engine.carry_out(plan([again], first.book, authority, clock()), first.book)

    [refusal] = first.answers[1].refusals
    assert (refusal.csr, refusal.code) == (other, 999)
    assert 'certificate-limit' in refusal.message
    assert first.answers[1].entries == (served.entry,)
    assert (second.answers, second.book) == (first.answers, first.book)
    assert script.asked == []


class Parallel(Script):
    """Answers only once as many requests as are allowed are asked at the same time."""

    capabilities = Capabilities('script', parallel=3)

    def __init__(self, clock: Clock, outcomes: Mapping[str, Outcome | Exception]):
        super().__init__(clock, outcomes)
        self.together = threading.Barrier(3, timeout=30)
        self.threads = set[int]()

    def issue(self, request: Request, *, timeout: datetime.timedelta) -> Outcome:
        self.together.wait()
        self.threads.add(threading.get_ident())
        return super().issue(request, timeout=timeout)


class Apart(Script):
    """Holds the first request until a given one was asked; two at once with the same name fail."""

    capabilities = Capabilities('script', parallel=3)
    last: str

    def __init__(self, clock: Clock, outcomes: Mapping[str, Outcome | Exception]):
        super().__init__(clock, outcomes)
        self.running = set[str]()
        self.came = threading.Event()

    def issue(self, request: Request, *, timeout: datetime.timedelta) -> Outcome:
        names = {name.value.lower().removeprefix('*.') for name in request.csr.names}
        assert self.running.isdisjoint(names)
        self.running |= names
        if request.csr.pem == self.last:
            self.came.set()
        assert self.came.wait(30)
        self.running -= names
        return super().issue(request, timeout=timeout)


class TestParallel:
    @pytest.fixture
    def csrs(self, make_request: Make) -> list[str]:
        return [make_request(f'n{number}.example') for number in range(6)]

    def test_requests_are_asked_at_once_and_each_has_its_own_answer(
        self, csrs: list[str], sign: Sign, root: Sign, clock: Clock
    ):
        outcomes: dict[str, Outcome | Exception] = {
            csr: Issued(sign(csr), (root(),)) for csr in csrs[:3]
        }
        outcomes |= {csrs[3]: Rejected(ErrorCode.OTHER, 'no'), csrs[4]: RuntimeError('bug')}
        outcomes |= {csrs[5]: Pending('waits')}
        script = Parallel(clock, outcomes)

        result = _run(script, clock, *csrs)

        assert len(script.threads) == 3
        assert sorted(script.asked) == sorted(csrs)
        assert [entry.csr for entry in result.answers[1].entries] == csrs[:3]
        assert [refusal.csr for refusal in result.answers[1].refusals] == [csrs[3]]
        assert result.summary.asked == 6
        assert (result.summary.issued, result.summary.pending) == (3, 2)

    def test_nobody_waits_for_a_backend_that_is_out_of_reach(self, csrs: list[str], clock: Clock):
        down = {csr: Unavailable('down') for csr in csrs}
        script = Parallel(clock, down)

        result = _run(script, clock, *csrs)

        assert len(script.asked) == 3
        assert [refusal.code for refusal in result.answers[1].refusals] == [201] * 6
        assert result.summary.asked == 3

    def test_requests_with_a_name_in_common_are_asked_one_after_another(
        self, make_request: Make, clock: Clock
    ):
        """And what shares nothing with them does not wait for them."""
        csrs = [make_request(*names) for names in (('a.b', 'c.d'), ('*.a.b',), ('C.d',), ('e.f',))]
        script = Apart(clock, {csr: Pending('waits') for csr in csrs})
        script.last = csrs[3]

        _run(script, clock, *csrs)

        assert sorted(script.asked) == sorted(csrs)
        assert script.asked.index(csrs[3]) <= 1

    def test_a_single_request_needs_no_thread(self, csr: str, clock: Clock):
        script = Script(clock, {csr: Pending('waits')})
        script.capabilities = Parallel.capabilities

        _run(script, clock, csr)

        assert script.asked == [csr]

    def test_what_kills_a_thread_kills_the_pass(self, csrs: list[str], clock: Clock):
        class Killed(BaseException):
            """As a signal would."""

        class Dying(Parallel):
            def issue(self, request: Request, *, timeout: datetime.timedelta) -> Outcome:
                del request, timeout
                raise Killed

        with pytest.raises(Killed):
            _run(Dying(clock, {}), clock, *csrs)


class TestWhatTheOperatorMustMend:
    def test_it_is_told_until_it_is_mended(self, csr: str, served: Served, clock: Clock):
        outcome = Unavailable('mount pki: permission denied', blocked=True)
        entries = (served.entry,)

        first = _run(Script(clock, {csr: outcome}), clock, csr, entries=entries, book=served.book)
        waits = _run(Script(clock, {}), clock, csr, entries=entries, book=first.book)
        clock.now += HOUR
        again = Script(clock, {csr: Unavailable('down')})
        mended = _run(again, clock, csr, entries=entries, book=waits.book)

        assert first.answers[1] == Answers(entries)
        assert first.summary.blocked == waits.summary.blocked == 'mount pki: permission denied'
        assert mended.summary.blocked == ''

    def test_requirers_are_told_nothing(self, csr: str, other: str, clock: Clock):
        outcome = Unavailable('the token is wrong', blocked=True)

        result = _run(Script(clock, {csr: outcome}), clock, csr, other)

        assert result.answers[1] == Answers()
        assert (result.summary.pending, result.summary.blocked) == (2, 'the token is wrong')


class Revoking(Script):
    """A script that revokes, too."""

    revokes_withdrawn = True

    def __init__(self, clock: Clock, outcomes: Mapping[str, Outcome | Exception]):
        super().__init__(clock, outcomes)
        self.revoked: list[int] = []

    def revoke(
        self, certificate: x509.Certificate, *, generation: str, timeout: datetime.timedelta
    ) -> None:
        del generation, timeout
        self.revoked.append(certificate.serial)


class TestRevocation:
    @staticmethod
    def _serial(served: Served) -> int:
        return x509.parse_certificate(served.entry.certificate).serial

    def test_what_is_withdrawn_is_revoked_where_the_authority_wants_that(
        self, served: Served, clock: Clock
    ):
        wanting, not_wanting = Revoking(clock, {}), Revoking(clock, {})
        not_wanting.revokes_withdrawn = False

        for script in (wanting, not_wanting):
            result = _run(script, clock, entries=(served.entry,), book=served.book)
            assert result.summary.withdrawn == 1

        assert wanting.revoked == [self._serial(served)]
        assert not_wanting.revoked == []

    def test_an_ordered_revocation_replaces_the_certificate(
        self, csr: str, served: Served, sign: Sign, root: Sign, clock: Clock
    ):
        key = ledger.key(1, csr, False)
        script = Revoking(clock, {csr: Issued(sign(csr), (root(),))})
        orders = Orders(revoke=frozenset({key}))
        rules = policy.rules(Script.capabilities)
        authority = Authority('gen', 'settings', rules, None, frozenset[str])
        relation = _relation(csr, entries=(served.entry,))
        decisions = plan([relation], served.book, authority, clock(), orders)

        result = Engine(script, 'settings', clock, BUDGET).carry_out(decisions, served.book)

        [entry] = result.answers[1].entries
        assert entry.certificate != served.entry.certificate
        assert script.revoked == [self._serial(served)]
        [revoked] = result.book.revoked
        assert (revoked.serial, revoked.generation) == (f'{self._serial(served):x}', 'old')

    @pytest.mark.parametrize('outcome', [Rejected(ErrorCode.OTHER, 'no'), Unavailable('down')])
    def test_a_certificate_that_is_to_be_revoked_goes_even_without_another(
        self, outcome: Outcome, csr: str, served: Served, clock: Clock
    ):
        key = ledger.key(1, csr, False)
        script = Revoking(clock, {csr: outcome})
        authority = Authority('old', 'settings', (), None, frozenset[str])
        relation = _relation(csr, entries=(served.entry,))
        orders = Orders(revoke=frozenset({key}))
        decisions = plan([relation], served.book, authority, clock(), orders)

        result = Engine(script, 'settings', clock, BUDGET).carry_out(decisions, served.book)

        assert result.answers[1].entries == ()
        assert [refusal.csr for refusal in result.answers[1].refusals] == [csr]
        assert script.revoked == [self._serial(served)]

    @pytest.mark.parametrize('outcome', [Pending('waits'), RuntimeError('bug')])
    def test_a_revoked_certificate_is_shown_as_such_until_there_is_another(
        self, outcome: Outcome | Exception, csr: str, served: Served, sign: Sign, root: Sign,
        clock: Clock,
    ):  # fmt: skip
        key = ledger.key(1, csr, False)
        authority = Authority('old', 'settings', (), None, frozenset[str])
        relation = _relation(csr, entries=(served.entry,))
        orders = Orders(revoke=frozenset({key}))
        decisions = plan([relation], served.book, authority, clock(), orders)
        engine = Engine(Revoking(clock, {csr: outcome}), 'settings', clock, BUDGET)
        first = engine.carry_out(decisions, served.book)
        clock.now += HOUR
        again = dataclasses.replace(relation, published=first.answers[1])

        decisions = plan([again], first.book, authority, clock())
        answer = Issued(sign(csr), (root(),))
        engine = Engine(Revoking(clock, {csr: answer}), 'settings', clock, BUDGET)
        second = engine.carry_out(decisions, first.book)

        assert first.answers[1].entries == (dataclasses.replace(served.entry, revoked=True),)
        assert first.summary.issued == 0
        [entry] = second.answers[1].entries
        assert not entry.revoked
        assert entry.certificate != served.entry.certificate

    def test_a_retry_asks_before_its_time(self, csr: str, clock: Clock):
        first = _run(Script(clock, {csr: Unavailable('down')}), clock, csr)
        key = ledger.key(1, csr, False)
        rules = policy.rules(Script.capabilities)
        authority = Authority('gen', 'settings', rules, None, frozenset[str])
        relation = _relation(csr)

        [waits] = plan([relation], first.book, authority, clock())
        [asked] = plan([relation], first.book, authority, clock(), Orders(retry=frozenset({key})))

        assert isinstance(waits, Keep)
        assert isinstance(asked, Ask)


@pytest.mark.parametrize('junk', [None, 'nonsense', 7])
def test_what_is_no_outcome_costs_that_request_alone(
    junk: object, csr: str, other: str, sign: Sign, root: Sign, clock: Clock
):
    outcomes = {csr: junk, other: Issued(sign(other), (root(),))}
    script = Script(clock, outcomes)  # type: ignore[arg-type]

    result = _run(script, clock, csr, other)

    assert [entry.csr for entry in result.answers[1].entries] == [other]
    assert _record(result, csr).attempts == 1


def test_those_that_had_no_turn_go_first(csr: str, other: str, clock: Clock):
    slow = {csr: Pending('waits'), other: Pending('waits')}
    first_script = Script(clock, slow, takes=BUDGET)
    first = _run(first_script, clock, csr, other)
    second_script = Script(clock, slow, takes=BUDGET)

    _run(second_script, clock, csr, other, book=first.book)

    assert (first_script.asked, second_script.asked) == ([csr], [other])


def test_who_was_not_asked_in_an_outage_has_not_failed(csr: str, other: str, clock: Clock):
    result = _run(Script(clock, {csr: Unavailable('down')}), clock, csr, other)
    for _ in range(9):
        clock.now += datetime.timedelta(minutes=5)
        asked, waiting = csr, other
        script = Script(clock, {other: Unavailable('down'), csr: Unavailable('down')})
        result = _run(script, clock, asked, waiting, book=result.book)

    second = int(clock().timestamp())
    for one in (csr, other):
        assert _record(result, one).retry_at <= second + 300


def test_a_refusal_of_other_settings_does_not_stand_while_the_backend_is_broken(
    csr: str, clock: Clock
):
    record = Record(retry_at=ledger.NEVER, tried_under='other settings', message='no')
    book = Ledger('gen', {ledger.key(1, csr, False): record})
    published = Answers((), (Refusal(csr, 102, 'no'),))
    relation = dataclasses.replace(_relation(csr), published=published)
    script = Script(clock, {csr: RuntimeError('bug')})

    decisions = _plan(relation, book, clock())
    result = Engine(script, 'settings', clock, BUDGET).carry_out(decisions, book)

    assert result.answers[1] == Answers()


def test_what_a_backend_says_is_cut_and_escaped(csr: str, clock: Clock):
    rejected = Rejected(ErrorCode.OTHER, 'm\x1b' * 9999, 'r' * 9999)

    [refusal] = _run(Script(clock, {csr: rejected}), clock, csr).answers[1].refusals

    assert len(refusal.message) < 400
    assert len(refusal.reason) < 400
    assert refusal.message.isprintable()
