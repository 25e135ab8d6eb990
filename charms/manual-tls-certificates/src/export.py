"""All requests that wait, as a manifest and as one archive for those who sign."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

import desk
from desk import Done, Failed
from tls_provider import listing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from desk import Desk

MOST_INLINE = 90_000
"""Bytes of an archive that a result of an action has room for, in base64."""
FILE = 'requests.tar.gz'


def requests(work: Desk, params: Mapping[str, Any]) -> Done:
    """`export-requests`: what waits, as JSON and as an archive.

    The archive is also a file, which `juju scp` fetches.
    """
    rows = [
        {**listing.request(one), 'file': f'{_stem(listing.request_id(one))}.csr', 'csr': one.csr}
        for one in desk.waiting(work)
        if params.get('relation-id') is None or one.relation_id == params.get('relation-id')
    ]
    archive = _archive(rows)
    work.folder.mkdir(exist_ok=True)
    place = work.folder / FILE
    place.write_bytes(archive)
    try:
        page = listing.page(rows, int(params.get('page', 1)))
    except ValueError as error:
        raise Failed(str(error)) from error
    results: dict[str, object] = {'total': len(rows), 'file': str(place), 'requests': page.json}
    if page.count > 1:
        results['page'] = f'{params.get("page", 1)} of {page.count}'
    if len(archive) <= MOST_INLINE:
        results['archive'] = base64.b64encode(archive).decode()
    return Done(results)


def _stem(identifier: str) -> str:
    return identifier.replace(':', '-')


def _archive(rows: list[dict[str, object]]) -> bytes:
    """A tar file, compressed: `manifest.json`, and each request as PEM."""
    manifest = [{key: value for key, value in row.items() if key != 'csr'} for row in rows]
    files = {'manifest.json': json.dumps(manifest, indent=1) + '\n'}
    files |= {str(row['file']): str(row['csr']).strip() + '\n' for row in rows}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w:gz') as archive:
        for name, text in files.items():
            data = text.encode(errors='replace')
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
