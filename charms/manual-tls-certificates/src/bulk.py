"""Many certificates at once, in any order: which request each is for is found by its key."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import inbox
import supply
from desk import INVALID, Done, Failed, der, parsed, with_supplied
from supply import Wrong
from tls_provider import listing, x509

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from desk import Desk
    from supply import Checked
    from tls_provider.decision import Keep


def bundle(desk: Desk, params: Mapping[str, Any]) -> Done:
    """`import-certificates`: any number of certificates and CAs, in any order."""
    given = str(params.get('bundle') or '')
    if identifier := params.get('secret'):
        given = '\n'.join([given, *_as_pem(desk.load(identifier))])
    try:
        every = supply.certificates(given, 'bundle')
    except Wrong as error:
        raise Failed(f'{INVALID} {error}') from error
    every = tuple({one.fingerprint: one for one in every}.values())
    rows: list[dict[str, object]] = []
    accepted: list[Checked] = []
    answered: set[str] = set()
    keys = {one.key: one for one in desk.store.supplied}
    requests = [(one, x509.parse_request(one.csr)) for one in _readable(desk.requests)]
    for certificate in every:
        matching = [
            (keep, csr) for keep, csr in requests if csr.public_key == certificate.public_key
        ]
        row: dict[str, object] = {
            'subject': x509.printable(certificate.subject, 80),
            'names': [str(name) for name in certificate.names][:20],
            'serial': f'{certificate.serial:x}',
        }
        if not matching:
            row['outcome'] = 'CA certificate' if certificate.is_ca else 'no request has this key'
            rows.append(row)
            continue
        problems: list[str] = []
        ids: list[str] = []
        for keep, csr in matching:
            try:
                checked = supply.check(
                    csr,
                    [certificate],
                    [*every, *parsed(desk.anchors)],
                    is_ca=keep.answer.key.endswith(':ca'),
                    now=desk.now,
                )
            except Wrong as error:
                problems.append(str(error))
                continue
            ids.append(listing.request_id(keep))
            answered.add(inbox.name(keep.csr))
            if checked not in accepted:
                accepted.append(checked)
        if ids:
            known = keys.get(inbox.key_digest(certificate.public_key))
            is_old = known is not None and known.certificate == certificate.pem
            row |= {'outcome': 'already there' if is_old else 'supplied', 'requests': ids}
        else:
            row['outcome'] = f'wrong: {problems[0]}'
        rows.append(row)
    counts = _counts(rows)
    text = ', '.join(f'{number} {what}' for what, number in counts.items())
    results: dict[str, object] = {'result': text, 'report': json.dumps(rows)}
    if params.get('dry-run') or not accepted:
        return Done({**results, 'result': f'{text}; nothing was published'})
    return Done(results, with_supplied(desk.store, accepted, answered))


def _counts(rows: Sequence[Mapping[str, object]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        outcome = str(row['outcome']).partition(':')[0]
        found[outcome] = found.get(outcome, 0) + 1
    return found


def _readable(requests: Sequence[Keep]) -> list[Keep]:
    return [one for one in requests if der(one.csr)]


def _as_pem(content: Mapping[str, str]) -> list[str]:
    """Each value of a secret as PEM, where it is base64 too."""
    try:
        return [supply.text(value, f'key {key} of the secret') for key, value in content.items()]
    except Wrong as error:
        raise Failed(f'{INVALID} {error}') from error
