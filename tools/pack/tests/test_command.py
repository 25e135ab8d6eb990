from __future__ import annotations

import pathlib
import re
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from .. import archive, assemble, command, parts, target
from ..failure import Failure
from . import trial

if TYPE_CHECKING:
    from collections.abc import Callable

PACK = pathlib.Path(command.__file__).parent


def pack(*arguments: str | pathlib.Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, PACK, *arguments], capture_output=True, text=True, check=False
    )


def replace(name: str, old: str, new: str) -> Callable[[pathlib.Path], None]:
    def spoil(charm: pathlib.Path) -> None:
        text = (charm / name).read_text(encoding='utf-8')
        assert old in text
        (charm / name).write_text(text.replace(old, new), encoding='utf-8')

    return spoil


def without(name: str) -> Callable[[pathlib.Path], None]:
    return lambda charm: (charm / name).unlink()


def wrong_hashes(charm: pathlib.Path) -> None:
    lock = charm / 'requirements.lock'
    text = re.sub('sha256:[0-9a-f]+', f'sha256:{"0" * 64}', lock.read_text(encoding='utf-8'))
    lock.write_text(text, encoding='utf-8')


FILE = 'charmcraft.yaml'


@pytest.mark.parametrize(
    ('spoil', 'text'),
    [
        (replace(FILE, 'summary:', 'sumary:'), 'tiny/charmcraft.yaml: unknown key sumary'),
        (replace(FILE, 'type: charm', 'type: bundle'), "type must be 'charm'"),
        (replace(FILE, 'name: tiny', 'name: Tiny'), "name 'Tiny' must be lower-case"),
        (replace(FILE, 'summary: Reports', 'summary: ' + 'x' * 78), 'at most 78 characters'),
        (replace(FILE, 'description: |', 'description: {}\nx: |'), 'unknown key x'),
        (replace(FILE, 'name: tiny', 'name: [tiny'), 'tiny/charmcraft.yaml is not YAML: '),
        (
            replace(FILE, 'https://example.com', 'example.com'),
            "link 'example.com' must be an http",
        ),
        (replace(FILE, 'type: int', 'type: number'), 'option size: needs type (string, int'),
        (replace(FILE, 'default: 1', 'default: one'), "option size: default 'one' is no int"),
        (replace(FILE, 'plugin: nil', 'plugin: uv'), 'part charm: plugin uv is unknown here'),
        (replace(FILE, 'prime: [templates]', 'stage: [x]'), 'part files: prime must list'),
        (replace(FILE, '[templates]', '[../x]'), "part files: '../x' must be a path inside"),
        (replace(FILE, '[templates]', '[absent]'), 'part files: absent is not in its source'),
        (replace(FILE, 'source: .,', 'source: x.tgz,'), 'part files downloads: give a folder'),
        (replace('pyproject.toml', '"../../local"', '"../x"'), '../x holds no pyproject.toml'),
        (replace('pyproject.toml', 'path =', 'url ='), 'give its path in [tool.uv.sources]'),
        (replace('pyproject.toml', '[project]', '[project'), 'pyproject.toml cannot be read'),
        (wrong_hashes, 'requirements.lock cannot be installed for'),
        (replace('src/names.py', '(', '(('), 'byte code for Python'),
        (without('requirements.lock'), 'requirements.lock is missing'),
        (without('pyproject.toml'), 'pyproject.toml cannot be read'),
        (without('src/charm.py'), 'src/charm.py is missing'),
    ],
)
def test_a_charm_that_cannot_be_packed_gives_one_clear_line(
    spoil: Callable[[pathlib.Path], None], text: str, charm: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    spoil(charm)

    done = pack(charm, '--into', tmp_path / 'dist')

    assert done.returncode == 1
    assert done.stderr.startswith('pack: ')
    assert done.stderr.count('\n') == 1
    assert text in done.stderr
    assert not list((tmp_path / 'dist').glob('*'))


@pytest.mark.parametrize(
    ('arguments', 'text'),
    [
        (['no-such-charm'], 'no-such-charm is no charm'),
        (['--base', 'ubuntu@20.04'], 'base ubuntu@20.04: use host, or one of ubuntu@22.04'),
        (['--arch', 's390x'], 'architecture s390x: use one of amd64, arm64'),
        (['--source', 'lego'], '--source lego: must be PART=FOLDER'),
        (['--source', 'lego=/'], 'tiny has no part lego'),
        (['--base', 'ubuntu@22.04', '--arch', 'arm64'], 'does not list ubuntu@22.04:arm64'),
    ],
)
def test_a_wrong_argument_gives_one_clear_line(
    arguments: list[str], text: str, charm: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    done = pack(*arguments, charm, '--into', tmp_path)

    assert done.returncode == 1
    assert done.stderr.startswith('pack: ')
    assert done.stderr.count('\n') == 1
    assert text in done.stderr


def test_the_table_names_each_artifact(charm: pathlib.Path, tmp_path: pathlib.Path) -> None:
    done = pack(charm, '--base', 'host', '--into', tmp_path / 'dist')

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
        pack(folder, '--into', tmp_path / name, '--no-run')
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
    assert pack(charm, *chosen, '--into', tmp_path / 'one').returncode == 0

    same = pack(charm, *chosen, '--into', tmp_path / 'two', '--compare', tmp_path / 'one')
    trial.write(charm / 'templates' / 'a.txt', 'another template\n')
    other = pack(charm, *chosen, '--into', tmp_path / 'three', '--compare', tmp_path / 'one')

    assert same.returncode == 0, same.stderr
    assert same.stdout.splitlines()[-1].endswith('  equal')
    assert other.returncode == 1
    assert other.stdout.splitlines()[-1].endswith('  differs in templates/a.txt')


def test_a_hook_that_fails_on_minijuju_fails_the_packing(
    charm: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    trial.write(charm / 'src' / 'charm.py', 'raise SystemExit("no such unit")\n')

    done = pack(charm, '--base', 'host', '--into', tmp_path / 'dist')

    assert done.returncode == 1
    assert done.stderr.startswith('pack: a hook failed on minijuju: ')
    assert 'no such unit' in done.stderr


def test_a_folder_in_place_of_a_download_is_shipped_and_marked(
    charm: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    replace(
        FILE,
        'parts:\n',
        'parts:\n  tool: {plugin: dump, source: x.tgz, source-type: tar, '
        'source-checksum: sha256/x, organize: {tool: bin/tool}, prime: [bin/tool]}\n',
    )(charm)
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
    done = pack(charm, '--base', 'host', '--stage', tmp_path / 'install')

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

    for _ in range(8):
        done = subprocess.run(
            [sys.executable, '-c', code], capture_output=True, text=True, check=False
        )
        assert done.stdout == '1\n', done.stderr
