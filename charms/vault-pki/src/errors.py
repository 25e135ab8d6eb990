"""What went wrong between charm and server, as one of few kinds that call for different reactions.

Every exception of hvac and requests goes through `classify`, and none leaves this charm. Texts are
those of OpenBao 2.7 and of Vault, which OpenBao comes from.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from tls_provider import x509
from tls_provider.issuer import ErrorCode, Rejected, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable


class Kind(enum.Enum):
    """How to react to a failure."""

    DOWN = 'down'
    """The server is out of reach or does not work: it passes by itself."""
    WRONG = 'wrong'
    """The operator has to act."""
    REFUSED = 'refused'
    """The server's rules do not allow this request."""
    TOKEN = 'token'  # noqa: S105
    """The token is not valid, or no longer: another login may help."""
    NO_MOUNT = 'no mount'
    NO_ROLE = 'no role'
    NO_ISSUER = 'no issuer'
    """The issuer is not there, or cannot sign."""
    TAKEN = 'taken'
    """It is there already."""
    UNKNOWN_CERTIFICATE = 'unknown certificate'
    NO_CRL_USAGE = 'no CRL usage'
    """The CA certificate does not allow signing of revocation lists."""


class Failure(Exception):
    """A request to the server failed; the message says what it means and what to do."""

    def __init__(
        self, kind: Kind, message: str, reason: str = '', code: ErrorCode = ErrorCode.OTHER
    ):
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.reason = reason
        """The server's own words."""
        self.code = code
        """For `REFUSED`."""

    @property
    def passes(self) -> bool:
        """Whether it may pass without anybody's doing."""
        return self.kind is Kind.DOWN

    def outcome(self) -> Rejected | Unavailable:
        """What it means for a request."""
        if self.kind is Kind.REFUSED:
            return Rejected(self.code, self.message, self.reason)
        return Unavailable(self.message, self.reason, blocked=not self.passes)


_ANY = ErrorCode.OTHER
_DOMAIN = ErrorCode.DOMAIN_NOT_ALLOWED
# What the text of an answer holds, what that is, the code for the requirer, and what to say of it.
# The first that fits counts. Of the message, {mount} and {role} are replaced.
_TEXTS: tuple[tuple[str, Kind, ErrorCode, str], ...] = (
    ('performing token check', Kind.TOKEN, _ANY, 'the token is not valid'),
    ('no handler for route', Kind.NO_MOUNT, _ANY, 'there is no mount {mount}'),
    ('No secret engine mount at', Kind.NO_MOUNT, _ANY, 'there is no mount {mount}'),
    (
        'namespace not found',
        Kind.WRONG,
        _ANY,
        'option vault-namespace: there is no such namespace',
    ),
    ('404 page not found', Kind.WRONG, _ANY, 'option vault-address: no Vault answers there'),
    ('certificate with serial', Kind.UNKNOWN_CERTIFICATE, _ANY, 'Vault does not know it'),
    ('unknown role', Kind.NO_ROLE, _ANY, 'mount {mount} has no role {role}'),
    ('no default issuer currently configured', Kind.NO_ISSUER, _ANY, 'mount {mount} has no CA'),
    ('unable to find PKI issuer', Kind.NO_ISSUER, _ANY, 'the CA is gone from mount {mount}'),
    ('unable to fetch corresponding key', Kind.NO_ISSUER, _ANY, 'the CA has no key in {mount}'),
    ('requested usage', Kind.NO_ISSUER, _ANY, 'the CA in mount {mount} may not sign any more'),
    ('lacks the CRLSign', Kind.NO_CRL_USAGE, _ANY, 'the CA may not sign revocation lists'),
    ('already in use', Kind.TAKEN, _ANY, 'the name is taken'),
    ('TTL would result in notAfter', Kind.WRONG, _ANY, 'the CA in mount {mount} ends too soon'),
    ('IP Subject Alternative Names', Kind.REFUSED, ErrorCode.IP_NOT_ALLOWED, ''),
    ('alternate name', Kind.REFUSED, _DOMAIN, ''),
    ('alternative name', Kind.REFUSED, _DOMAIN, ''),
    ('common name', Kind.REFUSED, _DOMAIN, ''),
    ('email address', Kind.REFUSED, _DOMAIN, ''),
    ('Subject Alternative Names', Kind.REFUSED, _DOMAIN, ''),
    ('unsafe and not supported', Kind.REFUSED, _ANY, ''),
    ('requires keys of type', Kind.REFUSED, _ANY, ''),
    ('csr', Kind.REFUSED, _ANY, ''),
)


def classify(
    error: Exception,
    *,
    host: str,
    mount: str,
    role: str,
    denied: Callable[[], str],
) -> Failure:
    """The failure that an exception of hvac or requests stands for; other exceptions are bugs.

    Args:
        error: What was raised.
        host: Names the server in messages.
        mount: The mount that was to be used.
        role: The role that was to be used.
        denied: Says what to do where the token is good and the policy lacks the path.

    """
    import hvac.exceptions  # noqa: PLC0415 : costs every hook that asks for nothing
    import requests  # noqa: PLC0415

    if isinstance(error, hvac.exceptions.VaultError):
        return _answered(error, host, mount, role, denied)
    # The texts of these may hold a token or an address with a password: none is shown.
    match error:
        case requests.exceptions.SSLError():
            message = (
                f'{host} has no certificate that is trusted; see option vault-ca-certificates'
            )
            return Failure(Kind.WRONG, message)
        case requests.exceptions.ProxyError():
            return Failure(Kind.DOWN, f'the proxy does not reach {host}')
        case requests.exceptions.Timeout():
            return Failure(Kind.DOWN, f'{host} does not answer in time')
        case requests.exceptions.ConnectionError():
            return Failure(Kind.DOWN, f'{host} is not reached')
        case requests.exceptions.InvalidHeader():
            return Failure(Kind.WRONG, 'the credentials hold characters that cannot be sent')
        case requests.exceptions.RequestException():
            return Failure(Kind.DOWN, f'the connection to {host} failed: {type(error).__name__}')
        case _:
            raise error


def _answered(
    error: Exception, host: str, mount: str, role: str, denied: Callable[[], str]
) -> Failure:
    import hvac.exceptions as raised  # noqa: PLC0415

    found: list[str] | None = getattr(error, 'errors', None)
    text = ' '.join(' '.join(found or [str(getattr(error, 'text', ''))]).split())
    reason = x509.printable(text, 200)
    match error:
        case raised.VaultNotInitialized():
            return Failure(Kind.DOWN, f'{host} is not initialised', reason)
        case raised.VaultDown():
            sealed = 'sealed' in text
            state = 'is sealed; unseal it' if sealed else 'does not work at present (503)'
            return Failure(Kind.DOWN, f'{host} {state}', reason)
        case raised.RateLimitExceeded():
            return Failure(Kind.DOWN, f'{host} has had too many requests', reason)
        case raised.Forbidden() | raised.Unauthorized():
            if text == 'permission denied':
                return Failure(Kind.TOKEN, 'the token is not valid', reason)
            return Failure(Kind.WRONG, denied(), reason)
        case _:
            pass
    for part, kind, code, message in _TEXTS:
        if part in text:
            shown = message.format(mount=mount, role=role) or f'refused by the role: {reason}'
            return Failure(kind, shown, reason, code)
    if isinstance(error, (raised.InvalidRequest, raised.InvalidPath)):
        return Failure(Kind.WRONG, f'{host} does not accept this: {reason}', reason)
    return Failure(Kind.DOWN, f'{host} has a problem: {reason}', reason)
