"""What is wrong with a supply has a message of its own, and nothing is published."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import json
from collections.abc import Callable, Mapping
from typing import cast

import pytest
from cryptography import x509 as c509
from cryptography.hazmat.primitives import serialization
from ops import testing

from charm import STORE, ManualTLSCertificatesCharm
from tls_provider import wire, x509
from tls_provider.testing import _profile, pki

DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.timezone.utc)
ROOT = pki.Authority.root('root')
LOWER = ROOT.intermediate('lower', path_length=1)
LOWEST = LOWER.intermediate('lowest')
OTHER = pki.Authority.root('other')
CSR = pki.request('a.example', key='ecdsa-p256')
REQUEST = x509.parse_request(CSR)
Params = Mapping[str, object]


def sign(authority: pki.Authority = LOWEST, csr: str = CSR, **changes: object) -> str:
    arguments = {'start': NOW - DAY, 'life': 30 * DAY, **changes}
    return authority.sign(x509.parse_request(csr), **arguments).pem  # type: ignore[arg-type]


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


LEAF = sign()
CHAIN = LOWEST.certificate.pem + LOWER.certificate.pem
GOOD = {'certificate': LEAF, 'ca-certificate': ROOT.certificate.pem, 'ca-chain': CHAIN}
NOT_SIGNING = pki.Authority(
    pki.private_key('ecdsa-p256/not'),
    ROOT.sign(
        x509.parse_request(pki.request(common_name='not signing', key='ecdsa-p256/not')),
        start=NOW - DAY,
        is_ca=True,
        extensions=[(_profile.usage('digital_signature'), True)],
    ),
)
ENDED = ROOT.intermediate('ended', start=NOW - 60 * DAY, life=30 * DAY)
FUTURE = ROOT.intermediate('future', start=NOW + DAY, life=30 * DAY)
ENTITY = x509.parse_certificate(sign(ROOT, pki.request('b.example', key='ecdsa-p256/entity')))


def self_signed() -> str:
    key = pki.private_key('ecdsa-p256')
    name = c509.Name([])
    builder = (
        c509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .add_extension(c509.SubjectAlternativeName([c509.DNSName('a.example')]), critical=True)
    )
    signed = builder.sign(key, _profile.digest(key))
    return x509.parse_certificate(signed.public_bytes(serialization.Encoding.PEM).decode()).pem


WRONG: list[tuple[str, Params, str]] = [
    ('certificate missing', {'certificate': ''}, 'One or more action parameters are missing.'),
    ('CA missing', {'ca-certificate': ' '}, 'One or more action parameters are missing.'),
    ('no PEM', {'certificate': 'junk!'}, 'certificate is neither PEM nor base64 of PEM'),
    ('bad base64', {'certificate': 'QUJDR'}, 'certificate is neither PEM nor base64 of PEM'),
    ('base64 of junk', {'certificate': b64('junk')}, 'certificate is base64 of something else'),
    (
        'base64 of bytes',
        {'certificate': base64.b64encode(b'\xff\xfe' * 9).decode()},
        'certificate is base64 of something else than PEM text',
    ),
    ('a private key', {'certificate': pki.private_key_pem('ecdsa-p256')}, 'a private key'),
    (
        'a private key beside it',
        {'certificate': LEAF + pki.private_key_pem('ecdsa-p256')},
        'certificate holds a private key',
    ),
    (
        'a private key in base64',
        {'ca-chain': b64(CHAIN + pki.private_key_pem('ecdsa-p256'))},
        'ca-chain holds a private key',
    ),
    ('a request', {'certificate': CSR}, 'certificate holds a CERTIFICATE REQUEST, not only'),
    ('cut off', {'certificate': LEAF[:-30]}, 'certificate: a certificate is cut off'),
    (
        'damaged',
        {'certificate': LEAF.replace(LEAF[60:90], 'A' * 30)},
        'certificate: certificate 1 of 1 is damaged',
    ),
    (
        'damaged in the chain',
        {'ca-chain': CHAIN.replace(CHAIN[60:90], 'A' * 30)},
        'ca-chain: certificate 1 of 2 is damaged',
    ),
    ('too much', {'ca-chain': 'A' * 5_000_000}, 'ca-chain has 5000000 characters, more than'),
    (
        'another key',
        {'certificate': sign(csr=pki.request('a.example', key='ecdsa-p256/x'))},
        'Certificate and CSR do not match.',
    ),
    ('other names', {'certificate': sign(names=['b.example'])}, 'the certificate lacks a.example'),
    ('no names', {'certificate': sign(names=[])}, 'the certificate lacks a.example'),
    (
        'ended',
        {'certificate': sign(start=NOW - 60 * DAY)},
        'the certificate has ended on ',
    ),
    ('not yet', {'certificate': sign(start=NOW + DAY)}, 'the certificate is valid only from '),
    ('a CA', {'certificate': sign(is_ca=True)}, 'the certificate is a CA certificate, and none'),
    ('self-signed', {'certificate': self_signed()}, 'the certificate is self-signed'),
    ('an unrelated chain', {'ca-chain': OTHER.certificate.pem}, 'the issuer "CN=lowest" of '),
    ('no chain', {'ca-chain': ''}, 'the issuer "CN=lowest" of '),
    (
        'a link is missing',
        {'ca-chain': LOWEST.certificate.pem},
        'the issuer "CN=lower" of "CN=lowest" is missing',
    ),
    (
        'the root is missing',
        {'ca-certificate': OTHER.certificate.pem},
        'the issuer "CN=root" of "CN=lower" is missing',
    ),
    (
        'another CA beside the chain',
        {'ca-certificate': OTHER.certificate.pem, 'ca-chain': CHAIN + ROOT.certificate.pem},
        'ca-certificate "CN=other" is not in the chain of the certificate',
    ),
    (
        'a link that may not sign',
        {'certificate': sign(NOT_SIGNING), 'ca-chain': NOT_SIGNING.certificate.pem},
        'the key usage of "CN=not signing" does not let it sign certificates',
    ),
    (
        'a link that has ended',
        {'certificate': sign(ENDED), 'ca-chain': ENDED.certificate.pem},
        'the CA certificate "CN=ended" has ended on ',
    ),
    (
        'a link of the future',
        {'certificate': sign(FUTURE), 'ca-chain': FUTURE.certificate.pem},
        'the CA certificate "CN=future" is valid only from ',
    ),
    (
        'a link that is no CA',
        {
            'certificate': sign(pki.Authority(pki.private_key('ecdsa-p256/entity'), ENTITY)),
            'ca-chain': ENTITY.pem,
        },
        'is no CA certificate (basicConstraints)',
    ),
    (
        'a request that nobody makes',
        {'certificate-signing-request': pki.request('z.example', key='ecdsa-p256')},
        'CSR was not found in any requirer databags.',
    ),
    ('no request', {'certificate-signing-request': ''}, 'One or more action parameters are'),
    ('junk as request', {'certificate-signing-request': 'junk!'}, 'Action input is not valid.'),
    ('a relation that is not there', {'relation-id': 999}, 'Relation does not exist with the'),
    ('an id that is not there', {'id': '99:abcdef'}, 'no request has an id that begins with'),
    ('an id that is too short', {'id': '1:a'}, 'parameter id: give 4 digits'),
    (
        'a secret that is not there',
        {'secret': 'secret:d6ec2bpgahqc711hdl30'},
        'secret secret:d6ec2bpgahqc711hdl30 is not there, or not granted to manual',
    ),
]


@pytest.fixture
def context() -> testing.Context[ManualTLSCertificatesCharm]:
    return testing.Context(ManualTLSCertificatesCharm)


@pytest.fixture
def relation() -> testing.Relation:
    requests = [{'certificate_signing_request': CSR, 'ca': False}]
    bag = {'certificate_signing_requests': json.dumps(requests)}
    return testing.Relation('certificates', remote_app_name='kafka', remote_units_data={0: bag})


Act = Callable[[str, Params], dict[str, object]]


@pytest.fixture
def waiting(
    context: testing.Context[ManualTLSCertificatesCharm], relation: testing.Relation
) -> testing.State:
    peers = testing.PeerRelation('peers')
    state = testing.State(leader=True, relations={peers, relation})
    return context.run(context.on.relation_changed(relation, remote_unit=0), state)


def published(state: testing.State) -> wire.Answers:
    [relation] = state.get_relations('certificates')
    return wire.read_answers(relation.local_app_data)


@pytest.mark.parametrize(('name', 'params', 'message'), WRONG, ids=[row[0] for row in WRONG])
def test_a_wrong_supply_is_named_and_nothing_is_published(
    name: str,
    params: Params,
    message: str,
    context: testing.Context[ManualTLSCertificatesCharm],
    waiting: testing.State,
):
    given = {'certificate-signing-request': CSR, **GOOD, **params}

    with pytest.raises(testing.ActionFailed) as failure:
        context.run(context.on.action('provide-certificate', params=given), waiting)

    assert message in failure.value.message
    assert 'PRIVATE KEY' not in failure.value.message
    state = cast('testing.State', failure.value.state)
    assert published(state) == wire.Answers()
    [peers] = state.get_relations('peers')
    assert 'BEGIN CERTIFICATE-' not in peers.local_app_data.get(STORE, '')


def test_there_are_enough_kinds_of_mistakes():
    assert len(WRONG) >= 25
    assert len({message for _, _, message in WRONG}) >= 25


@pytest.mark.parametrize(
    'params',
    [
        {},
        {'certificate': b64(LEAF), 'ca-certificate': b64(ROOT.certificate.pem)},
        {'ca-chain': b64(LOWER.certificate.pem + LEAF + LOWEST.certificate.pem)},
        {'ca-chain': ROOT.certificate.pem + CHAIN + CHAIN},
        {'ca-chain': OTHER.certificate.pem + CHAIN},
        {'certificate': LEAF + CHAIN, 'ca-chain': ''},
        {'certificate': 'Subject: kafka\n' + LEAF.replace('\n', '\r\n')},
        {'certificate': sign(names=['a.example', 'b.example', '10.0.0.1'])},
        {'certificate': sign(names=['*.example'])},
    ],
    ids=[
        'in order', 'base64', 'mis-ordered with the leaf', 'with the root and twice',
        'with a stranger', 'all in one', 'other line ends and text around', 'more names',
        'a wildcard that covers',
    ],
)  # fmt: skip
def test_what_is_unambiguous_is_put_in_order(
    params: Params,
    context: testing.Context[ManualTLSCertificatesCharm],
    waiting: testing.State,
):
    given = {'certificate-signing-request': b64(CSR), **GOOD, **params}

    tried = context.run(
        context.on.action('provide-certificate', params={**given, 'dry-run': True}), waiting
    )
    assert published(tried) == wire.Answers()
    state = context.run(context.on.action('provide-certificate', params=given), waiting)

    assert context.action_results == {'result': 'Certificates successfully provided.'}
    [entry] = published(state).entries
    assert entry.csr == CSR
    assert entry.ca.strip() == ROOT.certificate.pem.strip()
    subjects = [x509.parse_certificate(pem).subject for pem in entry.chain[1:]]
    assert subjects == ['CN=lowest', 'CN=lower', 'CN=root']
    again = context.run(context.on.action('provide-certificate', params=given), state)
    assert again.relations == state.relations


def test_a_chain_may_end_at_the_ca_that_is_given(
    context: testing.Context[ManualTLSCertificatesCharm], waiting: testing.State
):
    given = {
        'certificate-signing-request': CSR,
        'certificate': LEAF,
        'ca-certificate': LOWER.certificate.pem,
        'ca-chain': LOWEST.certificate.pem,
    }

    state = context.run(context.on.action('provide-certificate', params=given), waiting)

    [entry] = published(state).entries
    assert entry.ca.strip() == LOWER.certificate.pem.strip()


def test_a_purpose_that_is_no_server_is_a_warning(
    context: testing.Context[ManualTLSCertificatesCharm], waiting: testing.State
):
    purposes = c509.ExtendedKeyUsage([c509.oid.ExtendedKeyUsageOID.CLIENT_AUTH])
    leaf = sign(extensions=[(purposes, False)])
    given = {'certificate-signing-request': CSR, **GOOD, 'certificate': leaf}

    state = context.run(context.on.action('provide-certificate', params=given), waiting)

    assert context.action_results is not None
    assert (
        context.action_results['warnings'] == 'its purposes do not include server authentication'
    )
    assert len(published(state).entries) == 1


def test_a_secret_takes_the_place_of_parameters(
    context: testing.Context[ManualTLSCertificatesCharm], waiting: testing.State
):
    secret = testing.Secret(dict(GOOD))
    state = dataclasses.replace(waiting, secrets={secret})
    given = {'certificate-signing-request': CSR, 'secret': secret.id}

    out = context.run(context.on.action('provide-certificate', params=given), state)

    assert len(published(out).entries) == 1
