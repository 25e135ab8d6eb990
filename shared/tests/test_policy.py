"""Each rule lets pass what it should and refuses the rest with the code of the interface."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from tls_provider import policy, x509
from tls_provider.issuer import EVERY, Capabilities, ErrorCode, Rejected, Request
from tls_provider.x509 import Key, Name, NameKind, SigningRequest

P256 = Key('ecdsa-p256', 256)
ALL_KINDS = frozenset(NameKind)
COMMON_NAME = '2.5.4.3'


def _request(
    *names: Name | str,
    key: Key = P256,
    signature_hash: str = 'sha256',
    proves: bool = True,
    subject: tuple[tuple[str, str], ...] = (),
    is_ca: bool = False,
) -> Request:
    listed = tuple(Name(NameKind.DNS, name) if isinstance(name, str) else name for name in names)
    csr = SigningRequest('text', b'', b'', key, signature_hash, proves, subject, listed)
    return Request(csr, is_ca, 'kafka/0')


def _judge(request: Request, **changes: object) -> Rejected | None:
    capabilities = dataclasses.replace(Capabilities('test'), **changes)
    return policy.judge(request, policy.rules(capabilities))


def _code(request: Request, **changes: object) -> int | None:
    rejected = _judge(request, **changes)
    return rejected.code if rejected else None


@pytest.mark.parametrize(
    ('key', 'code'),
    [
        (P256, None),
        (Key('ecdsa-p384', 384), None),
        (Key('rsa', 2048, 65537), None),
        (Key('rsa', 3072, 65537), None),
        (Key('rsa', 4096, 65537), None),
        (Key('rsa', 8192, 65537), None),
        (Key('rsa', 2048, 65539), None),
        (Key('rsa', 2047, 65537), 999),
        (Key('rsa', 1024, 65537), 999),
        (Key('rsa', 2049, 65537), 999),
        (Key('rsa', 8200, 65537), 999),
        (Key('rsa', 2048, 3), 999),
        (Key('rsa', 2048, 65538), 999),
        (Key('ecdsa-p521', 521), 999),
        (Key('ecdsa-secp256k1', 256), 999),
        (Key('ed25519', 256), 999),
        (Key('dsa', 0), 999),
    ],
    ids=str,
)
def test_keys(key: Key, code: int | None):
    assert _code(_request('a.example', key=key)) == code


def test_keys_that_the_backend_lacks_are_named_with_those_that_it_has():
    rejected = _judge(_request('a.example'), key_algorithms=frozenset({'rsa', 'ed25519'}))

    assert rejected is not None
    assert (
        rejected.message
        == 'keys of type ecdsa-p256 are not accepted here; use one of: ed25519, rsa'
    )


@pytest.mark.parametrize(
    ('signature_hash', 'code'),
    [('sha256', None), ('sha384', None), ('sha512', None), ('sha1', 999), ('md5', 999), ('', 999)],
)
def test_signature_hashes(signature_hash: str, code: int | None):
    assert _code(_request('a.example', signature_hash=signature_hash)) == code


def test_a_signature_without_hash_is_for_ed25519_alone():
    request = _request('a.example', key=Key('ed25519', 256), signature_hash='')

    assert _code(request, key_algorithms=frozenset({'ed25519'})) is None


def test_a_request_that_proves_no_possession_is_refused():
    assert _code(_request('a.example', proves=False)) == ErrorCode.OTHER


@pytest.mark.parametrize(
    ('allowed', 'subject', 'code'),
    [
        (True, ((COMMON_NAME, 'sub'),), None),
        (True, (), 999),
        (False, ((COMMON_NAME, 'sub'),), 999),
    ],
)
def test_ca_certificates(allowed: bool, subject: tuple[tuple[str, str], ...], code: int | None):
    request = _request(is_ca=True, subject=subject)

    assert _code(request, ca_certificates=allowed, ca_requests=frozenset({EVERY})) == code


@pytest.mark.parametrize(
    ('allowed', 'code'),
    [([], 999), (['kafk'], 999), (['kafka/0'], 999), (['kafka'], None), (['a', 'kafka'], None)],
)
def test_ca_certificates_for_some_applications(allowed: list[str], code: int | None):
    request = _request(is_ca=True, subject=((COMMON_NAME, 'sub'),))

    assert _code(request, ca_certificates=True, ca_requests=frozenset(allowed)) == code


def test_names_of_a_ca_request_are_not_judged():
    request = _request('a b', is_ca=True, subject=((COMMON_NAME, 'sub'),))

    assert _code(request, ca_certificates=True, ca_requests=frozenset({EVERY})) is None


@pytest.mark.parametrize(
    ('oid', 'most'),
    [
        ('2.5.4.3', 64),
        ('2.5.4.5', 64),
        ('2.5.4.7', 128),
        ('2.5.4.8', 128),
        ('2.5.4.10', 64),
        ('2.5.4.11', 64),
        ('2.5.4.12', 64),
        ('1.2.840.113549.1.9.1', 255),
    ],
)
def test_lengths_in_the_subject(oid: str, most: int):
    assert _code(_request('a.example', subject=((oid, 'a' * most),))) is None
    assert _code(_request('a.example', subject=((oid, 'a' * (most + 1)),))) == ErrorCode.OTHER
    assert _code(_request('a.example', subject=((oid, ''),))) == ErrorCode.OTHER


@pytest.mark.parametrize(('value', 'code'), [('DE', None), ('D', 999), ('DEU', 999)])
def test_a_country_has_two_letters(value: str, code: int | None):
    assert _code(_request('a.example', subject=(('2.5.4.6', value),))) == code


def test_unknown_attributes_of_the_subject_have_any_length():
    subject = (('2.5.4.45', '8d3c' * 50), ('1.2.3', ''))

    assert _code(_request('a.example', subject=subject)) is None


@pytest.mark.parametrize('value', ['a\nb', 'a\x1b[31m', 'a\0b', '\u202eb'])
@pytest.mark.parametrize('oid', ['2.5.4.3', '1.2.3'])
def test_a_subject_that_cannot_be_printed_is_refused(oid: str, value: str):
    assert _code(_request('a.example', subject=((oid, value),))) == ErrorCode.OTHER


def test_a_request_without_any_name_is_refused():
    assert _code(_request()) == ErrorCode.OTHER


def test_a_client_identity_that_is_no_host_is_accepted():
    assert _code(_request(subject=((COMMON_NAME, 'system:node:one'),))) is None


@pytest.mark.parametrize(
    ('name', 'code'),
    [
        ('a.example', None),
        ('postgres', None),
        ('a_b.svc.local', None),
        ('*.a.example', None),
        ('xn--bcher-kva.example', None),
        ('.'.join(['a' * 49] * 5) + '.abc', None),
        ('.'.join(['a' * 49] * 5) + '.abcd', 102),
        ('a' * 64 + '.example', 102),
        ('', 102),
        ('a b.example', 102),
        ('a\n.example', 102),
        ('ä.example', 102),
        ('a..example', 102),
        ('a.example.', 102),
        ('.example', 102),
        ('-a.example', 102),
        ('a-.example', 102),
        ('a.example:80', 102),
        ('https://a.example', 102),
        ('a.example/b', 102),
        ('10.0.0.1', 102),
        ('2001:db8::1', 102),
        ('*', 103),
        ('*.example', 103),
        ('*.*.example', 103),
        ('a.*.example', 103),
        ('a*.b.example', 103),
        ('*a.b.example', 103),
        ('*..example', 102),
        ('*.-a.example', 102),
        ('*.10.0.0.1', 102),
    ],
)
def test_dns_names(name: str, code: int | None):
    assert _code(_request(name)) == code
    assert _code(_request('good.example', name)) == code


@pytest.mark.parametrize('name', ['*.a.example', '*', 'a*.b.example'])
def test_where_wildcards_are_not_certified_they_are_refused(name: str):
    assert _code(_request(name), wildcards=False) == ErrorCode.WILDCARD_NOT_ALLOWED


@pytest.mark.parametrize(
    ('name', 'code'), [('10.0.0.1', None), ('2001:db8::1', None), ('10.0.0.0/8', 102)]
)
def test_ip_addresses(name: str, code: int | None):
    assert _code(_request(Name(NameKind.IP, name))) == code


def test_where_ip_addresses_are_not_certified_they_are_refused():
    rejected = _judge(_request('a.example', Name(NameKind.IP, '10.0.0.5')), ip_sans=False)

    assert rejected == Rejected(
        ErrorCode.IP_NOT_ALLOWED,
        '10.0.0.5: IP addresses are not certified here; use another provider for them',
    )


@pytest.mark.parametrize(
    ('kind', 'value', 'code'),
    [
        (NameKind.EMAIL, 'a.b+c@d.example', None),
        (NameKind.EMAIL, 'a', 102),
        (NameKind.EMAIL, '@d.example', 102),
        (NameKind.EMAIL, 'a@', 102),
        (NameKind.EMAIL, 'a@b@d.example', 102),
        (NameKind.EMAIL, 'a b@d.example', 102),
        (NameKind.EMAIL, 'a@d_.example\n', 102),
        (NameKind.EMAIL, 'a' * 65 + '@d.example', 102),
        (NameKind.URI, 'spiffe://a/b', None),
        (NameKind.URI, 'urn:a:b', None),
        (NameKind.URI, 'https://a.example/?b=c', None),
        (NameKind.URI, '/a/b', 102),
        (NameKind.URI, 'a', 102),
        (NameKind.URI, 'a:', 102),
        (NameKind.URI, 'https://a b', 102),
        (NameKind.URI, 'https://ä', 102),
        (NameKind.URI, 'https://a\n', 102),
        (NameKind.REGISTERED_ID, '1.2.3', None),
    ],
)
def test_other_kinds_of_names(kind: NameKind, value: str, code: int | None):
    request = _request(Name(kind, value))

    assert _code(request, name_kinds=ALL_KINDS) == code
    assert _code(request) == ErrorCode.DOMAIN_NOT_ALLOWED


def test_a_name_of_unknown_kind_is_refused():
    request = _request(Name(NameKind.OTHER, 'DirectoryName'))

    assert _code(request, name_kinds=ALL_KINDS) == ErrorCode.DOMAIN_NOT_ALLOWED


def test_a_hundred_names_are_the_most():
    names = [f'{number}.a.example' for number in range(101)]

    assert _code(_request(*names[:100])) is None
    assert _code(_request(*names)) == ErrorCode.DOMAIN_NOT_ALLOWED


@pytest.mark.parametrize(
    ('name', 'subdomains', 'code'),
    [
        ('a.example', True, None),
        ('a.example', False, None),
        ('b.a.example', True, None),
        ('c.b.a.example', True, None),
        ('b.a.example', False, 102),
        ('*.a.example', True, None),
        ('ba.example', True, 102),
        ('example', True, 102),
        ('a.example.evil', True, 102),
        ('d.test', True, None),
        ('b.example', True, 102),
    ],
)
def test_allowed_domains(name: str, subdomains: bool, code: int | None):
    domains = ('a.example', 'd.test')

    assert _code(_request(name), allowed_domains=domains, subdomains=subdomains) == code


@pytest.mark.parametrize('value', ['a\nb.example', '\x1b[31m.example', '\u202e.example'])
def test_messages_are_printable(value: str):
    rejected = _judge(_request(value))

    assert rejected is not None
    assert rejected.message.isprintable()


def test_the_first_refusal_counts():
    first, second = Rejected(ErrorCode.OTHER, 'first'), Rejected(ErrorCode.OTHER, 'second')

    judged = policy.judge(_request(), (lambda _: None, lambda _: first, lambda _: second))

    assert judged is first
    assert policy.judge(_request(), ()) is None


@pytest.mark.parametrize(
    ('common_name', 'code'),
    [
        ('*', 103), ('*.*.com', 103), ('evil*.com', 103), ('http://x/', 102), ('a b', 102),
        ('system:node:x', None), ('one.example', None), ('*.one.example', None),
    ],
)  # fmt: skip
def test_a_common_name_alone_is_a_name_or_an_identity(
    common_name: str, code: int | None, make_request: Callable[..., str]
):
    csr = x509.parse_request(make_request(common_name=common_name))

    rejected = policy.judge(Request(csr, False, 'kafka/0'), policy.rules(Capabilities('test')))

    assert (rejected.code if rejected else None) == code


@pytest.mark.parametrize(
    ('name', 'accepted'),
    [
        ('xn--bcher-kva.example', True), ('xn--zzzzzzzz-99999.example', False),
        ('ab--cd.example', False), ('xn--.example', False),
    ],
)  # fmt: skip
def test_a_label_that_claims_to_be_internationalised_must_be(name: str, accepted: bool):
    assert x509.is_host_name(name) is accepted


def test_the_signature_hash_is_judged_before_the_possession():
    rejected = _judge(_request('a.example', signature_hash='sha1', proves=False))

    assert rejected is not None
    assert rejected.message == ('the signature hash of the request is not accepted; use SHA-256')


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        (Name(NameKind.DNS, 'a b'), '"a b" is not a valid DNS name'),
        (Name(NameKind.DNS, ''), '"" is not a valid DNS name'),
        (Name(NameKind.DNS, 'ab--cd.example'), '"ab--cd.example" is not a valid DNS name'),
        (Name(NameKind.EMAIL, 'nobody'), 'e-mail nobody is not valid as e-mail name'),
        (Name(NameKind.URI, '/a'), 'URI /a is not valid as URI name'),
    ],
)
def test_a_name_that_is_not_valid_is_named(name: Name, message: str):
    rejected = _judge(_request(name), name_kinds=ALL_KINDS)

    assert rejected == Rejected(ErrorCode.DOMAIN_NOT_ALLOWED, message)


@pytest.mark.parametrize('common_name', ['*', 'http://x/', 'a b'])
def test_a_common_name_beside_names_is_free_text(common_name: str):
    assert _code(_request('a.example', subject=((COMMON_NAME, common_name),))) is None


@pytest.mark.parametrize('common_name', ['*', 'a b', 'a/b'])
def test_a_common_name_of_a_ca_is_free_text(common_name: str):
    request = _request(is_ca=True, subject=((COMMON_NAME, common_name),))

    assert _code(request, ca_certificates=True, ca_requests=frozenset({EVERY})) is None


@pytest.mark.parametrize(
    ('name', 'code'),
    [
        (Name(NameKind.EMAIL, 'admin@bank.com'), 102),
        (Name(NameKind.EMAIL, 'admin@MAIL.corp'), None),
        (Name(NameKind.URI, 'https://bank.com/x'), 102),
        (Name(NameKind.URI, 'https://corp@bank.com:443/corp'), 102),
        (Name(NameKind.URI, 'spiffe://a.corp/web'), None),
        (Name(NameKind.URI, 'https://a.corp:443'), None),
        (Name(NameKind.URI, 'urn:uuid:corp'), None),
        (Name(NameKind.IP, '10.0.0.1'), None),
        (Name(NameKind.DNS, '*.bank.com'), 102),
        (Name(NameKind.DNS, '*.a.corp'), None),
    ],
    ids=str,
)
def test_hosts_of_any_kind_of_name_are_within_the_allowed_domains(name: Name, code: int | None):
    csr = dataclasses.replace(_request('a.corp').csr, alternative_names=(name,))
    request = dataclasses.replace(_request('a.corp'), csr=csr)

    assert _code(request, allowed_domains=('corp',), name_kinds=frozenset(NameKind)) == code


@pytest.mark.parametrize(
    ('common_name', 'names', 'code'),
    [
        ('bank.com', ['a.corp'], 102),
        ('b.corp', ['a.corp'], None),
        ('My Service', ['a.corp'], None),
        ('postgres', ['a.corp'], None),
        ('bank.com', [], 102),
        ('b.corp', [], None),
        ('system:node:a', [], 102),
        ('bank.com.', [], 102),
    ],
)
def test_a_common_name_is_within_the_allowed_domains(
    common_name: str, names: list[str], code: int | None
):
    request = _request(*names, subject=((COMMON_NAME, common_name),))

    assert _code(request, allowed_domains=('corp',)) == code


def test_every_common_name_is_within_the_allowed_domains():
    subject = ((COMMON_NAME, 'kafka'), (COMMON_NAME, 'www.bank.com'))

    assert _code(_request('a.corp', subject=subject), allowed_domains=('corp',)) == 102
