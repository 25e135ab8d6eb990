"""Brings Vault in line with the options, and the CA through its lives.

What is to be done follows from the state and the time alone. Nothing is asked of the server while
nothing is due, and each step may be repeated after a hook that was lost.
"""

from __future__ import annotations

import dataclasses
import datetime
import logging
from typing import TYPE_CHECKING

import authority
import ca_keys
import role
from authority import Asked, State
from errors import Failure, Kind
from tls_provider import x509
from tls_provider.issuer import NotReady

if TYPE_CHECKING:
    from collections.abc import Callable

    from options import Options
    from parent import Answer
    from pki import Issuer, Mount

logger = logging.getLogger(__name__)

CHECK = 3600
"""Seconds between two looks at a mount that this charm keeps."""
CHECK_OTHERS = 900
"""The same of a mount that somebody else keeps, and changes."""
NO_PARENT = 'integrate parent with a provider, or sign what get-ca-csr shows'


@dataclasses.dataclass
class Upkeep:
    """What is done before requests are served."""

    options: Options
    mount: Mount
    state: State
    """Changes; to be stored afterwards."""
    now: datetime.datetime
    last_expiry: Callable[[], int]
    """Gives the end of the last published certificate."""
    ask_parent: Callable[[Asked], Answer]
    """Hands a request to the parent, if there is one, and gives what came back so far."""
    remark: str = ''
    """What the operator should know though requests are served."""
    trouble: str = ''
    """What the operator has to mend though requests are served."""

    @property
    def second(self) -> int:
        """The time in seconds since the epoch."""
        return int(self.now.timestamp())

    def run(self) -> NotReady | None:
        """Do what is due; what is missing where there is no CA to sign with."""
        self.state = self.state.at(self.options.place, self.second)
        try:
            self._keep_token()
            if self._is_check_due():
                self.check()
            if not self.options.manages_mount:
                self._warn_of_end()
            elif self._is_renewal_due():
                self.renew()
            else:
                self._follow_parent()
        except Failure as failure:
            if self.state.current is None:
                return NotReady(failure.message, blocked=not failure.passes)
            if failure.passes:
                self.remark = failure.message
            else:
                self.trouble = failure.message
        current = self.state.current
        if current is None:
            return NotReady(self.remark or 'there is no CA yet', blocked=True)
        if current.not_after <= self.second:
            ended = f'the CA certificate ended at {_day(current.not_after)}'
            return NotReady(f'{ended}; {self.trouble or self.remark or NO_PARENT}', blocked=True)
        return None

    def check(self) -> None:
        """Make the mount what the options say, and find out what CA is in it."""
        if self.options.manages_mount:
            if not self.mount.is_there():
                logger.info('making mount %s', self.options.mount)
                self.mount.enable(self.options.ca.root_validity)
                self._lose_current()
            self.mount.configure(self.options.public_address)
            for name, values in role.roles(self.options).items():
                self.mount.write_role(name, values)
            self._find()
        else:
            self._follow()
        self.state = dataclasses.replace(
            self.state, applied=self._wanted(), checked_at=self.second
        )

    def mend(self) -> None:
        """After the server says that something is missing: look again, and make what can be made.

        Raises `Failure`.
        """
        self.check()
        if self.options.manages_mount and self._is_renewal_due():
            self.renew()
        if self.state.current is None:
            raise Failure(Kind.WRONG, self.remark)

    def renew(self) -> None:
        """Get another CA certificate, or come as far as possible today."""
        if self.options.ca.is_root:
            self.state = dataclasses.replace(self.state, asked=None)
            made = self._make_root()
            self._install(authority.issuing(
                made.chain, self.options.ca.fingerprint, made.id, made.key, made.name
            ))  # fmt: skip
            return
        asked = self.request()
        answer = self.ask_parent(asked)
        if answer.certificate is not None:
            self.take(answer.certificate, answer.chain)
            return
        if self.state.current is None:
            raise Failure(Kind.WRONG if answer.blocked else Kind.DOWN, answer.message)
        if self._is_aged() or self.state.current.made_with != self.options.ca.fingerprint:
            self.remark = f'CA ends {_day(self.state.current.not_after)}: {answer.message}'

    def _make_root(self) -> Issuer:
        """A new root, or the one that a hook has made which was lost."""
        name = ca_keys.last(self.options, self.mount)
        found = self.mount.issuer(name) if name else None
        if found is not None and self._fits(found) and not self.state.knows(found.id):
            return found
        name = ca_keys.following(self.options, self.mount)
        return self.mount.generate_root(name, self.options.ca)

    def _follow_parent(self) -> None:
        """Take over another certificate for the same key: a parent gives one when it has a new CA.

        One that the parent has revoked is replaced, with another key.
        """
        asked, current = self.state.asked, self.state.current
        if asked is None or current is None or self.options.ca.is_root or asked.key != current.key:
            return
        answer = self.ask_parent(asked)
        if answer.revoked:
            self.state = dataclasses.replace(self.state, asked=None)
            self.renew()
        elif answer.certificate and answer.certificate.fingerprint != current.fingerprint:
            self.take(answer.certificate, answer.chain)

    def prepared_request(self) -> str:
        """The request that an operator has signed, as PEM; raises `Failure`."""
        self._arrive()
        return self.request().csr

    def provided(
        self, certificate: x509.Certificate, others: tuple[x509.Certificate, ...]
    ) -> None:
        """Put in force what an operator had signed; raises `Failure`."""
        self._arrive()
        self.take(certificate, others)

    def _arrive(self) -> None:
        self.state = self.state.at(self.options.place, self.second)
        if self._is_check_due():
            self.check()

    def request(self) -> Asked:
        """The request that waits for an answer; made if there is none."""
        asked, wanted = self.state.asked, self.options.ca
        answered = asked and self.state.current and self.state.current.key == asked.key
        if asked is None or answered or asked.made_with != wanted.fingerprint:
            asked = ca_keys.request(self.options, self.mount, self.state)
            self.state = dataclasses.replace(self.state, asked=asked)
        return asked

    def take(self, certificate: x509.Certificate, others: tuple[x509.Certificate, ...]) -> None:
        """Put a signed CA certificate in force; raises `Failure` where it cannot be one."""
        asked = self.state.asked
        if asked is None:
            raise Failure(Kind.WRONG, 'no CA certificate is asked for')
        if certificate.public_key != x509.parse_request(asked.csr).public_key:
            raise Failure(Kind.WRONG, 'the CA certificate is for another key than the request')
        chain = authority.ordered(certificate, others)
        if wrong := authority.problem(chain, self.now):
            raise Failure(Kind.WRONG, f'the CA certificate cannot be used: {wrong}')
        issuer = self.mount.take(chain, asked.key)
        name = f'{asked.name}-{chain[0].fingerprint[:8]}'  # a key may get several certificates
        self._install(authority.issuing(chain, asked.made_with, issuer, asked.key, name))

    def _install(self, new: authority.Issuing) -> None:
        """Let the new CA sign beside the old one, then the old one no more."""
        self.mount.set_issuer(new.issuer, new.name, signs=True)
        self.mount.set_default(new.issuer)
        old = self.state.current
        if old and old.issuer != new.issuer:
            try:
                self.mount.set_issuer(old.issuer, old.name, signs=False)
            except Failure as failure:
                if failure.kind is not Kind.NO_ISSUER:  # somebody has deleted it
                    raise
            self.state = self.state.retire(self.second, self.last_expiry())
        self.state = dataclasses.replace(self.state, current=new)
        self.remark = ''
        logger.info('the CA %s is in force until %s', new.fingerprint[:16], _day(new.not_after))

    def _find(self) -> None:
        """See whether the CA is still there; take the one of the mount where none is known."""
        current = self.state.current
        if current is not None:
            found = self.mount.issuer(current.issuer)
            if found and found.signs and found.key:
                return
            logger.warning('the CA %s is gone from Vault', current.fingerprint[:16])
            self._lose_current()
        found = self.mount.issuer()
        if found is not None and self._fits(found):
            fingerprint = self.options.ca.fingerprint
            new = authority.issuing(found.chain, fingerprint, found.id, found.key, found.name)
            self._install(new)

    def _fits(self, found: Issuer) -> bool:
        """Whether an issuer can be what the options ask for."""
        if not (found.signs and found.key) or authority.problem(found.chain, self.now):
            return False
        return (len(found.chain) == 1) == self.options.ca.is_root

    def _follow(self) -> None:
        """Take over what the keeper of the mount has put in force."""
        chain = self.mount.public_chain()
        if wrong := authority.problem(chain, self.now):
            raise Failure(Kind.WRONG, f'mount {self.options.mount}: {wrong}')
        new = authority.issuing(chain, '')
        if self.state.current and self.state.current.chain != new.chain:
            self.state = self.state.retire(self.second, self.last_expiry())
        self.state = dataclasses.replace(self.state, current=new)

    def _lose_current(self) -> None:
        """It cannot be had back: certificates of it serve on, and another CA is made."""
        self.state = dataclasses.replace(
            self.state.retire(self.second, self.last_expiry()), asked=None
        )

    def _is_check_due(self) -> bool:
        state = self.state
        every = CHECK if self.options.manages_mount else CHECK_OTHERS
        aged = not state.checked_at <= self.second < state.checked_at + every
        return aged or state.applied != self._wanted()

    def _wanted(self) -> str:
        """Changes with what is set on the mount, and with who sets it."""
        login = self.options.login
        return f'{role.fingerprint(self.options)} {login.fingerprint if login else ""}'

    def _is_renewal_due(self) -> bool:
        current, asked = self.state.current, self.state.asked
        if current is None or current.made_with != self.options.ca.fingerprint or self._is_aged():
            return True
        # Somebody has asked for another one already.
        return asked is not None and asked.key != current.key and not self.options.ca.is_root

    def _is_aged(self) -> bool:
        current = self.state.current
        return current is not None and self.second >= current.renew_at(self.options.validity)

    def _warn_of_end(self) -> None:
        current = self.state.current
        if current and self._is_aged():
            self.remark = f'the CA ends at {_day(current.not_after)}: renew it in Vault'

    def _keep_token(self) -> None:
        """Renew the operator's token when a third of its life is over."""
        connection = self.mount.connection
        due = self.second >= self.state.renew_token_at
        if connection.login.method == 'token' and due:
            try:
                left = connection.renew_token()
            except Failure as failure:
                if failure.passes:
                    raise
                logger.warning('the token is not renewed: %s', failure.message)
                left = 0
            again = self.second + (max(60, left // 3) if left else 86400)
            self.state = dataclasses.replace(self.state, renew_token_at=again)


def _day(second: int) -> str:
    time = datetime.datetime.fromtimestamp(second, datetime.timezone.utc)
    return f'{time:%Y-%m-%d %H:%M} UTC'
