"""Linters and verifiers agree on what the CA signs, whatever its key, also below other CAs."""

from __future__ import annotations

import datetime
import functools

import pytest
from cryptography import x509 as c509

import certificate_profile
from certificate_profile import Signer
from local_ca import KEY_ALGORITHMS
from tls_provider import x509
from tls_provider.issuer import Request
from tls_provider.ledger import Revoked
from tls_provider.testing import evidence, pki, verifiers
from tls_provider.testing.features import CASES, Case, Feature

NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
SUBJECT = [('2.5.4.6', 'DE'), ('2.5.4.10', 'Example'), ('2.5.4.3', 'The CA')]
SIGNED = [case for case in CASES if Feature.OTHER_NAME_SANS not in case.needs]


@functools.cache
def _root(algorithm: str) -> Signer:
    return Signer.load(*certificate_profile.make_root(SUBJECT, algorithm, 365 * DAY, NOW))


def _sign(
    signer: Signer,
    case: Case,
    key: str,
    purposes: tuple[str, ...] = ('server-auth', 'client-auth'),
) -> x509.Certificate:
    request = Request(x509.parse_request(case.request(key)), case.is_ca, 'kafka/0')
    return x509.parse_certificate(signer.sign(request, 90 * DAY, NOW, purposes))


def _parsed(signer: Signer) -> x509.Certificate:
    pem = signer.certificate.public_bytes(certificate_profile.serialization.Encoding.PEM)
    return x509.parse_certificate(pem.decode())


@pytest.mark.parametrize('algorithm', KEY_ALGORITHMS)
@pytest.mark.parametrize('case', SIGNED, ids=lambda case: case.name)
def test_what_a_ca_of_any_kind_signs_is_accepted(case: Case, algorithm: str):
    signer = _root(algorithm)

    chain = [_sign(signer, case, 'rsa-2048'), _parsed(signer)]

    evidence.assert_lints(chain)
    if not case.is_ca:
        evidence.assert_verifies(chain, 'rsa-2048')


@functools.cache
def _below(levels: int, algorithm: str) -> tuple[Signer, tuple[x509.Certificate, ...]]:
    """A signer that is so many levels below a root, and the certificates up to that root."""
    authority = pki.Authority.root(f'above {levels}', key=algorithm)
    for level in range(levels):
        last = level == levels - 1
        length = 0 if last else None
        authority = authority.intermediate(f'level {level}', key=algorithm, path_length=length)
    certificate = c509.load_der_x509_certificate(authority.certificate.der)
    return Signer(authority.key, certificate), authority.chain


@pytest.mark.parametrize(
    ('levels', 'algorithm', 'key'),
    [
        (1, 'ecdsa-p256', 'ecdsa-p256'),
        (2, 'rsa-2048', 'ecdsa-p384'),
        (1, 'ed25519', 'rsa-3072'),
        (2, 'ecdsa-p384', 'ed25519'),
    ],
)
@pytest.mark.parametrize(
    'case', [case for case in SIGNED if not case.is_ca], ids=lambda case: case.name
)
def test_what_is_signed_below_other_authorities_is_accepted(
    case: Case, levels: int, algorithm: str, key: str
):
    signer, above = _below(levels, algorithm)

    chain = [_sign(signer, case, key), *above]

    evidence.assert_lints(chain)
    evidence.assert_verifies(chain, key)


@pytest.mark.parametrize(
    ('purpose', 'refuses'), [('server-auth', 'sslclient'), ('client-auth', 'sslserver')]
)
def test_certificates_are_for_their_purposes_alone(purpose: str, refuses: str):
    signer = _root('ecdsa-p256')
    leaf = _sign(signer, CASES[1], 'ecdsa-p256', (purpose,))
    shown = verifiers.Presented((leaf.pem,), _parsed(signer).pem, '', 'a.example')
    accepts = {'sslserver', 'sslclient'} - {refuses}

    verifiers.openssl(shown, purposes=accepts)

    evidence.assert_lints([leaf, _parsed(signer)])
    with pytest.raises(verifiers.Refused, match='purpose'):
        verifiers.openssl(shown, purposes={refuses})


@pytest.mark.parametrize('algorithm', KEY_ALGORITHMS)
def test_a_revoked_leaf_is_rejected_by_the_revocation_list(algorithm: str):
    signer = _root(algorithm)
    revoked, good = (_sign(signer, case, 'ecdsa-p256') for case in CASES[:2])
    second = int(NOW.timestamp())
    listed = [Revoked(f'{revoked.serial:x}', 'gen', second, second + 99)]

    crl = signer.sign_revocation_list(listed, 90 * DAY, NOW)

    root = _parsed(signer).pem
    verifiers.openssl_with_crl(verifiers.Presented((good.pem,), root, ''), crl)
    with pytest.raises(verifiers.Refused, match='certificate revoked'):
        verifiers.openssl_with_crl(verifiers.Presented((revoked.pem,), root, ''), crl)
