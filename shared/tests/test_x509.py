"""Parsing: good requests give their content, everything else `Malformed` and nothing else."""

from __future__ import annotations

import base64
import datetime
import hashlib
import subprocess
import sys
import warnings
from collections.abc import Callable

import pytest
from cryptography import x509 as c509
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from tls_provider import x509
from tls_provider.testing import pki
from tls_provider.x509 import Key, Malformed, Name, NameKind

Make = Callable[..., str]
Sign = Callable[..., x509.Certificate]

_DAY = datetime.timedelta(days=1)


def _der(pem: str) -> bytes:
    return base64.b64decode(''.join(pem.split('-----')[2].split()))


def _pem(der: bytes, label: str = 'CERTIFICATE REQUEST') -> str:
    body = base64.encodebytes(der).decode()
    return f'-----BEGIN {label}-----\n{body}-----END {label}-----'


def _extension(oid: str, value: bytes = b'\x05\x00') -> c509.UnrecognizedExtension:
    return c509.UnrecognizedExtension(c509.ObjectIdentifier(oid), value)


def _loads(text: str) -> bool:
    try:
        c509.load_pem_x509_csr(text.encode())
    except (ValueError, c509.InvalidVersion):
        return False
    return True


def _malformed(text: str) -> Malformed:
    with pytest.raises(Malformed) as caught:
        x509.parse_request(text)
    return caught.value


class Malformations:
    """Texts that are no request, by class of the reference's table of hostile input."""

    def __init__(self, make: Make, sign: Sign, private_key: str, duplicate_extension: str):
        good = make('one.example', common_name='one')
        der = _der(good)
        point = der[der.index(b'\x03\x42\x00\x04') + 4 :]
        self.texts = {
            'empty': '',
            'blank': ' \n\t',
            'junk': 'not a request',
            'surrogate': '\ud800',
            'null characters': '\0' * 100,
            'label alone': '-----BEGIN CERTIFICATE REQUEST-----',
            'empty block': _pem(b''),
            'broken base64': good.replace('MII', '!!!').replace('MIH', '!!!'),
            'garbage DER': _pem(b'\x00' * 50),
            'truncated DER': _pem(der[:-20]),
            'truncated PEM': good[: len(good) // 2],
            'surplus bytes': _pem(der + b'\x00'),
            'unknown version': _pem(der.replace(b'\x02\x01\x00', b'\x02\x01\x07', 1)),
            'certificate': sign(good).pem,
            'private key': private_key,
            'surrogate beside a request': f'\ud800\n{good}',
            'two requests': f'{good}\n{make("two.example", key="p256/second")}',
            'the same request twice': f'{good}\n{good}',
            'request and certificate': f'{good}\n{sign(good).pem}',
            'broken request and certificate': f'{_pem(der[:-20])}\n{sign(good).pem}',
            'certificate and request': f'{sign(good).pem}\n{good}',
            'request and private key': f'{good}\n{private_key}',
            'private key and request': f'{private_key}\n{good}',
            'private key and broken request': f'{private_key}\n{_pem(der[:-20])}',
            'private key and unfinished request': f'{private_key}\n{good[:-20]}',
            'duplicate extension': duplicate_extension,
            'undecodable extension': make(extensions=((_extension('2.5.29.17', b'\xff'), False),)),
            'unsupported kind of name': make(
                # x400Address, tag 3
                extensions=((_extension('2.5.29.17', b'\x30\x04\xa3\x02\x30\x00'), False),)
            ),
            'key off the curve': _pem(der.replace(point[:8], b'\1' * 8)),
            'bad text in the subject': _pem(der.replace(b'\x0c\x03one', b'\x0c\x03\xff\xfe\xff')),
        }  # fmt: skip


@pytest.fixture(scope='module')
def malformations(
    make_request: Make, sign: Sign, private_key: str, duplicate_extension: str
) -> dict[str, str]:
    return Malformations(make_request, sign, private_key, duplicate_extension).texts


_LOADABLE = {
    'duplicate extension',
    'undecodable extension',
    'unsupported kind of name',
    'key off the curve',
    'bad text in the subject',
}
_WITH_KEY = {'request and private key', 'private key and request'}
_SEVERAL = _WITH_KEY | {
    'two requests',
    'the same request twice',
    'request and certificate',
    'certificate and request',
}
_UNLOADABLE = {
    'empty', 'blank', 'junk', 'surrogate', 'null characters', 'label alone', 'empty block',
    'broken base64', 'garbage DER', 'truncated DER', 'truncated PEM', 'surplus bytes',
    'unknown version', 'certificate', 'private key', 'surrogate beside a request',
    'broken request and certificate', 'private key and broken request',
    'private key and unfinished request',
}  # fmt: skip


def test_every_malformation_is_classified(malformations: dict[str, str]):
    assert set(malformations) == _LOADABLE | _SEVERAL | _UNLOADABLE


@pytest.mark.parametrize('name', sorted(_LOADABLE))
def test_a_malformed_request_that_loads_is_said_to(name: str, malformations: dict[str, str]):
    error = _malformed(malformations[name])

    assert error.loads
    assert _loads(malformations[name])
    assert x509.single_request(malformations[name]) == (malformations[name], '')


@pytest.mark.parametrize('name', sorted(_UNLOADABLE))
def test_a_text_that_no_requirer_loads_is_said_not_to(name: str, malformations: dict[str, str]):
    text, _ = x509.single_request(malformations[name])

    error = _malformed(text)

    assert not error.loads
    assert not _loads(text)


@pytest.mark.parametrize('name', sorted(_SEVERAL))
def test_of_several_blocks_the_first_request_alone_is_taken(
    name: str, malformations: dict[str, str], make_request: Make
):
    text, flaw = x509.single_request(malformations[name])

    assert text == make_request('one.example', common_name='one').strip()
    assert ('make a new key' in flaw) is (name in _WITH_KEY)
    assert flaw


@pytest.mark.parametrize(
    'label',
    ['PRIVATE KEY', 'RSA PRIVATE KEY', 'Private Key', 'encrypted private key', ' PRIVATE KEY '],
)
def test_a_private_key_is_known_by_any_label(label: str, make_request: Make):
    request = make_request('one.example')
    key = f'-----BEGIN {label}-----\nMC\n-----END {label}-----\n'

    text, flaw = x509.single_request(key + request)

    assert 'private key' in flaw
    assert label not in text


@pytest.mark.parametrize('damaged', ['-----BEGIN PRIVATE KEY', 'END PRIVATE KEY-----'])
def test_a_private_key_is_known_by_one_of_its_lines(
    damaged: str, make_request: Make, private_key: str
):
    request = make_request('one.example')

    text, flaw = x509.single_request(private_key.replace(damaged, damaged[1:-1]) + request)

    assert text == request.strip()
    assert 'private key' in flaw


@pytest.mark.parametrize('name', sorted(_LOADABLE | _UNLOADABLE))
def test_messages_do_not_quote_the_text(name: str, malformations: dict[str, str]):
    error = _malformed(x509.single_request(malformations[name])[0])

    assert str(error).isprintable()
    assert 0 < len(str(error)) < 200
    assert 'MI' not in str(error)


@given(text=st.text(max_size=300))
def test_any_text_is_malformed_and_nothing_else(text: str):
    assert isinstance(_malformed(text), Malformed)


@given(data=st.data())
def test_mutated_requests_are_malformed_or_read_completely(
    data: st.DataObject, make_request: Make
):
    der = bytearray(_der(make_request('one.example', '10.0.0.1', common_name='one')))
    for _ in range(data.draw(st.integers(1, 4))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))

    text = _pem(bytes(der))
    try:
        loads = x509.parse_request(text).pem == text
    except Malformed as error:
        loads = error.loads

    assert loads is _loads(text)


def test_a_request_gives_names_and_subject_in_order(make_request: Make):
    text = make_request('B.Example', '*.a.example', '10.0.0.1', '2001:DB8::1', common_name='one')

    request = x509.parse_request(text)

    assert request.subject == (('2.5.4.3', 'one'),)
    assert request.alternative_names == request.names == (
        Name(NameKind.DNS, 'b.example'),
        Name(NameKind.DNS, '*.a.example'),
        Name(NameKind.IP, '10.0.0.1'),
        Name(NameKind.IP, '2001:db8::1'),
    )  # fmt: skip


@pytest.mark.parametrize(
    ('general', 'name'),
    [
        (c509.RFC822Name('a@b.example'), Name(NameKind.EMAIL, 'a@b.example')),
        (
            c509.UniformResourceIdentifier('spiffe://a/b'),
            Name(NameKind.URI, 'spiffe://a/b'),
        ),
        (
            c509.RegisteredID(c509.ObjectIdentifier('1.2.3')),
            Name(NameKind.REGISTERED_ID, '1.2.3'),
        ),
        (
            c509.OtherName(c509.ObjectIdentifier('1.2.3'), b'\x05\x00'),
            Name(NameKind.OTHER, 'name of type 1.2.3'),
        ),
        (c509.DirectoryName(c509.Name([])), Name(NameKind.OTHER, 'DirectoryName')),
    ],
)
def test_every_kind_of_name_is_read(general: c509.GeneralName, name: Name, make_request: Make):
    request = x509.parse_request(make_request(general))

    assert request.names == (name,)


def test_names_that_differ_in_case_alone_are_one(make_request: Make):
    request = x509.parse_request(make_request('a.example', 'A.EXAMPLE', 'a.example'))

    assert request.names == (Name(NameKind.DNS, 'a.example'),)


@pytest.mark.parametrize(
    ('common_name', 'names'),
    [
        ('One.Example', (Name(NameKind.DNS, 'one.example'),)),
        ('*.one.example', (Name(NameKind.DNS, '*.one.example'),)),
        ('one', (Name(NameKind.DNS, 'one'),)),
        ('10.0.0.1', (Name(NameKind.IP, '10.0.0.1'),)),
        ('2001:DB8:0::1', (Name(NameKind.IP, '2001:db8::1'),)),
        ('system:node:one', ()),
        ('My Service', ()),
        ('', ()),
    ],
)
def test_a_common_name_alone_is_a_name_where_it_is_a_host(
    common_name: str, names: tuple[Name, ...], make_request: Make
):
    request = x509.parse_request(make_request(common_name=common_name))

    assert request.alternative_names == ()
    assert request.names == names


def test_a_common_name_beside_names_is_no_name(make_request: Make):
    request = x509.parse_request(make_request('a.example', common_name='b.example'))

    assert request.common_name == 'b.example'
    assert request.names == (Name(NameKind.DNS, 'a.example'),)


@pytest.mark.parametrize(
    ('kind', 'digest', 'key'),
    [
        ('p256', 'sha256', Key('ecdsa-p256', 256)),
        ('p384', 'sha384', Key('ecdsa-p384', 384)),
        ('p521', 'sha512', Key('ecdsa-p521', 521)),
        ('k256', 'sha256', Key('ecdsa-secp256k1', 256)),
        ('rsa', 'sha256', Key('rsa', 2048, 65537)),
        ('dsa', 'sha256', Key('dsa', 0)),
        ('ed25519', 'none', Key('ed25519', 256)),
    ],
)
def test_every_kind_of_key_is_described(kind: str, digest: str, key: Key, make_request: Make):
    request = x509.parse_request(make_request('a.example', key=kind, digest=digest))

    assert request.key == key
    assert request.signature_hash == digest.replace('none', '')
    assert request.proves_possession


def test_a_tampered_signature_proves_nothing(make_request: Make):
    der = _der(make_request('a.example'))

    request = x509.parse_request(_pem(der[:-1] + bytes([der[-1] ^ 1])))

    assert not request.proves_possession


def test_a_tampered_name_proves_nothing(make_request: Make):
    der = _der(make_request('a.example'))

    request = x509.parse_request(_pem(der.replace(b'a.example', b'b.example')))

    assert request.names == (Name(NameKind.DNS, 'b.example'),)
    assert not request.proves_possession


def test_a_signature_of_unknown_kind_proves_nothing(make_request: Make):
    der = _der(make_request('a.example'))  # ecdsa-with-SHA256 is 1.2.840.10045.4.3.2

    request = x509.parse_request(
        _pem(der.replace(bytes.fromhex('2a8648ce3d040302'), bytes.fromhex('2a8648ce3d040309')))
    )

    assert not request.proves_possession
    assert request.signature_hash == 'unknown'


@pytest.mark.parametrize(
    ('old', 'new'),
    [
        ('-----BEGIN', '\n-----BEGIN'),
        ('\n', '\r\n'),
        ('-----BEGIN', 'subject=CN=one\n-----BEGIN'),
        ('REQUEST-----', 'REQUEST-----\n'),
        ('CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'),
    ],
)  # fmt: skip
def test_harmless_dress_is_kept_byte_for_byte(old: str, new: str, make_request: Make):
    plain = make_request('a.example')

    request = x509.parse_request(plain.replace(old, new))

    assert request.pem == plain.replace(old, new) != plain
    assert request.der == x509.parse_request(plain).der


@pytest.mark.parametrize(('oid', 'value'), [('COUNTRY_NAME', 'XYZ'), ('COMMON_NAME', 'a' * 100)])
def test_wrong_lengths_in_the_subject_are_read_without_a_warning(
    oid: str, value: str, make_request: Make
):
    with pytest.warns(UserWarning, match='length'):
        attribute = c509.NameAttribute(getattr(c509.NameOID, oid), value, _validate=False)

    request = x509.parse_request(make_request('a.example', subject=c509.Name([attribute])))

    assert [found for _, found in request.subject] == [value]


def test_a_unique_identifier_in_the_subject_is_read(make_request: Make):
    # As the requirer library sends it, as a text and not as a bit string.
    attribute = c509.NameAttribute(c509.NameOID.X500_UNIQUE_IDENTIFIER, 'one-two')

    request = x509.parse_request(make_request('a.example', subject=c509.Name([attribute])))

    assert request.subject == (('2.5.4.45', 'one-two'),)


def test_a_certificate_is_read_completely(
    make_request: Make, sign: Sign, root: Sign, now: datetime.datetime
):
    request = x509.parse_request(make_request('a.example', '10.0.0.1'))

    certificate = sign(request.pem, start=now, life=_DAY)

    assert (certificate.not_before, certificate.not_after) == (now, now + _DAY)
    assert certificate.public_key == request.public_key
    assert certificate.names == request.names
    assert not certificate.is_ca
    assert root().is_ca


def test_a_bundle_is_read_in_its_order(make_request: Make, sign: Sign, root: Sign):
    chain = (sign(make_request('a.example')), root())

    assert x509.parse_certificates(''.join(one.pem for one in chain)) == chain


def test_a_certificate_without_constraints_is_no_ca(make_request: Make):
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    made = (
        c509.CertificateBuilder()
        .subject_name(c509.Name([]))
        .issuer_name(c509.Name([]))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start + _DAY)
        .sign(key, hashes.SHA256())
    )

    certificate = x509.parse_certificate(made.public_bytes(serialization.Encoding.PEM).decode())

    assert (certificate.serial, certificate.is_ca, certificate.names) == (7, False, ())


def test_two_certificates_are_not_one(make_request: Make, sign: Sign, root: Sign):
    with pytest.raises(Malformed, match='2 certificates where one is expected'):
        x509.parse_certificate(sign(make_request('a.example')).pem + root().pem)


@pytest.mark.parametrize(
    'text',
    ['', 'junk', '\ud800', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
)
def test_junk_is_no_certificate(text: str):
    with pytest.raises(Malformed):
        x509.parse_certificate(text)


def test_a_request_is_no_certificate(make_request: Make):
    with pytest.raises(Malformed):
        x509.parse_certificate(make_request('a.example'))


class TestMismatch:
    def test_a_certificate_of_the_request_fits(
        self, make_request: Make, sign: Sign, root: Sign, now: datetime.datetime
    ):
        text = make_request('a.example', '10.0.0.1')

        assert _mismatch(text, sign(text), [root()], now) is None

    def test_a_ca_certificate_fits_without_names(
        self, make_request: Make, sign: Sign, root: Sign, now: datetime.datetime
    ):
        text = make_request('a.example', common_name='sub')

        assert _mismatch(text, sign(text, is_ca=True), [root()], now, is_ca=True) is None

    @pytest.mark.parametrize(
        ('arguments', 'reason'),
        [
            ({'key': 'p256/second'}, 'another key'),
            ({'is_ca': True}, 'is a CA certificate'),
            ({'names': ()}, 'the names'),
            ({'names': (Name(NameKind.DNS, 'b.example'),)}, 'the names'),
            ({'by': 'two'}, 'not in order'),
            ({'life': datetime.timedelta(hours=1)}, 'not valid now'),
            ({'start': datetime.datetime(2027, 1, 1, tzinfo=datetime.timezone.utc)}, 'not valid'),
        ],
    )
    def test_another_certificate_does_not_fit(
        self,
        arguments: dict[str, object],
        reason: str,
        make_request: Make,
        sign: Sign,
        root: Sign,
        now: datetime.datetime,
    ):
        text = make_request('a.example')

        assert reason in str(_mismatch(text, sign(text, **arguments), [root()], now))

    def test_a_leaf_does_not_fit_where_a_ca_is_wanted(
        self, make_request: Make, sign: Sign, root: Sign, now: datetime.datetime
    ):
        text = make_request('a.example')

        assert 'not a CA certificate' in str(
            _mismatch(text, sign(text), [root()], now, is_ca=True)
        )

    def test_a_chain_with_a_leaf_does_not_fit(
        self, make_request: Make, sign: Sign, now: datetime.datetime
    ):
        text = make_request('a.example')

        assert 'is not a CA' in str(_mismatch(text, sign(text), [sign(text)], now))

    def test_a_stranger_behind_the_issuer_does_not_fit(
        self, make_request: Make, sign: Sign, root: Sign, now: datetime.datetime
    ):
        text = make_request('a.example')

        assert 'not in order' in str(_mismatch(text, sign(text), [root(), root('two')], now))

    def test_the_last_second_is_valid(
        self, make_request: Make, sign: Sign, root: Sign, now: datetime.datetime
    ):
        text = make_request('a.example')
        certificate = sign(text, start=now - _DAY, life=_DAY)

        assert _mismatch(text, certificate, [root()], now) is None
        assert _mismatch(text, certificate, [root()], now + datetime.timedelta(seconds=1))


def _mismatch(
    text: str,
    certificate: x509.Certificate,
    chain: list[x509.Certificate],
    now: datetime.datetime,
    is_ca: bool = False,
) -> str | None:
    return x509.mismatch(x509.parse_request(text), certificate, chain, is_ca=is_ca, now=now)


def test_a_fingerprint_without_parsing_is_that_of_the_certificate(root: Sign):
    expected = hashlib.sha256(root().der).hexdigest()

    assert x509.fingerprint_of(root().pem) == root().fingerprint == expected


def test_a_fingerprint_does_not_depend_on_line_ends(root: Sign):
    dressed = '\n' + root().pem.replace('\n', '\r\n') + '\n'

    assert x509.fingerprint_of(dressed) == root().fingerprint


@pytest.mark.parametrize(
    'text',
    [
        '',
        'junk',
        'a\nb\nc',
        '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----',
        '-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----',
        '-----BEGIN CERTIFICATE-----\nAAAA',
        '-----BEGIN CERTIFICATE-----\n\u00e4\n-----END CERTIFICATE-----',
    ],
)
def test_junk_has_no_fingerprint(text: str):
    with pytest.raises(Malformed):
        x509.fingerprint_of(text)


def test_two_certificates_have_no_fingerprint(root: Sign):
    with pytest.raises(Malformed):
        x509.fingerprint_of(root().pem + root('two').pem)


@pytest.mark.parametrize(
    ('text', 'shown'),
    [
        ('one two', 'one two'),
        ('a\nb', 'a\\nb'),
        ('\x1b[31m', '\\x1b[31m'),
        ('\u202eabc', '\\u202eabc'),
        ('\ud800', '\\ud800'),
        ('ä', 'ä'),
        ('a' * 100, 'a' * 100),
        ('a' * 101, 'a' * 100 + '...'),
        ('\n' * 60, '\\n' * 50 + '...'),
    ],
)
def test_a_strangers_text_is_shown_escaped_and_cut(text: str, shown: str):
    assert x509.printable(text) == shown


@given(text=st.text(max_size=200), limit=st.integers(1, 100))
def test_what_is_shown_is_printable_and_bounded(text: str, limit: int):
    shown = x509.printable(text, limit)

    assert shown.isprintable()
    assert len(shown) <= limit + 3


@pytest.mark.parametrize(
    ('text', 'is_host'),
    [
        ('postgres', True),
        ('a.b-c.example', True),
        ('_srv.a_b.example', True),
        ('1.example', True),
        ('a' * 63, True),
        ('.'.join(['a' * 49] * 5) + '.abc', True),  # 253 characters
        ('', False),
        ('a' * 64, False),
        ('.'.join(['a' * 49] * 5) + '.abcd', False),
        ('a.', False),
        ('.a', False),
        ('a..b', False),
        ('-a', False),
        ('a-', False),
        ('a b', False),
        ('a\n', False),
        ('*.a', False),
        ('a:80', False),
        ('http://a', False),
        ('ä.example', False),
        ('10.0.0.1', False),
        ('a.1', False),
    ],
)
def test_a_host_name_has_the_syntax_of_dns(text: str, is_host: bool):
    assert x509.is_host_name(text) is is_host


def test_cryptography_is_not_imported_before_something_is_parsed():
    code = 'import sys; from tls_provider import x509; sys.exit("cryptography" in sys.modules)'

    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0


@pytest.mark.parametrize('text', ['', 'junk', '\ud800', '-----BEGIN', '-----BEGIN A-----' * 9])
def test_a_text_without_a_request_is_taken_as_it_is(text: str):
    assert x509.single_request(text) == (text, '')


def test_of_two_requests_the_older_label_counts_too(make_request: Make):
    old = make_request('a.example').replace('CERTIFICATE REQ', 'NEW CERTIFICATE REQ')

    text, flaw = x509.single_request(f'{old}\n{make_request("b.example")}')

    assert (text, flaw) == (old, 'more than one PEM block in the request')
    assert x509.parse_request(text).names == (Name(NameKind.DNS, 'a.example'),)


def test_a_key_inside_of_the_request_makes_it_no_request(make_request: Make):
    key = '-----BEGIN PRIVATE KEY-----\nMC\n-----END PRIVATE KEY-----\n'
    begin = '-----BEGIN CERTIFICATE REQUEST-----\n'

    text, flaw = x509.single_request(make_request('a.example').replace(begin, begin + key))

    assert 'make a new key' in flaw
    assert not _malformed(text).loads


@given(
    parts=st.lists(
        st.sampled_from(
            [
                '-----BEGIN CERTIFICATE REQUEST-----', '-----END CERTIFICATE REQUEST-----',
                '-----BEGIN PRIVATE KEY-----', '-----END PRIVATE KEY-----',
                '-----BEGIN CERTIFICATE-----', 'MII', '\n', ' ',
            ]
        ),
        max_size=9,
    )
)  # fmt: skip
def test_what_is_taken_is_a_part_and_is_taken_again(parts: list[str]):
    text = ''.join(parts)

    taken, flaw = x509.single_request(text)

    assert taken in text
    assert x509.single_request(taken)[0] == taken
    assert flaw or taken == text


def test_a_certificate_without_a_chain_does_not_fit(
    make_request: Make, sign: Sign, now: datetime.datetime
):
    text = make_request('a.example')

    assert _mismatch(text, sign(text), [], now) == 'the chain is empty'


@pytest.mark.parametrize(
    'name',
    [
        'xn--strae-oqa.example',  # with a sharp s, of which IDNA 2003 makes ss
        'xn--fa-hia.example',
        'XN--BCHER-KVA.example',  # as a common name may be written
    ],
)
def test_a_label_of_rfc_5891_is_a_host_name(name: str):
    assert x509.is_host_name(name)


@pytest.mark.parametrize(
    ('wanted', 'found', 'reason'),
    [
        (('a.example',), ('a.example', 'b.example', '10.0.0.1'), None),
        (('a.example', 'b.example'), ('*.example',), None),
        (('a.example',), ('b.example',), 'the certificate lacks a.example'),
        (('a.b.example',), ('*.example',), 'the certificate lacks a.b.example'),
        (('*.example',), ('*.example', 'a.example'), None),
        (('*.b.example',), ('*.example', 'b.example'), 'the certificate lacks *.b.example'),
        (('10.0.0.1',), ('a.example',), 'the certificate lacks 10.0.0.1'),
        (('10.0.0.1',), ('*.0.0.1',), 'the certificate lacks 10.0.0.1'),
    ],
)
def test_further_names_are_no_reason_where_people_issue(
    wanted: tuple[str, ...], found: tuple[str, ...], reason: str | None
):
    start = datetime.datetime.now(datetime.timezone.utc)
    root = pki.Authority.root('covering')
    request = x509.parse_request(pki.request(*wanted, key='ecdsa-p256'))
    certificate = root.sign(x509.parse_request(pki.request(*found, key='ecdsa-p256')), start=start)

    assert (
        x509.mismatch(request, certificate, root.chain, is_ca=False, now=start, more_names=True)
        == reason
    )


def test_a_certificate_with_a_long_common_name_can_be_read():
    start = datetime.datetime.now(datetime.timezone.utc)
    host = f'{"a" * 63}.example'
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        attribute = c509.NameAttribute(c509.NameOID.COMMON_NAME, host, _validate=False)
        text = pki.request(host, subject=c509.Name([attribute]), key='ecdsa-p256')
        request = x509.parse_request(text)
        pem = pki.Authority.root('long').sign(request, start=start).pem

    assert x509.parse_certificate(pem).subject == f'CN={host}'
