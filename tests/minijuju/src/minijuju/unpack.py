"""Unpacking a packed charm, of which nothing is taken on trust."""

from __future__ import annotations

import lzma
import shutil
import stat
import struct
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from minijuju.arguments import Refused

if TYPE_CHECKING:
    from pathlib import Path

# Charms with a virtual environment unpack to 50-200 MB in a few thousand files.
SIZE_LIMIT = 1024 * 1024 * 1024
FILE_LIMIT = 100_000
_LINK_LIMIT = 4096

# What zipfile raises for archives that are cut off, damaged, encrypted or packed in other ways.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
    ValueError,
)


def unpack(path: Path, into: Path) -> None:
    """Put the files of a ``.charm`` into a folder.

    Raises:
        Refused: it is no charm, is damaged or too large, or has files or links that lead out of
            the folder.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _check(path, entries)
            links = [info for info in entries if stat.S_ISLNK(info.external_attr >> 16)]
            for info in entries:
                if info not in links:
                    _extract(archive, info, into)
            # Links come last, so that no file is written through one.
            for info in links:
                _link(archive.read(info).decode(), PurePosixPath(info.filename), into)
    except _DAMAGE as error:
        raise Refused(f'"{path}" is not a charm: {error}') from error
    # Each link alone may look harmless, and a chain of them lead out all the same.
    for info in links:
        if not _is_within(into / info.filename, into):
            raise Refused(f'symlink "{info.filename}" leads out of the charm')


def _check(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    # zipfile never reads more of an entry than the size that the entry claims.
    size = sum(info.file_size for info in entries)
    if size > SIZE_LIMIT or len(entries) > FILE_LIMIT:
        raise Refused(f'"{path}" is too large: {size} bytes in {len(entries)} files')
    for info in entries:
        name = PurePosixPath(info.filename)
        if name.is_absolute() or '..' in name.parts:
            raise Refused(f'"{path}" has a file outside the charm: {info.filename}')


def _extract(archive: zipfile.ZipFile, info: zipfile.ZipInfo, into: Path) -> None:
    archive.extract(info, into)
    mode = (info.external_attr >> 16) & 0o777
    if mode and not info.is_dir():
        # The owner can always read and remove it: so can minijuju.
        (into / info.filename).chmod(mode | stat.S_IRUSR)


def _link(aim: str, name: PurePosixPath, into: Path) -> None:
    if aim.startswith('/'):
        raise Refused(f'symlink "{name}" is absolute')
    if not aim or len(aim) > _LINK_LIMIT:
        raise Refused(f'symlink "{name}" leads nowhere')
    target = into / name
    if not _is_within(target.parent, into):
        raise Refused(f'symlink "{name}" leads out of the charm')
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(aim)


def _is_within(path: Path, folder: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a loop of links
        return True


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that is in it, also folders that nobody may write."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        for inner in [folder, *folder.rglob('*')]:
            if inner.is_dir() and not inner.is_symlink():
                inner.chmod(stat.S_IRWXU)
        shutil.rmtree(folder, ignore_errors=True)
