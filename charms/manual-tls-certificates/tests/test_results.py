"""What actions show and do not show: within Juju's bounds, and nothing secret."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import json
from typing import Any

import pytest
from cryptography import x509 as c509
from ops import testing

from charm import STORE
from store import loads
from tls_provider import x509
from tls_provider.testing import common, pki, requirers
from tls_provider.testing.world import World

MOST = 100_500
"""Bytes of one result; Juju takes 131,071 of each."""
DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.timezone.utc)
ROOT = pki.Authority.root('root')
CSR = pki.request('a.example', key='ecdsa-p256/a')
KEY = pki.private_key_pem('ed25519/leaked')
BODY = KEY.splitlines()[1]


def sign(csr: str = CSR) -> str:
    return ROOT.sign(x509.parse_request(csr), start=NOW - DAY).pem


def request(world: World, *csrs: str) -> int:
    relation = world.relate('app', {0: requirers.bag(*csrs)})
    world.changed(relation)
    return relation


def fail(world: World, name: str, **params: object) -> str:
    with pytest.raises(testing.ActionFailed) as failure:
        world.act(name, **params)
    return failure.value.message


def secret(world: World, **content: str) -> str:
    made = testing.Secret({name.replace('_', '-'): value for name, value in content.items()})
    world.state = dataclasses.replace(world.state, secrets={*world.state.secrets, made})
    return made.id


class TestBounds:
    @pytest.fixture
    def crowded(self, world: World) -> World:
        """With requests that are long in every way."""
        hosts = [f'h{number}.{"n" * 60}.{"x" * 60}.example' for number in range(90)]
        csrs = [
            pki.request(*(f'r{number}.{host}' for host in hosts), key=f'ecdsa-p256/{number}')
            for number in range(40)
        ]
        small = [pki.request('s.example', key=f'ecdsa-p256/s{number}') for number in range(300)]
        padded = [f'{"é" * 20_000}\n{pki.request("p.example", key="ecdsa-p256/p")}']
        roots = ''.join(
            pki.Authority.root(f'bundle {number}').certificate.pem for number in range(240)
        )
        world.configure(trusted_certificate_bundle=roots)
        for number in range(0, len(small), 100):
            request(world, *small[number : number + 100])
        request(world, *csrs, *padded)
        for row in world.requests()[:2]:
            world.act('refuse-request', id=row['id'], reason='é' * 500)
        return world

    def bundle(self, world: World) -> str:
        results = world.act('export-requests')
        count = int(str(results.get('page', '1 of 1')).partition(' of ')[2])
        rows = [
            row
            for number in range(1, count + 1)
            for row in json.loads(world.act('export-requests', page=number)['requests'])
        ]
        assert len(rows) == results['total']
        return ''.join(map(sign, (row['csr'] for row in rows[3:]))) + ROOT.certificate.pem

    def test_every_result_of_every_action_has_room(self, crowded: World):
        bundle = self.bundle(crowded)
        calls: list[tuple[str, dict[str, object]]] = [
            ('get-outstanding-certificate-requests', {}),
            ('get-outstanding-certificate-requests', {'page': 2}),
            ('export-requests', {}),
            ('export-requests', {'page': 2}),
            ('import-certificates', {'bundle': bundle, 'dry-run': True}),
            ('import-certificates', {'bundle': bundle, 'dry-run': True, 'page': 2}),
            ('import-certificates', {'bundle': bundle}),
            ('retry-requests', {}),
            *((name, {}) for name in common.ACTIONS if name != 'revoke-certificate'),
            ('get-ca-certificate', {'page': 2}),
        ]
        for name, params in calls:
            results = crowded.act(name, **params)
            sizes = {key: len(str(value).encode()) for key, value in results.items()}
            assert max(sizes.values()) <= MOST, (name, sizes)
            if params.get('page'):
                assert str(results['page']).startswith('2 of ')
        served = next(row for row in crowded.requests() if row['state'] == 'issued')
        for name in ('revoke-certificate', 'remove-certificate'):
            results = crowded.act(name, id=served['id'])
            assert max(len(str(value).encode()) for value in results.values()) <= MOST

    def test_requests_are_shown_without_what_stood_around_them(self, world: World):
        relation = request(world, f'{"x" * 60_000}\n{CSR}')

        results = world.act('get-outstanding-certificate-requests')

        [row] = json.loads(results['result'])
        assert row['csr'] == CSR
        assert 'page' not in results
        world.act(
            'provide-certificate',
            **{
                'certificate-signing-request': row['csr'],
                'certificate': sign(),
                'ca-certificate': ROOT.certificate.pem,
            },
        )
        assert len(world.answers(relation).entries) == 1

    def test_a_page_holds_as_much_as_fits(self, world: World):
        csrs = [pki.request('s.example', key=f'ecdsa-p256/s{number}') for number in range(300)]
        request(world, *csrs)
        name = 'get-outstanding-certificate-requests'

        pages = [world.act(name, page=number) for number in (1, 2)]

        assert [one['page'] for one in pages] == ['1 of 2', '2 of 2']
        assert len(pages[0]['result']) > 90_000
        rows = [row for one in pages for row in json.loads(one['result'])]
        assert {row['csr'] for row in rows} == set(csrs)
        assert fail(world, name, page=3) == 'page 3 does not exist; the last one is 2'


class TestPrivateKeys:
    @pytest.mark.parametrize(
        'text',
        [KEY, f'see {KEY}', base64.b64encode(KEY.encode()).decode(), BODY],
        ids=['PEM', 'in a text', 'base64', 'body'],
    )
    @pytest.mark.parametrize(
        ('name', 'param'),
        [
            ('refuse-request', 'reason'),
            ('refuse-request', 'id'),
            ('remove-certificate', 'id'),
            ('provide-certificate', 'id'),
            ('provide-certificate', 'secret'),
            ('provide-certificate', 'certificate-signing-request'),
            ('import-certificates', 'bundle'),
            ('import-certificates', 'secret'),
            ('revoke-certificate', 'id'),
            ('retry-requests', 'id'),
            ('list-certificates', 'expiring-within'),
        ],
    )
    def test_none_is_taken_or_shown(self, name: str, param: str, text: str, world: World):
        request(world, CSR)
        good = {'id': world.requests()[0]['id']} if name == 'refuse-request' else {}

        message = fail(world, name, **{**good, param: text})

        assert f'parameter {param}' in message
        assert 'holds a private key: it is secret no longer' in message
        assert BODY[8:20] not in message
        assert BODY not in str(world.state.relations)
        assert all(BODY not in one.message for one in world.context.juju_log)

    @pytest.mark.parametrize('name', ['provide-certificate', 'import-certificates'])
    def test_a_secret_with_one_is_refused_by_the_name_of_its_key(self, name: str, world: World):
        request(world, CSR)
        identifier = secret(
            world, certificate=sign(), ca_certificate=ROOT.certificate.pem, private_key=KEY
        )

        message = fail(world, name, secret=identifier)

        assert message == (
            'the secret is not used: its key private-key holds a private key: it is secret no '
            'longer'
        )

    @pytest.mark.parametrize('name', ['provide-certificate', 'import-certificates'])
    @pytest.mark.parametrize('identifier', ['-x', '--label=x', 'a b', '\ud800', 'x' * 201])
    def test_what_is_no_identifier_of_a_secret(self, name: str, identifier: str, world: World):
        request(world, CSR)

        assert fail(world, name, secret=identifier) == (
            'what is given is no identifier of a secret; juju secrets shows them'
        )


class TestParameters:
    def test_a_secret_and_a_bundle_may_have_different_forms(self, world: World):
        relation = request(world, CSR)
        identifier = secret(world, cas=ROOT.certificate.pem)

        world.act(
            'import-certificates',
            secret=identifier,
            bundle=base64.b64encode(sign().encode()).decode(),
        )

        assert len(world.answers(relation).entries) == 1

    @pytest.mark.parametrize('start', ['Subject: O=Müller\n', '\ufeff'])
    def test_base64_of_text_around_a_certificate(self, start: str, world: World):
        relation = request(world, CSR)
        text = f'{start}{sign()}{ROOT.certificate.pem}'

        world.act('import-certificates', bundle=base64.b64encode(text.encode()).decode())

        assert len(world.answers(relation).entries) == 1

    def test_a_parameter_is_named_once(self, world: World):
        request(world, CSR)

        message = fail(world, 'provide-certificate', **{'certificate-signing-request': 'junk!'})

        assert message == (
            'Action input is not valid. certificate-signing-request is neither PEM nor base64 of '
            'PEM'
        )

    @pytest.mark.parametrize('name', ['refuse-request', 'remove-certificate'])
    @pytest.mark.parametrize('wanted', ['1000:', '1:', ':abc', 'abc'])
    def test_an_id_has_four_digits_of_the_digest(self, name: str, wanted: str, world: World):
        request(world, CSR)

        more = {'reason': 'no'} if name == 'refuse-request' else {}

        message = fail(world, name, id=wanted, **more)

        assert message == 'parameter id: give 4 digits of the request at least'

    def test_the_number_of_a_relation_is_no_digest(self, world: World):
        relation = testing.Relation(
            'certificates', id=987654, remote_units_data={0: requirers.bag(CSR)}
        )
        relations = {*world.state.relations, relation}
        world.state = dataclasses.replace(world.state, relations=relations)
        world.run()

        assert fail(world, 'refuse-request', id='98765', reason='no').startswith('no request')

    def test_what_is_published_already_is_said_so(self, world: World):
        request(world, CSR)
        params = {
            'id': world.requests()[0]['id'],
            'certificate': sign(),
            'ca-certificate': ROOT.certificate.pem,
        }

        results = [world.act('provide-certificate', **params)['result'] for _ in range(2)]

        assert results == [
            'Certificates successfully provided.', 'The certificate is published already.',
        ]  # fmt: skip

    @pytest.mark.parametrize(
        'name', ['provide-certificate', 'import-certificates', 'refuse-request']
    )
    def test_without_the_peer_relation_a_dry_run_fails_as_the_real_one(
        self, name: str, world: World
    ):
        request(world, CSR)
        left = {one for one in world.state.relations if one.endpoint != 'peers'}
        world.state = dataclasses.replace(world.state, relations=left)
        every: dict[str, dict[str, Any]] = {
            'provide-certificate': {
                'certificate-signing-request': CSR,
                'certificate': sign(),
                'ca-certificate': ROOT.certificate.pem,
            },
            'import-certificates': {'bundle': sign() + ROOT.certificate.pem},
            'refuse-request': {'id': world.requests()[0]['id'], 'reason': 'no'},
        }

        messages = {fail(world, name, **every[name], **{'dry-run': dry}) for dry in (True, False)}

        assert messages == {'waits for the peer relation'}


class TestOptions:
    def test_what_waits_is_shown_though_an_option_is_wrong(self, world: World):
        request(world, CSR)
        world.configure(trusted_certificate_bundle='junk')

        listed = world.act('get-outstanding-certificate-requests')['result']
        exported = world.act('export-requests')['requests']

        assert isinstance(world.state.unit_status, testing.BlockedStatus)
        assert len(json.loads(listed)) == len(json.loads(exported)) == 1
        assert fail(world, 'import-certificates', bundle=sign()).startswith('option trusted-')

    @pytest.mark.parametrize('option', ['trusted_certificate_bundle', 'allowed_domains'])
    def test_a_private_key_blocks_and_is_not_shown(self, option: str, world: World):
        world.configure(**{option: ROOT.certificate.pem + KEY})

        assert world.status == (
            f'option {option.replace("_", "-")}: holds a private key: it is secret no longer; '
            'make a new one'
        )

    def test_a_ca_that_has_ended_is_left_out_and_logged_once(self, world: World):
        request(world, CSR)
        ended = pki.Authority.root('ended', start=NOW - 60 * DAY, life=30 * DAY).certificate.pem

        world.configure(trusted_certificate_bundle=ended + ROOT.certificate.pem)
        world.run()
        world.run('config_changed')

        assert [one.subject for one in world.trusted()] == ['CN=root']
        assert isinstance(world.state.unit_status, testing.ActiveStatus)
        logged = [one for one in world.context.juju_log if 'has ended' in one.message]
        assert [(one.level, one.message) for one in logged] == [
            ('WARNING', 'trusted-certificate-bundle: "CN=ended" has ended and is left out')
        ]


def test_a_constraint_that_the_certificate_breaks_is_named(world: World):
    constraints = c509.NameConstraints([c509.DNSName('corp.example')], None)
    lower = ROOT.intermediate('lower', extensions=[(constraints, True)])
    relation = request(world, CSR)
    leaf = lower.sign(x509.parse_request(CSR), start=NOW - DAY).pem
    chain = lower.certificate.pem + ROOT.certificate.pem

    message = fail(world, 'import-certificates', bundle=leaf + chain)

    assert message == (
        'nothing was published: wrong: "CN=lower" may not certify a.example (name constraints)'
    )
    assert world.answers(relation).entries == ()


def test_an_idle_pass_reads_no_certificate_and_writes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    """The count of what is costly, which no outcome shows; the calls themselves go through."""
    csrs = [pki.request('s.example', key=f'ecdsa-p256/s{number}') for number in range(100)]
    request(world, *csrs)
    world.act('import-certificates', bundle=''.join(map(sign, csrs)) + ROOT.certificate.pem)
    before = world.state
    seen: list[str] = []
    parse = x509.parse_certificates

    def counting(text: str) -> tuple[x509.Certificate, ...]:
        seen.append(text)
        return parse(text)

    monkeypatch.setattr(x509, 'parse_certificates', counting)

    world.run()

    assert seen == []
    assert world.state.relations == before.relations
    [peers] = world.state.get_relations('peers')
    assert len(loads(peers.local_app_data[STORE]).supplied) == 100
