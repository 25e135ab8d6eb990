"""The engine and the artifacts of the integration suites.

A suite sees a `juju` command on PATH, whichever engine that belongs to, and packed charms.
"""

from __future__ import annotations

import os
import pathlib
import shutil
from collections.abc import Callable, Iterator

import jubilant
import pytest

import pack
from minijuju import trial

ROOT = pathlib.Path(__file__).resolve().parents[2]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        '--engine',
        choices=('juju', 'minijuju'),
        default='minijuju',
        help='whose juju command the suites use',
    )
    parser.addoption(
        '--base',
        help='base of the packed charms; default: this machine for minijuju, else ubuntu@24.04',
    )
    parser.addoption(
        '--artifacts',
        type=pathlib.Path,
        metavar='FOLDER',
        help='deploy the artifacts of a folder, and pack none; default: pack what has changed',
    )


@pytest.fixture(scope='session')
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """A `juju` command on PATH for the time of the session."""
    if request.config.getoption('--engine') == 'juju':
        yield
        return
    path = os.environ['PATH']
    with trial.engine(tmp_path_factory.mktemp('minijuju')) as command:
        os.environ['PATH'] = f'{command.parent}{os.pathsep}{path}'
        yield
        os.environ['PATH'] = path


@pytest.fixture(scope='module')
def juju(engine: None) -> Iterator[jubilant.Juju]:
    """A new model, in which a failed hook stays failed."""
    with jubilant.temp_model() as model:
        model.model_config({'automatically-retry-hooks': False})
        model.wait_timeout = 180
        yield model


Wait = Callable[[], jubilant.Status]


@pytest.fixture(scope='module')
def idle(juju: jubilant.Juju, request: pytest.FixtureRequest) -> Wait:
    """Waits until no unit has anything left to do; a failed hook ends the wait."""
    # Juju's units are idle between two hooks as well: only a longer silence tells.
    quiet = 5 if request.config.getoption('--engine') == 'juju' else 1

    def wait() -> jubilant.Status:
        return juju.wait(
            jubilant.all_agents_idle, error=jubilant.any_error, delay=0.2 * quiet, successes=quiet
        )

    return wait


@pytest.fixture(scope='module')
def settle(juju: jubilant.Juju, idle: Wait) -> Wait:
    """Waits until every unit is active and has nothing left to do."""

    def wait() -> jubilant.Status:
        juju.wait(jubilant.all_active, error=jubilant.any_error, delay=0.2, successes=1)
        status = idle()
        return status if jubilant.all_active(status) else wait()

    return wait


@pytest.fixture(scope='session')
def artifact(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], pathlib.Path]:
    """Gives the path of a charm's artifact by the charm's folder, packed if none was handed in."""
    base = request.config.getoption('--base')
    if base is None:
        base = 'host' if request.config.getoption('--engine') == 'minijuju' else 'ubuntu@24.04'
    target = pack.named(base)
    given = request.config.getoption('--artifacts')
    into = tmp_path_factory.mktemp('artifacts')
    # One time for all commits, so that an unchanged charm is taken from the cache.
    os.environ.setdefault('SOURCE_DATE_EPOCH', '1700000000')

    def find(folder: str) -> pathlib.Path:
        if given is None:
            cache = ROOT / '.tox' / 'artifacts'
            return pack.build(ROOT / folder, target, into, cache_folder=cache).path
        # In a folder of its own: the commands of a README take whatever artifacts they find.
        name = f'{pathlib.PurePath(folder).name}_{target.label}.charm'
        return pathlib.Path(shutil.copy(given / name, into / name))

    return find
