"""Compile every requirements lock: pinned by hash, free of index addresses, one version for all.

The root's dependency groups give `requirements-GROUP.lock`. Each charm's `pyproject.toml` gives
the `requirements.lock` beside it, under the constraint of `requirements-test.lock`, so that every
charm ships the versions that were tested.

Usage: `lock.py` rewrites what changed; with `--check` it changes nothing and exits 1 on a
difference; with `--upgrade` it takes newer versions.
"""

from __future__ import annotations

import argparse
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
    stale: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (lock, source) in enumerate(locks()):
            target = pathlib.Path(folder) / f'{number}.lock'
            compile_lock([*source, *['--upgrade'] * options.upgrade], lock, target)
            if lock.exists() and lock.read_bytes() == target.read_bytes():
                continue
            stale.append(str(lock.relative_to(ROOT)))
            if not options.check:
                shutil.copyfile(target, lock)
    for name in stale:
        print(f'{"stale" if options.check else "written"}: {name}')
    return 1 if options.check and stale else 0


if __name__ == '__main__':
    sys.exit(main())
