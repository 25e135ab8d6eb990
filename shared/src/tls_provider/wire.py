"""Databags of tls-certificates version 1: text to values and back.

Every function is total: any text gives values and complaints, never an exception. Answers are
written in the form that all generations of the requirer library accept: the request echoed byte
for byte, the chain with the leaf first, `revoked` a boolean, error entries with both spellings of
the request's key.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, cast

from tls_provider import x509
from tls_provider.issuer import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tls_provider.issuer import Capabilities

MAX_VALUE = 1 << 20
"""Greatest databag value that is read, in characters: about 950 requests with RSA-2048 keys."""
MAX_REQUEST = 1 << 16
"""Greatest signing request, in characters. An answer is about three times as large; the largest
honest request, 100 names of 252 characters with an RSA-4096 key, has 36 KB."""

MAX_ANSWERS = 8 << 20
"""Greatest sum of answers in one relation, in characters: half of what Juju takes in a databag.
Over its limit the whole hook would fail, for every relation."""

MAX_COMPLAINTS = 20
"""Entries of one databag that are complained of; one with more is not read to its end."""

_REQUESTS = 'certificate_signing_requests'
_OPTIONAL_ERROR_FIELDS = ('reason', 'provider', 'endpoint')
_RETIRED_KEYS = frozenset(
    {
        'unit_name',
        'common_name',
        'cert_requests',
        'client_cert_requests',
        'application_cert_requests',
        'intermediate_cert_requests',
    }
)


@dataclasses.dataclass(frozen=True)
class Submission:
    """One entry of `certificate_signing_requests`, as it was received."""

    csr: str
    """As it was received; of several PEM blocks the first request alone."""
    is_ca: bool
    owner: str
    """The unit or the application in whose databag it lies."""
    flaw: str = ''
    """Why it is refused whatever the request says; empty: no reason."""


@dataclasses.dataclass(frozen=True)
class Complaint:
    """Something in a requirer's databag that cannot be answered."""

    owner: str
    message: str
    unreadable: bool = False
    """Nothing of the databag can be read, so that it may hold requests that were answered."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """One entry of `certificates`."""

    csr: str
    certificate: str
    ca: str
    chain: tuple[str, ...]
    """Leaf first, root last."""
    revoked: bool = False
    notice_hours: int = 0
    """When older requirers should renew: hours before the end (`recommended_expiry_...`)."""


@dataclasses.dataclass(frozen=True)
class Refusal:
    """One entry of `request_errors`."""

    csr: str
    code: int
    message: str
    reason: str = ''
    provider: str = ''
    endpoint: str = ''


@dataclasses.dataclass(frozen=True)
class Answers:
    """What one relation's requirers are told."""

    entries: tuple[Entry, ...] = ()
    refusals: tuple[Refusal, ...] = ()


def read_requests(
    owner: str, databag: Mapping[str, str]
) -> tuple[list[Submission], list[Complaint]]:
    """The requests in one unit's or one application's databag."""
    text = databag.get(_REQUESTS)
    if text is None:
        if _RETIRED_KEYS.isdisjoint(databag):
            return [], []
        return [], [Complaint(owner, 'speaks the retired tls-certificates version 0; upgrade it')]
    if len(text) > MAX_VALUE:
        return [], [Complaint(owner, f'{_REQUESTS} is longer than {MAX_VALUE} characters', True)]
    items = _load_list(text)
    if items is None:
        return [], [Complaint(owner, f'{_REQUESTS} is not a JSON list', True)]
    submissions: list[Submission] = []
    complaints: list[Complaint] = []
    for number, item in enumerate(items, start=1):
        read = _read_submission(owner, item)
        if isinstance(read, Submission):
            submissions.append(read)
        else:
            complaints.append(Complaint(owner, f'request {number} of {len(items)}: {read}'))
        if len(complaints) > MAX_COMPLAINTS:
            break
    if len(complaints) > MAX_COMPLAINTS:
        complaints[-1] = Complaint(owner, 'too much is wrong; the rest is not read', True)
    return submissions, complaints


def read_answers(databag: Mapping[str, str]) -> Answers:
    """What we published in a relation. Entries that cannot be read are left out, so they go."""
    entries = (_read_entry(item) for item in _load_list(databag.get('certificates', '')) or ())
    refusals = (
        _read_refusal(item) for item in _load_list(databag.get('request_errors', '')) or ()
    )
    return Answers(
        tuple(entry for entry in entries if entry is not None),
        tuple(refusal for refusal in refusals if refusal is not None),
    )


def size(entry: Entry) -> int:
    """About the characters that an entry takes in the databag."""
    certificates = len(entry.certificate) + len(entry.ca) + sum(len(link) for link in entry.chain)
    return 500 + _written(entry.csr) + certificates * 21 // 20  # line ends take two characters


def expected_size(csr: str) -> int:
    """About the characters that the answer to a request will take: names come back twice."""
    return 6000 + 3 * _written(csr)


def refusal_size(csr: str) -> int:
    """About the characters that a refusal takes: the request stands in it twice."""
    return 600 + 2 * _written(csr)


def _written(text: str) -> int:
    """The characters that a stranger's text takes in JSON, up to twelve for one."""
    return len(json.dumps(text))


def write_answers(answers: Answers) -> dict[str, str]:
    """The values of our databag; the same answers always give the same text.

    `certificates` is there even when it is empty, because older requirers drop a databag without
    it. An empty text stands for an absent key.
    """
    entries = [
        {
            'certificate_signing_request': entry.csr,
            'certificate': entry.certificate,
            'ca': entry.ca,
            'chain': list(entry.chain),
            'revoked': entry.revoked,
            'recommended_expiry_notification_time': entry.notice_hours,
        }
        for entry in sorted(answers.entries, key=lambda entry: entry.csr)
    ]
    refusals = [
        {
            'csr': refusal.csr,
            'certificate_signing_request': refusal.csr,
            'error': _error(refusal),
        }
        for refusal in sorted(answers.refusals, key=lambda refusal: refusal.csr)
    ]
    return {
        'certificates': json.dumps(entries, sort_keys=True),
        'request_errors': json.dumps(refusals, sort_keys=True) if refusals else '',
    }


def write_capabilities(capabilities: Capabilities, application: str) -> dict[str, str]:
    """The value of `capabilities` for an application, as libraries from 1.10 read it."""
    fields: dict[str, object] = {
        'supports_ip_sans': capabilities.ip_sans,
        'supports_wildcard_dns': capabilities.wildcards,
        'supports_subdomain': capabilities.subdomains,
        'supports_ca_certificates': capabilities.certifies_ca_for(application),
        'provider_type': capabilities.provider_type,
    }
    if capabilities.allowed_domains:
        fields['allowed_domains'] = list(capabilities.allowed_domains)
    return {'capabilities': json.dumps(fields, sort_keys=True)}


def _error(refusal: Refusal) -> dict[str, object]:
    try:
        name = ErrorCode(refusal.code).name.lower()
    except ValueError:
        name = ErrorCode.OTHER.name.lower()
    error: dict[str, object] = {'code': refusal.code, 'name': name, 'message': refusal.message}
    optional = {field: getattr(refusal, field) for field in _OPTIONAL_ERROR_FIELDS}
    return error | {field: text for field, text in optional.items() if text}


def _load_list(text: str) -> list[object] | None:
    """The items of a JSON list; None for any other text."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):  # numbers of 4,300 digits and deep nesting are not JSON
        return None
    return cast('list[object]', value) if isinstance(value, list) else None


def _read_submission(owner: str, item: object) -> Submission | str:
    """A submission, or what is wrong with the entry."""
    if not isinstance(item, dict):
        return 'not a JSON object'
    fields = cast('dict[str, object]', item)
    csr, is_ca = fields.get('certificate_signing_request'), fields.get('ca')
    if not isinstance(csr, str):
        return 'certificate_signing_request is not a text'
    if len(csr) > MAX_REQUEST:
        return f'certificate_signing_request is longer than {MAX_REQUEST} characters'
    if is_ca is not None and not isinstance(is_ca, bool):  # library v1 never wrote it
        return 'ca is neither true nor false'
    text, flaw = x509.single_request(csr)
    return Submission(text, bool(is_ca), owner, flaw)


def _read_entry(item: object) -> Entry | None:
    fields = cast('dict[str, object]', item) if isinstance(item, dict) else {}
    csr, certificate = fields.get('certificate_signing_request'), fields.get('certificate')
    ca, chain = fields.get('ca'), fields.get('chain')
    if not (isinstance(csr, str) and isinstance(certificate, str) and isinstance(ca, str)):
        return None
    if not isinstance(chain, list) or not chain:
        return None
    links = tuple(str(link) for link in cast('list[object]', chain))
    if not all(_is_certificate_text(text) for text in (certificate, ca, *links)):
        return None
    notice = fields.get('recommended_expiry_notification_time')
    return Entry(
        csr=csr,
        certificate=certificate,
        ca=ca,
        chain=links,
        revoked=fields.get('revoked') is True,
        notice_hours=notice if isinstance(notice, int) and not isinstance(notice, bool) else 0,
    )


def _is_certificate_text(text: str) -> bool:
    """The shape of a PEM certificate; one that a requirer cannot load breaks all of its units."""
    begin, end = '-----BEGIN CERTIFICATE-----', '-----END CERTIFICATE-----'
    bare = text.strip()
    return bare.startswith(begin) and bare.endswith(end) and bare.count('-----BEGIN') == 1


def _read_refusal(item: object) -> Refusal | None:
    fields = cast('dict[str, object]', item) if isinstance(item, dict) else {}
    csr, error = fields.get('csr'), fields.get('error')
    if not (isinstance(csr, str) and isinstance(error, dict)):
        return None
    details = cast('dict[str, object]', error)
    code, message = details.get('code'), details.get('message')
    if not isinstance(code, int) or isinstance(code, bool) or not isinstance(message, str):
        return None
    texts = {field: details.get(field) for field in _OPTIONAL_ERROR_FIELDS}
    optional = {field: text for field, text in texts.items() if isinstance(text, str)}
    return Refusal(csr, int(code), message, **optional)
