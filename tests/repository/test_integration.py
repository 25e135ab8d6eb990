"""What the integration suites leave behind when they fail, and where they put artifacts."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def suite(folder: pathlib.Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """A suite of one module, with the fixtures of the integration suites."""
    (folder / 'test_trial.py').write_text(text, encoding='utf-8')
    places = ('shared/src', 'tests/minijuju/src', 'tools', 'tests/integration')
    return subprocess.run(
        [
            sys.executable, '-m', 'pytest', '-q', '-c', os.devnull, '--rootdir', folder,
            '-p', 'conftest', '-p', 'no:cacheprovider', *options, folder / 'test_trial.py',
        ],
        env={
            **os.environ,
            'HOME': str(folder),
            'PYTHONPATH': os.pathsep.join(str(ROOT / place) for place in places),
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


def test_a_module_that_fails_leaves_status_and_log_of_its_model(tmp_path: pathlib.Path) -> None:
    text = """
def test_passes(juju):
    assert juju.status().model.type

def test_fails(juju):
    assert juju.model is None
"""

    done = suite(tmp_path, text, '--evidence', 'evidence')

    assert '1 failed, 1 passed' in done.stdout
    files = {path.name: path.read_text() for path in (tmp_path / 'evidence/test_trial').iterdir()}
    assert files.keys() == {'status.txt', 'status.yaml', 'debug.log'}
    assert files['status.yaml'].startswith('model:')
    assert 'minijuju' in files['status.txt']


def test_a_module_that_passes_leaves_nothing(tmp_path: pathlib.Path) -> None:
    done = suite(tmp_path, 'def test_passes(juju): pass\n', '--evidence', 'evidence')

    assert done.returncode == 0, done.stdout
    assert not (tmp_path / 'evidence').exists()


def test_artifacts_lie_where_the_snap_of_juju_can_read_them(tmp_path: pathlib.Path) -> None:
    text = """
import pathlib

def test_place(folder):
    assert folder.parent == pathlib.Path.home()
    assert not folder.name.startswith('.')
"""

    done = suite(tmp_path, text, '--engine', 'juju')

    assert done.returncode == 0, done.stdout
    assert {path.name for path in tmp_path.iterdir()} <= {'test_trial.py', '__pycache__'}
