"""Requests and chains that somebody got wrong: who suffers from them, and what is said."""

from __future__ import annotations

import datetime
import ipaddress

import pytest
from conftest import CSR, ROOT, Bed, answer, asked, now, relate, sign
from cryptography import x509 as c509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from ops import testing

from errors import Kind, Place, classify
from tls_provider import x509
from tls_provider.testing import pki

HOST = c509.DNSName('a.example.test')
COMMON_NAME, EMAIL = NameOID.COMMON_NAME, NameOID.EMAIL_ADDRESS


def request(*names: c509.GeneralName, **subject: str) -> str:
    """Of a key that nobody keeps."""
    oids = {'cn': COMMON_NAME, 'email': EMAIL}
    parts = [c509.NameAttribute(oids[key], value) for key, value in subject.items()]
    builder = c509.CertificateSigningRequestBuilder().subject_name(c509.Name(parts))
    if names:
        builder = builder.add_extension(c509.SubjectAlternativeName(names), critical=False)
    made = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


BAD = {
    'mapped': (request(HOST, c509.IPAddress(ipaddress.ip_address('::ffff:1.2.3.4'))), 101),
    'dot': (request(cn='a.example.test.'), 102),
    'mail': (request(cn='bob@example.test'), 102),
    'unreadable': (request(HOST, email='b\u00fccher@example.test'), 999),
}


@pytest.mark.parametrize('kind', BAD)
def test_a_bad_request_hurts_nobody_else(rooted: Bed, kind: str):
    bad, code = BAD[kind]
    good = [pki.request(f'{number}.example.test') for number in range(3)]

    relation = rooted.ask(bad, *good)

    answers = rooted.answers(relation)
    assert [one.code for one in answers.refusals] == [code]
    assert len(answers.entries) == 3
    assert rooted.status[0] == 'active'
    listed = f'{rooted.mount}/certs'
    before = rooted.bao.call('LIST', listed)['data']['keys']
    rooted.later()
    rooted.run()
    assert rooted.bao.call('LIST', listed)['data']['keys'] == before


@pytest.mark.parametrize(
    ('options', 'csr', 'code'),
    [
        ({'allow_ip_sans': False}, pki.request('a.example.test', common_name='10.9.9.9'), 101),
        (
            {'allow_wildcard_certificates': False},
            pki.request('a.example.test', common_name='*.example.test'),
            103,
        ),
        (
            {'allowed_domains': 'example.test', 'allow_bare_domains': False},
            pki.request('a.example.test', common_name='example.test'),
            102,
        ),
    ],
)
def test_a_common_name_is_judged_as_what_it_looks_like(
    rooted: Bed, options: dict[str, str | bool], csr: str, code: int
):
    rooted.configure(**options)

    assert rooted.refusal(rooted.ask(csr)).code == code


def test_a_role_that_somebody_has_changed_is_restored_in_the_same_hook(rooted: Bed):
    role = {'allowed_domains': ['nowhere.test'], 'allow_any_name': False}
    rooted.bao.call('POST', f'{rooted.mount}/roles/charm-ecdsa', role)

    assert rooted.entry(rooted.ask(CSR))


PATH_LENGTH = (c509.BasicConstraints(ca=True, path_length=0), True)
ELSEWHERE = (c509.NameConstraints([c509.DNSName('other.test')], None), True)
CODE = (c509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False)
UNKNOWN = (c509.UnrecognizedExtension(c509.ObjectIdentifier('1.2.3.4.5'), b'\x05\x00'), True)


@pytest.mark.parametrize(
    ('of_root', 'of_ca', 'complaint'),
    [
        ([PATH_LENGTH], [], 'allows 0 CAs between it and the certificate'),
        ([], [ELSEWHERE], 'may not certify example.test'),
        ([], [CODE], 'is not for servers and clients'),
        ([], [UNKNOWN], 'has a critical extension that nobody knows (1.2.3.4.5)'),
    ],
)
def test_a_ca_whose_certificates_would_not_verify_is_not_put_in_force(
    bed: Bed,
    of_root: list[tuple[c509.ExtensionType, bool]],
    of_ca: list[tuple[c509.ExtensionType, bool]],
    complaint: str,
):
    bed.configure(allowed_domains='example.test')
    parent = relate(bed)
    bed.authorize()
    [csr] = asked(bed, parent)
    answer(bed, parent, csr, sign(csr), ROOT.certificate.pem)
    before = bed.authority['current']
    above = pki.Authority.root('the root with limits', extensions=of_root)
    wrong = above.sign(
        x509.parse_request(csr),
        is_ca=True,
        start=now() - datetime.timedelta(minutes=5),
        life=datetime.timedelta(days=365),
        extensions=of_ca,
    )

    answer(bed, parent, csr, wrong, above.certificate.pem)

    assert bed.status[0] == 'blocked'
    assert bed.status[1].startswith('the CA certificate cannot be used: "CN=')
    assert complaint in bed.status[1]
    assert bed.authority['current'] == before
    assert bed.entry(bed.ask(CSR))


@pytest.mark.parametrize('key', ['certificates', 'request_errors', 'capabilities'])
@pytest.mark.parametrize('text', ['[' * 100000, '[' + '9' * 5000 + ']'], ids=['deep', 'long'])
def test_what_no_reader_can_read_breaks_no_hook(bed: Bed, key: str, text: str):
    parent = relate(bed)
    bed.authorize()
    [csr] = asked(bed, parent)
    answer(bed, parent, csr, sign(csr), ROOT.certificate.pem)
    bed.ask(CSR)
    bed.write(parent, remote_app_data={key: text})

    bed.run()
    bed.configure(ca_common_name='Z')

    assert 'above sent what cannot be read' in bed.status[1]
    bed.write(parent, remote_app_data={})
    bed.run()
    assert asked(bed, parent) != [csr]


def test_a_request_for_renewal_is_made_on_demand_only(bed: Bed):
    bed.authorize()
    csr = bed.act('get-ca-csr')['csr']
    signed = sign(csr).pem
    bed.act('provide-ca-certificate', certificate=signed, ca_certificate=ROOT.certificate.pem)

    with pytest.raises(testing.ActionFailed, match=r'nothing is to be signed: .* valid until'):
        bed.act('get-ca-csr')

    assert not bed.authority['asked']
    another = bed.act('get-ca-csr', renew=True)['csr']
    assert another != csr
    assert bed.act('get-ca-csr')['csr'] == another


def test_a_request_that_the_parent_has_is_not_shown(bed: Bed):
    parent = relate(bed)
    bed.authorize()
    before = asked(bed, parent)

    with pytest.raises(testing.ActionFailed, match='endpoint parent is integrated'):
        bed.act('get-ca-csr')

    bed.run()
    assert asked(bed, parent) == before


@pytest.mark.parametrize('identifier', ['', ' '])
def test_an_empty_parameter_is_told(bed: Bed, identifier: str):
    with pytest.raises(testing.ActionFailed, match='parameter secret-id: is empty'):
        bed.act('authorize', secret_id=identifier)


def test_a_root_starts_as_early_as_its_certificates(rooted: Bed):
    entry = rooted.entry(rooted.ask(CSR))

    leaf, root = map(x509.parse_certificate, entry.chain)

    assert root.not_before <= leaf.not_before


def test_a_mount_that_allows_little_is_told_to_allow_more(bed: Bed):
    bed.bao.call('POST', f'sys/mounts/{bed.mount}', {'type': 'pki'})
    bed.configure(ca_type='root', root_ca_validity='7300d')

    bed.authorize()

    [_, root] = map(x509.parse_certificate, bed.entry(bed.ask(CSR)).chain)
    assert root.not_after - root.not_before >= datetime.timedelta(days=7299)


def test_what_was_revoked_is_listed_by_one_call(rooted: Bed, caplog: pytest.LogCaptureFixture):
    rooted.configure(revoke_on_removal=True)
    relation = rooted.ask(*(pki.request(f'{number}.example.test') for number in range(5)))
    caplog.clear()

    rooted.write(relation, remote_units_data={0: {}})
    rooted.changed(relation)

    assert len([one for one in caplog.messages if '/crl/rotate' in one]) == 1
    assert not rooted.authority['lists_due']


def denied(bed: Bed, path: str) -> None:
    """Take a path out of the policy."""
    place = f'sys/policies/acl/{bed.policy}'
    lines = bed.bao.call('GET', place)['data']['policy'].splitlines()
    left = '\n'.join(line for line in lines if f'/{path}"' not in line)
    bed.bao.call('POST', place, {'policy': left})


def test_a_revocation_that_is_denied_stays_in_the_status(rooted: Bed):
    rooted.configure(revoke_on_removal=True)
    relation = rooted.ask(CSR)
    rooted.ask(pki.request('b.example.test'), app='b')
    denied(rooted, 'revoke')

    rooted.write(relation, remote_units_data={0: {}})
    rooted.changed(relation)

    first = rooted.status
    assert f'1 to revoke: denied {rooted.mount}/revoke' in first[1]
    rooted.run()
    assert rooted.status == first


def test_a_setting_that_is_denied_stops_no_renewal(rooted: Bed):
    relation = rooted.ask(CSR)
    before = rooted.entry(relation)
    denied(rooted, 'config/crl')
    current = {**rooted.authority['current'], 'not_before': 0}
    current['not_after'] = int(now().timestamp()) + 60

    rooted.replace_state(checked_at=0, current=current)
    rooted.run()

    assert rooted.entry(relation).ca != before.ca
    assert rooted.status[1].startswith(f'denied {rooted.mount}/config/crl: add path')


@pytest.mark.parametrize(
    ('status', 'text', 'kind'),
    [
        (403, 'permission denied', Kind.TOKEN),
        (403, '2 errors occurred: * permission denied * invalid token', Kind.TOKEN),
        (403, '1 error occurred: * permission denied', Kind.WRONG),
        (502, '<meta name="csrf-token">', Kind.DOWN),
        (500, 'common name x not allowed by this role', Kind.DOWN),
        (500, 'no default issuer currently configured', Kind.NO_ISSUER),
        (400, 'idna: disallowed rune', Kind.UNKNOWN),
    ],
)
def test_the_status_counts_before_the_text(status: int, text: str, kind: Kind):
    place = Place('Vault at h', 'm', 'r', 'p', lambda path: f'denied {path}')

    assert classify(status, text, place).kind is kind
