"""The charm in Juju's hooks, with a real OpenBao behind it."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess
import sys

import pytest
from conftest import CREDENTIALS, CSR, Bed, bag, chain, openssl, verified
from ops import testing

from tls_provider import x509
from tls_provider.testing import pki


def test_a_root_in_vault_signs_after_one_action(bed: Bed):
    bed.configure(ca_type='root')
    assert bed.status[0] == 'blocked'
    assert bed.status[1].startswith('not authorised: run authorize with the token')

    result = bed.authorize()
    relation = bed.ask(CSR)

    assert result == 'Charm authorized successfully. You may now remove the secret.'
    entry = bed.entry(relation)
    leaf, root = chain(entry)
    assert x509.signed_by(leaf, root)
    assert x509.signed_by(root, root)
    assert bed.status[0] == 'active'
    assert bed.status[1].startswith('1/1 issued; first expiry ')
    before = bed.state
    bed.run()
    assert bed.state.relations == before.relations
    assert bed.state.secrets == before.secrets


def test_capabilities_follow_the_options(rooted: Bed):
    relation = rooted.ask(CSR)
    rooted.configure(allow_ip_sans=False, allowed_domains='example.test', allow_subdomains=True)

    text = rooted.state.get_relation(relation).local_app_data['capabilities']

    assert json.loads(text) == {
        'supports_ip_sans': False,
        'supports_wildcard_dns': True,
        'supports_subdomain': True,
        'supports_ca_certificates': False,
        'allowed_domains': ['example.test'],
        'provider_type': 'vault',
    }


@pytest.mark.parametrize(
    ('options', 'complaint'),
    [
        (
            {'vault-address': ''},
            'option vault-address: is not set; give the address, as in https:',
        ),
        ({'vault-address': 'vault:8200'}, 'option vault-address: "vault:8200" is not an address'),
        (
            {'vault-address': 'https://h:x'},
            'option vault-address: "https://h:x" is not an address',
        ),
        ({'vault-address': 'https://u:p@h'}, 'option vault-address: holds a user or a password'),
        (
            {'vault-address': 'https://h/ui'},
            'option vault-address: "https://h/ui" holds more than',
        ),
        ({'vault-address': 'https://h\u0301'}, 'option vault-address: "https://h'),
        ({'vault-address': 'https://a_b'}, 'option vault-address: "https://a_b" names no host'),
        ({'vault-namespace': 'a b'}, 'option vault-namespace: "a b" is no namespace'),
        ({'vault-ca-certificates': 'x'}, 'option vault-ca-certificates: holds something else'),
        ({'auth-method': 'ldap'}, 'option auth-method: "ldap" is none of approle, token, jwt'),
        ({'auth-method': 'token'}, 'option credentials-secret-id: is not set; auth-method=token'),
        ({'auth-method': 'jwt'}, 'option auth-role: is not set or no name; jwt needs the name'),
        ({'auth-method': 'kubernetes', 'auth-role': 'x'}, 'option auth-method: kubernetes needs'),
        ({'auth-mount': '%'}, 'option auth-mount: "%" is no path of a mount'),
        ({'credentials-secret-id': 'secret:d6ec2bpgahqc711hdl30'}, 'option credentials-secret-id'),
        ({'mount': 'sys/x'}, 'option mount: "sys/x" is no path of a mount'),
        ({'mount': 'a b'}, 'option mount: "a b" is no path of a mount'),
        ({'role': 'a/b'}, 'option role: "a/b" is no name of a role'),
        ({'ca-type': 'leaf'}, 'option ca-type: "leaf" is neither intermediate nor root'),
        ({'ca-key-algorithm': 'dsa'}, 'option ca-key-algorithm: "dsa" is none of'),
        ({'ca-country-name': 'D1'}, 'option ca-country-name: is not two letters'),
        ({'ca-organization': 'A, B'}, 'option ca-organization: holds a comma'),
        ({'ca-common-name': 'x' * 65}, 'option ca-common-name: has more than 64 bytes'),
        ({'certificate-validity': '1y'}, 'option certificate-validity: "1y" is not a number'),
        ({'root-ca-validity': '0'}, 'option root-ca-validity: 0 is not between'),
        ({'extended-key-usages': 'email'}, 'option extended-key-usages: "email" is none of'),
        ({'allowed-domains': 'a..b'}, 'option allowed-domains: "a..b" is no domain'),
        ({'allow-any-name': False}, 'option allowed-domains: names nothing; give domains, or'),
        ({'public-address': 'x'}, 'option public-address: "x" is not an address'),
        ({'certificate-limit': -2}, 'option certificate-limit: -2 is less than -1'),
        ({'allow-ca-requests': 'A'}, 'option allow-ca-requests: "A" is no application'),
    ],
)
def test_a_wrong_option_is_named_with_what_to_do(
    bed: Bed, options: dict[str, str | bool | int], complaint: str
):
    bed.configure(**options)

    assert bed.status[0] == 'blocked'
    assert bed.status[1].startswith(complaint)


def test_the_role_is_changed_with_the_options_and_what_was_refused_is_served(rooted: Bed):
    rooted.configure(allowed_domains='example.org')
    relation = rooted.ask(CSR)
    assert rooted.refusal(relation).code == 102

    rooted.configure(allowed_domains='example.org,example.test')

    assert rooted.entry(relation)
    written = rooted.bao.call('GET', f'{rooted.mount}/roles/charm-ecdsa')['data']
    assert written['allowed_domains'] == ['example.org', 'example.test']
    assert written['allow_any_name'] is False


@pytest.mark.parametrize(
    ('options', 'csr', 'code', 'complaint'),
    [
        ({'allow_ip_sans': False}, pki.request('10.0.0.1'), 101, '10.0.0.1'),
        ({'allow_wildcard_certificates': False}, pki.request('*.example.test'), 103, 'wildcard'),
        (
            {'allowed_domains': 'example.test', 'allow_bare_domains': False},
            pki.request('example.test'),
            102,
            'example.test: only names below an allowed domain',
        ),
        (
            {'allowed_domains': 'example.test', 'allow_subdomains': False},
            CSR,
            102,
            'www.example.test is outside',
        ),
        ({}, pki.request('a_b.example.test'), 102, 'Vault certifies no names with underscores'),
        ({}, pki.request('a.example.test', key='ed25519'), 999, 'ed25519'),
    ],
)
def test_what_is_not_allowed_is_refused_with_its_code(
    rooted: Bed, options: dict[str, str | bool], csr: str, code: int, complaint: str
):
    rooted.configure(**options)

    refusal = rooted.refusal(rooted.ask(csr))

    assert refusal.code == code
    assert complaint in refusal.message


def test_only_one_purpose_is_certified_where_one_is_wanted(rooted: Bed, tmp_path: pathlib.Path):
    relation = rooted.ask(CSR)
    before = rooted.entry(relation)

    rooted.configure(extended_key_usages='client-auth')

    after = rooted.entry(relation)
    assert after.certificate != before.certificate
    shown = openssl('x509', '-noout', '-ext', 'extendedKeyUsage', text=after.certificate)
    assert 'TLS Web Client Authentication' in shown
    assert 'TLS Web Server Authentication' not in shown


def test_names_in_capitals_are_certified(rooted: Bed):
    rooted.configure(allowed_domains='example.test')

    [name] = chain(rooted.entry(rooted.ask(pki.request('WWW.Example.Test'))))[0].names

    assert name.value == 'www.example.test'


def test_a_revoked_certificate_is_in_the_list_and_replaced(rooted: Bed, tmp_path: pathlib.Path):
    relation = rooted.ask(CSR)
    before = rooted.entry(relation)
    assert verified(rooted, before.certificate, tmp_path).strip().endswith('OK')
    [row] = json.loads(rooted.act('list-certificates')['certificates'])

    rooted.act('revoke-certificate', id=row['id'])

    after = rooted.entry(relation)
    assert after.certificate != before.certificate
    assert 'certificate revoked' in verified(rooted, before.certificate, tmp_path)
    assert verified(rooted, after.certificate, tmp_path).strip().endswith('OK')


@pytest.mark.parametrize('revokes', [True, False])
def test_a_withdrawn_certificate_is_revoked_where_that_is_wanted(
    rooted: Bed, revokes: bool, tmp_path: pathlib.Path
):
    rooted.configure(revoke_on_removal=revokes)
    relation = rooted.ask(CSR)
    before = rooted.entry(relation)

    rooted.write(relation, remote_units_data={0: bag()})
    rooted.changed(relation)

    assert rooted.answers(relation).entries == ()
    shown = verified(rooted, before.certificate, tmp_path)
    assert ('certificate revoked' in shown) is revokes


def test_a_revocation_waits_while_vault_is_sealed(rooted: Bed, tmp_path: pathlib.Path):
    rooted.configure(revoke_on_removal=True)
    relation = rooted.ask(CSR)
    before = rooted.entry(relation)
    rooted.bao.seal()
    try:
        rooted.write(relation, remote_units_data={0: bag()})
        rooted.changed(relation)
        assert rooted.status[0] == 'active'
        assert '1 to revoke' in rooted.status[1]
    finally:
        rooted.bao.unseal()
    rooted.later()

    rooted.run()

    assert 'certificate revoked' in verified(rooted, before.certificate, tmp_path)


def test_certificates_name_where_to_look_when_there_is_an_address(rooted: Bed):
    rooted.configure(public_address=rooted.bao.address)

    entry = rooted.entry(rooted.ask(CSR))

    issuer = rooted.authority['current']['issuer']
    place = f'{rooted.bao.address}/v1/{rooted.mount}'
    shown = openssl('x509', '-noout', '-text', text=entry.certificate)
    for part in (f'/issuer/{issuer}/crl/der', f'/issuer/{issuer}/der', '/ocsp'):
        assert f'URI:{place}{part}' in shown
    assert rooted.bao.get(f'{rooted.mount}/issuer/{issuer}/crl/der')
    rooted.configure(public_address='')
    entry = rooted.entry(rooted.ask(pki.request('b.example.test'), app='b'))
    assert 'URI:' not in openssl('x509', '-noout', '-text', text=entry.certificate)


def test_a_change_of_the_cas_name_makes_another_ca_and_trusts_both(rooted: Bed):
    relation = rooted.ask(CSR)
    trust = testing.Relation('send-ca-cert')
    rooted.state = dataclasses.replace(rooted.state, relations={*rooted.state.relations, trust})
    before = rooted.entry(relation)

    rooted.configure(ca_common_name='Another CA')

    after = rooted.entry(relation)
    assert 'CN=Another CA' in chain(after)[1].subject
    published = rooted.state.get_relation(trust.id).local_app_data['certificates']
    roots = {x509.fingerprint_of(one) for one in json.loads(published)}
    assert roots == {x509.fingerprint_of(before.ca), x509.fingerprint_of(after.ca)}
    retired = rooted.bao.call('GET', f'{rooted.mount}/issuer/charm-ecdsa-p256-1')['data']
    assert 'issuing-certificates' not in retired['usage']
    assert retired['leaf_not_after_behavior'] == 'truncate'


def test_what_was_issued_by_a_retired_ca_can_be_revoked(rooted: Bed):
    relation = rooted.ask(CSR)
    before = rooted.entry(relation)
    rooted.configure(ca_common_name='Another CA', revoke_on_removal=True)
    serial = x509.parse_certificate(before.certificate).serial
    text = f'{serial:x}'.zfill(40)
    named = ':'.join(text[at : at + 2] for at in range(0, 40, 2))

    rooted.bao.call('POST', f'{rooted.mount}/revoke', {'serial_number': named})

    rooted.bao.call('GET', f'{rooted.mount}/crl/rotate')
    listed = rooted.bao.get(f'{rooted.mount}/issuer/charm-ecdsa-p256-1/crl/pem').decode()
    assert f'{serial:X}' in openssl('crl', '-noout', '-text', text=listed)


def test_a_lost_memory_is_found_again_in_vault(rooted: Bed):
    relation = rooted.ask(CSR)
    before = rooted.entry(relation)
    known = rooted.authority['current']
    [peers] = rooted.state.get_relations('peers')
    rooted.write(peers.id, local_app_data={})

    rooted.run()

    assert rooted.authority['current']['chain'] == known['chain']
    assert rooted.authority['current']['issuer'] == known['issuer']
    assert rooted.entry(relation) == before


@pytest.mark.parametrize('text', ['junk', '[]', '{"current": 1}', '{"place": "x", "asked": {}}'])
def test_junk_for_a_memory_is_none(rooted: Bed, text: str):
    [peers] = rooted.state.get_relations('peers')
    rooted.write(peers.id, local_app_data={'authority': text})

    rooted.run()

    assert rooted.status == ('active', '')


def test_other_units_stand_by(rooted: Bed):
    relation = rooted.ask(CSR)
    rooted.state = dataclasses.replace(rooted.state, leader=False)

    rooted.run()

    assert rooted.status == ('active', 'standby, the leader issues')
    assert rooted.entry(relation)
    for action, params in (
        ('authorize', {'secret-id': 'x'}),
        ('get-policy', {}),
        ('get-ca-csr', {}),
        ('provide-ca-certificate', {'certificate': 'x'}),
        ('get-ca-certificate', {}),
    ):
        with pytest.raises(testing.ActionFailed, match='leader'):
            rooted.act(action, **params)


def test_only_the_login_that_authorize_made_is_kept(rooted: Bed):
    rooted.ask(CSR)

    assert [secret.label for secret in rooted.state.secrets] == [CREDENTIALS]
    assert set(rooted.credentials()) == {'role-id', 'secret-id', 'mount'}


def test_a_hook_with_nothing_to_do_loads_nothing_that_is_slow():
    code = (
        'import sys, charm, options\n'
        "options.parse({'vault-address': 'https://a'}, lambda *_: {}, {})\n"
        "slow = ['hvac', 'requests', 'cryptography', 'pydantic', 'charmlibs']\n"
        'print([name for name in slow if name in sys.modules])'
    )

    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)

    assert done.stdout == '[]\n'
