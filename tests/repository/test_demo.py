"""The demo as a person runs it, and the commands that it prints."""

from __future__ import annotations

import os
import pathlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def demo(state: pathlib.Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(ROOT / 'tools/demo.py'), '--state', str(state)],
        env={**os.environ, 'PYTHONPATH': f'{ROOT}/tools:{ROOT}/tests/minijuju/src', **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def processes(state: pathlib.Path) -> list[str]:
    """Command lines that name the folder of a demo."""
    found: list[str] = []
    for path in pathlib.Path('/proc').glob('[0-9]*/cmdline'):
        try:
            line = path.read_bytes().replace(b'\0', b' ').decode(errors='replace')
        except OSError:  # it has ended meanwhile
            continue
        if str(state) in line:
            found.append(line)
    return found


@pytest.fixture
def state(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    folder = tmp_path / 'state'
    yield folder
    stop = [sys.executable, str(ROOT / 'tools/demo.py'), '--state', str(folder), '--stop']
    environment = {**os.environ, 'PYTHONPATH': f'{ROOT}/tools:{ROOT}/tests/minijuju/src'}
    subprocess.run(stop, env=environment, check=True)


def test_a_kept_demo_answers_the_commands_that_it_prints(state: pathlib.Path) -> None:
    output, _ = demo(state, KEEP='1').communicate(timeout=170)
    hints = output.partition('Look around:')[2]
    commands = re.findall(r'^   (.+)$', hints, re.MULTILINE)

    done = subprocess.run(
        ['bash', '-euc', '\n'.join(commands)], capture_output=True, text=True, check=False
    )

    assert 'web-0.pem: OK' in output
    assert len(commands) == 6
    assert done.returncode == 0, done.stderr
    assert 'BEGIN CERTIFICATE' in done.stdout


def test_an_interrupted_demo_leaves_nothing(
    state: pathlib.Path, request: pytest.FixtureRequest
) -> None:
    # A child of a shell in the background would inherit that interrupts are ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    running = demo(state)
    deadline = time.monotonic() + 120
    assert running.stdout is not None
    for line in running.stdout:
        assert time.monotonic() < deadline
        if 'add-model' in line:
            break

    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)

    assert running.returncode == 130
    assert not state.exists()
    # The client that was cut off ends by itself as soon as it sees that its daemon is gone.
    while processes(state):
        assert time.monotonic() < deadline, processes(state)
        time.sleep(0.05)
