"""Brings Vault in line with the options, before requests are served and after.

Nothing is asked of the server while nothing is due, and each step may be repeated after a hook
that was lost.
"""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING

import role
import search
from errors import Failure, Kind
from lineage import Lineage, day
from tls_provider.issuer import NotReady

if TYPE_CHECKING:
    from collections.abc import Callable

    from authority import State
    from options import Options
    from pki import Mount
    from tls_provider import x509

logger = logging.getLogger(__name__)

CHECK = 3600
"""Seconds between two looks at a mount that this charm keeps."""
CHECK_OTHERS = 900
"""The same of a mount that somebody else keeps, and changes."""
NO_PARENT = 'integrate parent with a provider, or sign what get-ca-csr shows'
SHORT = 0.99
"""Part of the life that a root should have; one with less was cut by the server."""


@dataclasses.dataclass
class Upkeep:
    """What is done before requests are served."""

    lineage: Lineage
    """The CA, which is kept here."""
    trouble: str = ''
    """What the operator has to mend though requests are served."""
    _is_searched: bool = False
    """Whether there is a CA in the mount is known in this pass."""

    @property
    def options(self) -> Options:
        """What the operator wants."""
        return self.lineage.options

    @property
    def mount(self) -> Mount:
        """Where it is wanted."""
        return self.lineage.mount

    @property
    def state(self) -> State:
        """What is known now; to be stored afterwards."""
        return self.lineage.state

    @property
    def remark(self) -> str:
        """What the operator should know though requests are served."""
        return self.lineage.remark

    def run(self) -> NotReady | None:
        """Do what is due; what is missing where there is no CA to sign with."""
        self._arrive()
        failures: list[Failure] = []
        for step in (self._keep_token, self._look, self._go_on):
            try:
                step()
            except Failure as failure:  # noqa: PERF203 : each step has its own
                failures.append(failure)
                is_hidden = self.state.current is None and not self._is_searched
                if failure.passes or failure.kind is Kind.NO_MOUNT or is_hidden:
                    break  # another CA is made only where there is none
        if failures:
            worst = failures[0]  # it is the cause of others
            if self.state.current is None:
                return NotReady(worst.message, blocked=not worst.passes)
            if worst.passes:
                self.lineage.remark = worst.message
            else:
                self.trouble = worst.message
        return self._missing()

    def _missing(self) -> NotReady | None:
        current = self.state.current
        if current is None:
            return NotReady(self.remark or 'there is no CA yet', blocked=True)
        if current.not_after <= self.lineage.second:
            ended = f'the CA certificate ended at {day(current.not_after)}'
            return NotReady(f'{ended}; {self.trouble or self.remark or NO_PARENT}', blocked=True)
        wanted = self.options.ca.root_validity.total_seconds()
        if (
            self.options.manages_mount
            and self.options.ca.is_root
            and current.not_after - current.not_before < wanted * SHORT
        ):
            end = day(current.not_after)
            self.lineage.remark = self.remark or f'Vault has cut the life of the root to {end}'
        return None

    def check(self) -> None:
        """Make the mount what the options say, and find out what CA is in it.

        What cannot be set hinders nothing else; it is raised at the end.
        """
        failures: list[Failure] = []

        def attempt(step: Callable[[], None]) -> bool:
            try:
                step()
            except Failure as failure:
                if failure.passes:
                    raise
                failures.append(failure)
                return False
            return True

        if self.options.manages_mount:
            attempt(self._have_mount)
            attempt(self._set_up)
            self._is_searched = attempt(lambda: search.find(self.lineage))
        else:
            search.follow_keeper(self.lineage)
        if failures:
            raise failures[0]
        self._change(applied=self._wanted(), checked_at=self.lineage.second)

    def _have_mount(self) -> None:
        longest, wanted = self.mount.longest_life(), self.options.ca.longest_life
        if longest is None:
            logger.info('making mount %s', self.options.mount)
            self.mount.enable(wanted)
            self.lineage.lose()
        elif longest < wanted.total_seconds():
            self.mount.allow(wanted)

    def _set_up(self) -> None:
        self.mount.configure(self.options.public_address)
        for name, values in role.roles(self.options).items():
            self.mount.write_role(name, values)

    def mend(self) -> None:
        """After the server says that something is missing: look again, and make what can be made.

        Raises `Failure`.
        """
        self.check()
        if self.options.manages_mount and self.lineage.is_renewal_due():
            self.lineage.renew()
        if self.state.current is None:
            raise Failure(Kind.WRONG, self.remark)

    def finish(self) -> None:
        """After requests were served: have what was revoked in the lists, once for all."""
        if not self.state.lists_due:
            return
        try:
            self.mount.make_lists()
        except Failure as failure:
            if failure.kind is not Kind.NO_MOUNT:
                if not failure.passes:
                    self.trouble = self.trouble or failure.message
                return
        self._change(lists_due=False)

    def note_revocation(self) -> None:
        """Remember that the lists have to be made anew."""
        self._change(lists_due=True)

    def prepared_request(self, *, renews: bool) -> str:
        """The request that an operator has signed, as PEM; raises `Failure`.

        Args:
            renews: Make one though the CA needs none.

        """
        self._arrive()
        if self.lineage.parent.is_there():
            message = 'endpoint parent is integrated, and its provider has the request'
            raise Failure(Kind.WRONG, f'{message}; remove that integration first')
        if self._is_check_due():
            self.check()
        current = self.state.current
        if current and not renews and not self.lineage.is_renewal_due():
            end = day(current.not_after)
            message = f'nothing is to be signed: the CA certificate is valid until {end}'
            raise Failure(Kind.WRONG, f'{message}; renew=true makes a request for another one')
        return self.lineage.request().csr

    def provided(
        self, certificate: x509.Certificate, others: tuple[x509.Certificate, ...]
    ) -> None:
        """Put in force what an operator had signed; raises `Failure`."""
        self._arrive()
        if self._is_check_due():
            self.check()
        self.lineage.take(certificate, others)

    def _arrive(self) -> None:
        lineage = self.lineage
        lineage.state = lineage.state.at(self.options.place, lineage.second)

    def _look(self) -> None:
        if self._is_check_due():
            self.check()
        elif self.state.current is None and self.options.manages_mount:
            search.find(self.lineage)  # it may be forgotten
            self._is_searched = True

    def _go_on(self) -> None:
        if not self.options.manages_mount:
            current = self.state.current
            if current and self.lineage.is_aged():
                end = day(current.not_after)
                self.lineage.remark = f'the CA ends at {end}: renew it in Vault'
        elif self.lineage.is_renewal_due():
            self.lineage.renew()
        else:
            self.lineage.follow_parent()
        self.lineage.parent.sync()

    def _is_check_due(self) -> bool:
        state, second = self.state, self.lineage.second
        every = CHECK if self.options.manages_mount else CHECK_OTHERS
        aged = not state.checked_at <= second < state.checked_at + every
        return aged or state.applied != self._wanted()

    def _wanted(self) -> str:
        """Changes with what is set on the mount, and with who sets it."""
        return f'{role.fingerprint(self.options)} {self._login}'

    @property
    def _login(self) -> str:
        login = self.options.login
        return login.fingerprint if login else ''

    def _keep_token(self) -> None:
        """Renew the operator's token when a third of its life is over."""
        connection, second = self.mount.connection, self.lineage.second
        is_due = second >= self.state.renew_token_at or self.state.renewed != self._login
        if connection.login.method == 'token' and is_due:
            try:
                left = connection.renew_token()
            except Failure as failure:
                if failure.passes:
                    raise
                logger.warning('the token is not renewed: %s', failure.message)
                left = 0
            again = second + (max(60, left // 3) if left else 86400)
            self._change(renew_token_at=again, renewed=self._login)

    def _change(self, **values: object) -> None:
        changed: State = dataclasses.replace(self.state, **values)
        self.lineage.state = changed
