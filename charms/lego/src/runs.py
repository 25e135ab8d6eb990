"""Runs of lego with the charm's options and its account at the ACME server."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import threading
from typing import TYPE_CHECKING

import account
import command
import failure
import journal
from failure_rows import Kind
from tls_provider.issuer import ErrorCode

if TYPE_CHECKING:
    import datetime
    import pathlib
    from collections.abc import Callable

    from account import Account
    from failure import Failure
    from options import Options
    from tls_provider import x509

logger = logging.getLogger(__name__)

SUPERSEDED = 4
"""Reason of a revocation (RFC 5280, 5.3.1)."""


@dataclasses.dataclass
class Runs:
    """One process of lego for each run; used by threads.

    Methods that run lego raise OSError and `command.Unusable`.
    """

    options: Options
    binary: Callable[[], pathlib.Path]
    """Gives the path of lego."""
    account: Account | None
    """As it is registered; None before the first order. Changes with what lego leaves."""
    _lock: threading.RLock = dataclasses.field(default_factory=threading.RLock, repr=False)
    _is_checked: bool = False

    @property
    def is_registered(self) -> bool:
        """Whether the server knows the account, as far as is known here."""
        return self.account is not None and bool(self.account.registration)

    def order(self, folder: pathlib.Path) -> tuple[command.Finished, str]:
        """Order a certificate for the request in a work folder.

        Returns:
            How the run ended, and the chain in PEM, leaf first; empty where none came.

        """
        if self.account is not None:
            self.account.write(folder, self._features.generation)
        arguments = command.order_arguments(self._order(folder), self._features)
        finished = self._run(arguments, folder, self.options.order_timeout)
        self.learn(folder)
        text = ''
        with contextlib.suppress(OSError, UnicodeDecodeError):
            text = (folder / journal.CERTIFICATE).read_text(encoding='ascii')
        return finished, text

    def revoke(
        self,
        certificate: x509.Certificate,
        folder: pathlib.Path,
        timeout: datetime.timedelta,
        now: datetime.datetime,
    ) -> Failure | None:
        """Revoke a certificate in a work folder; None: it is revoked, now or before."""
        if self.account is not None:
            self.account.write(folder, self._features.generation)
        place = folder / journal.CERTIFICATE
        place.parent.mkdir(mode=0o700)
        place.write_text(certificate.pem, encoding='ascii')
        arguments = command.revoke_arguments(self._order(folder), self._features, SUPERSEDED)
        finished = self._run(arguments, folder, timeout)
        if finished.status == 0 or 'alreadyRevoked' in finished.output:
            return None
        if finished.status is None:
            message = 'the server did not answer in the time that was left'
            return failure.Failure(Kind.LATER, ErrorCode.SERVER_NOT_AVAILABLE, message)
        return self.classify(finished, now)

    def learn(self, folder: pathlib.Path) -> None:
        """Take the account as lego left it. A key counts before it is registered: it may be."""
        found = account.found(folder, self.options.server, self.options.email)
        if found is None:
            return
        with self._lock:
            known = self.account
            is_newer = known and known.private_key == found.private_key and not known.registration
            if known is None or is_newer:
                self.account = found

    def forget_registration(self, known: Account) -> None:
        """The server has forgotten this account: it is registered again, with its key."""
        with self._lock:
            if self.account == known:  # no other order has registered it meanwhile
                self.account = dataclasses.replace(known, registration='')

    def check_account(self) -> None:
        """An account whose key cannot be read is none; looked at once, as it was stored."""
        with self._lock:
            if self.account is None or self._is_checked:
                return
            self._is_checked = True
            self.account = self.account.usable(self._features.generation)
            if self.account is None:
                logger.warning('the key of the ACME account is damaged: another is registered')

    def classify(self, finished: command.Finished, now: datetime.datetime) -> Failure:
        """What a run that failed means."""
        found = failure.classify(finished, self.options.plugin, self.options.secrets(), now)
        logger.info('lego (%s): %s: %s', finished.status, found.kind.name, found.message)
        return found

    @functools.cached_property
    def _binary(self) -> pathlib.Path:
        return self.binary()

    @functools.cached_property
    def _features(self) -> command.Features:
        with self._lock:
            if self.options.warning:
                logger.warning('%s', self.options.warning)
            return command.features(self._binary)

    def _order(self, folder: pathlib.Path) -> command.Order:
        options = self.options
        if options.profile and not self._features.profile:
            raise command.Unusable('option profile: the binary is too old for it')
        return command.Order(
            server=options.server,
            email=options.email,
            folder=folder,
            plugin=options.plugin,
            nameservers=options.nameservers,
            propagation_wait=options.propagation_wait,
            preferred_chain=options.preferred_chain,
            profile=options.profile,
            external_account=options.external_account,
            is_registered=self.is_registered,
        )

    def _run(
        self, arguments: list[str], folder: pathlib.Path, timeout: datetime.timedelta
    ) -> command.Finished:
        variables = self.options.environment(self._features)
        if self.options.acme_roots:
            roots = folder / 'acme-roots.pem'
            roots.write_text('\n'.join(self.options.acme_roots), encoding='ascii')
            variables['LEGO_CA_CERTIFICATES'] = str(roots)
            variables['LEGO_CA_SYSTEM_CERT_POOL'] = 'true'
        variables['HOME'] = str(folder)
        return command.run(self._binary, arguments, variables, folder, timeout)
