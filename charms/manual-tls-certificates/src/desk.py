"""What the operator's actions do: from parameters and what waits to results and a new store.

Each function gives results to show and what changes; it raises `Failed` with a plain message, and
then nothing has changed. What becomes of a change is foreseen before it is made, so that a dry run
and a real one say the same.
"""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING, Any

import supply
from chain import Pool
from giving import Came, Change, give, had
from store import Refusal
from supply import Wrong
from tls_provider import listing, x509
from tls_provider.issuer import ErrorCode
from tls_provider.plan import Orders

if TYPE_CHECKING:
    import datetime
    import pathlib
    from collections.abc import Callable, Mapping, Sequence

    from store import Store
    from tls_provider.decision import Keep
    from tls_provider.summary import Result
    from tls_provider.x509 import Certificate

INVALID = 'Action input is not valid.'
DRY = 'Nothing was done: dry-run.'
REMOVED = 'the certificate was removed or revoked before: have another one signed'


class Failed(Exception):
    """The action cannot be carried out; the message says why."""

    def __init__(self, message: str, results: Mapping[str, object] | None = None):
        super().__init__(message)
        self.results = results or {}


@dataclasses.dataclass(frozen=True)
class Desk:
    """What an action works on."""

    requests: tuple[Keep, ...]
    """All of them, answered or not."""
    relations: frozenset[int]
    """Identifiers of the relations that are there."""
    store: Store
    anchors: Callable[[], tuple[Certificate, ...]]
    """Gives certificates at which chains may end, and that complete them."""
    load: Callable[[str], Mapping[str, str]]
    """Gives the content of a Juju secret by its identifier."""
    foresee: Callable[[Change], Result]
    """Gives what a pass would come to. All of these raise where the action is to fail."""
    now: datetime.datetime
    folder: pathlib.Path
    """Where files for the operator are put."""


@dataclasses.dataclass(frozen=True)
class Done:
    """What came of an action."""

    results: Mapping[str, object]
    change: Change | None = None
    """None: nothing changes."""


def guard(texts: Mapping[str, object], what: str) -> None:
    """Raise `Failed` where one of them holds a private key; nothing of it is shown."""
    for name, value in texts.items():
        if isinstance(value, str) and x509.holds_private_key(value):
            raise Failed(f'{what} {name} holds a private key: it is secret no longer')


def provide(desk: Desk, params: Mapping[str, Any]) -> Done:
    """`provide-certificate`: one certificate for one request."""
    anchors = desk.anchors()
    given = {**loaded(desk, params), **params}
    targets = _targets(desk, given)
    texts = [str(given.get(name) or '') for name in ('certificate', 'ca-certificate', 'ca-chain')]
    if not texts[0].strip() or not texts[1].strip():
        raise Failed('One or more action parameters are missing.')
    try:
        own = supply.certificates(texts[0], 'certificate')
        ca = supply.certificates(texts[1], 'ca-certificate')
        others = supply.certificates(texts[2], 'ca-chain') if texts[2].strip() else ()
    except Wrong as error:
        raise Failed(f'{INVALID} {error}') from error
    pool = Pool([*own, *others], [*ca, *anchors], desk.now)
    request = x509.parse_request(targets[0].csr)
    is_ca = targets[0].answer.key.endswith(':ca')
    candidates = [one for one in own if one.public_key == request.public_key] or others
    try:
        checked = supply.check(request, candidates, pool, is_ca=is_ca, now=desk.now, through=ca[0])
    except Wrong as error:
        raise Failed(str(error)) from error
    if checked.certificate.fingerprint in desk.store.removed:
        raise Failed(REMOVED)
    keys = {one.answer.key for one in targets}
    refused = {key: one for key, one in desk.store.refused.items() if key not in keys}
    store = dataclasses.replace(desk.store, refused=refused)
    came = give(store, [(one, checked) for one in targets], desk.foresee)
    lacking = [one for one in targets if not came.has(one, checked)]
    if len(lacking) == len(targets):
        raise Failed(f'the certificate fits and is not published: {came.reason(lacking[0])}')
    results: dict[str, object] = {'result': 'Certificates successfully provided.'}
    if all(had(one, checked) for one in targets):
        results['result'] = 'The certificate is published already.'
    if lacking:
        results['not-published'] = '; '.join(map(came.reason, lacking[:10]))
    if checked.warnings:
        results['warnings'] = '; '.join(checked.warnings)
    if params.get('dry-run'):
        return Done({**results, 'result': 'The certificate fits; nothing was published.'})
    return Done(results, came.change)


def _targets(desk: Desk, params: Mapping[str, Any]) -> list[Keep]:
    """The requests that a certificate is for: by id, or by the CSR as Canonical's charm wants."""
    if wanted := str(params.get('id') or '').strip():
        return [_by_id(desk.requests, wanted)]
    given = str(params.get('certificate-signing-request') or '')
    if not given.strip():
        raise Failed('One or more action parameters are missing.')
    what = 'certificate-signing-request'
    try:
        wanted_der = x509.parse_request(supply.text(given, what)).der
    except Wrong as error:
        raise Failed(f'{INVALID} {error}') from error
    except x509.Malformed as error:
        raise Failed(f'{INVALID} {what}: {error}') from error
    relation = params.get('relation-id')
    if relation is not None and relation not in desk.relations:
        raise Failed('Relation does not exist with the provided id.')
    found = [one for one in desk.requests if der(one.csr) == wanted_der]
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
    refused = dict(desk.store.refused)
    if params.get('withdraw'):
        if refused.pop(request.answer.key, None) is None:
            raise Failed('the request is not refused')
    else:
        refused[request.answer.key] = _refusal(params)
        if request.answer.serves:
            raise Failed('the request has a certificate; remove it first (remove-certificate)')
    change = Change(dataclasses.replace(desk.store, refused=refused))
    came = Came(change, desk.foresee(change))
    if params.get('withdraw'):
        result = f'The refusal is taken back; the request is {came.state(request)}.'
    else:
        result = 'The request is refused.'
    return _done(result, change, params)


def _refusal(params: Mapping[str, Any]) -> Refusal:
    code = params.get('code', int(ErrorCode.OTHER))
    known = {int(one) for one in ErrorCode} - {int(ErrorCode.SERVER_NOT_AVAILABLE)}
    if code not in known:
        raise Failed(f'{INVALID} code is none of {", ".join(map(str, sorted(known)))}')
    reason = str(params.get('reason') or '').strip()
    if not reason:
        raise Failed(f'{INVALID} reason is empty: say what the requirer should do')
    return Refusal(int(code), x509.printable(reason, 200))


def remove(desk: Desk, params: Mapping[str, Any]) -> Done:
    """`remove-certificate`: take a certificate back for good; its requests wait again."""
    request = _by_id(desk.requests, str(params.get('id') or '').strip())
    if request.answer.entry is None:
        raise Failed('the request has no certificate')
    try:
        certificate = x509.parse_certificate(request.answer.entry.certificate)
    except x509.Malformed:
        raise Failed('what is published for the request is no certificate') from None
    keys = listing.having(desk.requests, request)
    change = Change(desk.store.without(certificate), Orders(revoke=keys))
    came = Came(change, desk.foresee(change))
    states = collections.Counter(
        came.state(one) for one in desk.requests if one.answer.key in keys
    )
    became = ', '.join(f'{count} {state}' for state, count in states.items())
    result = f'The certificate is taken back for good; requests with it: {became}.'
    return _done(result, change, params)


def _done(result: str, change: Change, params: Mapping[str, Any]) -> Done:
    if params.get('dry-run'):
        return Done({'result': f'{result} {DRY}'})
    return Done({'result': result}, change)


def _by_id(requests: Sequence[Keep], wanted: str) -> Keep:
    try:
        return listing.find(requests, wanted, 'request', least=listing.LEAST_DIGITS)
    except ValueError as error:
        raise Failed(str(error)) from error


def paged(name: str, rows: Sequence[listing.Row], params: Mapping[str, Any]) -> dict[str, object]:
    """The page of rows that the parameter asks for, and which it is of how many."""
    wanted = params.get('page', 1)
    try:
        text, count = listing.json_page(rows, int(wanted))
    except ValueError as error:
        raise Failed(str(error)) from error
    return {name: text, **({'page': f'{wanted} of {count}'} if count > 1 else {})}


def loaded(desk: Desk, params: Mapping[str, Any]) -> Mapping[str, str]:
    """What the secret of parameter `secret` holds; empty where none is given."""
    if not params.get('secret'):
        return {}
    content = desk.load(str(params['secret']))
    guard(content, 'the secret is not used: its key')
    return content


def der(csr: str) -> bytes:
    """DER of a request; empty where it cannot be read."""
    try:
        return x509.parse_request(csr).der
    except x509.Malformed:
        return b''
