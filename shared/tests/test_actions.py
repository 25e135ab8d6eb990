"""The day-2 actions: what they show, what they do, and how they fail."""

from __future__ import annotations

import dataclasses
import datetime
import json
from typing import Any

import ops
import pytest
from ops import testing

from tls_provider import ledger, wire, x509
from tls_provider.actions import NOT_LEADER, Actions
from tls_provider.issuer import (
    Capabilities,
    ErrorCode,
    Issued,
    NotReady,
    Outcome,
    Pending,
    Rejected,
    Request,
    Unavailable,
)
from tls_provider.provider import Provider
from tls_provider.testing import common, pki, requirers

AUTHORITY = pki.Authority.root()
GOOD, OTHER, DOWN, BAD = (
    pki.request(f'{name}.example', common_name=name) for name in ('good', 'other', 'down', 'bad')
)

SAME_KEY = pki.request('good.example', common_name='good', digest='sha512')


class Switched:
    """An issuer that refuses `bad`, and cannot reach its authority for `down` until it is up."""

    generation = 'gen'
    settings = ''
    trust_anchors = (AUTHORITY.anchor.pem,)
    capabilities = Capabilities('switched')
    revokes_withdrawn = False
    up = False
    revoked: tuple[int, ...] = ()

    def issue(self, request: Request, *, timeout: datetime.timedelta) -> Outcome:
        del timeout
        if request.csr.pem == BAD and not self.up:
            return Rejected(ErrorCode.OTHER, 'not this one')
        if request.csr.pem == DOWN and not self.up:
            return Unavailable('the authority is down')
        start = datetime.datetime.now(datetime.timezone.utc)
        return Issued(AUTHORITY.sign(request.csr, start=start), AUTHORITY.chain)

    def revoke(
        self, certificate: x509.Certificate, *, generation: str, timeout: datetime.timedelta
    ) -> Unavailable | None:
        del generation, timeout
        if not self.up:
            return Unavailable('the authority is down')
        Switched.revoked += (certificate.serial,)
        return None


class Wanting(Switched):
    """An issuer whose authority is to revoke what is withdrawn."""

    revokes_withdrawn = True


class Drawer(Switched):
    """An issuer that gives what lies in a drawer, as often as it is asked, until it is revoked."""

    given = (pki.request('bad.example', common_name='bad'),)

    def __init__(self, given: tuple[str, ...]):
        start = datetime.datetime.now(datetime.timezone.utc)
        self.drawer = [AUTHORITY.sign(x509.parse_request(csr), start=start) for csr in given]

    def issue(self, request: Request, *, timeout: datetime.timedelta) -> Outcome:
        del timeout
        for one in self.drawer:
            if one.public_key == request.csr.public_key:
                return Issued(one, AUTHORITY.chain)
        return Pending('the drawer is empty')

    def revoke(
        self, certificate: x509.Certificate, *, generation: str, timeout: datetime.timedelta
    ) -> Unavailable | None:
        del generation, timeout
        self.drawer = [one for one in self.drawer if one.serial != certificate.serial]
        return None


class Plain:
    """An issuer of an authority that cannot revoke."""

    generation = 'gen'
    settings = ''
    trust_anchors = Switched.trust_anchors
    capabilities = Switched.capabilities

    def issue(self, request: Request, *, timeout: datetime.timedelta) -> Outcome:
        return Switched().issue(request, timeout=timeout)


class Charm(ops.CharmBase):
    issuer: Switched | Plain | NotReady
    anchors: tuple[str, ...] = Switched.trust_anchors

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.provider = Provider(self, issuer=lambda: self.issuer)
        self.actions = Actions(
            self,
            self.provider,
            trust_anchors=self._trust_anchors,
            revoked='tell the people too' if isinstance(self.issuer, Drawer) else '',
        )

    def _trust_anchors(self) -> tuple[str, ...]:
        if self.anchors == ('unreadable',):
            raise ValueError('secret x cannot be read')
        return self.anchors


@pytest.fixture
def context() -> testing.Context[Charm]:
    Charm.issuer, Charm.anchors = Switched(), Switched.trust_anchors
    Switched.up, Switched.revoked = False, ()
    return testing.Context(
        Charm, meta={'name': 'provider', **common.ENDPOINTS}, actions=common.ACTIONS
    )


@pytest.fixture
def relation() -> testing.Relation:
    return testing.Relation(
        'certificates',
        id=4,
        remote_app_name='kafka',
        remote_units_data={0: requirers.bag(GOOD, BAD, DOWN)},
    )


@pytest.fixture
def state(context: testing.Context[Charm], relation: testing.Relation) -> testing.State:
    """With one request served, one refused, and one for which the authority was down."""
    peers = testing.PeerRelation('peers')
    return context.run(
        context.on.relation_changed(relation),
        testing.State(leader=True, relations={peers, relation}),
    )


def _act(
    context: testing.Context[Charm], state: testing.State, name: str, **params: object
) -> tuple[dict[str, Any], testing.State]:
    after = context.run(context.on.action(name, params=params), state)
    return dict(context.action_results or {}), after


def _fail(
    context: testing.Context[Charm], state: testing.State, name: str, **params: object
) -> str:
    with pytest.raises(testing.ActionFailed) as caught:
        context.run(context.on.action(name, params=params), state)
    return caught.value.message


def _id(csr: str) -> str:
    return ledger.key(4, csr, False)[: len('4:') + 12]


class TestListRequests:
    def test_every_request_is_shown_with_its_fate(
        self, context: testing.Context[Charm], state: testing.State
    ):
        results, after = _act(context, state, 'list-requests')

        rows = {row['common-name']: row for row in json.loads(results['requests'])}
        assert rows['good'] == {
            'id': _id(GOOD),
            'requirer': 'kafka/0',
            'relation-id': 4,
            'ca': False,
            'state': 'issued',
            'names': ['good.example'],
            'key': 'ecdsa-p256',
            'common-name': 'good',
        }
        assert (rows['bad']['state'], rows['bad']['code']) == ('refused', 999)
        assert rows['bad']['message'] == 'not this one'
        assert 'next-try' not in rows['bad']
        assert (rows['down']['state'], rows['down']['code']) == ('refused', 201)
        assert rows['down']['attempts'] == 1
        assert rows['down']['next-try'].endswith('Z')
        assert results['total'] == 3
        assert 'page' not in results
        assert after.relations == state.relations

    def test_the_text_has_a_line_for_each(
        self, context: testing.Context[Charm], state: testing.State
    ):
        results, _ = _act(context, state, 'list-requests')

        lines = results['text'].splitlines()
        assert len(lines) == 3
        assert f'{_id(GOOD)}  kafka/0  issued  good.example' in lines
        assert f'{_id(BAD)}  kafka/0  refused  bad.example  not this one' in lines

    def test_where_there_is_none_the_list_is_empty(self, context: testing.Context[Charm]):
        results, _ = _act(context, testing.State(leader=True), 'list-requests')

        assert results == {'requests': '[]', 'total': 0}

    def test_many_are_cut_into_pages(self, context: testing.Context[Charm]):
        csrs = [pki.request(f'n{number}.{"a" * 60}.{"b" * 60}.example') for number in range(400)]
        many = testing.Relation('certificates', remote_units_data={0: requirers.bag(*csrs)})
        before = testing.State(leader=True, relations={testing.PeerRelation('peers'), many})
        state = context.run(context.on.relation_changed(many), before)

        seen: list[str] = []
        results, _ = _act(context, state, 'list-requests')
        number, count = 1, int(results['page'].rpartition(' ')[2])
        while number <= count:
            results, _ = _act(context, state, 'list-requests', page=number)
            assert results['page'] == f'{number} of {count}'
            assert max(len(str(value)) for value in results.values()) < 131_072
            seen += [row['id'] for row in json.loads(results['requests'])]
            number += 1

        assert count > 1
        assert len(set(seen)) == len(seen) == 400
        message = _fail(context, state, 'list-requests', page=count + 1)
        assert message == f'page {count + 1} does not exist; the last one is {count}'

    @pytest.mark.parametrize('page', [0, -1])
    def test_a_page_that_does_not_exist_fails(
        self, page: int, context: testing.Context[Charm], state: testing.State
    ):
        message = _fail(context, state, 'list-requests', page=page)

        assert message == f'page {page} does not exist; the last one is 1'


class TestListCertificates:
    def test_certificates_are_shown_without_their_text(
        self, context: testing.Context[Charm], state: testing.State, relation: testing.Relation
    ):
        results, _ = _act(context, state, 'list-certificates')

        [row] = json.loads(results['certificates'])
        bag = state.get_relation(relation.id).local_app_data
        [entry] = wire.read_answers(bag).entries
        certificate = x509.parse_certificate(entry.certificate)
        assert row == {
            'id': _id(GOOD),
            'requirer': 'kafka/0',
            'relation-id': 4,
            'ca': False,
            'serial': f'{certificate.serial:x}',
            'not-after': f'{certificate.not_after:%Y-%m-%dT%H:%M:%SZ}',
            'names': ['good.example'],
        }
        assert 'BEGIN' not in str(results)

    @pytest.mark.parametrize(('within', 'count'), [('30d', 0), ('91d', 1), ('52w', 1), ('', 1)])
    def test_those_that_end_soon_can_be_picked(
        self, within: str, count: int, context: testing.Context[Charm], state: testing.State
    ):
        results, _ = _act(context, state, 'list-certificates', **{'expiring-within': within})

        assert len(json.loads(results['certificates'])) == count

    @pytest.mark.parametrize('within', ['x', '0d', '99999d', '-1d'])
    def test_a_time_that_is_none_is_named(
        self, within: str, context: testing.Context[Charm], state: testing.State
    ):
        message = _fail(context, state, 'list-certificates', **{'expiring-within': within})

        assert message.startswith('parameter expiring-within: ')

    def test_issued_certificates_are_json_texts_in_a_json_list(
        self, context: testing.Context[Charm], state: testing.State
    ):
        results, _ = _act(context, state, 'get-issued-certificates')

        [text] = json.loads(results['certificates'])
        row = json.loads(text)
        assert row['csr'] == GOOD
        assert row['chain'] == [row['certificate'], row['ca']]
        assert row['revoked'] is False
        assert 'text' not in results

    def test_where_none_is_issued_it_fails(self, context: testing.Context[Charm]):
        message = _fail(context, testing.State(leader=True), 'get-issued-certificates')

        assert message == 'No certificates issued yet.'


class TestGetCaCertificate:
    @pytest.mark.parametrize('leader', [True, False])
    def test_any_unit_shows_it(self, leader: bool, context: testing.Context[Charm]):
        Charm.anchors = ('new\n', 'old')

        results, _ = _act(context, testing.State(leader=leader), 'get-ca-certificate')

        assert results == {'ca-certificate': 'new', 'trusted': 'new\nold'}

    def test_what_is_too_long_for_one_result_is_cut_into_pages(
        self, context: testing.Context[Charm]
    ):
        Charm.anchors = ('x' * 50_000, 'y' * 60_000, 'z' * 200_000)
        state = testing.State(leader=True)

        first, _ = _act(context, state, 'get-ca-certificate')
        second, _ = _act(context, state, 'get-ca-certificate', page=2)

        assert first == {
            'ca-certificate': 'x' * 50_000, 'trusted': 'x' * 50_000, 'page': '1 of 2',
        }  # fmt: skip
        assert second['trusted'] == 'y' * 60_000 + '\ntoo large to show'
        assert _fail(context, state, 'get-ca-certificate', page=3) == (
            'page 3 does not exist; the last one is 2'
        )

    @pytest.mark.parametrize(
        ('anchors', 'message'),
        [
            ((), 'Root Certificate is not yet generated'),
            (('unreadable',), 'secret x cannot be read'),
        ],
    )
    def test_it_fails_where_there_is_none(
        self, anchors: tuple[str, ...], message: str, context: testing.Context[Charm]
    ):
        Charm.anchors = anchors

        assert _fail(context, testing.State(), 'get-ca-certificate') == message


class TestRetryRequests:
    def test_all_are_asked_for_again(self, context: testing.Context[Charm], state: testing.State):
        Switched.up = True

        results, after = _act(context, state, 'retry-requests')

        assert results['result'] == '2 of 2 have a new certificate'
        rows = json.loads(results['requests'])
        assert {row['state'] for row in rows} == {'issued'}
        assert after.unit_status.message.startswith('3/3 issued')

    def test_one_is_asked_for_again(self, context: testing.Context[Charm], state: testing.State):
        Switched.up = True

        results, after = _act(context, state, 'retry-requests', id=_id(BAD)[:8])

        assert results['result'] == '1 of 1 have a new certificate'
        assert after.unit_status.message.startswith('2/3 issued, 1 refused')

    def test_what_fails_again_is_shown(
        self, context: testing.Context[Charm], state: testing.State
    ):
        results, _ = _act(context, state, 'retry-requests')

        assert results['result'] == '0 of 2 have a new certificate'
        rows = {row['common-name']: row for row in json.loads(results['requests'])}
        assert rows['down']['attempts'] == 2

    def test_where_nothing_waits_it_says_so(self, context: testing.Context[Charm]):
        state = testing.State(leader=True, relations={testing.PeerRelation('peers')})

        results, _ = _act(context, state, 'retry-requests')

        assert results == {'result': 'nothing waits', 'requests': '[]', 'total': 0}

    @pytest.mark.parametrize(
        ('wanted', 'message'),
        [
            ('9:', 'no request without a certificate has an id that begins with "9:"'),
            ('4:', 'more than one request without a certificate has an id that begins with "4:"'),
        ],
    )
    def test_an_id_must_be_clear(
        self, wanted: str, message: str, context: testing.Context[Charm], state: testing.State
    ):
        assert _fail(context, state, 'retry-requests', id=wanted) == message


class TestRevokeCertificate:
    def test_it_is_replaced_and_revoked_in_one_hook(
        self, context: testing.Context[Charm], state: testing.State
    ):
        Switched.up = True
        [before] = wire.read_answers(state.get_relation(4).local_app_data).entries

        results, after = _act(context, state, 'revoke-certificate', id=_id(GOOD))

        entries = wire.read_answers(after.get_relation(4).local_app_data).entries
        [replaced] = [entry for entry in entries if entry.csr == GOOD]
        assert replaced.certificate != before.certificate
        assert results['result'] == '1 of 1 have a new certificate'
        assert 'to-revoke' not in results
        assert Switched.revoked == (x509.parse_certificate(before.certificate).serial,)

    def test_what_the_authority_cannot_do_now_waits(
        self, context: testing.Context[Charm], state: testing.State
    ):
        results, after = _act(context, state, 'revoke-certificate', id=_id(GOOD))

        assert results['to-revoke'] == 1
        assert results['not-revoked'] == 'the authority is down'
        assert results['result'] == '1 of 1 have a new certificate'
        assert '1 to revoke' in after.unit_status.message
        Switched.up = True
        later = context.run(context.on.update_status(), _due(after))
        assert len(Switched.revoked) == 1
        assert 'to revoke' not in later.unit_status.message

    def test_an_authority_without_revocation_says_so(
        self, context: testing.Context[Charm], state: testing.State
    ):
        Charm.issuer = Plain()

        results, after = _act(context, state, 'revoke-certificate', id=_id(GOOD))

        assert results['result'] == '1 of 1 have a new certificate'
        assert results['revoked'] == 'not at the authority: it has no revocation'
        assert 'to revoke' not in after.unit_status.message

    def test_what_is_in_a_databag_that_cannot_be_read_is_revoked_all_the_same(
        self, context: testing.Context[Charm], state: testing.State
    ):
        Switched.up = True
        relation = state.get_relation(4)
        assert isinstance(relation, testing.Relation)
        junk = {0: {'certificate_signing_requests': 'junk'}}
        hidden = dataclasses.replace(relation, remote_units_data=junk)
        others = {one for one in state.relations if one.id != 4}
        state = dataclasses.replace(state, relations={hidden, *others})

        results, after = _act(context, state, 'revoke-certificate', id=_id(GOOD))

        assert results['result'] == '0 of 1 have a new certificate'
        assert len(Switched.revoked) == 1
        assert wire.read_answers(after.get_relation(4).local_app_data).entries == ()

    @pytest.mark.parametrize(
        ('wanted', 'message'),
        [
            ('', 'parameter id is missing; list-requests and list-certificates show it'),
            (' ', 'parameter id is missing; list-requests and list-certificates show it'),
            ('4:', 'parameter id: give 4 digits of the request at least'),
            ('1000:', 'parameter id: give 4 digits of the request at least'),
            ('4', 'parameter id: give 4 digits of the request at least'),
            ('xxxx\n', 'no certificate has an id that begins with "xxxx"'),
            (
                pki.private_key_pem('ed25519'),
                'parameter id holds a private key: it is secret no longer',
            ),
            (_id(BAD), f'no certificate has an id that begins with "{_id(BAD)}"'),
        ],
    )
    def test_an_id_must_be_that_of_a_certificate(
        self, wanted: str, message: str, context: testing.Context[Charm], state: testing.State
    ):
        assert _fail(context, state, 'revoke-certificate', id=wanted) == message

    def test_the_digest_alone_is_enough(
        self, context: testing.Context[Charm], state: testing.State
    ):
        results, _ = _act(context, state, 'revoke-certificate', id=_id(GOOD).partition(':')[2])

        assert results['result'] == '1 of 1 have a new certificate'

    def test_every_request_that_has_the_certificate_has_another(
        self, context: testing.Context[Charm], state: testing.State
    ):
        Switched.up = True
        first = state.get_relation(4)
        assert isinstance(first, testing.Relation)
        [entry] = json.loads(first.local_app_data['certificates'])
        entry['certificate_signing_request'] = SAME_KEY
        second = testing.Relation(
            'certificates',
            id=5,
            remote_app_name='other',
            remote_units_data={0: requirers.bag(SAME_KEY)},
            local_app_data={'certificates': json.dumps([entry])},
        )
        state = dataclasses.replace(state, relations={second, *state.relations})

        results, after = _act(context, state, 'revoke-certificate', id=_id(GOOD))

        found = [
            one.certificate
            for number in (4, 5)
            for one in wire.read_answers(after.get_relation(number).local_app_data).entries
            if one.csr in {GOOD, SAME_KEY}
        ]
        assert results['result'] == '2 of 2 have a new certificate'
        assert len(found) == 2
        assert entry['certificate'] not in found
        assert len(Switched.revoked) == 1

    def test_what_is_revoked_is_not_given_in_the_same_pass(
        self, context: testing.Context[Charm], state: testing.State
    ):
        Charm.issuer = Drawer(Drawer.given)
        _, given = _act(context, state, 'retry-requests', id=_id(BAD))
        before = wire.read_answers(given.get_relation(4).local_app_data).entries
        assert {one.csr: one.revoked for one in before} == {GOOD: False, BAD: False}

        results, after = _act(context, given, 'revoke-certificate', id=_id(BAD))

        assert results['revoked'] == 'tell the people too'
        entries = wire.read_answers(after.get_relation(4).local_app_data).entries
        assert {one.csr: one.revoked for one in entries} == {GOOD: False, BAD: True}


def test_certificates_of_a_relation_that_breaks_are_revoked_where_the_authority_wants_that(
    context: testing.Context[Charm], state: testing.State
):
    Switched.up = True
    relation = state.get_relation(4)
    [entry] = wire.read_answers(relation.local_app_data).entries

    context.run(context.on.relation_broken(relation), state)
    assert Switched.revoked == ()
    Charm.issuer = Wanting()
    after = context.run(context.on.relation_broken(relation), state)

    assert Switched.revoked == (x509.parse_certificate(entry.certificate).serial,)
    assert after.get_relation(4).local_app_data == relation.local_app_data
    assert after.unit_status == testing.ActiveStatus()


def _due(state: testing.State) -> testing.State:
    """With a ledger in which everything that waits is due."""
    [peers] = state.get_relations('peers')
    assert isinstance(peers, testing.PeerRelation)
    book = json.loads(peers.local_app_data['ledger'])
    for one in book['to_revoke']:
        one['retry_at'] = 0
    changed = dataclasses.replace(peers, local_app_data={'ledger': json.dumps(book)})
    return dataclasses.replace(
        state, relations={changed, *(one for one in state.relations if one.id != peers.id)}
    )


@pytest.mark.parametrize('name', [name for name in common.ACTIONS if name != 'get-ca-certificate'])
def test_other_units_than_the_leader_fail(
    name: str, context: testing.Context[Charm], state: testing.State
):
    follower = dataclasses.replace(state, leader=False)

    assert _fail(context, follower, name) == NOT_LEADER


@pytest.mark.parametrize('name', ['retry-requests', 'revoke-certificate'])
def test_without_an_issuer_nothing_is_done(
    name: str, context: testing.Context[Charm], state: testing.State
):
    Charm.issuer = NotReady('option x: wrong', blocked=True)

    assert _fail(context, state, name, id=_id(GOOD if name[2] == 'v' else BAD)) == (
        'option x: wrong'
    )
