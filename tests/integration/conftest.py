"""The engine and the artifacts of the integration suites.

A suite sees a `juju` command on PATH, whichever engine that belongs to, and packed charms.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator

import acme_servers
import jubilant
import pytest

import pack
from backends import openbao
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
    parser.addoption(
        '--evidence',
        type=pathlib.Path,
        metavar='FOLDER',
        help='where to write status and log of the model of a module that failed',
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
def juju(engine: None, request: pytest.FixtureRequest) -> Iterator[jubilant.Juju]:
    """A new model, in which a failed hook stays failed."""
    evidence: pathlib.Path | None = request.config.getoption('--evidence')
    failed = request.session.testsfailed
    with jubilant.temp_model() as model:
        model.model_config({'automatically-retry-hooks': False})
        # Machines take minutes; units of minijuju are there at once.
        slow = request.config.getoption('--engine') == 'juju'
        model.wait_timeout = 1800 if slow else 180
        yield model
        if evidence and request.session.testsfailed > failed:
            keep(model, evidence / pathlib.PurePath(request.node.name).stem)


def keep(model: jubilant.Juju, folder: pathlib.Path) -> None:
    """Write what tells of a model that is about to be destroyed."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, arguments in {
        'status.txt': ('status', '--relations'),
        'status.yaml': ('status', '--format', 'yaml'),
        'debug.log': ('debug-log', '--replay', '--no-tail'),
    }.items():
        try:
            text = model.cli(*arguments)
        except jubilant.CLIError as error:  # a file that says so is evidence as well
            text = f'{error}\n{error.stderr}'
        (folder / name).write_text(text, encoding='utf-8')


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
def folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[pathlib.Path]:
    """Where the artifacts are: one that the juju command can read."""
    if request.config.getoption('--engine') == 'minijuju':
        yield tmp_path_factory.mktemp('artifacts')
        return
    # The snap of Juju has a /tmp of its own, and sees nothing hidden below the home folder.
    with tempfile.TemporaryDirectory(prefix='artifacts-', dir=pathlib.Path.home()) as name:
        yield pathlib.Path(name)


@pytest.fixture(scope='session')
def artifact(
    request: pytest.FixtureRequest, folder: pathlib.Path
) -> Callable[[str], pathlib.Path]:
    """Gives the path of a charm's artifact by the charm's folder, packed if none was handed in."""
    base = request.config.getoption('--base')
    if base is None:
        base = 'host' if request.config.getoption('--engine') == 'minijuju' else 'ubuntu@24.04'
    target = pack.named(base)
    given = request.config.getoption('--artifacts')
    # One time for all commits, so that an unchanged charm is taken from the cache.
    os.environ.setdefault('SOURCE_DATE_EPOCH', '1700000000')

    def find(charm: str) -> pathlib.Path:
        if given is None:
            cache = ROOT / '.tox' / 'artifacts'
            programs = ROOT / '.tox' / 'debian'
            made = pack.build(ROOT / charm, target, folder, cache_folder=cache, debian=programs)
            return made.path
        # In a folder of its own: the commands of a README take whatever artifacts they find.
        [found] = given.glob(f'{pathlib.PurePath(charm).name}_{target.label}*.charm')
        return pathlib.Path(shutil.copy(found, folder / found.name))

    return find


@pytest.fixture(scope='module')
def bao(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[openbao.OpenBao]:
    """An OpenBao server, unsealed, with nothing in it."""
    if request.config.getoption('--engine') == 'juju':
        pytest.skip('the server listens on loopback, which the units of a real Juju do not reach')
    with openbao.openbao(tmp_path_factory.mktemp('bao')) as server:
        yield server


@pytest.fixture(scope='session')
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[acme_servers.Servers]:
    """An ACME server and a name server, for as long as the session lasts."""
    if request.config.getoption('--engine') == 'juju':
        pytest.skip('the servers listen on loopback, which the units of a real Juju do not reach')
    with acme_servers.running(tmp_path_factory.mktemp('servers')) as made:
        yield made


@pytest.fixture(scope='module')
def cmdlines() -> Iterator[set[str]]:
    """What every process of the machine has on its command line, while this module runs."""
    seen: set[str] = set()
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            for path in pathlib.Path('/proc').glob('[0-9]*/cmdline'):
                with contextlib.suppress(OSError):
                    seen.add(path.read_bytes().decode(errors='replace'))

    thread = threading.Thread(target=watch)
    thread.start()
    yield seen
    ended.set()
    thread.join()
