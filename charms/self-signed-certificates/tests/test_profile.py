"""Certificates follow the profile of RFC 5280: linters and verifiers accept them."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Callable

import pytest
from cryptography import x509 as c509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

import certificate_profile
from certificate_profile import Signer
from tls_provider import x509
from tls_provider.issuer import Request
from tls_provider.ledger import Revoked

Make = Callable[..., str]
Lint = Callable[[bytes], set[str]]

NOW = datetime.datetime(2026, 3, 1, 12, 0, 0, 999_999, tzinfo=datetime.timezone.utc)
WHOLE = NOW.replace(microsecond=0)
SECOND = datetime.timedelta(seconds=1)
MINUTE = datetime.timedelta(minutes=1)
DAY = datetime.timedelta(days=1)
SUBJECT = [('2.5.4.3', 'The CA')]
PURPOSES = ('server-auth', 'client-auth')


@pytest.fixture(scope='module')
def signer() -> Signer:
    return Signer.load(*certificate_profile.make_root(SUBJECT, 'ecdsa-p256', 365 * DAY, NOW))


def _sign(
    signer: Signer,
    text: str,
    validity: datetime.timedelta = 90 * DAY,
    is_ca: bool = False,
    now: datetime.datetime = NOW,
) -> c509.Certificate:
    request = Request(x509.parse_request(text), is_ca, 'kafka/0')
    return c509.load_pem_x509_certificate(signer.sign(request, validity, now, PURPOSES).encode())


def _extensions(certificate: c509.Certificate) -> dict[str, bool]:
    return {type(one.value).__name__: one.critical for one in certificate.extensions}


def _usage(certificate: c509.Certificate) -> set[str]:
    usage = certificate.extensions.get_extension_for_class(c509.KeyUsage).value
    named = {
        'digital_signature': usage.digital_signature,
        'content_commitment': usage.content_commitment,
        'key_encipherment': usage.key_encipherment,
        'data_encipherment': usage.data_encipherment,
        'key_agreement': usage.key_agreement,
        'key_cert_sign': usage.key_cert_sign,
        'crl_sign': usage.crl_sign,
    }
    return {name for name, has in named.items() if has}


def _skid(certificate: c509.Certificate) -> bytes:
    return certificate.extensions.get_extension_for_class(c509.SubjectKeyIdentifier).value.digest


def _constraints(certificate: c509.Certificate) -> c509.BasicConstraints:
    return certificate.extensions.get_extension_for_class(c509.BasicConstraints).value


def _assert_signed_by(certificate: c509.Certificate, issuer: c509.Certificate) -> None:
    certificate.verify_directly_issued_by(issuer)
    found = certificate.extensions.get_extension_for_class(c509.AuthorityKeyIdentifier).value
    assert found == c509.AuthorityKeyIdentifier(_skid(issuer), None, None)


def _assert_verified(
    certificate: c509.Certificate, signer: Signer, subject: c509.DNSName | c509.IPAddress
) -> None:
    store = verification.Store([signer.certificate])
    builder = verification.PolicyBuilder().store(store).time(NOW)
    builder.build_server_verifier(subject).verify(certificate, [])
    builder.build_client_verifier().verify(certificate, [])


class TestRoot:
    def test_its_extensions_are_those_of_a_root(self, signer: Signer):
        root = signer.certificate

        assert _extensions(root) == {
            'SubjectKeyIdentifier': False,
            'AuthorityKeyIdentifier': False,
            'BasicConstraints': True,
            'KeyUsage': True,
        }
        assert _constraints(root) == c509.BasicConstraints(ca=True, path_length=None)
        assert _usage(root) == {'key_cert_sign', 'crl_sign'}

    def test_it_is_signed_by_itself(self, signer: Signer):
        assert signer.certificate.subject == signer.certificate.issuer
        assert signer.certificate.subject.rfc4514_string() == 'CN=The CA'
        _assert_signed_by(signer.certificate, signer.certificate)

    def test_its_life_is_back_dated_and_inclusive(self, signer: Signer):
        root = signer.certificate

        assert root.not_valid_before_utc == WHOLE - 5 * MINUTE
        assert root.not_valid_after_utc - root.not_valid_before_utc == 365 * DAY - SECOND

    def test_its_key_is_new_each_time_and_on_p256(self, signer: Signer):
        other = Signer.load(*certificate_profile.make_root(SUBJECT, 'ecdsa-p256', 365 * DAY, NOW))

        assert isinstance(signer.key, ec.EllipticCurvePrivateKey)
        assert signer.key.curve.name == 'secp256r1'
        assert _skid(signer.certificate) != _skid(other.certificate)
        assert signer.certificate.serial_number.bit_length() > 120

    def test_the_linter_finds_nothing(self, signer: Signer, lint: Lint):
        assert lint(_der(signer.certificate)) == set()

    @pytest.mark.parametrize('name', ['a' * 64, 'ä' * 32, 'My CA, Ltd.'])
    def test_every_common_name_that_the_options_allow_is_signed(self, name: str, lint: Lint):
        key, text = certificate_profile.make_root(
            [('2.5.4.3', name)], 'ecdsa-p256', 365 * DAY, NOW
        )

        signer = Signer.load(key, text)
        assert signer.has_subject([('2.5.4.3', name)])
        assert signer.lives(365 * DAY)
        assert not signer.lives(364 * DAY)
        assert lint(_der(c509.load_pem_x509_certificate(text.encode()))) == set()


class TestLeaf:
    @pytest.mark.parametrize(
        ('key', 'usage'),
        [
            ('p256', {'digital_signature'}),
            ('p384', {'digital_signature'}),
            ('rsa', {'digital_signature', 'key_encipherment'}),
        ],
    )
    def test_its_extensions_are_those_of_a_leaf(
        self, key: str, usage: set[str], signer: Signer, make_request: Make, lint: Lint
    ):
        leaf = _sign(signer, make_request('a.example', '10.0.0.1', common_name='a', key=key))

        assert _extensions(leaf) == {
            'SubjectKeyIdentifier': False,
            'AuthorityKeyIdentifier': False,
            'BasicConstraints': True,
            'KeyUsage': True,
            'ExtendedKeyUsage': False,
            'SubjectAlternativeName': False,
        }
        assert _constraints(leaf) == c509.BasicConstraints(ca=False, path_length=None)
        assert _usage(leaf) == usage
        assert list(leaf.extensions.get_extension_for_class(c509.ExtendedKeyUsage).value) == [
            ExtendedKeyUsageOID.SERVER_AUTH,
            ExtendedKeyUsageOID.CLIENT_AUTH,
        ]
        assert lint(_der(leaf)) == set()

    @pytest.mark.parametrize('key', ['p256', 'p384', 'rsa'])
    def test_a_verifier_accepts_it_by_dns_and_ip_name(
        self, key: str, signer: Signer, make_request: Make
    ):
        leaf = _sign(signer, make_request('a.example', '10.0.0.1', '::1', key=key))

        _assert_verified(leaf, signer, c509.DNSName('a.example'))
        _assert_verified(leaf, signer, c509.IPAddress(ipaddress.ip_address('10.0.0.1')))
        _assert_verified(leaf, signer, c509.IPAddress(ipaddress.ip_address('::1')))
        with pytest.raises(verification.VerificationError):
            _assert_verified(leaf, signer, c509.DNSName('b.example'))

    @pytest.mark.parametrize(('common_name', 'critical'), [('', True), ('a', False)])
    def test_its_names_are_critical_exactly_without_a_subject(
        self, common_name: str, critical: bool, signer: Signer, make_request: Make, lint: Lint
    ):
        leaf = _sign(signer, make_request('a.example', common_name=common_name))

        assert _extensions(leaf)['SubjectAlternativeName'] is critical
        assert lint(_der(leaf)) == set()

    def test_a_common_name_that_is_a_host_becomes_its_name(
        self, signer: Signer, make_request: Make
    ):
        leaf = _sign(signer, make_request(common_name='a.example'))

        _assert_verified(leaf, signer, c509.DNSName('a.example'))

    def test_a_client_identity_that_is_no_host_has_no_names(
        self, signer: Signer, make_request: Make
    ):
        leaf = _sign(signer, make_request(common_name='system:node:a'))

        assert 'SubjectAlternativeName' not in _extensions(leaf)
        assert leaf.subject.rfc4514_string() == 'CN=system:node:a'

    @pytest.mark.parametrize(
        'name',
        [
            c509.RFC822Name('someone@a.example'),
            c509.UniformResourceIdentifier('https://a.example/b'),
            c509.RegisteredID(c509.ObjectIdentifier('1.2.3')),
            c509.DNSName('*.a.example'),
            c509.DNSName('postgres'),
        ],
        ids=str,
    )
    def test_every_kind_of_name_is_copied(
        self, name: c509.GeneralName, signer: Signer, make_request: Make
    ):
        leaf = _sign(signer, make_request(name))

        names = leaf.extensions.get_extension_for_class(c509.SubjectAlternativeName).value
        assert list(names) == [name]

    def test_a_kind_of_name_without_a_syntax_is_a_bug(self, signer: Signer, make_request: Make):
        with pytest.raises(ValueError, match='not among the kinds'):
            _sign(signer, make_request(c509.DirectoryName(c509.Name([]))))

    @pytest.mark.parametrize(
        ('validity', 'back'),
        [
            (90 * DAY, 5 * MINUTE),
            (50 * MINUTE, 5 * MINUTE),
            (10 * MINUTE, MINUTE),
            (MINUTE, 6 * SECOND),
        ],
    )
    def test_its_life_is_back_dated_by_a_tenth_at_most_and_inclusive(
        self,
        validity: datetime.timedelta,
        back: datetime.timedelta,
        make_request: Make,
    ):
        old = Signer.load(
            *certificate_profile.make_root(SUBJECT, 'ecdsa-p256', 365 * DAY, NOW - DAY)
        )

        leaf = _sign(old, make_request('a.example'), validity)

        assert WHOLE - leaf.not_valid_before_utc in {back, back - SECOND}
        assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == validity - SECOND

    @pytest.mark.parametrize('is_ca', [True, False])
    def test_it_never_outlives_its_ca_and_is_never_older(
        self, is_ca: bool, signer: Signer, make_request: Make
    ):
        text = make_request('a.example', common_name='a')

        late = _sign(signer, text, 825 * DAY, is_ca)
        early = _sign(signer, text, 825 * DAY, is_ca, now=NOW - 2 * MINUTE)

        assert late.not_valid_after_utc == signer.certificate.not_valid_after_utc
        assert early.not_valid_before_utc == signer.certificate.not_valid_before_utc

    def test_rights_that_a_request_asks_for_are_ignored(
        self, signer: Signer, make_request: Make, lint: Lint
    ):
        url = c509.UniformResourceIdentifier('http://evil.example')
        asked: list[tuple[c509.ExtensionType, bool]] = [
            (c509.BasicConstraints(ca=True, path_length=9), True),
            (c509.KeyUsage(*[True] * 9), True),
            (c509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), True),
            (c509.SubjectKeyIdentifier(b'\x07' * 20), False),
            (c509.NameConstraints([c509.DNSName('evil.example')], None), True),
            (
                c509.AuthorityInformationAccess(
                    [c509.AccessDescription(c509.oid.AuthorityInformationAccessOID.OCSP, url)]
                ),
                False,
            ),
            (c509.CRLDistributionPoints([c509.DistributionPoint([url], None, None, None)]), False),
            (c509.TLSFeature([c509.TLSFeatureType.status_request]), False),
            (c509.UnrecognizedExtension(c509.ObjectIdentifier('1.2.3'), b'\x05\x00'), True),
        ]

        plain = _sign(signer, make_request('a.example', common_name='a'))
        leaf = _sign(signer, make_request('a.example', common_name='a', extensions=tuple(asked)))

        assert _values(leaf) == _values(plain)
        assert lint(_der(leaf)) == set()

    def test_serial_numbers_are_large_and_never_the_same(self, signer: Signer, make_request: Make):
        serials = {_sign(signer, make_request('a.example')).serial_number for _ in range(5)}

        assert len(serials) == 5
        assert all(64 < serial.bit_length() < 160 for serial in serials)

    def test_it_names_its_issuer_as_a_foreign_ca_names_itself(
        self, make_request: Make, ca_content: Callable[..., dict[str, str]]
    ):
        content = ca_content('Old CA', WHOLE - DAY, 365 * DAY)
        foreign = Signer.load(content['private-key'], content['ca-certificate'])

        leaf = _sign(foreign, make_request('a.example'))

        assert leaf.issuer == foreign.certificate.subject
        _assert_signed_by(leaf, foreign.certificate)


class TestSubordinate:
    def test_its_extensions_are_those_of_an_issuing_ca(
        self, signer: Signer, make_request: Make, lint: Lint
    ):
        text = make_request('a.example', common_name='Sub')

        sub = _sign(signer, text, is_ca=True)

        assert _extensions(sub) == {
            'SubjectKeyIdentifier': False,
            'AuthorityKeyIdentifier': False,
            'BasicConstraints': True,
            'KeyUsage': True,
        }
        assert _constraints(sub) == c509.BasicConstraints(ca=True, path_length=0)
        assert _usage(sub) == {'key_cert_sign', 'crl_sign'}
        _assert_signed_by(sub, signer.certificate)
        assert lint(_der(sub)) == set()


def test_the_key_does_not_show_in_a_text(signer: Signer):
    assert 'key=' not in repr(signer)


def test_a_ca_without_a_key_identifier_gets_one_from_its_key(
    make_request: Make,
):
    key = ec.generate_private_key(ec.SECP256R1())
    name = c509.Name([])
    bare = (
        c509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(WHOLE - DAY)
        .not_valid_after(WHOLE + 365 * DAY)
        .sign(key, hashes.SHA256())
    )

    leaf = _sign(Signer(key, bare), make_request('a.example'))

    found = leaf.extensions.get_extension_for_class(c509.AuthorityKeyIdentifier).value
    expected = c509.SubjectKeyIdentifier.from_public_key(key.public_key())
    assert found.key_identifier == expected.digest


@pytest.mark.parametrize(('key', 'certificate'), [('junk', ''), ('', 'junk')])
def test_junk_is_no_signer(key: str, certificate: str):
    with pytest.raises(ValueError, match=r'.'):
        Signer.load(key, certificate)


def _der(certificate: c509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _values(certificate: c509.Certificate) -> dict[c509.ObjectIdentifier, tuple[bool, object]]:
    return {one.oid: (one.critical, one.value) for one in certificate.extensions}


def test_an_identifier_that_other_charms_add_to_the_subject_does_not_count():
    unique = (c509.NameOID.X500_UNIQUE_IDENTIFIER.dotted_string, '0f8d7f3e')
    made = certificate_profile.make_root([*SUBJECT, unique], 'ecdsa-p256', 365 * DAY, NOW)

    signer = Signer.load(*made)

    assert signer.has_subject(SUBJECT)
    assert not signer.has_subject([*SUBJECT, ('2.5.4.10', 'Example')])
    assert not signer.has_subject([])


class TestRevocationList:
    @pytest.fixture
    def crl(self, signer: Signer) -> c509.CertificateRevocationList:
        second = int(WHOLE.timestamp())
        revoked = [Revoked(serial, 'gen', second - 60, second + 9) for serial in ('1f', 'ff' * 19)]
        text = signer.sign_revocation_list(revoked, 90 * DAY, NOW)
        return c509.load_pem_x509_crl(text.encode())

    def test_it_names_what_is_revoked_and_when(self, crl: c509.CertificateRevocationList):
        assert [one.serial_number for one in crl] == [0x1F, int('ff' * 19, 16)]
        assert {one.revocation_date_utc for one in crl} == {WHOLE - MINUTE}
        assert all(not list(one.extensions) for one in crl)

    def test_it_is_that_of_its_ca(self, signer: Signer, crl: c509.CertificateRevocationList):
        ca = signer.certificate
        assert crl.issuer == ca.subject
        public = ca.public_key()
        assert isinstance(public, ec.EllipticCurvePublicKey)
        assert crl.is_signature_valid(public)
        own = ca.extensions.get_extension_for_class(c509.SubjectKeyIdentifier).value
        found = crl.extensions.get_extension_for_class(c509.AuthorityKeyIdentifier)
        assert not found.critical
        assert found.value.key_identifier == own.digest
        assert found.value.authority_cert_issuer is None

    def test_it_lasts_as_long_as_certificates_do(self, crl: c509.CertificateRevocationList):
        assert crl.last_update_utc == WHOLE - 5 * MINUTE
        assert crl.next_update_utc == WHOLE - 5 * MINUTE + 90 * DAY - SECOND

    def test_its_number_grows(self, signer: Signer, crl: c509.CertificateRevocationList):
        later = signer.sign_revocation_list([], 90 * DAY, NOW + SECOND)
        numbers = [
            one.extensions.get_extension_for_class(c509.CRLNumber).value.crl_number
            for one in (crl, c509.load_pem_x509_crl(later.encode()))
        ]
        assert numbers[0] < numbers[1]


@pytest.mark.parametrize(
    ('algorithm', 'kind', 'bits'),
    [
        ('rsa-2048', rsa.RSAPrivateKey, 2048),
        ('rsa-3072', rsa.RSAPrivateKey, 3072),
        ('rsa-4096', rsa.RSAPrivateKey, 4096),
        ('ecdsa-p256', ec.EllipticCurvePrivateKey, 256),
        ('ecdsa-p384', ec.EllipticCurvePrivateKey, 384),
        ('ed25519', ed25519.Ed25519PrivateKey, None),
    ],
)
def test_a_ca_has_the_key_that_is_asked_for(algorithm: str, kind: type, bits: int | None):
    made = certificate_profile.make_root(SUBJECT, algorithm, 365 * DAY, NOW)

    key = Signer.load(*made).key

    assert isinstance(key, kind)
    assert getattr(key, 'key_size', None) == bits
