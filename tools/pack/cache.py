"""Artifacts by the content of all that they are made from, so that nothing is made twice."""

from __future__ import annotations

import hashlib
import os
import pathlib
import sys
from typing import TYPE_CHECKING

from . import archive, install, parts
from .target import interpreter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .metadata import Charm
    from .target import Target

# What a charm ships without a part's saying so, when it has it.
SHIPPED = ('README.md', 'LICENSE', 'icon.svg')


def key(charm: Charm, target: Target, sources: Mapping[str, pathlib.Path], seconds: int) -> str:
    """Digest, in hexadecimal, of everything that an artifact's bytes depend on."""
    python = interpreter(target.python)
    uv = install.run_uv('--version', cwd=charm.folder, what='uv does not run')
    digest = hashlib.sha256(repr((target, seconds, str(python), sys.version, uv)).encode())
    for name, path in inputs(charm, sources):
        content = path.read_bytes() if path.is_file() else os.fsencode(path.readlink())
        mode = path.lstat().st_mode
        digest.update(repr((name, mode & 0o120100, len(content))).encode() + content)
    return digest.hexdigest()


def inputs(
    charm: Charm, sources: Mapping[str, pathlib.Path]
) -> Iterator[tuple[str, pathlib.Path]]:
    """Every file that goes into an artifact, with a name that does not depend on where it lies."""
    yield from below('pack', pathlib.Path(__file__).parent, 'tests')
    for name in ('charmcraft.yaml', 'pyproject.toml', 'requirements.lock', *SHIPPED):
        if (charm.folder / name).is_file():
            yield f'charm/{name}', charm.folder / name
    local = install.local_packages(charm.folder)
    for folder in local:
        yield from below(f'local/{folder.name}', folder, 'src', 'tests')
    for folder in (charm.folder, *local):
        files = install.sources(folder)
        yield from ((f'src/{folder.name}/{name}', path) for name, path in files.items())
    for part in charm.parts:
        files = parts.files(part, parts.source(part, charm.folder, sources))
        yield from ((f'part/{name}', path) for name, path in files.items())


def below(label: str, folder: pathlib.Path, *without: str) -> Iterator[tuple[str, pathlib.Path]]:
    """The files below a folder in a fixed order, without byte code and hidden or named folders."""
    for path in sorted(folder.rglob('*')):
        relative = path.relative_to(folder)
        hidden = any(part.startswith('.') or part == '__pycache__' for part in relative.parts)
        if (
            (path.is_file() or path.is_symlink())
            and not hidden
            and relative.parts[0] not in without
        ):
            yield f'{label}/{relative.as_posix()}', path


def fetch(folder: pathlib.Path, artifact: str, digest: str, into: pathlib.Path) -> bool:
    """Copy an artifact out of the cache; False when it is not there, or not as it was stored."""
    for path in folder.glob(f'{artifact}.{digest}.*'):
        try:
            if path.suffix != f'.{archive.sha256(path)}':
                continue
            archive.place(path, into)
        except FileNotFoundError:  # another process has just replaced it
            continue
        return True
    return False


def store(folder: pathlib.Path, artifact: str, digest: str, path: pathlib.Path) -> None:
    """Copy an artifact into the cache, in place of those made from older inputs."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = folder / f'{artifact}.{digest}.{archive.sha256(path)}'
    archive.place(path, stored)
    for old in folder.glob(f'{artifact}.*'):
        if old != stored:
            old.unlink(missing_ok=True)
