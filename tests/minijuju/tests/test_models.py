"""Models, their log, and what is refused."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import jubilant
import pytest

from minijuju.trial import provider

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Juju


def test_models(juju: Juju):
    assert juju.model is not None
    juju.cli('switch', juju.model, include_model=False)

    info = juju.show_model()

    assert (info.short_name, info.model_type) == (juju.model, 'iaas')
    assert f'{juju.model}*' in juju.cli('models', include_model=False)
    assert juju.version().tuple[:2] == (3, 6)
    juju.cli('set-model-constraints', 'arch=amd64')
    assert juju.model_constraints() == {'arch': 'amd64'}
    with pytest.raises(jubilant.CLIError, match='already exists'):
        juju.cli('add-model', '--no-switch', juju.model, include_model=False)


def test_the_log_can_be_cut(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path, start='echo out; echo err >&2; juju-log -l ERROR -- bad'))
    juju.settle()

    log = juju.debug_log()

    assert re.search(r'^unit-ca-0: \S+ ERROR unit.ca/0.juju-log bad$', log, re.MULTILINE)
    assert re.search(r'^unit-ca-0: \S+ DEBUG unit.ca/0.start out$', log, re.MULTILINE)
    assert re.search(r'^unit-ca-0: \S+ WARNING unit.ca/0.start err$', log, re.MULTILINE)
    assert juju.debug_log(limit=2) == ''.join(log.splitlines(keepends=True)[-2:])


@pytest.mark.parametrize(
    ('args', 'code', 'text'),
    [
        (['deploy', 'postgresql'], 1, 'minijuju deploys local charms only'),
        (['bootstrap', 'lxd'], 2, '"bootstrap" is not supported by minijuju'),
        (['status', '--nonsense'], 2, 'option provided but not defined: --nonsense'),
        (['integrate', 'ca', 'nobody'], 1, 'application "nobody" not found'),
        (['integrate', 'ca', 'ca:nothing'], 1, 'application "ca" has no "nothing" relation'),
        (['remove-unit', 'ca/7', '--no-prompt'], 1, 'unit "ca/7" not found'),
        (['deploy', './nothing.charm'], 1, 'cannot read charm'),
        (['model-config', 'update-status-hook-interval=soon'], 1, 'invalid value "soon"'),
        (['model-config', 'update-status-hook-interval=999999d'], 1, 'invalid value "999999d"'),
        (['exec', '--wait', '9999999h', '--unit', 'ca/0', 'true'], 2, 'for option --wait'),
        (['debug-log', '--limit', '9' * 5000], 2, 'for option --limit'),
        (['remove-relation', '9' * 5000], 1, ' not found'),
        (['scale-application', 'ca', '9' * 5000], 2, 'expected integer'),
    ],
)
def test_refusals(juju: Juju, tmp_path: Path, args: list[str], code: int, text: str):
    juju.deploy(provider(tmp_path))

    with pytest.raises(jubilant.CLIError) as refused:
        juju.cli(*args)

    assert refused.value.returncode == code
    assert refused.value.stderr.startswith('ERROR ')
    assert text in refused.value.stderr


def test_a_model_whose_units_are_in_error_is_destroyed_by_force_only(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path, start='exit 1'))
    juju.settle()
    assert juju.model is not None

    with pytest.raises(jubilant.CLIError, match='timed out waiting for model'):
        juju.destroy_model(juju.model, timeout=0.1)
    with pytest.raises(jubilant.CLIError, match='asks no questions'):
        juju.cli('destroy-model', juju.model, include_model=False)

    juju.destroy_model(
        juju.model, force=True, no_wait=True, destroy_storage=True, release_storage=False
    )
    assert juju.model is None


def test_a_model_that_is_being_destroyed_grows_no_more(juju: Juju, engine: Path, tmp_path: Path):
    charm = provider(tmp_path, stop=f'until [[ -e {tmp_path}/go ]]; do sleep 0.01; done')
    juju.deploy(charm)
    juju.settle()
    assert juju.model is not None
    destroying = subprocess.Popen([engine, 'destroy-model', juju.model, '--no-prompt'])
    juju.until(lambda status: status.model.model_status.current == 'destroying')

    for args in (
        ['deploy', str(charm), 'other'],
        ['add-unit', 'ca'],
        ['integrate', 'ca', 'other'],
        ['offer', 'ca:certs'],
        ['consume', 'admin/rest.x'],
    ):
        with pytest.raises(jubilant.CLIError, match=f'model "{juju.model}" is dying'):
            juju.cli(*args)
    shown = json.loads(juju.cli('show-model', '--format', 'json'))[juju.model]
    assert (shown['life'], shown['status']['current']) == ('dying', 'destroying')

    (tmp_path / 'go').touch()
    assert destroying.wait(timeout=10) == 0
    juju.model = None
