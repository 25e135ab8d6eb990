"""Failures that are known, by the texts of lego and of ACME servers.

What concerns one name or zone is never `Kind.MEND`, which ends the orders of everybody: a requirer
could bring that about.
"""

from __future__ import annotations

import dataclasses
import enum

from tls_provider.issuer import ErrorCode


class Kind(enum.Enum):
    """What to do about a failure."""

    FINAL = 'the request is refused, until it or the settings change'
    MEND = 'the operator of the charm must act, for no order can succeed'
    SERVER = 'the ACME server is out of reach'
    LATER = 'it may pass by itself'
    LIMIT = 'the server limits what concerns this request'
    ACCOUNT_LIMIT = 'the server limits the account'
    NO_ACCOUNT = 'the server does not know the account any more'


@dataclasses.dataclass(frozen=True)
class Row:
    """One failure."""

    pattern: str
    kind: Kind
    code: ErrorCode
    advice: str = ''
    """Before the text, where that does not say it."""


PLUGIN = 'plugin'
"""An advice: the settings of the DNS provider, whose code is put behind it."""
_OTHER, _SERVER = ErrorCode.OTHER, ErrorCode.SERVER_NOT_AVAILABLE
_IP, _DOMAIN = ErrorCode.IP_NOT_ALLOWED, ErrorCode.DOMAIN_NOT_ALLOWED

# Problems of the ACME server: the first row whose pattern begins "TYPE STATUS DETAIL". What comes
# before a quotation mark in a detail is the server's own.
PROBLEMS = (
    Row(
        r'.*temporarily prevented from requesting',
        Kind.LIMIT,
        _SERVER,
        'paused by the authority until somebody opens its portal',
    ),
    Row(
        r'rateLimited .*(new orders|new registrations|from this account|this IP)',
        Kind.ACCOUNT_LIMIT,
        _SERVER,
    ),
    Row(r'rateLimited |\w* 429 | \d+ .*[Tt]oo many requests', Kind.LIMIT, _SERVER),
    Row(r'accountDoesNotExist ', Kind.NO_ACCOUNT, _SERVER),
    Row(r'rejectedIdentifier .*IP address', Kind.FINAL, _IP),
    Row(r'rejectedIdentifier .*"\*\.', Kind.FINAL, ErrorCode.WILDCARD_NOT_ALLOWED),
    Row(r'rejectedIdentifier ', Kind.FINAL, _DOMAIN),
    Row(r'unsupportedIdentifier ', Kind.FINAL, _IP),
    Row(
        r"externalAccountRequired |\w+ \d+ [^\"]*(external account binding|field 'kid')",
        Kind.MEND,
        _OTHER,
        'option eab-secret-id: the server does not take the external account',
    ),
    Row(r'malformed \d+ [^"]*\b(\(kid\)|[Kk]ey ?ID)', Kind.NO_ACCOUNT, _SERVER),
    Row(r'malformed \d+ [^"]*\bJWS\b', Kind.LATER, _OTHER),
    Row(r'malformed .*(identifier|illegal character)', Kind.FINAL, _DOMAIN),
    Row(r'unauthorized .*(Order includes different|CSR does not specify)', Kind.FINAL, _DOMAIN),
    Row(
        r'unauthorized \d+ [^"]*\b[Aa]ccount (\S+ )?((is|was|has been) )?'
        r'(not valid|deactivated|revoked|suspended)',
        Kind.MEND,
        _OTHER,
        'option email: the account is closed, another address makes a new one',
    ),
    Row(r'badCSR .*(URI|email|IP address|name)', Kind.FINAL, _DOMAIN),
    Row(r'badCSR |.*must-staple', Kind.FINAL, _OTHER),
    Row(r'invalidProfile ', Kind.MEND, _OTHER, 'option profile'),
    Row(r'(invalidContact|unsupportedContact) ', Kind.MEND, _OTHER, 'option email'),
    Row(r'userActionRequired ', Kind.MEND, _OTHER),
    Row(r'caa ', Kind.LATER, _DOMAIN),
    Row(r'(unauthorized|dns|incorrectResponse|connection|tls) ', Kind.LATER, _OTHER),
    Row(r'(badNonce|serverInternal|orderNotReady) |\w* 5\d\d | ', Kind.LATER, _SERVER),
)

_INCOMPLETE = Row(r'some credentials information are missing', Kind.MEND, _OTHER, PLUGIN)

# Of the DNS provider: the first row that is in any record.
DNS = (
    _INCOMPLETE,
    Row(r'bad (authentication|signature|key|time)\b', Kind.MEND, _OTHER, PLUGIN),
    Row(r'illegal base64', Kind.MEND, _OTHER, PLUGIN),
    # Before the codes: a limit of an API may come as a 403.
    Row(
        r'Throttl|[Rr]ate exceeded|[Rr]ate ?limit|[Tt]oo ?[Mm]any ?[Rr]equests|\b429\b',
        Kind.LATER,
        _OTHER,
    ),
    Row(
        r'NoCredentialProviders|InvalidClientTokenId|SignatureDoesNotMatch|UnrecognizedClient'
        r'|ExpiredToken|AuthFailure|UNAUTHENTICATED|\b401\b',
        Kind.MEND,
        _OTHER,
        PLUGIN,
    ),
    Row(
        r'server replied: (REFUSED|NOTAUTH|NOTZONE|NXDOMAIN)',
        Kind.LATER,
        _DOMAIN,
        'option plugin-config-secret-id: the name server takes no update of this zone',
    ),
    Row(
        r'AccessDenied|not authorized to perform|[Ff]orbidden|\b403\b',
        Kind.LATER,
        _OTHER,
        'option plugin-config-secret-id: its credentials may not be for this zone',
    ),
    Row(
        r"unexpected response code '(NXDOMAIN|REFUSED|NOTAUTH)' for"
        r'|start of authority for \S+ (NXDOMAIN|REFUSED)',
        Kind.LATER,
        _DOMAIN,
        'no zone for it is served',
    ),
    Row(
        r'SERVFAIL',
        Kind.LATER,
        _OTHER,
        'a name server of the zone, or of option dns-nameservers, fails',
    ),
    Row(r'', Kind.LATER, _OTHER),
)

# Everything else: the first row that is in any record.
TEXTS = (
    _INCOMPLETE,
    Row(r'unrecognized DNS provider', Kind.MEND, _OTHER, 'option plugin'),
    Row(r'No challenge selected', Kind.MEND, _OTHER, 'option plugin'),
    Row(
        r'Server requires External Account Binding',
        Kind.MEND,
        _OTHER,
        'option eab-secret-id: the server wants an external account',
    ),
    Row(r'could not decode hmac key|illegal base64', Kind.MEND, _OTHER, 'option eab-secret-id'),
    Row(r'flag provided but not defined', Kind.MEND, _OTHER, 'the lego binary'),
    Row(
        r'x509: (certificate (signed by|is not|is valid|has|relies)|cannot validate)',
        Kind.MEND,
        _SERVER,
        'option acme-ca-certificates: the certificate of the ACME server is not trusted',
    ),
    Row(
        r'directory missing new|unsupported protocol scheme ', Kind.MEND, _SERVER, 'option server'
    ),
    # An answer that is no problem document is of something before the server.
    Row(r'\b429 :: ?[A-Z]+ :: ', Kind.LIMIT, _SERVER),
    Row(r'\b5\d\d :: ?[A-Z]+ :: ', Kind.SERVER, _SERVER),
    Row(
        r'get directory|dial tcp|connection re|\bEOF\b|awaiting (response )?headers'
        r'|deadline exceeded|i/o timeout|handshake timeout|giving up after',
        Kind.SERVER,
        _SERVER,
    ),
    Row(r'\b4\d\d :: ?[A-Z]+ :: |failed to unmarshal', Kind.LATER, _SERVER),
    Row(r'Could not (load|parse file for account)', Kind.NO_ACCOUNT, _SERVER),
    Row(r'unsupported (RSA )?key|asn1:', Kind.FINAL, _OTHER),
)
