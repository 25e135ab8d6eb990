"""The way from a certificate to a root is found among CA certificates in any order."""

import datetime
import itertools
import pathlib
import subprocess

import pytest
from cryptography import x509 as c509
from cryptography.hazmat.primitives import hashes, serialization

import supply
from chain import LONGEST, NoChain, Pool
from tls_provider import x509
from tls_provider.testing import pki

DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.timezone.utc)
A, B = pki.Authority.root('root a'), pki.Authority.root('root b')
CSR = pki.request('a.example')


def ca(
    subject: str,
    issuer: str,
    signer: str,
    *,
    days: int = 300,
    start: datetime.datetime = NOW - DAY,
    key: str = 'p256/crossed',
) -> x509.Certificate:
    """A CA certificate for a key, under another name and key."""
    names = [
        c509.Name([c509.NameAttribute(c509.NameOID.COMMON_NAME, one)]) for one in (subject, issuer)
    ]
    builder = c509.CertificateBuilder(
        issuer_name=names[1],
        subject_name=names[0],
        public_key=pki.private_key(key).public_key(),
        serial_number=c509.random_serial_number(),
        not_valid_before=start,
        not_valid_after=start + days * DAY,
    ).add_extension(c509.BasicConstraints(ca=True, path_length=None), critical=True)
    signed = builder.sign(pki.private_key(signer), hashes.SHA256())
    return x509.parse_certificate(signed.public_bytes(serialization.Encoding.PEM).decode())


KEY_A, KEY_B = 'ecdsa-p256/authority root a', 'ecdsa-p256/authority root b'
BY_A = ca('crossed', 'root a', KEY_A, days=900)
BY_B = ca('crossed', 'root b', KEY_B)


def leaf(issuer: str = 'crossed', key: str = 'p256/crossed') -> x509.Certificate:
    builder = c509.CertificateBuilder(
        issuer_name=c509.Name([c509.NameAttribute(c509.NameOID.COMMON_NAME, issuer)]),
        subject_name=c509.Name([]),
        public_key=pki.private_key('ecdsa-p256').public_key(),
        serial_number=7,
        not_valid_before=NOW - DAY,
        not_valid_after=NOW + 90 * DAY,
    ).add_extension(c509.SubjectAlternativeName([c509.DNSName('a.example')]), critical=True)
    signed = builder.sign(pki.private_key(key), hashes.SHA256())
    return x509.parse_certificate(signed.public_bytes(serialization.Encoding.PEM).decode())


def built(
    certificate: x509.Certificate,
    *pool: x509.Certificate,
    anchors: tuple[x509.Certificate, ...] = (),
    through: x509.Certificate | None = None,
) -> list[str]:
    """Issuers of the chain, each by the name of its own issuer."""
    now = datetime.datetime.now(datetime.timezone.utc)
    checked = supply.check(
        x509.parse_request(CSR),
        [certificate],
        Pool(pool, anchors, now),
        is_ca=False,
        now=now,
        through=through,
    )
    return [one.issuer for one in checked.chain]


@pytest.mark.parametrize(
    'pool', list(itertools.permutations([BY_A, BY_B, B.certificate])), ids=range(6)
)
def test_of_two_ways_the_one_that_ends_is_taken(pool: tuple[x509.Certificate, ...]):
    assert built(leaf(), *pool) == ['CN=root b', 'CN=root b']


def test_a_way_that_is_not_open_yet_is_not_taken():
    future = ca('crossed', 'root a', KEY_A, days=900, start=NOW + DAY)

    assert built(leaf(), future, BY_B, A.certificate, B.certificate) == ['CN=root b'] * 2


@pytest.mark.parametrize('root', [A, B])
def test_of_two_ways_the_one_through_the_ca_that_is_given_is_taken(root: pki.Authority):
    pool = [BY_A, BY_B, A.certificate, B.certificate]

    found = built(leaf(), *pool, through=root.certificate)

    assert found == [root.certificate.subject] * 2


def test_of_a_root_and_the_same_root_renewed_the_one_that_is_given_is_taken():
    key = 'p256/renewed root'
    old, new = (ca('rr', 'rr', key, key=key, days=days) for days in (300, 900))
    certificate = leaf('rr', key)

    for root in (old, new):
        checked = supply.check(
            x509.parse_request(CSR), [certificate], Pool([], [old, new], NOW),
            is_ca=False, now=NOW, through=root,
        )  # fmt: skip
        assert checked.chain == (root,)


def test_a_root_that_an_older_one_has_signed_too_is_an_end():
    key = 'p256/young root'
    young = ca('young', 'young', key, key=key, days=300)
    crossed = ca('young', 'root a', KEY_A, key=key, days=2000)

    assert built(leaf('young', key), crossed, young) == ['CN=young']


def test_a_way_that_a_ca_does_not_allow_is_not_taken():
    narrow = A.intermediate('narrow', path_length=0)
    wide = A.intermediate('narrow', path_length=1)
    lowest = narrow.intermediate('lowest')
    certificate = lowest.sign(x509.parse_request(CSR), start=NOW - DAY)
    pool = [narrow.certificate, lowest.certificate, A.certificate]

    with pytest.raises(supply.Wrong, match=r'"CN=narrow" allows 0 CAs .* \(path length\)'):
        built(certificate, *pool)
    assert len(built(certificate, wide.certificate, *pool)) == 3


def test_the_problem_of_the_way_that_came_farthest_is_told():
    ended = ca('crossed', 'root a', KEY_A, days=30, start=NOW - 60 * DAY)
    upper = ca('upper', 'nobody', 'p256/nobody', key='p256/upper')
    between = ca('crossed', 'upper', 'p256/upper')

    with pytest.raises(supply.Wrong) as caught:
        built(leaf(), ended, upper, between, A.certificate)

    assert str(caught.value) == 'the issuer "CN=nobody" of "CN=upper" is missing'


def test_it_goes_on_to_a_root_where_it_can_and_ends_at_an_anchor_else():
    assert built(leaf(), anchors=(BY_A,)) == ['CN=root a']
    assert built(leaf(), A.certificate, anchors=(BY_A,)) == ['CN=root a'] * 2


def test_cas_that_sign_one_another_do_not_hold_anybody_up():
    names = [f'mesh {number}' for number in range(12)]
    mesh = [
        ca(one, other, f'p256/{other}', key=f'p256/{one}')
        for one in names
        for other in names
        if one != other
    ]

    with pytest.raises(supply.Wrong):
        built(leaf('mesh 0', 'p256/mesh 0'), *mesh)


def test_a_chain_has_an_end():
    authority = A
    for number in range(LONGEST + 1):
        authority = authority.intermediate(f'step {number}', path_length=None)
    certificate = authority.sign(x509.parse_request(CSR), start=NOW - DAY)

    with pytest.raises(NoChain, match='too many CA certificates'):
        Pool(authority.chain, (), NOW).chain(certificate, lambda _: None)


def test_signatures_are_looked_at_where_the_names_fit_only(monkeypatch: pytest.MonkeyPatch):
    """The count of what is costly, which no outcome shows; the call itself goes through."""
    seen: list[str] = []
    verify = x509.signed_by

    def counting(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
        seen.append(issuer.subject)
        return verify(certificate, issuer)

    strangers = [pki.Authority.root(f'stranger {number}').certificate for number in range(50)]
    monkeypatch.setattr(x509, 'signed_by', counting)

    Pool([*strangers, BY_B, B.certificate], (), NOW).chain(leaf(), lambda _: None)

    assert set(seen) == {'CN=crossed', 'CN=root b'}


class TestAlgorithms:
    """`cryptography` does not sign with SHA-1, so that openssl does."""

    @staticmethod
    def sign(folder: pathlib.Path, root: str, of_leaf: str) -> list[x509.Certificate]:
        (folder / 'csr').write_text(CSR)
        (folder / 'names').write_text('subjectAltName=critical,DNS:a.example\n')
        for arguments in (
            ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'key', '-out', 'root',
             '-subj', '/CN=old', '-days', '9', f'-{root}', '-addext', 'keyUsage=keyCertSign'],
            ['x509', '-req', '-in', 'csr', '-CA', 'root', '-CAkey', 'key', f'-{of_leaf}',
             '-days', '9', '-extfile', 'names', '-out', 'leaf'],
        ):  # fmt: skip
            subprocess.run(['openssl', *arguments], cwd=folder, check=True, capture_output=True)
        return [x509.parse_certificate((folder / one).read_text()) for one in ('leaf', 'root')]

    def test_that_of_a_root_is_nobodys_concern(self, tmp_path: pathlib.Path):
        certificate, root = self.sign(tmp_path, 'sha1', 'sha256')

        assert built(certificate, root) == ['CN=old']

    def test_that_of_a_certificate_is_named(self, tmp_path: pathlib.Path):
        certificate, root = self.sign(tmp_path, 'sha256', 'sha1')

        with pytest.raises(supply.Wrong) as caught:
            built(certificate, root)

        assert str(caught.value) == (
            'the signature of "the certificate" is with sha1, which is not accepted'
        )


class TestTexts:
    def test_what_openssl_adds_of_its_own_is_left_out(self, tmp_path: pathlib.Path):
        (tmp_path / 'in').write_text(A.certificate.pem)
        text = subprocess.run(
            ['openssl', 'x509', '-in', 'in', '-trustout', '-addtrust', 'serverAuth'],
            cwd=tmp_path, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip

        assert 'TRUSTED' in text
        assert supply.certificates(text, 'x') == (A.certificate,)

    @pytest.mark.parametrize('body', ['', 'MA==', 'MIIB', '====', 'AAAAAAAA'])
    def test_a_trusted_one_that_is_damaged_is_named(self, body: str):
        text = f'-----BEGIN TRUSTED CERTIFICATE-----\n{body}\n-----END TRUSTED CERTIFICATE-----'

        with pytest.raises(supply.Wrong, match='x: certificate 1 of 1 is damaged'):
            supply.certificates(text, 'x')

    def test_beginnings_without_ends_are_read_once(self):
        """Once for each of them would take minutes."""
        text = '-----BEGIN CERTIFICATE-----\n' * 140_000

        with pytest.raises(supply.Wrong, match='x: a certificate is cut off'):
            supply.certificates(text, 'x')
