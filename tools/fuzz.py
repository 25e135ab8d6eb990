"""Look for databags that break a reader, by coverage: what reaches new code is changed further.

Every reader of `tls_provider` that a stranger can reach is asked, with the properties of
`testing.strangers`. The first databag that breaks one is kept and ends the run with status 1.

Usage: `fuzz.py --seconds 600`. With `--corpus FOLDER` what reaches code that nothing in the folder
reaches is added to it afterwards, the smallest first.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import pathlib
import random
import subprocess
import sys
import tempfile
import time
from typing import Any

atheris: Any = importlib.import_module('atheris')  # it has no types
with atheris.instrument_imports(include=['tls_provider', 'json']):
    from tls_provider.testing import mutation, strangers

CORPUS = pathlib.Path(__file__).parent.parent / 'shared' / 'tests' / 'corpus'
MAX_SIZE = 40_000
"""Bytes of a databag: several requests, or the answers to two."""
MAX_KEPT = 6000
"""Bytes of one that is worth keeping."""
_BLIND = 0.1
"""Share of changes that know nothing of the format."""


def read(data: bytes) -> None:
    """Read what the fuzzer made; anything that comes out of it is a finding."""
    try:
        bag = strangers.loads(data)
    except (ValueError, RecursionError):
        return  # it is no databag
    strangers.read_everything(bag)


def change(data: bytes, limit: int, seed: int) -> bytes:
    """One or more changes, which most of the time leave a databag."""
    chance = random.Random(seed)  # noqa: S311 : to be repeated
    if chance.random() > _BLIND:
        with contextlib.suppress(ValueError, RecursionError):
            bag = mutation.mutated_bag(strangers.loads(data), chance, strangers.donors())
            found = strangers.dumps(bag)
            if len(found) <= limit:
                return found
    return atheris.Mutate(data, limit)


def run(arguments: list[str]) -> None:
    """Fuzz, with arguments of libFuzzer; ends the process."""
    atheris.Setup(['fuzz', *arguments], read, custom_mutator=change)
    atheris.Fuzz()


def call(*arguments: str) -> int:
    """Fuzz in a process of its own; gives its exit status."""
    command = [sys.executable, __file__, '--', f'-max_len={MAX_SIZE}', *arguments]
    return subprocess.run(command, check=False).returncode


def main() -> int:
    """Fuzz for a time; 0 when nothing was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').partition('\n')[0])
    parser.add_argument('--seconds', type=int, default=20)
    parser.add_argument('--seed', type=int, default=0, help='0: another one every time')
    parser.add_argument('--corpus', type=pathlib.Path, help='add what reaches new code to it')
    parser.add_argument('--findings', default='fuzz-', help='prefix of files with what breaks')
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seeds, evolved = (pathlib.Path(folder) / name for name in ('seeds', 'evolved'))
        for place in (seeds, evolved):
            place.mkdir()
        for number, bag in enumerate(strangers.bags()):
            (seeds / f'{number}').write_bytes(strangers.dumps(bag))
        known = [str(seeds), *([str(CORPUS)] if CORPUS.is_dir() else [])]
        limits = [f'-max_total_time={options.seconds}', f'-seed={options.seed}']
        prefix = f'-artifact_prefix={options.findings}'
        begun = time.monotonic()
        status = call(*limits, prefix, '-print_final_stats=1', str(evolved), *known)
        print(f'{len(list(evolved.iterdir()))} databags reach something new', end=' ')
        print(f'after {time.monotonic() - begun:.0f} s')
        if options.corpus is not None:
            keep(options.corpus, [*seeds.iterdir()], [*evolved.iterdir()])
    return status


def keep(corpus: pathlib.Path, seeds: list[pathlib.Path], found: list[pathlib.Path]) -> None:
    """Add to a corpus what goes ways that neither it nor the seeds go, the smallest first."""
    corpus.mkdir(exist_ok=True)
    known: set[object] = set()
    for place in (*seeds, *corpus.iterdir()):
        known |= ways(place.read_bytes())
    for place in sorted(found, key=lambda place: place.stat().st_size):
        try:
            strangers.loads(place.read_bytes())
        except (ValueError, RecursionError):
            continue
        if place.stat().st_size <= MAX_KEPT and (new := ways(place.read_bytes()) - known):
            known |= new
            (corpus / f'{place.name[:12]}.json').write_bytes(place.read_bytes())


def ways(data: bytes) -> set[object]:
    """Where reading a databag goes: pairs of lines of `tls_provider` one after the other."""
    gone: set[object] = set()
    last: dict[int, int] = {}

    def trace(frame: Any, event: str, _: object) -> Any:
        if 'tls_provider' not in frame.f_code.co_filename:
            return None
        if event in {'line', 'exception'}:
            code = frame.f_code
            before = last.get(id(frame), 0)
            gone.add((code.co_filename, code.co_name, before, frame.f_lineno, event))
            last[id(frame)] = frame.f_lineno
        return trace

    sys.settrace(trace)
    try:
        read(data)
    finally:
        sys.settrace(None)
    return gone


if __name__ == '__main__':
    if '--' in sys.argv:
        run(sys.argv[sys.argv.index('--') + 1 :])
    else:
        sys.exit(main())
