"""The charm: one CA in one secret, its whole life, and what operators and requirers see of it."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Callable

import pytest
from cryptography import x509 as c509
from ops import testing

import authority_secret
import local_ca
import options
from charm import CA_LABEL, EXPIRING_LABEL, SelfSignedCertificatesCharm
from tls_provider import wire, x509

Make = Callable[..., str]
Content = Callable[..., dict[str, str]]
Context = testing.Context[SelfSignedCertificatesCharm]

DAY = datetime.timedelta(days=1)
DEFAULT_NAME = 'self-signed-certificates-operator'


@pytest.fixture
def context() -> Context:
    return testing.Context(SelfSignedCertificatesCharm)


@pytest.fixture
def csr(make_request: Make) -> str:
    return make_request('a.example', '10.0.0.1', common_name='a')


@pytest.fixture
def relation(csr: str) -> testing.Relation:
    return _relation({0: _bag(csr)})


@pytest.fixture
def issued(context: Context, relation: testing.Relation) -> testing.State:
    """The state after the first hook of a deployment with one requirer."""
    event = context.on.relation_changed(relation, remote_unit=0)
    return context.run(event, _state(relation))


def _relation(units: dict[int, dict[str, str]], app: str = 'kafka') -> testing.Relation:
    return testing.Relation('certificates', remote_app_name=app, remote_units_data=dict(units))


def _bag(*csrs: str) -> dict[str, str]:
    requests = [{'certificate_signing_request': csr, 'ca': False} for csr in csrs]
    return {'certificate_signing_requests': json.dumps(requests)}


def _state(
    *relations: testing.Relation, secrets: tuple[testing.Secret, ...] = (), leader: bool = True
) -> testing.State:
    peers = testing.PeerRelation('peers')
    return testing.State(leader=leader, relations={peers, *relations}, secrets={*secrets})


def _configured(state: testing.State, **options: str) -> testing.State:
    config = {name.replace('_', '-'): value for name, value in options.items()}
    return dataclasses.replace(state, config=config)


def _secret(content: dict[str, str]) -> testing.Secret:
    return testing.Secret(content, label=CA_LABEL, owner='app')


def _content(state: testing.State) -> dict[str, str]:
    [secret] = state.secrets
    return dict(secret.latest_content or secret.tracked_content)


def _answers(state: testing.State, relation: testing.Relation) -> wire.Answers:
    return wire.read_answers(state.get_relation(relation.id).local_app_data)


def _entry(state: testing.State, relation: testing.Relation) -> wire.Entry:
    [entry] = _answers(state, relation).entries
    return entry


def _assert_issued_by_the_ca_in_force(state: testing.State, relation: testing.Relation) -> None:
    entry = _entry(state, relation)
    leaf, root = (c509.load_pem_x509_certificate(text.encode()) for text in entry.chain)
    leaf.verify_directly_issued_by(root)
    assert entry.chain == (entry.certificate, entry.ca)
    assert x509.fingerprint_of(entry.ca) == x509.fingerprint_of(_content(state)['ca-certificate'])


def _seen(state: testing.State) -> tuple[object, ...]:
    """What a charm can change for others to see."""
    return state.relations, state.secrets, state.unit_status


def _life(pem: str) -> datetime.timedelta:
    certificate = x509.parse_certificate(pem)
    return certificate.not_after - certificate.not_before + datetime.timedelta(seconds=1)


class TestFirstHook:
    def test_it_makes_the_ca_in_one_secret_and_answers(
        self, issued: testing.State, relation: testing.Relation
    ):
        [secret] = issued.secrets

        assert (secret.label, secret.owner) == ('active-ca-certificates', 'app')
        parts = {'private-key', 'ca-certificate', 'made-with', 'not-after', 'digest'}
        assert set(_content(issued)) == parts
        _assert_issued_by_the_ca_in_force(issued, relation)

    def test_it_uses_the_defaults(self, issued: testing.State, relation: testing.Relation):
        root = c509.load_pem_x509_certificate(_content(issued)['ca-certificate'].encode())

        assert root.subject.rfc4514_string() == f'CN={DEFAULT_NAME}'
        assert _life(_content(issued)['ca-certificate']) == 365 * DAY
        assert _life(_entry(issued, relation).certificate) == 90 * DAY

    def test_it_tells_what_it_can(self, issued: testing.State, relation: testing.Relation):
        bag = issued.get_relation(relation.id).local_app_data

        assert json.loads(bag['capabilities']) == {
            'provider_type': 'self-signed',
            'supports_ca_certificates': False,
            'supports_ip_sans': True,
            'supports_subdomain': True,
            'supports_wildcard_dns': True,
        }

    def test_it_is_active_with_a_count(self, issued: testing.State):
        assert isinstance(issued.unit_status, testing.ActiveStatus)
        assert issued.unit_status.message.startswith('1/1 issued; first expiry 20')

    def test_a_follower_makes_nothing(self, context: Context, relation: testing.Relation):
        before = _state(relation, leader=False)

        after = context.run(context.on.config_changed(), before)

        assert after.secrets == frozenset()
        assert after.relations == before.relations
        assert after.unit_status == testing.ActiveStatus('standby, the leader issues')

    def test_without_the_peer_relation_no_ca_is_made(
        self, context: Context, relation: testing.Relation
    ):
        state = context.run(context.on.start(), testing.State(leader=True, relations={relation}))

        assert state.secrets == frozenset()
        assert isinstance(state.unit_status, testing.WaitingStatus)


@pytest.mark.parametrize('event', ['update_status', 'config_changed', 'upgrade_charm', 'start'])
def test_a_steady_hook_changes_nothing(event: str, context: Context, issued: testing.State):
    after = context.run(getattr(context.on, event)(), issued)

    assert _seen(after) == _seen(issued)


def _american(state: testing.State) -> testing.State:
    """With the country of the CA that stands for one of Canonical's charm."""
    return _configured(state, ca_country_name='US')


class TestRefreshFromCanonicalsCharm:
    @pytest.fixture
    def now(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)

    @pytest.mark.parametrize(
        ('name', 'days'), [('another name', 365), (DEFAULT_NAME, 366), (DEFAULT_NAME, 80)]
    )
    def test_its_ca_is_replaced_where_the_options_ask_for_another(
        self,
        name: str,
        days: int,
        context: Context,
        relation: testing.Relation,
        ca_content: Content,
        now: datetime.datetime,
    ):
        content = ca_content(name, now - DAY, days * DAY)
        before = _american(_state(relation, secrets=(_secret(content),)))

        state = context.run(context.on.upgrade_charm(), before)

        assert _content(state)['private-key'] != content['private-key']
        _assert_issued_by_the_ca_in_force(state, relation)

    def test_the_ca_that_it_let_expire_is_trusted_and_its_key_goes(
        self,
        context: Context,
        relation: testing.Relation,
        ca_content: Content,
        now: datetime.datetime,
    ):
        content = ca_content(DEFAULT_NAME, now - DAY, 365 * DAY)
        before = ca_content('Before', now - DAY, 365 * DAY)
        secrets = (
            _secret(content),
            testing.Secret(before, label=EXPIRING_LABEL, owner='app'),
        )
        trust = testing.Relation('send-ca-cert')

        state = context.run(
            context.on.upgrade_charm(), _american(_state(relation, trust, secrets=secrets))
        )

        [secret] = state.secrets
        assert secret.label == CA_LABEL
        anchors = [content['ca-certificate'], before['ca-certificate']]
        assert _trusted(state, trust) == sorted(anchors)


def _trusted(state: testing.State, trust: testing.Relation) -> list[str]:
    return json.loads(state.get_relation(trust.id).local_app_data['certificates'])


class TestRotation:
    @pytest.mark.parametrize(
        'options', [{'ca_common_name': 'Other'}, {'root_ca_validity': '400d'}], ids=str
    )
    def test_another_ca_replaces_certificates_in_the_same_hook(
        self,
        options: dict[str, str],
        context: Context,
        issued: testing.State,
        relation: testing.Relation,
    ):
        after = context.run(context.on.config_changed(), _configured(issued, **options))

        [before_secret], [secret] = issued.secrets, after.secrets
        assert secret.id == before_secret.id
        assert _content(after)['private-key'] != _content(issued)['private-key']
        _assert_issued_by_the_ca_in_force(after, relation)

    def test_another_validity_keeps_the_ca_and_what_is_issued(
        self, context: Context, issued: testing.State, relation: testing.Relation
    ):
        configured = _configured(issued, certificate_validity='30d')

        after = context.run(context.on.config_changed(), configured)

        assert _content(after) == _content(issued)
        assert _entry(after, relation) == _entry(issued, relation)

    def test_another_validity_is_for_certificates_from_then_on(
        self, context: Context, issued: testing.State, make_request: Make
    ):
        later = _relation({0: _bag(make_request('b.example'))}, app='mongo')
        state = dataclasses.replace(issued, relations={*issued.relations, later})

        after = context.run(
            context.on.relation_changed(later), _configured(state, certificate_validity='30d')
        )

        assert _life(_entry(after, later).certificate) == 30 * DAY

    @pytest.mark.parametrize(('left', 'replaced'), [(89, True), (91, False)])
    def test_a_ca_that_a_new_certificate_would_outlive_is_replaced(
        self,
        left: int,
        replaced: bool,
        context: Context,
        issued: testing.State,
        relation: testing.Relation,
    ):
        end = datetime.datetime.now(datetime.timezone.utc) + left * DAY
        ca = authority_secret.read(_content(issued), options.parse({}), end)
        aged = authority_secret.write(dataclasses.replace(ca, not_after=int(end.timestamp())))
        state = dataclasses.replace(issued, secrets={_secret(aged)})

        after = context.run(context.on.update_status(), state)

        assert (_content(after)['ca-certificate'] != aged['ca-certificate']) is replaced
        _assert_issued_by_the_ca_in_force(after, relation)


class TestBlocked:
    def _assert_stands(self, before: testing.State, after: testing.State, *words: str) -> None:
        assert after.relations == before.relations
        assert isinstance(after.unit_status, testing.BlockedStatus)
        assert all(word in after.unit_status.message for word in words)

    def test_where_the_secret_is_missing_no_other_ca_is_made(
        self, context: Context, issued: testing.State
    ):
        lost = dataclasses.replace(issued, secrets=set())

        after = context.run(context.on.update_status(), lost)

        self._assert_stands(issued, after, CA_LABEL, 'missing', 'restore')
        assert after.secrets == frozenset()

    def test_where_secret_and_ledger_are_missing_no_other_ca_is_made(
        self, context: Context, issued: testing.State, relation: testing.Relation
    ):
        kept = issued.get_relation(relation.id)
        lost = dataclasses.replace(
            issued, secrets=set(), relations={kept, testing.PeerRelation('peers')}
        )

        after = context.run(context.on.update_status(), lost)

        assert isinstance(after.unit_status, testing.BlockedStatus)
        assert 'missing; restore it' in after.unit_status.message
        assert after.secrets == frozenset()
        assert _entry(after, relation) == _entry(issued, relation)

    def test_the_secret_that_was_restored_goes_on(self, context: Context, issued: testing.State):
        lost = dataclasses.replace(issued, secrets=set())
        blocked = context.run(context.on.update_status(), lost)
        restored = dataclasses.replace(blocked, secrets=issued.secrets)

        after = context.run(context.on.update_status(), restored)

        assert _seen(after) == _seen(issued)

    @pytest.mark.parametrize(
        'part', ['private-key', 'ca-certificate', 'made-with', 'not-after', 'digest']
    )
    def test_where_parts_of_the_secret_do_not_belong_together_it_says_so(
        self, part: str, context: Context, issued: testing.State
    ):
        content = _content(issued) | {part: '1'}
        broken = dataclasses.replace(issued, secrets={_secret(content)})

        after = context.run(context.on.update_status(), broken)

        assert after.relations == issued.relations
        assert after.unit_status == testing.BlockedStatus(
            'secret active-ca-certificates holds no CA: its parts do not belong together; '
            'restore it or run rotate-private-key'
        )
        assert _content(after) == content

    def test_where_the_key_is_not_that_of_the_certificate_it_says_so(
        self, context: Context, issued: testing.State, ca_content: Content
    ):
        now = datetime.datetime.now(datetime.timezone.utc)
        content = ca_content(DEFAULT_NAME, now - DAY, 365 * DAY)
        mixed = content | {'private-key': _content(issued)['private-key']}
        broken = dataclasses.replace(issued, secrets={_secret(mixed)})

        after = context.run(context.on.update_status(), broken)

        self._assert_stands(issued, after, CA_LABEL, 'not that of the certificate')
        assert _content(after) == mixed

    @pytest.mark.parametrize(
        'junk',
        [
            {'private-key': ''},
            {'private-key': 'junk'},
            {'ca-certificate': ''},
            {'ca-certificate': 'junk'},
            {
                'ca-certificate': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
                'made-with': '',
            },
        ],
        ids=str,
    )
    def test_where_the_secret_holds_no_ca_no_other_is_made(
        self, junk: dict[str, str], context: Context, issued: testing.State
    ):
        content = {key: text for key, text in (_content(issued) | junk).items() if text}
        broken = dataclasses.replace(issued, secrets={_secret(content)})

        after = context.run(context.on.update_status(), broken)

        self._assert_stands(issued, after, CA_LABEL, 'holds no CA')
        assert _content(after) == content

    @pytest.mark.parametrize(
        ('option', 'value'),
        [
            ('ca_common_name', 'a' * 65),
            ('root_ca_validity', 'soon'),
            ('root_ca_validity', '100d'),
            ('certificate_validity', '826d'),
        ],
    )
    def test_a_wrong_option_is_named(
        self, option: str, value: str, context: Context, issued: testing.State
    ):
        wrong = _configured(issued, **{option: value})

        after = context.run(context.on.config_changed(), wrong)

        self._assert_stands(issued, after, f'option {option.replace("_", "-")}: ')
        assert _content(after) == _content(issued)

    def test_a_corrected_option_goes_on_as_before(self, context: Context, issued: testing.State):
        wrong = _configured(issued, certificate_validity='soon')
        blocked = context.run(context.on.config_changed(), wrong)

        after = context.run(context.on.config_changed(), _configured(blocked))

        assert _seen(after) == _seen(issued)

    def test_a_wrong_option_at_deployment_makes_no_ca(
        self, context: Context, relation: testing.Relation
    ):
        wrong = _configured(_state(relation), certificate_validity='soon')

        after = context.run(context.on.relation_changed(relation), wrong)

        assert after.secrets == frozenset()
        assert _answers(after, relation) == wire.Answers()

    @pytest.mark.parametrize('name', ['ä' * 33, 'ä' * 64], ids=len)
    def test_no_common_name_that_the_options_allow_breaks_the_hook(
        self, name: str, context: Context, issued: testing.State
    ):
        after = context.run(context.on.config_changed(), _configured(issued, ca_common_name=name))

        assert isinstance(after.unit_status, testing.ActiveStatus | testing.BlockedStatus)


class TestGetCaCertificate:
    @pytest.mark.parametrize('leader', [True, False])
    def test_every_unit_shows_the_ca(
        self,
        leader: bool,
        context: Context,
        issued: testing.State,
        relation: testing.Relation,
    ):
        context.run(
            context.on.action('get-ca-certificate'), dataclasses.replace(issued, leader=leader)
        )

        ca = _entry(issued, relation).ca
        assert context.action_results == {'ca-certificate': ca, 'trusted': ca}

    @pytest.mark.parametrize('leader', [True, False])
    def test_before_there_is_one_it_fails(self, leader: bool, context: Context):
        with pytest.raises(testing.ActionFailed) as caught:
            context.run(context.on.action('get-ca-certificate'), _state(leader=leader))

        assert caught.value.message == 'Root Certificate is not yet generated'


def _after(failure: testing.ActionFailed) -> testing.State:
    assert isinstance(failure.state, testing.State)
    return failure.state


class TestRotatePrivateKey:
    def _run(self, context: Context, state: testing.State, **params: bool) -> testing.State:
        return context.run(context.on.action('rotate-private-key', params=params), state)

    def test_everything_is_issued_again_before_the_action_ends(
        self, context: Context, make_request: Make
    ):
        bags = {number: _bag(make_request(f'{number}.example')) for number in range(3)}
        relation, other = _relation(bags), _relation({0: _bag(make_request('b.example'))})
        trust = testing.Relation('send-ca-cert')
        before = context.run(context.on.start(), _state(relation, other, trust))
        old = _content(before)

        after = self._run(context, before)

        new = _content(after)
        assert new['private-key'] != old['private-key']
        for one in (relation, other):
            entries, replaced = (_answers(state, one).entries for state in (before, after))
            assert [entry.csr for entry in replaced] == [entry.csr for entry in entries]
            for entry in replaced:
                assert entry.ca.strip() == new['ca-certificate'].strip()
        assert context.action_results == {
            'result': 'New private key and CA certificate; 4 certificates are of it.'
        }
        anchors = [new['ca-certificate'].strip(), old['ca-certificate'].strip()]
        assert _trusted(after, trust) == sorted(anchors)
        assert context.removed_secret_revisions == []
        last = context.run(context.on.update_status(), after)
        assert context.removed_secret_revisions == [1]
        assert _content(last) == new

    def test_a_compromised_ca_is_out_of_trust_at_once(self, context: Context):
        trust = testing.Relation('send-ca-cert')
        before = context.run(context.on.start(), _state(trust))

        after = self._run(context, before, compromised=True)

        assert _trusted(after, trust) == [_content(after)['ca-certificate'].strip()]
        assert _trusted(before, trust) != _trusted(after, trust)

    def test_it_is_for_the_leader(self, context: Context, issued: testing.State):
        with pytest.raises(testing.ActionFailed) as caught:
            self._run(context, dataclasses.replace(issued, leader=False))

        assert caught.value.message == 'This action can only be run on the leader unit.'
        assert _content(_after(caught.value)) == _content(issued)

    def test_wrong_options_are_told_before_anything_is_done(
        self, context: Context, issued: testing.State
    ):
        with pytest.raises(testing.ActionFailed) as caught:
            self._run(context, _configured(issued, ca_country_name='USA'))

        assert caught.value.message == 'option ca-country-name: 3 bytes; use 2 at most'
        after = _after(caught.value)
        assert after.relations == issued.relations
        assert _content(after) == _content(issued)

    def test_all_older_cas_are_out_of_trust_where_one_is_compromised(self, context: Context):
        trust = testing.Relation('send-ca-cert')
        state = context.run(context.on.start(), _state(trust))
        # Each dispatch of Scenario forgets revisions, so that this one is not the action's.
        state = context.run(context.on.config_changed(), _configured(state, ca_common_name='2'))
        assert len(_trusted(state, trust)) == 2

        after = self._run(context, state, compromised=True)

        assert _trusted(after, trust) == [_content(after)['ca-certificate'].strip()]

    def test_a_request_that_waits_is_served_by_the_new_ca(
        self, context: Context, issued: testing.State, csr: str, make_request: Make
    ):
        late = make_request('late.example')
        [relation] = issued.get_relations('certificates')
        assert isinstance(relation, testing.Relation)
        both = dataclasses.replace(relation, remote_units_data={0: _bag(csr, late)})
        future = datetime.datetime.now(datetime.timezone.utc) + 30 * DAY
        ahead = authority_secret.write(local_ca.create(options.parse({}), future))
        peers = issued.get_relations('peers')[0]
        waits = context.run(
            context.on.update_status(),
            dataclasses.replace(issued, relations={both, peers}, secrets={_secret(ahead)}),
        )
        assert 'run rotate-private-key' in waits.unit_status.message
        assert isinstance(waits.unit_status, testing.BlockedStatus)

        after = self._run(context, waits)

        entries = _answers(after, both).entries
        assert {entry.csr for entry in entries} == {csr, late}
        assert {entry.ca.strip() for entry in entries} == {
            _content(after)['ca-certificate'].strip()
        }
        assert isinstance(after.unit_status, testing.ActiveStatus)

    @pytest.mark.parametrize(('compromised', 'stays'), [(True, False), (False, True)])
    def test_a_certificate_that_is_not_issued_again_goes_with_the_trust_in_its_ca(
        self,
        compromised: bool,
        stays: bool,
        context: Context,
        issued: testing.State,
        relation: testing.Relation,
    ):
        narrow = context.run(
            context.on.config_changed(), _configured(issued, allowed_domains='corp')
        )
        assert _entry(narrow, relation) == _entry(issued, relation)

        after = self._run(context, narrow, compromised=compromised)

        answers = _answers(after, relation)
        assert bool(answers.entries) is stays
        assert bool(answers.refusals) is not stays
        assert context.action_results
        assert '; 0 certificates are of it.' in context.action_results['result']
        assert ('1 are of the CA before' in context.action_results['result']) is stays

    @pytest.mark.parametrize('content', [None, {'private-key': 'x', 'digest': 'y'}], ids=str)
    def test_it_mends_a_lost_or_damaged_ca(
        self,
        content: dict[str, str] | None,
        context: Context,
        issued: testing.State,
        relation: testing.Relation,
    ):
        secrets = {_secret(content)} if content else set[testing.Secret]()
        trust = testing.Relation('send-ca-cert')
        lost = dataclasses.replace(issued, secrets=secrets, relations={*issued.relations, trust})

        after = self._run(context, lost)

        assert isinstance(after.unit_status, testing.ActiveStatus)
        _assert_issued_by_the_ca_in_force(after, relation)
        old, new = (_entry(state, relation).ca.strip() for state in (issued, after))
        assert old != new
        assert _trusted(after, trust) == sorted([old, new])


class TestRevocation:
    def test_a_revoked_certificate_is_replaced_and_listed(
        self, context: Context, issued: testing.State, relation: testing.Relation
    ):
        old = _entry(issued, relation)
        context.run(context.on.action('list-certificates'), issued)
        assert context.action_results
        [row] = json.loads(context.action_results['certificates'])

        revoked = context.run(
            context.on.action('revoke-certificate', params={'id': row['id']}), issued
        )
        context.run(context.on.action('get-revocation-list'), revoked)

        assert context.action_results
        text = context.action_results['revocation-list']
        crl = c509.load_pem_x509_crl(text.encode())
        serial = x509.parse_certificate(old.certificate).serial
        assert row['serial'] == f'{serial:x}'
        assert [one.serial_number for one in crl] == [serial]
        assert _entry(revoked, relation).certificate != old.certificate
        _assert_issued_by_the_ca_in_force(revoked, relation)

    def test_a_ca_that_may_not_sign_lists_says_so(
        self, context: Context, issued: testing.State, ca_content: Content
    ):
        now = datetime.datetime.now(datetime.timezone.utc)
        content = ca_content(DEFAULT_NAME, now - DAY, 365 * DAY)
        adopted = _american(dataclasses.replace(issued, secrets={_secret(content)}))

        with pytest.raises(testing.ActionFailed) as caught:
            context.run(context.on.action('get-revocation-list'), adopted)

        assert caught.value.message == (
            'the CA certificate is not for signing revocation lists; run rotate-private-key'
        )

    def test_the_list_is_of_the_ca_that_is_in_force_afterwards(
        self, context: Context, issued: testing.State, relation: testing.Relation
    ):
        aged = _configured(issued, ca_common_name='Other')

        after = context.run(context.on.action('get-revocation-list'), aged)

        assert context.action_results
        crl = c509.load_pem_x509_crl(context.action_results['revocation-list'].encode())
        ca = c509.load_pem_x509_certificate(_entry(after, relation).ca.encode())
        assert crl.issuer == ca.subject
        _assert_issued_by_the_ca_in_force(after, relation)

    @pytest.mark.parametrize(
        ('config', 'leader', 'message'),
        [
            ({}, False, 'This action can only be run on the leader unit.'),
            ({'ca-country-name': 'x'}, True, 'option ca-country-name: "x" is not a code'),
        ],
    )
    def test_where_there_is_no_ca_there_is_no_list(
        self,
        config: dict[str, str | int | float | bool],
        leader: bool,
        message: str,
        context: Context,
        issued: testing.State,
    ):
        state = dataclasses.replace(issued, leader=leader, config=config)

        with pytest.raises(testing.ActionFailed) as caught:
            context.run(context.on.action('get-revocation-list'), state)

        assert message in caught.value.message


def test_the_private_key_is_in_the_secret_alone(
    context: Context, relation: testing.Relation, issued: testing.State
):
    context.run(context.on.action('get-ca-certificate'), issued)
    key = _content(issued)['private-key'].splitlines()[1]

    assert all('PRIVATE KEY' not in log.message for log in context.juju_log)
    assert all(key not in log.message for log in context.juju_log)
    shown = [context.action_results, issued.unit_status.message, issued.stored_states]
    bags = [one.local_app_data for one in issued.get_relations('certificates')]
    bags += [one.local_app_data for one in issued.get_relations('peers')]
    assert all(key not in str(one) and 'PRIVATE' not in str(one) for one in [*shown, *bags])


def test_a_rotation_leaves_the_old_key_nowhere(
    context: Context, relation: testing.Relation, issued: testing.State
):
    old = _content(issued)['private-key'].splitlines()[1]

    after = context.run(context.on.config_changed(), _configured(issued, ca_common_name='Other'))

    assert old not in str(_content(after))
    assert all(old not in log.message for log in context.juju_log)


@pytest.mark.parametrize(
    'requests',
    [
        'junk',
        '{"a": 1}',
        '[' * 100_000,
        '[' + '9' * 5000 + ']',
        '[null, 7, [], {}]',
        '[{"certificate_signing_request": null, "ca": false}]',
        '[{"certificate_signing_request": "junk", "ca": "yes"}]',
        '[{"certificate_signing_request": "", "ca": false}]',
        '[{"certificate_signing_request": "junk", "ca": false}]',
        '[{"certificate_signing_request": "\\ud800", "ca": false}]',
        '[{"certificate_signing_request": "-----BEGIN CERTIFICATE REQUEST-----", "ca": true}]',
        ' ' * (1 << 20) + '[]',
    ],
    ids=lambda text: text[:70],
)
def test_a_junk_requirer_is_named_and_an_honest_one_is_served(
    requests: str, context: Context, csr: str, make_request: Make
):
    mixed = _relation({0: {'certificate_signing_requests': requests}, 1: _bag(csr)})
    honest = _relation({0: _bag(make_request('b.example'))}, app='mongo')

    state = context.run(context.on.relation_changed(mixed, remote_unit=0), _state(mixed, honest))

    _assert_issued_by_the_ca_in_force(state, mixed)
    _assert_issued_by_the_ca_in_force(state, honest)
    assert _answers(state, mixed).refusals == ()
    assert state.unit_status.message.startswith('2/2 issued; kafka/0: ')


@pytest.mark.parametrize(
    ('names', 'arguments', 'code'),
    [
        (('a b',), {}, 102),
        (('*',), {}, 103),
        (('10.0.0.1/8',), {}, 102),
        ((), {}, 999),
        (('a.example',), {'key': 'ed25519'}, 999),
        ((c509.DirectoryName(c509.Name([])),), {}, 102),
        ((c509.RFC822Name('nobody'),), {}, 102),
        (
            (),
            {
                'extensions': (
                    (
                        c509.UnrecognizedExtension(c509.ObjectIdentifier('2.5.29.17'), b'\xff'),
                        False,
                    ),
                )
            },
            999,
        ),
    ],
)
def test_a_request_that_cannot_be_certified_is_refused_and_an_honest_one_is_served(
    names: tuple[str | c509.GeneralName, ...],
    arguments: dict[str, object],
    code: int,
    context: Context,
    csr: str,
    make_request: Make,
):
    bad = make_request(*names, **arguments)
    relation = _relation({0: _bag(bad, csr)})

    state = context.run(context.on.relation_changed(relation), _state(relation))

    [refusal] = _answers(state, relation).refusals
    assert (refusal.csr, refusal.code, refusal.provider) == (bad, code, 'self-signed')
    _assert_issued_by_the_ca_in_force(state, relation)


def test_a_ca_certificate_is_not_issued(context: Context, csr: str):
    request = {'certificate_signing_request': csr, 'ca': True}
    relation = _relation({0: {'certificate_signing_requests': json.dumps([request])}})

    state = context.run(context.on.relation_changed(relation), _state(relation))

    [refusal] = _answers(state, relation).refusals
    assert (refusal.code, refusal.message) == (
        999,
        'CA certificates are not issued to kafka; it has to be named in option allow-ca-requests '
        'of the provider',
    )


def test_a_private_key_that_came_with_a_request_is_nowhere_repeated(
    context: Context, csr: str, ca_content: Content
):
    stray = ca_content('any', datetime.datetime.now(datetime.timezone.utc), DAY)['private-key']
    relation = _relation({0: _bag(f'{stray}\n{csr}')})

    state = context.run(context.on.relation_changed(relation), _state(relation))

    [refusal] = _answers(state, relation).refusals
    assert refusal.csr == csr
    line = stray.splitlines()[1]
    assert line not in str(state.get_relation(relation.id).local_app_data)
    assert all(line not in log.message for log in context.juju_log)


@pytest.mark.parametrize(
    'junk',
    [
        {'private-key': '-----BEGIN PRIVATE KEY-----\njunk\n-----END PRIVATE KEY-----'},
        {'ca-certificate': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'},
    ],
    ids=str,
)
def test_a_damaged_secret_breaks_no_hook_and_leaves_what_is_published(
    junk: dict[str, str], context: Context, issued: testing.State, relation: testing.Relation
):
    damaged = _content(issued) | junk
    state = dataclasses.replace(issued, secrets={_secret(damaged)})

    after = context.run(context.on.update_status(), state)

    assert _entry(after, relation) == _entry(issued, relation)
    assert _content(after) == damaged


def test_a_damaged_certificate_breaks_no_hook_where_the_ledger_is_lost(
    context: Context, issued: testing.State, relation: testing.Relation
):
    junk = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'
    damaged = _secret(_content(issued) | {'ca-certificate': junk})
    kept = issued.get_relation(relation.id)
    state = dataclasses.replace(
        issued, secrets={damaged}, relations={testing.PeerRelation('peers'), kept}
    )

    after = context.run(context.on.update_status(), state)

    assert _entry(after, relation) == _entry(issued, relation)
