"""Show what users do with the charms: pack, deploy, integrate, verify, step by step.

SCENARIO in the environment says which story is told; without it, the way of a certificate request.
Charms run for real on minijuju, the one-machine stand-in for Juju. With KEEP=1 in the environment
the model stays and the last lines say how to look around.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Protocol

import jubilant

import pack
import programs
from backends import process
from scenarios import certificate, end_to_end, ingress, rotation, swap
from scenarios.client import Unexpected
from scenarios.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = 'demo'
DEFAULT = 'certificate'


class Scenario(Protocol):
    """A module of `scenarios` that tells a story."""

    @property
    def CHARMS(self) -> Sequence[str]:  # noqa: N802 : constants of modules
        """Folders of the charms in it."""
        ...

    @property
    def PROGRAMS(self) -> Sequence[str]:  # noqa: N802
        """What it calls."""
        ...

    def tell(self, stage: Stage, /) -> None:
        """Play it; raises `Unexpected` where it does not come out as it should."""

    def hints(self, stage: Stage, /) -> list[str]:
        """Commands for whoever looks around afterwards."""
        ...


SCENARIOS: dict[str, Scenario] = {
    DEFAULT: certificate,
    'swap': swap,
    'ingress': ingress,
    'end-to-end': end_to_end,
    'rotation': rotation,
}


@contextlib.contextmanager
def step(text: str) -> Generator[None]:
    """One step: a counter that moves on a terminal, a plain line with the time elsewhere."""
    begin = time.monotonic()
    done = threading.Event()

    def tick() -> None:
        while not done.wait(0.2):
            line = f'   ({time.monotonic() - begin:.0f} s) {text}'
            print(f'\r{line[: shutil.get_terminal_size().columns - 1]}', end='', flush=True)

    ticker = threading.Thread(target=tick, daemon=True)
    if sys.stdout.isatty():
        ticker.start()
    try:
        yield
    finally:
        done.set()
        if ticker.is_alive():
            ticker.join()
            print('\r\033[K', end='')
    print(f'-- {text}: {time.monotonic() - begin:.1f} s', flush=True)


def minijuju(*arguments: str) -> None:
    """Run a command of minijuju itself."""
    command = [sys.executable, '-m', 'minijuju', *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def show(title: str, text: str) -> None:
    """A block of output, indented below its title."""
    print(f'\n{title}\n')
    print('\n'.join(f'   {line}'.rstrip() for line in text.strip().splitlines()), end='\n\n')


def tell(name: str, state: pathlib.Path, *, keep: bool) -> None:
    """Pack, play a scenario, say how long it took and, with `keep`, how to look around."""
    begin = time.monotonic()
    scenario = SCENARIOS[name]
    os.environ.setdefault('SOURCE_DATE_EPOCH', '1700000000')  # so that unchanged charms are reused
    cache, programs_folder = ROOT / '.tox' / 'artifacts', ROOT / '.tox' / 'debian'
    artifacts: dict[str, pathlib.Path] = {}
    with step(f'pack {len(scenario.CHARMS)} charms for the Python of this machine'):
        for folder in scenario.CHARMS:
            built = pack.build(
                ROOT / folder,
                pack.named('host'),
                state,
                cache_folder=cache,
                debian=programs_folder,
            )
            artifacts[folder] = built.path
    minijuju('install', '--into', str(state / 'bin'), '--home', str(state / 'home'))
    juju = jubilant.Juju(model=MODEL, cli_binary=str(state / 'bin' / 'juju'))
    with step('juju add-model demo'):
        juju.add_model(MODEL)
        juju.cli('switch', MODEL, include_model=False)  # for the commands of whoever looks around

    def idle() -> jubilant.Status:
        return juju.wait(
            jubilant.all_agents_idle, error=jubilant.any_error, delay=0.1, successes=1
        )

    stage = Stage(juju, artifacts.__getitem__, state, idle, step, show)
    scenario.tell(stage)
    print(f'done in {time.monotonic() - begin:.0f} s', flush=True)
    if keep:
        print(looking_around(state, scenario.hints(stage)))


def looking_around(state: pathlib.Path, commands: Sequence[str]) -> str:
    """What is said when the model stays."""
    lines = [
        f'export PATH={state / "bin"}:$PATH',
        'juju status',
        *commands,
        'and end it:',
        f'juju destroy-model {MODEL} --no-prompt',
    ]
    shown = '\n'.join(line if line == 'and end it:' else f'   {line}' for line in lines)
    servers = state / 'servers'
    ended = 'The ACME server and its name server have ended.\n' if servers.exists() else ''
    return f'\nThe model is still running. {ended}Look around:\n{shown}'


def clean_up(state: pathlib.Path) -> None:
    """End the model and every process of it, and remove its files."""
    home = state / 'home'
    if home.exists():
        minijuju('stop', '--home', str(home))
    shutil.rmtree(state, ignore_errors=True)


def main() -> int:
    """Run the demo; 0 when the certificate verified."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').partition('\n')[0])
    parser.add_argument('--state', type=pathlib.Path, default=ROOT / '.demo', help='its folder')
    parser.add_argument('--stop', action='store_true', help='end a demo that was kept')
    parser.add_argument(
        'scenario',
        nargs='?',
        default=os.environ.get('SCENARIO') or DEFAULT,
        help=f'{", ".join(SCENARIOS)}; default: SCENARIO in the environment, or {DEFAULT}',
    )
    arguments = parser.parse_args()
    state: pathlib.Path = arguments.state.absolute()
    if arguments.stop:
        clean_up(state)
        return 0
    name: str = arguments.scenario
    if name not in SCENARIOS:
        known = ', '.join(SCENARIOS)
        print(f'demo: there is no scenario {name}; there are {known}', file=sys.stderr)
        return 1
    clean_up(state)  # one that was kept
    if programs.main(list(SCENARIOS[name].PROGRAMS)):
        return 1
    for signal_number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signal_number, lambda number, _: sys.exit(128 + number))
    keep = os.environ.get('KEEP', '') not in {'', '0'}
    try:
        tell(name, state, keep=keep)
    except BaseException as error:
        keep = False
        if isinstance(error, KeyboardInterrupt):
            return 130
        if isinstance(error, FAILURES):
            # A failed wait has the whole status after its first line.
            print(f'demo: {str(error).partition(chr(10))[0]}', file=sys.stderr)
            return 1
        raise
    finally:
        # A second Ctrl-C must not leave processes behind.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if not keep:
            clean_up(state)
    return 0


FAILURES = (
    pack.Failure,
    jubilant.CLIError,
    jubilant.TaskError,
    jubilant.WaitError,
    OSError,  # a wait that took too long among them
    subprocess.CalledProcessError,
    process.Failed,
    Unexpected,
)


if __name__ == '__main__':
    sys.exit(main())
