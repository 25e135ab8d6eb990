"""What a CA lets be below it is read as `openssl verify` reads it, over a table of chains."""

import datetime
import ipaddress
import pathlib
import subprocess

import pytest
from cryptography import x509 as c509
from cryptography.x509.oid import NameOID

from tls_provider import x509
from tls_provider.testing import pki

START = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
ROOT = pki.Authority.root('constraining root')


def subject(*parts: tuple[c509.ObjectIdentifier, str]) -> c509.Name:
    return c509.Name([c509.NameAttribute(oid, value) for oid, value in parts])


def dns(*names: str) -> list[c509.GeneralName]:
    return [c509.DNSName(name) for name in names]


def ip(*networks: str) -> list[c509.GeneralName]:
    return [c509.IPAddress(ipaddress.ip_network(network)) for network in networks]


def directory(*parts: tuple[c509.ObjectIdentifier, str]) -> list[c509.GeneralName]:
    return [c509.DirectoryName(subject(*parts))]


ORGANISATION = (NameOID.ORGANIZATION_NAME, 'The  Organisation')
CONSTRAINTS: dict[str, tuple[list[c509.GeneralName] | None, list[c509.GeneralName] | None]] = {
    'a domain': (dns('corp.example'), None),
    'a domain in capitals': (dns('Corp.EXAMPLE'), None),
    'below a domain': (dns('.corp.example'), None),
    'two domains': (dns('other.example', 'corp.example'), None),
    'not a domain': (None, dns('corp.example')),
    'not a part of a domain': (dns('corp.example'), dns('a.corp.example')),
    'every domain': (dns(''), None),
    'no domain': (None, dns('')),
    'a network': (ip('10.0.0.0/8'), None),
    'not a network': (None, ip('10.0.0.0/8')),
    'another family': (ip('fd00::/8'), None),
    'no address': (None, ip('0.0.0.0/0', '::/0')),
    'a subject': (directory(ORGANISATION), None),
    'not a subject': (None, directory(ORGANISATION)),
    'a domain, a network and a subject': (
        [*dns('corp.example'), *ip('10.0.0.0/8'), *directory(ORGANISATION)],
        None,
    ),
}
LEAVES: dict[str, tuple[tuple[str, ...], c509.Name]] = {
    'domain': (('corp.example',), subject()),
    'below': (('a.corp.example',), subject()),
    'beside': (('notcorp.example',), subject()),
    'wildcard': (('*.corp.example',), subject()),
    'one within and one beside': (('corp.example', 'b.example'), subject()),
    'address': (('10.1.2.3',), subject()),
    'other address': (('192.168.0.1',), subject()),
    'address of the other family': (('fd00::1',), subject()),
    'common name alone': (('10.1.2.3',), subject((NameOID.COMMON_NAME, 'b.example'))),
    'common name beside': (('corp.example',), subject((NameOID.COMMON_NAME, 'b.example'))),
    'organisation': (
        ('a.corp.example',),
        subject((NameOID.ORGANIZATION_NAME, 'the organisation'), (NameOID.COMMON_NAME, 'x')),
    ),
    'other organisation': (
        ('a.corp.example',),
        subject((NameOID.ORGANIZATION_NAME, 'Another'), (NameOID.COMMON_NAME, 'x')),
    ),
}


def openssl(folder: pathlib.Path, leaf: x509.Certificate, authority: pki.Authority) -> bool:
    texts = {
        'leaf': leaf.pem,
        'chain': ''.join(one.pem for one in authority.chain[:-1]),
        'root': authority.anchor.pem,
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    between = ['-untrusted', 'chain'] if texts['chain'] else []
    done = subprocess.run(
        ['openssl', 'verify', '-CAfile', 'root', *between, 'leaf'],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode == 0


def mismatch(leaf: x509.Certificate, csr: str, authority: pki.Authority) -> str | None:
    now = START + datetime.timedelta(hours=1)
    request = x509.parse_request(csr)
    return x509.mismatch(
        request, leaf, authority.chain, is_ca=leaf.is_ca, now=now, more_names=True
    )


@pytest.mark.parametrize('name', CONSTRAINTS)
def test_names_are_allowed_where_openssl_allows_them(name: str, tmp_path: pathlib.Path):
    extension = (c509.NameConstraints(*CONSTRAINTS[name]), True)
    between = ROOT.intermediate('constrained', path_length=1, extensions=[extension])
    root = pki.Authority.root('constrained root', extensions=[extension])
    lowest = between.intermediate('below')
    judged: dict[tuple[str, str], tuple[bool, bool]] = {}
    for authority in (between, root, lowest):
        for kind, (names, subject_) in LEAVES.items():
            csr = pki.request(*names, subject=subject_)
            leaf = authority.sign(x509.parse_request(csr), start=START)
            problem = mismatch(leaf, csr, authority)
            assert problem is None or problem.endswith(' (name constraints)')
            row = f'{authority.certificate.subject} {kind}'
            judged[name, row] = problem is None, openssl(tmp_path, leaf, authority)

    assert {key: ours for key, (ours, _) in judged.items()} == {
        key: theirs for key, (_, theirs) in judged.items()
    }


@pytest.mark.parametrize(
    ('lengths', 'is_ca'),
    [
        ((None,), False), ((0,), False), ((0,), True), ((None, 0), False), ((0, None), False),
        ((1, 0), False), ((1, 0), True), ((1, 0, None), False), ((0, 0), False),
        ((2, 1, 0), False), ((2, 0, 0), False), ((1, 1, 0), True),
    ],
)  # fmt: skip
def test_chains_are_as_long_as_openssl_lets_them_be(
    lengths: tuple[int | None, ...], is_ca: bool, tmp_path: pathlib.Path
):
    authority = ROOT
    for number, length in enumerate(lengths):
        authority = authority.intermediate(f'number {number}', path_length=length)
    key = 'ecdsa-p256/last'
    csr = pki.request('a.example', common_name='last', key=key)
    leaf = authority.sign(x509.parse_request(csr), start=START, is_ca=is_ca)

    problem = mismatch(leaf, csr, authority)

    if is_ca:  # it is of use if certificates below it are
        authority = pki.Authority(pki.private_key(key), leaf, authority)
        leaf = authority.sign(x509.parse_request(pki.request('b.example')), start=START)
    assert (problem is None) == openssl(tmp_path, leaf, authority)
    assert problem is None or ' (path length), and there are ' in problem


@pytest.mark.parametrize('place', ['leaf', 'authority'])
@pytest.mark.parametrize('critical', [True, False])
def test_critical_extensions_that_nobody_knows_are_refused(
    place: str, critical: bool, tmp_path: pathlib.Path
):
    unknown = c509.UnrecognizedExtension(c509.ObjectIdentifier('1.2.3.4'), b'\x05\x00')
    own, upper = ([(unknown, critical)], []) if place == 'leaf' else ([], [(unknown, critical)])
    authority = ROOT.intermediate('extended', extensions=upper)
    csr = pki.request('a.example')
    leaf = authority.sign(x509.parse_request(csr), start=START, extensions=own)

    problem = mismatch(leaf, csr, authority)

    assert (problem is None) == openssl(tmp_path, leaf, authority) == (not critical)
    assert problem is None or 'has a critical extension that nobody knows (1.2.3.4)' in problem


def test_an_authority_that_renews_its_own_key_does_not_count(tmp_path: pathlib.Path):
    upper = ROOT.intermediate('same', path_length=0)
    key = 'ecdsa-p256/next of same'
    csr = pki.request(common_name='same', key=key)
    certificate = upper.sign(x509.parse_request(csr), start=START, is_ca=True)
    lower = pki.Authority(pki.private_key(key), certificate, upper)
    text = pki.request('a.example')
    leaf = lower.sign(x509.parse_request(text), start=START)

    assert openssl(tmp_path, leaf, lower)
    assert mismatch(leaf, text, lower) is None


@pytest.mark.parametrize(
    'name',
    [
        c509.RFC822Name('me@corp.example'),
        c509.UniformResourceIdentifier('https://corp.example/'),
        c509.RegisteredID(c509.ObjectIdentifier('1.2.3')),
    ],
    ids=['e-mail', 'URI', 'registered ID'],
)
def test_a_name_of_a_kind_that_is_constrained_in_unknown_ways_is_refused(name: c509.GeneralName):
    extension = (c509.NameConstraints([name], None), True)
    authority = ROOT.intermediate('unknown', extensions=[extension])
    other, own = pki.request('a.example'), pki.request('a.example', name)

    accepted = mismatch(authority.sign(x509.parse_request(other), start=START), other, authority)
    refused = mismatch(authority.sign(x509.parse_request(own), start=START), own, authority)

    assert accepted is None
    assert refused is not None
    assert refused.startswith('"CN=unknown" may not certify ')
    assert refused.endswith(f' as {type(name).__name__} (name constraints)')


def test_a_mail_address_of_the_subject_is_a_name_too():
    extension = (c509.NameConstraints([c509.RFC822Name('corp.example')], None), True)
    authority = ROOT.intermediate('mail', extensions=[extension])
    csr = pki.request('a.example', subject=subject((NameOID.EMAIL_ADDRESS, 'me@b.example')))

    problem = mismatch(authority.sign(x509.parse_request(csr), start=START), csr, authority)

    assert problem == '"CN=mail" may not certify me@b.example as RFC822Name (name constraints)'


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('', []),
        ('junk', []),
        ('# one\n-----BEGIN A-----\nQUE=\n-----END A-----\nafter', [('A', b'AA')]),
        ('-----BEGIN A-----QUE=-----END A----------BEGIN B B-----QUE=-----END B B-----',
         [('A', b'AA'), ('B B', b'AA')]),
    ],
)  # fmt: skip
def test_blocks_are_found(text: str, expected: list[tuple[str, bytes]]):
    assert [(one.label, one.der) for one in x509.blocks(text)] == expected


@pytest.mark.parametrize(
    'text',
    [
        '-----BEGIN A-----\nQUE=\n',
        '-----BEGIN A-----\nQUE=\n-----END B-----',
        '-----BEGIN A-----\nQUE=\n-----BEGIN A-----\nQUE=\n-----END A-----',
        'QUE=\n-----END A-----\n-----BEGIN A-----\nQUE=\n-----END A-----',
        '-----BEGIN A-----\nQUE=\n-----END A-----\nQUE=\n-----END A-----',
        '-----BEGIN A-----\nQUE=\n-----END A-----\n-----BEGIN',
    ],
)
def test_a_block_that_is_cut_off_is_malformed(text: str):
    with pytest.raises(x509.Malformed, match='a PEM block is cut off'):
        x509.blocks(text)


@pytest.mark.parametrize('key', ['rsa-2048', 'ecdsa-p256', 'ed25519'])
def test_private_keys_are_seen(key: str):
    pem = pki.private_key_pem(key)
    body = ''.join(pem.splitlines()[1:-1])

    found = [x509.holds_private_key(text) for text in (pem, f'x {pem.lower()}', body)]

    assert found == [True] * 3
    assert not x509.holds_private_key(pki.request('a.example', key=key))
    assert not x509.holds_private_key(ROOT.certificate.pem)
    assert not x509.holds_private_key('X509v3 Private Key Usage Period:\n' + ROOT.certificate.pem)
    csr = pki.request('a.example', key=key)
    assert not x509.holds_private_key(''.join(csr.splitlines()[1:-1]))


def test_what_is_encoded_is_read_again():
    assert x509.encoded(ROOT.certificate.der, 'CERTIFICATE') == ROOT.certificate.pem


def test_a_refused_algorithm_is_named(tmp_path: pathlib.Path):
    """`cryptography` does not sign with SHA-1, so that openssl does."""
    subprocess.run(
        ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'key',
         '-out', 'root', '-subj', '/CN=old', '-days', '9', '-sha1'],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    old = x509.parse_certificate((tmp_path / 'root').read_text())
    leaf = ROOT.sign(x509.parse_request(pki.request('a.example')), start=START)

    assert not x509.signed_by(old, old)
    assert x509.refused_signature(old, old) == 'sha1'
    assert x509.refused_signature(leaf, ROOT.certificate) == ''
    assert x509.refused_signature(leaf, old) == ''
    stranger = pki.Authority.root('constraining root', key='rsa-2048').certificate
    assert x509.refused_signature(leaf, stranger) == ''


@pytest.mark.parametrize(('name', 'same'), [('one', True), ('two', False)])
def test_subjects_are_compared(name: str, same: bool):
    request = x509.parse_request(pki.request(common_name='one', key='ecdsa-p256'))
    other = x509.parse_request(pki.request(common_name=name, key='ecdsa-p256'))

    certificate = ROOT.sign(other, start=START, is_ca=True)

    assert x509.same_subject(certificate, request) == same


def test_an_authority_without_limits_is_usable():
    below = ROOT.intermediate('plain')

    assert x509.unusable_authority(below.chain, []) is None


@pytest.mark.parametrize(
    ('extension', 'hosts', 'complaint'),
    [
        (c509.NameConstraints(dns('corp.example'), None), ['a.corp.example'], None),
        (c509.NameConstraints(dns('corp.example'), None), ['b.example'], 'may not certify b.ex'),
        (c509.NameConstraints(dns('corp.example'), None), [], 'may certify corp.example only'),
        (c509.NameConstraints(None, dns('corp.example')), [], None),
        (c509.ExtendedKeyUsage([c509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]), [], None),
        (c509.ExtendedKeyUsage([c509.oid.ExtendedKeyUsageOID.CODE_SIGNING]), [], 'is not for'),
        (c509.UnrecognizedExtension(c509.ObjectIdentifier('1.2.3.4'), b'\x05\x00'), [], '1.2.3.4'),
    ],
    ids=str,
)
def test_what_an_authority_cannot_certify_is_told(
    extension: c509.ExtensionType, hosts: list[str], complaint: str | None
):
    below = ROOT.intermediate('limited', extensions=[(extension, True)])

    found = x509.unusable_authority(below.chain, hosts)

    assert (complaint or '') in (found or '')
    assert (found is None) is (complaint is None)
