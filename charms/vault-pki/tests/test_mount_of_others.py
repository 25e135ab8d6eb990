"""A mount that somebody else keeps: the charm only signs there, and follows."""

from __future__ import annotations

import time

import pytest
from conftest import CSR, Bed, chain, prepare, sign
from ops import testing

from tls_provider import x509
from tls_provider.testing import pki


@pytest.fixture
def kept(bed: Bed) -> Bed:
    """Authorised on a mount of somebody else's, with a root and one role."""
    prepare(bed)
    bed.configure(manage_mount=False)
    bed.authorize()
    return bed


def test_it_signs_by_the_role_that_is_there(kept: Bed):
    leaf, root = chain(kept.entry(kept.ask(CSR)))

    assert root.subject == 'CN=A root of others'
    assert x509.signed_by(leaf, root)
    roles = kept.bao.call('LIST', f'{kept.mount}/roles')['data']['keys']
    assert roles == ['charm']
    trusted = kept.act('get-ca-certificate')
    assert x509.fingerprint_of(trusted['ca-certificate']) == root.fingerprint


@pytest.mark.parametrize(
    ('role', 'csr', 'code'),
    [
        ({'allow_ip_sans': False}, pki.request('a.example.test', '10.0.0.1'), 101),
        ({'allow_any_name': False, 'allowed_domains': ['example.org']}, CSR, 102),
        (
            {'allow_any_name': False, 'allowed_domains': ['example.org']},
            pki.request(common_name='a.example.test'),
            102,
        ),
        ({'key_type': 'rsa'}, CSR, 999),
    ],
)
def test_what_the_role_refuses_has_the_code_for_it(
    kept: Bed, role: dict[str, object], csr: str, code: int
):
    values = {'allow_any_name': True, 'key_type': 'any', 'require_cn': False, **role}
    kept.bao.call('POST', f'{kept.mount}/roles/charm', values)

    refusal = kept.refusal(kept.ask(csr))

    assert refusal.code == code
    assert refusal.message.startswith('refused by the role: ')
    assert refusal.reason
    assert kept.status[0] == 'active'


def test_another_ca_of_the_keeper_is_followed_in_the_hook_that_meets_it(kept: Bed):
    relation = kept.ask(CSR)
    before = kept.entry(relation)
    values = {'common_name': 'The next root', 'key_type': 'ec', 'ttl': '8760h'}
    made = kept.bao.call('POST', f'{kept.mount}/root/rotate/internal', values)['data']
    kept.bao.call('POST', f'{kept.mount}/config/issuers', {'default': made['issuer_id']})

    second = kept.ask(pki.request('b.example.test'), app='b')

    assert chain(kept.entry(second))[1].subject == 'CN=The next root'
    kept.run()
    assert kept.entry(relation).ca == kept.entry(second).ca != before.ca
    assert kept.act('get-ca-certificate')['trusted'].count('BEGIN') == 2


def test_another_ca_of_the_keeper_is_noticed_while_nobody_asks(kept: Bed):
    relation = kept.ask(CSR)
    before = kept.entry(relation)
    values = {'common_name': 'The next root', 'key_type': 'ec', 'ttl': '8760h'}
    made = kept.bao.call('POST', f'{kept.mount}/root/rotate/internal', values)['data']
    kept.bao.call('POST', f'{kept.mount}/config/issuers', {'default': made['issuer_id']})
    kept.replace_state(checked_at=int(time.time()) - 901)

    kept.run()

    assert kept.entry(relation).ca != before.ca


def test_a_missing_role_is_the_keepers_matter(kept: Bed):
    kept.bao.call('DELETE', f'{kept.mount}/roles/charm')
    relation = kept.ask(CSR)
    assert kept.status == ('blocked', f'mount {kept.mount} has no role charm')
    assert kept.answers(relation).refusals == ()
    kept.bao.call(
        'POST',
        f'{kept.mount}/roles/charm',
        {'allow_any_name': True, 'key_type': 'any', 'require_cn': False},
    )

    kept.act('retry-requests')

    assert kept.entry(relation)


def test_a_missing_mount_is_the_keepers_matter(bed: Bed):
    bed.configure(manage_mount=False)
    result = bed.authorize()
    assert 'Next: ' in result

    bed.run()

    assert bed.status[0] == 'blocked'
    with pytest.raises(testing.ActionFailed, match='option manage-mount: is false'):
        bed.act('get-ca-csr')


def test_a_chain_without_its_root_is_told(bed: Bed):
    """As when only the signed intermediate was imported."""
    bed.bao.call('POST', f'sys/mounts/{bed.mount}', {'type': 'pki'})
    values = {'common_name': 'Half a chain', 'key_type': 'ec', 'add_basic_constraints': True}
    made = bed.bao.call('POST', f'{bed.mount}/intermediate/generate/internal', values)['data']
    signed = sign(made['csr']).pem
    bed.bao.call('POST', f'{bed.mount}/intermediate/set-signed', {'certificate': signed})
    bed.configure(manage_mount=False)

    bed.authorize()

    assert bed.status[0] == 'blocked'
    assert 'the chain ends at CN=the parent, whose certificate is missing' in bed.status[1]


def test_the_end_of_the_keepers_ca_is_in_the_status(kept: Bed):
    kept.ask(CSR)
    current = kept.authority['current']
    day, second = 86400, int(time.time())
    life = {'not_before': second - 300 * day, 'not_after': second + day}
    kept.replace_state(current={**current, **life})

    kept.run()

    assert kept.status[0] == 'active'
    assert 'the CA ends at 20' in kept.status[1]
    assert ': renew it in Vault' in kept.status[1]
