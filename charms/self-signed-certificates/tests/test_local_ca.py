"""The local CA as a value: what it keeps, when it is due, and that it loads nothing in vain."""

from __future__ import annotations

import dataclasses
import datetime
import json
import subprocess
import sys
from collections.abc import Callable

import pytest
from cryptography import x509 as c509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import authority_secret
import certificate_profile
import local_ca
from local_ca import LocalCA, Options
from tls_provider import x509
from tls_provider.issuer import Issued, Issuer, Rejected, Request, Revoker, Unavailable
from tls_provider.ledger import Revoked
from tls_provider.x509 import Malformed

NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)
SECOND = datetime.timedelta(seconds=1)
DAY = datetime.timedelta(days=1)
OPTIONS = Options((('2.5.4.6', 'US'), ('2.5.4.3', 'The CA')), 'ecdsa-p256', 365 * DAY, 90 * DAY)


@pytest.fixture(scope='module')
def ca() -> LocalCA:
    return local_ca.create(OPTIONS, NOW)


def test_it_is_an_issuer(ca: LocalCA):
    issuer: Issuer = ca

    assert isinstance(issuer, Issuer)
    assert isinstance(issuer, Revoker)
    assert ca.capabilities.provider_type == 'self-signed'


def test_its_generation_is_the_fingerprint_of_its_certificate(ca: LocalCA):
    assert ca.generation == x509.fingerprint_of(ca.trust_anchors[0])
    assert ca.generation != local_ca.create(OPTIONS, NOW).generation


def test_it_is_read_as_it_was_stored(ca: LocalCA):
    assert authority_secret.read(authority_secret.write(ca), OPTIONS, NOW) == ca


def test_the_key_does_not_show_in_a_text(ca: LocalCA):
    assert ca.private_key.splitlines()[1] not in repr(ca)


def test_it_issues_under_its_own_root(ca: LocalCA, make_request: Callable[..., str]):
    request = Request(x509.parse_request(make_request('a.example')), False, 'kafka/0')

    outcome = ca.issue(request, timeout=DAY)

    assert isinstance(outcome, Issued)
    assert tuple(one.pem for one in outcome.chain) == ca.trust_anchors
    assert not x509.mismatch(request.csr, outcome.certificate, outcome.chain, is_ca=False, now=NOW)


@pytest.mark.parametrize(
    ('changes', 'due'),
    [
        ({}, False),
        ({'validity': 30 * DAY}, False),
        ({'subject': (('2.5.4.3', 'The CA'),)}, True),
        ({'key_algorithm': 'rsa-2048'}, True),
        ({'allowed_domains': ('a',)}, False),
        ({'ca_validity': 366 * DAY}, True),
    ],
)
def test_it_is_due_when_options_of_its_certificate_change(
    changes: dict[str, str], due: bool, ca: LocalCA
):
    wanted = dataclasses.replace(OPTIONS, **changes)

    assert authority_secret.read(authority_secret.write(ca), wanted, NOW).is_due() is due


@pytest.mark.parametrize(('late', 'due'), [(-SECOND, False), (0 * SECOND, True), (SECOND, True)])
def test_it_is_due_when_the_next_certificate_would_outlive_it(
    late: datetime.timedelta, due: bool, ca: LocalCA
):
    last = datetime.datetime.fromtimestamp(ca.not_after, datetime.timezone.utc) - 90 * DAY

    assert dataclasses.replace(ca, now=last + late).is_due() is due


@pytest.mark.parametrize(
    ('off', 'due'),
    [(0, False), (-1, False), (4, False), (5, True), (-5, True), (86400, True)],
)
def test_a_ca_without_notes_is_compared_with_the_options(
    off: int, due: bool, ca_content: Callable[..., dict[str, str]]
):
    content = ca_content('The CA', NOW, 365 * DAY + off * SECOND)

    ca = authority_secret.adopt(content, {}, OPTIONS, NOW)

    assert ca.is_due() is due
    assert ca.not_after == int((NOW + 365 * DAY).timestamp()) + off


@pytest.mark.parametrize('part', ['private-key', 'ca-certificate', 'made-with', 'not-after'])
def test_a_part_that_was_changed_is_noticed(part: str, ca: LocalCA):
    content = authority_secret.write(ca)
    content[part] = content[part].replace('0', '1', 1) + ' '

    with pytest.raises(Malformed, match='do not belong together'):
        authority_secret.read(content, OPTIONS, NOW)


def test_a_key_of_another_certificate_is_noticed_where_nothing_else_is_kept(
    ca_content: Callable[..., dict[str, str]],
):
    content = ca_content('The CA', NOW, 365 * DAY)
    other, _ = certificate_profile.make_root(OPTIONS.subject, 'ecdsa-p256', 365 * DAY, NOW)

    with pytest.raises(Malformed, match='not that of the certificate'):
        authority_secret.adopt(content | {'private-key': other}, {}, OPTIONS, NOW)


@pytest.mark.parametrize(
    'junk', [{'private-key': 'junk'}, {'ca-certificate': 'junk'}, {'ca-certificate': ''}]
)
def test_junk_is_no_ca(junk: dict[str, str], ca: LocalCA):
    with pytest.raises(Malformed):
        authority_secret.read(authority_secret.write(ca) | junk, OPTIONS, NOW)


def test_a_ca_that_signs_nothing_does_not_load_cryptography(ca: LocalCA):
    code = """
import datetime, json, sys
import charm, authority_secret, options
ca = authority_secret.read(
    json.load(sys.stdin), options.parse({}), datetime.datetime.now(datetime.timezone.utc))
ca.generation, ca.settings, ca.capabilities, ca.is_due(), ca.trust_anchors
print('cryptography' in sys.modules)
"""

    run = subprocess.run(
        [sys.executable, '-c', code],
        input=json.dumps(authority_secret.write(ca)),
        text=True,
        check=True,
        stdout=subprocess.PIPE,
    )

    assert run.stdout.strip() == 'False'


def test_a_digest_of_other_parts_is_noticed(ca: LocalCA):
    other = authority_secret.write(local_ca.create(OPTIONS, NOW))

    content = authority_secret.write(ca) | {'digest': other['digest']}

    with pytest.raises(Malformed, match='do not belong together'):
        authority_secret.read(content, OPTIONS, NOW)


@pytest.mark.parametrize('part', ['private-key', 'ca-certificate', 'made-with', 'not-after'])
def test_a_part_that_was_lost_is_noticed(part: str, ca: LocalCA):
    content = {key: text for key, text in authority_secret.write(ca).items() if key != part}

    with pytest.raises(Malformed, match='do not belong together'):
        authority_secret.read(content, OPTIONS, NOW)


def test_without_a_digest_the_certificate_counts_and_no_note(ca: LocalCA):
    content = authority_secret.write(ca) | {'made-with': 'junk', 'not-after': 'junk'}
    del content['digest']

    assert authority_secret.is_foreign(content)
    assert authority_secret.adopt(content, {}, OPTIONS, NOW) == dataclasses.replace(
        ca, adopted=True
    )


def test_what_is_adopted_is_stored_with_a_digest(ca_content: Callable[..., dict[str, str]]):
    ca = authority_secret.adopt(ca_content('The CA', NOW, 365 * DAY), {}, OPTIONS, NOW)

    content = authority_secret.write(ca)

    assert not authority_secret.is_foreign(content)
    stored = authority_secret.read(content, OPTIONS, NOW)
    assert stored == dataclasses.replace(ca, adopted=False)


@pytest.mark.parametrize('content', [{}, {'private-key': 'x'}, {'ca-certificate': 'x'}], ids=str)
def test_a_content_that_lacks_parts_is_no_ca(content: dict[str, str]):
    with pytest.raises(Malformed):
        authority_secret.adopt(content, {}, OPTIONS, NOW)


def _private_key(body: str) -> str:
    return f'-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----'


# PKCS 8 with the algorithm 1.3.101.117, which is none.
UNKNOWN_KEY = _private_key('MC4CAQAwBQYDK2V1BCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA')


@pytest.mark.parametrize(
    'key',
    [
        '',
        'junk',
        _private_key('junk'),
        '\ud800',
        UNKNOWN_KEY,
    ],
    ids=['none', 'junk', 'junk in a block', 'surrogate', 'unknown algorithm'],
)
def test_without_a_digest_a_key_that_cannot_be_loaded_is_no_ca(
    key: str, ca_content: Callable[..., dict[str, str]]
):
    content = ca_content('The CA', NOW, 365 * DAY) | {'private-key': key}

    with pytest.raises(Malformed):
        authority_secret.adopt(content, {}, OPTIONS, NOW)


class TestRetiring:
    def test_a_superseded_ca_is_trusted_as_long_as_its_certificates_may_live(self, ca: LocalCA):
        [retiring] = authority_secret.superseded(ca, 0)

        assert retiring.pem == ca.certificate
        assert retiring.until == int((NOW + 90 * DAY).timestamp())

    def test_it_is_trusted_for_a_day_at_least_but_not_beyond_its_end(self):
        short = dataclasses.replace(OPTIONS, validity=datetime.timedelta(hours=1))
        for ca_validity, until in ((365 * DAY, 1 * DAY), (DAY / 24 * 3, DAY / 24 * 3)):
            wanted = dataclasses.replace(short, ca_validity=ca_validity)
            ca = local_ca.create(wanted, NOW)

            [retiring] = authority_secret.superseded(ca, 0)

            late = int((NOW + until).timestamp()) - retiring.until
            assert 0 <= late <= 301  # the CA begins five minutes in the past

    def test_trust_anchors_are_the_ca_and_those_before_it_newest_first(self, ca: LocalCA):
        second = local_ca.create(OPTIONS, NOW, authority_secret.superseded(ca, 0))
        third = local_ca.create(OPTIONS, NOW, authority_secret.superseded(second, 0))

        assert third.trust_anchors == (third.certificate, second.certificate, ca.certificate)
        content = authority_secret.write(third)
        stripped = [one.strip() for one in third.trust_anchors]
        assert [one.strip() for one in authority_secret.trust_anchors(content, NOW)] == stripped
        read = authority_secret.read(content, OPTIONS, NOW)
        assert [one.strip() for one in read.trust_anchors] == stripped

    def test_they_retire(self, ca: LocalCA):
        retiring = authority_secret.superseded(ca, 0)
        late = NOW + 90 * DAY
        new = local_ca.create(OPTIONS, late, retiring)

        assert new.trust_anchors == (new.certificate,)
        content = authority_secret.write(new)
        assert authority_secret.trust_anchors(content, late) == [new.certificate]

    def test_it_is_trusted_as_long_as_its_last_certificate_lives(self, ca: LocalCA):
        last = int((NOW + 200 * DAY).timestamp())

        [retiring] = authority_secret.superseded(ca, last)

        assert retiring.until == last

    def test_what_is_found_of_a_lost_ca_is_trusted(self, ca: LocalCA):
        other = local_ca.create(OPTIONS, NOW)
        found = [ca.certificate, 'junk', other.certificate, f'{ca.certificate}\n', '']

        retiring = authority_secret.rescued(found, OPTIONS, NOW, 0)

        assert sorted(one.pem.strip() for one in retiring) == sorted(
            one.certificate.strip() for one in (ca, other)
        )

    def test_the_secret_stays_within_its_size(self):
        wanted = dataclasses.replace(OPTIONS, key_algorithm='rsa-4096')
        ca = local_ca.create(wanted, NOW)
        retiring = authority_secret.superseded(ca, 0)
        for _ in range(20):
            again = dataclasses.replace(ca, retiring=retiring)
            retiring = authority_secret.superseded(again, 0)

        content = authority_secret.write(dataclasses.replace(ca, retiring=retiring))

        assert 2 <= len(retiring) < 20
        assert max(map(len, content.values())) < 8 * 1024

    def test_the_ca_that_canonicals_charm_let_expire_is_trusted_still(
        self, ca_content: Callable[..., dict[str, str]]
    ):
        before = ca_content('Before', NOW, 365 * DAY)
        content = ca_content('The CA', NOW, 365 * DAY)

        ca = authority_secret.adopt(content, before, OPTIONS, NOW)

        assert ca.trust_anchors == (content['ca-certificate'], before['ca-certificate'])

    def test_no_content_has_no_anchors(self):
        assert authority_secret.trust_anchors({}, NOW) == []

    def test_a_damaged_content_has_none_either(self, ca: LocalCA):
        content = authority_secret.write(ca) | {'retire-at': 'x'}

        with pytest.raises(Malformed, match='do not belong together'):
            authority_secret.trust_anchors(content, NOW)


def test_a_certificate_for_the_key_of_the_ca_is_refused(ca: LocalCA):
    key = serialization.load_pem_private_key(ca.private_key.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    csr = c509.CertificateSigningRequestBuilder(c509.Name([])).sign(key, hashes.SHA256())
    text = csr.public_bytes(serialization.Encoding.PEM).decode()
    request = Request(x509.parse_request(text), False, 'kafka/0')

    outcome = ca.issue(request, timeout=DAY)

    assert isinstance(outcome, Rejected)
    assert 'key of the request is that of the CA' in outcome.message


def test_a_ca_of_the_future_signs_nothing_and_says_so(
    ca: LocalCA, make_request: Callable[..., str]
):
    request = Request(x509.parse_request(make_request('a.example')), False, 'kafka/0')

    outcome = dataclasses.replace(ca, now=NOW - DAY).issue(request, timeout=DAY)

    assert isinstance(outcome, Unavailable)
    assert outcome.blocked
    assert outcome.message == (
        'the CA is valid from 2026-02-28 23:55 UTC on; mend the clock or run rotate-private-key'
    )


def test_other_purposes_are_another_generation(ca: LocalCA):
    for usages in (('server-auth',), ('client-auth',)):
        wanted = dataclasses.replace(OPTIONS, extended_key_usages=usages)
        other = authority_secret.read(authority_secret.write(ca), wanted, NOW)

        assert not other.is_due()
        assert other.generation == f'{ca.generation} {usages[0]}'


def test_its_revocation_list_has_its_own_certificates(ca: LocalCA):
    second = int(NOW.timestamp())
    revoked = [
        Revoked('1f', ca.generation, second, second + 9),
        Revoked('2f', f'{ca.generation} server-auth', second, second + 9),
        Revoked('3f', 'another', second, second + 9),
    ]

    crl = c509.load_pem_x509_crl(ca.revocation_list(revoked).encode())

    assert [one.serial_number for one in crl] == [0x1F, 0x2F]
