"""Actions and commands on units."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jubilant
import pytest

from minijuju.trial import provider

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Juju


def test_an_action_has_results_log_and_output(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path))
    juju.settle()

    task = juju.run('ca/leader', 'greet', {'name': 'wörld'})

    assert task.results == {'out': {'text': 'hello wörld'}}
    assert task.log == ['working']
    assert task.stdout == 'printed\n'
    assert juju.run('ca/0', 'greet').results == {'out': {'text': 'hello you'}}
    assert 'text: hello bob' in juju.cli('run', 'ca/0', 'greet', 'name=bob')


def test_actions_that_fail(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path))
    juju.settle()

    with pytest.raises(jubilant.TaskError) as failed:
        juju.run('ca/0', 'fail')
    assert (failed.value.task.status, failed.value.task.message) == ('failed', 'no luck')
    with pytest.raises(jubilant.TaskError) as crashed:
        juju.run('ca/0', 'crash')
    assert (crashed.value.task.return_code, crashed.value.task.stderr) == (3, 'oops\n')
    with pytest.raises(ValueError, match='action "nothing" not defined on unit "ca/0"'):
        juju.run('ca/0', 'nothing')
    with pytest.raises(TimeoutError):
        juju.run('ca/0', 'slow', wait=0.2)


@pytest.mark.parametrize(
    ('script', 'message', 'stderr'),
    [
        ('', 'committing requested changes failed', ''),
        ('action-fail "no luck"; echo oops >&2', 'no luck', 'oops\n\n'),
    ],
)
def test_an_action_that_cannot_be_committed_fails_in_the_charms_words(
    juju: Juju, tmp_path: Path, script: str, message: str, stderr: str
):
    unknown = 'z' * 20
    juju.deploy(provider(tmp_path, greet=f'secret-set secret:{unknown} key=value; {script}'))
    juju.settle()

    with pytest.raises(jubilant.TaskError) as failed:
        juju.run('ca/0', 'greet')

    task = failed.value.task
    assert (task.status, task.return_code, task.message) == ('failed', 1, message)
    assert task.stderr == f'{stderr}secret "{unknown}" not found'


@pytest.mark.parametrize(
    ('params', 'text'),
    [
        ({}, '"count" property is missing and required'),
        ({'count': 'x'}, 'must be of type integer'),
        ({'count': 1, 'more': 2}, 'additional property "more" is not allowed'),
    ],
)
def test_params_are_checked_first(
    juju: Juju, tmp_path: Path, params: dict[str, object], text: str
):
    juju.deploy(provider(tmp_path))

    with pytest.raises(jubilant.CLIError, match=text):
        juju.run('ca/0', 'strict', params)


def test_exec_runs_a_command_with_hook_tools(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path))
    juju.settle()

    assert juju.exec('is-leader && pwd -P | grep -c charm', unit='ca/0').stdout == 'True\n1\n'
    assert juju.exec('printf', '%s.', 'a b', "c'd", machine=0).stdout == "a b.c'd."
    with pytest.raises(jubilant.TaskError):
        juju.exec('exit 4', unit='ca/leader')
    juju.exec('open-port 443/tcp', unit='ca/0')
    assert juju.status().apps['ca'].units['ca/0'].open_ports == ['443/tcp']


def test_a_command_on_a_machine_is_no_hook(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path))
    juju.settle()

    task = juju.exec('is-leader || echo "${JUJU_HOOK_NAME-none} $PWD"', machine=0)

    assert task.stdout.startswith('none /')
    assert 'is-leader: command not found' in task.stderr
    shown = juju.cli('exec', '--machine', '0', '--format', 'json', '--', 'true')
    assert '"machine":"0"' in shown


def test_commands_on_machines_wait_for_no_hook(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path, start='until [[ -e go ]]; do sleep 0.01; done'))

    juju.until(lambda status: 'start' in status.apps['ca'].units['ca/0'].juju_status.message)

    assert juju.exec('pwd', machine=0).success
    assert juju.ssh('ca/0', 'echo $((6 * 7)); echo err >&2; touch go') == '42\n'
    assert juju.settle().apps['ca'].units['ca/0'].juju_status.current == 'idle'


def test_ssh_leaves_all_words_to_a_shell(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path))
    juju.settle()

    options = ['-o', 'BatchMode=yes', '-q']
    said = juju.ssh(
        'ca/leader', 'ls', '-d', 'dispatch', '|', 'cat', ssh_options=options, user='ubuntu'
    )
    assert said == 'dispatch\n'
    assert juju.ssh(0, 'pwd', host_key_checks=False).endswith('/ca-0/charm\n')
    with pytest.raises(jubilant.CLIError) as failed:
        juju.ssh('ca/0', 'echo out; exit 7')
    assert (failed.value.returncode, failed.value.stdout) == (7, 'out\n')
    with pytest.raises(jubilant.CLIError, match='opens no shell'):
        juju.cli('ssh', 'ca/0')


def test_files_are_copied_to_and_from_units(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path))
    juju.settle()
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'folder' / 'file').write_text('content\n')

    juju.scp(tmp_path / 'folder' / 'file', 'ca/0:copied')
    juju.scp(tmp_path / 'folder', 'ubuntu@ca/leader:', scp_options=['-r'], host_key_checks=False)
    juju.scp('ca/0:folder/file', tmp_path / 'back')
    juju.scp('0:copied', f'{tmp_path}/again')

    assert juju.exec('cat copied', unit='ca/0').stdout == 'content\n'
    assert (tmp_path / 'back').read_text() == 'content\n'
    assert (tmp_path / 'again').read_text() == 'content\n'
    with pytest.raises(jubilant.CLIError, match='cannot copy'):
        juju.scp('ca/0:nothing', tmp_path / 'nothing')


@pytest.mark.parametrize(
    ('args', 'code', 'text'),
    [
        (['run', 'ca/leader'], 2, 'no action specified'),
        (['run', 'ca/7', 'greet'], 1, 'unit "ca/7" not found'),
        (['run', 'ca/0', 'greet', 'name'], 2, 'must be of the form'),
        (['run', 'ca/0', 'greet', '--wait', 'soon'], 2, 'invalid value "soon"'),
        (['exec', 'true'], 2, 'You must specify a target'),
        (['exec', '--all', '--unit', 'ca/0', 'true'], 2, 'You cannot specify --all and'),
        (['exec', '--unit', 'ca/0'], 2, 'no commands specified'),
        (['exec', '--machine', '9', 'true'], 1, 'machine 9 not found'),
        (['exec', '--unit', 'ca/0', 'ls', '-l'], 2, 'option provided but not defined: -l'),
        (['ssh', '--container', 'x', 'ca/0', 'ls'], 2, 'minijuju does not support --container'),
        (['scp', 'one'], 2, 'at least two arguments required'),
    ],
)
def test_calls_that_are_refused(juju: Juju, tmp_path: Path, args: list[str], code: int, text: str):
    juju.deploy(provider(tmp_path))

    with pytest.raises(jubilant.CLIError) as refused:
        juju.cli(*args)

    assert (refused.value.returncode, text in refused.value.stderr) == (code, True)


def test_several_units_at_once(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path), num_units=2)
    juju.settle()

    with pytest.raises(jubilant.CLIError) as failed:
        juju.cli('exec', '--app', 'ca', '--format=json', '--', 'is-leader | grep True')
    assert failed.value.returncode == 1
    assert set(json.loads(failed.value.stdout)) == {'ca/0', 'ca/1'}
    assert 'the following task failed:\n - id "2" with return code 1\n' in failed.value.stderr
    with pytest.raises(jubilant.CLIError, match='the following tasks failed'):
        juju.cli('run', 'ca/0', 'ca/1', 'crash')
