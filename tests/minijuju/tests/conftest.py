"""A minijuju of its own for the test run, and a model of its own for each test."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import jubilant
import pytest

from minijuju import daemon
from minijuju.install import Options, install
from minijuju.trial import hooks_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Juju(jubilant.Juju):
    """A jubilant that waits no longer than it has to."""

    def settle(self) -> jubilant.Status:
        """Wait until no unit has anything to do, and return the status then."""
        return self.until(jubilant.all_agents_idle)

    def until(self, ready: Callable[[jubilant.Status], bool]) -> jubilant.Status:
        """Wait until a condition holds once, and return the status then."""
        return self.wait(ready, delay=0.03, successes=1)

    def hooks(self, unit: str) -> list[str]:
        """Return the hooks that have run on a unit, in order."""
        return hooks_in(self.debug_log(), unit)


@pytest.fixture(scope='session')
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The juju command; whatever it started is ended afterwards."""
    root = tmp_path_factory.mktemp('minijuju')
    command = install(root / 'bin', root / 'home', Options(jobs=2, retry_factor=0.02))
    # One daemon has to bear with the charms of all tests: a model that stays keeps it.
    jubilant.Juju(cli_binary=command).add_model('rest')
    yield command
    assert daemon.stop(root / 'home'), 'the daemon did not survive the tests'


@pytest.fixture
def home(engine: Path) -> Path:
    return engine.parents[1] / 'home'


@pytest.fixture
def juju(engine: Path) -> Iterator[Juju]:
    """A jubilant on a new model; failed hooks wait for ``resolved``, as in CI."""
    juju = Juju(cli_binary=engine, wait_timeout=20)
    juju.add_model(f'm{os.getpid()}', config={'automatically-retry-hooks': False})
    yield juju
    if juju.model is not None:
        juju.destroy_model(juju.model, force=True)
