"""Packed charms as real processes, driven by jubilant."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import jubilant
import pytest

from minijuju import daemon
from minijuju.charm import Charm
from minijuju.install import Options, install
from minijuju.interpreter import find_python
from minijuju.testing import pack_charm

ACTIONS = """
greet:
  description: Greets.
  params:
    name: {type: string, default: you}
  required: []
fail: {}
crash: {}
slow: {}
strict:
  params: {count: {type: integer}}
  required: [count]
  additionalProperties: false
"""
CONFIG = """
options:
  greeting: {type: string, default: hello}
  size: {type: int}
  loud: {type: boolean, default: false}
"""
PROVIDER = {
    'install': 'application-version-set 1.2',
    'start': 'status-set active -- ready',
    'certs-relation-changed': """
csr=$(relation-get csr "${JUJU_REMOTE_UNIT:-none/0}" 2>/dev/null || true)
[[ -z $csr ]] || relation-set --app "cert-${JUJU_REMOTE_UNIT/\\//-}=signed $csr"
""",
    'greet': 'action-log working; action-set out.text="hello $(action-get name)"; echo printed',
    'fail': 'action-fail "no luck"',
    'crash': 'echo oops >&2; exit 3',
    'slow': 'sleep 30',
}
REQUIRER = {
    'start': 'status-set waiting -- "no certificate"',
    'needs-relation-created': 'relation-set csr="csr of $JUJU_UNIT_NAME"',
    'needs-relation-changed': """
cert=$(relation-get --app "cert-${JUJU_UNIT_NAME/\\//-}" "$JUJU_REMOTE_APP")
[[ -z $cert ]] || status-set active -- "$cert"
""",
    'needs-relation-broken': """
juju-log "in broken: $(relation-list) $(relation-get --app - "$JUJU_REMOTE_APP" | wc -l)"
status-set blocked -- gone
""",
}


def settle(juju: jubilant.Juju) -> jubilant.Status:
    return juju.wait(jubilant.all_agents_idle, delay=0.03, successes=1)


def provider(folder: Path, name: str = 'ca', **scripts: str) -> Path:
    return pack_charm(
        folder / f'{name}.charm',
        metadata={
            'name': name,
            'provides': {'certs': {'interface': 'tls'}},
            'peers': {'peers': {'interface': 'tls-peers'}},
            'resources': {'tool': {'type': 'file', 'filename': 'tool'}},
        },
        scripts={**PROVIDER, **{key.replace('_', '-'): text for key, text in scripts.items()}},
        files={'actions.yaml': ACTIONS, 'config.yaml': CONFIG},
    )


def requirer(folder: Path, name: str = 'req', **scripts: str) -> Path:
    return pack_charm(
        folder / f'{name}.charm',
        metadata={'name': name, 'requires': {'needs': {'interface': 'tls'}}},
        scripts={**REQUIRER, **{key.replace('_', '-'): text for key, text in scripts.items()}},
    )


def hooks(juju: jubilant.Juju, unit: str) -> list[str]:
    """Return the hooks that have run on a unit, in order."""
    log = juju.debug_log()
    return re.findall(rf'^unit-{unit.replace("/", "-")}: .* ran "(.*)" hook$', log, re.MULTILINE)


def test_deployed_units_have_a_status_that_jubilant_reads(juju: jubilant.Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path), num_units=2)

    app = settle(juju).apps['ca']

    assert app.is_active
    assert (app.charm, app.charm_name, app.charm_rev) == ('local:ca-0', 'ca', 0)
    assert (app.version, app.app_status.message) == ('1.2', 'ready')
    leader, follower = app.units['ca/0'], app.units['ca/1']
    assert (leader.leader, follower.leader) == (True, False)
    assert leader.public_address != follower.public_address
    assert hooks(juju, 'ca/0')[:5] == [
        'install',
        'peers-relation-created',
        'leader-elected',
        'config-changed',
        'start',
    ]


def test_data_goes_over_a_relation_and_back(juju: jubilant.Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path))
    juju.deploy(requirer(tmp_path), num_units=2)
    juju.integrate('ca', 'req:needs')

    status = settle(juju)

    for name in ('req/0', 'req/1'):
        message = status.apps['req'].units[name].workload_status.message
        assert message == f'signed csr of {name}'
    relation = juju.show_unit('req/0').relation_info[0]
    assert (relation.endpoint, relation.related_endpoint) == ('needs', 'certs')
    assert relation.app_data['cert-req-1'] == 'signed csr of req/1'
    assert relation.local_unit is not None
    assert relation.local_unit.data['csr'] == 'csr of req/0'
    assert status.apps['req'].relations['needs'][0].related_app == 'ca'


def test_the_table_for_people(juju: jubilant.Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path))
    juju.deploy(requirer(tmp_path))
    juju.integrate('ca', 'req')
    settle(juju)

    table = juju.cli('status', '--relations')

    assert re.search(
        r'^Model +Controller +Cloud/Region +Version +SLA +Timestamp$', table, re.MULTILINE
    )
    assert re.search(r'^App +Version +Status +Scale +Charm .*Message$', table, re.MULTILINE)
    assert re.search(r'^ca/0\* +active +idle +0 +127\.\S+ +ready$', table, re.MULTILINE)
    assert re.search(r'^Integration provider +Requirer +Interface +Type', table, re.MULTILINE)
    assert re.search(r'^ca:certs +req:needs +tls +regular$', table, re.MULTILINE)


def test_an_action_has_results_log_and_output(juju: jubilant.Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path))
    settle(juju)

    task = juju.run('ca/leader', 'greet', {'name': 'wörld'})

    assert task.results == {'out': {'text': 'hello wörld'}}
    assert task.log == ['working']
    assert task.stdout == 'printed\n'
    assert juju.run('ca/0', 'greet').results == {'out': {'text': 'hello you'}}
    assert 'text: hello bob' in juju.cli('run', 'ca/0', 'greet', 'name=bob')


def test_actions_that_fail(juju: jubilant.Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path))
    settle(juju)

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
    ('params', 'text'),
    [
        ({}, '"count" property is missing and required'),
        ({'count': 'x'}, 'must be of type integer'),
        ({'count': 1, 'more': 2}, 'additional property "more" is not allowed'),
    ],
)
def test_params_are_checked_first(
    juju: jubilant.Juju, tmp_path: Path, params: dict[str, object], text: str
):
    juju.deploy(provider(tmp_path))

    with pytest.raises(jubilant.CLIError, match=text):
        juju.run('ca/0', 'strict', params)


def test_exec_runs_a_command_with_hook_tools(juju: jubilant.Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path))
    settle(juju)

    assert juju.exec('is-leader && pwd -P | grep -c charm', unit='ca/0').stdout == 'True\n1\n'
    assert juju.exec('printf', '%s.', 'a b', "c'd", machine=0).stdout == "a b.c'd."
    with pytest.raises(jubilant.TaskError):
        juju.exec('exit 4', unit='ca/leader')
    juju.exec('open-port 443/tcp', unit='ca/0')
    assert juju.status().apps['ca'].units['ca/0'].open_ports == ['443/tcp']


def test_a_failed_hook_waits_for_resolved(juju: jubilant.Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path, start='status-set active; open-port 1; [[ -e mended ]]'))

    unit = juju.wait(jubilant.any_error, delay=0.03, successes=1).apps['ca'].units['ca/0']

    assert unit.workload_status.message == 'hook failed: "start"'
    assert unit.juju_status.current == 'idle'
    assert not unit.open_ports
    juju.cli('resolved', 'ca/0')
    assert settle(juju).apps['ca'].is_error
    juju.exec('touch mended', unit='ca/0')
    juju.cli('resolved', 'ca/0')
    assert settle(juju).apps['ca'].is_active
    with pytest.raises(jubilant.CLIError, match='is not in an error state'):
        juju.cli('resolved', 'ca/0')


def test_a_failed_relation_hook_names_the_other_end_and_can_be_skipped(
    juju: jubilant.Juju, tmp_path: Path
):
    juju.deploy(provider(tmp_path))
    juju.deploy(requirer(tmp_path, needs_relation_joined='exit 1'))
    juju.integrate('ca', 'req')
    status = juju.wait(jubilant.any_error, delay=0.03, successes=1)
    message = status.apps['req'].units['req/0'].workload_status.message
    assert message == 'hook failed: "needs-relation-joined" for ca:certs'

    juju.cli('resolved', '--no-retry', 'req/0')

    assert settle(juju).apps['req'].is_active


def test_failed_hooks_are_retried_by_themselves(juju: jubilant.Juju, tmp_path: Path):
    juju.model_config({'automatically-retry-hooks': True})
    juju.deploy(
        provider(tmp_path, start='echo >>tries; (($(wc -l <tries) > 2)); status-set active')
    )

    status = juju.wait(jubilant.all_active, delay=0.03, successes=1)

    assert juju.exec('wc -l <tries', unit='ca/0').stdout == '3\n'
    assert not status.apps['ca'].is_error


def test_a_removed_relation_ends_on_both_sides(juju: jubilant.Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path))
    juju.deploy(requirer(tmp_path))
    juju.integrate('ca', 'req')
    settle(juju)

    juju.remove_relation('ca', 'req')
    status = settle(juju)

    assert status.apps['req'].is_blocked
    assert not status.apps['req'].relations
    assert hooks(juju, 'ca/0')[-2:] == ['certs-relation-departed', 'certs-relation-broken']
    assert 'in broken:  1\n' in juju.debug_log()
    with pytest.raises(jubilant.CLIError, match='not found'):
        juju.remove_relation('ca', 'req')


def test_a_removed_application_is_gone(juju: jubilant.Juju, tmp_path: Path, home: Path):
    juju.deploy(provider(tmp_path))
    juju.deploy(requirer(tmp_path))
    juju.integrate('ca', 'req')
    settle(juju)

    juju.remove_application('ca')
    status = juju.wait(lambda status: 'ca' not in status.apps, delay=0.03, successes=1)

    assert hooks(juju, 'ca/0')[-2:] == ['stop', 'remove']
    assert settle(juju).apps['req'].is_blocked
    assert set(status.apps) == {'req'}
    assert not list(home.glob('models/*/units/ca-0'))


def test_units_come_and_go_and_leadership_moves(juju: jubilant.Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path))
    settle(juju)

    juju.add_unit('ca', num_units=2)
    assert set(settle(juju).apps['ca'].units) == {'ca/0', 'ca/1', 'ca/2'}
    juju.remove_unit('ca/0')
    units = settle(juju).apps['ca'].units

    assert set(units) == {'ca/1', 'ca/2'}
    assert units['ca/1'].leader
    assert hooks(juju, 'ca/1').count('leader-elected') == 1
    juju.cli('scale-application', 'ca', '1')
    assert set(settle(juju).apps['ca'].units) == {'ca/1'}


def test_config(juju: jubilant.Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path), config={'size': 3})
    settle(juju)
    before = hooks(juju, 'ca/0').count('config-changed')
    assert juju.config('ca') == {'greeting': 'hello', 'loud': False, 'size': 3}

    juju.config('ca', {'loud': True, 'greeting': 'a=b'}, reset='size')
    juju.config('ca', {'loud': True})
    settle(juju)

    assert juju.config('ca') == {'greeting': 'a=b', 'loud': True}
    assert juju.exec('config-get loud', unit='ca/0').stdout == 'True\n'
    assert hooks(juju, 'ca/0').count('config-changed') == before + 1
    assert juju.config('ca', app_config=True) == {'trust': False}
    with pytest.raises(jubilant.CLIError, match='option "size" expected int, got "big"'):
        juju.config('ca', {'size': 'big'})
    with pytest.raises(jubilant.CLIError, match='unknown option "colour"'):
        juju.config('ca', {'colour': 'red'})


def test_trust_raises_config_changed(juju: jubilant.Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path))
    settle(juju)

    juju.trust('ca')
    settle(juju)

    assert hooks(juju, 'ca/0')[-1] == 'config-changed'
    assert juju.config('ca', app_config=True) == {'trust': True}


def test_refresh_replaces_files_and_keeps_what_the_charm_made(juju: jubilant.Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path, extra='old'))
    settle(juju)
    juju.exec('touch made', unit='ca/0')
    (tmp_path / 'new').mkdir()

    juju.refresh('ca', path=provider(tmp_path / 'new', start='true', upgrade_charm='ls made'))
    app = settle(juju).apps['ca']

    assert app.charm_rev == 1
    assert hooks(juju, 'ca/0')[-2:] == ['upgrade-charm', 'config-changed']
    assert juju.exec('ls scripts/extra || echo removed', unit='ca/0').stdout == 'removed\n'


def test_a_unit_in_error_takes_a_new_charm_by_force_only(juju: jubilant.Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path, start='exit 1'))
    settle(juju)
    (tmp_path / 'new').mkdir()
    mended = provider(tmp_path / 'new')

    juju.refresh('ca', path=mended)
    juju.cli('resolved', 'ca/0')
    assert settle(juju).apps['ca'].is_error
    juju.refresh('ca', path=mended, force=True)
    juju.cli('resolved', 'ca/0')

    assert settle(juju).apps['ca'].is_active
    assert 'upgrade-charm' not in hooks(juju, 'ca/0')


def test_a_dying_unit_in_error_stays_until_it_is_forced(juju: jubilant.Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path, start='exit 1'), num_units=2)
    settle(juju)
    juju.remove_unit('ca/0', 'ca/1')
    assert set(settle(juju).apps['ca'].units) == {'ca/0', 'ca/1'}

    juju.remove_unit('ca/0', force=True)
    juju.cli('resolved', '--no-retry', 'ca/1')

    juju.wait(lambda status: not status.apps['ca'].units, delay=0.03, successes=1)


def test_force_kills_a_hook_that_runs(juju: jubilant.Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path, start='sleep 300'))

    def starting(status: jubilant.Status) -> bool:
        return status.apps['ca'].units['ca/0'].juju_status.message == 'running start hook'

    juju.wait(starting, delay=0.03, successes=1)
    juju.remove_application('ca', force=True)

    assert not juju.status().apps


def test_byte_code_of_the_old_charm_is_not_run(juju: jubilant.Juju, tmp_path: Path):
    def charm(folder: str, word: str) -> Path:
        (tmp_path / folder).mkdir()
        return pack_charm(
            tmp_path / folder / 'py.charm',
            metadata={'name': 'py'},
            scripts=dict.fromkeys(('start', 'upgrade-charm'), f'{sys.executable} main.py'),
            files={
                'main.py': 'import word; import subprocess\n'
                'subprocess.run(["status-set", "active", word.WORD], check=True)\n',
                'word.py': f'WORD = "{word}"\n',
            },
        )

    old, new = charm('one', 'old'), charm('two', 'new')
    juju.deploy(old)
    settle(juju)
    # Equal sizes and equal times are what makes Python take the old byte code for the new.
    juju.exec('touch -d @0 word.py && rm -r __pycache__ && python3 -c "import word"', unit='py/0')

    juju.refresh('py', path=new)

    assert settle(juju).apps['py'].app_status.message == 'new'


def test_a_killed_dispatch_loses_its_writes_only(juju: jubilant.Juju, tmp_path: Path):
    start = """
if [[ ! -e again ]]; then touch again; open-port 1; status-set blocked -- kept; kill -9 $$; fi
open-port 2
"""
    juju.deploy(provider(tmp_path, start=start))

    unit = settle(juju).apps['ca'].units['ca/0']

    assert unit.open_ports == ['2/tcp']
    assert unit.workload_status.message == 'kept'
    assert 'hook "start" was interrupted' in juju.debug_log()


def test_hooks_of_different_applications_run_at_once(juju: jubilant.Juju, tmp_path: Path):
    meet = """
touch {mine}
for _ in {{1..400}}; do [[ -e {other} ]] && status-set active && exit 0; sleep 0.01; done
exit 1
"""
    here, there = tmp_path / 'here', tmp_path / 'there'
    juju.deploy(provider(tmp_path, 'one', start=meet.format(mine=here, other=there)))
    juju.deploy(provider(tmp_path, 'two', start=meet.format(mine=there, other=here)))

    assert jubilant.all_active(settle(juju))


def test_hooks_of_one_unit_never_overlap(juju: jubilant.Juju, tmp_path: Path):
    juju.deploy(
        pack_charm(
            tmp_path / 'busy.charm',
            metadata={'name': 'busy', 'peers': {'peers': {'interface': 'x'}}},
            scripts={},
            files={'dispatch': '#!/bin/bash\nmkdir lock && sleep 0.02 && rmdir lock\n'},
        ),
        num_units=3,
    )

    assert not jubilant.any_error(settle(juju))


def test_the_environment_is_built_from_nothing(juju: jubilant.Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path, start='env >env', certs_relation_created='env >relation'))
    juju.deploy(requirer(tmp_path))
    juju.integrate('ca', 'req')
    settle(juju)

    def read(name: str) -> dict[str, str]:
        lines = juju.exec(f'cat {name}', unit='ca/0').stdout.splitlines()
        return dict(line.split('=', 1) for line in lines)

    env, relation = read('env'), read('relation')

    assert not {'HOME', 'USER', 'PYTHONPATH'} & set(env)
    assert env['JUJU_UNIT_NAME'] == 'ca/0'
    assert env['JUJU_HOOK_NAME'] == 'start'
    assert env['JUJU_DISPATCH_PATH'] == 'hooks/start'
    assert env['JUJU_VERSION'].startswith('3.6.')
    assert env['JUJU_CHARM_HTTP_PROXY'] == ''
    assert env['CHARM_DIR'].endswith('/units/ca-0/charm')
    assert re.fullmatch(r'certs:\d+', relation['JUJU_RELATION_ID'])
    assert (relation['JUJU_REMOTE_APP'], relation['JUJU_REMOTE_UNIT']) == ('req', '')


def test_large_and_multi_byte_data_survive_the_client(juju: jubilant.Juju, tmp_path: Path):
    joined = """
python3 -c 'import json; print(json.dumps({"big": "é\\n" * 100_000 + "end\\n\\n"}))' >data
relation-set --file=- <data
relation-get --format=json big "$JUJU_UNIT_NAME" >back
python3 -c '
import json
assert json.load(open("back")) == json.load(open("data"))["big"]
'
"""
    juju.deploy(provider(tmp_path))
    juju.deploy(requirer(tmp_path, needs_relation_joined=joined))
    juju.integrate('ca', 'req')

    assert not jubilant.any_error(settle(juju))


def test_secrets_of_charms(juju: jubilant.Juju, tmp_path: Path):
    share = """
if [[ ! -e uri ]]; then secret-add --label key --owner application password=one >uri; fi
secret-grant --relation "$JUJU_RELATION_ID" "$(<uri)"
relation-set --app secret="$(<uri)"
"""
    show = 'status-set active "$(secret-get "$JUJU_SECRET_ID" password --refresh)"'
    juju.deploy(provider(tmp_path, certs_relation_created=share, certs_relation_changed='true'))
    read = """
uri=$(relation-get --app secret "$JUJU_REMOTE_APP")
[[ -z $uri ]] || status-set active "$(secret-get "$uri" password --label shared)"
"""
    juju.deploy(requirer(tmp_path, needs_relation_changed=read, **{'secret-changed': show}))
    juju.integrate('ca', 'req')
    assert settle(juju).apps['req'].app_status.message == 'one'

    juju.exec('secret-set "$(<uri)" password=two', unit='ca/0')

    assert settle(juju).apps['req'].app_status.message == 'two'
    assert hooks(juju, 'ca/0')[-1] == 'secret-remove'
    (found,) = juju.secrets()
    assert (found.owner, found.label, found.revision) == ('ca', 'key', 2)
    revealed = juju.show_secret(found.uri, reveal=True)
    assert revealed.content == {'password': 'two'}


def test_secrets_of_users(juju: jubilant.Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path, **{'secret-changed': 'status-set active changed'}))
    settle(juju)
    uri = juju.add_secret('token', {'value': 'one'}, info='about')
    read = f'secret-get {uri} value'
    with pytest.raises(jubilant.TaskError):
        juju.exec(read, unit='ca/0')

    juju.grant_secret('token', 'ca')
    assert juju.exec(read, unit='ca/0').stdout == 'one\n'
    juju.update_secret(uri, {'value': 'two'}, name='fresh')
    status = settle(juju)

    assert status.apps['ca'].app_status.message == 'changed'
    assert juju.exec(read, unit='ca/0').stdout == 'one\n'
    assert juju.exec(f'{read} --refresh', unit='ca/0').stdout == 'two\n'
    shown = juju.show_secret('fresh', revisions=True)
    assert (shown.owner, shown.name, shown.description) == ('<model>', 'fresh', 'about')
    assert [revision.revision for revision in shown.revisions or ()] == [1, 2]
    juju.remove_secret(uri)
    assert not juju.secrets()


def test_expiry_comes_when_the_clock_does(juju: jubilant.Juju, tmp_path: Path):
    expired = 'secret-remove "$JUJU_SECRET_ID" --revision "$JUJU_SECRET_REVISION"; touch expired'
    juju.deploy(provider(tmp_path, secret_expired=expired))
    settle(juju)
    juju.exec('secret-add --label x --expire 10m key=value', unit='ca/0')
    assert 'secret-expired' not in hooks(juju, 'ca/0')

    juju.cli('advance-clock', '11m', include_model=False)

    settle(juju)
    assert 'secret-expired' in hooks(juju, 'ca/0')
    assert not juju.secrets()


def test_a_short_expiry_comes_by_itself(juju: jubilant.Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path, **{'secret-expired': 'status-set active expired'}))
    settle(juju)

    juju.exec('secret-add --expire 300ms key=value', unit='ca/0')

    def expired(status: jubilant.Status) -> bool:
        return status.apps['ca'].app_status.message == 'expired'

    juju.wait(expired, delay=0.03, successes=1)


def test_update_status_follows_the_models_interval(juju: jubilant.Juju, tmp_path: Path):
    juju.model_config({'update-status-hook-interval': '200ms'})
    juju.deploy(provider(tmp_path, update_status='status-set active updated'))

    def updated(status: jubilant.Status) -> bool:
        return status.apps['ca'].app_status.message == 'updated'

    juju.wait(updated, delay=0.03, successes=1)
    assert juju.model_config()['update-status-hook-interval'] == '200ms'


def test_a_resource_is_a_path(juju: jubilant.Juju, tmp_path: Path):
    (tmp_path / 'tool').write_text('content\n')
    juju.deploy(provider(tmp_path), resources={'tool': str(tmp_path / 'tool')})
    settle(juju)

    assert juju.exec('cat "$(resource-get tool)"', unit='ca/0').stdout == 'content\n'


def test_a_shim_never_becomes_the_charms_python(juju: jubilant.Juju, tmp_path: Path):
    minor = f'3.{sys.version_info[1]}'
    juju.deploy(
        pack_charm(
            tmp_path / 'py.charm',
            metadata={'name': 'py'},
            scripts={'start': 'status-set active "$(head -c4 "$(which python3)" | tail -c3)"'},
            files={f'venv/lib/python{minor}/site-packages/empty.py': ''},
        )
    )

    assert settle(juju).apps['py'].app_status.message == 'ELF'


def test_the_interpreter_in_pyvenv_cfg_comes_first(tmp_path: Path):
    minor = f'3.{sys.version_info[1]}'
    (tmp_path / 'venv').mkdir()
    (tmp_path / 'home').mkdir()
    (tmp_path / 'venv' / 'pyvenv.cfg').write_text(f'home = {tmp_path / "home"}\n')
    charm = Charm('x', 'd', tmp_path, ('ubuntu', '24.04'), minor)
    assert find_python(charm) == Path(sys.base_prefix, 'bin', f'python{minor}').resolve()

    (tmp_path / 'home' / f'python{minor}').symlink_to('/bin/cat')

    assert find_python(charm) == Path('/bin/cat').resolve()


@pytest.mark.parametrize(
    ('files', 'architecture', 'text'),
    [
        ({'venv/lib/python3.99/x.py': ''}, '', 'needs Python 3.99'),
        ({}, 's390x', 'is for s390x, this machine is'),
        ({'metadata.yaml': '{}'}, '', 'metadata.yaml is missing or names no charm'),
        ({'metadata.yaml': '{name: x, storage: {d: {type: filesystem}}}'}, '', 'needs storage'),
    ],
)
def test_unfit_charms_are_refused(
    juju: jubilant.Juju, tmp_path: Path, files: dict[str, str], architecture: str, text: str
):
    path = pack_charm(
        tmp_path / 'x.charm', metadata={'name': 'x'}, files=files, architecture=architecture
    )

    with pytest.raises(jubilant.CLIError, match=text):
        juju.deploy(path)
    assert not juju.status().apps


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
    ],
)
def test_refusals(juju: jubilant.Juju, tmp_path: Path, args: list[str], code: int, text: str):
    juju.deploy(provider(tmp_path))

    with pytest.raises(jubilant.CLIError) as refused:
        juju.cli(*args)

    assert refused.value.returncode == code
    assert refused.value.stderr.startswith('ERROR ')
    assert text in refused.value.stderr


def test_models(juju: jubilant.Juju):
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


def test_the_log_can_be_cut(juju: jubilant.Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path, start='echo out; echo err >&2; juju-log -l ERROR -- bad'))
    settle(juju)

    log = juju.debug_log()

    assert re.search(r'^unit-ca-0: \S+ ERROR unit.ca/0.juju-log bad$', log, re.MULTILINE)
    assert re.search(r'^unit-ca-0: \S+ DEBUG unit.ca/0.start out$', log, re.MULTILINE)
    assert re.search(r'^unit-ca-0: \S+ WARNING unit.ca/0.start err$', log, re.MULTILINE)
    assert juju.debug_log(limit=2) == ''.join(log.splitlines(keepends=True)[-2:])


def test_context_ids_and_tokens_are_needed(juju: jubilant.Juju, tmp_path: Path, home: Path):
    juju.deploy(provider(tmp_path))
    settle(juju)

    assert (home / 'daemon').stat().st_mode & 0o777 == 0o600
    done = juju.exec('JUJU_CONTEXT_ID=guess is-leader || echo refused', unit='ca/0')
    assert done.stdout == 'refused\n'


def alive(pid: int) -> bool:
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except FileNotFoundError:
        return False


def await_end(*pids: int) -> None:
    deadline = time.monotonic() + 5
    while any(map(alive, pids)):
        assert time.monotonic() < deadline, 'a process is still there'
        os.sched_yield()


def test_a_killed_daemon_leaves_no_process(tmp_path: Path):
    # A background process in a session of its own is what a death signal alone would miss.
    start = f"""
setsid sleep 300 & echo $! >>{tmp_path}/pids
sleep 301 & echo $! >>{tmp_path}/pids
echo $$ >>{tmp_path}/pids
mv {tmp_path}/pids {tmp_path}/ready
wait
"""
    command = install(tmp_path / 'bin', tmp_path / 'home', Options(jobs=1, retry_factor=1))
    juju = jubilant.Juju(cli_binary=command)
    juju.add_model('m')
    juju.deploy(provider(tmp_path, start=start))
    juju.wait(lambda _: (tmp_path / 'ready').exists(), delay=0.03, successes=1, timeout=10)
    pids = [int(pid) for pid in (tmp_path / 'ready').read_text().split()]
    assert all(map(alive, pids))
    server = int((tmp_path / 'home' / 'daemon.lock').read_text())

    os.kill(server, signal.SIGKILL)

    await_end(server, *pids)
    with pytest.raises(jubilant.CLIError, match='model minijuju:admin/m not found'):
        juju.status()
    daemon.stop(tmp_path / 'home')


def test_the_daemon_ends_with_the_last_model_and_comes_back(tmp_path: Path):
    command = install(tmp_path / 'bin', tmp_path / 'home', Options(jobs=1, retry_factor=1))
    juju = jubilant.Juju(cli_binary=command)
    for name in ('one', 'two'):
        juju.add_model(name)
    juju.deploy(provider(tmp_path, start='sleep 300 & disown'))
    settle(juju)
    server = int((tmp_path / 'home' / 'daemon.lock').read_text())

    juju.destroy_model('one')
    assert alive(server)
    juju.destroy_model('two')

    await_end(server)
    assert not (tmp_path / 'home' / 'daemon').exists()
    juju.add_model('two')
    assert not juju.status().apps
    juju.destroy_model('two', force=True)


def test_one_daemon_serves_clients_that_come_at_once(tmp_path: Path):
    command = install(tmp_path / 'bin', tmp_path / 'home', Options(jobs=1, retry_factor=1))
    adding = [
        subprocess.Popen([command, 'add-model', '--no-switch', f'm{n}'], stderr=subprocess.PIPE)
        for n in range(5)
    ]

    said = [process.communicate(timeout=20)[1] for process in adding]

    assert all(text.startswith(b'Added') for text in said)
    listed = jubilant.Juju(cli_binary=command).cli('models', include_model=False)
    assert all(f'm{n}' in listed for n in range(5))
    assert daemon.stop(tmp_path / 'home')


def test_jubilants_own_fixture_works_by_path(
    engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv('PATH', f'{engine.parent}:{os.environ["PATH"]}')

    with jubilant.temp_model() as juju:
        juju.deploy(provider(tmp_path, start='sleep 30'))
        juju.wait(lambda status: 'ca' in status.apps, delay=0.03, successes=1)

    assert 'jubilant-' not in jubilant.Juju().cli('models', include_model=False)
