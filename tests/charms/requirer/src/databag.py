"""The charm's own side of the relation, where the library has to be helped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from charmlibs.interfaces.tls_certificates import (
    CertificateRequestAttributes,
    CertificateSigningRequest,
)

if TYPE_CHECKING:
    from collections.abc import MutableMapping

KEY = 'certificate_signing_requests'


def tidy(bag: MutableMapping[str, str], *, in_use: bool) -> None:
    """Remove the requests from an own databag that the library would never remove.

    Those are all requests of a scope that the mode no longer has, for the library then does not
    look at that databag; and requests that it cannot read: it reads its own databag without a
    guard, so one written raw would make every later hook fail.
    """
    text = bag.get(KEY)
    if text is not None and not (in_use and _readable(text)):
        del bag[KEY]


def _readable(text: str) -> bool:
    """Whether the library can read the value in every hook."""
    try:
        entries: list[dict[str, Any]] = json.loads(text)
        for entry in entries:
            csr = CertificateSigningRequest.from_string(entry['certificate_signing_request'])
            CertificateRequestAttributes.from_csr(csr, bool(entry['ca']))
    except Exception:  # junk fails in as many ways as there are parsers below
        return False
    return True
