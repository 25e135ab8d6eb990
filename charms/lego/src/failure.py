"""What a failed run of lego means: which code, whose turn it is, and when to try again.

Read from the texts of lego 4 and 5 and of the servers behind it. They are matched by their parts:
the two generations put them together differently, and names come in any order.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from typing import TYPE_CHECKING

import command
import redaction
from failure_rows import DNS, PLUGIN, PROBLEMS, TEXTS, Kind
from tls_provider import x509
from tls_provider.issuer import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from failure_rows import Row

LEAST_LIMIT_WAIT = datetime.timedelta(hours=1)
"""After a limit of the server, where it does not say how long."""
MOST_LIMIT_WAIT = datetime.timedelta(days=31)
"""A limit that is said to last longer is not believed."""
MAX_TEXT = 240
"""Characters of a text of lego or a server in a message."""


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


_SERVER = ErrorCode.SERVER_NOT_AVAILABLE
_OF_ONE = frozenset({Kind.FINAL, Kind.LATER, Kind.LIMIT})
"""Other kinds concern every request."""
_STAMP = re.compile(r'\d{4}/\d\d/\d\d \d\d:\d\d:\d\d ')
_COLOUR = r'(?:\x1b\[[\d;]{0,9}m){0,3}'
_LEVEL = rf'{_COLOUR}(?:time=\S+ )?{_COLOUR}(?:level=|\[)?'
"""Before a level, in lego 4, in lego 5 as text, and as it writes by itself."""
_RECORD = re.compile(
    rf'{_STAMP.pattern}|\[[^\]\s]+\] |{_LEVEL}(?:DEBUG|INFO|WARN|ERROR)\b'
    r'|panic: |fatal error: |flag provided|Incorrect Usage'
)
"""How a record begins; other lines belong to the one before, as answers of a DNS provider do."""
_PROGRESS = re.compile(rf'{_LEVEL}(?:DEBUG|INFO)\b')
_CONSEQUENCE = re.compile(
    rf'{_LEVEL}WARN\S*\s+(?:msg=")?(?:\[\S+\] )?(?:acme: )?'
    r'(?:cleaning up failed|error cleaning up|Unable to deactivate|[Dd]eactivating auth)'
)
_BROKEN = re.compile('panic: |fatal error: ')
_DIRECTORY = re.compile(r"get directory at '[^']*': (?!Get )(.*)", re.DOTALL)
_PROBLEM = re.compile(
    r'acme: error: (\d+) :: (?:(?:GET|POST|HEAD) :: \S+ :: )?'
    r'(?:urn:ietf:params:acme:error:(\w+)|\S*) :: (.*)',
    re.DOTALL,
)
_SUBPROBLEM = re.compile(r', problem: \\?"urn:ietf:params:acme:error:(\w+)\\?" :: ')
_DETAIL_END = re.compile(r', (?:url|problem):')
_STAGE = re.compile(
    'presenting token|time limit exceeded|DNS update failed|unexpected response code'
    '|could not find (?:the start of authority|zone)|zone not found'
)
"""Of the DNS provider, not of the ACME server."""
_STRANGERS = re.compile(
    r'(?<=time limit exceeded).*|\[[^\[\]\s]+\]|(?<![\w*-])[\w*-]+(?:\.[\w*-]+)+', re.DOTALL
)
"""What others than servers and lego say: names, and records that lego found."""
_NAME = re.compile(r'\[([A-Za-z0-9.*_-]+)\] acme: ')
_RETRY = re.compile(r'retry after (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC')
_HEADING = re.compile(r'^Could not (?:obtain certificates:|complete registration)\s+')
_PREFIX = re.compile(r'^(?:\[\w+\] )?(?:\[([^\]\s]+)\] )+(?:acme: )?')


@dataclasses.dataclass(frozen=True)
class _Record:
    """What lego wrote at once, or a part of it."""

    text: str
    hidden: str
    """The same without secrets, character by character, for messages."""

    def __getitem__(self, part: slice) -> _Record:
        return _Record(self.text[part], self.hidden[part])

    def shown(self) -> str:
        """A line for a message, with the name that lego puts before it once."""
        line = _HEADING.sub('', ' '.join(self.hidden.split())).replace('\\"', '"')
        return x509.printable(redaction.shown(_PREFIX.sub(r'\1: ', line)), MAX_TEXT)


def classify(
    finished: command.Finished, plugin: str, secrets: Iterable[str], now: datetime.datetime
) -> Failure:
    """What a run that gave no certificate means.

    Args:
        finished: The run.
        plugin: The DNS provider, named where its settings are at fault.
        secrets: What must not be in the message.
        now: The present.

    """
    records = _records(finished.output, secrets)
    errors = [one for one in records if not _PROGRESS.match(one.text)]
    of_dns = [one for one in errors if _is_of_dns(one.text, plugin)]
    others = [one for one in errors if not _is_of_dns(one.text, plugin)]
    if problems := [(one, match) for one in others if (match := _PROBLEM.search(one.text))]:
        return _problem(*problems[-1], now)
    if finished.status is None:
        stage = records[-1].shown() if records else 'no output'
        message = f'it did not end within the time of option order-timeout; last: {stage}'
        return Failure(Kind.LATER, ErrorCode.OTHER, message)
    if broken := next((one.text for one in errors if _BROKEN.match(one.text)), ''):
        if 'LEGO_CA_CERTIFICATES' in broken or 'x509 cert pool' in broken:
            return Failure(Kind.MEND, _SERVER, 'option acme-ca-certificates cannot be read')
        return Failure(Kind.LATER, ErrorCode.OTHER, 'lego broke down')
    for one in others:
        if match := _DIRECTORY.search(one.text):
            if re.match(r'(429|5\d\d) ', match[1]):
                return Failure(Kind.SERVER, _SERVER, one[match.start() :].shown())
            message = f'option server: {one[match.start(1) :].shown()}'
            return Failure(Kind.MEND, _SERVER, message)
    for rows, found in ((DNS, of_dns), (TEXTS, others)):
        for row in rows:
            if one := next((one for one in found if _is(row, one)), None):
                advice = f'{row.advice} {plugin}' if row.advice == PLUGIN else row.advice
                return _failure(row, one, advice, now)
    message = errors[-1].shown() if errors else f'lego ended with status {finished.status}'
    return Failure(Kind.LATER, ErrorCode.OTHER, message)


def _records(output: str, secrets: Iterable[str]) -> list[_Record]:
    """What lego wrote, but for what only follows from a failure."""
    is_cut = len(output.encode(errors='replace')) >= command.MAX_OUTPUT
    hidden = redaction.hide(output, secrets, is_cut=is_cut)
    found: list[_Record] = []
    start = 0
    for end in [*(one.end() for one in re.finditer('\n', output)), len(output)]:
        if _RECORD.match(output, end) or end == len(output):
            stamp = _STAMP.match(output, start)
            part = slice(stamp.end() if stamp else start, end)
            if output[part].strip() and not _CONSEQUENCE.match(output[part]):
                found.append(_Record(output[part], hidden[part]))
            start = end
    return found[1:] or found if is_cut else found


def _is(row: Row, record: _Record) -> bool:
    """Whether a row is of a record. No stranger may bring about what concerns everybody."""
    text = record.text if row.kind in _OF_ONE else _STRANGERS.sub('NAME', record.text)
    return bool(re.search(row.pattern, text, re.DOTALL))


def _is_of_dns(text: str, plugin: str) -> bool:
    stage = _STAGE.search(text)
    problem = _PROBLEM.search(text)
    if stage is None:
        return problem is None and text.lower().startswith(f'{plugin}: ')
    return problem is None or stage.start() < problem.start()


def _problem(record: _Record, match: re.Match[str], now: datetime.datetime) -> Failure:
    status, kind, start = match[1], slice(*match.span(2)), match.start(3)
    below = _SUBPROBLEM.search(record.text, start)
    if below:
        kind, start = slice(*below.span(1)), below.end()
    end = _DETAIL_END.search(record.text, start)
    detail = record[start : end.start() if end else len(record.text)]
    probe = f'{record.text[kind]} {status} {detail.text}'.replace('\\"', '"')
    message = detail
    if (name := _NAME.search(record.text)) and name[1] not in detail.text:
        message = _Record('', f'{record.hidden[slice(*name.span(1))]}: {detail.hidden}')
    reason = redaction.shown(record.hidden[kind])
    row = next((one for one in PROBLEMS if re.match(one.pattern, probe, re.DOTALL)), None)
    if row is None:
        return Failure(Kind.LATER, ErrorCode.OTHER, message.shown(), reason)
    found = dataclasses.replace(
        _failure(row, message, row.advice, now, detail.text), reason=reason
    )
    if below and row.kind not in _OF_ONE:  # a problem below another is of one name
        return dataclasses.replace(found, kind=Kind.LATER)
    if row.kind is Kind.LATER and row.code is _SERVER and 'complete registration' in record.text:
        return dataclasses.replace(found, kind=Kind.SERVER)
    return found


def _failure(
    row: Row, record: _Record, advice: str, now: datetime.datetime, said: str = ''
) -> Failure:
    retry_at = None
    if row.kind in {Kind.LIMIT, Kind.ACCOUNT_LIMIT}:
        retry_at = _retry_at(said or record.text, now)
    message = f'{advice}: {record.shown()}' if advice else record.shown()
    return Failure(row.kind, row.code, message, retry_at=retry_at)


def _retry_at(detail: str, now: datetime.datetime) -> datetime.datetime:
    """When the server says, or in an hour."""
    unsaid = now + LEAST_LIMIT_WAIT
    match = _RETRY.search(detail)
    if match is None:
        return unsaid
    try:
        said = datetime.datetime.strptime(f'{match[1]}+0000', '%Y-%m-%d %H:%M:%S%z')
    except ValueError:
        return unsaid
    return max(said, now) if said - now <= MOST_LIMIT_WAIT else unsaid
