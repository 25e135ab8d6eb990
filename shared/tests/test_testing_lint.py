"""The linter finds what is planted, finds nothing where nothing is, and is heard about names."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509 as c509

from tls_provider import x509
from tls_provider.testing import lint, pki

NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)
AUTHORITY = pki.Authority.root().intermediate()


def _leaf(*names: pki.AnyName, common_name: str = '') -> x509.Certificate:
    text = pki.request(*names, common_name=common_name)
    return AUTHORITY.sign(x509.parse_request(text), start=NOW)


@pytest.mark.parametrize('key', ['rsa-2048', 'ecdsa-p256', 'ecdsa-p384', 'ed25519'])
def test_nothing_is_found_in_what_follows_the_profile(key: str):
    authority = pki.Authority.root(key=key).intermediate(key=key, path_length=1)
    authority = authority.intermediate('below', key=key)
    request = x509.parse_request(pki.request('a.example', '10.0.0.1', key=key))

    chain = (authority.sign(request, start=NOW), *authority.chain)

    assert [lint.findings(one) for one in chain] == [set()] * 4
    assert lint.chain_findings(chain) == set()


def test_what_is_missing_from_a_leaf_is_found():
    request = x509.parse_request(pki.request('a.example'))

    leaf = AUTHORITY.sign(request, start=NOW, without=[c509.AuthorityKeyIdentifier])

    assert lint.findings(leaf) == {'pkix.authority_key_identifier_extension_absent'}


def test_what_is_too_much_in_a_leaf_is_found():
    request = x509.parse_request(pki.request('a.example'))
    forbidden = c509.NameConstraints([c509.DNSName('a.example')], None)

    leaf = AUTHORITY.sign(request, start=NOW, extensions=[(forbidden, True)])

    assert 'pkix.name_constraints_in_ee_certificate' in lint.findings(leaf)


def test_names_that_should_be_critical_are_found():
    request = x509.parse_request(pki.request('a.example'))
    names = c509.SubjectAlternativeName([c509.DNSName('a.example')])

    leaf = AUTHORITY.sign(request, start=NOW, extensions=[(names, False)])

    assert lint.findings(leaf) == {'pkix.san_extension_not_critical_empty_subject'}


@pytest.mark.parametrize(
    'name',
    [
        '*.a.example',
        'postgres',
        c509.UniformResourceIdentifier('spiffe://a.example/b'),
        c509.UniformResourceIdentifier('urn:a:b'),
        c509.RFC822Name('a@b'),
    ],
    ids=str,
)
def test_a_name_that_only_the_linter_takes_for_wrong_is_right(name: pki.AnyName):
    assert lint.findings(_leaf(name, 'a.example')) == set()


@pytest.mark.parametrize(
    ('name', 'code'),
    [
        ('*', 'pkix.invalid_domain_name_syntax'),
        ('*.example', 'pkix.invalid_domain_name_syntax'),
        ('f*o.a.example', 'pkix.invalid_domain_name_syntax'),
        ('a b.example', 'pkix.invalid_domain_name_syntax'),
        ('a.example.', 'pkix.invalid_domain_name_syntax'),
        (c509.UniformResourceIdentifier('a b'), 'pkix.invalid_uri_syntax'),
        (c509.RFC822Name('a b@b'), 'pkix.invalid_email_address_syntax'),
    ],
    ids=str,
)
@pytest.mark.parametrize('beside', [[], ['*.b.example', 'postgres']], ids=['alone', 'beside'])
def test_a_name_that_is_wrong_is_found_beside_right_ones(
    name: pki.AnyName, code: str, beside: list[str]
):
    assert lint.findings(_leaf(name, *beside)) == {code}


def test_an_issuer_that_did_not_sign_is_found():
    other = pki.Authority.root('other').certificate

    found = lint.chain_findings([_leaf('a.example'), other])

    assert 'pkix.signature_verification_failed' in found


def test_a_wrong_link_is_found_wherever_it_is():
    other = pki.Authority.root('other').certificate

    assert lint.chain_findings([_leaf('a.example'), AUTHORITY.certificate, other]) != set()
