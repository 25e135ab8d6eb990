"""Each verifier accepts what follows the profile and refuses what does not: its word counts."""

from __future__ import annotations

import datetime
import functools

import pytest
from cryptography import x509 as c509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tls_provider import x509
from tls_provider.testing import evidence, pki, verifiers
from tls_provider.testing.verifiers import Presented, Refused

NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
P256 = 'ecdsa-p256'
EVERY = pytest.mark.parametrize('verifier', verifiers.VERIFIERS)
WITH_NAMES = pytest.mark.parametrize('verifier', [v for v in verifiers.VERIFIERS if v != 'NSS'])
"""Those that look at the host."""


@functools.cache
def _authority(key: str = P256, levels: int = 1) -> pki.Authority:
    authority = pki.Authority.root(f'above {levels}', key=key)
    for below in reversed(range(levels)):
        authority = authority.intermediate(f'level {below}', key=key, path_length=below)
    return authority


def _present(
    leaf: x509.Certificate,
    *,
    host: str = 'a.example',
    root: x509.Certificate | None = None,
    key: str = P256,
) -> Presented:
    """A leaf of the authority with one level below its root."""
    *links, anchor = _authority().chain
    chain = (leaf.pem, *(link.pem for link in links))
    return Presented(chain, (root or anchor).pem, pki.private_key_pem(key), host)


def _sign(
    *names: pki.AnyName,
    start: datetime.datetime = NOW - DAY,
    life: datetime.timedelta = 90 * DAY,
    common_name: str = '',
    extensions: tuple[tuple[c509.ExtensionType, bool], ...] = (),
) -> x509.Certificate:
    request = x509.parse_request(pki.request(*names, common_name=common_name))
    return _authority().sign(request, start=start, life=life, extensions=extensions)


@pytest.mark.parametrize('key', ['rsa-2048', P256, 'ecdsa-p384', 'ecdsa-p521', 'ed25519'])
@pytest.mark.parametrize('levels', [0, 1, 2])
def test_all_accept_a_leaf_of_any_kind_under_a_root_and_below_intermediates(key: str, levels: int):
    authority = _authority(key, levels)
    request = x509.parse_request(pki.request('a.example', key=key))

    chain = [authority.sign(request, start=NOW - DAY), *authority.chain]

    assert len(chain) == levels + 2
    evidence.assert_verifies(chain, key)


@EVERY
@pytest.mark.parametrize(
    'host',
    ['a.example', '10.0.0.1', '2001:db8::1', 'postgres', 'any.b.example', f'{"c" * 63}.example'],
)
def test_each_finds_any_of_the_names(verifier: str, host: str):
    names = ('a.example', '10.0.0.1', '2001:db8::1', 'postgres', '*.b.example')

    leaf = _sign(*names, f'{"c" * 63}.example')

    verifiers.VERIFIERS[verifier](_present(leaf, host=host))


@WITH_NAMES
@pytest.mark.parametrize('host', ['b.example', 'a.a.example', '10.0.0.2', '::1'])
def test_a_host_that_is_not_named_is_refused(verifier: str, host: str):
    shown = _present(_sign('a.example', '10.0.0.1'), host=host)

    with pytest.raises(Refused):
        verifiers.VERIFIERS[verifier](shown)


def test_nss_looks_at_no_host():
    verifiers.nss(_present(_sign('a.example'), host='b.example'))


@EVERY
def test_a_leaf_whose_life_is_over_is_refused(verifier: str):
    shown = _present(_sign('a.example', start=NOW - 9 * DAY, life=DAY))

    with pytest.raises(Refused, match=r'(?i)expired|not valid at|not valid after'):
        verifiers.VERIFIERS[verifier](shown)


@EVERY
@pytest.mark.parametrize('key', ['ecdsa-p256/other', 'ecdsa-p256'])
@pytest.mark.parametrize('name', ['above 1', 'another'])
def test_the_root_has_to_be_the_one_that_signed(verifier: str, name: str, key: str):
    root = pki.Authority.root(name, key=key).certificate
    shown = _present(_sign('a.example'), root=root)

    if (name, key) == ('above 1', P256):  # the root that signed, renewed
        verifiers.VERIFIERS[verifier](shown)
        return
    with pytest.raises(Refused):
        verifiers.VERIFIERS[verifier](shown)


@EVERY
def test_an_intermediate_that_is_not_shown_is_missed(verifier: str):
    shown = _present(_sign('a.example'))
    alone = Presented(shown.chain[:1], shown.root, shown.private_key, shown.host)

    with pytest.raises(Refused):
        verifiers.VERIFIERS[verifier](alone)


@pytest.mark.parametrize('verifier', ['OpenSSL', 'GnuTLS', 'NSS', 'cryptography', 'Python ssl'])
def test_a_leaf_for_servers_alone_is_refused_as_client(verifier: str):
    purposes = c509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    shown = _present(_sign('a.example', extensions=((purposes, False),)))

    with pytest.raises(Refused):
        verifiers.VERIFIERS[verifier](shown)


@EVERY
def test_a_leaf_for_clients_alone_is_refused_as_server(verifier: str):
    purposes = c509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    shown = _present(_sign('a.example', extensions=((purposes, False),)))

    with pytest.raises(Refused):
        verifiers.VERIFIERS[verifier](shown)


@pytest.mark.parametrize('verifier', ['OpenSSL', 'Python ssl', 'cryptography'])
def test_strict_ones_refuse_names_that_should_be_critical(verifier: str):
    names = c509.SubjectAlternativeName([c509.DNSName('a.example')])
    shown = _present(_sign('a.example', extensions=((names, False),)))

    with pytest.raises(Refused):
        verifiers.VERIFIERS[verifier](shown)


@pytest.mark.parametrize('verifier', ['Python ssl', 'rustls'])
def test_a_handshake_needs_the_key_of_the_leaf(verifier: str):
    shown = _present(_sign('a.example'), key='ecdsa-p256/stolen')

    with pytest.raises((Refused, ValueError, OSError)):
        verifiers.VERIFIERS[verifier](shown)


def test_cryptography_knows_no_host_with_underscores():
    with pytest.raises(Refused, match='invalid domain name'):
        verifiers.cryptography(_present(_sign('a_b.example'), host='a_b.example'))


def test_cryptography_knows_no_client_without_names():
    with pytest.raises(Refused, match='missing required extension'):
        verifiers.cryptography(_present(_sign(common_name='system:node:a'), host=''))


@pytest.mark.parametrize(('root', 'leaf'), [('ed25519', P256), (P256, 'ed25519')])
def test_an_exception_that_is_none_any_more_is_an_error(
    root: str, leaf: str, monkeypatch: pytest.MonkeyPatch
):
    authority = _authority(root, 0)
    request = x509.parse_request(pki.request('a.example', key=leaf))
    chain = [authority.sign(request, start=NOW - DAY), *authority.chain]
    evidence.assert_verifies(chain, leaf)
    # What a release that knows Ed25519 would do.
    monkeypatch.setitem(verifiers.VERIFIERS, 'NSS', lambda _: None)

    with pytest.raises(AssertionError, match='NSS is listed as one that knows no Ed25519'):
        evidence.assert_verifies(chain, leaf)


def test_a_missing_program_is_an_error_and_no_verdict(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv('PATH', '')

    with pytest.raises(AssertionError, match='certtool is not installed') as raised:
        verifiers.gnutls(_present(_sign('a.example')))

    assert not isinstance(raised.value, Refused)


@pytest.mark.parametrize(
    ('names', 'expected'),
    [
        (('a.example', '10.0.0.1'), 'a.example'),
        (('::1',), '::1'),
        (('*.a.example',), 'www.a.example'),
        ((c509.RFC822Name('a@a.example'),), ''),
    ],
    ids=str,
)
def test_a_host_is_one_that_the_leaf_names(names: tuple[pki.AnyName, ...], expected: str):
    assert verifiers.host_of(_sign(*names)) == expected
