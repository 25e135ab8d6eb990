"""Keys are made once, requests hold what was asked for, authorities sign by the profile."""

from __future__ import annotations

import datetime
import ipaddress

import pytest
from cryptography import x509 as c509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from tls_provider import x509
from tls_provider.testing import pki
from tls_provider.x509 import Key, Name, NameKind

NOW = datetime.datetime(2026, 3, 1, 12, 0, 0, 999_999, tzinfo=datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
SECOND = datetime.timedelta(seconds=1)
KINDS = ['rsa-2048', 'ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'ed25519']


def _request(*names: pki.AnyName, **arguments: object) -> x509.SigningRequest:
    return x509.parse_request(pki.request(*names, **arguments))


def _extensions(certificate: x509.Certificate) -> dict[c509.ObjectIdentifier, c509.ExtensionType]:
    found = c509.load_der_x509_certificate(certificate.der).extensions
    return {one.oid: one.value for one in found}


def _critical(certificate: x509.Certificate) -> set[c509.ObjectIdentifier]:
    found = c509.load_der_x509_certificate(certificate.der).extensions
    return {one.oid for one in found if one.critical}


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('rsa', Key('rsa', 2048, 65537)),
        ('rsa-3072', Key('rsa', 3072, 65537)),
        ('p256', Key('ecdsa-p256', 256)),
        ('p384', Key('ecdsa-p384', 384)),
        ('p521', Key('ecdsa-p521', 521)),
        ('ed25519', Key('ed25519', 256)),
        ('k256', Key('ecdsa-secp256k1', 256)),
        ('dsa', Key('dsa', 0)),
    ],
)
def test_a_name_gives_a_key_of_its_kind_that_signs_requests(name: str, expected: Key):
    request = _request('a.example', key=name)

    assert request.key == expected
    assert request.proves_possession


def test_a_name_gives_the_same_key_and_a_variant_another():
    assert pki.private_key('p256') is pki.private_key('ecdsa-p256')
    assert pki.private_key('p256/second') is pki.private_key('ecdsa-p256/second')
    assert pki.private_key('p256/second') is not pki.private_key('p256')


def test_a_private_key_as_text_is_that_of_the_name():
    key = serialization.load_pem_private_key(pki.private_key_pem('p384/text').encode(), None)

    assert key.public_key() == pki.private_key('p384/text').public_key()


class TestRequest:
    def test_equal_arguments_give_the_equal_text(self):
        assert pki.request('a.example', key='p384') == pki.request('a.example', key='p384')
        assert pki.request('a.example') != pki.request('b.example')

    def test_names_are_told_apart_by_their_form(self):
        uri = c509.UniformResourceIdentifier('spiffe://a/b')
        name = Name(NameKind.EMAIL, 'a@a.example')

        request = _request('a.example', '10.0.0.1', '2001:DB8::1', uri, name)

        assert request.alternative_names == (
            Name(NameKind.DNS, 'a.example'),
            Name(NameKind.IP, '10.0.0.1'),
            Name(NameKind.IP, '2001:db8::1'),
            Name(NameKind.URI, 'spiffe://a/b'),
            name,
        )

    def test_a_subject_is_empty_a_common_name_or_what_is_given(self):
        parts = c509.Name([c509.NameAttribute(c509.NameOID.ORGANIZATION_NAME, 'Example')])

        assert _request('a.example').subject == ()
        assert _request(common_name='a').subject == (('2.5.4.3', 'a'),)
        assert _request(subject=parts).subject == (('2.5.4.10', 'Example'),)

    def test_extensions_and_attributes_are_in_it(self):
        usage = c509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
        password = c509.oid.AttributeOID.CHALLENGE_PASSWORD

        text = pki.request(extensions=((usage, True),), attributes=((password, b'secret'),))

        csr = c509.load_pem_x509_csr(text.encode())
        [extension] = csr.extensions
        assert (extension.value, extension.critical) == (usage, True)
        assert csr.attributes.get_attribute_for_oid(password).value == b'secret'

    @pytest.mark.parametrize(
        ('key', 'digest', 'expected'),
        [
            ('p256', '', 'sha256'),
            ('p384', '', 'sha384'),
            ('p521', '', 'sha512'),
            ('rsa', 'sha512', 'sha512'),
            ('p256', 'sha224', 'sha224'),
            ('ed25519', '', ''),
            ('ed25519', 'none', ''),
        ],
    )
    def test_its_digest_fits_the_key_or_is_what_is_asked_for(
        self, key: str, digest: str, expected: str
    ):
        assert _request('a.example', key=key, digest=digest).signature_hash == expected


class TestAuthority:
    @pytest.mark.parametrize('key', KINDS)
    @pytest.mark.parametrize('levels', [0, 1, 2])
    def test_what_it_signs_may_be_published_with_its_chain(self, key: str, levels: int):
        authority = pki.Authority.root(key=key)
        for below in reversed(range(levels)):
            authority = authority.intermediate(f'level {below}', key=key, path_length=below)
        request = _request('a.example', '10.0.0.1', key=key)

        leaf = authority.sign(request, start=NOW)

        chain = authority.chain
        assert len(chain) == levels + 1
        assert authority.anchor == chain[-1]
        assert x509.mismatch(request, leaf, chain, is_ca=False, now=NOW + DAY) is None

    def test_a_leaf_serves_tls_servers_and_clients_and_no_other_purpose(self):
        leaf = pki.Authority.root().sign(_request('a.example', common_name='a'), start=NOW)

        found = _extensions(leaf)
        assert found[ExtensionOID.BASIC_CONSTRAINTS] == c509.BasicConstraints(False, None)
        assert found[ExtensionOID.EXTENDED_KEY_USAGE] == c509.ExtendedKeyUsage(
            [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        )
        assert _critical(leaf) == {ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE}

    @pytest.mark.parametrize(('key', 'expected'), [('rsa', True), ('p256', False)])
    def test_only_rsa_keys_encipher(self, key: str, expected: bool):
        leaf = pki.Authority.root().sign(_request('a.example', key=key), start=NOW)

        usage = _extensions(leaf)[ExtensionOID.KEY_USAGE]
        assert isinstance(usage, c509.KeyUsage)
        assert usage.key_encipherment is expected

    def test_names_are_critical_where_there_is_no_subject(self):
        leaf = pki.Authority.root().sign(_request('a.example'), start=NOW)

        assert ExtensionOID.SUBJECT_ALTERNATIVE_NAME in _critical(leaf)

    def test_a_life_starts_with_the_second_and_its_end_counts(self):
        leaf = pki.Authority.root().sign(_request('a.example'), start=NOW, life=DAY)

        assert leaf.not_before == NOW.replace(microsecond=0)
        assert leaf.not_after == leaf.not_before + DAY - SECOND

    def test_an_issued_ca_may_sign_leaves_alone(self):
        top = pki.Authority.root()

        sub = top.sign(_request(common_name='sub', key='p256/sub'), start=NOW, is_ca=True)

        below = pki.Authority(pki.private_key('p256/sub'), sub, top)
        leaf = below.sign(_request('a.example'), start=NOW)
        assert _extensions(sub)[ExtensionOID.BASIC_CONSTRAINTS] == c509.BasicConstraints(True, 0)
        assert sub.names == ()
        chain = below.chain
        assert x509.mismatch(_request('a.example'), leaf, chain, is_ca=False, now=NOW) is None

    def test_one_of_the_same_name_is_the_first_renewed(self):
        first, second = pki.Authority.root('same'), pki.Authority.root('same')
        request = _request('a.example')

        leaf = first.sign(request, start=NOW)

        assert first.certificate.serial != second.certificate.serial
        assert x509.mismatch(request, leaf, second.chain, is_ca=False, now=NOW) is None

    def test_one_of_the_same_name_with_another_key_is_a_stranger(self):
        request = _request('a.example')
        other = pki.Authority.root('same', key='p256/other')

        leaf = pki.Authority.root('same').sign(request, start=NOW)

        assert 'did not sign' in str(
            x509.mismatch(request, leaf, other.chain, is_ca=False, now=NOW)
        )

    def test_its_key_does_not_show_in_a_text(self):
        assert 'key=' not in repr(pki.Authority.root()).replace('public_key', '')


class TestOddCertificates:
    def test_another_key_and_other_names(self):
        request = _request('a.example')

        leaf = pki.Authority.root().sign(
            request, start=NOW, key='p384/odd', names=['b.example', '::1']
        )

        assert leaf.public_key == _request(key='p384/odd').public_key
        assert leaf.names == (
            Name(NameKind.DNS, 'b.example'),
            Name(NameKind.IP, str(ipaddress.ip_address('::1'))),
        )

    def test_a_life_beyond_that_of_its_authority(self):
        authority = pki.Authority.root(start=NOW - DAY, life=2 * DAY)

        leaf = authority.sign(_request('a.example'), start=NOW, life=9 * DAY)

        assert leaf.not_after > authority.certificate.not_after

    def test_extensions_that_are_replaced_added_and_left_out(self):
        request = _request('a.example')
        constraints = c509.BasicConstraints(True, 7)
        strange = c509.UnrecognizedExtension(c509.ObjectIdentifier('1.2.3'), b'\x05\x00')

        leaf = pki.Authority.root().sign(
            request,
            start=NOW,
            extensions=[(constraints, False), (strange, True)],
            without=[c509.ExtendedKeyUsage],
        )

        found = _extensions(leaf)
        assert found[ExtensionOID.BASIC_CONSTRAINTS] == constraints
        assert found[strange.oid] == strange
        assert ExtensionOID.EXTENDED_KEY_USAGE not in found
        assert ExtensionOID.BASIC_CONSTRAINTS not in _critical(leaf)
        assert strange.oid in _critical(leaf)

    def test_a_root_with_another_subject_and_less_than_the_profile(self):
        subject = c509.Name([c509.NameAttribute(c509.NameOID.COUNTRY_NAME, 'DE')])

        root = pki.Authority.root(subject=subject, without=[c509.KeyUsage]).certificate

        assert c509.load_der_x509_certificate(root.der).subject == subject
        assert ExtensionOID.KEY_USAGE not in _extensions(root)
