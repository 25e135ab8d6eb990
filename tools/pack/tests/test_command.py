from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from .. import archive, assemble, command, debian, parts, target
from ..failure import Failure
from . import trial

if TYPE_CHECKING:
    pass


def test_finishing_nothing_is_no_success(tmp_path: pathlib.Path) -> None:
    done = trial.pack('--finish', '--into', tmp_path)

    assert done.returncode == 1
    assert done.stderr == 'pack: --finish takes artifacts of charmcraft: name at least one\n'


def test_whoever_is_asked_to_end_leaves_nothing_behind(
    charm: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    temporary = tmp_path / 'tmp'
    temporary.mkdir()
    with subprocess.Popen(
        [sys.executable, trial.PACK, charm, '--no-run', '--into', tmp_path / 'dist'],
        env={**os.environ, 'TMPDIR': str(temporary)},
        stdout=subprocess.DEVNULL,
    ) as running:
        while not list(temporary.glob('pack-*/charm')):
            assert running.poll() is None

        running.terminate()

    assert running.returncode == 128 + signal.SIGTERM
    assert not list(temporary.iterdir())


def test_the_table_names_each_artifact(charm: pathlib.Path, tmp_path: pathlib.Path) -> None:
    done = trial.pack(charm, '--base', 'host', '--into', tmp_path / 'dist')

    assert done.returncode == 0, done.stderr
    header, line = done.stdout.splitlines()
    host = target.host()
    (path,) = (tmp_path / 'dist').iterdir()
    assert header.split() == ['charm', 'base', 'arch', 'size', 'sha256', 'seconds', 'dispatch']
    assert line.split()[:3] == ['tiny', host.base, host.architecture]
    assert line.split()[4] == archive.sha256(path)
    assert f' active on Python {host.python}.' in line
    assert path.name == f'tiny_{host.label}.charm'


def test_a_charm_is_packed_for_its_platforms_and_the_same_in_another_folder(
    charm: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    other = trial.repository(tmp_path / 'elsewhere' / 'deeper')

    done = [
        trial.pack(folder, '--into', tmp_path / name, '--no-run')
        for name, folder in (('one', charm), ('two', other))
    ]

    assert [one.returncode for one in done] == [0, 0]
    files = sorted((tmp_path / 'one').iterdir())
    assert [path.name for path in files] == [
        'tiny_ubuntu@22.04-amd64.charm',
        'tiny_ubuntu@24.04-amd64.charm',
        'tiny_ubuntu@24.04-arm64.charm',
    ]
    for path in files:
        assert path.read_bytes() == (tmp_path / 'two' / path.name).read_bytes()


def test_an_artifact_of_another_content_is_named(
    charm: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    chosen = ('--base', 'ubuntu@24.04', '--arch', 'amd64', '--no-run')
    assert trial.pack(charm, *chosen, '--into', tmp_path / 'one').returncode == 0

    same = trial.pack(charm, *chosen, '--into', tmp_path / 'two', '--compare', tmp_path / 'one')
    trial.write(charm / 'templates' / 'a.txt', 'another template\n')
    other = trial.pack(charm, *chosen, '--into', tmp_path / 'three', '--compare', tmp_path / 'one')

    assert same.returncode == 0, same.stderr
    assert same.stdout.splitlines()[-1].endswith('  equal')
    assert other.returncode == 1
    assert other.stdout.splitlines()[-1].endswith('  differs in templates/a.txt')


def test_a_hook_that_fails_on_minijuju_fails_the_packing(
    charm: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    trial.write(charm / 'src' / 'charm.py', 'raise SystemExit("no such unit")\n')

    done = trial.pack(charm, '--base', 'host', '--into', tmp_path / 'dist')

    assert done.returncode == 1
    assert done.stderr.startswith('pack: a hook failed on minijuju: ')
    assert 'no such unit' in done.stderr


def test_a_folder_in_place_of_a_download_is_shipped_and_marked(
    charm: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    trial.edit(
        charm / 'charmcraft.yaml',
        'parts:\n',
        'parts:\n  tool: {plugin: dump, source: x.tgz, source-type: tar, '
        'source-checksum: sha256/x, organize: {tool: bin/tool}, prime: [bin/tool]}\n',
    )
    trial.write(tmp_path / 'download/tool', '#!/bin/sh\n')
    (tmp_path / 'download/tool').chmod(0o755)

    packed = assemble.build(
        charm, target.host(), tmp_path / 'dist', sources={'tool': tmp_path / 'download'}
    )

    assert packed.path.name == f'tiny_{target.host().label}+local-tool.charm'
    with zipfile.ZipFile(packed.path) as archive:
        assert archive.getinfo('bin/tool').external_attr >> 16 == 0o100755
        assert archive.read('version') == b'+local-tool\n'


def test_stage_writes_what_the_nil_part_installs(
    charm: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    done = trial.pack(charm, '--base', 'host', '--stage', tmp_path / 'install')

    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / 'install').iterdir()} == {
        'README.md',
        'dispatch',
        'src',
        'venv',
    }


def test_a_charm_of_the_repository_is_found_by_name(charm: pathlib.Path) -> None:
    root = charm.parent.parent

    assert command.find('tiny', root) == charm
    with pytest.raises(Failure):
        command.find('large', root)


def test_charms_that_download_are_packed_with_programs_of_the_distribution(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], charm: pathlib.Path
) -> None:
    trial.edit(charm / 'charmcraft.yaml', 'source: .,', 'source: x.tgz,')
    monkeypatch.setattr(command, 'ROOT', charm.parents[1])
    options = command.parser().parse_args([])
    charmcrafts = command.parser().parse_args(['--engine', 'charmcraft'])

    assert command.every(options) == [charm]
    assert options.debian
    assert command.every(charmcrafts) == []
    assert not charmcrafts.debian
    assert capsys.readouterr().err == (
        'tiny: files of the distribution, so no release\n'
        'tiny is left out: it downloads files; name it\n'
    )


def test_a_program_of_the_distribution_is_fetched_once(tmp_path: pathlib.Path) -> None:
    if shutil.which('apt-get') is None and 'CI' not in os.environ:
        pytest.skip('no apt here')
    other = 'arm64' if target.host_architecture() == 'amd64' else 'amd64'

    folder = debian.folder('lego', other, tmp_path)

    assert (folder / 'lego').read_bytes()[18] == target.ELF_MACHINES[other]
    assert (folder / 'LICENSE').is_file()
    inode = (folder / 'lego').stat().st_ino
    assert debian.folder('lego', other, tmp_path) == folder
    assert (folder / 'lego').stat().st_ino == inode
    assert {path.name for path in tmp_path.iterdir()} == {f'lego-{other}', f'lego-{other}.lock'}


def test_what_the_distribution_lacks_gives_one_line(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Failure, match='part tool: no package'):
        debian.folder('tool', 'amd64', tmp_path)
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(Failure, match='lego: no apt here; give a folder'):
        debian.folder('lego', 'amd64', tmp_path)


def test_a_renamed_folder_is_shipped_under_its_new_name(charm: pathlib.Path) -> None:
    part = parts.Part('files', local=True, organize=(('templates', 'x/y'),), prime=('x/y',))

    assert parts.files(part, charm) == {'x/y/a.txt': charm / 'templates/a.txt'}


def test_uv_is_found_by_many_threads_at_once() -> None:
    code = """
import concurrent.futures, sys
from pack import install
sys.setswitchinterval(1e-6)
with concurrent.futures.ThreadPoolExecutor(16) as pool:
    print(len(set(pool.map(lambda _: install.uv_bin(), range(64)))))
"""

    for _ in range(4):
        done = subprocess.run(
            [sys.executable, '-c', code], capture_output=True, text=True, check=False
        )
        assert done.stdout == '1\n', done.stderr
