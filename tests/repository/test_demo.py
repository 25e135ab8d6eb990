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


PLACES = os.pathsep.join(
    str(ROOT / place) for place in ('tools', 'tests/minijuju/src', 'shared/src')
)
CLAIMS = {
    'certificate': 'web-0.pem: OK',
    'swap': 'Integration provider',
    'ingress': '503 Service Unavailable',
    'end-to-end': '"last": "self-signed-certificates-operator"',
    'rotation': 'CAs in trust now: 2',
}
SCENARIOS = tuple(CLAIMS) if os.environ.get('DEMOS') == 'all' else ('certificate',)
"""The others take minutes together: `tox -e demos` tells all."""


def demo(state: pathlib.Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(ROOT / 'tools/demo.py'), '--state', str(state)],
        env={**os.environ, 'PYTHONPATH': PLACES, **environment},
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
    environment = {**os.environ, 'PYTHONPATH': PLACES}
    subprocess.run(stop, env=environment, check=True)


@pytest.mark.parametrize('scenario', SCENARIOS)
def test_a_kept_demo_answers_the_commands_that_it_prints(
    state: pathlib.Path, scenario: str
) -> None:
    running = demo(state, KEEP='1', SCENARIO=scenario)
    output, _ = running.communicate(timeout=290)
    hints = output.partition('Look around:')[2]
    commands = re.findall(r'^   (.+)$', hints, re.MULTILINE)

    done = subprocess.run(
        ['bash', '-euc', '\n'.join(commands)], capture_output=True, text=True, check=False
    )

    assert running.returncode == 0, output
    assert CLAIMS[scenario] in output
    assert len(commands) == 6
    assert done.returncode == 0, done.stderr


def test_a_demo_leaves_nothing(state: pathlib.Path) -> None:
    running = demo(state)
    output, _ = running.communicate(timeout=290)

    assert running.returncode == 0, output
    assert not state.exists()
    assert processes(state) == []


def test_an_unknown_scenario_is_answered_with_those_that_there_are(state: pathlib.Path) -> None:
    running = demo(state, SCENARIO='swop')
    output, _ = running.communicate(timeout=30)

    assert running.returncode == 1
    assert output == (
        'demo: there is no scenario swop; '
        'there are certificate, swap, ingress, end-to-end, rotation\n'
    )


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
