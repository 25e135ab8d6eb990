"""Certificates of an ACME server, by DNS-01, through the lego binary: the issuer of this charm."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import logging
import threading
from typing import TYPE_CHECKING, ClassVar

import authorities
import command
import journal
from answer import Judge, is_superseded
from clock import now
from failure_rows import Kind
from outcome import outcome
from tls_provider.issuer import (
    Capabilities,
    ErrorCode,
    Issued,
    Pending,
    Rejected,
    Unavailable,
)
from tls_provider.x509 import NameKind

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Container

    from account import Account
    from answer import Verdict
    from authority_roots import Roots
    from duplicates import History
    from journal import Brought, Journal
    from runs import Runs
    from tls_provider import x509
    from tls_provider.issuer import Outcome, Request

logger = logging.getLogger(__name__)


@dataclasses.dataclass
class Lego:
    """An issuer that runs one process of lego for each order. Also a `Revoker`.

    It changes two values in a pass, which the charm stores afterwards: `account` and `history`.
    Call `recover` first.
    """

    WAITS: ClassVar = 'waits for the first order, which registers the account'

    runs: Runs
    journal: Journal
    roots: Roots
    history: History
    clock: Callable[[], datetime.datetime] = now
    _registration: threading.Lock = dataclasses.field(default_factory=threading.Lock, repr=False)
    _given: set[int] = dataclasses.field(default_factory=set[int])
    """Serials of what this pass has given out."""
    _stopped: Unavailable | None = None
    """Why no order is begun any more in this pass."""

    def __post_init__(self):
        self.options = self.runs.options
        self._judge = Judge(self.roots)

    @property
    def account(self) -> Account | None:
        """As it is registered; None before the first order."""
        return self.runs.account

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

    def recover(self, settled: Container[str] = ()) -> None:
        """Take over what hooks before this one left on disk when they were killed.

        Args:
            settled: Serials that the ledger knows: what was noted of them is forgotten.

        """
        stored = self.account
        self.runs.learn(self.journal.account)
        try:
            for folder, brought in self.journal.recover():
                known = self.account
                self.runs.learn(folder)
                if self.account != known:
                    self.journal.leave_account(folder)
                if brought is not None:
                    self._count(brought)
            self.journal.tidy(settled, self.clock())
        except OSError as error:
            self._stop(_unwritable(error))
        if self.account == stored:
            self.journal.forget_account()

    def issue(self, request: Request, *, timeout: datetime.timedelta) -> Outcome:
        """Order a certificate, unless an order before has brought it already.

        No order is begun when the time is over. One that was begun is not broken off then: it
        would be spent. It has the time of option `order-timeout`.
        """
        end = self.clock() + timeout
        try:
            for brought in self.journal.find(request.csr.pem):
                if found := self._from_note(request, brought):
                    return found
            if held := self._held(request):
                return held
            return self._register_and_order(request, end)
        except command.Unusable as error:
            return self._stop(Unavailable(f'lego: {error}', blocked=True))
        except OSError as error:
            return self._stop(_unwritable(error))

    def revoke(
        self, certificate: x509.Certificate, *, generation: str, timeout: datetime.timedelta
    ) -> Unavailable | None:
        """Revoke by the account, at the server that issued."""
        server = generation.partition(' ')[0]
        if server not in {'', self.options.server}:
            name = authorities.name(server)
            return Unavailable(f'{name} has issued it: set option server as it was')
        if not self.runs.is_registered:
            return Unavailable('no ACME account of this server and option email is known')
        try:
            with self.journal.work(certificate.pem) as folder:
                found = self.runs.revoke(certificate, folder, timeout, self.clock())
        except (OSError, command.Unusable) as error:
            return Unavailable(f'lego: {error}')
        if found is None:
            return None
        if found.reason == 'unauthorized':
            message = 'not ordered with this option email; its own key can revoke it'
        else:
            message = f'{authorities.name(self.options.server)}: {found.message}'
        return Unavailable(message, found.reason)

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

    def _register_and_order(self, request: Request, end: datetime.datetime) -> Outcome:
        """The first order registers the account, and is alone: two registrations would collide.

        It shows, too, whether the root of this server is known.
        """
        self.runs.check_account()
        if not self.runs.is_registered:
            seconds = (end - self.clock()).total_seconds()
            if not self._registration.acquire(timeout=max(0, seconds)):
                return Pending(self.WAITS)
            try:
                if not self.runs.is_registered:
                    return self._place(request)
            finally:
                self._registration.release()
            if self.clock() >= end:
                return Pending(self.WAITS)
        return self._place(request)

    def _place(self, request: Request, *, again: bool = False) -> Outcome:
        """One order; once more where the server has forgotten the account."""
        if stopped := self._stopped or self._unknown_root:
            return stopped
        known = self.account
        with self.journal.work(request.csr.pem) as folder:
            finished, text = self.runs.order(folder)
            if self.account != known:
                self.journal.leave_account(folder)
        if text:
            return self._take(request, text)
        found = self.runs.classify(finished, self.clock())
        if found.kind is Kind.NO_ACCOUNT and known is not None and not again:
            self.runs.forget_registration(known)
            return self._place(request, again=True)
        result = outcome(found, self.options.server, self.clock())
        return self._stop(result) if isinstance(result, Unavailable) else result

    def _take(self, request: Request, text: str) -> Outcome:
        """Note what an order brought, before anything else is done with it."""
        brought = journal.parse(text)
        if brought is None:
            message = 'what the server sent cannot be read as a certificate'
            return Rejected(ErrorCode.OTHER, message, transient=True)
        self._count(brought)
        try:
            self.journal.keep(request.csr.pem, brought)
        except OSError as error:  # what was ordered is published all the same
            logger.warning('an order cannot be noted on disk: %s', error.strerror)
        return self._answer(request, brought).outcome

    def _from_note(self, request: Request, brought: Brought) -> Outcome | None:
        """What an order before brought; None where it is no answer, and another one is needed."""
        if request.replaces and is_superseded(brought, request.replaces):
            return None
        if brought.certificate.serial in self._given:  # to the same request in another relation
            return None
        verdict = self._answer(request, brought)
        if not verdict.fits:
            return None
        self._count(brought)  # a hook that was lost has not stored it
        return verdict.outcome

    def _count(self, brought: Brought) -> None:
        self.history.note(brought.certificate.names, brought.certificate.not_before)

    @functools.cached_property
    def _unknown_root(self) -> Unavailable | None:
        """As the last order showed that is not published: another one would show it again.

        Where other roots are given than at that order, another one may be worth it. Looked at
        once: an order of this pass that shows it stops the others by itself.
        """
        last = self.journal.newest()
        found = last and self._judge.unknown_root(last, self.clock())
        return self._stop(found) if found else None

    def _answer(self, request: Request, brought: Brought) -> Verdict:
        """What an order brought as the answer to a request."""
        verdict = self._judge.answer(request, brought, self.clock())
        serial = brought.certificate.serial
        if isinstance(verdict.outcome, Issued):
            self._given.add(serial)
        if isinstance(verdict.outcome, Unavailable):
            self._stop(verdict.outcome)
        if not verdict.fits:
            self.journal.drop(brought.certificate.hex_serial)
        return verdict

    def _stop(self, outcome: Unavailable) -> Unavailable:
        self._stopped = outcome
        return outcome


def _unwritable(error: OSError) -> Unavailable:
    return Unavailable(f'this unit cannot write its files: {error.strerror}', blocked=True)
