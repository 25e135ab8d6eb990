from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from .. import assemble, charmcraft, target
from ..failure import Failure
from . import trial

if TYPE_CHECKING:
    import pathlib


@pytest.fixture
def charm(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The folder of a small charm, to be changed."""
    monkeypatch.setenv('SOURCE_DATE_EPOCH', '1700000000')
    return trial.repository(tmp_path / 'repository')


@pytest.fixture(scope='session')
def artifact(tmp_path_factory: pytest.TempPathFactory) -> assemble.Artifact:
    """The small charm, packed for this machine."""
    folder = tmp_path_factory.mktemp('session')
    return assemble.build(trial.repository(folder), target.host(), folder / 'dist')


@pytest.fixture(scope='session')
def base() -> target.Target:
    """A base that charmcraft can pack for here."""
    found = [target.named(f'ubuntu@{channel}') for channel in target.UBUNTU]
    usable = [one for one in found if not charmcraft.obstacle(one)]
    reason = '; '.join(charmcraft.obstacle(one) for one in found)
    try:
        charmcraft.apt_modules()
    except Failure as failure:
        usable, reason = [], str(failure)
    if not usable and 'CI' not in os.environ:
        pytest.skip(reason)
    assert usable, reason
    return usable[-1]
