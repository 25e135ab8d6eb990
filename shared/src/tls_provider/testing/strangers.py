"""Databags as strangers fill them: honest ones to start from, and what holds for any of them."""

from __future__ import annotations

import contextlib
import datetime
import functools
import json
from typing import TYPE_CHECKING

from tls_provider import ledger, policy, wire, x509
from tls_provider.decision import Ask, Keep, Refuse
from tls_provider.issuer import Capabilities, Rejected, Request
from tls_provider.plan import Authority, Relation, plan
from tls_provider.testing import pki, requirers
from tls_provider.testing.features import CASES
from tls_provider.testing.hostile_input import ATTACKS

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)
MAX_SHOWN = 200
"""Characters of a message that is logged or shown."""
_CAPABILITIES = Capabilities('any', ca_certificates=True, allowed_domains=('example',))
_KEYS = ('ecdsa-p256', 'rsa-2048', 'ed25519')


@functools.cache
def bags() -> tuple[dict[str, str], ...]:
    """Honest databags, hostile ones, and databags of our own with answers and ledger."""
    found = [dict(attack.bag()) for attack in ATTACKS]
    for index, case in enumerate(CASES):
        csr = case.request(_KEYS[index % len(_KEYS)])
        found.append(requirers.bag(csr, is_ca=case.is_ca))
    found += [_published()] * 20  # it has more to change than the others
    return tuple(bag for bag in found if len(str(bag)) < 40_000)


@functools.cache
def donors() -> tuple[str, ...]:
    """PEM texts of every kind, for parts of them to stand where they should not."""
    authority = pki.Authority.root('donor').intermediate('issuing')
    csr = pki.request('donor.example', '10.0.0.1', common_name='donor.example', key='rsa-2048')
    leaf = authority.sign(x509.parse_request(csr), start=NOW)
    cases = [case.request('ecdsa-p256') for case in CASES]
    chain = [one.pem for one in authority.chain]
    key = pki.private_key_pem('ecdsa-p256')
    return (csr, leaf.pem, *chain, key, *(case for case in cases if len(case) < 2000))


def _published() -> dict[str, str]:
    """Our own databag and ledger after two requests were served and one was refused."""
    authority = pki.Authority.root('published').intermediate('issuing')
    entries: list[wire.Entry] = []
    records: dict[str, ledger.Record] = {}
    for name in ('a.example', 'b.example'):
        csr = pki.request(name, common_name=name)
        leaf = authority.sign(x509.parse_request(csr), start=NOW)
        chain = tuple(one.pem.strip() for one in (leaf, *authority.chain))
        entries.append(wire.Entry(csr, chain[0], chain[-1], chain, notice_hours=9))
        records[ledger.key(1, csr, is_ca=False)] = ledger.issued(leaf, 'generation')
    refusal = wire.Refusal(pki.request('not valid'), 102, 'no', 'reason', 'any', 'https://a')
    answers = wire.Answers(tuple(entries), (refusal,))
    book = ledger.Ledger(
        'generation',
        records,
        (ledger.Revocation(entries[0].certificate, 'generation', 1 << 31),),
        (ledger.Revoked('1f', 'generation', 1, 1 << 31),),
    )
    submitted = requirers.bag(entries[0].csr, entries[1].csr)
    return {**submitted, **wire.write_answers(answers), 'ledger': ledger.dumps(book)}


def read_everything(bag: Mapping[str, str]) -> None:
    """Read a databag as the provider does, ours or another's; raises AssertionError.

    Whatever else comes out of it is a bug of a reader.
    """
    submissions, complaints = wire.read_requests('kafka/0', bag)
    assert len(complaints) <= wire.MAX_COMPLAINTS + 1
    for complaint in complaints:
        _assert_harmless(complaint.message)
    for submission in submissions:
        assert len(submission.csr) <= wire.MAX_REQUEST
        _read_request(submission)
    published = _read_answers(bag)
    book = ledger.loads(bag.get('ledger', ''))
    assert ledger.dumps(ledger.loads(ledger.dumps(book))) == ledger.dumps(book)
    ledger.current(book, NOW)
    _decide(submissions, complaints, published, book)


def _read_request(submission: wire.Submission) -> None:
    try:
        request = x509.parse_request(submission.csr)
    except x509.Malformed as error:
        if not error.loads:
            return
        request = None
    assert not _holds_key(submission.csr), 'it is echoed'
    if request is None:
        return
    assert request.pem == submission.csr
    str(request.key).encode()
    for name in (*request.names, *request.alternative_names):
        _assert_harmless(str(name))
        assert x509.is_host_name(name.value) in {True, False}
    for text in request.common_names:
        _assert_harmless(x509.printable(text))
    for rule in policy.rules(_CAPABILITIES):
        verdict = rule(Request(request, submission.is_ca, submission.owner))
        assert verdict is None or isinstance(verdict, Rejected)


def _holds_key(text: str) -> bool:
    return 'PRIVATE KEY-' in text.upper()


def _read_answers(bag: Mapping[str, str]) -> wire.Answers:
    published = wire.read_answers(bag)
    text = wire.write_answers(published)
    assert wire.write_answers(wire.read_answers(text)) == text
    for entry in published.entries:
        assert wire.size(entry) > 0
        _read_certificates(entry)
    return published


def _read_certificates(entry: wire.Entry) -> None:
    found: list[x509.Certificate] = []
    for text in (entry.certificate, *entry.chain):
        try:
            found.append(one := x509.parse_certificate(text))
        except x509.Malformed:
            continue
        finally:
            _fingerprint(text)
        assert x509.fingerprint_of(one.pem) == one.fingerprint
        assert one.not_before.tzinfo
        assert one.not_after.tzinfo
        for text_of in (one.subject, one.issuer, *map(str, one.names)):
            _assert_harmless(x509.printable(text_of))
        x509.signed_by(one, one)
    try:
        request = x509.parse_request(entry.csr)
    except x509.Malformed:
        return
    for more_names in (True, False):
        if found:
            why = x509.mismatch(
                request, found[0], found[1:], is_ca=False, now=NOW, more_names=more_names
            )
            assert why is None or isinstance(why, str)


def _fingerprint(text: str) -> None:
    with contextlib.suppress(x509.Malformed):
        assert len(x509.fingerprint_of(text)) == 64


def _decide(
    submissions: list[wire.Submission],
    complaints: list[wire.Complaint],
    published: wire.Answers,
    book: ledger.Ledger,
) -> None:
    """Each request that can be read has one decision, whatever is beside it."""
    relation = Relation(1, tuple(submissions), tuple(complaints), published)
    authority = Authority('generation', 'settings', policy.rules(_CAPABILITIES), None, frozenset)
    decided: list[str] = []
    for decision in plan([relation], book, authority, NOW):
        match decision:
            case Ask():
                decided.append(decision.request.csr.pem)
                _assert_harmless(x509.printable(decision.answer.record.message, MAX_SHOWN))
            case Refuse():
                decided.append(decision.csr)
                _assert_harmless(x509.printable(decision.rejected.message, MAX_SHOWN))
            case Keep() if decision.requirer:
                decided.append(decision.csr)
            case _:
                pass
    assert len(set(decided)) == len(decided)


def _assert_harmless(text: str) -> None:
    assert text.isprintable()
    assert len(text) <= MAX_SHOWN + 3


def dumps(bag: Mapping[str, str]) -> bytes:
    """A databag as a file of the corpus."""
    return json.dumps(bag).encode()


def loads(data: bytes) -> dict[str, str]:
    """The databag of a file; what is no text is left out. Raises ValueError, RecursionError."""
    value: object = json.loads(data)
    items = value.items() if isinstance(value, dict) else ()  # type: ignore[reportUnknownVariableType]
    return {str(key): text for key, text in items if isinstance(text, str)}  # type: ignore[reportUnknownVariableType, reportUnknownArgumentType]
