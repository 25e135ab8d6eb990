"""What a failed run of lego means: which code, whose turn it is, and when to try again.

Read from the texts of lego 4 and 5 and of the servers behind it. They are matched by their parts:
the two generations put them together differently, and names come in any order.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import re
from typing import TYPE_CHECKING

from tls_provider import x509
from tls_provider.issuer import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from command import Finished

LEAST_LIMIT_WAIT = datetime.timedelta(hours=1)
"""After a limit of the server, where it does not say how long."""
MAX_TEXT = 240
"""Characters of a text of lego or a server in a message."""


class Kind(enum.Enum):
    """What to do about a failure."""

    FINAL = 'the request is refused, until it or the settings change'
    MEND = 'the operator of the charm must act'
    SERVER = 'the ACME server is out of reach'
    LATER = 'it may pass by itself'
    LIMIT = 'the server limits what concerns this request'
    ACCOUNT_LIMIT = 'the server limits the account'
    NO_ACCOUNT = 'the server does not know the account any more'


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why there is no certificate."""

    kind: Kind
    code: ErrorCode
    message: str
    """Without secrets, printable."""
    reason: str = ''
    """The type of the ACME problem (RFC 8555, 6.7), `rateLimited`; empty for anything else."""
    retry_at: datetime.datetime | None = None
    """Not before this time, because the server said so."""


@dataclasses.dataclass(frozen=True)
class _Row:
    pattern: str
    kind: Kind
    code: ErrorCode
    advice: str = ''
    """Before the text, in place of nothing."""


_OTHER, _SERVER = ErrorCode.OTHER, ErrorCode.SERVER_NOT_AVAILABLE
_IP, _DOMAIN = ErrorCode.IP_NOT_ALLOWED, ErrorCode.DOMAIN_NOT_ALLOWED

# Problems of the ACME server: the first row whose pattern is in "STATUS TYPE DETAIL".
_PROBLEMS = (
    _Row(r'temporarily prevented from requesting', Kind.MEND, _SERVER, 'the account is paused'),
    _Row(
        r'rateLimited .*(new orders|new registrations|from this account|this IP)',
        Kind.ACCOUNT_LIMIT,
        _SERVER,
    ),
    _Row(r'^429 | rateLimited ', Kind.LIMIT, _SERVER),
    _Row(r' accountDoesNotExist ', Kind.NO_ACCOUNT, _SERVER),
    _Row(r' (rejectedIdentifier) .*IP address', Kind.FINAL, _IP),
    _Row(r' rejectedIdentifier .*"\*\.', Kind.FINAL, ErrorCode.WILDCARD_NOT_ALLOWED),
    _Row(r' rejectedIdentifier ', Kind.FINAL, _DOMAIN),
    _Row(r' unsupportedIdentifier ', Kind.FINAL, _IP),
    _Row(r' malformed .*(identifier|illegal character)', Kind.FINAL, _DOMAIN),
    _Row(r' unauthorized .*(Order includes different|CSR does not specify)', Kind.FINAL, _DOMAIN),
    _Row(r' badCSR .*(URI|email|IP address|name)', Kind.FINAL, _DOMAIN),
    _Row(r' badCSR |must-staple', Kind.FINAL, _OTHER),
    _Row(r' invalidProfile ', Kind.MEND, _OTHER, 'option profile'),
    _Row(
        r" externalAccountRequired |external account binding|field 'kid'",
        Kind.MEND,
        _OTHER,
        'option eab-secret-id: the server does not take the external account',
    ),
    _Row(r' (invalidContact|unsupportedContact) ', Kind.MEND, _OTHER, 'option email'),
    _Row(r' userActionRequired ', Kind.MEND, _OTHER),
    _Row(r' caa ', Kind.LATER, _DOMAIN),
    _Row(r' (unauthorized|dns|incorrectResponse|connection|tls) ', Kind.LATER, _OTHER),
    _Row(r' badNonce |^5\d\d | serverInternal | orderNotReady ', Kind.LATER, _SERVER),
)

# Other texts, in the order of the stages of a run from its end: the first that is there counts.
_TEXTS = (
    _Row(r'some credentials information are missing', Kind.MEND, _OTHER, _PLUGIN := 'plugin'),
    _Row(r'unrecognized DNS provider', Kind.MEND, _OTHER, 'option plugin'),
    _Row(r'No challenge selected', Kind.MEND, _OTHER, 'option plugin'),
    _Row(
        r'Server requires External Account Binding',
        Kind.MEND,
        _OTHER,
        'option eab-secret-id: the server wants an external account',
    ),
    _Row(r'could not decode hmac key|illegal base64', Kind.MEND, _OTHER, 'option eab-secret-id'),
    _Row(r'flag provided but not defined', Kind.MEND, _OTHER, 'the lego binary'),
    _Row(
        r'x509: (certificate signed by unknown authority|certificate is not|certificate has)',
        Kind.MEND,
        _SERVER,
        'option acme-ca-certificates: the certificate of the ACME server is not trusted',
    ),
    _Row(r'bad (authentication|signature|key|time)|BADKEY|BADSIG', Kind.MEND, _OTHER, _PLUGIN),
    _Row(r'DNS update failed: server replied: \w+', Kind.MEND, _OTHER, _PLUGIN),
    _Row(
        r"unexpected response code '\w+' for|start of authority for \S+: (NXDOMAIN|REFUSED)",
        Kind.LATER,
        _DOMAIN,
        'no zone for it is served',
    ),
    _Row(r'could not find (the start of authority|zone)|zone not found', Kind.LATER, _OTHER),
    _Row(r'presenting token.*\b40[13]\b', Kind.MEND, _OTHER, _PLUGIN),
    _Row(
        r'NoCredentialProviders|AccessDenied|InvalidClientTokenId|AuthFailure',
        Kind.MEND,
        _OTHER,
        _PLUGIN,
    ),
    _Row(r'time limit exceeded', Kind.LATER, _OTHER),
    _Row(r'presenting token', Kind.LATER, _OTHER),
    _Row(r'get directory|dial tcp|connection re|EOF|Client\.Timeout', Kind.SERVER, _SERVER),
    _Row(r'Could not (load|parse file for account)', Kind.NO_ACCOUNT, _SERVER),
    _Row(r'unsupported (RSA )?key|asn1:', Kind.FINAL, _OTHER),
)
_DIRECTORY = re.compile(r"get directory at '[^']*': (?!Get )(.*)")
_PROBLEM = re.compile(
    r'acme: error: (\d+) :: (?:(?:GET|POST|HEAD) :: \S+ :: )?'
    r'urn:ietf:params:acme:error:(\w+) :: (.*)'
)
_SUBPROBLEM = re.compile(r', problem: "urn:ietf:params:acme:error:(\w+)" :: ')
_CONSEQUENCE = re.compile(r'cleaning up failed|error cleaning up|[Dd]eactivating auth')
_STAMP = re.compile(r'^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d (\[\w+\] )?')
_PROGRESS = re.compile(r'^\[INFO\]|\bINFO?\b|level=INFO')
_NAME = re.compile(r'\[([a-z0-9.*_-]+)\] acme: ')
_RETRY = re.compile(r'retry after (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC')
_PREFIX = re.compile(r'^(?:\[\w+\] )?(?:\[([^\]\s]+)\] )+(?:acme: )?')
_LINK_WITH_TOKEN = re.compile(r'(https?://[^\s?]+)\?\S+')


def classify(
    finished: Finished, plugin: str, secrets: Iterable[str], now: datetime.datetime
) -> Failure:
    """What a run that gave no certificate means.

    Args:
        finished: The run.
        plugin: The DNS provider, named where its settings are at fault.
        secrets: What must not be in the message.
        now: The present.

    """
    lines = [
        _STAMP.sub(r'\1', line)
        for line in redact(finished.output, secrets).splitlines()
        if line.strip() and not _CONSEQUENCE.search(line)
    ]
    errors = [line for line in lines if not _PROGRESS.search(line)]
    if problems := [match for line in errors if (match := _PROBLEM.search(line))]:
        return _problem(problems[-1], now)
    if finished.status is None:
        stage = _shown(lines[-1]) if lines else 'no output'
        message = f'it did not end within the time of option order-timeout; last: {stage}'
        return Failure(Kind.LATER, _OTHER, message)
    text = '\n'.join(errors)
    if 'panic:' in text:
        if 'LEGO_CA_CERTIFICATES' in text or 'x509 cert pool' in text:
            return Failure(Kind.MEND, _SERVER, 'option acme-ca-certificates cannot be read')
        return Failure(Kind.LATER, _OTHER, 'lego broke down')
    last = errors[-1] if errors else f'lego ended with status {finished.status}'
    if match := _DIRECTORY.search(text):
        if re.match(r'(429|5\d\d) ', match[1]):
            return Failure(Kind.SERVER, _SERVER, _shown(match[0]))
        return Failure(Kind.MEND, _SERVER, f'option server: {_shown(match[1])}')
    for row in _TEXTS:
        if re.search(row.pattern, text):
            line = next((one for one in errors if re.search(row.pattern, one)), last)
            advice = f'{row.advice} {plugin}' if row.advice == _PLUGIN else row.advice
            message = f'{advice}: {_shown(line)}' if advice else _shown(line)
            return Failure(row.kind, row.code, message)
    return Failure(Kind.LATER, _OTHER, _shown(last))


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text without any of the secrets, and without the tokens in links."""
    for secret in sorted({one for one in secrets if len(one) > 3}, key=len, reverse=True):
        text = text.replace(secret, '***')
        escaped = secret.encode('unicode_escape').decode()
        text = text.replace(escaped, '***')
    return _LINK_WITH_TOKEN.sub(r'\1?***', text)


def _problem(match: re.Match[str], now: datetime.datetime) -> Failure:
    status, kind, detail = match[1], match[2], match[3]
    if below := _SUBPROBLEM.search(detail):
        kind, detail = below[1], detail[below.end() :]
    detail = detail.partition(', url:')[0].partition(', problem:')[0].strip()
    if (name := _NAME.search(match.string)) and name[1] not in detail:
        detail = f'{name[1]}: {detail}'
    probe = f'{status} {kind} {detail}'
    row = next((one for one in _PROBLEMS if re.search(one.pattern, probe)), None)
    if row is None:
        return Failure(Kind.LATER, _OTHER, _shown(detail), kind)
    retry_at = None
    if row.kind in {Kind.LIMIT, Kind.ACCOUNT_LIMIT}:
        retry_at = _retry_at(detail, now)
    message = f'{row.advice}: {_shown(detail)}' if row.advice else _shown(detail)
    return Failure(row.kind, row.code, message, kind, retry_at)


def _retry_at(detail: str, now: datetime.datetime) -> datetime.datetime:
    """When the server says, or in an hour."""
    match = _RETRY.search(detail)
    if match is None:
        return now + LEAST_LIMIT_WAIT
    said = datetime.datetime.strptime(f'{match[1]}+0000', '%Y-%m-%d %H:%M:%S%z')
    return max(said, now)


def _shown(text: str) -> str:
    """A line for a message, with the name that lego puts before it once."""
    return x509.printable(_PREFIX.sub(r'\1: ', ' '.join(text.split())), MAX_TEXT)
