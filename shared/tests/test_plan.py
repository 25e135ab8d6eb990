"""Each distinct request gets exactly one decision, and only what is new is parsed."""

from __future__ import annotations

import dataclasses
import datetime
import json
import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tls_provider import ledger, policy, wire, x509
from tls_provider.decision import Ask, Decision, Ignore, Keep, Refuse, Withdraw
from tls_provider.issuer import EVERY, Capabilities, ErrorCode
from tls_provider.ledger import Ledger, Record
from tls_provider.plan import Authority, Orders, Relation, plan
from tls_provider.wire import Answers, Complaint, Entry, Refusal, Submission

Make = Callable[..., str]
Sign = Callable[..., x509.Certificate]

CAPABILITIES = Capabilities('test', ca_certificates=True, ca_requests=frozenset({EVERY}))


def _no_anchors() -> frozenset[str]:
    raise AssertionError('anchors are asked for a certificate that the ledger has')


AUTHORITY = Authority('gen', 'settings', policy.rules(CAPABILITIES), None, _no_anchors)


def _anchored(*anchors: x509.Certificate) -> Authority:
    known = frozenset(anchor.fingerprint for anchor in anchors)
    return dataclasses.replace(AUTHORITY, anchors=lambda: known)


def _entry(csr: str, certificate: x509.Certificate, root: x509.Certificate) -> Entry:
    return Entry(csr, certificate.pem, root.pem, (certificate.pem, root.pem))


def _relation(
    *csrs: str,
    entries: tuple[Entry, ...] = (),
    refusals: tuple[Refusal, ...] = (),
    is_ca: bool = False,
    relation_id: int = 1,
) -> Relation:
    submissions = tuple(Submission(csr, is_ca, 'kafka/0') for csr in csrs)
    return Relation(relation_id, submissions, (), Answers(entries, refusals))


def _book(csr: str, record: Record, is_ca: bool = False, relation_id: int = 1) -> Ledger:
    return Ledger('gen', {ledger.key(relation_id, csr, is_ca): record})


@pytest.fixture
def csr(make_request: Make) -> str:
    return make_request('a.example', common_name='a')


@pytest.fixture
def entry(csr: str, sign: Sign, root: Sign) -> Entry:
    return _entry(csr, sign(csr), root())


@pytest.fixture
def record(csr: str, sign: Sign) -> Record:
    return ledger.issued(sign(csr), 'gen')


def test_nothing_is_decided_about_nothing(now: datetime.datetime):
    assert plan([], Ledger(), AUTHORITY, now) == ()
    assert plan([Relation(1)], Ledger(), AUTHORITY, now) == ()


def test_a_new_request_is_asked_for(csr: str, now: datetime.datetime):
    [decision] = plan([_relation(csr)], Ledger(), AUTHORITY, now)

    assert isinstance(decision, Ask)
    assert decision.request.csr.pem == csr
    assert (decision.relation_id, decision.request.requirer) == (1, 'kafka/0')
    assert not decision.request.is_ca
    assert decision.answer.entry is None


def test_a_ca_certificate_is_asked_for_as_one(csr: str, now: datetime.datetime):
    [decision] = plan([_relation(csr, is_ca=True)], Ledger(), AUTHORITY, now)

    assert isinstance(decision, Ask)
    assert decision.request.is_ca


def test_an_answered_request_is_kept(
    csr: str, entry: Entry, record: Record, now: datetime.datetime
):
    relation = _relation(csr, entries=(entry,))

    [decision] = plan([relation], _book(csr, record), AUTHORITY, now)

    assert isinstance(decision, Keep)
    assert decision.answer.entry == entry
    assert decision.answer.record == record
    assert decision.answer.serves


def test_a_request_that_left_is_withdrawn(entry: Entry, now: datetime.datetime):
    assert plan([_relation(entries=(entry,))], Ledger(), AUTHORITY, now) == (
        Withdraw(1, entry, Record()),
    )


def test_a_refusal_whose_request_left_needs_no_decision(csr: str, now: datetime.datetime):
    relation = _relation(refusals=(Refusal(csr, 999, 'no'),))

    assert plan([relation], Ledger(), AUTHORITY, now) == ()


def test_complaints_are_passed_on(now: datetime.datetime):
    complaint = Complaint('kafka/0', 'not a JSON list')

    decisions = plan([Relation(3, (), (complaint,))], Ledger(), AUTHORITY, now)

    assert decisions == (Ignore(3, complaint),)


def test_a_request_that_is_submitted_twice_gets_one_decision(csr: str, now: datetime.datetime):
    submissions = (Submission(csr, False, 'kafka/0'), Submission(csr, False, 'kafka'))

    [decision] = plan([Relation(1, submissions)], Ledger(), AUTHORITY, now)

    assert isinstance(decision, Ask)


def test_the_same_request_in_two_relations_gets_two_decisions(
    csr: str, entry: Entry, record: Record, now: datetime.datetime
):
    relations = [_relation(csr, entries=(entry,)), _relation(csr, relation_id=2)]

    kept, asked = plan(relations, _book(csr, record), AUTHORITY, now)

    assert isinstance(kept, Keep)
    assert isinstance(asked, Ask)
    assert (kept.relation_id, asked.relation_id) == (1, 2)
    assert kept.answer.key != asked.answer.key


@pytest.mark.parametrize('ca_first', [True, False])
def test_a_request_with_both_flags_is_a_leaf_and_a_complaint(
    ca_first: bool, csr: str, now: datetime.datetime
):
    submissions = (Submission(csr, ca_first, 'kafka/0'), Submission(csr, not ca_first, 'kafka/0'))

    ignored, asked = plan([Relation(1, submissions)], Ledger(), AUTHORITY, now)

    assert isinstance(ignored, Ignore)
    assert 'with and without ca' in ignored.complaint.message
    assert isinstance(asked, Ask)
    assert not asked.request.is_ca


def test_a_certificate_of_another_generation_is_asked_for_while_it_serves(
    csr: str, entry: Entry, record: Record, now: datetime.datetime
):
    relation = _relation(csr, entries=(entry,))
    old = dataclasses.replace(record, generation='old')

    for authority in (_anchored(), _anchored(x509.parse_certificate(entry.ca))):
        [decision] = plan([relation], _book(csr, old), authority, now)

        assert isinstance(decision, Ask)
        assert decision.answer.entry == entry
        assert decision.answer.serves


@pytest.mark.parametrize('ca', [None, 'junk'])
def test_a_certificate_that_nobody_trusts_any_more_does_not_serve(
    ca: str | None, csr: str, entry: Entry, record: Record, root: Sign, now: datetime.datetime
):
    shown = dataclasses.replace(entry, ca=ca or entry.ca)
    old = dataclasses.replace(record, generation='old')

    [decision] = plan(
        [_relation(csr, entries=(shown,))], _book(csr, old), _anchored(root('two')), now
    )

    assert isinstance(decision, Ask)
    assert not decision.answer.serves


@pytest.mark.parametrize(('ahead', 'kind'), [(3600, Keep), (3601, Ask)])
def test_a_certificate_of_a_clock_that_was_ahead_is_replaced(
    ahead: int, kind: type, csr: str, entry: Entry, record: Record, now: datetime.datetime
):
    early = dataclasses.replace(record, not_before=int(now.timestamp()) + ahead)

    [decision] = plan([_relation(csr, entries=(entry,))], _book(csr, early), AUTHORITY, now)

    assert isinstance(decision, kind)
    assert isinstance(decision, Keep | Ask)
    assert decision.answer.serves


@pytest.mark.parametrize(('early', 'kind'), [(1, Keep), (0, Ask), (-1, Ask)])
def test_a_certificate_near_its_end_is_asked_for(
    early: int, kind: type, csr: str, entry: Entry, record: Record
):
    at = datetime.datetime.fromtimestamp(record.renew_at - early, datetime.timezone.utc)

    [decision] = plan([_relation(csr, entries=(entry,))], _book(csr, record), AUTHORITY, at)

    assert isinstance(decision, kind)


@pytest.mark.parametrize(('late', 'serves'), [(0, True), (1, False)])
def test_a_certificate_serves_to_its_last_second(
    late: int, serves: bool, csr: str, entry: Entry, record: Record
):
    at = datetime.datetime.fromtimestamp(record.not_after + late, datetime.timezone.utc)

    [decision] = plan([_relation(csr, entries=(entry,))], _book(csr, record), AUTHORITY, at)

    assert isinstance(decision, Ask)
    assert decision.answer.serves is serves


def test_a_revoked_certificate_is_asked_for(
    csr: str, entry: Entry, record: Record, now: datetime.datetime
):
    relation = _relation(csr, entries=(dataclasses.replace(entry, revoked=True),))

    [decision] = plan([relation], _book(csr, record), AUTHORITY, now)

    assert isinstance(decision, Ask)
    assert not decision.answer.serves


def test_a_leaf_is_asked_for_again_where_now_a_ca_is_wanted(
    csr: str, entry: Entry, record: Record, root: Sign, now: datetime.datetime
):
    relation = _relation(csr, entries=(entry,), is_ca=True)

    [decision] = plan([relation], _book(csr, record), _anchored(root()), now)

    assert isinstance(decision, Ask)
    assert not decision.answer.serves


@pytest.mark.parametrize(
    ('names', 'key', 'code'),
    [(('a b',), 'p256', 102), (('*',), 'p256', 103), (('a.example',), 'p521', 999)],
)
def test_a_request_that_breaks_a_rule_is_refused(
    names: tuple[str, ...], key: str, code: int, make_request: Make, now: datetime.datetime
):
    text = make_request(*names, key=key, digest='sha256')

    [decision] = plan([_relation(text)], Ledger(), AUTHORITY, now)

    assert isinstance(decision, Refuse)
    assert (decision.csr, decision.rejected.code) == (text, code)


def test_a_malformed_request_that_loads_is_refused(
    duplicate_extension: str, now: datetime.datetime
):
    [decision] = plan([_relation(duplicate_extension)], Ledger(), AUTHORITY, now)

    assert isinstance(decision, Refuse)
    assert (decision.csr, decision.rejected.code) == (duplicate_extension, ErrorCode.OTHER)


def test_a_flawed_submission_is_refused_whatever_its_request(csr: str, now: datetime.datetime):
    relation = Relation(1, (Submission(csr, False, 'kafka/0', flaw='the key is public'),))

    [decision] = plan([relation], Ledger(), AUTHORITY, now)

    assert isinstance(decision, Refuse)
    assert (decision.csr, decision.rejected.message) == (csr, 'the key is public')


def test_a_flawed_submission_refuses_its_clean_twin(csr: str, now: datetime.datetime):
    clean = Submission(f'{csr}\n', False, 'kafka/0')
    flawed = Submission(csr, False, 'kafka/1', flaw='the key is public')

    [decision] = plan([Relation(1, (clean, flawed))], Ledger(), AUTHORITY, now)

    assert isinstance(decision, Refuse)
    assert decision.requirer == 'kafka/1'


def test_requests_that_differ_in_white_space_are_one(csr: str, now: datetime.datetime):
    texts = (csr, csr.strip(), csr.replace('\n', '\r\n'))

    [decision] = plan([_relation(*texts)], Ledger(), AUTHORITY, now)

    assert isinstance(decision, Ask)


def test_a_certificate_stays_while_a_databag_cannot_be_read(
    csr: str, entry: Entry, record: Record, now: datetime.datetime
):
    complaint = Complaint('kafka/0', 'not JSON', unreadable=True)
    relation = Relation(1, (), (complaint,), Answers((entry,)))

    _, decision = plan([relation], _book(csr, record), AUTHORITY, now)

    assert isinstance(decision, Keep)
    assert (decision.answer.entry, decision.answer.record) == (entry, record)


@pytest.mark.parametrize('is_ca', [False, True])
def test_a_certificate_without_a_readable_request_stays_of_its_kind(
    is_ca: bool, csr: str, sign: Sign, root: Sign, now: datetime.datetime
):
    certificate = sign(csr, is_ca=is_ca)
    entry, record = _entry(csr, certificate, root()), ledger.issued(certificate, 'gen')
    complaint = Complaint('kafka/0', 'not JSON', unreadable=True)
    relation = Relation(1, (), (complaint,), Answers((entry,)))

    _, decision = plan([relation], _book(csr, record, is_ca), AUTHORITY, now)

    assert isinstance(decision, Keep)
    assert decision.answer.key == ledger.key(1, csr, is_ca)
    assert decision.answer.record == record
    assert decision.answer.serves


def test_a_databag_that_cannot_be_read_keeps_nothing_in_other_relations(
    entry: Entry, now: datetime.datetime
):
    complaint = Complaint('kafka/0', 'not JSON', unreadable=True)
    relations = [Relation(1, (), (complaint,)), _relation(entries=(entry,), relation_id=2)]

    decisions = plan(relations, Ledger(), AUTHORITY, now)

    assert decisions == (Ignore(1, complaint), Withdraw(2, entry, Record()))


def test_a_complaint_about_one_request_keeps_nothing(entry: Entry, now: datetime.datetime):
    complaint = Complaint('kafka/0', 'request 1 of 1: not a JSON object')

    decisions = plan([Relation(1, (), (complaint,), Answers((entry,)))], Ledger(), AUTHORITY, now)

    assert decisions == (Ignore(1, complaint), Withdraw(1, entry, Record()))


@pytest.mark.parametrize('flawed_first', [True, False])
@pytest.mark.parametrize('is_ca', [True, False])
def test_a_flaw_counts_in_any_order_and_for_any_kind(
    flawed_first: bool, is_ca: bool, csr: str, now: datetime.datetime
):
    clean = Submission(csr, False, 'kafka/0')
    flawed = Submission(csr, is_ca, 'kafka/1', flaw='the key is public')
    submissions = (flawed, clean) if flawed_first else (clean, flawed)

    decisions = plan([Relation(1, submissions)], Ledger(), AUTHORITY, now)

    [refused] = [one for one in decisions if not isinstance(one, Ignore)]
    assert isinstance(refused, Refuse)
    assert refused.rejected.message == 'the key is public'


def test_a_flaw_is_not_covered_by_a_certificate_that_serves(
    csr: str, entry: Entry, record: Record, now: datetime.datetime
):
    flawed = Submission(csr, False, 'kafka/0', flaw='the key is public')
    relation = Relation(1, (flawed,), (), Answers((entry,)))

    [decision] = plan([relation], _book(csr, record), AUTHORITY, now)

    assert isinstance(decision, Refuse)


def test_a_flawed_text_that_no_requirer_loads_is_named_by_its_flaw(now: datetime.datetime):
    relation = Relation(1, (Submission('', False, 'kafka/0', flaw='the key is public'),))

    [decision] = plan([relation], Ledger(), AUTHORITY, now)

    assert decision == Ignore(1, Complaint('kafka/0', 'the key is public'))


def test_the_limit_of_the_authority_is_kept(make_request: Make, now: datetime.datetime):
    csrs = [make_request(f'{number}.example') for number in range(3)]
    authority = dataclasses.replace(AUTHORITY, limit=2)

    decisions = plan([_relation(*csrs), _relation(*csrs, relation_id=2)], Ledger(), authority, now)

    assert [type(one) for one in decisions] == 2 * [Ask, Ask, Refuse]


def test_certificates_that_nobody_submits_take_no_place(
    csr: str, entry: Entry, record: Record, make_request: Make, now: datetime.datetime
):
    relation = Relation(
        1,
        (Submission(make_request('new.example'), False, 'kafka/0'),),
        (Complaint('kafka/1', 'not JSON', unreadable=True),),
        Answers((entry,)),
    )

    decisions = plan([relation], _book(csr, record), dataclasses.replace(AUTHORITY, limit=1), now)

    assert [type(one) for one in decisions] == [Ignore, Ask, Keep]


@pytest.mark.parametrize('why', ['ordered', 'distrusted'])
def test_a_certificate_goes_even_where_its_request_may_be_in_what_cannot_be_read(
    why: str, csr: str, entry: Entry, record: Record, root: Sign, now: datetime.datetime
):
    complaint = Complaint('kafka/1', 'not JSON', unreadable=True)
    relation = Relation(1, (), (complaint,), Answers((entry,)))
    ordered = why == 'ordered'
    authority = AUTHORITY if ordered else _anchored(root('two'))
    known = record if ordered else dataclasses.replace(record, generation='old')
    orders = Orders(revoke=frozenset({ledger.key(1, csr, False)} if ordered else ()))

    decisions = plan([relation], _book(csr, known), authority, now, orders)

    assert decisions == (Ignore(1, complaint), Withdraw(1, entry, known, ordered))


def test_of_two_texts_that_differ_in_blanks_the_one_that_is_answered_counts(
    csr: str, entry: Entry, record: Record, now: datetime.datetime
):
    others = (f'{csr}\n', csr.replace('-----BEGIN ', '-----BEGIN'))
    for other in others:
        submissions = (Submission(other, False, 'kafka/0'), Submission(csr, False, 'kafka/1'))
        relation = Relation(1, submissions, (), Answers((entry,)))

        [decision] = plan([relation], _book(csr, record), AUTHORITY, now)

        assert isinstance(decision, Keep)
        assert decision.answer.entry == entry


@pytest.mark.parametrize('generation', ['gen', 'old'])
def test_a_request_that_comes_with_other_blanks_keeps_its_certificate_and_record(
    generation: str, csr: str, entry: Entry, record: Record, root: Sign, now: datetime.datetime
):
    sent = csr.replace('\n', '\r\n') + '\r\n'
    known = dataclasses.replace(record, generation=generation)

    [decision] = plan(
        [_relation(sent, entries=(entry,))], _book(csr, known), _anchored(root()), now
    )

    assert isinstance(decision, Keep if generation == 'gen' else Ask)
    assert decision.answer.entry == dataclasses.replace(entry, csr=sent)
    assert decision.answer.record == known
    assert decision.answer.key == ledger.key(1, sent, False)
    assert decision.answer.serves


def test_a_text_that_no_requirer_loads_is_not_taken_for_one_with_other_blanks(
    csr: str, entry: Entry, record: Record, now: datetime.datetime
):
    sent = csr.replace('-----BEGIN ', '-----BEGIN')
    relation = _relation(sent, entries=(entry,))

    ignored, withdrawn = plan([relation], _book(csr, record), AUTHORITY, now)

    assert isinstance(ignored, Ignore)
    assert withdrawn == Withdraw(1, entry, record)


@pytest.mark.parametrize('text', ['', 'junk', '-----BEGIN CERTIFICATE REQUEST-----', '\ud800'])
def test_a_text_that_no_requirer_loads_is_ignored(text: str, now: datetime.datetime):
    [decision] = plan([_relation(text)], Ledger(), AUTHORITY, now)

    assert isinstance(decision, Ignore)
    assert decision.complaint.owner == 'kafka/0'


class TestRefusals:
    @pytest.fixture
    def refused(self, csr: str) -> Relation:
        return _relation(csr, refusals=(Refusal(csr, 102, 'no'),))

    def _book(self, csr: str, tried_under: str) -> Ledger:
        return _book(
            csr, Record(attempts=1, retry_at=ledger.NEVER, tried_under=tried_under, message='no')
        )

    def test_it_stands_under_the_same_settings(
        self, csr: str, refused: Relation, now: datetime.datetime
    ):
        [decision] = plan([refused], self._book(csr, 'settings'), AUTHORITY, now)

        assert isinstance(decision, Keep)
        assert decision.answer.refusal == Refusal(csr, 102, 'no')

    def test_it_falls_with_other_settings(
        self, csr: str, refused: Relation, now: datetime.datetime
    ):
        [decision] = plan([refused], self._book(csr, 'others'), AUTHORITY, now)

        assert isinstance(decision, Ask)

    def test_it_falls_with_the_ledger(self, refused: Relation, now: datetime.datetime):
        [decision] = plan([refused], Ledger(), AUTHORITY, now)

        assert isinstance(decision, Ask)

    def test_it_is_given_again_where_it_is_not_published(self, csr: str, now: datetime.datetime):
        [decision] = plan([_relation(csr)], self._book(csr, 'settings'), AUTHORITY, now)

        assert isinstance(decision, Ask)

    def test_it_stands_beside_a_certificate_that_serves(
        self, csr: str, entry: Entry, record: Record, now: datetime.datetime
    ):
        old = dataclasses.replace(
            record, generation='old', retry_at=ledger.NEVER, tried_under='settings'
        )

        [decision] = plan([_relation(csr, entries=(entry,))], _book(csr, old), _anchored(), now)

        assert isinstance(decision, Keep)

    def test_it_is_given_where_the_certificate_beside_it_has_ended(
        self, csr: str, entry: Entry, record: Record
    ):
        old = dataclasses.replace(
            record, generation='old', retry_at=ledger.NEVER, tried_under='settings'
        )
        late = datetime.datetime.fromtimestamp(record.not_after + 1, datetime.timezone.utc)

        [decision] = plan([_relation(csr, entries=(entry,))], _book(csr, old), AUTHORITY, late)

        assert isinstance(decision, Ask)


@pytest.mark.parametrize(
    ('retry_in', 'tried_under', 'kind'),
    [(60, 'settings', Keep), (0, 'settings', Ask), (60, 'others', Ask)],
)
def test_a_failed_request_waits_for_its_time(
    retry_in: int, tried_under: str, kind: type, csr: str, now: datetime.datetime
):
    failed = Record(
        attempts=1, retry_at=int(now.timestamp()) + retry_in, tried_under=tried_under, message='x'
    )

    [decision] = plan([_relation(csr)], _book(csr, failed), AUTHORITY, now)

    assert isinstance(decision, kind)


class TestAdoption:
    def test_a_certificate_without_a_record_is_adopted(
        self, csr: str, entry: Entry, root: Sign, now: datetime.datetime
    ):
        relation = _relation(csr, entries=(entry,))

        [decision] = plan([relation], Ledger(), _anchored(root('two'), root()), now)

        assert isinstance(decision, Keep)
        certificate = x509.parse_certificate(entry.certificate)
        assert decision.answer.record == ledger.issued(certificate, 'gen')
        assert decision.answer.serves

    def test_where_the_authority_has_no_anchors_it_is_adopted(
        self, csr: str, entry: Entry, now: datetime.datetime
    ):
        [decision] = plan([_relation(csr, entries=(entry,))], Ledger(), _anchored(), now)

        assert isinstance(decision, Keep)

    def test_that_of_a_foreign_authority_is_superseded(
        self, csr: str, entry: Entry, root: Sign, now: datetime.datetime
    ):
        relation = _relation(csr, entries=(entry,))

        [decision] = plan([relation], Ledger(), _anchored(root('two')), now)

        assert isinstance(decision, Ask)
        assert decision.answer.serves
        assert decision.answer.entry == entry

    @pytest.mark.parametrize(
        'junk',
        [{'certificate': 'junk'}, {'ca': ''}, {'chain': ('junk',)}, {'chain': ('',)}],
        ids=str,
    )
    def test_a_junk_entry_is_dropped(
        self,
        junk: dict[str, str],
        csr: str,
        entry: Entry,
        root: Sign,
        now: datetime.datetime,
    ):
        relation = _relation(csr, entries=(dataclasses.replace(entry, **junk),))

        [decision] = plan([relation], Ledger(), _anchored(root()), now)

        assert isinstance(decision, Ask)
        assert decision.answer.entry is None

    def test_an_entry_with_a_junk_request_is_dropped(
        self, entry: Entry, root: Sign, now: datetime.datetime
    ):
        relation = _relation('junk', entries=(dataclasses.replace(entry, csr='junk'),))

        [decision] = plan([relation], Ledger(), _anchored(root()), now)

        assert isinstance(decision, Ignore)

    def test_a_certificate_of_another_key_is_dropped(
        self, csr: str, make_request: Make, sign: Sign, root: Sign, now: datetime.datetime
    ):
        other = sign(make_request('a.example', key='p256/second'))
        relation = _relation(csr, entries=(_entry(csr, other, root()),))

        [decision] = plan([relation], Ledger(), _anchored(root()), now)

        assert isinstance(decision, Ask)
        assert decision.answer.entry is None

    def test_without_an_authority_it_stays(self, csr: str, entry: Entry, now: datetime.datetime):
        [decision] = plan([_relation(csr, entries=(entry,))], Ledger('gen'), None, now)

        assert isinstance(decision, Keep)
        assert decision.answer.entry == entry
        assert decision.answer.serves

    def test_what_was_adopted_without_an_authority_is_not_superseded_by_the_next(
        self, csr: str, entry: Entry, root: Sign, now: datetime.datetime
    ):
        relation = _relation(csr, entries=(entry,))
        [held] = plan([relation], Ledger(), None, now)
        assert isinstance(held, Keep)
        book = Ledger('', {held.answer.key: held.answer.record})

        [decision] = plan([relation], book, _anchored(root()), now)

        assert isinstance(decision, Keep)


def test_without_an_authority_every_answer_stands(
    csr: str, entry: Entry, record: Record, make_request: Make, now: datetime.datetime
):
    bad, new = make_request('a b'), make_request('new.example')
    refusal = Refusal(bad, 102, 'no')
    relation = _relation(csr, bad, new, 'junk', entries=(entry,), refusals=(refusal,))
    old = dataclasses.replace(record, generation='old', renew_at=1)

    decisions = plan([relation], _book(csr, old), None, now)

    answers = [one.answer for one in decisions if isinstance(one, Keep)]
    assert len(decisions) == len(answers) == 4
    assert [answer.entry for answer in answers] == [entry, None, None, None]
    assert [answer.refusal for answer in answers] == [None, refusal, None, None]


def test_a_steady_plan_parses_nothing(
    csr: str, entry: Entry, record: Record, make_request: Make, now: datetime.datetime
):
    bad = make_request('a b')
    refusal = Refusal(bad, 102, 'no')
    refused = Record(attempts=1, retry_at=ledger.NEVER, tried_under='settings', message='no')
    records = {ledger.key(1, csr, False): record, ledger.key(1, bad, False): refused}
    requests = [{'certificate_signing_request': text, 'ca': False} for text in (csr, bad)]
    state = {
        'requests': {'certificate_signing_requests': json.dumps(requests)},
        'answers': wire.write_answers(Answers((entry,), (refusal,))),
        'ledger': ledger.dumps(Ledger('gen', records)),
        'now': now.timestamp(),
    }

    run = subprocess.run(
        [sys.executable, '-c', _STEADY], input=json.dumps(state), text=True, check=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip

    assert run.stdout.split() == ['Keep', 'Keep', 'False']


_STEADY = """
import datetime, json, sys
from tls_provider import ledger, plan, policy, wire
from tls_provider.issuer import Capabilities

state = json.load(sys.stdin)
submissions, _ = wire.read_requests('kafka/0', state['requests'])
relation = plan.Relation(1, tuple(submissions), (), wire.read_answers(state['answers']))
rules = policy.rules(Capabilities('test'))
authority = plan.Authority('gen', 'settings', rules, None, lambda: sys.exit('anchors'))
now = datetime.datetime.fromtimestamp(state['now'], datetime.timezone.utc)
for decision in plan.plan([relation], ledger.loads(state['ledger']), authority, now):
    print(type(decision).__name__)
print('cryptography' in sys.modules)
"""


@given(data=st.data())
def test_every_distinct_request_gets_exactly_one_decision(
    data: st.DataObject, make_request: Make, sign: Sign, root: Sign, now: datetime.datetime
):
    good = [make_request(f'{name}.example', common_name=name) for name in 'abc']
    texts = [*good, make_request('a b'), '', 'junk', good[0] + '\n' + good[1]]
    entries = [_entry(text, sign(text), root()) for text in good] + [Entry('', '', '', ('',))]
    records = [Record(), ledger.issued(sign(good[0]), 'gen'), Record('old', not_after=1 << 40)]
    relation = st.builds(
        Relation,
        st.just(0),
        st.lists(st.builds(Submission, st.sampled_from(texts), st.booleans(), st.just('a/0')))
        .map(tuple),
        st.lists(st.just(Complaint('a/0', 'no')), max_size=1).map(tuple),
        st.lists(st.sampled_from(entries), unique_by=lambda one: one.csr)
        .map(lambda some: Answers(tuple(some))),
    )  # fmt: skip
    relations = [
        dataclasses.replace(one, id=number)
        for number, one in enumerate(data.draw(st.lists(relation, max_size=3)))
    ]
    keys = [ledger.key(one, text, False) for one in range(3) for text in texts]
    book = Ledger(
        'gen', data.draw(st.dictionaries(st.sampled_from(keys), st.sampled_from(records)))
    )
    authority = data.draw(st.sampled_from([_anchored(root()), _anchored(root('two')), None]))

    decisions = plan(relations, book, authority, now)

    for one in relations:
        _assert_one_decision_each(
            one, [decision for decision in decisions if decision.relation_id == one.id], good
        )


def _assert_one_decision_each(
    relation: Relation, decisions: list[Decision], good: list[str]
) -> None:
    wanted = {one.csr for one in relation.submissions}
    withdrawn = [one.entry.csr for one in decisions if isinstance(one, Withdraw)]
    answered = [one.answer.key for one in decisions if not isinstance(one, Withdraw | Ignore)]
    assert sorted(withdrawn) == sorted(
        entry.csr for entry in relation.published.entries if entry.csr not in wanted
    )
    for csr in wanted.intersection(good):
        keys = [ledger.key(relation.id, csr, is_ca) for is_ca in (False, True)]
        assert sum(answered.count(key) for key in keys) == 1
    leaves = {one.csr for one in relation.submissions if not one.is_ca}
    beside = sum(one.is_ca and one.csr in leaves for one in relation.submissions)
    assert len(decisions) == len(relation.complaints) + len(wanted) + beside + len(withdrawn)


def test_a_request_says_what_it_replaces_and_who_wants_it(
    csr: str, entry: Entry, record: Record, now: datetime.datetime
):
    book = _book(csr, record)
    key = ledger.key(1, csr, False)

    [new] = plan([_relation(csr)], Ledger(), AUTHORITY, now)
    [due] = plan(
        [_relation(csr, entries=(entry,))],
        _book(csr, dataclasses.replace(record, renew_at=1)),
        AUTHORITY,
        now,
    )
    orders = Orders(revoke=frozenset({key}))
    [revoked] = plan([_relation(csr, entries=(entry,))], book, AUTHORITY, now, orders)
    failed = ledger.failed(Record(), 'limit', 'settings', now)
    orders = Orders(retry=frozenset({key}))
    [retried] = plan([_relation(csr)], _book(csr, failed), AUTHORITY, now, orders)

    orders = Orders(replace=frozenset({key}))
    [wanted] = plan([_relation(csr, entries=(entry,))], book, AUTHORITY, now, orders)

    found = [one.request for one in (new, due, revoked, retried, wanted) if isinstance(one, Ask)]
    assert {one.key for one in found} == {key}
    assert [(one.replaces, one.ordered) for one in found] == [
        ('', False),
        (entry.certificate, False),
        (entry.certificate, True),
        ('', True),
        (entry.certificate, True),
    ]
