"""Certificates of an ACME server, by DNS-01, through the lego binary: the issuer of this charm."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import logging
import threading
from typing import TYPE_CHECKING, ClassVar

import account
import command
import failure
import journal
from clock import now
from failure import Failure, Kind
from outcome import outcome
from tls_provider import x509
from tls_provider.issuer import Capabilities, ErrorCode, Issued, Rejected, Unavailable
from tls_provider.x509 import NameKind
from turns import Turns

if TYPE_CHECKING:
    import datetime
    import pathlib
    from collections.abc import Callable

    from account import Account
    from authority_roots import Roots
    from duplicates import History
    from journal import Journal
    from options import Options
    from tls_provider.issuer import Outcome, Request

logger = logging.getLogger(__name__)

SUPERSEDED = 4
"""Reason of a revocation (RFC 5280, 5.3.1)."""


@dataclasses.dataclass
class Lego:
    """An issuer that runs one process of lego for each order. Also a `Revoker`.

    It changes two values in a pass, which the charm stores afterwards: `account` and `history`.
    """

    UNKNOWN_ROOT: ClassVar = 'option ca-root-certificates'
    """How the message begins where a certificate came and its root is not known."""

    options: Options
    binary: Callable[[], pathlib.Path]
    """Gives the path of lego."""
    journal: Journal
    roots: Roots
    account: Account | None
    """As it is registered; None before the first order."""
    history: History
    clock: Callable[[], datetime.datetime] = now
    _lock: threading.RLock = dataclasses.field(default_factory=threading.RLock, repr=False)
    _registration: threading.Lock = dataclasses.field(default_factory=threading.Lock, repr=False)
    _turns: Turns = dataclasses.field(default_factory=Turns, repr=False)
    _recovered: bool = False
    _stopped: Unavailable | None = None
    """Why no order is begun any more in this pass."""

    @property
    def capabilities(self) -> Capabilities:
        """DNS names and nothing else."""
        return Capabilities(
            provider_type='acme',
            ip_sans=False,
            wildcards=self.options.wildcards,
            name_kinds=frozenset({NameKind.DNS}),
            allowed_domains=self.options.allowed_domains,
            certificate_limit=self.options.certificate_limit,
            parallel=self.options.parallel,
            endpoint=self.options.server,
        )

    @property
    def generation(self) -> str:
        """The server, and the chain where one is preferred."""
        return f'{self.options.server} {self.options.preferred_chain}'.rstrip()

    @property
    def settings(self) -> str:
        """Everything that an order depends on, secrets included."""
        return hashlib.sha256(self.options.everything().encode()).hexdigest()

    @property
    def trust_anchors(self) -> tuple[str, ...]:
        """The roots of what is published."""
        return self.roots.anchors()

    @property
    def revokes_withdrawn(self) -> bool:
        """As the operator wants it."""
        return self.options.revokes_withdrawn

    def issue(self, request: Request, *, timeout: datetime.timedelta) -> Outcome:
        """Order a certificate, unless an order before has brought it already.

        An order that was begun is not broken off when the time of the pass is over: it would be
        spent. It has the time of option `order-timeout`.
        """
        del timeout
        try:
            with self._turns.of(name.value for name in request.csr.names):
                self._recover()
                if text := self.journal.find(request.csr.pem, request.replaces):
                    return self._answer(request, text)
                if held := self._held(request):
                    return held
                return self._stopped or self._register_and_order(request)
        except command.Unusable as error:
            return self._stop(Unavailable(f'lego: {error}', blocked=True))
        except OSError as error:
            message = f'this unit cannot write its files: {error.strerror}'
            return self._stop(Unavailable(message, blocked=True))

    def revoke(
        self, certificate: x509.Certificate, *, timeout: datetime.timedelta
    ) -> Unavailable | None:
        """Revoke by the account that ordered."""
        self.journal.drop(certificate.pem)
        if self.account is None or not self.account.registration:
            logger.warning('a certificate is not revoked: its account is lost')
            return None
        try:
            with self.journal.work(certificate.pem) as folder:
                self.account.write(folder, self._features.generation)
                place = folder / journal.CERTIFICATE
                place.parent.mkdir(mode=0o700)
                place.write_text(certificate.pem, encoding='ascii')
                arguments = command.revoke_arguments(
                    self._order(folder), self._features, SUPERSEDED
                )
                finished = self._run(arguments, folder, timeout)
        except (OSError, command.Unusable) as error:
            return Unavailable(f'lego: {error}')
        if finished.status == 0 or 'alreadyRevoked' in finished.output:
            return None
        found = self._classify(finished)
        if found.reason in {'unauthorized', 'malformed'}:
            logger.warning('the server does not revoke a certificate: %s', found.message)
            return None
        return Unavailable(found.message, found.reason)

    @functools.cached_property
    def _binary(self) -> pathlib.Path:
        return self.binary()

    @functools.cached_property
    def _features(self) -> command.Features:
        with self._lock:
            if self.options.warning:
                logger.warning('%s', self.options.warning)
            return command.features(self._binary)

    def _recover(self) -> None:
        """Take over, once, what hooks before this one left when they were killed."""
        with self._registration:
            if not self._recovered:
                for folder in self.journal.recover():
                    self._learn(folder)
                self._recovered = True

    def _learn(self, folder: pathlib.Path) -> None:
        """The account as lego left it. A key counts before it is registered: it may be."""
        server, email = self.options.server, self.options.email
        found = account.found(folder, server, email, self._features.generation)
        if found is None:
            return
        with self._lock:
            known = self.account
            if known is None or (found.private_key == known.private_key and found.registration):
                self.account = found

    def _held(self, request: Request) -> Rejected | None:
        """The refusal of one more certificate for names that had several lately."""
        if not self.options.is_public or request.ordered:
            return None
        free_at = self.history.free_at(request.csr.names, self.clock())
        if free_at is None:
            return None
        day = f'{free_at:%Y-%m-%d %H:%M} UTC'
        message = f'these names had {self.history.MOST} certificates in 7 days; again on {day}'
        return Rejected(
            ErrorCode.SERVER_NOT_AVAILABLE,
            f'{message}, or at once by retry-requests',
            retry_at=free_at,
            transient=True,
        )

    def _register_and_order(self, request: Request) -> Outcome:
        """The first order registers the account, and is alone: two registrations would collide."""
        if self._is_registered:
            return self._place(request)
        with self._registration:
            if not self._is_registered:
                return self._stopped or self._place(request)
        return self._place(request)

    @property
    def _is_registered(self) -> bool:
        return self.account is not None and bool(self.account.registration)

    def _place(self, request: Request, *, again: bool = False) -> Outcome:
        """One order; once more where the server has forgotten the account."""
        known = self.account
        with self.journal.work(request.csr.pem) as folder:
            if known is not None:
                known.write(folder, self._features.generation)
            arguments = command.order_arguments(self._order(folder), self._features)
            finished = self._run(arguments, folder, self.options.order_timeout)
            self._learn(folder)
            text = ''
            with contextlib.suppress(OSError, UnicodeDecodeError):
                text = (folder / journal.CERTIFICATE).read_text(encoding='ascii')
        if text:
            self.history.note(request.csr.names, self.clock())
            try:
                self.journal.keep(request.csr.pem, text)
            except OSError as error:  # what was ordered is published all the same
                logger.warning('an order cannot be noted on disk: %s', error.strerror)
            return self._answer(request, text)
        found = self._classify(finished)
        if found.kind is Kind.NO_ACCOUNT and known is not None and not again:
            with self._lock:
                if self.account == known:  # no other order has registered it meanwhile
                    self.account = dataclasses.replace(known, registration='')
            return self._place(request, again=True)
        result = outcome(found, self.options.server, self.clock())
        return self._stop(result) if isinstance(result, Unavailable) else result

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

    def _classify(self, finished: command.Finished) -> Failure:
        found = failure.classify(
            finished, self.options.plugin, self.options.secrets(), self.clock()
        )
        logger.info('lego (%s): %s: %s', finished.status, found.kind.name, found.message)
        return found

    def _stop(self, outcome: Unavailable) -> Unavailable:
        self._stopped = outcome
        return outcome

    def _answer(self, request: Request, text: str) -> Outcome:
        """The certificate with its chain up to the root."""
        try:
            certificate, *above = x509.parse_certificates(text)
        except (x509.Malformed, ValueError):
            self.journal.drop(text)
            message = 'the server sent no certificate that can be read'
            return Rejected(ErrorCode.OTHER, message, transient=True)
        chain = self.roots.complete(certificate, above)
        if chain is None:
            top = (above or [certificate])[-1]
            message = f'{self.UNKNOWN_ROOT}: the root "{top.issuer}" is not known'
            return Unavailable(message, blocked=True)
        problem = x509.mismatch(
            request.csr, certificate, chain, is_ca=request.is_ca, now=self.clock()
        )
        if problem:
            self.journal.drop(certificate.pem)
            return Rejected(ErrorCode.OTHER, f'refused, for what the server sent: {problem}')
        return Issued(certificate, chain)
