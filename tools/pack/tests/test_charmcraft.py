"""The real charmcraft. That it packs what the quick engine packs, the page's commands show."""

from __future__ import annotations

import concurrent.futures
import pathlib
import shutil
import subprocess

import pytest

from .. import charmcraft, command, target
from ..failure import Failure

ROOT = pathlib.Path(__file__).resolve().parents[3]


def test_what_charmcraft_packs_without_the_charm_is_refused(
    base: target.Target, charm: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    root = charm.parents[1]
    shutil.copyfile(ROOT / 'requirements-charmcraft.lock', root / 'requirements-charmcraft.lock')
    subprocess.run(['git', 'init', '--quiet', root], check=True)
    # Whoever finds no charmcraft installs it: two at once share one installation.
    with concurrent.futures.ThreadPoolExecutor() as pool:
        made = list(pool.map(charmcraft.environment, [root] * 2))
    assert made == [root / '.tox' / 'charmcraft'] * 2

    with pytest.raises(Failure) as failure:
        charmcraft.build(charm, base, tmp_path / 'dist', root)

    assert 'src/charm.py is missing' in str(failure.value)
    assert '\n' not in str(failure.value)
    assert not list((tmp_path / 'dist').glob('*'))


def test_charmcraft_is_not_asked_for_another_architecture() -> None:
    here = target.host_architecture()
    [other] = set(target.MACHINES) - {here}

    reason = charmcraft.obstacle(target.named('ubuntu@24.04', other))

    assert reason == f'charmcraft builds for {other} on {other} only'


def test_a_folder_without_git_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(Failure, match='charmcraft needs a git checkout'):
        charmcraft.pristine_copy(tmp_path, tmp_path / 'copy')


def test_arguments_are_refused_that_only_the_quick_engine_takes(tmp_path: pathlib.Path) -> None:
    assert command.main(['--engine', 'charmcraft', '--source', f'lego={tmp_path}']) == 1
