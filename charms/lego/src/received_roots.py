"""CA certificates that other applications hand over (interface certificate_transfer)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from tls_provider import x509

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def read(databags: Iterable[Mapping[str, str]]) -> tuple[str, ...]:
    """PEM texts of one certificate each from databags of both versions of the interface.

    Anything else counts as nothing: an application of another may write what it likes.
    """
    found: list[str] = []
    for databag in databags:
        try:
            listed = json.loads(databag.get('certificates', '[]'))
            chain = json.loads(databag.get('chain', '[]'))
        except (ValueError, RecursionError):  # nesting that is too deep is no JSON
            continue
        texts = [databag.get('ca', ''), databag.get('certificate', '')]
        for value in (listed, chain):
            texts += [str(text) for text in cast('list[Any]', value if _is_list(value) else [])]
        for text in texts:
            found += _certificates(text)
    return tuple(sorted(set(found)))  # units come in any order


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _certificates(text: str) -> list[str]:
    try:
        return [one.pem for one in x509.parse_certificates(text) if one.is_ca]
    except x509.Malformed:
        return []
