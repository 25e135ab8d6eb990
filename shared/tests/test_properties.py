"""What holds for any databag and any history, on the pure part: wire, plan and engine together."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import json
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from tls_provider import ledger, policy, wire, x509
from tls_provider.decision import Ask, Decision, Ignore, Keep, Refuse, Withdraw
from tls_provider.engine import Engine
from tls_provider.issuer import (
    Capabilities,
    ErrorCode,
    Issued,
    Outcome,
    Pending,
    Rejected,
    Request,
    Unavailable,
)
from tls_provider.ledger import Ledger
from tls_provider.plan import Authority, Relation, plan
from tls_provider.summary import Result
from tls_provider.testing import pki

NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)
BUDGET = datetime.timedelta(minutes=2)
CAPABILITIES = Capabilities('property', allowed_domains=('example',))
AUTHORITY = pki.Authority.root()
LIMIT = 4

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)


@functools.cache
def _pool() -> tuple[str, ...]:
    """Requests of every fate: served, refused by a rule, by the issuer, waiting, failing."""
    names = ('a.example', 'b.example', 'c.example', 'rejected.example', 'pending.example')
    others = ('down.example', 'bug.example', 'outside.corp', 'not valid.example')
    return tuple(pki.request(name) for name in (*names, *others))


TEXTS = st.one_of(
    st.integers(0, 8).map(lambda number: _pool()[number]),
    st.integers(0, 2).map(lambda number: _pool()[number].replace('\n', '\r\n')),
    st.text(max_size=30),
)


def _item(csr: str, is_ca: bool | None) -> object:
    return {'certificate_signing_request': csr, 'ca': is_ca}


ITEMS: st.SearchStrategy[object] = st.one_of(
    st.builds(_item, TEXTS, st.sampled_from([False, False, False, True, None])), JSON
)
BAGS = st.one_of(
    st.lists(ITEMS, max_size=5).map(json.dumps),
    JSON.map(json.dumps),
    st.text(max_size=40),
).map(lambda text: {'certificate_signing_requests': text})


class Varied:
    """An issuer whose outcome depends on the name alone."""

    capabilities = CAPABILITIES
    generation = 'gen'
    settings = ''
    trust_anchors = (AUTHORITY.anchor.pem,)

    def issue(self, request: Request, *, timeout: datetime.timedelta) -> Outcome:
        del timeout
        match request.csr.names[0].value.partition('.')[0]:
            case 'rejected':
                return Rejected(ErrorCode.OTHER, 'no')
            case 'pending':
                return Pending('waits', NOW + datetime.timedelta(hours=1))
            case 'down':
                return Unavailable('down')
            case 'bug':
                raise RuntimeError('bug')
            case _:
                leaf = AUTHORITY.sign(request.csr, start=NOW - datetime.timedelta(hours=1))
                return Issued(leaf, AUTHORITY.chain)


def _read(number: int, bags: list[dict[str, str]], published: wire.Answers) -> Relation:
    submissions: list[wire.Submission] = []
    complaints: list[wire.Complaint] = []
    for unit, bag in enumerate(bags):
        found, wrong = wire.read_requests(f'kafka/{unit}', bag)
        submissions += found
        complaints += wrong
    return Relation(number, tuple(submissions), tuple(complaints), published)


def _decide(relations: list[Relation], book: Ledger) -> tuple[Decision, ...]:
    rules = policy.rules(CAPABILITIES)
    authority = Authority('gen', 'settings', rules, LIMIT, frozenset[str])
    return plan(relations, book, authority, NOW)


def _pass(worlds: list[list[dict[str, str]]], before: Result | None) -> Result:
    """One pass over these databags, through the texts that are on the wire."""
    book = ledger.loads(ledger.dumps(before.book)) if before else Ledger()
    relations: list[Relation] = []
    for number, bags in enumerate(worlds):
        answers = before.answers.get(number, wire.Answers()) if before else wire.Answers()
        published = wire.read_answers(wire.write_answers(answers))
        assert wire.write_answers(published) == wire.write_answers(answers)
        relations.append(_read(number, bags, published))
    engine = Engine(Varied(), 'settings', lambda: NOW, BUDGET)
    return engine.carry_out(_decide(relations, book), book)


def _written(result: Result, count: int) -> tuple[object, ...]:
    answers = [result.answers.get(number, wire.Answers()) for number in range(count)]
    return [wire.write_answers(one) for one in answers], ledger.dumps(result.book)


@given(
    st.dictionaries(
        st.sampled_from(['certificate_signing_requests', 'common_name', 'unit_name', 'x']),
        st.text(max_size=60),
    )
)
def test_reading_requests_never_raises(bag: dict[str, str]):
    submissions, complaints = wire.read_requests('kafka/0', bag)

    assert all(isinstance(one, wire.Submission) for one in submissions)
    assert all(isinstance(one, wire.Complaint) for one in complaints)


@given(BAGS)
def test_reading_any_json_never_raises(bag: dict[str, str]):
    submissions, complaints = wire.read_requests('kafka/0', bag)

    value = _items(bag)
    assert len(submissions) + len(complaints) == (1 if value is None else len(value))


def _items(bag: dict[str, str]) -> list[object] | None:
    try:
        value: object = json.loads(bag['certificate_signing_requests'])
    except ValueError:
        return None
    return cast('list[object]', value) if isinstance(value, list) else None


@given(
    st.dictionaries(
        st.sampled_from(['certificates', 'request_errors', 'capabilities']),
        st.one_of(st.text(max_size=40), JSON.map(json.dumps)),
    )
)
def test_reading_answers_never_raises_and_gives_what_can_be_written(bag: dict[str, str]):
    answers = wire.read_answers(bag)

    assert wire.read_answers(wire.write_answers(answers)) == answers


@given(st.lists(st.lists(BAGS, max_size=3), min_size=1, max_size=2))
def test_every_request_gets_exactly_one_decision(worlds: list[list[dict[str, str]]]):
    relations = [_read(number, bags, wire.Answers()) for number, bags in enumerate(worlds)]

    decisions = _decide(relations, Ledger())

    for relation in relations:
        decided: list[str] = []
        for decision in decisions:
            match decision:
                case Ask() if decision.relation_id == relation.id:
                    decided.append(decision.request.csr.pem)
                case Refuse() | Keep() if decision.relation_id == relation.id:
                    decided.append(decision.csr)
                case Ask() | Refuse() | Keep() | Ignore() | Withdraw():
                    pass
        usable = {''.join(one.csr.split()) for one in relation.submissions if _loads(one.csr)}
        assert sorted(''.join(csr.split()) for csr in decided) == sorted(usable)


def _loads(csr: str) -> bool:
    try:
        x509.parse_request(csr)
    except x509.Malformed as error:
        return error.loads
    return True


@given(st.lists(st.lists(BAGS, max_size=3), min_size=1, max_size=2))
def test_a_second_pass_over_a_settled_world_writes_nothing(worlds: list[list[dict[str, str]]]):
    first = _pass(worlds, None)

    second = _pass(worlds, first)

    assert _written(second, len(worlds)) == _written(first, len(worlds))
    assert second.summary.asked == 0


@given(
    st.lists(st.lists(BAGS, max_size=2), min_size=1, max_size=2),
    st.lists(st.tuples(st.integers(0, 1), st.lists(BAGS, max_size=2)), max_size=4),
)
def test_the_way_to_a_world_does_not_matter(
    start: list[list[dict[str, str]]], steps: list[tuple[int, list[dict[str, str]]]]
):
    worlds = list(start)
    result = _pass(worlds, None)
    for number, bags in steps:
        if number < len(worlds):
            worlds[number] = bags
            result = _pass(worlds, result)

    direct = _pass(worlds, None)

    for number, bags in enumerate(worlds):
        if _has_unreadable(bags):
            continue  # what was answered before may be in it, and stays
        ended, expected = (
            _fates(one.answers.get(number, wire.Answers())) for one in (result, direct)
        )
        if _asks_for_more_than_the_limit(bags):
            assert ended.keys() == expected.keys()
            assert sorted(ended.values()) == sorted(expected.values())
        else:
            assert ended == expected


def _has_unreadable(bags: list[dict[str, str]]) -> bool:
    return any(one.unreadable for bag in bags for one in wire.read_requests('kafka/0', bag)[1])


def _asks_for_more_than_the_limit(bags: list[dict[str, str]]) -> bool:
    submitted = [one.csr for bag in bags for one in wire.read_requests('kafka/0', bag)[0]]
    return len({''.join(csr.split()) for csr in submitted if _loads(csr)}) > LIMIT


def _fates(answers: wire.Answers) -> dict[str, int]:
    refused = {''.join(one.csr.split()): one.code for one in answers.refusals}
    return {''.join(one.csr.split()): 0 for one in answers.entries} | refused


def test_the_pool_has_every_fate():
    bag = {
        'certificate_signing_requests': json.dumps(
            [{'certificate_signing_request': csr} for csr in _pool()]
        )
    }
    relation = dataclasses.replace(_read(0, [bag], wire.Answers()))

    kinds = {type(decision) for decision in _decide([relation], Ledger())}

    assert kinds == {Ask, Refuse}
