"""A CA certificate from above: over the relation by the requirers' library, or by people."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import json

import pytest
from conftest import CSR, ROOT, Bed, answer, asked, chain, now, relate, revoked, settled, sign
from ops import testing

from tls_provider import x509
from tls_provider.testing import pki


def test_the_parent_signs_a_key_that_is_in_vault(bed: Bed):
    requirer = bed.ask(CSR)
    bed.authorize()
    assert bed.status[0] == 'blocked'
    assert bed.status[1].startswith('no CA certificate; integrate parent with a provider')
    parent = relate(bed)
    assert bed.status == ('waiting', 'waits for above to sign the CA certificate')
    [csr] = asked(bed, parent)

    answer(bed, parent, csr, sign(csr), ROOT.certificate.pem)

    leaf, intermediate, root = chain(bed.entry(requirer))
    assert root.fingerprint == ROOT.certificate.fingerprint
    assert x509.signed_by(leaf, intermediate)
    assert x509.signed_by(intermediate, root)
    assert bed.status[1].startswith('1/1 issued; first expiry ')
    assert asked(bed, parent) == [csr]
    labels = [secret.label or '' for secret in bed.state.secrets]
    assert not [label for label in labels if 'private-key' in label]
    keys = bed.bao.call('LIST', f'{bed.mount}/keys')['data']['key_info']
    assert [info['key_name'] for info in keys.values()] == ['charm-ecdsa-p256-1']


@pytest.mark.parametrize('algorithm', ['ecdsa-p384', 'rsa-2048'])
def test_keys_of_other_kinds(bed: Bed, algorithm: str):
    bed.configure(
        ca_key_algorithm=algorithm,
        ca_common_name='Issuing CA',
        ca_organization='Example',
        ca_organizational_unit='Security',
        ca_country_name='de',
        ca_state_or_province_name='Bavaria',
        ca_locality_name='Munich',
    )
    parent = relate(bed)
    bed.authorize()
    [csr] = asked(bed, parent)

    answer(bed, parent, csr, sign(csr), ROOT.certificate.pem)
    leaf, intermediate, _ = chain(bed.entry(bed.ask(CSR)))

    assert x509.parse_request(csr).key.algorithm == algorithm.removesuffix('-2048').replace(
        'ecdsa-p384', 'ecdsa-p384'
    )
    assert leaf.issuer == intermediate.subject
    for part in ('CN=Issuing CA', 'O=Example', 'OU=Security', 'C=DE', 'ST=Bavaria', 'L=Munich'):
        assert part in intermediate.subject


def test_a_parent_that_refuses_is_named_with_its_reason(bed: Bed):
    bed.authorize()
    parent = relate(bed)
    [csr] = asked(bed, parent)
    error = {'code': 999, 'name': 'other', 'message': 'CA certificates are not allowed'}

    bed.write(
        parent, remote_app_data={'request_errors': json.dumps([{'csr': csr, 'error': error}])}
    )
    relation = bed.state.get_relation(parent)
    bed.state = bed.context.run(bed.context.on.relation_changed(relation), bed.state)

    assert bed.status == (
        'blocked',
        'above refused the CA certificate (999): CA certificates are not allowed',
    )
    answer(bed, parent, csr, sign(csr), ROOT.certificate.pem)
    assert bed.status[0] == 'active'


JUNK = [
    'junk',
    '{}',
    '[]',
    '[[[[',
    json.dumps([{'certificate': 'x'}]),
    json.dumps([{'certificate': '', 'ca': '', 'chain': [], 'certificate_signing_request': ''}]),
    json.dumps(
        [
            {
                'certificate': ROOT.certificate.pem,
                'ca': 'no PEM',
                'chain': None,
                'certificate_signing_request': CSR,
            }
        ]
    ),
]


@pytest.mark.parametrize('text', JUNK)
@pytest.mark.parametrize('key', ['certificates', 'request_errors'])
def test_junk_from_a_parent_breaks_nothing(bed: Bed, text: str, key: str):
    bed.authorize()
    parent = relate(bed)
    [csr] = asked(bed, parent)

    bed.write(parent, remote_app_data={key: text})
    relation = bed.state.get_relation(parent)
    bed.state = bed.context.run(bed.context.on.relation_changed(relation), bed.state)

    assert bed.status[0] in {'waiting', 'blocked'}
    answer(bed, parent, csr, sign(csr), ROOT.certificate.pem)
    assert bed.status[0] == 'active'


def test_certificates_that_cannot_be_a_ca_are_not_taken(bed: Bed):
    bed.authorize()
    parent = relate(bed)
    [csr] = asked(bed, parent)
    other = pki.Authority.root('another')
    request = x509.parse_request(csr)
    start = now() - datetime.timedelta(minutes=5)
    wrong = [
        (ROOT.sign(request, start=start), 'is no certificate of a CA'),
        (sign(pki.request(common_name='x', key='p256/other')), 'for another key than the request'),
        (other.sign(request, is_ca=True, start=start), 'whose certificate is missing'),
    ]
    for certificate, complaint in wrong:
        answer(bed, parent, csr, certificate, ROOT.certificate.pem)
        assert bed.status[0] == 'blocked'
        assert complaint in bed.status[1]
        assert not bed.authority['current']


def test_people_sign_what_an_action_shows(bed: Bed):
    requirer = bed.ask(CSR)
    bed.authorize()
    csr = bed.act('get-ca-csr')['csr']
    assert bed.act('get-ca-csr')['csr'] == csr
    signed = sign(csr)

    result = bed.act(
        'provide-ca-certificate',
        certificate=base64.b64encode(signed.pem.encode()).decode(),
        ca_certificate=ROOT.certificate.pem,
    )['result']

    assert result.startswith('The CA certificate is in force until ')
    assert len(bed.entry(requirer).chain) == 3
    assert bed.act('get-ca-certificate')['ca-certificate'].strip() == ROOT.certificate.pem.strip()


@pytest.mark.parametrize(
    ('params', 'complaint'),
    [
        ({'certificate': 'junk'}, 'parameter certificate: is no certificate in PEM, or base64'),
        ({'certificate': ' '}, 'parameter certificate: holds nothing'),
        ({'certificate': ROOT.certificate.pem}, 'the CA certificate is for another key than'),
    ],
)
def test_what_an_action_cannot_take_is_said(bed: Bed, params: dict[str, str], complaint: str):
    bed.authorize()
    bed.act('get-ca-csr')

    with pytest.raises(testing.ActionFailed) as raised:
        bed.act('provide-ca-certificate', **params)

    assert raised.value.message.startswith(complaint)


def test_a_parent_with_a_new_root_is_followed_with_the_same_key(bed: Bed):
    parent, csr = settled(bed)
    requirer = bed.ask(CSR)
    other = pki.Authority.root('the parent after rotation')

    answer(bed, parent, csr, sign(csr, other), other.certificate.pem)

    assert chain(bed.entry(requirer))[-1].fingerprint == other.certificate.fingerprint
    trusted = bed.act('get-ca-certificate')['trusted']
    assert trusted.count('BEGIN') == 2
    assert asked(bed, parent) == [csr]
    bed.run()
    assert bed.status[0] == 'active'


def test_a_revoked_ca_gets_another_key(bed: Bed):
    parent = relate(bed)
    bed.authorize()
    [csr] = asked(bed, parent)
    signed = sign(csr)
    answer(bed, parent, csr, signed, ROOT.certificate.pem)
    requirer = bed.ask(CSR)
    before = bed.entry(requirer)
    entry = revoked(csr, signed)
    bed.write(parent, remote_app_data={'certificates': json.dumps([entry])})

    bed.run()

    first, second = asked(bed, parent)
    assert first == csr
    assert bed.entry(requirer) == before
    told = 'above has revoked the CA certificate; waits for above to sign the CA certificate'
    assert told in bed.status[1]
    answer(bed, parent, second, sign(second), ROOT.certificate.pem)
    assert bed.entry(requirer).chain[1] != before.chain[1]


def test_another_parent_certifies_the_same_key(bed: Bed):
    parent, csr = settled(bed)
    requirer = bed.ask(CSR)
    relation = bed.state.get_relation(parent)

    bed.state = bed.context.run(bed.context.on.relation_broken(relation), bed.state)

    others = {one for one in bed.state.relations if one.id != parent}
    bed.state = dataclasses.replace(bed.state, relations=others)
    bed.run()
    assert bed.status[1].startswith('1/1 issued')
    other = pki.Authority.root('another parent')
    parent = relate(bed)
    assert asked(bed, parent) == [csr]
    answer(bed, parent, csr, sign(csr, other), other.certificate.pem)
    assert chain(bed.entry(requirer))[-1].fingerprint == other.certificate.fingerprint


def test_a_hook_with_a_healthy_parent_asks_vault_nothing(
    bed: Bed, caplog: pytest.LogCaptureFixture
):
    settled(bed)
    bed.ask(CSR)
    caplog.clear()

    bed.run()

    assert not [one for one in caplog.messages if 'HTTPS' in one]


def test_the_parents_silence_near_the_end_is_in_the_status(bed: Bed):
    parent, csr = settled(bed)
    requirer = bed.ask(CSR)
    before = bed.entry(requirer)
    current = bed.authority['current']
    day, second = 86400, int(now().timestamp())
    life = {'not_before': second - 275 * day, 'not_after': second + 90 * day}
    bed.replace_state(current={**current, **life})

    bed.run()

    first, other = asked(bed, parent)
    assert first == csr, 'it would be revoked'
    assert bed.status[0] == 'active'
    assert 'CA ends 20' in bed.status[1]
    assert 'waits for above to sign the CA certificate' in bed.status[1]
    assert bed.entry(requirer) == before
    answer(bed, parent, other, sign(other), ROOT.certificate.pem)
    assert chain(bed.entry(requirer))[1] != chain(before)[1]
    assert 'CA ends' not in bed.status[1]
    assert asked(bed, parent) == [first, other], 'the certificates of the first one count still'
    day_after = [{**one, 'until': second - 1} for one in bed.authority['retired']]
    bed.replace_state(retired=day_after)
    bed.run()
    assert asked(bed, parent) == [other]


def test_a_request_that_waits_is_known_again_when_the_memory_is_lost(bed: Bed):
    parent, csr = settled(bed)
    bed.configure(ca_common_name='Next')
    both = asked(bed, parent)
    assert both[0] == csr
    assert len(both) == 2

    [peers] = bed.state.get_relations('peers')
    bed.write(peers.id, local_app_data={})
    bed.run()

    assert asked(bed, parent) == both
    answer(bed, parent, both[1], sign(both[1]), ROOT.certificate.pem)
    assert chain(bed.entry(bed.ask(CSR)))[1].subject == 'CN=Next'


def test_a_root_in_its_place_leaves_the_request_while_it_counts(bed: Bed):
    parent, csr = settled(bed)
    bed.ask(CSR)

    bed.configure(ca_type='root')

    assert asked(bed, parent) == [csr]
    bed.replace_state(retired=[])
    bed.run()
    assert asked(bed, parent) == []


def test_a_new_parent_gets_the_request_that_is_worked_on_alone(bed: Bed):
    parent, _csr = settled(bed)
    bed.ask(CSR)
    bed.configure(ca_common_name='Next')
    [_, second] = asked(bed, parent)
    relation = bed.state.get_relation(parent)
    bed.state = bed.context.run(bed.context.on.relation_broken(relation), bed.state)
    others = {one for one in bed.state.relations if one.id != parent}
    bed.state = dataclasses.replace(bed.state, relations=others)

    assert asked(bed, relate(bed)) == [second]


def test_a_certificate_for_the_ca_in_force_is_taken_while_another_one_waits(bed: Bed):
    parent, csr = settled(bed)
    requirer = bed.ask(CSR)
    bed.configure(ca_common_name='Next')
    both = asked(bed, parent)
    other = pki.Authority.root('the next parent')

    answer(bed, parent, csr, sign(csr, other), other.certificate.pem)

    assert chain(bed.entry(requirer))[-1].fingerprint == other.certificate.fingerprint
    assert asked(bed, parent) == both
    answer(bed, parent, both[1], sign(both[1], other), other.certificate.pem)
    assert chain(bed.entry(requirer))[1].subject == 'CN=Next'


def test_the_end_of_a_certificate_that_was_renewed_withdraws_no_request(bed: Bed):
    parent, _csr = settled(bed)
    [secret] = [one for one in bed.state.secrets if 'certificate' in (one.label or '')]
    bed.configure(ca_common_name='Next')
    both = asked(bed, parent)

    expired = bed.context.on.secret_expired(secret, revision=1)
    bed.state = bed.context.run(expired, bed.state)

    assert asked(bed, parent) == both


def test_what_cannot_be_read_beside_the_answer_is_told(bed: Bed):
    parent, _csr = settled(bed)
    bed.ask(CSR)
    relation = bed.state.get_relation(parent)
    assert isinstance(relation, testing.Relation)
    entries = [*json.loads(relation.remote_app_data['certificates']), {'certificate': 'x'}]

    bed.write(parent, remote_app_data={'certificates': json.dumps(entries)})
    bed.run()

    assert 'above sent what cannot be read: not every entry is complete' in bed.status[1]


def test_a_parent_need_not_sign_what_is_to_be_replaced(bed: Bed):
    parent, csr = settled(bed)
    relation = bed.state.get_relation(parent)
    bed.state = bed.context.run(bed.context.on.relation_broken(relation), bed.state)
    others = {one for one in bed.state.relations if one.id != parent}
    bed.state = dataclasses.replace(bed.state, relations=others)
    parent = relate(bed)
    assert asked(bed, parent) == [csr]

    bed.configure(ca_common_name='Next')

    [second] = asked(bed, parent)
    assert second != csr


def test_a_revoked_ca_is_told_while_another_is_refused(bed: Bed):
    parent = relate(bed)
    bed.authorize()
    [csr] = asked(bed, parent)
    signed = sign(csr)
    answer(bed, parent, csr, signed, ROOT.certificate.pem)
    bed.ask(CSR)
    entry = revoked(csr, signed)
    entries = json.dumps([entry])
    bed.write(parent, remote_app_data={'certificates': entries})
    bed.run()
    error = {'code': 999, 'name': 'other', 'message': 'no more CAs'}
    refusal = json.dumps([{'csr': asked(bed, parent)[1], 'error': error}])

    bed.write(parent, remote_app_data={'certificates': entries, 'request_errors': refusal})
    bed.run()

    told, refused = 'above has revoked the CA certificate', 'above refused the CA certificate'
    assert f'{told}; {refused} (999): no' in bed.status[1]


def test_a_deleted_mount_is_made_again_and_the_parent_signs_another_key(bed: Bed):
    parent, _csr = settled(bed)
    requirer = bed.ask(CSR)
    before = bed.entry(requirer)
    bed.bao.call('DELETE', f'sys/mounts/{bed.mount}')

    second = bed.ask(pki.request('b.example.test'), app='b')

    assert bed.entry(requirer) == before
    assert bed.answers(second).entries == ()
    assert 'waits for above to sign the CA certificate' in bed.status[1]
    _, another = asked(bed, parent)
    answer(bed, parent, another, sign(another), ROOT.certificate.pem)
    bed.later()
    bed.run()
    assert bed.entry(second)
    assert chain(bed.entry(requirer))[1] != chain(before)[1]


def test_several_parents_are_told(bed: Bed):
    bed.authorize()
    relate(bed)

    relate(bed)

    assert bed.status[0] == 'blocked'
    assert bed.status[1].startswith('several parents: keep one')


@pytest.mark.parametrize(
    ('options', 'complaint'),
    [
        ({'ca-type': 'root'}, 'option ca-type: is root; such a CA signs itself'),
        ({'manage-mount': False}, 'option manage-mount: is false; whoever keeps the mount'),
        ({'mount': 'a b'}, 'option mount: "a b" is no path of a mount'),
    ],
)
def test_a_request_is_only_shown_where_there_is_one(
    bed: Bed, options: dict[str, str | bool], complaint: str
):
    with pytest.raises(testing.ActionFailed, match='not authorised: run authorize'):
        bed.act('get-ca-csr')
    bed.authorize()
    bed.configure(**options)

    with pytest.raises(testing.ActionFailed) as raised:
        bed.act('get-ca-csr')

    assert raised.value.message.startswith(complaint)


@pytest.mark.parametrize(
    ('options', 'complaint'),
    [
        ({'auth-method': 'token'}, 'option auth-method: authorize makes an AppRole'),
        (
            {'credentials-secret-id': 'secret:d6ec2bpgahqc711hdl30'},
            'option credentials-secret-id: is set and would',
        ),
        ({'vault-address': ''}, 'option vault-address: is not set'),
        (
            {},
            'parameter secret-id: secret secret:d6ec2bpgahqc711hdl30 is not there, or not granted '
            'to vault-pki',
        ),
    ],
)
def test_what_hinders_an_authorisation_is_told(bed: Bed, options: dict[str, str], complaint: str):
    bed.configure(**options)

    with pytest.raises(testing.ActionFailed) as raised:
        bed.act('authorize', secret_id='secret:d6ec2bpgahqc711hdl30')

    assert raised.value.message.startswith(complaint)


def test_a_secret_without_a_token_authorises_nobody(bed: Bed):
    secret = testing.Secret({'key': 'value'})
    bed.state = dataclasses.replace(bed.state, secrets={secret})

    with pytest.raises(testing.ActionFailed) as raised:
        bed.act('authorize', secret_id=secret.id)

    assert raised.value.message == 'parameter secret-id: the secret lacks token'


def test_a_token_that_may_not_set_up_is_told(bed: Bed):
    made = bed.bao.call('POST', 'auth/token/create', {'policies': ['default']})
    secret = testing.Secret({'token': made['auth']['client_token']})
    bed.state = dataclasses.replace(bed.state, secrets={secret})

    with pytest.raises(testing.ActionFailed) as raised:
        bed.act('authorize', secret_id=secret.id)

    assert raised.value.message.startswith(f'denied sys/mounts/{bed.mount}: add path')
