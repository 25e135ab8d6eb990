"""From a packed charm to a unit's charm folder."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from minijuju.arguments import Refused
from minijuju.charm import Charm, read_charm
from minijuju.interpreter import find_python
from minijuju.processes import STARTING
from minijuju.unpack import remove_tree, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator


def load_artifact(path: Path, cache: Path) -> Charm:
    """Return the charm in a ``.charm`` file, unpacked once per content below ``cache``.

    Raises:
        Refused: the file is missing or no charm, is for another machine, or needs a Python
            that this machine lacks.
    """
    digest = _digest(path)
    folder = cache / digest
    if not folder.exists():
        partial = Path(tempfile.mkdtemp(prefix='partial-', dir=cache))
        try:
            unpack(path, partial)
            charm = read_charm(partial, digest)
            if charm.python and _lacks_lasting_byte_code(partial / 'venv'):
                _compile(find_python(charm), partial)
        except BaseException:
            remove_tree(partial)
            raise
        partial.chmod(0o755)
        try:
            partial.rename(folder)
        except OSError:
            remove_tree(partial)  # another deploy of the same file was faster
    charm = read_charm(folder, digest)
    if charm.python:
        find_python(charm)
    return charm


def install_into(charm: Charm, unit_folder: Path, old: Charm | None = None) -> None:
    """Put a charm's files into a unit's charm folder, over those of an old one.

    Files of the old charm that the new one lacks are removed, as Juju does; files that the charm
    made stay. All byte code outside the new charm goes: an old ``.pyc`` whose source has the same
    size and time as the new one would hide the new source.
    """
    if old is not None:
        for relative in _files(old.folder):
            if not os.path.lexists(charm.folder / relative):
                with contextlib.suppress(OSError):
                    (unit_folder / relative).unlink()
        for byte_code in [*unit_folder.rglob('__pycache__')]:
            shutil.rmtree(byte_code, ignore_errors=True)
    for relative in _files(charm.folder):
        source, target = charm.folder / relative, unit_folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(target):
            target.unlink()
        if source.is_symlink():
            target.symlink_to(source.readlink())
        else:
            # A link would be faster by some 30 ms, and a charm that writes into its own virtual
            # environment would then write into that of every other unit.
            shutil.copy2(source, target)


def _digest(path: Path) -> str:
    try:
        if not path.is_file():
            raise Refused(f'cannot read charm "{path}": no such file')
        digest = hashlib.sha256()
        with path.open('rb') as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError as error:
        raise Refused(f'cannot read charm "{path}": {error.strerror}') from error
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        links = [name for name in folders if (Path(parent) / name).is_symlink()]
        for name in [*names, *links]:
            yield (Path(parent) / name).relative_to(folder)


def _lacks_lasting_byte_code(venv: Path) -> bool:
    # Unpacking sets new times, which makes time-stamped byte code stale; hash-stamped lasts.
    for path in venv.rglob('__pycache__/*.pyc'):
        with path.open('rb') as file:
            return not file.read(8)[4] & 1
    return True


def _compile(python: Path, folder: Path) -> None:
    command = [python, '-I', '-m', 'compileall', '-qq', '--invalidation-mode', 'checked-hash']
    command += ['-s', folder, '-p', '/charm']
    folders = [folder / name for name in ('venv/lib', 'src', 'lib') if (folder / name).is_dir()]
    with STARTING:
        process = subprocess.Popen([*command, *folders], stdin=subprocess.DEVNULL)
    process.wait()
