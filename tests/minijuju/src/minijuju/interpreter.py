"""Finding the Python that a charm's virtual environment was made for."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from minijuju.arguments import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from minijuju.charm import Charm


def find_python(charm: Charm) -> Path:
    """Return a real interpreter for the charm's virtual environment, never a pyenv shim.

    A charm's dispatch links ``venv/bin/python`` to the first python3 on PATH. When that is a
    shim, which is a shell script, the link leads out of the virtual environment.

    The interpreter in the ``home`` of ``pyvenv.cfg`` comes first where there is one: Python takes
    its standard library from there, and another build of the same version may not fit it.

    Raises:
        Refused: this machine has none of the version.
    """
    for candidate in _candidates(charm):
        real = candidate.resolve()
        if _is_binary(real):
            return real
    raise Refused(
        f'charm "{charm.name}" needs Python {charm.python}, and no python{charm.python} is on '
        'PATH or in ~/.pyenv/versions: install it or pack the charm for another base'
    )


def python_folder(charm: Charm, folder: Path) -> Path:
    """Return a folder whose ``python3`` is the charm's interpreter; make it if need be."""
    place = folder / charm.digest[:16]
    link = place / 'python3'
    if not link.exists():
        place.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(find_python(charm))
    return place


def _candidates(charm: Charm) -> Iterator[Path]:
    name = f'python{charm.python}'
    if home := _home(charm.folder / 'venv' / 'pyvenv.cfg'):
        yield Path(home) / name
    if charm.python == f'{sys.version_info[0]}.{sys.version_info[1]}':
        yield Path(sys.base_prefix) / 'bin' / name
    for folder in os.environ.get('PATH', os.defpath).split(os.pathsep):
        yield Path(folder) / name
    versions = Path.home() / '.pyenv' / 'versions'
    for version in sorted(versions.glob(f'{charm.python}.*'), reverse=True):
        yield version / 'bin' / name
    yield Path('/usr/bin') / name


def _home(config: Path) -> str:
    try:
        lines = config.read_text(encoding='utf-8').splitlines()
    except (OSError, UnicodeDecodeError):
        return ''
    pairs = (line.partition('=') for line in lines)
    return next((value.strip() for key, _, value in pairs if key.strip() == 'home'), '')


def _is_binary(path: Path) -> bool:
    try:
        with path.open('rb') as file:
            return file.read(4) == b'\x7fELF' and os.access(path, os.X_OK)
    except OSError:
        return False
