"""The charm in Juju's hooks: what it stores, publishes and says, with real servers behind it."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Callable

import pytest
from conftest import BINARY, EMAIL, Bed
from ops import testing

import account
from account import Account
from charm import HISTORY, LegoCharm
from tls_provider import wire, x509
from tls_provider.testing import pki

Context = testing.Context[LegoCharm]
MakeState = Callable[..., testing.State]


@pytest.fixture
def context(tmp_path: pathlib.Path) -> Context:
    (tmp_path / 'charm' / 'bin').mkdir(parents=True)
    (tmp_path / 'charm' / 'bin' / 'lego').symlink_to(BINARY)
    return testing.Context(LegoCharm, charm_root=tmp_path / 'charm')


@pytest.fixture
def dns_secret(bed: Bed) -> testing.Secret:
    content = {
        name.lower().replace('_', '-'): value for name, value in bed.dns.variables().items()
    }
    return testing.Secret(content)


@pytest.fixture
def config(bed: Bed, dns_secret: testing.Secret) -> dict[str, str | int | float | bool]:
    return {
        'email': EMAIL,
        'accept-terms-of-service': True,
        'server': bed.acme.directory,
        'plugin': 'rfc2136',
        'plugin-config-secret-id': dns_secret.id,
        'acme-ca-certificates': bed.acme.certificate,
        'ca-root-certificates': bed.acme.root(),
        'dns-propagation-wait': 1,
        'dns-nameservers': bed.dns.address,
    }


def requirer(*csrs: str, app: str = 'kafka') -> testing.Relation:
    requests = [{'certificate_signing_request': csr, 'ca': False} for csr in csrs]
    bag = {'certificate_signing_requests': json.dumps(requests)}
    return testing.Relation('certificates', remote_app_name=app, remote_units_data={0: bag})


@pytest.fixture
def make_state(
    config: dict[str, str | int | float | bool],
    dns_secret: testing.Secret,
    tmp_path: pathlib.Path,
) -> MakeState:
    nothing = tmp_path / 'nothing'
    nothing.touch()

    def state(*relations: testing.Relation, **changes: str | float | bool) -> testing.State:
        options = {name.replace('_', '-'): value for name, value in changes.items()}
        return testing.State(
            leader=True,
            config={**config, **options},
            relations={testing.PeerRelation('peers'), *relations},
            secrets={dns_secret},
            resources={testing.Resource(name='lego', path=nothing)},
        )

    return state


def answers(state: testing.State, relation: testing.Relation) -> wire.Answers:
    return wire.read_answers(state.get_relation(relation.id).local_app_data)


CSR = pki.request('www.example.test', key='ecdsa-p256')


def test_a_request_is_served_and_what_lasts_is_stored(
    context: Context, make_state: MakeState, bed: Bed, dns_secret: testing.Secret
):
    relation, trust = requirer(CSR), testing.Relation('send-ca-cert')

    out = context.run(
        context.on.relation_changed(relation, remote_unit=0), make_state(relation, trust)
    )

    [entry] = answers(out, relation).entries
    assert entry.csr == CSR
    assert entry.ca.strip() == bed.acme.root().strip()
    assert len(entry.chain) == 3
    assert isinstance(out.unit_status, testing.ActiveStatus)
    assert out.unit_status.message.startswith('1/1 issued; first expiry ')
    [stored] = [one for one in out.secrets if one.id != dns_secret.id]
    assert stored.label == account.label(bed.acme.directory, EMAIL)
    assert stored.owner == 'app'
    content = stored.latest_content or stored.tracked_content
    assert account.read(content, bed.acme.directory, EMAIL) is not None
    [peers] = out.get_relations('peers')
    assert len(json.loads(peers.local_app_data[HISTORY])) == 1
    published = out.get_relation(trust.id).local_app_data['certificates']
    assert [x509.fingerprint_of(one) for one in json.loads(published)] == [
        x509.fingerprint_of(bed.acme.root())
    ]
    capabilities = json.loads(out.get_relation(relation.id).local_app_data['capabilities'])
    assert capabilities['supports_ip_sans'] is False

    again = context.run(context.on.update_status(), out)

    assert again.relations == out.relations
    assert again.secrets == out.secrets


def test_a_hook_that_is_lost_after_the_order_costs_no_second_one(
    context: Context, make_state: MakeState, bed: Bed
):
    relation = requirer(pki.request('lost.example.test', key='ecdsa-p256'))
    before = make_state(relation)
    event = context.on.relation_changed(relation, remote_unit=0)
    lost = context.run(event, before)
    orders = bed.acme.orders()

    after = context.run(event, before)

    [entry] = answers(after, relation).entries
    assert [entry] == list(answers(lost, relation).entries)
    assert bed.acme.orders() == orders
    keys, histories = (
        [value for out in (lost, after) for value in values(out)]
        for values in (_account_keys, _histories)
    )
    assert keys == [keys[0]] * 2
    assert histories == [histories[0]] * 2


def _account_keys(state: testing.State) -> list[str]:
    contents = [one.latest_content or one.tracked_content for one in state.secrets]
    return [one['private-key'] for one in contents if 'private-key' in one]


def _histories(state: testing.State) -> list[str]:
    return [one.local_app_data[HISTORY] for one in state.get_relations('peers')]


@pytest.mark.parametrize(
    ('changes', 'complaint'),
    [
        ({'email': ''}, 'option email: is not set; the ACME account needs an address'),
        (
            {'plugin': ''},
            'option plugin: is not set; give the code of a DNS provider, as in route53',
        ),
        (
            {'accept_terms_of_service': False},
            'option accept-terms-of-service: read the terms of service of localhost:',
        ),
        (
            {'plugin_config_secret_id': 'secret:d6ec2bpgahqc711hdl30'},
            'option plugin-config-secret-id: secret secret:d6ec2bpgahqc711hdl30 is not there, or '
            'not granted to lego',
        ),
        (
            {'plugin_config_secret_id': 'junk'},
            'option plugin-config-secret-id: secret junk',
        ),
        ({'server': 'http://localhost/dir'}, 'option server: '),
        ({'expiry_ratio': 2.0}, 'option expiry_ratio: 2.0 is not above 0 and up to 1'),
    ],
)
def test_a_wrong_option_blocks_and_nothing_is_lost(
    changes: dict[str, str | bool | float], complaint: str, context: Context, make_state: MakeState
):
    relation = requirer(CSR)
    state = make_state(relation)
    options = {
        name if name == 'expiry_ratio' else name.replace('_', '-'): value
        for name, value in changes.items()
    }
    state = dataclasses.replace(state, config={**state.config, **options})

    out = context.run(context.on.config_changed(), state)

    assert isinstance(out.unit_status, testing.BlockedStatus)
    assert out.unit_status.message.startswith(complaint)
    assert answers(out, relation) == wire.Answers()


def test_other_settings_end_the_wait_of_a_failure(
    context: Context, make_state: MakeState, dns_secret: testing.Secret
):
    relation = requirer(CSR)
    wrong = {**dns_secret.tracked_content, 'rfc2136-tsig-secret': 'd3Jvbmc='}
    state = make_state(relation)
    broken = dataclasses.replace(
        state,
        secrets={dataclasses.replace(dns_secret, tracked_content=wrong, latest_content=wrong)},
    )

    failed = context.run(context.on.relation_changed(relation, remote_unit=0), broken)
    waits = context.run(context.on.update_status(), failed)
    mended_secret = dataclasses.replace(dns_secret)
    others = {one for one in waits.secrets if one.id != dns_secret.id}
    served = context.run(
        context.on.secret_changed(mended_secret),
        dataclasses.replace(waits, secrets={*others, mended_secret}),
    )

    for state in (failed, waits):
        assert isinstance(state.unit_status, testing.BlockedStatus)
        assert state.unit_status.message.startswith('plugin rfc2136: ')
        assert answers(state, relation) == wire.Answers()
    assert len(answers(served, relation).entries) == 1


def test_a_binary_can_be_attached(context: Context, make_state: MakeState, tmp_path: pathlib.Path):
    attached = tmp_path / 'attached'
    attached.write_text('#!/bin/sh\necho "this is the attached one"\n')
    relation = requirer(CSR)
    state = dataclasses.replace(
        make_state(relation), resources={testing.Resource(name='lego', path=attached)}
    )

    out = context.run(context.on.relation_changed(relation, remote_unit=0), state)

    assert out.unit_status == testing.BlockedStatus('lego: the binary is no lego that is known')


def test_roots_that_other_applications_hand_over_count(
    context: Context, make_state: MakeState, bed: Bed
):
    relation = requirer(CSR)
    handed = testing.Relation(
        'receive-ca-cert',
        remote_app_data={
            'certificates': json.dumps([bed.acme.certificate, bed.acme.root()]),
            'version': '1',
        },
    )
    state = make_state(relation, handed, acme_ca_certificates='', ca_root_certificates='')

    out = context.run(context.on.relation_changed(handed), state)

    assert len(answers(out, relation).entries) == 1


def test_what_is_committed_is_not_kept_on_disk(
    context: Context, make_state: MakeState, tmp_path: pathlib.Path
):
    relation = requirer(pki.request('kept.example.test', key='ecdsa-p256'))
    served = context.run(
        context.on.relation_changed(relation, remote_unit=0), make_state(relation)
    )
    before = list((tmp_path / 'charm' / 'orders').iterdir())

    context.run(context.on.update_status(), served)

    assert {place.suffix or place.name for place in before} == {'.pem', 'account'}
    assert not list((tmp_path / 'charm' / 'orders').iterdir())


@pytest.mark.parametrize(('leader', 'email'), [(True, EMAIL), (False, EMAIL), (True, '')], ids=str)
def test_no_key_of_a_killed_hook_stays_on_disk(
    leader: bool,
    email: str,
    context: Context,
    make_state: MakeState,
    bed: Bed,
    tmp_path: pathlib.Path,
):
    work = tmp_path / 'charm' / 'orders' / 'a-b.work'
    key = pki.private_key_pem('ecdsa-p256')
    left = Account(bed.acme.directory, EMAIL, key, '{"uri": "https://h/1"}')
    left.write(work, 4)
    state = dataclasses.replace(make_state(email=email), leader=leader)

    out = context.run(context.on.update_status(), state)

    assert not work.exists()
    stored = [one.latest_content or one.tracked_content for one in out.secrets]
    assert [one['private-key'] for one in stored if 'private-key' in one] == [key] * (
        leader and bool(email)
    )
    context.run(context.on.update_status(), out)  # Juju has committed the secret
    assert not list(work.parent.iterdir())


def test_the_same_request_in_two_relations_is_revoked_apart(
    context: Context, make_state: MakeState, bed: Bed
):
    csr = pki.request('shared.example.test', key='ecdsa-p256')
    leaving, staying = requirer(csr), requirer(csr, app='zookeeper')
    state = make_state(leaving, staying, revoke_on_removal=True)
    served = context.run(context.on.relation_changed(leaving, remote_unit=0), state)
    serials = [
        f'{x509.parse_certificate(answers(served, one).entries[0].certificate).serial:x}'
        for one in (leaving, staying)
    ]

    context.run(context.on.relation_broken(served.get_relation(leaving.id)), served)

    assert [bed.acme.status(one) for one in serials] == ['Revoked', 'Valid']


def test_other_units_stand_by(context: Context, make_state: MakeState):
    state = dataclasses.replace(make_state(requirer(CSR)), leader=False)

    out = context.run(context.on.config_changed(), state)

    assert out.unit_status == testing.ActiveStatus('standby, the leader issues')
    with pytest.raises(testing.ActionFailed, match='leader'):
        context.run(context.on.action('dry-run', params={'name': 'a.example.test'}), state)
    with pytest.raises(testing.ActionFailed, match='leader'):
        context.run(context.on.action('get-ca-certificate'), state)


def test_certificates_that_end_soon_are_logged(context: Context, make_state: MakeState):
    relation = requirer(CSR)
    state = make_state(relation)
    served = context.run(context.on.relation_changed(relation, remote_unit=0), state)
    config = {**served.config, 'expiry_ratio': 1.0}

    context.run(context.on.update_status(), dataclasses.replace(served, config=config))

    [line] = [one.message for one in context.juju_log if 'lego_cert_expiring' in one.message]
    assert json.loads(line)['event'] == 'lego_cert_expiring'


class TestDryRun:
    def run(self, context: Context, state: testing.State, **params: str) -> str:
        context.run(context.on.action('dry-run', params=params), state)
        assert context.action_results is not None
        return context.action_results['result']

    def test_it_shows_that_all_works_together(
        self, context: Context, make_state: MakeState, bed: Bed
    ):
        state = make_state()

        text = self.run(context, state, name='*.example.test', server=bed.acme.directory)

        assert text.startswith('*.example.test: a certificate came from localhost:')

    def test_the_root_of_a_server_for_trials_may_be_unknown(
        self, context: Context, make_state: MakeState, bed: Bed
    ):
        state = make_state(ca_root_certificates='')

        text = self.run(context, state, name='a.example.test', server=bed.acme.directory)

        assert 'a certificate came' in text

    @pytest.mark.parametrize(
        ('name', 'complaint'),
        [
            ('a b', 'is no DNS name'),
            ('10.0.0.1', 'is no DNS name'),
            ('www.elsewhere.test', 'no zone for it is served'),
            ('www.blocked.test', 'refused by localhost:'),
        ],
    )
    def test_it_says_why_it_does_not(
        self, name: str, complaint: str, context: Context, make_state: MakeState, bed: Bed
    ):
        with pytest.raises(testing.ActionFailed) as failure:
            self.run(context, make_state(), name=name, server=bed.acme.directory)

        assert complaint in failure.value.message

    def test_a_private_server_has_none_for_trials(self, context: Context, make_state: MakeState):
        with pytest.raises(testing.ActionFailed, match='no server for trials is known'):
            self.run(context, make_state(), name='a.example.test')

    @pytest.mark.parametrize(
        'server',
        [
            'https://acme-v02.api.letsencrypt.org/directory',
            'https://ACME-v02.api.letsencrypt.org:443/directory/',
            'https://dv.acme-v02.api.pki.goog/directory',
        ],
    )
    def test_no_production_server_is_tried(
        self, server: str, context: Context, make_state: MakeState
    ):
        with pytest.raises(testing.ActionFailed, match='production server'):
            self.run(context, make_state(), name='a.example.test', server=server)

    def test_options_come_first(self, context: Context, make_state: MakeState):
        with pytest.raises(testing.ActionFailed, match='option email: '):
            self.run(context, make_state(email=''), name='a.example.test')
