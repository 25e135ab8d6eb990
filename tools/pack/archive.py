"""A folder as a zip whose bytes depend on the folder's content alone."""

from __future__ import annotations

import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import zipfile
from typing import TYPE_CHECKING

from .failure import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

EPOCH = 315532800  # 1980-01-01, the first time that a zip can hold
LEVEL = 6  # the best costs three times the seconds for 1 % of the size


def source_time(folder: pathlib.Path, environ: Mapping[str, str] = os.environ) -> int:
    """The time that every file of an artifact gets, in seconds since 1970, UTC.

    SOURCE_DATE_EPOCH (reproducible-builds.org), else the time of the commit that the folder is
    at, else 1980-01-01. Raises Failure for a SOURCE_DATE_EPOCH that is no number.
    """
    if given := environ.get('SOURCE_DATE_EPOCH'):
        if not given.isdigit():
            raise Failure(f'SOURCE_DATE_EPOCH {given!r} must be whole seconds since 1970')
        return max(int(given), EPOCH)
    try:
        done = subprocess.run(
            ['git', '-C', str(folder), 'log', '-1', '--format=%ct'],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return EPOCH
    stamp = done.stdout.strip()
    return max(int(stamp), EPOCH) if stamp.isdigit() else EPOCH


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
