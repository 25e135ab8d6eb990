from __future__ import annotations

import pathlib
import subprocess
import sys
import zipfile

import pytest

from .. import archive, assemble, cache, metadata, target
from . import trial


def build(charm: pathlib.Path, tmp_path: pathlib.Path) -> assemble.Artifact:
    return assemble.build(charm, target.host(), tmp_path / 'dist', cache_folder=tmp_path / 'cache')


def cached(tmp_path: pathlib.Path) -> set[str]:
    return {path.name for path in (tmp_path / 'cache').iterdir()}


def test_an_artifact_is_taken_from_the_cache_as_long_as_nothing_changes(
    charm: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    cold = assemble.build(charm, target.host(), tmp_path / 'cold')
    first = build(charm, tmp_path)
    kept = cached(tmp_path)
    first.path.unlink()

    second = build(charm, tmp_path)

    assert second.seconds < first.seconds
    assert (second.sha256, second.byte_code) == (cold.sha256, cold.byte_code)
    assert second.sha256 == first.sha256
    assert cached(tmp_path) == kept


@pytest.mark.parametrize(
    'name',
    [
        'charmcraft.yaml',
        'requirements.lock',
        'pyproject.toml',
        'README.md',
        'src/names.py',
        'src/data/new.txt',
        'templates/a.txt',
        '../../local/src/local_library/__init__.py',
        '../../local/pyproject.toml',
    ],
)
def test_every_input_is_in_the_key(name: str, charm: pathlib.Path) -> None:
    (charm / 'src' / 'data').mkdir()
    before = cache.key(metadata.load(charm), target.host(), {}, 0)

    with (charm / name).open('a', encoding='utf-8') as file:
        file.write('\n# changed\n')

    assert cache.key(metadata.load(charm), target.host(), {}, 0) != before


def test_the_target_and_the_time_are_in_the_key(charm: pathlib.Path) -> None:
    loaded = metadata.load(charm)
    amd64, arm64 = (target.named('ubuntu@24.04', name) for name in ('amd64', 'arm64'))

    keys = {
        cache.key(loaded, amd64, {}, 0),
        cache.key(loaded, arm64, {}, 0),
        cache.key(loaded, amd64, {}, 1),
    }

    assert len(keys) == 3


def test_an_older_artifact_leaves_the_cache(charm: pathlib.Path, tmp_path: pathlib.Path) -> None:
    build(charm, tmp_path)
    old = cached(tmp_path)
    trial.write(charm / 'README.md', '# Changed\n')

    packed = build(charm, tmp_path)

    assert len(cached(tmp_path)) == 1
    assert not cached(tmp_path) & old
    with zipfile.ZipFile(packed.path) as packed:
        assert packed.read('README.md') == b'# Changed\n'


def test_an_artifact_that_was_cut_off_in_the_cache_is_made_again(
    charm: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    first = build(charm, tmp_path)
    [stored] = (tmp_path / 'cache').iterdir()
    stored.write_bytes(stored.read_bytes()[:1000])

    second = build(charm, tmp_path)

    assert second.sha256 == first.sha256
    assert archive.sha256(stored) == first.sha256


def test_runs_at_the_same_time_leave_one_whole_artifact(
    charm: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    running = [
        subprocess.Popen(
            [
                sys.executable,
                trial.PACK,
                charm,
                '--base',
                'host',
                '--no-run',
                '--into',
                tmp_path / 'dist',
                '--cache',
                tmp_path / 'c',
            ],
            stdout=subprocess.DEVNULL,
        )
        for _ in range(3)
    ]

    assert [process.wait() for process in running] == [0, 0, 0]
    (path,) = (tmp_path / 'dist').iterdir()
    with zipfile.ZipFile(path) as packed:
        assert packed.testzip() is None
    assert len(list((tmp_path / 'c').iterdir())) == 1
