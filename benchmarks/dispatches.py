"""When charm processes began and ended, and when the engine had recorded what they did.

A copy of a packed charm has its `dispatch` wrapped, so that each run is noted in a file. The
engine's work on it ends with a line in the model's debug log, which is seen when it is written.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import re
import shlex
import statistics
import subprocess
import threading
import time
import zipfile
from typing import TYPE_CHECKING, Any, TypeAlias

from minijuju import hooktools

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

_Note: TypeAlias = 'tuple[dict[str, Any], list[tuple[str, float]]]'

_POLL = 0.001  # seconds; later by this does no harm, as the sum stays the same
_ENTRY = re.compile(r'unit-\S+: \S+ (\S+) juju\.worker\.uniter\.operation (.*)')
_ENDED = re.compile(r'ran "(.*)" hook|ran task \d+ (\S+): completed')
_COMMAND = 'juju-exec'
_TOOLS = frozenset(hooktools.names())
_NOTHING: _Note = ({'path': 'nothing'}, [])
_WRAPPER = """#!/bin/bash
export BENCHMARK_RECORD={record}
begin=$EPOCHREALTIME
"${{0%/*}}/dispatch.wrapped"
code=$?
printf '{{"path": "%s", "begin": %s, "end": %s}}\\n' \\
  "$JUJU_DISPATCH_PATH" "$begin" "$EPOCHREALTIME" >>{record}
exit $code
"""


@dataclasses.dataclass(frozen=True)
class Dispatch:
    """One run of a charm's dispatch. All times are seconds of wall time."""

    name: str
    """`install`, `certificates-relation-changed`, or the action's."""
    is_action: bool
    charm: float
    """From the start of the charm's process to its end."""
    before: float
    """From the end of what ran before, when this was ready to run, to the start."""
    after: float
    """From the end of the process until what it did was recorded."""
    tools: tuple[float, ...]
    """What each hook tool took, seen from the charm."""


def wrap(artifact: pathlib.Path, into: pathlib.Path, record: pathlib.Path) -> pathlib.Path:
    """Write a copy of a packed charm whose runs are noted in a file; return the copy's path."""
    target = into / artifact.name
    probe = pathlib.Path(__file__).with_name('probe.py')
    with zipfile.ZipFile(artifact) as source, zipfile.ZipFile(target, 'w') as copy:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename == 'dispatch':
                entry.filename = 'dispatch.wrapped'
            copy.writestr(entry, content)
        wrapper = zipfile.ZipInfo('dispatch')
        wrapper.external_attr = 0o100755 << 16
        copy.writestr(wrapper, _wrapper(record))
        copy.write(probe, 'lib/sitecustomize.py')
    return target


def cost_of_wrapping(folder: pathlib.Path, runs: int = 30) -> float:
    """Seconds that the wrapper adds to a dispatch outside of what it notes.

    The start of bash and the writing of the note. A little too low, so that it flatters nobody:
    the start of `true` is taken off whole.
    """
    record = folder / 'record'
    wrapper, wrapped = folder / 'dispatch', folder / 'dispatch.wrapped'
    wrapper.write_text(_wrapper(record), encoding='utf-8')
    wrapper.chmod(0o755)
    wrapped.symlink_to('/bin/true')
    plain = cost_of_process(runs)
    outside = [_seconds([str(wrapper)]) for _ in range(runs)]
    notes = [json.loads(line) for line in record.read_text(encoding='utf-8').splitlines()]
    inside = [note['end'] - note['begin'] for note in notes]
    return max(statistics.median(outside) - statistics.median(inside) - plain, 0.0)


def cost_of_process(runs: int = 30) -> float:
    """Seconds that a program takes that does nothing."""
    return statistics.median(_seconds(['/bin/true']) for _ in range(runs))


def _wrapper(record: pathlib.Path) -> str:
    return _WRAPPER.format(record=shlex.quote(str(record)))


def _seconds(command: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begin


@dataclasses.dataclass(frozen=True)
class End:
    """A hook, action or command whose end the engine has recorded."""

    at: float
    """Seconds since the epoch."""
    name: str


class Ends:
    """The ends in a debug log, each with the time when it appeared there.

    Args:
        log: the file, which need not be there yet.

    """

    def __init__(self, log: pathlib.Path) -> None:
        self._log = log
        self._seen: list[End] = []
        self._problem = ''

    @contextlib.contextmanager
    def watched(self) -> Generator[Ends]:
        """Looks at the log for as long as the context lasts."""
        over = threading.Event()
        thread = threading.Thread(target=self._watch, args=(over,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            over.set()
            thread.join()

    def seen(self) -> list[End]:
        """What has ended until now. Raises RuntimeError when something has failed."""
        if self._problem:
            raise RuntimeError(self._problem)
        return [*self._seen]

    def _watch(self, over: threading.Event) -> None:
        while not self._log.exists():
            if over.wait(_POLL):
                return
        with self._log.open(encoding='utf-8') as log:
            rest = ''
            while not over.wait(_POLL):
                if new := log.read():
                    now = time.time()
                    *lines, rest = (rest + new).split('\n')
                    for line in lines:
                        self._add(line, now)

    def _add(self, line: str, now: float) -> None:
        if (entry := _ENTRY.fullmatch(line)) is None:
            return
        level, message = entry.groups()
        if ended := _ENDED.fullmatch(message):
            self._seen.append(End(now, ended[1] or ended[2]))
        elif level == 'ERROR' or message.startswith('ran task'):
            self._problem = self._problem or line


def join(record: pathlib.Path, ends: Sequence[End]) -> list[Dispatch]:
    """Every dispatch noted in a record, with the times of the engine.

    All of them must have run one after another, and been ready to run when the one before, or a
    `juju exec`, had ended.

    Raises RuntimeError when record and debug log differ.
    """
    notes = _notes(record)
    found: list[Dispatch] = []
    ready = None
    for end in ends:
        if end.name == _COMMAND:
            ready = end.at
        elif ready is not None:
            note, calls = next(notes, _NOTHING)
            kind, _, name = note['path'].partition('/')
            if name != end.name:
                raise RuntimeError(f'{note["path"]} is noted where {end.name} has ended')
            charm, before = note['end'] - note['begin'], note['begin'] - ready
            after = end.at - note['end']
            tools = tuple(seconds for tool, seconds in calls if tool in _TOOLS)
            found.append(Dispatch(name, kind == 'actions', charm, before, after, tools))
            ready = end.at
    return found


def _notes(record: pathlib.Path) -> Iterator[_Note]:
    """What the wrapper noted of each dispatch, and the calls that the probe saw in it."""
    calls: list[tuple[str, float]] = []
    for line in record.read_text(encoding='utf-8').splitlines():
        note: dict[str, Any] = json.loads(line)
        if 'calls' in note:
            calls = note['calls']
        else:
            yield note, calls
            calls = []
