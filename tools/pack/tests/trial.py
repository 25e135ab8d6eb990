"""A small charm, the unit that runs it, and what the tests change in both."""

from __future__ import annotations

import contextlib
import io
import pathlib
import shutil
import subprocess
import textwrap
import zipfile

from .. import command, target

PACK = pathlib.Path(target.__file__).parent
LOCK = pathlib.Path(__file__).parent / 'pyyaml.lock'

CHARMCRAFT = """\
type: charm
name: tiny
title: Tiny
summary: Reports the version of a library.
description: |
  Does nothing else.
links:
  documentation: https://example.com
  contact: someone@example.com
platforms:
  ubuntu@22.04:amd64:
  ubuntu@24.04:amd64:
  ubuntu@24.04:arm64:
provides:
  certificates:
    interface: tls-certificates
config:
  options:
    size: {type: int, default: 1, description: A number.}
actions:
  show: {description: Shows it.}
parts:
  charm: {plugin: nil, source: ../..}
  files: {plugin: dump, source: ., prime: [templates]}
"""

MODULE = """\
import subprocess
import sys

import local_library
import yaml

MEMBERS = {'a', 'b', 'c'}
text = f'{local_library.NAME} {yaml.safe_load("[1]")}'
subprocess.run(['status-set', 'active', text], check=True)
files = [getattr(module, '__file__', None) or '' for module in sys.modules.values()]
print(*(file for file in files if 'site-packages' in file), sep='\\n')
print('%d.%d' % sys.version_info[:2])
"""


def write(path: pathlib.Path, text: str) -> None:
    """A file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text), encoding='utf-8')


def repository(root: pathlib.Path) -> pathlib.Path:
    """A repository with one charm and one local package; the charm's folder."""
    charm = root / 'charms' / 'tiny'
    write(charm / 'charmcraft.yaml', CHARMCRAFT)
    write(
        charm / 'pyproject.toml',
        """\
        [project]
        name = "tiny-charm"
        version = "0"
        dependencies = ["pyyaml"]

        [dependency-groups]
        local = ["local-library"]

        [tool.uv.sources]
        local-library = { path = "../../local" }
        """,
    )
    write(charm / 'src' / 'charm.py', MODULE)
    write(charm / 'src' / 'names.py', "NAMES = frozenset({'x', 'y', 'z'})\n")
    write(charm / 'templates' / 'a.txt', 'a template\n')
    write(charm / 'README.md', '# Tiny\n')
    shutil.copyfile(LOCK, charm / 'requirements.lock')
    write(
        root / 'local' / 'pyproject.toml',
        """\
        [project]
        name = "local-library"
        version = "1"
        dependencies = ["pyyaml"]

        [build-system]
        requires = ["uv_build>=0.8,<1"]
        build-backend = "uv_build"
        """,
    )
    write(root / 'local' / 'src' / 'local_library' / '__init__.py', "NAME = 'local'\n")
    return charm


def pack(*arguments: str | pathlib.Path) -> subprocess.CompletedProcess[str]:
    """What the command says, and how it ends; in this process, which saves a third of a second."""
    given = [str(argument) for argument in arguments]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = command.main(given)
    return subprocess.CompletedProcess(given, code, out.getvalue(), err.getvalue())


def edit(path: pathlib.Path, old: str, new: str) -> None:
    """Replace a text that must be there."""
    text = path.read_text(encoding='utf-8')
    assert old in text
    path.write_text(text.replace(old, new), encoding='utf-8')


def unpack(artifact: pathlib.Path, into: pathlib.Path) -> pathlib.Path:
    """Unpack as Juju does: modes are kept, times are not."""
    with zipfile.ZipFile(artifact) as archive:
        for entry in archive.infolist():
            path = pathlib.Path(archive.extract(entry, into))
            path.chmod(entry.external_attr >> 16 & 0o777)
    return into


def dispatch(
    unit: pathlib.Path, python: pathlib.Path, work: pathlib.Path
) -> subprocess.CompletedProcess[str]:
    """Run a unit's dispatch with a Python and a hook tool, which writes what it is told."""
    tools = work / 'tools'
    write(tools / 'status-set', f'#!/bin/sh\necho "$@" >>{work}/told\n')
    (tools / 'status-set').chmod(0o755)
    (tools / 'python3').unlink(missing_ok=True)
    (tools / 'python3').symlink_to(python)
    return subprocess.run(
        [unit / 'dispatch'],
        env={'PATH': f'{tools}:/usr/bin:/bin', 'JUJU_DISPATCH_PATH': 'hooks/start'},
        cwd=unit,
        capture_output=True,
        text=True,
        check=False,
    )


def interpreter(python: str) -> pathlib.Path:
    """An interpreter that must be here for a test to make sense."""
    found = target.interpreter(python)
    assert found is not None, f'these tests need Python {python}'
    return found
