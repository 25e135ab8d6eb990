"""All requests that wait, as a list and as one archive for those who sign."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

from desk import Done, Failed, der, paged
from renewal import wants_certificate
from tls_provider import listing, x509

if TYPE_CHECKING:
    from collections.abc import Mapping

    from desk import Desk
    from tls_provider.decision import Keep

MOST_INLINE = 70_000
"""Bytes of an archive that a result of an action has room for, in base64."""
FILE = 'requests.tar.gz'


def outstanding(desk: Desk, params: Mapping[str, Any]) -> Done:
    """`get-outstanding-certificate-requests`: as Canonical's charm gives them."""
    if not desk.relations:
        raise Failed('No certificates relation has been created yet.')
    rows: list[listing.Row] = [
        {'csr': csr, 'relation_id': one.relation_id} for one, csr in _waiting(desk, params)
    ]
    return Done(paged('result', rows, params))


def requests(desk: Desk, params: Mapping[str, Any]) -> Done:
    """`export-requests`: what waits, as JSON and as an archive.

    The archive is also a file, which `juju scp` fetches.
    """
    rows = [_row(one, csr) for one, csr in _waiting(desk, params)]
    results = {'total': len(rows), **paged('requests', rows, params)}
    archive = _archive(rows)
    desk.folder.mkdir(exist_ok=True)
    place = desk.folder / FILE
    place.write_bytes(archive)
    results['file'] = str(place)
    if len(archive) <= MOST_INLINE:
        results['archive'] = base64.b64encode(archive).decode()
    return Done(results)


def _waiting(desk: Desk, params: Mapping[str, Any]) -> list[tuple[Keep, str]]:
    """Requests that somebody should sign and that can be read, each as plain PEM."""
    relation = params.get('relation-id')
    found = [
        (one, data)
        for one in desk.requests
        if relation is None or one.relation_id == relation
        if wants_certificate(one, desk.now) and (data := der(one.csr))
    ]
    return [(one, x509.encoded(data, 'CERTIFICATE REQUEST').strip()) for one, data in found]


def _row(one: Keep, csr: str) -> listing.Row:
    row = {**listing.request(one), 'file': f'{listing.request_id(one).replace(":", "-")}.csr'}
    if one.answer.serves:
        row['serves-until'] = listing.certificate(one)['not-after']
    return {**row, 'csr': csr}


def _archive(rows: list[listing.Row]) -> bytes:
    """A tar file, compressed: `manifest.json`, and each request as PEM."""
    manifest = [{key: value for key, value in row.items() if key != 'csr'} for row in rows]
    files = {'manifest.json': json.dumps(manifest, indent=1) + '\n'}
    files |= {str(row['file']): f'{row["csr"]}\n' for row in rows}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w:gz') as archive:
        for name, text in files.items():
            data = text.encode(errors='replace')
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
