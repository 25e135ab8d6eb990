"""Orders on this unit's disk: certificates that lego brought, and folders that it works in.

Juju commits what a hook writes when the hook ends well; an ACME order stays. What an order brought
is therefore noted here first, and a hook that comes after a crash publishes it without another
order. The journal holds certificates only, and may vanish.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from typing import TYPE_CHECKING

import command

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Generator

KEPT = 7 * 86400
"""Seconds that a certificate is kept. It is needed until the hook has ended."""
CERTIFICATE = 'certificates/out.crt'
"""Where lego puts what it brought, below a work folder."""
_WORK = '.work'


class Journal:
    """Finished orders at one server, by the text of the request."""

    def __init__(self, folder: pathlib.Path, server: str):
        self._folder = folder
        self._server = server

    def find(self, csr: str, replaces: str) -> str | None:
        """What an order for a request brought (PEM, certificate first) and is not published.

        Args:
            csr: PEM of the request.
            replaces: PEM of the certificate that is published, and that another one is wanted for.

        """
        with contextlib.suppress(OSError, UnicodeDecodeError):
            text = self._place(csr).read_text(encoding='ascii')
            if not replaces or replaces.strip() not in text:
                return text
        return None

    def keep(self, csr: str, text: str) -> None:
        """Note what an order brought, at once and whole; raises OSError."""
        place = self._place(csr)
        new = place.with_suffix('.new')
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w') as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(place)

    def drop(self, certificate: str) -> None:
        """Forget a certificate (PEM): it is not to be published any more."""
        for place in self._folder.glob('*.pem'):
            with contextlib.suppress(OSError, UnicodeDecodeError):
                if certificate.strip() in place.read_text(encoding='ascii'):
                    place.unlink()

    @contextlib.contextmanager
    def work(self, csr: str) -> Generator[pathlib.Path]:
        """An empty folder for one run of lego, for this user alone; removed afterwards.

        Raises OSError.
        """
        folder = self._place(csr).with_suffix(_WORK)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        try:
            (folder / 'request.csr').write_text(csr, encoding='utf-8')
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def recover(self) -> Generator[pathlib.Path]:
        """Clear up after hooks that were killed, and forget what is old.

        Gives each work folder that was left, before it is removed; what lego brought there is
        noted first. lego is ended where it still runs. Raises OSError.
        """
        for folder in sorted(self._folder.glob(f'*{_WORK}')):
            command.end(folder)
            with contextlib.suppress(OSError, UnicodeDecodeError):
                text = (folder / CERTIFICATE).read_text(encoding='ascii')
                if text.rstrip().endswith('-----END CERTIFICATE-----'):
                    folder.with_suffix('.pem').write_text(text, encoding='ascii')
            yield folder
            shutil.rmtree(folder, ignore_errors=True)
        for place in self._folder.glob('*.pem'):
            with contextlib.suppress(OSError):
                if place.stat().st_mtime < time.time() - KEPT:
                    place.unlink()

    def _place(self, csr: str) -> pathlib.Path:
        digest = hashlib.sha256(f'{self._server}\n{csr}'.encode()).hexdigest()
        return self._folder / f'{digest[:32]}.pem'
