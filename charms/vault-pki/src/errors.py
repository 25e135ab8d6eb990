"""What went wrong between charm and server, as one of few kinds that call for different reactions.

An answer is judged by its status first and by its text second: a gateway writes what it likes.
Texts are those of OpenBao 2.7 and of Vault, which OpenBao comes from.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import urllib.parse
from typing import TYPE_CHECKING

from tls_provider import x509
from tls_provider.issuer import ErrorCode, Pending, Rejected, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable


class Kind(enum.Enum):
    """How to react to a failure."""

    DOWN = 'down'
    """The server is out of reach or does not work: it passes by itself."""
    LATE = 'late'
    """The pass has no time left: nothing is known of the server."""
    WRONG = 'wrong'
    """The operator has to act."""
    REFUSED = 'refused'
    """The server's rules do not allow this request."""
    UNKNOWN = 'unknown'
    """The server does not accept what was sent, for a reason that is not known here."""
    TOKEN = 'token'  # noqa: S105
    """The token is not valid, or no longer: another login may help."""
    NO_MOUNT = 'no mount'
    NO_ROLE = 'no role'
    NO_ISSUER = 'no issuer'
    """The issuer is not there, or cannot sign."""
    ABSENT = 'absent'
    """There is nothing at the path."""
    TAKEN = 'taken'
    """It is there already."""
    UNKNOWN_CERTIFICATE = 'unknown certificate'
    NO_CRL_USAGE = 'no CRL usage'
    """The CA certificate does not allow signing of revocation lists."""


class Failure(Exception):
    """A request to the server failed; the message says what it means and what to do."""

    def __init__(
        self,
        kind: Kind,
        message: str,
        reason: str = '',
        code: ErrorCode = ErrorCode.OTHER,
        *,
        transient: bool = False,
    ):
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.reason = reason
        """The server's own words."""
        self.code = code
        """For `REFUSED`."""
        self.transient = transient
        """For `REFUSED`: it may be another matter than the request's, and is tried again."""

    @property
    def passes(self) -> bool:
        """Whether it may pass without anybody's doing."""
        return self.kind in {Kind.DOWN, Kind.LATE}

    def outcome(self) -> Rejected | Unavailable | Pending:
        """What it means for a request."""
        if self.kind is Kind.REFUSED:
            return Rejected(self.code, self.message, self.reason, transient=self.transient)
        if self.kind is Kind.LATE:
            return Pending(self.message)
        return Unavailable(self.message, self.reason, blocked=not self.passes)


SHORTEST = 8
"""Length of a credential that is taken out of texts; a word would be taken out of them too."""
LONGEST = 2000
"""Characters of a text that are looked at; fewer are shown."""


@dataclasses.dataclass(frozen=True)
class Place:
    """What was asked of whom, for messages."""

    host: str
    mount: str
    role: str
    path: str
    denied: Callable[[str], str]
    """What to do where the token is good and the policy lacks the path."""
    credentials: frozenset[str] = frozenset()
    """What was sent and must not be shown, should what answers repeat it."""

    def shown(self, text: str) -> str:
        """The beginning of a text of the server's, without credentials."""
        text = text[:LONGEST]
        for one in self.credentials:
            for form in {one, json.dumps(one)[1:-1]}:
                for size in range(len(form), SHORTEST - 1, -1):  # it may be cut
                    text = text.replace(form[:size], '[credential]')
        return text


_ANY = ErrorCode.OTHER
_DOMAIN = ErrorCode.DOMAIN_NOT_ALLOWED
_IP = ErrorCode.IP_NOT_ALLOWED
# What the text of an answer of a status holds, what that is, the code for the requirer, and what
# to say of it. The first that fits counts. Of the message, {mount} and {role} are replaced.
_TEXTS: tuple[tuple[int, str, Kind, ErrorCode, str], ...] = (
    (500, 'performing token check', Kind.TOKEN, _ANY, 'the token is not valid'),
    (500, 'no default issuer currently', Kind.NO_ISSUER, _ANY, 'mount {mount} has no CA'),
    (500, 'unable to find PKI issuer', Kind.NO_ISSUER, _ANY, 'the CA is gone from mount {mount}'),
    (500, 'to fetch corresponding key', Kind.NO_ISSUER, _ANY, 'the CA has no key in {mount}'),
    (500, 'requested usage', Kind.NO_ISSUER, _ANY, 'the CA in mount {mount} signs no more'),
    (500, 'lacks the CRLSign', Kind.NO_CRL_USAGE, _ANY, 'the CA may not sign revocation lists'),
    (404, 'no handler for route', Kind.NO_MOUNT, _ANY, 'there is no mount {mount}'),
    (404, 'namespace not found', Kind.WRONG, _ANY,
     'option vault-namespace: there is no such namespace'),
    (404, '404 page not found', Kind.WRONG, _ANY, 'option vault-address: no Vault answers there'),
    (400, 'No secret engine mount at', Kind.NO_MOUNT, _ANY, 'there is no mount {mount}'),
    (400, 'certificate with serial', Kind.UNKNOWN_CERTIFICATE, _ANY, 'Vault does not know it'),
    (400, 'unknown role', Kind.NO_ROLE, _ANY, 'mount {mount} has no role {role}'),
    (400, 'unable to find PKI issuer', Kind.NO_ISSUER, _ANY, 'the CA is gone from mount {mount}'),
    (400, 'lacks the CRLSign', Kind.NO_CRL_USAGE, _ANY, 'the CA may not sign revocation lists'),
    (400, 'already in use', Kind.TAKEN, _ANY, 'the name is taken'),
    (400, 'TTL would result in notAfter', Kind.WRONG, _ANY, 'the CA in {mount} ends too soon'),
    (400, 'IP Subject Alternative Names', Kind.REFUSED, _IP, ''),
    (400, 'alternate name', Kind.REFUSED, _DOMAIN, ''),
    (400, 'alternative name', Kind.REFUSED, _DOMAIN, ''),
    (400, 'common name', Kind.REFUSED, _DOMAIN, ''),
    (400, 'email address', Kind.REFUSED, _DOMAIN, ''),
    (400, 'Subject Alternative Names', Kind.REFUSED, _DOMAIN, ''),
    (400, 'unsafe and not supported', Kind.REFUSED, _ANY, ''),
    (400, 'requires keys of type', Kind.REFUSED, _ANY, ''),
    (400, 'csr', Kind.REFUSED, _ANY, ''),
)  # fmt: skip
_BAD_TOKEN = ('permission denied', 'invalid token')
"""What 403 says where it is the token: OpenBao says the first and nothing else, Vault adds the
second."""


def unreachable(error: Exception, host: str) -> Failure:
    """The failure that an exception out of a request stands for, whatever raised it.

    Libraries below let their own exceptions and those of Python through. Texts may hold a token or
    an address with a password: none is shown.
    """
    import requests.exceptions as raised  # noqa: PLC0415 : costs every hook that asks for nothing

    match error:
        case raised.SSLError():
            message = (
                f'{host} has no certificate that is trusted; see option vault-ca-certificates'
            )
            return Failure(Kind.WRONG, message)
        case raised.ProxyError():
            return Failure(Kind.DOWN, f'the proxy does not reach {host}')
        case raised.Timeout() | TimeoutError():
            return Failure(Kind.DOWN, f'{host} does not answer in time')
        case raised.ConnectionError():
            return Failure(Kind.DOWN, f'{host} is not reached')
        case raised.InvalidHeader():
            return Failure(Kind.WRONG, 'the credentials hold characters that cannot be sent')
        case _:
            return Failure(Kind.DOWN, f'the connection to {host} failed: {type(error).__name__}')


def redirected(location: str, place: Place) -> Failure:
    """The failure that a redirection stands for, which is not followed: the token would go too."""
    try:
        other = urllib.parse.urlsplit(location).netloc
    except ValueError:
        other = ''
    other = x509.printable(place.shown(other), 60) or 'another'
    return Failure(Kind.DOWN, f'{place.host} is a standby and sends to {other}; use that address')


def classify(status: int, text: str, place: Place) -> Failure:
    """The failure that an answer stands for.

    Args:
        status: Of HTTP, not one of success.
        text: What the server says, in one line.
        place: What was asked.

    """
    reason, host = x509.printable(place.shown(text), 200), place.host
    if status in {401, 403}:
        parts = {part.strip() for part in text.split('*')}
        if text in _BAD_TOKEN or 'invalid token' in parts:
            return Failure(Kind.TOKEN, 'the token is not valid', reason)
        return Failure(Kind.WRONG, place.denied(place.path), reason)
    for known, part, kind, code, message in _TEXTS:
        if known == status and part in text:
            shown = message.format(mount=place.mount, role=place.role)
            return Failure(kind, shown or f'refused by the role: {reason}', reason, code)
    match status:
        case 400:
            return Failure(Kind.UNKNOWN, f'{host} does not accept this: {reason}', reason)
        case 404 if not text:
            return Failure(Kind.ABSENT, f'{host} has nothing at {place.path}')
        case 404:
            return Failure(Kind.WRONG, f'{host} does not accept this: {reason}', reason)
        case 429:
            return Failure(Kind.DOWN, f'{host} has had too many requests', reason)
        case 501:
            return Failure(Kind.DOWN, f'{host} is not initialised', reason)
        case 503 if 'sealed' in text:
            return Failure(Kind.DOWN, f'{host} is sealed; unseal it', reason)
        case 503:
            return Failure(Kind.DOWN, f'{host} does not work at present (503)', reason)
        case _:
            return Failure(Kind.DOWN, f'{host} has a problem: {reason or status}', reason)
