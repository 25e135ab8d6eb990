"""The local CA as a value: what it keeps, when it is due, and that it loads nothing in vain."""

from __future__ import annotations

import dataclasses
import datetime
import json
import subprocess
import sys
from collections.abc import Callable

import pytest

import certificate_profile
import local_ca
from local_ca import LocalCA, Options
from tls_provider import x509
from tls_provider.issuer import Issued, Issuer, Request
from tls_provider.x509 import Malformed

NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)
SECOND = datetime.timedelta(seconds=1)
DAY = datetime.timedelta(days=1)
OPTIONS = Options('The CA', 365 * DAY, 90 * DAY)


@pytest.fixture(scope='module')
def ca() -> LocalCA:
    return local_ca.create(OPTIONS, NOW)


def test_it_is_an_issuer(ca: LocalCA):
    issuer: Issuer = ca

    assert isinstance(issuer, Issuer)
    assert ca.capabilities.provider_type == ca.settings == 'self-signed'


def test_its_generation_is_the_fingerprint_of_its_certificate(ca: LocalCA):
    assert ca.generation == ca.trust_anchors[0].fingerprint
    assert ca.generation != local_ca.create(OPTIONS, NOW).generation


def test_it_is_read_as_it_was_stored(ca: LocalCA):
    assert LocalCA.from_secret(ca.to_secret(), OPTIONS, NOW) == ca


def test_the_key_does_not_show_in_a_text(ca: LocalCA):
    assert ca.private_key.splitlines()[1] not in repr(ca)


def test_it_issues_under_its_own_root(ca: LocalCA, make_request: Callable[..., str]):
    request = Request(x509.parse_request(make_request('a.example')), False, 'kafka/0')

    outcome = ca.issue(request, timeout=DAY)

    assert isinstance(outcome, Issued)
    assert outcome.chain == ca.trust_anchors
    assert not x509.mismatch(request.csr, outcome.certificate, outcome.chain, is_ca=False, now=NOW)


@pytest.mark.parametrize(
    ('changes', 'due'),
    [
        ({}, False),
        ({'validity': 30 * DAY}, False),
        ({'common_name': 'Other'}, True),
        ({'ca_validity': 366 * DAY}, True),
    ],
)
def test_it_is_due_when_options_of_its_certificate_change(
    changes: dict[str, str], due: bool, ca: LocalCA
):
    wanted = dataclasses.replace(OPTIONS, **changes)

    assert LocalCA.from_secret(ca.to_secret(), wanted, NOW).is_due() is due


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

    ca = LocalCA.from_secret(content, OPTIONS, NOW)

    assert ca.is_due() is due
    assert ca.not_after == int((NOW + 365 * DAY).timestamp()) + off


@pytest.mark.parametrize('part', ['private-key', 'ca-certificate', 'made-with', 'not-after'])
def test_a_part_that_was_changed_is_noticed(part: str, ca: LocalCA):
    content = ca.to_secret()
    content[part] = content[part].replace('0', '1', 1) + ' '

    with pytest.raises(Malformed, match='do not belong together'):
        LocalCA.from_secret(content, OPTIONS, NOW)


def test_a_key_of_another_certificate_is_noticed_where_nothing_else_is_kept(
    ca_content: Callable[..., dict[str, str]],
):
    content = ca_content('The CA', NOW, 365 * DAY)
    other, _ = certificate_profile.make_root('The CA', 365 * DAY, NOW)

    with pytest.raises(Malformed, match='not that of the certificate'):
        LocalCA.from_secret(content | {'private-key': other}, OPTIONS, NOW)


@pytest.mark.parametrize(
    'junk', [{'private-key': 'junk'}, {'ca-certificate': 'junk'}, {'ca-certificate': ''}]
)
def test_junk_is_no_ca(junk: dict[str, str], ca: LocalCA):
    with pytest.raises(Malformed):
        LocalCA.from_secret(ca.to_secret() | junk, OPTIONS, NOW)


def test_a_ca_that_signs_nothing_does_not_load_cryptography(ca: LocalCA):
    code = """
import datetime, json, sys
import charm, local_ca, options
ca = local_ca.LocalCA.from_secret(
    json.load(sys.stdin), options.parse({}), datetime.datetime.now(datetime.timezone.utc))
ca.generation, ca.settings, ca.capabilities, ca.is_due()
print('cryptography' in sys.modules)
"""

    run = subprocess.run(
        [sys.executable, '-c', code],
        input=json.dumps(ca.to_secret()),
        text=True,
        check=True,
        stdout=subprocess.PIPE,
    )

    assert run.stdout.strip() == 'False'


def test_a_digest_of_other_parts_is_noticed(ca: LocalCA):
    other = local_ca.create(OPTIONS, NOW).to_secret()

    with pytest.raises(Malformed, match='do not belong together'):
        LocalCA.from_secret(ca.to_secret() | {'digest': other['digest']}, OPTIONS, NOW)


@pytest.mark.parametrize('part', ['private-key', 'ca-certificate', 'made-with', 'not-after'])
def test_a_part_that_was_lost_is_noticed(part: str, ca: LocalCA):
    content = {key: text for key, text in ca.to_secret().items() if key != part}

    with pytest.raises(Malformed, match='do not belong together'):
        LocalCA.from_secret(content, OPTIONS, NOW)


def test_without_a_digest_the_certificate_counts_and_no_note(ca: LocalCA):
    content = {key: text for key, text in ca.to_secret().items() if key != 'digest'}
    content |= {'made-with': 'junk', 'not-after': 'junk'}

    assert LocalCA.from_secret(content, OPTIONS, NOW) == ca


def test_what_is_stored_of_a_ca_without_a_digest_has_one(
    ca_content: Callable[..., dict[str, str]],
):
    ca = LocalCA.from_secret(ca_content('The CA', NOW, 365 * DAY), OPTIONS, NOW)

    assert LocalCA.from_secret(ca.to_secret(), OPTIONS, NOW) == ca


@pytest.mark.parametrize('content', [{}, {'private-key': 'x'}, {'ca-certificate': 'x'}], ids=str)
def test_a_content_that_lacks_parts_is_no_ca(content: dict[str, str]):
    with pytest.raises(Malformed):
        LocalCA.from_secret(content, OPTIONS, NOW)


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
        LocalCA.from_secret(content, OPTIONS, NOW)
