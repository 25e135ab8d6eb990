"""Show the whole way of a certificate request: pack, deploy, integrate, verify, step by step.

Charms run for real on minijuju, the one-machine stand-in for Juju. With KEEP=1 in the environment
the model stays and the last lines say how to look around.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import TYPE_CHECKING

import jubilant

import pack

if TYPE_CHECKING:
    from collections.abc import Generator

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROVIDER = 'self-signed-certificates'
MODEL = 'demo'


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


def openssl(*arguments: str, text: str = '') -> str:
    """The output of an openssl command; one that fails ends the demo with its words."""
    command = ['openssl', *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f'demo: {" ".join(command)}: {done.stdout}{done.stderr}')
    return done.stdout


def settled(status: jubilant.Status) -> bool:
    """Every unit is active and has nothing left to do."""
    return jubilant.all_active(status) and jubilant.all_agents_idle(status)


def show_certificate(juju: jubilant.Juju) -> None:
    """The certificate of the first unit as openssl reads it, and the verdict on its chain."""
    [issued] = json.loads(juju.run('web/0', 'get-certificate').results['certificates'])
    fields = ['-noout', '-subject', '-issuer', '-dates', '-ext', 'subjectAltName,extendedKeyUsage']
    show('The certificate of web/0', openssl('x509', *fields, text=issued['certificate']))
    ca = juju.run(f'{PROVIDER}/leader', 'get-ca-certificate').results['ca-certificate']
    with tempfile.TemporaryDirectory() as folder:
        leaf, root = pathlib.Path(folder, 'web-0.pem'), pathlib.Path(folder, 'ca.pem')
        leaf.write_text(issued['certificate'], encoding='utf-8')
        root.write_text(ca, encoding='utf-8')
        options = ['-x509_strict', '-verify_hostname', 'web-0.internal', '-CAfile', str(root)]
        verdict = openssl('verify', *options, str(leaf)).replace(f'{folder}/', '')
    show(f'$ openssl verify {" ".join(options).replace(f"{folder}/", "")} web-0.pem', verdict)


def run(juju: jubilant.Juju, artifacts: dict[str, pathlib.Path]) -> None:
    """The story, told on a juju command that is there."""
    with step('juju add-model demo'):
        juju.add_model(MODEL)
        juju.cli('switch', MODEL, include_model=False)  # for the commands of whoever looks around
    with step(f'juju deploy {PROVIDER}: it makes its CA and keeps it in a Juju secret'):
        juju.deploy(artifacts[PROVIDER], PROVIDER)
        juju.wait(settled, error=jubilant.any_error, delay=0.1, successes=1)
    with step('juju deploy web: three units that want a certificate each'):
        names = {'sans_dns': 'web-{unit}.internal', 'sans-ip': '{address}'}
        juju.deploy(artifacts['requirer'], 'web', config=names, num_units=3)
        juju.wait(jubilant.all_agents_idle, error=jubilant.any_error, delay=0.1, successes=1)
    with step(f'juju integrate web:certificates {PROVIDER}: requests go, certificates come back'):
        juju.integrate('web:certificates', PROVIDER)
        juju.wait(settled, error=jubilant.any_error, delay=0.1, successes=1)
    show('$ juju status', juju.cli('status'))
    show_certificate(juju)


def tell(state: pathlib.Path) -> None:
    """Pack, run the story, say how long it took."""
    begin = time.monotonic()
    os.environ.setdefault('SOURCE_DATE_EPOCH', '1700000000')  # so that unchanged charms are reused
    folders = {PROVIDER: ROOT / 'charms' / PROVIDER, 'requirer': ROOT / 'tests/charms/requirer'}
    cache = ROOT / '.tox' / 'artifacts'
    artifacts: dict[str, pathlib.Path] = {}
    with step('pack both charms for the Python of this machine'):
        for name, folder in folders.items():
            built = pack.build(folder, pack.named('host'), state, cache_folder=cache)
            artifacts[name] = built.path
    minijuju('install', '--into', str(state / 'bin'), '--home', str(state / 'home'))
    run(jubilant.Juju(model=MODEL, cli_binary=str(state / 'bin' / 'juju')), artifacts)
    print(f'done in {time.monotonic() - begin:.0f} s', flush=True)


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
    arguments = parser.parse_args()
    state: pathlib.Path = arguments.state.absolute()
    clean_up(state)  # one that was kept
    if arguments.stop:
        return 0
    for signal_number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signal_number, lambda number, _: sys.exit(128 + number))
    keep = os.environ.get('KEEP', '') not in {'', '0'}
    try:
        tell(state)
        if keep:
            print(HINTS.format(bin=state / 'bin', provider=PROVIDER, model=MODEL))
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
)
HINTS = """
The model is still running. Look around:
   export PATH={bin}:$PATH
   juju status
   juju run web/1 get-certificate
   juju config {provider} ca-common-name="My CA"
   juju debug-log --limit 20
and end it:
   juju destroy-model {model} --no-prompt"""


if __name__ == '__main__':
    sys.exit(main())
