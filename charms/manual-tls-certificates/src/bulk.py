"""Many certificates at once, in any order: which request each is for is found by its key."""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING, Any

import supply
from chain import Pool
from desk import INVALID, REMOVED, Done, Failed, der, loaded, paged
from giving import Came, give, had
from supply import Wrong
from tls_provider import listing, x509

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from desk import Desk
    from supply import Checked
    from tls_provider.decision import Keep
    from tls_provider.x509 import Certificate, SigningRequest

MOST_SHOWN = 20
"""Names, requests and reasons that are shown of one certificate."""


@dataclasses.dataclass
class Sorted:
    """One certificate of a bundle and the requests that it is for."""

    certificate: Certificate
    matching: int
    """Requests with its key."""
    fits: list[tuple[Keep, Checked]]
    problem: str
    """Why it does not fit the first of the others."""

    def row(self, came: Came) -> listing.Row:
        """What became of it."""
        certificate = self.certificate
        row: listing.Row = {
            'subject': x509.printable(certificate.subject, 80),
            'names': [str(name) for name in certificate.names][:MOST_SHOWN],
            'serial': certificate.hex_serial,
        }
        having = [keep for keep, checked in self.fits if came.has(keep, checked)]
        others = [keep for keep, checked in self.fits if not came.has(keep, checked)]
        if not self.matching:
            row['outcome'] = 'CA certificate' if certificate.is_ca else 'no request has this key'
        elif having:
            is_new = any(came.has(*one) and not had(*one) for one in self.fits)
            row['outcome'] = 'supplied' if is_new else 'already there'
            row['requests'] = [listing.request_id(keep) for keep in having[:MOST_SHOWN]]
        elif others:
            row['outcome'] = f'not published: {came.reason(others[0])}'
        else:
            row['outcome'] = f'wrong: {self.problem}'
        if having and others:
            row['not-published'] = [
                f'{listing.request_id(keep)}: {came.reason(keep)}' for keep in others[:MOST_SHOWN]
            ]
        if warnings := {one for _, checked in self.fits for one in checked.warnings}:
            row['warnings'] = '; '.join(sorted(warnings))
        return row


def bundle(desk: Desk, params: Mapping[str, Any]) -> Done:
    """`import-certificates`: any number of certificates and CAs, in any order."""
    anchors = desk.anchors()
    every = _every(desk, params)
    pool = Pool(every, anchors, desk.now)
    requests: dict[bytes, list[tuple[Keep, SigningRequest]]] = collections.defaultdict(list)
    for keep in desk.requests:
        if der(keep.csr):
            csr = x509.parse_request(keep.csr)
            requests[csr.public_key].append((keep, csr))
    found = [_sort(desk, one, requests.get(one.public_key, []), pool) for one in every]
    came = give(desk.store, [one for sorted_ in found for one in sorted_.fits], desk.foresee)
    rows = [one.row(came) for one in found]
    counts = collections.Counter(str(row['outcome']).partition(':')[0] for row in rows)
    text = ', '.join(f'{number} {what}' for what, number in counts.items())
    results = {'result': text, **paged('report', rows, params)}
    tried = [row for row, one in zip(rows, found, strict=True) if one.matching]
    if tried and not any('requests' in row for row in tried):
        raise Failed(f'nothing was published: {tried[0]["outcome"]}', results)
    if params.get('dry-run') or not counts['supplied']:
        results['result'] = f'{text}; nothing was published'
    is_same = came.change.store == desk.store and not counts['supplied']
    if params.get('dry-run') or is_same:
        return Done(results)
    return Done(results, came.change)


def _every(desk: Desk, params: Mapping[str, Any]) -> list[Certificate]:
    """The certificates of the parameter and of the secret, each once; raises `Failed`."""
    texts = {'bundle': str(params.get('bundle') or '')}
    content = loaded(desk, params)
    texts |= {f'key {key} of the secret': value for key, value in content.items()}
    if content and not texts['bundle'].strip():
        del texts['bundle']
    try:
        found = [one for what, text in texts.items() for one in supply.certificates(text, what)]
    except Wrong as error:
        raise Failed(f'{INVALID} {error}') from error
    return list({one.fingerprint: one for one in found}.values())


def _sort(
    desk: Desk,
    certificate: Certificate,
    matching: Sequence[tuple[Keep, SigningRequest]],
    pool: Pool,
) -> Sorted:
    found = Sorted(certificate, len(matching), [], '')
    if certificate.fingerprint in desk.store.removed:
        found.problem = REMOVED
        return found
    for keep, csr in matching:
        is_ca = keep.answer.key.endswith(':ca')
        try:
            checked = supply.check(csr, [certificate], pool, is_ca=is_ca, now=desk.now)
        except Wrong as error:
            found.problem = found.problem or str(error)
        else:
            found.fits.append((keep, checked))
    return found
