"""Files with keys, certificates and trust: replaced as a whole, for the owner only."""

from __future__ import annotations

import hashlib
import json
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterable


def write(path: pathlib.Path, text: str) -> None:
    """Make a file hold a text, or not exist where the text is empty."""
    if not text:
        path.unlink(missing_ok=True)
        return
    new = path.with_suffix('.new')
    new.touch(mode=0o600)
    new.write_text(text, encoding='ascii')
    new.replace(path)


def fingerprint(pem: str) -> str:
    """Names a certificate: SHA-256 in hexadecimal digits."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def may_replace(folder: pathlib.Path, name: str, ca: str, trusted: Iterable[str | None]) -> bool:
    """Whether a certificate by a CA can take the place of the one in use.

    Not while there is a client that trusts the CA of the one in use and not the new one yet: until
    it has read of the new CA, it would refuse the certificate.

    Args:
        folder: Where files are.
        name: Of the certificate; none need be in use.
        ca: PEM of the new certificate's CA.
        trusted: What each client trusts, a JSON list of fingerprints; None where one does not say.

    """
    path = folder / f'{name}.ca'
    if not path.exists():
        return True
    used = fingerprint(path.read_text(encoding='ascii'))
    lists = [json.loads(one) for one in trusted if one]
    return all(used not in one or fingerprint(ca) in one for one in lists)


def replace(folder: pathlib.Path, name: str, key_and_chain: str, ca: str) -> None:
    """Put a certificate into use, and note who issued it."""
    write(folder / f'{name}.pem', key_and_chain)
    write(folder / f'{name}.ca', ca)


def remove(folder: pathlib.Path, name: str) -> None:
    """Have no certificate."""
    for suffix in ('pem', 'ca'):
        (folder / f'{name}.{suffix}').unlink(missing_ok=True)
