"""The operator's desk: what waits, many at once, refusals, and what outlives requests."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import io
import json
import tarfile
from collections.abc import Callable
from typing import Any

import pytest
from ops import testing

import store
from charm import STORE, ManualTLSCertificatesCharm
from store import Refusal, Store, Supplied
from tls_provider import wire, x509
from tls_provider.testing import pki

Context = testing.Context[ManualTLSCertificatesCharm]
DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.timezone.utc)
ROOT = pki.Authority.root('root')
LOWER = ROOT.intermediate('lower')
CSRS = [pki.request(f'{name}.example', key=f'ecdsa-p256/{name}') for name in 'abc']


class Office:
    """A charm with requirers, action by action."""

    def __init__(self, context: Context, *csrs: str, **config: str | bool):
        self.context = context
        relations = [self.requirer(f'app{number}', csr) for number, csr in enumerate(csrs)]
        options = {name.replace('_', '-'): value for name, value in config.items()}
        self.state = testing.State(
            leader=True,
            config=dict(options),
            relations={testing.PeerRelation('peers'), *relations},
        )
        self.run('config_changed')

    @staticmethod
    def requirer(app: str, *csrs: str, is_ca: bool = False) -> testing.Relation:
        requests = [{'certificate_signing_request': csr, 'ca': is_ca} for csr in csrs]
        bag = {'certificate_signing_requests': json.dumps(requests)}
        return testing.Relation('certificates', remote_app_name=app, remote_units_data={0: bag})

    def run(self, event: str) -> None:
        self.state = self.context.run(getattr(self.context.on, event)(), self.state)

    def act(self, name: str, **params: object) -> dict[str, Any]:
        given = {key.replace('_', '-'): value for key, value in params.items()}
        self.state = self.context.run(self.context.on.action(name, params=given), self.state)
        return dict(self.context.action_results or {})

    def change(self, *relations: testing.Relation) -> None:
        """Replace all requirers."""
        kept = {one for one in self.state.relations if one.endpoint != 'certificates'}
        self.state = dataclasses.replace(self.state, relations={*kept, *relations})
        self.run('update_status')

    @property
    def answers(self) -> dict[str, wire.Answers]:
        return {
            one.remote_app_name: wire.read_answers(one.local_app_data)
            for one in self.state.get_relations('certificates')
            if isinstance(one, testing.Relation)
        }

    @property
    def status(self) -> str:
        return self.state.unit_status.message

    def ids(self) -> list[str]:
        return [row['id'] for row in json.loads(self.act('list-requests')['requests'])]


@pytest.fixture
def context() -> Context:
    return testing.Context(ManualTLSCertificatesCharm)


def sign(csr: str, life: datetime.timedelta = 90 * DAY, **changes: Any) -> str:
    return LOWER.sign(x509.parse_request(csr), start=NOW - DAY, life=life, **changes).pem


def bundle(*csrs: str) -> str:
    return ROOT.certificate.pem + ''.join(map(sign, csrs)) + LOWER.certificate.pem


class TestWaiting:
    def test_requests_that_wait_are_work_to_do(self, context: Context):
        office = Office(context, *CSRS)

        assert office.status.startswith('0/3 issued, 3 pending; app0/0: waits for a certificate')
        assert '2 more problems' in office.status
        rows = json.loads(office.act('list-requests')['requests'])
        assert {row['state'] for row in rows} == {'pending'}
        assert [row['names'] for row in rows] == [['a.example'], ['b.example'], ['c.example']]

    def test_since_when_is_remembered(self, context: Context):
        office = Office(context, CSRS[0])
        [peers] = office.state.get_relations('peers')
        known = store.loads(peers.local_app_data[STORE])
        early = dataclasses.replace(known, since=dict.fromkeys(known.since, 60))
        changed = dataclasses.replace(
            peers, local_app_data={**peers.local_app_data, STORE: early.dumps()}
        )
        relations = {one for one in office.state.relations if one.id != peers.id}
        office.state = dataclasses.replace(office.state, relations={*relations, changed})

        office.run('update_status')

        assert 'waits for a certificate since 1970-01-01 00:01' in office.status

    def test_the_list_of_canonicals_charm(self, context: Context):
        office = Office(context, *CSRS)
        relations = sorted(one.id for one in office.state.get_relations('certificates'))

        every = json.loads(office.act('get-outstanding-certificate-requests')['result'])
        one = json.loads(
            office.act('get-outstanding-certificate-requests', relation_id=relations[1])['result']
        )

        assert [row['relation_id'] for row in every] == relations
        assert [row['csr'] for row in every] == CSRS
        assert one == [every[1]]

    def test_without_a_relation_it_says_so(self, context: Context):
        with pytest.raises(testing.ActionFailed) as failure:
            Office(context).act('get-outstanding-certificate-requests')

        assert failure.value.message == 'No certificates relation has been created yet.'

    def test_all_of_them_go_into_one_archive(self, context: Context):
        office = Office(context, *CSRS)

        results = office.act('export-requests')

        rows = json.loads(results['requests'])
        archive = base64.b64decode(results['archive'])
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            texts = {
                member.name: content.read().decode()
                for member in files
                if (content := files.extractfile(member))
            }
        assert results['total'] == 3
        assert texts.keys() == {'manifest.json', *(row['file'] for row in rows)}
        assert [texts[row['file']].strip() for row in rows] == [csr.strip() for csr in CSRS]
        manifest = json.loads(texts['manifest.json'])
        assert [row['id'] for row in manifest] == office.ids()
        assert 'csr' not in manifest[0]
        assert results['file'].endswith('exports/requests.tar.gz')

    def test_a_page_that_is_not_there(self, context: Context):
        with pytest.raises(testing.ActionFailed, match='page 9 does not exist'):
            Office(context, *CSRS).act('export-requests', page=9)


class TestImport:
    def test_certificates_in_any_order_find_their_requests(self, context: Context):
        office = Office(context, *CSRS)

        text = bundle(*CSRS[:2])
        tried = office.act('import-certificates', bundle=text, dry_run=True)
        assert tried['result'].endswith('; nothing was published')
        assert not any(one.entries for one in office.answers.values())
        results = office.act('import-certificates', bundle=text)

        report = json.loads(results['report'])
        assert [row['outcome'] for row in report] == [
            'CA certificate', 'supplied', 'supplied', 'CA certificate',
        ]  # fmt: skip
        assert report[1]['requests'] == [office.ids()[0]]
        assert [len(one.entries) for one in office.answers.values()].count(1) == 2
        again = office.act('import-certificates', bundle=text + sign(CSRS[2]))
        assert again['result'] == '2 CA certificate, 2 already there, 1 supplied'
        assert all(len(one.entries) == 1 for one in office.answers.values())

    def test_each_is_reported_on_and_one_that_is_wrong_harms_no_other(self, context: Context):
        office = Office(context, *CSRS)
        stranger = sign(pki.request('x.example', key='ecdsa-p256/x'))
        wrong = sign(CSRS[1], names=['other.example'])

        results = office.act('import-certificates', bundle=bundle(CSRS[0]) + wrong + stranger)

        outcomes = [row['outcome'] for row in json.loads(results['report'])]
        assert outcomes == [
            'CA certificate', 'supplied', 'CA certificate',
            'wrong: the certificate lacks b.example', 'no request has this key',
        ]  # fmt: skip
        assert [bool(one.entries) for one in office.answers.values()].count(True) == 1

    def test_a_secret_may_hold_them(self, context: Context):
        office = Office(context, CSRS[0])
        content = {
            'leaf': base64.b64encode(sign(CSRS[0]).encode()).decode(),
            'cas': LOWER.certificate.pem + ROOT.certificate.pem,
        }
        secret = testing.Secret(content)
        office.state = dataclasses.replace(office.state, secrets={secret})

        office.act('import-certificates', secret=secret.id)

        assert len(office.answers['app0'].entries) == 1

    @pytest.mark.parametrize(
        ('text', 'complaint'),
        [
            ('', 'Action input is not valid. bundle is empty'),
            ('junk!', 'Action input is not valid. bundle is neither PEM nor base64 of PEM'),
        ],
    )
    def test_junk_is_named(self, text: str, complaint: str, context: Context):
        with pytest.raises(testing.ActionFailed) as failure:
            Office(context, CSRS[0]).act('import-certificates', bundle=text)

        assert failure.value.message == complaint

    def test_the_bundle_of_the_option_completes_chains(self, context: Context):
        cas = LOWER.certificate.pem + ROOT.certificate.pem
        office = Office(context, CSRS[0], trusted_certificate_bundle=cas)

        office.act('import-certificates', bundle=sign(CSRS[0]))

        [entry] = office.answers['app0'].entries
        assert len(entry.chain) == 3


class TestKept:
    def test_a_request_that_is_made_again_with_the_same_key_is_served_by_nobody(
        self, context: Context
    ):
        office = Office(context, CSRS[0])
        office.act('import-certificates', bundle=bundle(CSRS[0]))
        again = pki.request('a.example', key='ecdsa-p256/a', common_name='a.example')
        assert again != CSRS[0]

        office.change()
        office.change(office.requirer('other', again))

        [entry] = office.answers['other'].entries
        assert entry.csr == again

    def test_other_names_wait(self, context: Context):
        office = Office(context, CSRS[0])
        office.act('import-certificates', bundle=bundle(CSRS[0]))

        office.change(
            office.requirer('app0', pki.request('a.example', 'z.example', key='ecdsa-p256/a'))
        )

        assert office.answers['app0'].entries == ()
        assert '1 pending' in office.status

    def test_what_has_ended_is_forgotten(self):
        old = Supplied('c', ('l',), 'k', False, 0, int((NOW - DAY).timestamp()))
        no = Refusal(999, 'no')
        known = Store((old,), {'a': no, 'b': no}, {'a': 1, 'b': 2}, {'x': 1, 'y': 1 << 40})

        left = known.current(NOW, {'a', 'c'}, {'b'})

        assert left == Store((), {'a': no}, {'b': 2}, {'y': 1 << 40})

    def test_a_store_goes_through_a_text(self):
        chain = (LOWER.certificate.pem, ROOT.certificate.pem)
        supplied = tuple(
            Supplied(sign(csr), chain, f'key {number}', False, 1, 9_999_999_999, ('x', 'y'), True)
            for number, csr in enumerate(CSRS)
        )
        known = Store(supplied, {'a': Refusal(102, 'no')}, {'b': 5}, {'c': 6}, ('d',))

        text = known.dumps()

        assert store.loads(text) == known
        assert text.count('BEGIN CERTIFICATE') == 5

    @pytest.mark.parametrize('text', ['', '{', '[]', '1', '{"supplied": 1}', '{"refused": [1]}'])
    def test_a_damaged_store_is_empty(self, text: str):
        assert store.loads(text) == Store()

    def test_a_certificate_that_ends_has_to_be_supplied_again(self, context: Context):
        office = Office(context, CSRS[0])
        old = sign(CSRS[0], life=DAY + datetime.timedelta(minutes=40))
        office.act('import-certificates', bundle=bundle() + old)
        [entry] = office.answers['app0'].entries

        office.run('update_status')
        assert office.answers['app0'].entries == (entry,)
        assert 'waits for another certificate since' in office.status
        office.act('import-certificates', bundle=bundle(CSRS[0]))

        assert office.answers['app0'].entries != (entry,)

    @pytest.mark.parametrize(('days', 'shown'), [(6, 7), (13, 14), (29, 30), (31, None)])
    def test_the_status_asks_for_another_one_in_time(
        self, days: int, shown: int | None, context: Context
    ):
        office = Office(context, CSRS[0])

        office.act('import-certificates', bundle=bundle() + sign(CSRS[0], life=(days + 1) * DAY))

        warning = f'a certificate ends within {shown} days: supply another'
        assert (warning in office.status) == (shown is not None)
        assert shown is not None or 'ends within' not in office.status


class TestRefuse:
    def test_a_requirer_is_told_why_and_minds_may_change(self, context: Context):
        office = Office(context, *CSRS[:2])
        [wanted, _] = office.ids()

        tried = office.act('refuse-request', id=wanted, reason='x', dry_run=True)
        assert tried['result'].endswith('dry-run.')
        assert office.answers['app0'].refusals == ()
        office.act('refuse-request', id=wanted, reason='ask for b.example', code=102)
        [refusal] = office.answers['app0'].refusals
        assert (refusal.code, refusal.message) == (102, 'ask for b.example')
        assert office.answers['app1'] == wire.Answers()
        outstanding = office.act('get-outstanding-certificate-requests')['result']
        assert [row['csr'] for row in json.loads(outstanding)] == [CSRS[1]]
        office.run('update_status')
        assert office.answers['app0'].refusals == (refusal,)
        office.act('refuse-request', id=wanted, withdraw=True)

        assert office.answers['app0'] == wire.Answers()
        assert '2 pending' in office.status

    def test_a_certificate_takes_a_refusal_back(self, context: Context):
        office = Office(context, CSRS[0])
        [wanted] = office.ids()
        office.act('refuse-request', id=wanted, reason='no')

        office.act(
            'provide-certificate',
            id=wanted,
            certificate=sign(CSRS[0]),
            ca_certificate=ROOT.certificate.pem,
            ca_chain=LOWER.certificate.pem,
        )

        assert len(office.answers['app0'].entries) == 1
        assert office.answers['app0'].refusals == ()

    @pytest.mark.parametrize(
        ('params', 'complaint'),
        [
            ({'reason': ' '}, 'Action input is not valid. reason is empty'),
            ({'reason': 'x', 'code': 201}, 'Action input is not valid. code is none of 101, 102'),
            ({'withdraw': True}, 'the request is not refused'),
            ({'id': '', 'reason': 'x'}, 'parameter id is missing'),
            ({'id': 'zzzz', 'reason': 'x'}, 'no request has an id that begins with "zzzz"'),
        ],
    )
    def test_wrong_parameters(self, params: dict[str, object], complaint: str, context: Context):
        office = Office(context, CSRS[0])
        [wanted] = office.ids()

        with pytest.raises(testing.ActionFailed) as failure:
            office.act('refuse-request', **{'id': wanted, **params})

        assert failure.value.message.startswith(complaint)


class TestRemove:
    def test_the_request_waits_again(self, context: Context):
        office = Office(context, CSRS[0])
        [wanted] = office.ids()
        office.act('import-certificates', bundle=bundle(CSRS[0]))
        office.act('remove-certificate', id=wanted, dry_run=True)
        assert not office.answers['app0'].entries[0].revoked

        office.act('remove-certificate', id=wanted)

        [entry] = office.answers['app0'].entries
        assert entry.revoked
        assert 'waits for another certificate' in office.status
        office.run('update_status')
        assert office.answers['app0'].entries[0].revoked

    def test_what_is_served_cannot_be_refused(self, context: Context):
        office = Office(context, CSRS[0])
        [wanted] = office.ids()
        office.act('import-certificates', bundle=bundle(CSRS[0]))

        with pytest.raises(testing.ActionFailed, match='remove it first'):
            office.act('refuse-request', id=wanted, reason='x')

    def test_there_has_to_be_one(self, context: Context):
        office = Office(context, CSRS[0])
        [wanted] = office.ids()

        with pytest.raises(testing.ActionFailed, match='the request has no certificate'):
            office.act('remove-certificate', id=wanted)


class TestTrust:
    def trusted(self, office: Office, endpoint: str = 'send-ca-cert') -> list[str]:
        [relation] = office.state.get_relations(endpoint)
        texts = json.loads(relation.local_app_data.get('certificates', '[]'))
        return sorted(x509.parse_certificate(text).subject for text in texts)

    def test_it_is_exactly_the_bundle_and_the_roots_of_what_is_published(self, context: Context):
        other = pki.Authority.root('other').certificate.pem
        third = pki.Authority.root('third').certificate.pem
        office = Office(context, CSRS[0], trusted_certificate_bundle=other + third)
        trust = {testing.Relation(name) for name in ('send-ca-cert', 'trust_certificate')}
        office.state = dataclasses.replace(
            office.state, relations={*office.state.relations, *trust}
        )

        office.act('import-certificates', bundle=bundle(CSRS[0]))
        both = self.trusted(office), self.trusted(office, 'trust_certificate')
        self.configure(office, trusted_certificate_bundle=other)
        less = self.trusted(office)
        self.configure(office, send_supplied_cas=False)
        least = self.trusted(office)
        self.configure(office, trusted_certificate_bundle='')

        assert both == (['CN=other', 'CN=root', 'CN=third'],) * 2
        assert (less, least) == (['CN=other', 'CN=root'], ['CN=other'])
        assert self.trusted(office) == []
        with pytest.raises(testing.ActionFailed, match='not yet generated'):
            office.act('get-ca-certificate')

    @staticmethod
    def configure(office: Office, **options: str | bool) -> None:
        changed = {name.replace('_', '-'): value for name, value in options.items()}
        office.state = dataclasses.replace(office.state, config={**office.state.config, **changed})
        office.run('config_changed')

    @pytest.mark.parametrize(
        ('text', 'complaint'),
        [
            ('junk', 'option trusted-certificate-bundle: holds something else than PEM'),
            (sign(CSRS[0]), 'option trusted-certificate-bundle: "one without a subject" is no CA'),
        ],
    )
    def test_a_wrong_bundle_blocks_and_harms_nothing(
        self, text: str, complaint: str, context: Context
    ):
        office = Office(context, CSRS[0])
        office.act('import-certificates', bundle=bundle(CSRS[0]))

        self.configure(office, trusted_certificate_bundle=text)

        assert isinstance(office.state.unit_status, testing.BlockedStatus)
        assert office.status.startswith(complaint)
        assert len(office.answers['app0'].entries) == 1
        for name in ('import-certificates', 'get-ca-certificate'):
            with pytest.raises(testing.ActionFailed, match='option trusted-certificate-bundle'):
                office.act(name, **({'bundle': 'x'} if name == 'import-certificates' else {}))


ACTIONS: list[Callable[[Office], object]] = [
    lambda office: office.act('get-outstanding-certificate-requests'),
    lambda office: office.act('export-requests'),
    lambda office: office.act('provide-certificate', certificate='x'),
    lambda office: office.act('import-certificates', bundle='x'),
    lambda office: office.act('refuse-request', id='x'),
    lambda office: office.act('remove-certificate', id='x'),
    lambda office: office.act('get-ca-certificate'),
]


@pytest.mark.parametrize('act', ACTIONS)
def test_other_units_say_that_they_do_not_lead(act: Callable[[Office], object], context: Context):
    office = Office(context, CSRS[0])
    office.state = dataclasses.replace(office.state, leader=False)

    with pytest.raises(testing.ActionFailed) as failure:
        act(office)

    assert failure.value.message == 'This action can only be run on the leader unit.'
