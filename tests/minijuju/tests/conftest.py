"""A minijuju of its own for the test run, and a model of its own for each test."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import jubilant
import pytest

from minijuju import daemon
from minijuju.install import Options, install

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope='session')
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The juju command; whatever it started is ended afterwards."""
    root = tmp_path_factory.mktemp('minijuju')
    command = install(root / 'bin', root / 'home', Options(jobs=2, retry_factor=0.02))
    yield command
    daemon.stop(root / 'home')


@pytest.fixture
def home(engine: Path) -> Path:
    return engine.parents[1] / 'home'


@pytest.fixture
def juju(engine: Path, request: pytest.FixtureRequest) -> Iterator[jubilant.Juju]:
    """A jubilant on a new model; failed hooks wait for ``resolved``, as in CI."""
    juju = jubilant.Juju(cli_binary=engine, wait_timeout=20)
    juju.add_model(f'm{os.getpid()}', config={'automatically-retry-hooks': False})
    yield juju
    if juju.model is not None:
        juju.destroy_model(juju.model, force=True)
