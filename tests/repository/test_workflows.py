"""The workflows name what there is in the repository."""

from __future__ import annotations

import configparser
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
from typing import Any

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORKFLOWS = sorted(ROOT.glob('.github/workflows/*.yaml'))
CHARMS = sorted(path.parent.name for path in ROOT.glob('charms/*/charmcraft.yaml'))
TEST_CHARMS = sorted(path.parent.name for path in ROOT.glob('tests/charms/*/charmcraft.yaml'))


def load(name: str) -> dict[Any, Any]:
    return yaml.safe_load((ROOT / '.github/workflows' / name).read_text(encoding='utf-8'))


def test_every_charm_can_be_released() -> None:
    # YAML 1.1 reads the key `on` as a truth value.
    inputs = load('release.yaml')[True]['workflow_dispatch']['inputs']

    assert inputs['charm']['options'] == CHARMS


def step(job: dict[Any, Any], name: str) -> str:
    """The script of a job's step."""
    [found] = [entry['run'] for entry in job['steps'] if entry.get('id') == name]
    return found


def test_a_build_is_listed_for_each_charm_on_each_platform(tmp_path: pathlib.Path) -> None:
    # The script as it stands, but for tox, which runs the same program.
    script = step(load('build.yaml')['jobs']['plan'], 'list').replace('make .venv/ready\n', '')
    program = shlex.join([sys.executable, 'tools/pack'])
    assert '.venv/bin/tox run -e pack --' in script
    script = script.replace('.venv/bin/tox run -e pack --', program)
    output = tmp_path / 'output'

    subprocess.run(
        ['bash', '-euo', 'pipefail', '-c', script],
        cwd=ROOT,
        env={**os.environ, 'RUNNER_TEMP': str(tmp_path), 'GITHUB_OUTPUT': str(output)},
        stdout=subprocess.DEVNULL,
        check=True,
    )

    name, _, value = output.read_text(encoding='utf-8').partition('=')
    listed = json.loads(value)
    assert name == 'artifacts'
    assert {entry['charm'] for entry in listed} == {*CHARMS, *TEST_CHARMS}
    assert len(listed) == 4 * len([*CHARMS, *TEST_CHARMS])
    for entry in listed:
        text = (ROOT / entry['folder'] / 'charmcraft.yaml').read_text(encoding='utf-8')
        charm = yaml.safe_load(text)
        assert charm['name'] == entry['charm']
        assert f'{entry["base"]}:{entry["architecture"]}' in charm['platforms']


@pytest.mark.parametrize('path', WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_grants_nothing_at_the_top_and_calls_environments_that_exist(
    path: pathlib.Path,
) -> None:
    text = path.read_text(encoding='utf-8')
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / 'tox.ini', encoding='utf-8')

    assert load(path.name)['permissions'] == {}
    for name in re.findall(r'-e ([a-z-]+)', text):
        assert f'testenv:{name}' in tox
    for job in load(path.name)['jobs'].values():
        assert job['timeout-minutes'] <= 90
        assert job['permissions']


def test_what_is_released_was_attested_by_the_build_of_main() -> None:
    attest = load('build.yaml')['jobs']['attest']
    release = load('release.yaml')['jobs']

    assert attest['if'] == release['check']['if'] == "github.ref == 'refs/heads/main'"
    assert not any('attest' in entry.get('uses', '') for entry in release['release']['steps'])
    script = ''.join(entry.get('run', '') for entry in release['release']['steps'])
    assert script.index('gh attestation verify') < script.index('charmcraft upload')


@pytest.mark.parametrize('name', ['pack', 'integration'])
def test_tox_lets_packing_find_the_pythons_of_pyenv(name: str) -> None:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / 'tox.ini', encoding='utf-8')

    assert 'PYENV_ROOT' in re.split(r'[,\s]+', tox[f'testenv:{name}']['pass_env'])
