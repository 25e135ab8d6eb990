"""A packed charm, as a value."""

from __future__ import annotations

import dataclasses
import zipfile
from typing import TYPE_CHECKING

from . import archive

if TYPE_CHECKING:
    import pathlib

    from .target import Target


@dataclasses.dataclass(frozen=True)
class Artifact:
    """A packed charm."""

    path: pathlib.Path
    """The file: NAME_BASE-ARCHITECTURE.charm."""
    name: str
    """The charm's name."""
    target: Target
    """What it was packed for."""
    size: int
    """Of the file, in bytes."""
    sha256: str
    """Of the file, in hexadecimal."""
    byte_code: bool
    """Whether it holds byte code; without, the first hook after a deploy compiles everything."""
    seconds: float
    """What packing took; less than a tenth when it came from the cache."""


def described(path: pathlib.Path, name: str, target: Target, seconds: float) -> Artifact:
    """What there is to say of an artifact's file."""
    with zipfile.ZipFile(path) as written:
        compiled = any(entry.endswith('.pyc') for entry in written.namelist())
    return Artifact(
        path=path,
        name=name,
        target=target,
        size=path.stat().st_size,
        sha256=archive.sha256(path),
        byte_code=compiled,
        seconds=seconds,
    )
