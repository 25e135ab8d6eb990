"""A folder as a zip whose bytes depend on the folder's content alone."""

from __future__ import annotations

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import zipfile
import zlib
from typing import TYPE_CHECKING

from .failure import Failure, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

EPOCH = 315532800  # 1980-01-01, the first time that a zip can hold
LATEST = 4354819198  # 2107-12-31 23:59:58, the last one
# Variables by which a hook of another repository tells git where that one is.
GIT_PLACES = frozenset({'GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_COMMON_DIR'})
# Of a zip that is damaged, encrypted (RuntimeError), or packed by a method that Python lacks.
UNREADABLE = (OSError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error)
LEVEL = 6  # the best costs three times the seconds for 1 % of the size


def source_time(folder: pathlib.Path, environ: Mapping[str, str] = os.environ) -> int:
    """The time that every file of an artifact gets, in seconds since 1970, UTC.

    SOURCE_DATE_EPOCH (reproducible-builds.org), else the time of the commit that the folder is
    at, else 1980-01-01: for an archive, which no repository knows, wherever it was unpacked.

    Raises Failure for a SOURCE_DATE_EPOCH that no zip can hold, and where there is a repository
    whose commit git does not tell.
    """
    if given := environ.get('SOURCE_DATE_EPOCH'):
        # More digits than these are no time, and Python refuses to read thousands of them.
        if not re.fullmatch('[0-9]{1,12}', given) or int(given) > LATEST:
            raise Failure(
                f'SOURCE_DATE_EPOCH {one_line(given, 40)!r} must be whole seconds since 1970, '
                f'{LATEST} at most'
            )
        return max(int(given), EPOCH)
    if not any((parent / '.git').exists() for parent in (folder, *folder.parents)):
        return EPOCH
    if not git(folder, 'ls-files', '--', '.'):
        return EPOCH  # the repository is another one: it only lies around the folder
    return max(int(git(folder, 'log', '-1', '--format=%ct')), EPOCH)


def git(folder: pathlib.Path, *arguments: str) -> str:
    """What git says of the repository around a folder, without the white space at its ends.

    Raises Failure when git is missing or refuses: every artifact would be of another time.
    """
    kept = {name: value for name, value in os.environ.items() if name not in GIT_PLACES}
    cure = 'mend that, or set SOURCE_DATE_EPOCH'
    try:
        done = subprocess.run(
            ['git', '-C', str(folder), '-c', 'log.showSignature=false', *arguments],  # noqa: S607
            env=kept,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise Failure(f'git, which tells the time of the commit, is missing: {cure}') from None
    if done.returncode:
        raise Failure(f'git does not tell the commit: {one_line(done.stderr)}; {cure}')
    return done.stdout.strip()


def write(tree: pathlib.Path, path: pathlib.Path, seconds: int) -> None:
    """Zip a folder: entries sorted by name, one time, modes 0755 or 0644, no folders or extras."""
    files = {file.relative_to(tree).as_posix(): file for file in tree.rglob('*') if file.is_file()}
    date = time.gmtime(seconds)[:6]
    with zipfile.ZipFile(path, 'w') as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date)
            entry.create_system = 3
            entry.compress_type = zipfile.ZIP_DEFLATED
            executable = files[name].stat().st_mode & 0o100
            entry.external_attr = (0o100755 if executable else 0o100644) << 16
            archive.writestr(entry, files[name].read_bytes(), compresslevel=LEVEL)


def sha256(path: pathlib.Path) -> str:
    """Digest of a file in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def place(path: pathlib.Path, into: pathlib.Path) -> None:
    """Copy a file so that readers see the old one or the new one, never a piece.

    Raises FileNotFoundError when there is no such file.
    """
    into.parent.mkdir(parents=True, exist_ok=True)
    with (
        path.open('rb') as source,
        tempfile.NamedTemporaryFile(
            dir=into.parent, prefix=f'.{into.name}.', delete=False
        ) as copy,
    ):
        try:
            shutil.copyfileobj(source, copy)
            copy.flush()
            pathlib.Path(copy.name).chmod(0o644)
            pathlib.Path(copy.name).replace(into)
        except BaseException:
            pathlib.Path(copy.name).unlink(missing_ok=True)
            raise
