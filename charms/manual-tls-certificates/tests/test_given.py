"""Which requests a supplied certificate answers, how often, and when it is given no more."""

from __future__ import annotations

import dataclasses
import datetime
import json
from typing import Any

import ops
import pytest
from charmlibs.interfaces import tls_certificates
from cryptography import x509 as c509
from ops import testing

from charm import STORE
from store import MOST_GIVEN, Store, Supplied, loads
from tls_provider import x509
from tls_provider.testing import pki, requirers
from tls_provider.testing.world import World

HOUR = datetime.timedelta(hours=1)
DAY = 24 * HOUR
ROOT = pki.Authority.root('root')
CSR = pki.request('a.example', key='ecdsa-p256/a')
OTHER = pki.request('b.example', key='ecdsa-p256/b')
CHALLENGE = c509.ObjectIdentifier('1.2.840.113549.1.9.7')


def again(number: int) -> str:
    """The request once more, with the same key and names, as another text."""
    return pki.request(
        'a.example', key='ecdsa-p256/a', attributes=((CHALLENGE, str(number).encode()),)
    )


def sign(csr: str = CSR, *, passed: float = 0.01, life: datetime.timedelta = 100 * HOUR) -> str:
    """A certificate of which a share of its life is over."""
    start = datetime.datetime.now(datetime.timezone.utc) - passed * life
    return ROOT.sign(x509.parse_request(csr), start=start, life=life).pem


def supply(world: World, *certificates: str, **params: object) -> dict[str, Any]:
    return world.act(
        'import-certificates', bundle=''.join((*certificates, ROOT.certificate.pem)), **params
    )


def provide(world: World, relation: int, certificate: str, **params: object) -> dict[str, Any]:
    [wanted] = [row['id'] for row in world.requests() if row['relation-id'] == relation]
    given = {'certificate': certificate, 'ca-certificate': ROOT.certificate.pem, **params}
    return world.act('provide-certificate', id=wanted, **given)


def fail(world: World, name: str, **params: object) -> str:
    with pytest.raises(testing.ActionFailed) as failure:
        world.act(name, **params)
    assert isinstance(failure.value.state, testing.State)
    assert failure.value.state.relations == world.state.relations, 'it has changed something'
    return failure.value.message


def request(world: World, *csrs: str, is_ca: bool = False) -> int:
    relation = world.relate('app', {0: requirers.bag(*csrs, is_ca=is_ca)})
    world.changed(relation)
    return relation


def ask(world: World, relation: int, *csrs: str) -> None:
    world.write(relation, {0: requirers.bag(*csrs)})
    world.changed(relation)


def has(world: World, relation: int, certificate: str) -> bool:
    entries = world.answers(relation).entries
    texts = [one.certificate.strip() for one in entries if not one.revoked]
    return certificate.strip() in texts


def exported(world: World) -> list[dict[str, Any]]:
    return json.loads(world.act('export-requests')['requests'])


class TestRenewal:
    """A requirer that renews gets no certificate that it has already, without end."""

    @pytest.mark.parametrize(
        ('passed', 'rounds'), [(0.1, 5), (0.49, 5), (0.51, 1), (0.85, 1), (0.91, 0), (0.99, 0)]
    )
    def test_it_gets_the_same_one_more_often_the_younger_that_is(
        self, passed: float, rounds: int, world: World
    ):
        relation = request(world, CSR)
        certificate = sign(passed=passed)
        supply(world, certificate)
        assert has(world, relation, certificate)

        got: list[bool] = []
        for number in range(5):
            ask(world, relation, again(number))
            got.append(has(world, relation, certificate))

        assert got == [True] * rounds + [False] * (5 - rounds)
        assert len(exported(world)) == (rounds < 5)

    def test_two_requests_in_turns_are_other_requests_each_time(self, world: World):
        relation = request(world, CSR)
        certificate = sign(passed=0.6)
        supply(world, certificate)

        got: list[bool] = []
        for csr in (again(1), CSR, CSR):
            ask(world, relation, csr)
            got.append(has(world, relation, certificate))

        assert got == [True, False, False]

    def test_the_last_one_keeps_it_when_it_comes_again(self, world: World):
        relation = request(world, CSR)
        certificate = sign(passed=0.95)
        supply(world, certificate)

        world.part(relation)

        assert has(world, request(world, CSR), certificate)

    def test_what_a_person_supplies_again_is_given_again(self, world: World):
        relation = request(world, CSR)
        certificate = sign(passed=0.95)
        supply(world, certificate)
        ask(world, relation, again(1))
        assert not has(world, relation, certificate)

        results = supply(world, certificate)

        assert results['result'] == '1 supplied, 1 CA certificate'
        assert has(world, relation, certificate)

    def test_what_nobody_has_had_is_given_however_old_it_is(self, world: World):
        relation = request(world, CSR)
        certificate = sign(passed=0.97)

        supply(world, certificate)

        assert has(world, relation, certificate)

    def test_it_remembers_a_number_of_requests(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        one = Supplied('c', (), 'k', False, 0, 1 << 40)

        for number in range(MOST_GIVEN + 5):
            one = one.answering(f'{number}', now)

        assert one.given == tuple(f'{number}' for number in range(5, MOST_GIVEN + 5))
        assert not one.is_late


class Web(ops.CharmBase):
    """A requirer on the public library."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        wanted = tls_certificates.CertificateRequestAttributes(
            common_name='web.example', sans_dns=frozenset({'web.example'})
        )
        self.certificates = tls_certificates.TLSCertificatesRequiresV4(
            self, 'certificates', [wanted], mode=tls_certificates.Mode.UNIT
        )


@pytest.mark.parametrize('passed', [0.955, 0.92])
def test_the_public_library_and_the_charm_come_to_rest(passed: float, world: World):
    meta = {'name': 'web', 'requires': {'certificates': {'interface': 'tls-certificates'}}}
    requirer = testing.Context(Web, meta=meta)
    there = testing.Relation('certificates', remote_app_name='manual-tls-certificates')
    state = testing.State(relations={there})
    here = world.relate('web', {0: {}})

    def exchange(state: testing.State) -> testing.State:
        """The event of the requirer's databag here, and of ours there."""
        old = state.get_relation(there.id)
        world.write(here, {0: dict(old.local_unit_data)})
        world.changed(here)
        bag = dict(world.relation(here).local_app_data)
        new = dataclasses.replace(old, remote_app_data=bag)
        state = dataclasses.replace(state, relations={new})
        return requirer.run(requirer.on.relation_changed(new), state)

    state = requirer.run(requirer.on.relation_created(there), state)
    state = exchange(state)
    [row] = exported(world)
    certificate = sign(row['csr'], passed=passed)
    supply(world, certificate)
    texts: list[str] = []
    for _ in range(8):
        state = exchange(state)
        texts.append(state.get_relation(there.id).local_unit_data['certificate_signing_requests'])

    assert len(set(texts[1:])) == 1, 'it still asks anew in every round'
    [row] = exported(world)
    assert row['csr'] in json.loads(texts[-1])[0]['certificate_signing_request']


class TestAnother:
    """One that is supplied while another serves takes its place in the same hook, or says why."""

    @pytest.mark.parametrize('way', ['import', 'provide'])
    def test_a_later_one_takes_the_place_in_the_same_hook(self, way: str, world: World):
        relation = request(world, CSR)
        supply(world, sign(life=7 * DAY))
        new = sign(life=90 * DAY)

        if way == 'import':
            assert supply(world, new)['result'] == '1 supplied, 1 CA certificate'
        else:
            assert provide(world, relation, new) == {
                'result': 'Certificates successfully provided.'
            }

        assert has(world, relation, new)
        assert 'ends within' not in world.status

    def test_what_is_supplied_last_counts_though_it_ends_sooner(self, world: World):
        """The requirer makes its request anew; an import of everything changes nothing."""
        relation = request(world, CSR)
        old, new = sign(life=90 * DAY), sign(life=40 * DAY)
        supply(world, old)
        supply(world, new)
        message = fail(world, 'import-certificates', bundle=old + ROOT.certificate.pem)
        anew = request(world, again(1))

        assert 'the request had this one before' in message
        assert has(world, relation, new)
        assert has(world, anew, new)

    def test_what_served_before_serves_again_when_its_successor_is_taken_back(self, world: World):
        relation = request(world, CSR)
        old, new = sign(life=40 * DAY), sign(life=90 * DAY)
        supply(world, old)
        supply(world, new)
        assert has(world, relation, new)

        world.act('remove-certificate', id=world_key(world, relation))

        assert has(world, relation, old)

    def test_one_that_lasts_longer_elsewhere_is_not_in_the_way(self, world: World):
        """Two requests of one key and name have certificates of their own."""
        first = request(world, CSR)
        supply(world, sign(life=50 * DAY))
        second = request(world, again(1))
        provide(world, second, longer := sign(life=200 * DAY))
        assert has(world, second, longer)

        provide(world, first, wanted := sign(life=90 * DAY))

        assert has(world, first, wanted)
        assert has(world, second, longer)

    def test_of_two_that_end_soon_none_takes_turns_with_the_other(self, world: World):
        relation = request(world, CSR)
        longer, shorter = (sign(passed=0.985, life=life) for life in (203 * HOUR, 202 * HOUR))
        supply(world, shorter)
        supply(world, longer)

        for _ in range(4):
            world.run()
            assert has(world, relation, longer)
        assert len(exported(world)) == 1

    def test_of_two_in_one_bundle_the_later_is_given_and_the_other_not_kept(self, world: World):
        relation = request(world, CSR)
        bundle = [sign(life=40 * DAY), sign(life=90 * DAY)]

        first = supply(world, *bundle)
        second = supply(world, *bundle)

        assert first['result'] == '1 not published, 1 supplied, 1 CA certificate'
        assert second['result'] == (
            '1 not published, 1 already there, 1 CA certificate; nothing was published'
        )
        assert has(world, relation, bundle[1])
        assert len(kept(world).supplied) == 1

    def test_when_it_is_wanted_begins_with_the_want(self, world: World):
        relation = request(world, CSR)
        assert len(kept(world).since) == 1
        supply(world, sign(passed=0.98))

        assert kept(world).since == {}
        world.run()

        assert list(kept(world).since) == [world_key(world, relation)]
        assert 'waits for another certificate since' in world.status


def kept(world: World):
    [peers] = world.state.get_relations('peers')
    return loads(peers.local_app_data.get(STORE, ''))


def world_key(world: World, relation: int) -> str:
    [peers] = world.state.get_relations('peers')
    [key] = json.loads(peers.local_app_data['ledger'])['records']
    assert key.startswith(f'{relation}:')
    return key


def test_a_store_of_another_revision_loses_nothing(world: World):
    """Of an older one, which lacks fields, and of a newer one, which has more of them."""
    request(world, CSR)
    supply(world, sign())
    known = kept(world)
    document = json.loads(known.dumps())
    newer = {**document, 'more': 1, 'supplied': [{**document['supplied'][0], 'more': 1}]}
    item = {**document['supplied'][0]}
    for name in ('given', 'is_late', 'not_before'):
        item.pop(name)
    older = {'links': document['links'], 'supplied': [item, {'certificate': 'junk'}, 7]}

    assert loads(json.dumps(newer)) == known
    [one] = loads(json.dumps(older)).supplied
    assert one == dataclasses.replace(known.supplied[0], given=())
    for text in ('', '[]', '{', '1', '{"supplied": 5, "refused": [], "since": {"a": "b"}}'):
        assert loads(text) == Store()


class TestLost:
    """What is published is known also where nobody has supplied it here."""

    def _forget(self, world: World) -> None:
        [peers] = world.state.get_relations('peers')
        left = {key: text for key, text in peers.local_app_data.items() if key != STORE}
        others = {one for one in world.state.relations if one.endpoint != 'peers'}
        peers = testing.PeerRelation('peers', local_app_data=left)
        world.state = dataclasses.replace(world.state, relations={*others, peers})

    def test_it_is_given_to_who_comes_again(self, world: World):
        relation = request(world, CSR)
        supply(world, certificate := sign())
        self._forget(world)
        world.run()

        world.part(relation)

        assert has(world, request(world, again(1)), certificate)

    def test_what_is_no_certificate_is_left_out(self, world: World):
        relation = request(world, CSR)
        supply(world, sign())
        answers = dict(world.relation(relation).local_app_data)
        damaged = answers['certificates'].replace('MII', '!!!')
        world.write_own(relation, {**answers, 'certificates': damaged})
        self._forget(world)

        world.run()

        assert kept(world).supplied == ()


class TestTakenBack:
    """What is removed or revoked is gone, for every request and for good."""

    @pytest.mark.parametrize('name', ['remove-certificate', 'revoke-certificate'])
    def test_no_request_gets_it_again(self, name: str, world: World):
        first, second = request(world, CSR), request(world, again(1))
        certificate = sign()
        supply(world, certificate)
        assert has(world, first, certificate)
        assert has(world, second, certificate)

        done = world.act(name, id=world.requests()[0]['id'])

        for relation in (first, second):
            assert world.entry(relation).revoked
        third = request(world, again(2))
        ask(world, first, again(3))
        world.run()
        assert not any(has(world, one, certificate) for one in (first, second, third))
        if name == 'revoke-certificate':
            assert done['result'] == '0 of 2 have a new certificate'
            assert done['revoked'] == 'not at your CA: revoke it there too'
            assert 'to-revoke' not in done
        else:
            assert done['result'] == (
                'The certificate is taken back for good; requests with it: 2 waiting.'
            )

    def test_one_that_waits_does_not_get_it_in_the_same_hook(self, world: World):
        first = request(world, CSR)
        certificate = sign()
        supply(world, certificate)
        second = world.relate('other', {0: requirers.bag(again(1))})

        [row] = [row for row in world.requests() if row['relation-id'] == first]
        world.act('revoke-certificate', id=row['id'])

        assert world.answers(second).entries == ()

    def test_it_cannot_be_supplied_again(self, world: World):
        relation = request(world, CSR)
        certificate = sign()
        supply(world, certificate)
        world.act('remove-certificate', id=world.requests()[0]['id'])

        bulk = fail(world, 'import-certificates', bundle=certificate + ROOT.certificate.pem)
        single = fail(
            world,
            'provide-certificate',
            **{
                'id': world.requests()[0]['id'],
                'certificate': certificate,
                'ca-certificate': ROOT.certificate.pem,
            },
        )

        removed = 'the certificate was removed or revoked before: have another one signed'
        assert bulk == f'nothing was published: wrong: {removed}'
        assert single == removed
        other = sign(life=200 * HOUR)
        supply(world, other)
        assert has(world, relation, other)

    def test_another_that_was_supplied_for_a_sibling_takes_its_place(self, world: World):
        first = request(world, CSR)
        supply(world, sign(life=50 * DAY))
        second = request(world, again(1))
        longer = sign(life=60 * DAY)
        provide(world, second, longer)
        assert not has(world, first, longer)

        [wanted] = [row['id'] for row in world.requests() if row['relation-id'] == first]
        done = world.act('remove-certificate', id=wanted)

        assert done['result'].endswith('requests with it: 1 served.')
        assert has(world, first, longer)

    def test_a_dry_run_says_the_same_and_does_nothing(self, world: World):
        request(world, CSR)
        supply(world, sign())
        wanted = world.requests()[0]['id']
        before = world.state

        tried = world.act('remove-certificate', **{'id': wanted, 'dry-run': True})
        assert world.state.relations == before.relations
        done = world.act('remove-certificate', id=wanted)

        assert tried['result'] == f'{done["result"]} Nothing was done: dry-run.'

    def test_the_root_of_what_was_taken_back_is_not_trusted(self, world: World):
        request(world, CSR)
        supply(world, sign())
        assert len(world.trusted()) == 1

        world.act('remove-certificate', id=world.requests()[0]['id'])

        assert world.trusted() == []


class TestRules:
    """What a rule refuses is not called supplied, and is not kept."""

    @pytest.mark.parametrize('dry', [False, True])
    def test_an_action_for_a_request_that_is_refused_fails(self, dry: bool, world: World):
        world.configure(allowed_domains='other.org')
        request(world, CSR)
        certificate = sign()

        bulk = fail(
            world,
            'import-certificates',
            **{'bundle': certificate + ROOT.certificate.pem, 'dry-run': dry},
        )
        single = fail(
            world,
            'provide-certificate',
            **{
                'id': world.requests()[0]['id'],
                'certificate': certificate,
                'ca-certificate': ROOT.certificate.pem,
                'dry-run': dry,
            },
        )

        reason = 'the request is refused: a.example is outside the allowed domains: other.org'
        assert bulk == f'nothing was published: not published: {reason}'
        assert single == f'the certificate fits and is not published: {reason}'

    def test_those_beyond_the_limit_are_told_from_the_others(self, world: World):
        world.configure(certificate_limit=1)
        relation = request(world, CSR, OTHER)
        bundle = [sign(CSR), sign(OTHER)]

        tried = supply(world, *bundle, **{'dry-run': True})
        results = supply(world, *bundle)

        assert results['result'] == '1 supplied, 1 not published, 1 CA certificate'
        assert tried == {**results, 'result': f'{results["result"]}; nothing was published'}
        outcomes = [row['outcome'] for row in json.loads(results['report'])]
        assert outcomes[1].startswith('not published: the request is refused: this relation has')
        assert len(world.answers(relation).entries) == len(kept(world).supplied) == 1

    def test_a_ca_certificate_for_nobody_is_not_supplied(self, world: World):
        csr = pki.request(common_name='sub', key='ecdsa-p256/sub')
        request(world, csr, is_ca=True)
        start = datetime.datetime.now(datetime.timezone.utc) - DAY
        certificate = ROOT.sign(x509.parse_request(csr), start=start, is_ca=True).pem

        message = fail(world, 'import-certificates', bundle=certificate + ROOT.certificate.pem)

        assert 'CA certificates are not issued to app' in message

    def test_some_requests_of_a_key_may_get_it_and_others_not(self, world: World):
        first, second = request(world, CSR), request(world, again(1))
        ids = {row['relation-id']: row['id'] for row in world.requests()}
        world.act('refuse-request', id=ids[first], reason='no')

        results = supply(world, sign())

        [row, _] = json.loads(results['report'])
        assert row['requests'] == [ids[second]]
        assert row['not-published'] == [f'{ids[first]}: the request is refused: no']


class TestRefusals:
    """A refusal is for one request, and stands until it is taken back."""

    def test_the_same_text_in_another_relation_is_another_request(self, world: World):
        first, second = request(world, CSR), request(world, CSR)
        ids = {row['relation-id']: row['id'] for row in world.requests()}

        world.act('refuse-request', id=ids[first], reason='no')

        assert world.refusal(first).message == 'no'
        assert world.answers(second).refusals == ()
        provide(world, second, sign())
        world.configure(allowed_domains='example')
        assert world.refusal(first).message == 'no'
        assert len(world.answers(second).entries) == 1

    def test_it_stands_though_there_is_a_certificate(self, world: World):
        first = request(world, CSR)
        certificate = sign()
        supply(world, certificate)
        ask(world, first, again(1), again(2))
        second = [row['id'] for row in world.requests()][1]
        world.act('remove-certificate', id=second)
        world.act('refuse-request', id=second, reason='no')

        supply(world, sign(life=200 * HOUR))
        world.run()

        assert [one.message for one in world.answers(first).refusals] == ['no']

    def test_it_is_taken_back_by_a_certificate_for_this_very_request(self, world: World):
        first = request(world, CSR)
        world.act('refuse-request', id=world.requests()[0]['id'], reason='no')
        certificate = sign()

        message = fail(world, 'import-certificates', bundle=certificate + ROOT.certificate.pem)
        provide(world, first, certificate)

        assert message.endswith('the request is refused: no')
        assert has(world, first, certificate)

    def test_taking_it_back_says_what_becomes_of_the_request(self, world: World):
        request(world, CSR)
        wanted = world.requests()[0]['id']
        world.act('refuse-request', id=wanted, reason='no')
        world.configure(allowed_domains='other.org')

        refused = world.act('refuse-request', id=wanted, withdraw=True)

        assert refused['result'] == 'The refusal is taken back; the request is refused.'

    def test_those_of_requests_that_left_are_forgotten(self, world: World):
        relation = request(world, CSR)
        world.act('refuse-request', id=world.requests()[0]['id'], reason='no')
        assert len(kept(world).refused) == 1

        ask(world, relation)

        assert kept(world).refused == {}


class TestWork:
    """What waits is what somebody should sign, in time."""

    @pytest.mark.parametrize(
        ('passed', 'life', 'count'),
        [
            (0.89, 10 * DAY, 0), (0.91, 10 * DAY, 1), (0.66, 90 * DAY, 0), (0.68, 90 * DAY, 1),
            (0.68, 89 * DAY, 0), (0.89, 365 * DAY, 0), (0.91, 365 * DAY, 1),
        ],
    )  # fmt: skip
    def test_one_that_ends_soon_waits_for_another(
        self, passed: float, life: datetime.timedelta, count: int, world: World
    ):
        request(world, CSR)
        certificate = sign(passed=passed, life=life)
        supply(world, certificate)

        rows = exported(world)
        listed = json.loads(world.act('get-outstanding-certificate-requests')['result'])

        assert len(rows) == len(listed) == count
        end = x509.parse_certificate(certificate).not_after
        assert [row['serves-until'] for row in rows] == [f'{end:%Y-%m-%dT%H:%M:%SZ}'] * count

    def test_the_subject_of_a_ca_is_compared(self, world: World):
        world.configure(allow_ca_requests='all')
        csr = pki.request(common_name='sub', key='ecdsa-p256/sub')
        other = pki.request(common_name='another', key='ecdsa-p256/sub')
        relation = request(world, csr, is_ca=True)
        start = datetime.datetime.now(datetime.timezone.utc) - DAY
        certificate = ROOT.sign(x509.parse_request(other), start=start, is_ca=True).pem

        tried = supply(world, certificate, **{'dry-run': True})
        results = provide(world, relation, certificate)

        warning = 'its subject "CN=another" is not that of the request'
        assert results['warnings'] == warning
        assert json.loads(tried['report'])[0]['warnings'] == warning

    def test_what_certificate_holds_goes_before_what_is_in_the_chain(self, world: World):
        relation = request(world, CSR)
        short, long = sign(life=40 * DAY), sign(life=90 * DAY)

        provide(world, relation, short, **{'ca-chain': long})

        assert has(world, relation, short)

    def test_the_bundle_of_the_option_may_end_chains_of_an_import(self, world: World):
        lower = ROOT.intermediate('lower')
        world.configure(trusted_certificate_bundle=lower.certificate.pem)
        relation = request(world, CSR)
        start = datetime.datetime.now(datetime.timezone.utc) - DAY
        leaf = lower.sign(x509.parse_request(CSR), start=start).pem

        world.act('import-certificates', bundle=leaf)

        assert world.entry(relation).ca.strip() == lower.certificate.pem.strip()
