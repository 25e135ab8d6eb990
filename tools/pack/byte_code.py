"""Byte code for a unit's Python: made, and checked, by an interpreter of the same minor version.

Only that one knows: the hash of a source that is in a .pyc (PEP 552) is another function in 3.10
than in 3.11, and the code itself is in a format of each version's own.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
from typing import TYPE_CHECKING

from .failure import Failure, one_line
from .target import interpreter

if TYPE_CHECKING:
    from .target import Target

PREFIX = '/charm'
"""What the paths in code objects begin with, whichever folder they were compiled in."""
CHECK = pathlib.Path(__file__).parent / 'check_byte_code.py'


def make(target: Target, tree: pathlib.Path) -> bool:
    """Compile every module for the target; False when this machine has no such Python.

    Stamped with the source's hash (PEP 552), because Juju's unpacker gives every file a new time,
    and a stamp of the time would be stale. One process and a fixed hash seed, because both change
    the order of constants. Paths in the code objects begin with /charm, not the build's folder.
    """
    python = interpreter(target.python)
    if python is None:
        return False
    done = run(
        python, '-m', 'compileall', '-q', '-f', '-j1', '--invalidation-mode', 'checked-hash',
        '-s', str(tree), '-p', PREFIX, 'src', 'venv/lib', tree=tree,
    )  # fmt: skip
    if done.returncode:
        text = f'{done.stdout} {done.stderr}'.replace(f'{tree}/', '')
        raise Failure(f'byte code for Python {target.python}: {one_line(text)}')
    return True


def complaints(target: Target, tree: pathlib.Path) -> list[str]:
    """What is wrong with each .pyc below a tree: its Python, its stamp, its source, its code.

    Needs an interpreter of the target: without one, that is the complaint.
    """
    python = interpreter(target.python)
    if python is None:
        return [f'byte code cannot be checked: no Python {target.python} here']
    done = run(python, str(CHECK), PREFIX, tree=tree)
    if done.returncode:  # a code object may be so broken that the interpreter ends
        return [f'byte code ended Python {target.python}: {one_line(done.stderr)}']
    found: list[str] = json.loads(done.stdout)
    return found


def run(
    python: pathlib.Path, *arguments: str, tree: pathlib.Path
) -> subprocess.CompletedProcess[str]:
    """Run an interpreter in a tree, apart from the settings of whoever packs."""
    return subprocess.run(
        [str(python), '-s', *arguments],
        cwd=tree,
        env={'PYTHONHASHSEED': '0', 'PATH': os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )
