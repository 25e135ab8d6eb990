"""Rules on imports in the charms; those of the shared package are contracts of import-linter."""

from __future__ import annotations

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = sorted(ROOT.glob('charms/*/src/*.py'))
SIGNING = {'account.py', 'certificate_profile.py', 'parent.py', 'trial.py'}
"""Modules of charms that make certificates or requests, read keys, or have a library do so."""
WIRING = {'charm.py', 'parent.py'}
"""Modules of charms that are about Juju: `parent` is an endpoint with a library of its own."""


def imported(path: pathlib.Path) -> set[str]:
    """The top-level packages that a module imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition('.')[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition('.')[0])
    return found


def name(path: pathlib.Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_are_charms_to_check() -> None:
    assert any(path.name == 'charm.py' for path in SOURCES)


@pytest.mark.parametrize('path', SOURCES, ids=name)
def test_only_the_wiring_imports_ops(path: pathlib.Path) -> None:
    assert 'ops' not in imported(path) or path.name in WIRING


@pytest.mark.parametrize('path', SOURCES, ids=name)
def test_only_what_signs_imports_cryptography(path: pathlib.Path) -> None:
    assert 'cryptography' not in imported(path) or path.name in SIGNING


@pytest.mark.parametrize('path', [*SOURCES, *sorted(ROOT.glob('shared/src/**/*.py'))], ids=name)
def test_modules_are_small(path: pathlib.Path) -> None:
    lines = len(path.read_text(encoding='utf-8').splitlines())

    assert lines < (150 if path.name == 'charm.py' else 300)
