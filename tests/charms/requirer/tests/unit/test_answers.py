from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING, Any

import ops
import pytest
from charmlibs.interfaces.tls_certificates import (
    Certificate,
    CertificateSigningRequest,
    PrivateKey,
    ProviderCertificate,
)
from cryptography import x509

import report

if TYPE_CHECKING:
    from .conftest import Authority, Bench, Deploy


def certificates(bench: Bench, **params: Any) -> list[dict[str, Any]]:
    return json.loads(bench.act('get-certificate', params)['certificates'])


def requests(bench: Bench, **params: Any) -> list[dict[str, Any]]:
    return json.loads(bench.act('get-requests', params)['requests'])


def test_no_relation_is_named(deploy: Deploy):
    bench = deploy(related=False)

    assert bench.status == ops.WaitingStatus('no certificates relation')
    for action in ('get-certificate', 'get-requests', 'check'):
        assert bench.failure(action) == 'there is no certificates relation'


def test_a_removed_relation_is_named(deploy: Deploy):
    bench = deploy()

    bench.run(bench.context.on.relation_broken(bench.relation))

    assert bench.status == ops.WaitingStatus('no certificates relation')


def test_the_status_counts_what_is_fulfilled(deploy: Deploy, authority: Authority):
    bench = deploy({'num_certificates': 2})
    assert bench.status == ops.WaitingStatus('0/2 certificates')

    bench.provide([authority.answer(bench.pems()[0])])
    assert bench.status == ops.WaitingStatus('1/2 certificates')

    bench.provide([authority.answer(csr) for csr in bench.pems()])
    assert bench.status == ops.ActiveStatus('2/2 certificates')


def test_the_status_counts_both_scopes_on_the_leader(deploy: Deploy, authority: Authority):
    bench = deploy({'mode': 'app-and-unit'})

    bench.provide([authority.answer(csr) for csr in bench.pems('app')])

    assert bench.status == ops.WaitingStatus('1/2 certificates')
    assert [entry['state'] for entry in requests(bench)] == ['issued', 'pending']


def test_no_certificates_wanted_is_fulfilled(deploy: Deploy):
    assert deploy({'num_certificates': 0}).status == ops.ActiveStatus('0/0 certificates')


def test_a_denial_is_named_in_the_status(deploy: Deploy, authority: Authority):
    bench = deploy({'num_certificates': 2, 'common_name': '{i}.example'})
    first, second = bench.pems()

    bench.provide([authority.answer(first)], [authority.denial(second, 101, 'no IP\naddresses')])

    text = '1/2 certificates; 1.example: denied (101) no IP addresses'
    assert bench.status == ops.WaitingStatus(text)


def test_further_denials_are_counted(deploy: Deploy, authority: Authority):
    bench = deploy({'num_certificates': 3, 'common_name': '-', 'sans_dns': '{i}.example'})

    bench.provide(errors=[authority.denial(csr) for csr in bench.pems()])

    text = '0/3 certificates; 0.example: denied (101) no IP addresses; 2 more denied'
    assert bench.status == ops.WaitingStatus(text)


def test_get_certificate_shows_all_about_each(deploy: Deploy, authority: Authority):
    config = {
        'common_name': 'web.example',
        'sans_dns': 'b.example,a.example',
        'sans-ip': '10.0.0.1,2001:db8::1',
        'sans-oid': '1.2.3',
    }
    bench = deploy(config)
    (csr,) = bench.pems()
    answer = authority.answer(csr)
    leaf = x509.load_pem_x509_certificate(str(answer['certificate']).encode())

    bench.provide([answer])

    assert certificates(bench) == [
        {
            'endpoint': 'certificates',
            'common-name': 'web.example',
            'mode': 'unit',
            'certificate': answer['certificate'],
            'chain': answer['chain'],
            'ca-certificate': authority.root,
            'csr': csr,
            'names': ['1.2.3', '10.0.0.1', '2001:db8::1', 'a.example', 'b.example'],
            'is-ca': False,
            'issuer': 'CN=Test Issuer',
            'not-before': (authority.now - datetime.timedelta(hours=1)).isoformat(),
            'not-after': (authority.now + datetime.timedelta(hours=100)).isoformat(),
            'serial': f'{leaf.serial_number:x}',
        }
    ]


def test_get_certificate_shows_only_the_named_one(deploy: Deploy, authority: Authority):
    bench = deploy({'num_certificates': 3, 'common_name': '{i}.example', 'sans_dns': 'x{i}.net'})
    bench.provide([authority.answer(csr) for csr in bench.pems()])

    found = [certificates(bench, **{'common-name': name}) for name in ('1.example', 'x2.net')]

    assert [[entry['common-name'] for entry in each] for each in found] == [
        ['1.example'],
        ['2.example'],
    ]
    failure = bench.failure('get-certificate', {'common-name': 'other'})
    assert failure == 'nothing is requested for "other"'


def test_get_certificate_says_what_is_missing(deploy: Deploy, authority: Authority):
    bench = deploy({'common_name': 'web.example'})
    bench.provide(errors=[authority.denial(bench.pems()[0])])

    text = 'no certificate yet: 0/1 certificates; web.example: denied (101) no IP addresses'
    assert bench.failure('get-certificate') == text
    assert bench.failure('check') == text


@pytest.mark.parametrize('action', ['get-certificate', 'get-requests', 'check'])
def test_the_standby_sends_to_the_leader(deploy: Deploy, action: str):
    bench = deploy({'mode': 'app'}, leader=False)

    text = "only the leader holds the app's certificates; run this on the leader"
    assert bench.failure(action) == text


def test_a_result_that_juju_cannot_take_is_explained(deploy: Deploy, authority: Authority):
    bench = deploy({'num_certificates': 40})
    bench.provide([authority.answer(csr) for csr in bench.pems()])

    failure = bench.failure('get-certificate')

    assert failure.startswith('the result certificates has ')
    assert failure.endswith('Juju takes 131071; ask for one certificate with common-name=NAME')


@pytest.mark.parametrize(('size', 'fits'), [(131_071, True), (131_072, False)])
def test_the_limit_counts_key_and_value(size: int, fits: bool):
    value = 'ä' + 'x' * (size - len('key=ä'.encode()))

    assert (report.too_large({'key': value}) is None) is fits


def test_get_requests_shows_each_state(deploy: Deploy, authority: Authority):
    bench = deploy({'num_certificates': 3, 'common_name': '{i}.example', 'sans_dns': 'x{i}.net'})
    issued, denied, pending = bench.pems()
    bench.provide([authority.answer(issued)], [authority.denial(denied, 102, 'not ours')])

    results = bench.act('get-requests')

    assert [results[state] for state in ('issued', 'pending', 'denied')] == ['1', '1', '1']
    common = {'endpoint': 'certificates', 'mode': 'unit', 'is-ca': False}
    assert json.loads(results['requests']) == [
        {'common-name': '0.example', 'names': ['x0.net'], 'csr': issued, 'state': 'issued'}
        | common,
        {
            'common-name': '1.example',
            'names': ['x1.net'],
            'csr': denied,
            'state': 'denied',
            'code': 102,
            'name': 'ip_not_allowed',
            'message': 'not ours',
        }
        | common,
        {'common-name': '2.example', 'names': ['x2.net'], 'csr': pending, 'state': 'pending'}
        | common,
    ]


def test_a_second_provider_is_asked_for_the_same_and_both_count(
    deploy: Deploy, authority: Authority
):
    bench = deploy({'common_name': 'web.example'})
    bench.provide([authority.answer(csr) for csr in bench.pems()])
    first = bench.relation
    bench.relate_second()
    assert bench.status == ops.WaitingStatus('1/2 certificates')

    bench.provide([authority.answer(csr) for csr in bench.pems()])

    assert bench.status == ops.ActiveStatus('2/2 certificates')
    shown = certificates(bench)
    assert [one['endpoint'] for one in shown] == ['certificates', 'other-certificates']
    assert len({one['csr'] for one in shown}) == 2
    assert bench.act('check') == {'ok': 'true', 'checked': '2'}
    bench.run(bench.context.on.relation_broken(first))
    assert bench.status == ops.ActiveStatus('1/1 certificates')


def test_an_error_beside_a_certificate_is_shown(deploy: Deploy, authority: Authority):
    bench = deploy()
    (csr,) = bench.pems()

    bench.provide([authority.answer(csr)], [authority.denial(csr)])

    (entry,) = requests(bench)
    assert (entry['state'], entry['code']) == ('issued', 101)


@pytest.mark.parametrize('changes', [{'revoked': True}, {'is_ca': True}], ids=str)
def test_a_revoked_or_wrong_certificate_does_not_count(
    deploy: Deploy, authority: Authority, changes: dict[str, Any]
):
    bench = deploy()

    bench.provide([authority.answer(csr, **changes) for csr in bench.pems()])

    assert bench.status == ops.WaitingStatus('0/1 certificates')
    assert [entry['state'] for entry in requests(bench)] == ['pending']


def test_a_ca_certificate_is_accepted_when_asked_for(deploy: Deploy, authority: Authority):
    bench = deploy({'is_ca': True, 'mode': 'app'})

    bench.provide([authority.answer(csr, is_ca=True) for csr in bench.pems('app')])

    assert [(entry['is-ca'], entry['mode']) for entry in certificates(bench)] == [(True, 'app')]


@pytest.mark.parametrize('mode', ['unit', 'app', 'app-and-unit'])
def test_check_proves_key_and_chain(deploy: Deploy, authority: Authority, mode: str):
    bench = deploy({'mode': mode, 'num_certificates': 2})
    csrs = bench.pems() + bench.pems('app')
    bench.provide([authority.answer(csr) for csr in csrs])

    assert bench.act('check') == {'ok': 'true', 'checked': str(len(csrs))}


@pytest.mark.parametrize('hidden', ['root', 'leaf'])
def test_check_accepts_chains_without_root_or_leaf(
    deploy: Deploy, authority: Authority, hidden: str
):
    bench = deploy()
    (csr,) = bench.pems()
    answer = authority.answer(csr)
    shown = {
        'root': {'chain': [answer['certificate'], authority.issuer], 'ca': authority.issuer},
        'leaf': {'chain': [authority.issuer]},
    }

    bench.provide([{**answer, **shown[hidden]}])

    assert bench.act('check')['ok'] == 'true'


def test_check_names_a_gap_in_the_chain(deploy: Deploy, authority: Authority):
    bench = deploy({'common_name': 'web.example', 'add-unique-id': False})

    bench.provide([authority.answer(csr, chain=[]) for csr in bench.pems()])

    failure = bench.failure('check')
    assert failure.startswith('web.example: "CN=web.example" by "CN=Test Root": not issued by it')


def test_check_names_an_issuer_that_is_no_ca(deploy: Deploy, authority: Authority):
    bench = deploy({'num_certificates': 2, 'common_name': '{i}.example', 'add-unique-id': False})
    first, second = bench.pems()
    stranger = authority.answer(second)

    bench.provide([authority.answer(first, chain=[stranger['certificate']]), stranger])

    text = '0.example: "CN=0.example" by "CN=1.example": the issuer is not a CA'
    assert bench.failure('check') == text


@pytest.mark.parametrize(('hours', 'text'), [((-9, -1), 'expired at'), ((1, 9), 'is not valid')])
def test_check_names_a_certificate_that_is_not_valid_now(
    deploy: Deploy, authority: Authority, hours: tuple[int, int], text: str
):
    bench = deploy({'common_name': 'web.example', 'add-unique-id': False})
    life = tuple(datetime.timedelta(hours=hour) for hour in hours)

    bench.provide([authority.answer(csr, life=life) for csr in bench.pems()])

    assert bench.failure('check').startswith(f'web.example: "CN=web.example" {text}')


def test_a_foreign_key_does_not_belong_to_the_certificate(deploy: Deploy, authority: Authority):
    (csr,) = deploy().pems()
    answer = ProviderCertificate(
        relation_id=7,
        certificate=Certificate.from_string(authority.issue(csr)),
        certificate_signing_request=CertificateSigningRequest.from_string(csr),
        ca=Certificate.from_string(authority.root),
        chain=[Certificate.from_string(authority.issuer)],
    )

    found = report.fault(answer, PrivateKey.generate(key_algorithm='ecdsa'), authority.now)

    assert found == 'the private key does not belong to the certificate'
