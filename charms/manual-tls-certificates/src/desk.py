"""What the operator's actions do: from parameters and what waits to results and a new store.

Each function gives results to show and what changes; it raises `Failed` with a plain message, and
then nothing has changed.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import inbox
import supply
from inbox import Refusal, Store, Supplied
from supply import Wrong
from tls_provider import x509
from tls_provider.issuer import ErrorCode

if TYPE_CHECKING:
    import datetime
    import pathlib
    from collections.abc import Callable, Mapping, Sequence

    from supply import Checked
    from tls_provider.decision import Keep

INVALID = 'Action input is not valid.'
ID_DIGITS = 4
"""Of a request's digest, at least, in an id that is given to something that changes it."""


class Failed(Exception):
    """The action cannot be carried out; the message says why."""


@dataclasses.dataclass(frozen=True)
class Desk:
    """What an action works on."""

    requests: tuple[Keep, ...]
    """All of them, answered or not."""
    relations: frozenset[int]
    """Identifiers of the relations that are there."""
    store: Store
    anchors: tuple[str, ...]
    """PEM texts of certificates at which chains may end, and that complete them."""
    load: Callable[[str], Mapping[str, str]]
    """Gives the content of a Juju secret by its identifier; raises `Failed`."""
    now: datetime.datetime
    folder: pathlib.Path
    """Where files for the operator are put."""


@dataclasses.dataclass(frozen=True)
class Done:
    """What came of an action."""

    results: Mapping[str, object]
    store: Store | None = None
    """None: nothing changes."""
    revoke: frozenset[str] = frozenset()
    """Keys of requests whose published certificate is to go."""


def outstanding(desk: Desk, params: Mapping[str, Any]) -> Done:
    """`get-outstanding-certificate-requests`: as Canonical's charm gives them."""
    if not desk.relations:
        raise Failed('No certificates relation has been created yet.')
    relation = params.get('relation-id')
    rows = [
        {'csr': one.csr, 'relation_id': one.relation_id}
        for one in waiting(desk)
        if relation is None or one.relation_id == relation
    ]
    return Done({'result': json.dumps(rows)})


def waiting(desk: Desk) -> list[Keep]:
    """Requests that somebody should sign: not served, not refused, and such that can be read."""
    return [
        one
        for one in desk.requests
        if not one.answer.serves and one.answer.refusal is None and der(one.csr)
    ]


def provide(desk: Desk, params: Mapping[str, Any]) -> Done:
    """`provide-certificate`: one certificate for one request."""
    given = {**desk.load(params['secret']), **params} if params.get('secret') else params
    targets = _targets(desk, given)
    texts = [str(given.get(name) or '') for name in ('certificate', 'ca-certificate', 'ca-chain')]
    if not texts[0].strip() or not texts[1].strip():
        raise Failed('One or more action parameters are missing.')
    try:
        own = supply.certificates(texts[0], 'certificate')
        ca = supply.certificates(texts[1], 'ca-certificate')
        chain = supply.certificates(texts[2], 'ca-chain') if texts[2].strip() else ()
    except Wrong as error:
        raise Failed(f'{INVALID} {error}') from error
    others = [*chain, *ca, *parsed(desk.anchors)]
    request = x509.parse_request(targets[0].csr)
    try:
        checked = supply.check(
            request,
            [*own, *chain],
            others,
            is_ca=targets[0].answer.key.endswith(':ca'),
            now=desk.now,
            anchors=ca,
        )
    except Wrong as error:
        raise Failed(str(error)) from error
    if ca[0].fingerprint not in {one.fingerprint for one in checked.chain}:
        shown = x509.printable(ca[0].subject, 80)
        raise Failed(f'ca-certificate "{shown}" is not in the chain of the certificate')
    results: dict[str, object] = {'result': 'Certificates successfully provided.'}
    if checked.warnings:
        results['warnings'] = '; '.join(checked.warnings)
    if params.get('dry-run'):
        return Done({**results, 'result': 'The certificate fits; nothing was published.'})
    answered = {inbox.name(one.csr) for one in targets}
    return Done(results, with_supplied(desk.store, [checked], answered))


def _targets(desk: Desk, params: Mapping[str, Any]) -> list[Keep]:
    """The requests that a certificate is for: by id, or by the CSR as Canonical's charm wants."""
    if wanted := str(params.get('id') or '').strip():
        return [_by_id(desk.requests, wanted)]
    given = str(params.get('certificate-signing-request') or '')
    if not given.strip():
        raise Failed('One or more action parameters are missing.')
    try:
        csr = supply.text(given, 'certificate-signing-request')
        wanted_key = x509.parse_request(csr).der
    except (Wrong, x509.Malformed) as error:
        raise Failed(f'{INVALID} certificate-signing-request: {error}') from error
    relation = params.get('relation-id')
    if relation is not None and relation not in desk.relations:
        raise Failed('Relation does not exist with the provided id.')
    found = [one for one in desk.requests if der(one.csr) == wanted_key]
    if not found:
        raise Failed('CSR was not found in any requirer databags.')
    if relation is not None:
        found = [one for one in found if one.relation_id == relation]
        if not found:
            raise Failed("Requested relation id is not the correct id of any found CSR's.")
    if len({one.relation_id for one in found}) > 1:
        raise Failed('Multiple requirers with the same CSR found.')
    return found


def refuse(desk: Desk, params: Mapping[str, Any]) -> Done:
    """`refuse-request`: tell a requirer that it gets nothing, and why; or take that back."""
    request = _by_id(desk.requests, str(params.get('id') or '').strip())
    name = inbox.name(request.csr)
    refused = dict(desk.store.refused)
    if params.get('withdraw'):
        if refused.pop(name, None) is None:
            raise Failed('the request is not refused')
        result = 'The request waits again.'
    else:
        code = params.get('code', int(ErrorCode.OTHER))
        known = {int(one) for one in ErrorCode} - {int(ErrorCode.SERVER_NOT_AVAILABLE)}
        if code not in known:
            raise Failed(f'{INVALID} code is none of {", ".join(map(str, sorted(known)))}')
        reason = str(params.get('reason') or '').strip()
        if not reason:
            raise Failed(f'{INVALID} reason is empty: say what the requirer should do')
        if request.answer.serves:
            raise Failed('the request has a certificate; remove it first (remove-certificate)')
        refused[name] = Refusal(int(code), x509.printable(reason, 200))
        result = 'The request is refused.'
    if params.get('dry-run'):
        return Done({'result': f'{result} Nothing was done: dry-run.'})
    return Done({'result': result}, dataclasses.replace(desk.store, refused=refused))


def remove(desk: Desk, params: Mapping[str, Any]) -> Done:
    """`remove-certificate`: take a supplied certificate back; its request waits again."""
    request = _by_id(desk.requests, str(params.get('id') or '').strip())
    entry = request.answer.entry
    if entry is None:
        raise Failed('the request has no certificate')
    left = tuple(
        one for one in desk.store.supplied if one.certificate.strip() != entry.certificate.strip()
    )
    if params.get('dry-run'):
        return Done({'result': 'The certificate would go. Nothing was done: dry-run.'})
    return Done(
        {'result': 'The certificate is gone; its request waits again.'},
        dataclasses.replace(desk.store, supplied=left),
        frozenset({request.answer.key}),
    )


def _by_id(requests: Sequence[Keep], wanted: str) -> Keep:
    if not wanted:
        raise Failed('parameter id is missing; list-requests shows it')
    if len(wanted.partition(':')[2] or wanted) < ID_DIGITS:
        raise Failed(f'parameter id: give {ID_DIGITS} digits of the request at least')
    found = [
        one
        for one in requests
        if one.answer.key.startswith(wanted) or inbox.name(one.csr).startswith(wanted)
    ]
    if len(found) != 1:
        number = 'more than one' if found else 'no'
        raise Failed(f'{number} request has an id that begins with "{x509.printable(wanted, 40)}"')
    return found[0]


def with_supplied(store: Store, checked: Sequence[Checked], answered: set[str]) -> Store:
    """The store with more certificates; what they answer is refused no more."""
    new = [
        Supplied(
            certificate=one.certificate.pem,
            chain=tuple(link.pem for link in one.chain),
            key=inbox.key_digest(one.certificate.public_key),
            is_ca=one.certificate.is_ca,
            not_after=int(one.certificate.not_after.timestamp()),
        )
        for one in checked
    ]
    texts = {one.certificate for one in new}
    kept = [one for one in store.supplied if one.certificate not in texts]
    refused = {name: one for name, one in store.refused.items() if name not in answered}
    return dataclasses.replace(store, supplied=(*kept, *new), refused=refused)


def der(csr: str) -> bytes:
    """DER of a request; empty where it cannot be read."""
    try:
        return x509.parse_request(csr).der
    except x509.Malformed:
        return b''


def parsed(texts: Sequence[str]) -> list[x509.Certificate]:
    """Certificates of PEM texts that were checked before."""
    return [x509.parse_certificate(text) for text in texts]
