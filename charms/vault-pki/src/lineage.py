"""The CA in force through its lives: found, asked for, made, put in force, retired.

What is to be done follows from the state and the time alone. Each step may be repeated after a
hook that was lost.
"""

from __future__ import annotations

import dataclasses
import datetime
import logging
from typing import TYPE_CHECKING

import authority
import ca_keys
import naming
from above import Answer
from authority import Asked, Issuing, State
from errors import Failure, Kind
from pki import Issuer
from tls_provider import x509

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from above import Above
    from options import Options
    from pki import Mount

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Published:
    """What requirers have, as far as trust goes."""

    last_expiry: Callable[[], int]
    """Gives the end of the last certificate."""
    roots: Callable[[], Sequence[str]]
    """Gives the roots of all, as PEM."""


@dataclasses.dataclass
class Lineage:
    """The CA that signs, and those before and after it. What asks the server raises `Failure`."""

    options: Options
    mount: Mount
    state: State
    """Changes; to be stored afterwards."""
    now: datetime.datetime
    published: Published
    parent: Above
    remark: str = ''
    """What the operator should know though there is a CA."""

    @property
    def second(self) -> int:
        """The time in seconds since the epoch."""
        return int(self.now.timestamp())

    def is_renewal_due(self) -> bool:
        """Whether another CA certificate is wanted, or was asked for already."""
        current, asked = self.state.current, self.state.asked
        wanted = self.options.ca.fingerprint
        if current is None or current.made_with != wanted or self.is_aged():
            return True
        return asked is not None and asked.made_with == wanted and not self.options.ca.is_root

    def is_aged(self) -> bool:
        """Whether the CA in force is near its end."""
        current = self.state.current
        return current is not None and self.second >= current.renew_at(self.options.validity)

    def renew(self, spoilt: str = '') -> None:
        """Get another CA certificate, or come as far as possible today."""
        if self.options.ca.is_root:
            self.state = dataclasses.replace(self.state, asked=None)
            self.install(self._make_root(), self.options.ca.fingerprint)
            return
        asked = self.request(spoilt)
        answer = self.parent.ask(asked.csr)
        if answer.revoked and not spoilt:
            self.state = dataclasses.replace(self.state, asked=None)
            self.renew(asked.key)
            return
        if answer.certificate is not None and not answer.revoked:
            self.take(answer.certificate, answer.chain)
            return
        current = self.state.current
        if current is None:
            raise Failure(Kind.WRONG if answer.blocked else Kind.DOWN, answer.message)
        before = self.parent.answer(current.csr) if current.csr else Answer()
        if renewed := before.other_than(current.fingerprint):
            self.take(renewed, before.chain)
        elif before.revoked:
            self.remark = f'{before.message}; {answer.message}'
        elif self.is_aged() or current.made_with != self.options.ca.fingerprint:
            self.remark = f'CA ends {day(current.not_after)}: {answer.message}'

    def _make_root(self) -> Issuer:
        """A new root, or the one that a hook has made which was lost."""
        name = ca_keys.last(self.options, self.mount)
        found = self.mount.issuer(name) if name else None
        if found is not None and self.fits(found) and not self.state.knows(found.id):
            return found
        name = ca_keys.following(self.options, self.mount)
        made = self.mount.generate_root(name, self.options.ca)
        if not self.fits(made) or self.state.knows(made.id):
            message = f'mount {self.options.mount} has another CA with the name {name}: rename it'
            raise Failure(Kind.WRONG, message)
        return made

    def follow_parent(self) -> None:
        """Take over another certificate for the same key: a parent gives one when it has a new CA.

        One that the parent has revoked is replaced, with another key. A parent that does not have
        the request for the CA in force gets one.
        """
        asked, current = self.state.asked, self.state.current
        if asked is not None:  # of other options, which do not count any more
            self.state = dataclasses.replace(self.state, asked=None)
        if current is None or self.options.ca.is_root or not self.parent.is_there():
            return
        if not current.csr:
            held = self.request_of(x509.parse_certificate(current.chain[0]))
            csr = held or self.mount.request(current.key, self.options.ca)
            current = dataclasses.replace(current, csr=csr)
            self.state = dataclasses.replace(self.state, current=current)
        answer = self.parent.ask(current.csr)
        if answer.revoked:
            self.renew(current.key)
        elif renewed := answer.other_than(current.fingerprint):
            self.take(renewed, answer.chain)
        elif answer.blocked:
            self.remark = answer.message

    def request(self, spoilt: str = '') -> Asked:
        """The request that waits for an answer; made if there is none.

        Args:
            spoilt: The id of a key that is not to be used.

        """
        asked = self.state.asked
        if asked is None or asked.made_with != self.options.ca.fingerprint:
            asked = self._as_held(ca_keys.request(self.options, self.mount, self.state, spoilt))
            self.state = dataclasses.replace(self.state, asked=asked)
        return asked

    def _forgotten(self) -> Asked | None:
        found = ca_keys.forgotten(self.options, self.mount, self.state)
        return self._as_held(found) if found else None

    def _as_held(self, asked: Asked) -> Asked:
        """The request as the parent has it, if it has one for the same key and subject."""
        wanted = _asks_for(asked.csr)
        held = (csr for csr in self.parent.held() if _asks_for(csr) == wanted)
        return dataclasses.replace(asked, csr=next(held, asked.csr))

    def take(self, certificate: x509.Certificate, others: tuple[x509.Certificate, ...]) -> None:
        """Put a signed CA certificate in force; raises `Failure` where it cannot be one."""
        asked, current = self.state.asked, self.state.current
        if asked and _asks_for(asked.csr)[0] == certificate.public_key:
            wanted, left = asked, None
        elif current and _key_of_certificate(current) == certificate.public_key:
            wanted, left = Asked(current.csr, current.key, current.made_with), asked
        elif (found := self._forgotten()) and _asks_for(found.csr)[0] == certificate.public_key:
            wanted, left = found, asked
        elif asked or current:
            raise Failure(Kind.WRONG, 'the CA certificate is for another key than the request')
        else:
            raise Failure(Kind.WRONG, 'no CA certificate is asked for')
        chain = authority.ordered(certificate, others)
        if wrong := self.problem(chain):
            raise Failure(Kind.WRONG, f'the CA certificate cannot be used: {wrong}')
        issuer = self.mount.take(chain, wanted.key)
        self.install(Issuer(issuer, '', wanted.key, chain), wanted.made_with, wanted.csr)
        self.state = dataclasses.replace(self.state, asked=left)

    def install(self, new: Issuer, made_with: str, csr: str = '') -> None:
        """Let the new CA sign beside the old one, then the old one no more."""
        self.name(new, signs=True)
        default, old = self.mount.issuer(), self.state.current
        if (
            default is None
            or self.state.knows(default.id)
            or not naming.is_of_another(self.options, default.name)
        ):
            self.mount.set_default(new.id)
        if old and old.issuer != new.id:
            if before := self.mount.issuer(old.issuer):  # else somebody has deleted it
                self.name(before, signs=False)
            self._retire()
        current = authority.issuing(new.chain, made_with, issuer=new.id, key=new.key, csr=csr)
        self.state = dataclasses.replace(self.state, current=current).without_retired(current)
        self.remark = ''
        name = current.fingerprint[:16]
        logger.info('the CA %s is in force until %s', name, day(current.not_after))

    def name(self, issuer: Issuer, *, signs: bool) -> None:
        """Let an issuer sign or not; its name, which Vault wants again, is this application's."""
        is_own = issuer.name and not naming.is_of_another(self.options, issuer.name)
        name = issuer.name if is_own else naming.issuer(self.options, issuer.chain[0])
        self.mount.set_issuer(issuer.id, name, signs=signs)

    def request_of(self, certificate: x509.Certificate) -> str:
        """The request that a certificate answers, if the parent has it still."""
        held = self.parent.held()
        key = certificate.public_key
        return next((csr for csr in held if _asks_for(csr)[0] == key), '')

    def fits(self, found: Issuer) -> bool:
        """Whether an issuer is what the options ask for."""
        ca = self.options.ca
        is_kind = (len(found.chain) == 1) == ca.is_root
        return is_kind and self.is_usable(found) and ca.is_that_of(found.chain[0])

    def is_usable(self, found: Issuer) -> bool:
        """Whether an issuer can sign what is to be certified."""
        return found.signs and bool(found.key) and not self.problem(found.chain)

    def problem(self, chain: tuple[x509.Certificate, ...]) -> str:
        """Why a chain, CA certificate first, cannot be that of an issuing CA; empty: it can."""
        return authority.problem(chain, self.now, self.options.allowed_domains)

    def _retire(self) -> None:
        self.state = self.state.retire(self.second, self.published.last_expiry())

    def replace(self, new: Issuing) -> None:
        """Take over another CA, which somebody else has put in force."""
        if self.state.current and self.state.current.chain != new.chain:
            self._retire()
        self.state = dataclasses.replace(self.state, current=new)

    def lose(self) -> None:
        """It cannot be had back: certificates of it serve on, and another CA is made."""
        self._retire()
        self.state = dataclasses.replace(self.state, asked=None)


def day(second: int) -> str:
    """A time for people."""
    time = datetime.datetime.fromtimestamp(second, datetime.timezone.utc)
    return f'{time:%Y-%m-%d %H:%M} UTC'


def _asks_for(csr: str) -> tuple[bytes, tuple[tuple[str, str], ...]]:
    """Key and subject of a request; empty where it is none."""
    try:
        request = x509.parse_request(csr)
    except x509.Malformed:
        return b'', ()
    return request.public_key, request.subject


def _key_of_certificate(current: Issuing) -> bytes:
    return x509.parse_certificate(current.chain[0]).public_key
