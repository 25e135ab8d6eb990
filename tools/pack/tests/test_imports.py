"""What a charm imports is in its artifact, or the unit's Python has it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from .. import imports, target
from . import trial

if TYPE_CHECKING:
    import pathlib

NAMES = """
import os
NAME: int = 1
for loop in ():
    pass
def later():
    inner = 1
class Kind:
    inner = 1
"""


@pytest.mark.parametrize(
    ('source', 'found'),
    [
        ('import absent', ['absent']),
        ('import os, yaml, names', []),
        ('import yaml.absent', ['yaml.absent']),
        ('from absent.part import x', ['absent.part']),
        ('from yaml import absent', []),  # a published package's own matter
        ('from names import NAME, later, Kind, os, loop, inner', ['names.inner']),
        ('from names import *', []),
        ('from package import part, absent', ['package.absent']),
        ('from folder import part, absent', ['folder.absent']),
        ('from open import anything', []),
        ('import tomllib', []),
        ('import asynchat', ['asynchat']),
        ('def later():\n    import absent', ['absent']),
        ('try:\n    import absent\nexcept ImportError:\n    import lost', ['lost']),
        ('try:\n    import absent\nexcept ValueError:\n    pass', ['absent']),
        ('if typing.TYPE_CHECKING:\n    import absent\nelse:\n    import lost', ['lost']),
        ('from . import names', []),
        ('from .absent import x', ['absent']),
    ],
)
def test_imports_that_nothing_satisfies_are_found(
    tmp_path: pathlib.Path, source: str, found: list[str]
) -> None:
    site = tmp_path / 'venv'
    trial.write(site / 'yaml' / '__init__.py', '')
    trial.write(tmp_path / 'src' / 'names.py', NAMES)
    trial.write(tmp_path / 'src' / 'package' / '__init__.py', '')
    trial.write(tmp_path / 'src' / 'package' / 'part.py', '')
    trial.write(tmp_path / 'src' / 'folder' / 'part.py', '')
    trial.write(tmp_path / 'src' / 'open.py', 'def __getattr__(name):\n    return name\n')
    trial.write(tmp_path / 'src' / 'charm.py', source)

    complaints = imports.missing(tmp_path, site, (tmp_path / 'src',), '3.12')

    assert complaints == [f'src/charm.py imports {name}, which is not packed' for name in found]


@pytest.mark.parametrize('python', ['3.10', '3.11', '3.12', '3.13', '3.14'])
def test_the_standard_library_is_the_one_of_the_python_that_is_asked_for(python: str) -> None:
    interpreter = target.interpreter(python)
    if interpreter is None:
        pytest.skip(f'no Python {python} on this machine')
    done = subprocess.run(
        [interpreter, '-c', 'import sys; print(*sys.stdlib_module_names)'],
        capture_output=True,
        text=True,
        check=True,
    )

    known = imports.standard_library(python)

    public = {name for name in done.stdout.split() if not name.startswith('_')}
    assert {name for name in known if not name.startswith('_')} == public


def test_a_module_that_does_not_parse_is_complained_of(tmp_path: pathlib.Path) -> None:
    trial.write(tmp_path / 'src' / 'charm.py', 'def (:\n')

    [complaint] = imports.missing(tmp_path, tmp_path / 'venv', (tmp_path / 'src',), '3.12')

    assert complaint.startswith('src/charm.py is no module for Python 3.12: invalid syntax')
