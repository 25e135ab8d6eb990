"""The pass through Juju: what is read and written, by whom, and the status that follows."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Callable
from typing import cast

import ops
import pytest
from ops import testing

from tls_provider import policy, wire, x509
from tls_provider.issuer import (
    Capabilities,
    ErrorCode,
    Issued,
    NotReady,
    Outcome,
    Rejected,
    Request,
)
from tls_provider.provider import Provider
from tls_provider.summary import Result

Make = Callable[..., str]
Sign = Callable[..., x509.Certificate]

META: dict[str, object] = {
    'name': 'provider',
    'provides': {
        'certificates': {'interface': 'tls-certificates'},
        'send-ca-cert': {'interface': 'certificate_transfer'},
    },
    'peers': {'peers': {'interface': 'tls-provider-peers'}},
}


class Signing:
    """An issuer that signs everything by the authority of a name."""

    capabilities = Capabilities('signing', allowed_domains=('example',))
    settings = 'settings'
    rejects = True

    def __init__(self, sign: Sign, root: Sign, by: str = 'one'):
        self._sign = sign
        self._by = by
        self._root = root(by)
        self.trust_anchors = (self._root.pem,)
        self.generation = self._root.fingerprint

    def issue(self, request: Request, *, timeout: datetime.timedelta) -> Outcome:
        del timeout
        if self.rejects and request.csr.names[0].value.startswith('rejected'):
            return Rejected(ErrorCode.OTHER, 'not this one')
        start = datetime.datetime.now(datetime.timezone.utc)
        certificate = self._sign(request.csr.pem, by=self._by, start=start)
        return Issued(certificate, (self._root,))


class Charm(ops.CharmBase):
    """The least that a charm has to be; what its factory gives is chosen by a class attribute."""

    answer: Signing | NotReady
    rules: tuple[policy.Rule, ...] = ()

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.provider = Provider(
            self, issuer=lambda: self.answer, rules=self.rules, refresh_on=[self.on.foo_action]
        )


def _context(answer: Signing | NotReady | None, rules: tuple[policy.Rule, ...] = ()):
    namespace = {'rules': rules} | ({} if answer is None else {'answer': answer})
    charm = cast('type[Charm]', type('Made', (Charm,), namespace))
    return testing.Context(charm, meta=META, actions={'foo': {}})


@pytest.fixture
def context(sign: Sign, root: Sign) -> testing.Context[Charm]:
    return _context(Signing(sign, root))


@pytest.fixture
def never() -> testing.Context[Charm]:
    """A charm that fails as soon as it is asked for an issuer."""
    return _context(None)


def _bag(*csrs: str) -> dict[str, str]:
    requests = [{'certificate_signing_request': csr, 'ca': False} for csr in csrs]
    return {'certificate_signing_requests': json.dumps(requests)}


def _relation(*csrs: str, app: str = 'kafka') -> testing.Relation:
    return testing.Relation(
        'certificates', remote_app_name=app, remote_units_data={0: _bag(*csrs)}
    )


def _state(*relations: testing.Relation, leader: bool = True) -> testing.State:
    return testing.State(leader=leader, relations={testing.PeerRelation('peers'), *relations})


def _answers(state: testing.State, relation: testing.Relation) -> wire.Answers:
    return wire.read_answers(state.get_relation(relation.id).local_app_data)


def _issued(state: testing.State, relation: testing.Relation) -> list[str]:
    return [entry.csr for entry in _answers(state, relation).entries]


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'provides': {}}, 'does not provide tls-certificates as certificates'),
        (
            {'provides': {'certificates': {'interface': 'other'}}},
            'does not provide tls-certificates as certificates',
        ),
        ({'peers': {}}, 'no peer relation peers'),
    ],
)
def test_metadata_without_the_endpoints_is_a_bug(changes: dict[str, object], reason: str):
    context = testing.Context(Charm, meta=META | changes, actions={'foo': {}})

    with pytest.raises(testing.errors.UncaughtCharmError) as caught:
        context.run(context.on.start(), testing.State())

    assert isinstance(caught.value.__cause__, ValueError)
    assert reason in str(caught.value.__cause__)


def test_a_request_of_a_unit_is_answered_in_its_hook(
    context: testing.Context[Charm], make_request: Make
):
    csr = make_request('a.example')
    relation = _relation(csr)

    state = context.run(context.on.relation_changed(relation, remote_unit=0), _state(relation))

    assert _issued(state, relation) == [csr]
    assert isinstance(state.unit_status, testing.ActiveStatus)
    assert state.unit_status.message.startswith('1/1 issued; first expiry 2')


def test_a_request_of_an_application_is_answered(
    context: testing.Context[Charm], make_request: Make
):
    csr = make_request('a.example')
    relation = testing.Relation('certificates', remote_app_data=_bag(csr))

    state = context.run(context.on.relation_changed(relation), _state(relation))

    assert _issued(state, relation) == [csr]


def test_requests_of_unit_and_application_and_of_two_relations_are_answered_each(
    context: testing.Context[Charm], make_request: Make
):
    first, second = make_request('a.example'), make_request('b.example')
    one = testing.Relation(
        'certificates',
        remote_app_name='kafka',
        remote_app_data=_bag(second),
        remote_units_data={0: _bag(first), 1: _bag(first)},
    )
    two = _relation(first, app='mongo')

    state = context.run(context.on.config_changed(), _state(one, two))

    assert sorted(_issued(state, one)) == sorted([first, second])
    assert _issued(state, two) == [first]


def test_capabilities_are_published_with_the_first_answer_and_before(
    context: testing.Context[Charm],
):
    relation = _relation()

    state = context.run(context.on.relation_changed(relation), _state(relation))

    bag = state.get_relation(relation.id).local_app_data
    assert json.loads(bag['capabilities'])['provider_type'] == 'signing'
    assert bag['certificates'] == '[]'
    assert 'request_errors' not in bag


@pytest.mark.parametrize('event', ['config_changed', 'update_status', 'upgrade_charm', 'start'])
def test_a_follower_writes_nothing_and_stands_by(
    event: str, never: testing.Context[Charm], make_request: Make
):
    before = _state(_relation(make_request('a.example')), leader=False)

    after = never.run(getattr(never.on, event)(), before)

    assert after.relations == before.relations
    assert after.unit_status == testing.ActiveStatus('standby, the leader issues')


def test_without_the_peer_relation_nothing_is_written(
    never: testing.Context[Charm], make_request: Make
):
    before = testing.State(leader=True, relations={_relation(make_request('a.example'))})

    after = never.run(never.on.config_changed(), before)

    assert after.relations == before.relations
    assert after.unit_status == testing.WaitingStatus('waits for the peer relation')


@pytest.mark.parametrize(
    'junk',
    [
        {'certificate_signing_requests': 'junk'},
        {'certificate_signing_requests': '[' * 100_000},
        {'certificate_signing_requests': '[{"ca": false}]'},
        {'certificate_signing_requests': json.dumps([{'certificate_signing_request': ''}])},
        {'certificate_signing_requests': '[{"certificate_signing_request": "\\ud800"}]'},
        {'certificate_signing_requests': ' ' * (1 << 20) + '[]'},
        {'common_name': 'retired'},
    ],
    ids=lambda junk: str(junk)[:60],
)
def test_a_malformed_requirer_is_named_and_its_neighbours_are_served(
    junk: dict[str, str], context: testing.Context[Charm], make_request: Make
):
    first, second = make_request('a.example'), make_request('b.example')
    mixed = testing.Relation(
        'certificates', remote_app_name='kafka', remote_units_data={0: junk, 1: _bag(first)}
    )
    honest = _relation(second, app='mongo')

    state = context.run(context.on.relation_changed(mixed, remote_unit=0), _state(mixed, honest))

    assert _issued(state, mixed) == [first]
    assert _issued(state, honest) == [second]
    assert _answers(state, mixed).refusals == ()
    assert state.unit_status.message.startswith('2/2 issued; kafka/0: ')
    assert any('kafka/0' in log.message for log in context.juju_log if log.level == 'WARNING')


def test_published_junk_is_replaced(context: testing.Context[Charm], make_request: Make):
    csr = make_request('a.example')
    entry = {
        'certificate_signing_request': csr, 'certificate': 'junk', 'ca': '', 'chain': ['junk'],
    }  # fmt: skip
    relation = dataclasses.replace(
        _relation(csr),
        local_app_data={'certificates': json.dumps([entry, 7]), 'request_errors': 'junk'},
    )

    state = context.run(context.on.update_status(), _state(relation))

    [answer] = _answers(state, relation).entries
    assert x509.parse_certificate(answer.certificate).names
    assert 'request_errors' not in state.get_relation(relation.id).local_app_data


def test_an_unreadable_ledger_is_made_again_and_certificates_stay(
    context: testing.Context[Charm], make_request: Make
):
    relation = _relation(make_request('a.example'))
    before = context.run(context.on.relation_changed(relation), _state(relation))
    [peers] = before.get_relations('peers')
    broken = dataclasses.replace(peers, local_app_data={'ledger': 'junk'})
    others = [one for one in before.relations if one.id != peers.id]

    after = context.run(
        context.on.update_status(), dataclasses.replace(before, relations={*others, broken})
    )

    assert after.relations == before.relations


@pytest.mark.parametrize(
    'texts', [('a.example',), ('a.example', 'rejected.example', 'a b'), ()], ids=str
)
def test_a_second_pass_writes_nothing(
    texts: tuple[str, ...], context: testing.Context[Charm], make_request: Make, private_key: str
):
    csrs = [make_request(text) for text in texts]
    relation = _relation(*csrs, 'junk', f'{make_request("c.example")}\n{private_key}')
    first = context.run(context.on.relation_changed(relation, remote_unit=0), _state(relation))

    second = context.run(context.on.update_status(), first)

    assert second.relations == first.relations


def test_a_departed_unit_is_withdrawn_with_answers_and_ledger(
    context: testing.Context[Charm], make_request: Make
):
    stays, leaves = make_request('a.example'), make_request('b.example')
    relation = testing.Relation(
        'certificates', remote_units_data={0: _bag(stays), 1: _bag(leaves, make_request('a b'))}
    )
    before = context.run(context.on.relation_changed(relation), _state(relation))
    left = dataclasses.replace(
        before.get_relation(relation.id), remote_units_data={0: _bag(stays)}
    )
    [peers] = before.get_relations('peers')

    after = context.run(
        context.on.relation_departed(left, remote_unit=1, departing_unit=1),
        dataclasses.replace(before, relations={peers, left}),
    )

    [peers] = after.get_relations('peers')
    assert len(_answers(before, relation).entries) == 2
    assert _issued(after, relation) == [stays]
    assert _answers(after, relation).refusals == ()
    assert len(json.loads(peers.local_app_data['ledger'])['records']) == 1


def test_a_broken_relation_is_not_written(context: testing.Context[Charm], make_request: Make):
    relation = _relation(make_request('a.example'))

    state = context.run(context.on.relation_broken(relation), _state(relation))

    assert state.get_relation(relation.id).local_app_data == {}


def test_a_new_authority_replaces_certificates_in_the_same_hook(
    context: testing.Context[Charm], make_request: Make, sign: Sign, root: Sign
):
    relation = _relation(make_request('a.example'))
    before = context.run(context.on.relation_changed(relation), _state(relation))
    rotated = _context(Signing(sign, root, by='two'))

    after = rotated.run(rotated.on.config_changed(), before)

    [entry] = _answers(after, relation).entries
    assert entry.ca == root('two').pem.strip()


@pytest.mark.parametrize(
    ('answer', 'status'),
    [
        (NotReady('option x: wrong', blocked=True), testing.BlockedStatus('option x: wrong')),
        (NotReady('waits for vault', blocked=False), testing.WaitingStatus('waits for vault')),
    ],
)
def test_without_an_issuer_the_answers_stand_under_its_status(
    answer: NotReady,
    status: testing.BlockedStatus | testing.WaitingStatus,
    context: testing.Context[Charm],
    make_request: Make,
):
    relation = _relation(make_request('a.example'), make_request('rejected.example'))
    before = context.run(context.on.relation_changed(relation), _state(relation))
    waiting = _context(answer)

    after = waiting.run(waiting.on.config_changed(), before)

    assert after.relations == before.relations
    assert after.unit_status == status


def test_rules_of_the_charm_come_after_those_of_the_backend(
    make_request: Make, sign: Sign, root: Sign
):
    def no_cats(request: Request) -> Rejected | None:
        cats = any('cat' in name.value for name in request.csr.names)
        return Rejected(ErrorCode.OTHER, 'no cats') if cats else None

    context = _context(Signing(sign, root), (no_cats,))
    relation = _relation(
        make_request('dog.example'), make_request('cat.example'), make_request('cat.test')
    )

    state = context.run(context.on.relation_changed(relation), _state(relation))

    answers = _answers(state, relation)
    assert len(answers.entries) == 1
    assert sorted(refusal.code for refusal in answers.refusals) == [102, 999]


def test_an_event_that_the_charm_names_runs_a_pass(
    context: testing.Context[Charm], make_request: Make
):
    relation = _relation(make_request('a.example'))

    state = context.run(context.on.action('foo'), _state(relation))

    assert len(_issued(state, relation)) == 1


def test_an_event_without_a_pass_leaves_the_status(context: testing.Context[Charm]):
    before = dataclasses.replace(_state(), unit_status=testing.BlockedStatus('as it was'))

    after = context.run(context.on.stop(), before)

    assert after.unit_status == testing.BlockedStatus('as it was')


def test_what_was_issued_is_known_by_the_ledger(context: testing.Context[Charm]):
    before = _state()

    with context(context.on.start(), before) as manager:
        assert not manager.charm.provider.has_issued()
        after = manager.run()
    with context(context.on.update_status(), after) as manager:
        assert manager.charm.provider.has_issued()


def test_what_was_issued_is_known_by_certificates_where_the_ledger_is_lost(
    context: testing.Context[Charm], make_request: Make
):
    relation = _relation(make_request('a.example'))
    served = context.run(context.on.relation_changed(relation), _state(relation))
    lost = dataclasses.replace(
        served,
        relations={served.get_relation(relation.id), testing.PeerRelation('peers')},
    )

    with context(context.on.update_status(), lost) as manager:
        assert manager.charm.provider.has_issued()


def test_a_follower_knows_nothing_of_what_was_issued(never: testing.Context[Charm]):
    with never(never.on.start(), _state(leader=False)) as manager:
        assert not manager.charm.provider.has_issued()


def test_hostile_text_reaches_log_and_status_escaped(
    context: testing.Context[Charm], make_request: Make
):
    relation = _relation(make_request('\x1b[31m\n.example'))

    state = context.run(context.on.relation_changed(relation), _state(relation))

    assert state.unit_status.message.isprintable()
    assert all('\x1b' not in log.message for log in context.juju_log)


def test_published_junk_was_not_issued(context: testing.Context[Charm]):
    junk = [{'certificate_signing_request': 'a', 'certificate': 'b', 'ca': 'c', 'chain': ['b']}]
    relation = dataclasses.replace(
        _relation(), local_app_data={'certificates': json.dumps(junk), 'request_errors': '[7]'}
    )

    with context(context.on.update_status(), _state(relation)) as manager:
        assert not manager.charm.provider.has_issued()


def test_without_the_peer_relation_what_was_issued_is_known_by_certificates(
    context: testing.Context[Charm], make_request: Make
):
    relation = _relation(make_request('a.example'))
    served = context.run(context.on.relation_changed(relation), _state(relation))
    alone = testing.State(leader=True, relations={served.get_relation(relation.id)})

    with context(context.on.update_status(), alone) as manager:
        assert manager.charm.provider.has_issued()


@pytest.mark.parametrize('junk', ['junk', '{}', ' ' * (1 << 20) + '[]'], ids=len)
def test_certificates_stay_while_a_requirer_writes_what_cannot_be_read(
    junk: str, context: testing.Context[Charm], make_request: Make
):
    relation = _relation(make_request('a.example'))
    before = context.run(context.on.relation_changed(relation), _state(relation))
    [peers] = before.get_relations('peers')
    kept = before.get_relation(relation.id)
    broken = dataclasses.replace(
        kept, remote_units_data={0: {'certificate_signing_requests': junk}}
    )

    during = context.run(
        context.on.relation_changed(broken, remote_unit=0),
        dataclasses.replace(before, relations={peers, broken}),
    )
    [peers] = during.get_relations('peers')
    mended = dataclasses.replace(
        during.get_relation(relation.id), remote_units_data=relation.remote_units_data
    )
    after = context.run(
        context.on.relation_changed(mended, remote_unit=0),
        dataclasses.replace(during, relations={peers, mended}),
    )

    assert 'kafka/0' in during.unit_status.message
    assert during.get_relation(relation.id).local_app_data == kept.local_app_data
    assert after.relations == before.relations


class Damaged(Signing):
    """An issuer whose trust anchors cannot be read."""

    def __init__(self, sign: Sign, root: Sign):
        super().__init__(sign, root)
        self.trust_anchors = ('damaged',)


def test_where_anchors_cannot_be_read_what_is_published_stands(
    context: testing.Context[Charm], make_request: Make, sign: Sign, root: Sign
):
    relation = _relation(make_request('a.example'))
    served = context.run(context.on.relation_changed(relation), _state(relation))
    kept = served.get_relation(relation.id)
    lost = dataclasses.replace(served, relations={kept, testing.PeerRelation('peers')})
    damaged = _context(Damaged(sign, root))

    after = damaged.run(damaged.on.update_status(), lost)

    assert _answers(after, relation) == _answers(served, relation)


def test_a_problem_is_logged_once(context: testing.Context[Charm]):
    relation = _relation('junk')
    first = context.run(context.on.relation_changed(relation), _state(relation))
    warnings = [log for log in context.juju_log if log.level == 'WARNING']
    context.juju_log.clear()

    context.run(context.on.update_status(), first)

    assert len(warnings) == 1
    assert 'kafka/0: no PEM text' in warnings[0].message
    assert [log for log in context.juju_log if log.level == 'WARNING'] == []


@pytest.mark.parametrize('ids', [(7, 8), (8, 15), (7, 16), (9, 16)])
def test_the_same_problem_comes_first_whatever_the_order_of_relations(
    ids: tuple[int, int], context: testing.Context[Charm]
):
    # Scenario gives relations in the order of a set of these numbers, which is not theirs.
    relations = {
        dataclasses.replace(_relation('junk', app=app), id=number)
        for number, app in zip(ids, ('first', 'second'), strict=True)
    }
    peers = testing.PeerRelation('peers', id=99)
    state = testing.State(leader=True, relations={peers, *relations})

    after = context.run(context.on.update_status(), state)

    assert after.unit_status.message.startswith('first/0: ')


@pytest.mark.parametrize('change', ['version of the rules', 'capabilities', 'authority'])
def test_a_refusal_falls_with_what_it_depends_on(
    change: str, sign: Sign, root: Sign, make_request: Make, monkeypatch: pytest.MonkeyPatch
):
    issuer = Signing(sign, root)
    context = _context(issuer)
    relation = _relation(make_request('rejected.example'))
    before = context.run(context.on.relation_changed(relation), _state(relation))
    assert _issued(before, relation) == []
    issuer.rejects = False
    if change == 'version of the rules':
        # Stands for a release with other rules.
        monkeypatch.setattr('tls_provider.policy.RULES_VERSION', 'next')
    elif change == 'capabilities':
        issuer.capabilities = Capabilities('signing', allowed_domains=('example', 'corp'))
    else:
        issuer.generation = 'another'

    after = context.run(context.on.update_status(), before)

    assert len(_issued(after, relation)) == 1


def test_a_refusal_stands_while_nothing_changes(sign: Sign, root: Sign, make_request: Make):
    issuer = Signing(sign, root)
    context = _context(issuer)
    relation = _relation(make_request('rejected.example'))
    before = context.run(context.on.relation_changed(relation), _state(relation))
    issuer.rejects = False

    after = context.run(context.on.update_status(), before)

    assert after.relations == before.relations


def test_a_pass_is_foreseen_and_nothing_is_written(sign: Sign, root: Sign, make_request: Make):
    issuer = Signing(sign, root)
    context = _context(issuer)
    relation = _relation(make_request('a.example'))
    state = _state(relation)

    with context(context.on.action('foo'), state) as manager:
        result = manager.charm.provider.foresee(issuer)
        answers = manager.charm.model.get_relation('certificates', relation.id)
        assert answers is not None
        assert not answers.data[manager.charm.app]

    assert isinstance(result, Result)
    assert len(result.answers[relation.id].entries) == 1


def test_without_the_peer_relation_nothing_is_foreseen(sign: Sign, root: Sign):
    issuer = Signing(sign, root)
    context = _context(issuer)

    with context(context.on.action('foo'), testing.State(leader=True)) as manager:
        result = manager.charm.provider.foresee(issuer)

    assert result == NotReady('waits for the peer relation', blocked=False)


def test_the_root_of_what_is_revoked_is_not_the_root_of_what_is_published(
    context: testing.Context[Charm], make_request: Make
):
    relation = _relation(make_request('a.example'))
    served = context.run(context.on.relation_changed(relation), _state(relation))
    published = served.get_relation(relation.id)
    [entry] = json.loads(published.local_app_data['certificates'])
    gone = dataclasses.replace(
        published, local_app_data={'certificates': json.dumps([{**entry, 'revoked': True}])}
    )

    for one, count in ((published, 1), (gone, 0)):
        state = testing.State(leader=True, relations={testing.PeerRelation('peers'), one})
        with context(context.on.update_status(), state) as manager:
            assert len(manager.charm.provider.published_roots()) == count
