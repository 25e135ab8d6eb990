from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .. import assemble, target
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
