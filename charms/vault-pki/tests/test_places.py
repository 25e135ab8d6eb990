"""The CA where the charm has been before, where others were, and after its memory was lost."""

from __future__ import annotations

import dataclasses
import datetime
import json
import time

import pytest
from conftest import (
    CSR,
    ROOT,
    Bed,
    Config,
    answer,
    asked,
    chain,
    now,
    prepare,
    relate,
    revoked,
    settled,
    sign,
)
from ops import testing

import memory
from charm import STATE, VaultPKICharm
from tls_provider import x509
from tls_provider.testing import pki


def changed(bed: Bed, relation_id: int) -> None:
    relation = bed.state.get_relation(relation_id)
    assert isinstance(relation, testing.Relation)
    bed.state = bed.context.run(bed.context.on.relation_changed(relation), bed.state)


def forget(bed: Bed) -> None:
    [peers] = bed.state.get_relations('peers')
    bed.write(peers.id, local_app_data={})


def test_a_mount_changes_hands_and_back(bed: Bed):
    prepare(bed)
    bed.configure(manage_mount=False)
    bed.authorize()
    relation = bed.ask(CSR)
    before = bed.entry(relation)

    bed.configure(manage_mount=True, ca_type='root')
    bed.authorize()

    assert chain(bed.entry(relation))[1].subject == 'CN=Vault PKI'
    assert bed.entry(bed.ask(pki.request('b.example.test'), app='b'))
    assert bed.status[0] == 'active'
    default = bed.bao.call('GET', f'{bed.mount}/config/issuers')['data']['default']
    issuers = bed.bao.call('LIST', f'{bed.mount}/issuers')['data']['keys']
    [first] = [one for one in issuers if one != default]
    bed.bao.call('POST', f'{bed.mount}/issuer/{first}', {'usage': 'issuing-certificates'})
    bed.bao.call('POST', f'{bed.mount}/config/issuers', {'default': first})
    bed.configure(manage_mount=False)
    bed.authorize()
    assert bed.entry(relation).ca == before.ca
    assert bed.status[0] == 'active'


def test_a_default_issuer_that_fits_is_taken_from_its_keeper(bed: Bed):
    bed.configure(ca_type='root')
    bed.authorize()
    relation = bed.ask(CSR)
    before = bed.entry(relation)
    role = {'allow_any_name': True, 'key_type': 'any', 'require_cn': False}
    bed.bao.call('POST', f'{bed.mount}/roles/charm', role)
    bed.configure(manage_mount=False)
    bed.authorize()

    bed.configure(manage_mount=True)
    bed.authorize()

    assert bed.entry(relation).ca == before.ca
    assert len(bed.bao.call('LIST', f'{bed.mount}/issuers')['data']['keys']) == 1


def test_a_root_without_a_name_is_taken(bed: Bed):
    bed.bao.call('POST', f'sys/mounts/{bed.mount}', {'type': 'pki'})
    values = {'common_name': 'Vault PKI', 'key_type': 'ec', 'ttl': '700h'}
    bed.bao.call('POST', f'{bed.mount}/root/generate/internal', values)
    bed.configure(ca_type='root')

    bed.authorize()

    assert bed.status[0] == 'active'
    [one] = bed.bao.call('LIST', f'{bed.mount}/issuers')['data']['key_info'].values()
    assert one['issuer_name'].startswith('charm-')


def test_the_parent_keeps_the_request_while_the_address_changes(bed: Bed):
    parent, csr = settled(bed)
    relation = bed.ask(CSR)
    before = bed.entry(relation)

    bed.configure(vault_address=bed.bao.address.replace('127.0.0.1', 'localhost'))
    bed.run()
    changed(bed, parent)

    assert asked(bed, parent) == [csr]
    assert bed.entry(relation) == before
    other = pki.Authority.root('the parent after rotation')
    answer(bed, parent, csr, sign(csr, other), other.certificate.pem)
    assert chain(bed.entry(relation))[-1].fingerprint == other.certificate.fingerprint


def test_the_parent_keeps_the_request_while_vault_is_not_found(bed: Bed):
    parent, csr = settled(bed)

    bed.configure(vault_address='https://127.0.0.1:1')
    changed(bed, parent)

    assert asked(bed, parent) == [csr]


def test_the_ca_of_a_mount_is_found_again_with_its_request(bed: Bed):
    parent, csr = settled(bed)
    relation, mount = bed.ask(CSR), bed.mount
    before = bed.entry(relation)
    bed.configure(mount=f'{mount}-other')
    bed.authorize()
    assert asked(bed, parent) != [csr]

    bed.configure(mount=mount)
    bed.authorize()

    assert asked(bed, parent) == [csr]
    assert bed.entry(relation) == before


def test_the_parent_keeps_the_request_when_the_memory_is_lost(bed: Bed):
    parent, csr = settled(bed)
    relation = bed.ask(CSR)
    before = bed.entry(relation)
    forget(bed)

    bed.run()
    changed(bed, parent)

    assert asked(bed, parent) == [csr]
    assert bed.entry(relation).chain[1] == before.chain[1]


def test_another_parent_is_asked_when_the_memory_is_lost(bed: Bed):
    parent, csr = settled(bed)
    relation = bed.ask(CSR)
    forget(bed)
    kept = {one for one in bed.state.relations if one.id != parent}
    bed.state = dataclasses.replace(bed.state, relations=kept)
    bed.run()

    parent = relate(bed)

    [again] = asked(bed, parent)
    assert x509.parse_request(again).public_key == x509.parse_request(csr).public_key
    other = pki.Authority.root('another parent')
    answer(bed, parent, again, sign(again, other), other.certificate.pem)
    assert chain(bed.entry(relation))[-1].fingerprint == other.certificate.fingerprint


@pytest.mark.parametrize('options', [{'ca_common_name': 'New'}, {'ca_key_algorithm': 'rsa-2048'}])
def test_a_ca_that_is_not_what_the_options_say_is_not_taken(bed: Bed, options: dict[str, str]):
    bed.configure(ca_type='root')
    bed.authorize()
    before = bed.authority['current']['issuer']
    forget(bed)

    bed.configure(**options)

    assert bed.authority['current']['issuer'] != before
    relation = bed.ask(CSR)
    expected = options.get('ca_common_name', 'Vault PKI')
    assert chain(bed.entry(relation))[1].subject == f'CN={expected}'


def test_a_mount_that_is_back_gets_the_ca_of_the_options(rooted: Bed):
    mount = rooted.mount
    rooted.configure(mount=f'{mount}-x')
    rooted.authorize()
    rooted.configure(ca_common_name='Second', ca_key_algorithm='ecdsa-p384')

    rooted.configure(mount=mount)
    rooted.authorize()

    authority = chain(rooted.entry(rooted.ask(CSR)))[1]
    assert authority.subject == 'CN=Second'
    assert x509.key_of(authority).algorithm == 'ecdsa-p384'


def test_two_applications_do_not_share_rights(rooted: Bed):
    before = rooted.credentials()
    config = {**rooted.state.config, 'allowed-domains': 'b.test'}
    peers = testing.PeerRelation('peers')
    state = testing.State(leader=True, config=config, relations={peers})
    other = Bed(rooted.bao, rooted.mount, testing.Context(VaultPKICharm), state)

    with pytest.raises(testing.ActionFailed, match=r'is of application .*: set option role'):
        other.authorize()

    other.configure(role='another')
    other.authorize()
    assert other.credentials()['role-id'] != before['role-id']
    assert rooted.entry(rooted.ask(CSR))


def test_names_that_look_the_same_have_rights_of_their_own(bed: Bed):
    mount, ids = bed.mount, set[str]()
    for path, role in ((f'{mount}-a', 'b'), (mount, 'a-b'), (mount.upper(), 'a-b')):
        bed.configure(ca_type='root', mount=path, role=role)
        bed.authorize()
        ids.add(bed.credentials()['role-id'])

    assert len(ids) == 3


def test_a_policy_of_somebody_else_is_not_replaced(bed: Bed):
    text = 'path "secret/x" { capabilities = ["read"] }'
    bed.bao.call('POST', f'sys/policies/acl/{bed.policy}', {'policy': text})

    with pytest.raises(testing.ActionFailed, match='is of somebody else'):
        bed.authorize()

    assert bed.bao.call('GET', f'sys/policies/acl/{bed.policy}')['data']['policy'] == text


def test_a_mount_below_another_is_told(rooted: Bed):
    rooted.configure(mount=f'{rooted.mount}/below')

    with pytest.raises(testing.ActionFailed, match='lies below mount'):
        rooted.authorize()


def test_a_key_is_used_for_one_ca_only(bed: Bed):
    parent, _ = settled(bed)
    before = bed.authority['current']['key']
    for algorithm in ('rsa-2048', 'ecdsa-p256'):
        bed.replace_state(retired=[])  # their time is over
        bed.configure(ca_key_algorithm=algorithm)
        csr = asked(bed, parent)[-1]
        answer(bed, parent, csr, sign(csr), ROOT.certificate.pem)

    assert bed.authority['current']['key'] != before


def test_options_that_are_back_drop_the_request(bed: Bed):
    parent, csr = settled(bed)
    relation = bed.ask(CSR)
    before = bed.entry(relation)
    bed.configure(ca_common_name='B')
    assert asked(bed, parent) != [csr]

    bed.configure(ca_common_name='Vault PKI')

    assert asked(bed, parent) == [csr]
    assert bed.entry(relation) == before
    assert not bed.authority['asked']


def test_roots_of_many_changes_within_a_day_are_all_trusted(rooted: Bed):
    first = rooted.entry(rooted.ask(CSR)).ca
    for number in range(10):
        rooted.configure(ca_common_name=f'CA {number}')

    trusted = rooted.act('get-ca-certificate')['trusted']

    assert first.strip() in trusted
    assert trusted.count('BEGIN') == 11


JUNK = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'


@pytest.mark.parametrize(
    'damage',
    [
        {'retired': [{'issuer': '', 'key': '', 'root': 'x', 'until': 'a'}]},
        {'left': 5, 'retired': 5},
        {'asked': {'csr': ROOT.certificate.pem, 'key': ['k'], 'made_with': 5}},
        {'asked': {'csr': CSR, 'key': 'k', 'made_with': 'm'}},
        {'current': {}},
        {'current': None},
        {'chain': [JUNK]},
        {'issuer': '../../sys/health'},
        {'issuer': ''},
        {'not_after': 5},
        {'not_after': 1 << 39},
        {'not_before': -1e300},
        {'key': None},
        {'csr': 'junk'},
        {'csr': CSR},
    ],
)
def test_what_is_damaged_of_the_memory_is_found_again(bed: Bed, damage: dict[str, object]):
    parent, csr = settled(bed)
    relation = bed.ask(CSR)
    before, keys = bed.entry(relation), bed.bao.call('LIST', f'{bed.mount}/keys')['data']['keys']
    current = bed.authority['current']
    is_of_current = not damage.keys() & {'retired', 'left', 'asked', 'current'}
    bed.damage_state(**({'current': {**current, **damage}} if is_of_current else damage))

    changed(bed, parent)
    bed.run()

    assert bed.entry(relation) == before
    assert bed.authority['current'] == current
    assert asked(bed, parent) == [csr]
    assert bed.bao.call('LIST', f'{bed.mount}/keys')['data']['keys'] == keys
    served = bed.ask(pki.request('b.example.test'), app='b')
    assert chain(bed.entry(served))[1:] == chain(before)[1:]


@pytest.mark.parametrize('depth', range(900, 1000, 5))
def test_a_memory_that_nests_too_far_is_none(depth: int):
    text = '{"place": "p", "digest": "x", "retired": ' + '[' * depth + ']' * depth + '}'

    assert memory.loads(text).current is None


def test_all_that_counted_is_found_again(bed: Bed):
    parent, csr = settled(bed)
    bed.ask(CSR)
    bed.configure(ca_common_name='Next')
    _, second = asked(bed, parent)
    other = pki.Authority.root('another parent')
    entries = [
        {
            'certificate_signing_request': one,
            'certificate': signed.pem,
            'ca': root.pem,
            'chain': [signed.pem, root.pem],
            'revoked': False,
        }
        for one, signed, root in (
            (csr, x509.parse_certificate(bed.authority['current']['chain'][0]), ROOT.certificate),
            (second, sign(second, other), other.certificate),
        )
    ]
    bed.write(parent, remote_app_data={'certificates': json.dumps(entries)})
    changed(bed, parent)
    assert asked(bed, parent) == [csr, second]
    before = bed.authority
    assert bed.act('get-ca-certificate')['trusted'].count('BEGIN') == 2

    [peers] = bed.state.get_relations('peers')
    assert isinstance(peers, testing.PeerRelation)
    kept = {name: text for name, text in peers.local_app_data.items() if name != STATE}
    bed.write(peers.id, local_app_data=kept)
    changed(bed, parent)

    assert bed.authority['current'] == before['current']
    assert asked(bed, parent) == [csr, second]
    assert bed.act('get-ca-certificate')['trusted'].count('BEGIN') == 2


@pytest.mark.parametrize('is_lost', [False, True])
def test_a_keeper_who_signs_by_the_same_ca_withdraws_nothing(bed: Bed, is_lost: bool):
    parent, csr = settled(bed)
    bed.ask(CSR)
    bed.bao.call('POST', f'{bed.mount}/roles/charm', {'allow_any_name': True, 'key_type': 'any'})
    bed.configure(manage_mount=False)
    bed.authorize()
    if is_lost:
        forget(bed)

    bed.run()
    changed(bed, parent)

    assert asked(bed, parent) == [csr]
    bed.configure(manage_mount=True)
    bed.authorize()
    assert asked(bed, parent) == [csr]


def test_of_two_that_sign_the_one_that_the_options_say_is_taken(bed: Bed):
    """As a hook leaves them that was lost between both, whatever their parents say of dates."""
    parent, csr = settled(bed)
    relation = bed.ask(CSR)
    old = bed.authority['current']['issuer']
    bed.configure(ca_common_name='Next')
    _, second = asked(bed, parent)
    request = x509.parse_request(second)
    long_ago = now() - datetime.timedelta(hours=1)
    life = datetime.timedelta(days=365)
    signed = ROOT.sign(request, is_ca=True, start=long_ago, life=life)
    answer(bed, parent, second, signed, ROOT.certificate.pem)
    before = bed.entry(relation)
    path = f'{bed.mount}/issuer/{old}'
    name = bed.bao.call('GET', path)['data']['issuer_name']
    usage = 'read-only,issuing-certificates,crl-signing,ocsp-signing'
    bed.bao.call('POST', path, {'issuer_name': name, 'usage': usage})
    forget(bed)

    bed.run()

    assert bed.entry(relation) == before
    assert asked(bed, parent) == [csr, second]
    assert 'issuing' not in bed.bao.call('GET', path)['data']['usage']


def test_what_people_sign_is_taken_after_the_memory_is_lost(bed: Bed):
    bed.authorize()
    csr = bed.act('get-ca-csr')['csr']
    forget(bed)

    bed.act(
        'provide-ca-certificate',
        certificate=sign(csr).pem,
        ca_certificate=ROOT.certificate.pem,
    )

    assert bed.status[0] == 'active'
    again = bed.act('get-ca-csr', renew=True)['csr']
    forget(bed)
    bed.act(
        'provide-ca-certificate',
        certificate=sign(again).pem,
        ca_certificate=ROOT.certificate.pem,
    )
    assert len(bed.bao.call('LIST', f'{bed.mount}/keys')['data']['keys']) == 2


def test_the_request_in_place_of_a_revoked_ca_is_known_again(bed: Bed):
    parent, csr = settled(bed)
    relation = bed.ask(CSR)
    before = bed.entry(relation)
    entries = [revoked(csr, x509.parse_certificate(before.chain[1]))]
    bed.write(parent, remote_app_data={'certificates': json.dumps(entries)})
    changed(bed, parent)
    both = asked(bed, parent)
    assert both[0] == csr
    forget(bed)

    bed.run()

    assert asked(bed, parent) == both
    assert bed.entry(relation) == before


def test_no_damage_makes_the_memory_grow(bed: Bed):
    settled(bed)
    bed.ask(CSR)
    sizes: list[int] = []
    for _ in range(3):
        bed.damage_state(applied=5)
        bed.run()
        sizes.append(len(json.dumps(bed.authority)))

    assert max(sizes[1:]) <= sizes[0] + 40


@pytest.mark.parametrize('is_memory_lost', [False, True])
@pytest.mark.parametrize('is_there', [False, True])
def test_the_default_issuer_of_the_mount_is_not_needed(
    bed: Bed, is_there: bool, is_memory_lost: bool
):
    parent, csr = settled(bed)
    before = bed.entry(bed.ask(CSR))
    values = {'common_name': 'an issuer of others', 'key_type': 'ec', 'ttl': '1h'}
    path = f'{bed.mount}/issuers/generate/root/internal'
    default = bed.bao.call('POST', path, values)['data']['issuer_id']
    bed.bao.call('POST', f'{bed.mount}/config/issuers', {'default': default})
    if not is_there:
        bed.bao.call('DELETE', f'{bed.mount}/issuer/{default}')
    if is_memory_lost:
        forget(bed)
    else:
        bed.replace_state(checked_at=0)

    bed.run()

    served = bed.ask(pki.request('b.example.test'), app='b')
    assert chain(bed.entry(served))[1:] == chain(before)[1:]
    assert asked(bed, parent) == [csr]


@pytest.mark.parametrize('is_memory_lost', [False, True])
def test_another_role_is_the_same_application(rooted: Bed, is_memory_lost: bool):
    relation = rooted.ask(CSR)
    before = rooted.entry(relation)
    rooted.configure(role='other')
    rooted.authorize()
    if is_memory_lost:
        forget(rooted)

    rooted.run()

    assert rooted.entry(relation) == before
    rooted.configure(ca_common_name='Next')
    assert rooted.entry(relation).ca != before.ca
    found = rooted.bao.call('GET', f'{rooted.mount}/issuer/default')['data']
    assert found['issuer_id'] == rooted.authority['current']['issuer']


def test_an_operator_may_rename_issuers(rooted: Bed):
    relation = rooted.ask(CSR)
    before = rooted.entry(relation)
    path = f'{rooted.mount}/issuer/{rooted.authority["current"]["issuer"]}'
    name = rooted.bao.call('GET', path)['data']['issuer_name']
    values = {'leaf_not_after_behavior': 'truncate'}
    rooted.bao.call('POST', path, {'issuer_name': 'the-old-one', **values})
    other = {'common_name': 'x', 'key_type': 'ec', 'ttl': '1h', 'issuer_name': name}
    rooted.bao.call('POST', f'{rooted.mount}/issuers/generate/root/internal', other)

    rooted.configure(ca_common_name='Next')

    assert rooted.status[0] == 'active'
    assert rooted.entry(relation).ca != before.ca


def test_two_applications_on_one_mount_keep_a_ca_each(bed: Bed):
    first, mount = bed, bed.mount
    config: Config = {**first.state.config, 'role': 'charm-b'}
    second = Bed(bed.bao, mount, bed.context, dataclasses.replace(first.state, config=config))
    for each in (first, second):
        each.configure(ca_type='root')
        each.authorize()
    relation, other = first.ask(CSR), second.ask(CSR)
    before = first.entry(relation), second.entry(other)
    assert before[0].ca != before[1].ca
    issuers = bed.bao.call('LIST', f'{mount}/issuers')['data']['keys']

    for _ in range(2):
        for each in (first, second):
            each.replace_state(checked_at=0)
            each.run()
    for each in (first, second):
        [peers] = each.state.get_relations('peers')
        remembered = {k: v for k, v in peers.local_app_data.items() if k != STATE}
        each.write(peers.id, local_app_data=remembered)
        each.run()

    assert (first.entry(relation), second.entry(other)) == before
    assert bed.bao.call('LIST', f'{mount}/issuers')['data']['keys'] == issuers
    second.configure(ca_common_name='B')
    assert second.entry(other).ca != before[1].ca
    first.replace_state(checked_at=0)
    first.run()
    assert first.entry(relation) == before[0]


def test_the_token_of_another_login_is_renewed_by_its_own_life(bed: Bed):
    bed.configure(ca_type='root')
    bed.authorize()
    for life, most in (('720h', 11 * 86400), ('1h', 1300)):
        values = {'policies': [bed.policy, 'default'], 'ttl': life, 'no_parent': True}
        made = bed.bao.call('POST', 'auth/token/create', values)
        secret = testing.Secret({'token': made['auth']['client_token']})
        bed.state = dataclasses.replace(bed.state, secrets={secret})
        bed.configure(auth_method='token', credentials_secret_id=secret.id)
        assert bed.authority['renew_token_at'] < time.time() + most


def test_a_certificate_that_the_parent_has_revoked_is_not_taken(bed: Bed):
    parent = relate(bed)
    bed.authorize()
    [csr] = asked(bed, parent)
    signed = sign(csr)
    entry = revoked(csr, signed)
    bed.write(parent, remote_app_data={'certificates': json.dumps([entry])})

    changed(bed, parent)

    assert not bed.authority['current']
    [second] = asked(bed, parent)
    assert x509.parse_request(second).public_key != x509.parse_request(csr).public_key
    answer(bed, parent, second, sign(second), ROOT.certificate.pem)
    assert bed.status[0] == 'active'


def test_a_ca_of_somebody_else_is_not_taken_for_its_name(bed: Bed) -> None:
    mount = bed.mount
    bed.bao.call('POST', f'sys/mounts/{mount}', {'type': 'pki'})
    for name, values in (
        ('default', {}),
        ('stranger', {'issuer_name': 'charm-ecdsa-p256-1', 'key_name': 'other'}),
    ):
        body = {'common_name': name, 'key_type': 'rsa', 'ttl': '1h', **values}
        bed.bao.call('POST', f'{mount}/issuers/generate/root/internal', body)

    bed.configure(ca_type='root')
    bed.authorize()

    assert bed.status[0] == 'active'
    [own] = [x509.parse_certificate(one) for one in bed.authority['current']['chain']]
    assert own.subject == 'CN=Vault PKI'


def test_no_certificate_outlives_a_ca_that_was_put_in_its_place(bed: Bed) -> None:
    """By the keeper of the mount, between two looks, without a limit for certificates."""
    prepare(bed)
    bed.configure(manage_mount=False)
    bed.authorize()
    role = {'allow_any_name': True, 'key_type': 'any', 'require_cn': False}
    bed.bao.call('POST', f'{bed.mount}/roles/charm', {**role, 'ttl': '2160h', 'max_ttl': '2160h'})
    bed.ask(pki.request('first.example.test'))
    values = {'common_name': 'short', 'key_type': 'ec', 'ttl': '2h'}
    made = bed.bao.call('POST', f'{bed.mount}/issuers/generate/root/internal', values)['data']
    path = f'{bed.mount}/issuer/{made["issuer_id"]}'
    bed.bao.call('POST', path, {'leaf_not_after_behavior': 'permit'})
    bed.bao.call('POST', f'{bed.mount}/config/issuers', {'default': made['issuer_id']})

    second = bed.ask(pki.request('second.example.test'), app='second')

    for entry in bed.answers(second).entries:
        leaf, issuer = (x509.parse_certificate(one) for one in entry.chain[:2])
        assert leaf.not_after <= issuer.not_after
    assert not bed.answers(second).refusals or bed.answers(second).refusals[0].code == 201
