from __future__ import annotations

import marshal
import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest
import yaml

from .. import assemble, target
from . import trial

if TYPE_CHECKING:
    import pathlib
    import types

BASES = ['host', 'ubuntu@22.04', 'ubuntu@24.04']


def byte_code(unit: pathlib.Path) -> dict[pathlib.Path, tuple[bytes, int]]:
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(unit.rglob('*.pyc'))
    }


def needs(packed_for: target.Target) -> pathlib.Path:
    if target.interpreter(packed_for.python) is None:
        pytest.skip(f'no Python {packed_for.python} on this machine')
    return trial.interpreter(packed_for.python)


@pytest.mark.parametrize('base', BASES)
def test_dispatch_runs_under_the_python_of_the_base(
    base: str, charm: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    packed_for = target.named(base, None if base == 'host' else 'amd64')
    python = needs(packed_for)
    packed = assemble.build(charm, packed_for, tmp_path / 'dist')
    unit = trial.unpack(packed.path, tmp_path / 'unit')

    done = trial.dispatch(unit, python, tmp_path)

    assert done.returncode == 0, done.stderr
    *foreign, version = done.stdout.split()
    assert version == packed_for.python
    assert foreign
    assert all(path.startswith(f'{unit}/') for path in foreign)
    assert (tmp_path / 'told').read_text() == 'active local [1]\n'


def test_byte_code_is_valid_whatever_the_times_of_the_files(
    artifact: assemble.Artifact, tmp_path: pathlib.Path
) -> None:
    unit = trial.unpack(artifact.path, tmp_path / 'unit')
    for number, path in enumerate(sorted(unit.rglob('*.py'))):
        os.utime(path, (number * 1000, number * 1000))
    before = byte_code(unit)

    done = trial.dispatch(unit, trial.interpreter(artifact.target.python), tmp_path)

    assert done.returncode == 0, done.stderr
    assert artifact.byte_code
    assert len(before) > 10
    assert byte_code(unit) == before


def test_an_edited_module_takes_effect(
    artifact: assemble.Artifact, tmp_path: pathlib.Path
) -> None:
    unit = trial.unpack(artifact.path, tmp_path / 'unit')
    trial.write(unit / artifact.target.site / 'local_library/__init__.py', "NAME = 'edited'\n")

    trial.dispatch(unit, trial.interpreter(artifact.target.python), tmp_path)

    assert (tmp_path / 'told').read_text() == 'active edited [1]\n'


def test_code_objects_name_the_charm_and_not_the_build(
    artifact: assemble.Artifact, tmp_path: pathlib.Path
) -> None:
    unit = trial.unpack(artifact.path, tmp_path / 'unit')

    for path in unit.rglob('*.pyc'):
        code: types.CodeType = marshal.loads(path.read_bytes()[16:])  # noqa: S302
        source = path.parent.parent / f'{path.name.partition(".")[0]}.py'
        assert code.co_filename == f'/charm/{source.relative_to(unit)}'


def test_entries_are_normalised(charm: pathlib.Path, tmp_path: pathlib.Path) -> None:
    packed = assemble.build(charm, target.host(), tmp_path / 'dist')

    with zipfile.ZipFile(packed.path) as archive:
        entries = archive.infolist()
        manifest = yaml.safe_load(archive.read('manifest.yaml'))
    names = [entry.filename for entry in entries]
    assert names == sorted(names)
    assert {entry.date_time for entry in entries} == {(2023, 11, 14, 22, 13, 20)}
    assert {entry.external_attr >> 16 for entry in entries} <= {0o100755, 0o100644}
    assert {(entry.create_system, entry.extra, entry.is_dir()) for entry in entries} == {
        (3, b'', False)
    }
    assert manifest['charmcraft-started-at'] == '2023-11-14T22:13:20+00:00'


def test_what_juju_reads_is_there(artifact: assemble.Artifact) -> None:
    with zipfile.ZipFile(artifact.path) as archive:
        names = set(archive.namelist())
        read = {
            name: yaml.safe_load(archive.read(f'{name}.yaml'))
            for name in ('metadata', 'actions', 'config', 'manifest')
        }
        mode = archive.getinfo('dispatch').external_attr >> 16

    assert mode == 0o100755
    assert {'README.md', 'templates/a.txt', 'src/charm.py', 'src/names.py'} <= names
    assert not {name for name in names if name.startswith(('venv/bin', 'venv/pyvenv', 'tests'))}
    assert read['metadata'] == {
        'name': 'tiny',
        'display-name': 'Tiny',
        'summary': 'Reports the version of a library.',
        'description': 'Does nothing else.\n',
        'docs': 'https://example.com/',
        'maintainers': ['someone@example.com'],
        'provides': {'certificates': {'interface': 'tls-certificates'}},
    }
    assert read['actions'] == {'show': {'description': 'Shows it.'}}
    assert read['config']['options']['size'] == {
        'type': 'int',
        'default': 1,
        'description': 'A number.',
    }
    assert read['manifest']['bases'] == [
        {
            'name': artifact.target.distribution,
            'channel': artifact.target.channel,
            'architectures': [artifact.target.architecture],
        }
    ]


def test_an_artifact_for_another_architecture_holds_its_binaries(
    charm: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    packed = assemble.build(charm, target.named('ubuntu@24.04', 'arm64'), tmp_path / 'dist')

    assert packed.path.name == 'tiny_ubuntu@24.04-arm64.charm'
    with zipfile.ZipFile(packed.path) as archive:
        shared = [name for name in archive.namelist() if name.endswith('.so')]
        assert shared
        assert {archive.read(name)[18] for name in shared} == {183}


def test_a_link_that_leads_nowhere_is_made_again(
    artifact: assemble.Artifact, tmp_path: pathlib.Path
) -> None:
    unit = trial.unpack(artifact.path, tmp_path / 'unit')
    (unit / 'venv/bin').mkdir()
    (unit / 'venv/bin/python').symlink_to('/usr/bin/python-of-last-year')

    done = trial.dispatch(unit, trial.interpreter(artifact.target.python), tmp_path)

    assert done.returncode == 0, done.stderr
    assert (unit / 'venv/bin/python').exists()


def test_a_python_that_is_a_script_is_seen_through(
    artifact: assemble.Artifact, tmp_path: pathlib.Path
) -> None:
    unit = trial.unpack(artifact.path, tmp_path / 'unit')
    shim = tmp_path / 'shim'
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    shim.chmod(0o755)

    done = trial.dispatch(unit, shim, tmp_path)

    assert done.returncode == 0, done.stderr
    assert target.is_binary(unit / 'venv/bin/python')


def test_dispatch_says_that_the_unit_has_another_python(
    artifact: assemble.Artifact, tmp_path: pathlib.Path
) -> None:
    unit = trial.unpack(artifact.path, tmp_path / 'unit')
    (unit / 'venv/lib' / f'python{artifact.target.python}').rename(unit / 'venv/lib/python3.99')

    done = trial.dispatch(unit, trial.interpreter(artifact.target.python), tmp_path)

    assert done.returncode == 1
    assert done.stderr.startswith('dispatch: packed for python3.99, but python3 of this unit is')


def test_without_a_python_of_the_base_there_is_no_byte_code(tmp_path: pathlib.Path) -> None:
    assert target.interpreter('3.99', {'PATH': str(tmp_path), 'HOME': str(tmp_path)}) is None


def test_interpreters_are_found_on_the_path_and_below_pyenv_but_not_as_scripts(
    tmp_path: pathlib.Path,
) -> None:
    shims, real = tmp_path / 'shims', tmp_path / 'versions/3.99.10/bin'
    trial.write(shims / 'python3.99', '#!/bin/sh\n')
    (shims / 'python3.99').chmod(0o755)
    for version in ('3.99.9', '3.99.10'):
        folder = tmp_path / 'versions' / version / 'bin'
        folder.mkdir(parents=True)
        (folder / 'python3.99').symlink_to(sys.executable)

    found = target.interpreter('3.99', {'PATH': str(shims), 'PYENV_ROOT': str(tmp_path)})

    assert found == real / 'python3.99'


def test_dispatch_is_a_valid_posix_script() -> None:
    subprocess.run(['sh', '-n', assemble.DISPATCH], check=True)
