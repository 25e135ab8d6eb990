"""The workflows name what there is in the repository."""

from __future__ import annotations

import configparser
import json
import pathlib
import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORKFLOWS = sorted(ROOT.glob('.github/workflows/*.yaml'))
CHARMS = sorted(path.parent.name for path in ROOT.glob('charms/*/charmcraft.yaml'))


def load(name: str) -> dict[Any, Any]:
    return yaml.safe_load((ROOT / '.github/workflows' / name).read_text(encoding='utf-8'))


def test_every_charm_can_be_released() -> None:
    # YAML 1.1 reads the key `on` as a truth value.
    inputs = load('release.yaml')[True]['workflow_dispatch']['inputs']

    assert inputs['charm']['options'] == CHARMS


def test_a_build_is_listed_for_each_charm_on_each_platform() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / 'tools/pack', '--list', *CHARMS, 'requirer'],
        capture_output=True,
        text=True,
        check=True,
    )

    listed = json.loads(done.stdout)

    assert {entry['charm'] for entry in listed} == {*CHARMS, 'requirer'}
    assert len(listed) == 4 * (len(CHARMS) + 1)
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
