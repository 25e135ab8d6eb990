"""Every method of jubilant that minijuju serves, and the commands that people type."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import jubilant
import pytest

from minijuju import daemon
from minijuju.install import Options, install
from minijuju.trial import provider, requirer

if TYPE_CHECKING:
    from conftest import Juju


def run(engine: Path, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [engine, *args],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_model_is_named_by_option_then_environment_then_switch(juju: Juju, engine: Path):
    one = str(juju.model)
    for other in ('other', 'third'):
        juju.cli('add-model', '--no-switch', other, include_model=False)
    juju.cli('switch', 'third', include_model=False)

    def current(*args: str, **environment: str) -> str:
        return json.loads(run(engine, 'status', '--format=json', *args, **environment).stdout)[
            'model'
        ]['name']

    assert current() == 'third'
    assert current(JUJU_MODEL='other') == 'other'
    assert current(JUJU_MODEL='minijuju:admin/other') == 'other'
    assert current('--model', one, JUJU_MODEL='other') == one
    assert current(f'--model=admin/{one}') == one
    assert run(engine, 'switch', JUJU_MODEL='other').stdout == 'minijuju:admin/other\n'
    refused = run(engine, 'switch', 'third', JUJU_MODEL='other')
    assert 'cannot switch when JUJU_MODEL is overriding the model' in refused.stderr
    for other in ('other', 'third'):
        juju.destroy_model(other)
    assert 'No model in focus' in run(engine, 'status').stderr


@pytest.mark.parametrize(
    ('reference', 'text'),
    [
        ('elsewhere:{}', 'controller elsewhere not found'),
        ('bob/{}', 'model minijuju:bob/.* not found'),
        ('nothing', 'model minijuju:admin/nothing not found'),
    ],
)
def test_models_of_others_are_not_found(juju: Juju, engine: Path, reference: str, text: str):
    elsewhere = jubilant.Juju(model=reference.format(juju.model), cli_binary=engine)

    with pytest.raises(jubilant.CLIError, match=text):
        elsewhere.status()


def test_settings_of_a_model(juju: Juju, tmp_path: Path):
    juju.model_config({'update-status-hook-interval': '10m', 'automatically-retry-hooks': True})
    assert juju.model_config()['automatically-retry-hooks'] is True
    assert juju.cli('model-config', 'automatically-retry-hooks') == 'true\n'

    juju.model_config(reset='update-status-hook-interval')
    assert juju.model_config()['update-status-hook-interval'] == '5m'

    (tmp_path / 'settings').write_text('{update-status-hook-interval: 7m}')
    juju.cli('model-config', '--file', str(tmp_path / 'settings'))
    assert juju.model_config()['update-status-hook-interval'] == '7m'

    assert juju.model_constraints() == {}
    juju.model_constraints({'arch': 'amd64', 'cores': 4})
    assert juju.model_constraints() == {'arch': 'amd64', 'cores': 4}


def test_trust_is_given_and_taken(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path), trust=True)
    assert juju.config('ca', app_config=True) == {'trust': True}

    juju.trust('ca', remove=True)
    assert juju.config('ca', app_config=True) == {'trust': False}

    juju.trust('ca', scope='cluster')
    assert juju.cli('config', 'ca', 'trust') == 'true\n'
    juju.config('ca', reset='trust')
    assert juju.cli('config', 'ca', 'trust') == 'false\n'


def test_secrets_are_granted_revoked_and_shown_in_every_form(juju: Juju, tmp_path: Path):
    for name in ('ca', 'other'):
        juju.deploy(provider(tmp_path, name))
    juju.settle()
    uri = juju.add_secret('token', {'value': 'one'})
    juju.update_secret(uri, {'value': 'two'})
    juju.grant_secret(uri, ['ca', 'other'])

    access = juju.show_secret(uri).access or []
    assert {grant.target for grant in access} == {'application-ca', 'application-other'}
    assert juju.exec(f'secret-get {uri} value', unit='other/0').stdout == 'two\n'
    juju.cli('revoke-secret', 'token', 'other')
    with pytest.raises(jubilant.TaskError):
        juju.exec(f'secret-get {uri} value', unit='other/0')

    assert juju.show_secret(uri, reveal=True).content == {'value': 'two'}
    assert juju.show_secret(uri, reveal=True, revision=1).content == {'value': 'one'}
    assert juju.show_secret('token', revision=1).revision == 1
    revisions = juju.show_secret('token', revisions=True).revisions or []
    assert [revision.revision for revision in revisions] == [1, 2]
    with pytest.raises(jubilant.CLIError, match='specify either --reveal or --revisions'):
        juju.cli('show-secret', uri, '--reveal', '--revisions')
    assert [secret.uri for secret in juju.secrets(owner=str(juju.model))] == [uri]
    assert not juju.secrets(owner='ca')
    juju.remove_secret(uri, revision=1)
    with pytest.raises(jubilant.CLIError, match='revision 1 not found'):
        juju.show_secret(uri, revision=1)


def test_a_charm_with_every_option_of_deploy_that_is_supported(juju: Juju, tmp_path: Path):
    (tmp_path / 'tool').write_text('x')
    charm = provider(tmp_path)

    juju.deploy(
        charm,
        'app',
        base='ubuntu@24.04',
        bind={'certs': 'alpha'},
        channel='latest/stable',
        config={'size': 3, 'loud': True},
        constraints={'mem': '8G'},
        force=True,
        num_units=2,
        resources={'tool': str(tmp_path / 'tool')},
        revision=7,
        trust=True,
    )
    juju.refresh('app', path=charm, base='ubuntu@24.04', channel='edge', config={'size': 4})

    assert len(juju.settle().apps['app'].units) == 2
    assert juju.config('app') == {'greeting': 'hello', 'loud': True, 'size': 4}


@pytest.mark.parametrize(
    ('args', 'code', 'text'),
    [
        (['--to', '0'], 2, 'minijuju does not support --to'),
        (['--storage', 'a=1G'], 2, 'minijuju does not support --storage'),
        (['--attach-storage', 'a/0'], 2, 'minijuju does not support --attach-storage'),
        (['--overlay', 'a.yaml'], 2, 'minijuju does not support --overlay'),
        (['--base', 'ubuntu@22.04'], 1, 'base "ubuntu@22.04/stable" is not supported'),
        (['Bad_Name'], 1, 'invalid application name "Bad_Name"'),
        (['../up'], 1, 'invalid application name "../up"'),
        (['--num-units', 'two'], 2, 'invalid value "two" for option --num-units'),
        (['--config', 'size=big'], 1, 'option "size" expected int, got "big"'),
        (['--config', 'size=1_000'], 1, 'option "size" expected int, got "1_000"'),
        (['--config', 'loud=perhaps'], 1, 'option "loud" expected boolean, got "perhaps"'),
        (['--config', 'nothing=1'], 1, 'unknown option "nothing"'),
        (['--resource', 'nothing=x'], 1, 'unknown resource "nothing"'),
        (['--resource', 'tool'], 2, 'badly formatted name value pair: tool'),
        (['--resource=tool=x', '--resource=tool=y'], 2, 'duplicate name specified: "tool"'),
        (['app', 'more'], 2, 'unrecognized args: ["more"]'),
    ],
)
def test_what_deploy_refuses(juju: Juju, tmp_path: Path, args: list[str], code: int, text: str):
    with pytest.raises(jubilant.CLIError) as refused:
        juju.cli('deploy', str(provider(tmp_path)), *args)

    assert (refused.value.returncode, text in refused.value.stderr) == (code, True)
    assert not juju.status().apps


def test_units_are_removed_by_number(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path), num_units=3)
    juju.settle()

    juju.remove_unit('ca', num_units=2, destroy_storage=True)

    assert set(juju.settle().apps['ca'].units) == {'ca/0'}


def test_status_of_what_is_asked_for(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path))
    juju.deploy(requirer(tmp_path))
    juju.integrate('ca', 'req')
    juju.settle()

    shown = json.loads(juju.cli('status', 'req/*', '--format', 'json'))

    assert set(shown['applications']) == {'req'}
    assert set(shown['machines']) == {'1'}
    assert shown['applications']['req']['units']['req/0']['juju-status']['current'] == 'idle'
    assert 'ca/0' not in juju.cli('status', 'req')


def test_parts_of_a_unit(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path), num_units=2)
    juju.deploy(requirer(tmp_path), num_units=2)
    juju.integrate('ca', 'req')
    juju.settle()

    def relations(*args: str) -> list[dict[str, object]]:
        found = json.loads(juju.cli('show-unit', 'ca/0', '--format', 'json', *args))
        return found['ca/0']['relation-info']

    assert [info['endpoint'] for info in relations()] == ['peers', 'certs']
    (info,) = relations('--endpoint', 'certs', '--related-unit', 'req/1')
    assert set(info['related-units']) == {'req/1'}  # pyright: ignore[reportArgumentType]
    (info,) = relations('--endpoint=certs', '--app')
    assert 'related-units' not in info
    assert 'local-unit' not in info


def test_the_debug_log_by_level_and_unit(juju: Juju, tmp_path: Path):
    start = 'juju-log -l ERROR "bad of $JUJU_UNIT_NAME"; juju-log -l DEBUG fine'
    juju.deploy(provider(tmp_path, start=start), num_units=2)
    juju.settle()

    errors = juju.cli('debug-log', '--level', 'ERROR', '--include', 'ca/1')

    assert [line.split('juju-log ')[1] for line in errors.splitlines()] == ['bad of ca/1']
    assert 'fine' in juju.cli('debug-log', '--include', 'unit-ca-*')


def test_actions_are_listed(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path))

    listed = json.loads(juju.cli('actions', 'ca', '--format', 'json'))
    schemas = json.loads(juju.cli('actions', 'ca', '--format', 'json', '--schema'))

    assert listed['greet'] == 'Greets.'
    assert listed['fail'] == 'No description'
    assert schemas['strict']['required'] == ['count']
    assert 'Action  Description\n' in juju.cli('actions', 'ca')


def test_charms_of_a_folder_are_deployed_by_name(tmp_path: Path):
    charms = tmp_path / 'charms'
    charms.mkdir()
    provider(charms, 'ca').rename(charms / 'ca_ubuntu@24.04-amd64.charm')
    (charms / 'ca_zzz.charm').write_text('damaged')
    options = Options(jobs=1, retry_factor=1, charms=str(charms))
    juju = jubilant.Juju(cli_binary=install(tmp_path / 'bin', tmp_path / 'home', options))
    juju.add_model('m')

    juju.deploy('ca', channel='1/stable')
    juju.deploy('ch:ca', 'again')
    juju.refresh('ca', channel='1/edge')

    status = juju.wait(jubilant.all_active, delay=0.03, successes=1, timeout=10)
    assert set(status.apps) == {'ca', 'again'}
    with pytest.raises(jubilant.CLIError, match='charm "postgresql" not found in'):
        juju.deploy('postgresql')
    with pytest.raises(jubilant.CLIError, match=r'"ca" not found .*is not a charm.*not supported'):
        juju.deploy('ca', 'old', base='ubuntu@22.04')
    daemon.stop(tmp_path / 'home')


def test_output_goes_into_a_file(juju: Juju, tmp_path: Path):
    assert juju.cli('status', '--format=yaml', '-o', str(tmp_path / 'out')) == ''
    assert (tmp_path / 'out').read_text().startswith('model:\n')
