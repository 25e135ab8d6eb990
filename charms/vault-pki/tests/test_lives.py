"""Three lives of an intermediate CA, of seconds each, on the clock of a real server."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import time
from collections.abc import Mapping

import pytest
from conftest import CSR, ROOT, Bed, answer, asked, bag, chain, now, relate, sign

import options
from tls_provider import x509
from tls_provider.testing import pki

LEAF = datetime.timedelta(seconds=4)
CA_LIFE = datetime.timedelta(seconds=11)
DELAY = 1.5
"""Seconds that the parent takes to sign."""


@pytest.fixture(autouse=True)
def _seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lives of seconds cannot be configured, and nobody waits for three lives of minutes."""
    parse = options.parse

    def short(
        config: Mapping[str, object], load: options.Load, stored: Mapping[str, str]
    ) -> options.Options:
        return dataclasses.replace(parse(config, load, stored), validity=LEAF)

    monkeypatch.setattr(options, 'parse', short)


def sign_for_seconds(csr: str) -> x509.Certificate:
    """Of the parent; it starts five minutes ago."""
    return sign(csr, life=CA_LIFE + datetime.timedelta(minutes=5))


def test_through_three_lives_every_request_is_served_and_no_leaf_outlives_its_ca(bed: Bed):
    parent = relate(bed)
    bed.authorize()
    [csr] = asked(bed, parent)
    answer(bed, parent, csr, sign_for_seconds(csr), ROOT.certificate.pem)
    standing = bed.ask(CSR)
    other = bed.ask(app='other')
    authorities: list[str] = []
    due = None
    answered = csr
    looks = 0
    for number in itertools.count():
        current = bed.entry(standing)
        leaf, authority, _ = chain(current)
        assert leaf.not_before <= now() <= leaf.not_after, 'the standing request is not served'
        fresh = pki.request(f'n{number}.example.test')
        bed.write(other, remote_units_data={0: bag(fresh)})
        bed.changed(other)
        entry = bed.entry(other)
        assert entry.csr == fresh, 'a new request is not served in its hook'
        for one in (current, entry, bed.entry(standing)):
            served, issuer, root = chain(one)
            assert served.not_after <= issuer.not_after <= root.not_after
            assert x509.signed_by(served, issuer)
        assert bed.status[0] == 'active'
        looks += 1
        if authority.fingerprint not in authorities:
            authorities.append(authority.fingerprint)
            if len(authorities) == 4:
                break
        wanted = asked(bed, parent)[-1]
        if wanted != answered and due is None:
            due = time.monotonic() + DELAY
        if due and time.monotonic() >= due:
            answer(bed, parent, wanted, sign_for_seconds(wanted), ROOT.certificate.pem)
            answered, due = wanted, None
        time.sleep(0.1)

    assert looks > 30
    issuers = bed.bao.call('LIST', f'{bed.mount}/issuers')['data']['key_info']
    assert len(issuers) == 5, 'four CA certificates and the root'


def test_a_ca_that_ends_blocks_says_so_and_is_replaced_when_the_parent_signs(bed: Bed):
    parent = relate(bed)
    bed.authorize()
    [csr] = asked(bed, parent)
    ends = sign(csr, life=datetime.timedelta(minutes=5, seconds=6))
    answer(bed, parent, csr, ends, ROOT.certificate.pem)
    relation = bed.ask(CSR)
    before = bed.entry(relation)
    bed.run()
    while now() < ends.not_after:
        bed.run()
        time.sleep(0.3)
    time.sleep(1)

    bed.run()

    assert bed.status[0] == 'blocked'
    assert bed.status[1].startswith('the CA certificate ended at ')
    assert 'waits for above to sign the CA certificate' in bed.status[1]
    second = bed.ask(pki.request('b.example.test'), app='b')
    assert bed.answers(second).entries == ()
    wanted = asked(bed, parent)[-1]
    assert wanted != csr
    answer(bed, parent, wanted, sign(wanted), ROOT.certificate.pem)
    bed.later()
    bed.run()
    assert bed.entry(second)
    assert bed.entry(relation).chain[1] != before.chain[1]
    assert bed.status[0] == 'active'


def test_a_root_is_renewed_beside_the_old_one_and_both_are_trusted(rooted: Bed):
    relation = rooted.ask(CSR)
    before = rooted.entry(relation)
    current = rooted.authority['current']
    soon = int(time.time()) + 3
    rooted.replace_state(current={**current, 'not_after': soon})

    rooted.run()

    after = rooted.entry(relation)
    assert after.ca != before.ca
    assert rooted.act('get-ca-certificate')['trusted'].count('BEGIN') == 1 + (soon > time.time())
