"""Orders on this unit's disk: certificates that lego brought, and folders that it works in.

Juju commits what a hook writes when the hook ends well; an ACME order stays. What an order brought
is therefore noted here first, and a hook that comes after a crash publishes it without another
order. Once a pass has been committed the ledger knows the serial, and the note goes. The journal
holds certificates only, and may vanish.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import errno
import hashlib
import os
import shutil
from typing import TYPE_CHECKING

import command
from tls_provider import x509

if TYPE_CHECKING:
    import datetime
    import pathlib
    from collections.abc import Container, Generator

    from tls_provider.ledger import Ledger

CERTIFICATE = 'certificates/out.crt'
"""Where lego puts what it brought, below a work folder."""
LEAST_FREE = 1 << 20
"""Bytes that the disk must have: an order whose certificate finds no room is lost."""
_WORK = '.work'
_NOTE = '.pem'
_ACCOUNT = 'account'


@dataclasses.dataclass(frozen=True)
class Brought:
    """What an order brought."""

    certificate: x509.Certificate
    above: tuple[x509.Certificate, ...]
    """The rest of the chain, as the server sent it."""


def parse(text: str) -> Brought | None:
    """From PEM as lego writes it; None for anything that is no certificate with its chain."""
    if not text.rstrip().endswith('-----END CERTIFICATE-----'):
        return None  # cut off
    try:
        certificate, *above = x509.parse_certificates(text)
    except (x509.Malformed, ValueError):
        return None
    return Brought(certificate, tuple(above))


def settled(book: Ledger) -> frozenset[str]:
    """Serials of certificates that need no note: published, revoked, or about to be revoked."""
    found = {record.serial for record in book.records.values() if record.serial}
    found |= {one.serial for one in book.revoked}
    for one in book.to_revoke:
        with contextlib.suppress(x509.Malformed):
            found.add(x509.parse_certificate(one.certificate).hex_serial)
    return frozenset(found)


class Journal:
    """Orders with one set of settings that make the certificate what it is."""

    def __init__(self, folder: pathlib.Path, settings: str = '', roots: str = ''):
        """Nothing is read or made before it is needed.

        Args:
            folder: For this journal alone; made when it is needed.
            settings: Any text: server, preferred chain, profile. Notes under others are not seen.
            roots: Any text: what roots are given, for `newest`.

        """
        self._folder = folder
        self._key = hashlib.sha256(settings.encode()).hexdigest()[:16]
        self._roots = hashlib.sha256(roots.encode()).hexdigest()[:8]

    def find(self, csr: str) -> list[Brought]:
        """What orders brought for a request (PEM) under these settings; newest first."""
        return self._all(f'{self._key}-{_digest(csr)}-*{_NOTE}')

    def newest(self) -> Brought | None:
        """What the last order brought under these settings and with these roots."""
        return next(iter(self._all(f'{self._key}-*-{self._roots}-*{_NOTE}')), None)

    def _all(self, pattern: str) -> list[Brought]:
        found = [self._read(place) for place in self._folder.glob(pattern)]
        known = [one for one in found if one is not None]
        return sorted(known, key=lambda one: one.certificate.not_before, reverse=True)

    def keep(self, csr: str, brought: Brought) -> None:
        """Note what an order brought, at once and whole; raises OSError."""
        self._note(f'{self._key}-{_digest(csr)}-{self._roots}', brought)

    def drop(self, serial: str) -> None:
        """Forget the certificate with a serial (hexadecimal digits)."""
        for place in self._folder.glob(f'*-{serial}{_NOTE}'):
            with contextlib.suppress(OSError):
                place.unlink()

    @contextlib.contextmanager
    def work(self, csr: str) -> Generator[pathlib.Path]:
        """An empty folder for one run of lego, for this user alone; removed afterwards.

        Raises OSError.
        """
        folder = self._folder / f'{self._key}-{_digest(csr)}-{self._roots}{_WORK}'
        self._folder.mkdir(mode=0o700, exist_ok=True)
        if shutil.disk_usage(self._folder).free < LEAST_FREE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        try:
            (folder / 'request.csr').write_text(csr, encoding='utf-8')
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def account(self) -> pathlib.Path:
        """A folder like a work folder, which may hold an account that Juju may not have yet."""
        return self._folder / _ACCOUNT

    def leave_account(self, folder: pathlib.Path) -> None:
        """Keep the account of a work folder for the next hook, should Juju not commit this one."""
        self.forget_account()
        with contextlib.suppress(OSError):  # then a hook that is lost costs the account
            self.account.mkdir(mode=0o700)
            (folder / 'accounts').rename(self.account / 'accounts')

    def forget_account(self) -> None:
        """Juju has it, or nobody wants it."""
        shutil.rmtree(self.account, ignore_errors=True)

    def recover(self) -> Generator[tuple[pathlib.Path, Brought | None]]:
        """Clear up after hooks that were killed.

        Gives each work folder that was left, before it is removed, and what lego had brought
        there, which is noted. lego is ended where it still runs. Raises OSError.
        """
        for folder in sorted(self._folder.glob(f'*{_WORK}')):
            command.end(folder)
            brought = self._read(folder / CERTIFICATE)
            if brought is not None:
                self._note(folder.stem, brought)
            yield folder, brought
            shutil.rmtree(folder, ignore_errors=True)

    def clear(self) -> None:
        """Clear up where nobody takes over the account: on a unit that does not lead, for one."""
        with contextlib.suppress(OSError):
            collections.deque(self.recover(), maxlen=0)
        self.forget_account()

    def tidy(self, settled: Container[str], now: datetime.datetime) -> None:
        """Forget what is settled, what has ended, and what cannot be read.

        Args:
            settled: Serials, hexadecimal digits.
            now: The present.

        """
        for place in self._folder.glob(f'*{_NOTE}'):
            _, _, serial = place.stem.rpartition('-')
            brought = None if serial in settled else self._read(place)
            if brought is None or brought.certificate.not_after <= now:
                with contextlib.suppress(OSError):
                    place.unlink()
        for half in self._folder.glob('*.new'):
            with contextlib.suppress(OSError):
                half.unlink()

    def _note(self, stem: str, brought: Brought) -> None:
        place = self._folder / f'{stem}-{brought.certificate.hex_serial}{_NOTE}'
        self._folder.mkdir(mode=0o700, exist_ok=True)
        text = '\n'.join(one.pem.strip() for one in (brought.certificate, *brought.above))
        new = place.with_suffix('.new')
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w') as file:
            file.write(f'{text}\n')
            file.flush()
            os.fsync(file.fileno())
        new.replace(place)

    @staticmethod
    def _read(place: pathlib.Path) -> Brought | None:
        try:
            return parse(place.read_text(encoding='ascii'))
        except (OSError, UnicodeDecodeError):
            return None


def _digest(csr: str) -> str:
    return hashlib.sha256(csr.encode()).hexdigest()[:32]
