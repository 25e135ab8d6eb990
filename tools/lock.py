"""Compile every requirements lock: pinned by hash, free of index addresses, one version for all.

The root's dependency groups give `requirements-GROUP.lock`. Each charm's `pyproject.toml` gives
the `requirements.lock` beside it, under the constraint of `requirements-test.lock`, so that every
charm ships the versions that were tested.

The first line of a lock is a digest of what it was compiled from and of what came out. It tells
without the index whether somebody has changed either.

Usage: `lock.py` compiles again what is not in line with its digest; with `--upgrade` everything,
with newer versions; with `--check` it changes nothing and exits 1 where a digest differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import uv

ROOT = pathlib.Path(__file__).resolve().parent.parent
# test first: the others are constrained by it, but for charmcraft, which shares nothing with it
GROUPS = ('test', 'lint', 'fuzz', 'bootstrap', 'pack', 'charmcraft')
ALONE = ('test', 'charmcraft')
FLOOR = '3.10'
SECTION = '[dependency-groups]'


def digest(source: list[str], body: str) -> str:
    """The first line of a lock with this body, for arguments of `uv pip compile`."""
    text = [*source, body]
    for name in source:
        path = ROOT / name
        if path.name == 'pyproject.toml' or path.suffix == '.lock':
            text.append(path.read_text(encoding='utf-8'))
    if '--group' in source:
        _, _, groups = (ROOT / 'pyproject.toml').read_text(encoding='utf-8').partition(SECTION)
        text.append(groups.partition('\n[')[0])
    return f'# {hashlib.sha256(json.dumps(text).encode()).hexdigest()}\n'


def is_current(source: list[str], lock: pathlib.Path) -> bool:
    """Whether a lock is what was compiled from the source as it is now."""
    if not lock.exists():
        return False
    first, _, body = lock.read_text(encoding='utf-8').partition('\n')
    return f'{first}\n' == digest(source, body)


def compile_lock(source: list[str], lock: pathlib.Path, target: pathlib.Path) -> None:
    """Write the lock of a source (arguments of `uv pip compile`) to a target.

    The pins of `lock` are kept where they still satisfy the source: a release of a dependency
    alone changes no lock.
    """
    if lock.exists() and lock != target:
        shutil.copyfile(lock, target)
    subprocess.run(
        [
            uv.find_uv_bin(), 'pip', 'compile', '--quiet', '--universal',
            '--python-version', FLOOR, '--generate-hashes', '--no-annotate', '--no-header',
            '--no-emit-index-url', '--no-emit-find-links', '--output-file', str(target), *source,
        ],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip


def locks() -> list[tuple[pathlib.Path, list[str]]]:
    """Every lock of the repository with the arguments that describe its source."""
    tested = ['--constraints', 'requirements-test.lock']
    found = [
        (ROOT / f'requirements-{group}.lock', ['--group', group] + tested * (group not in ALONE))
        for group in GROUPS
    ]
    charms = sorted(
        [*ROOT.glob('charms/*/pyproject.toml'), *ROOT.glob('tests/charms/*/pyproject.toml')]
    )
    return found + [
        (project.parent / 'requirements.lock', [str(project.relative_to(ROOT)), *tested])
        for project in charms
    ]


def main() -> int:
    """Compile all; 0 when nothing differs or everything was rewritten."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').partition('\n')[0])
    parser.add_argument(
        '--check', action='store_true', help='change nothing, exit 1 on a difference'
    )
    parser.add_argument('--upgrade', action='store_true', help='take newer versions')
    options = parser.parse_args()
    stale = 0
    for lock, source in locks():
        if is_current(source, lock) and not options.upgrade:
            continue
        stale += 1
        print(f'{"stale" if options.check else "compiled"}: {lock.relative_to(ROOT)}', flush=True)
        if not options.check:
            with tempfile.TemporaryDirectory() as folder:
                target = pathlib.Path(folder) / lock.name
                compile_lock([*source, *['--upgrade'] * options.upgrade], lock, target)
                body = target.read_text(encoding='utf-8')
            lock.write_text(digest(source, body) + body, encoding='utf-8')
    return 1 if options.check and stale else 0


if __name__ == '__main__':
    sys.exit(main())
