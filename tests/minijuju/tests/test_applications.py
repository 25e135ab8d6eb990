"""Applications and their units: they come, are configured and go."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import jubilant
import pytest

from minijuju.trial import provider, requirer

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Juju


def test_deployed_units_have_a_status_that_jubilant_reads(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path), num_units=2)

    app = juju.settle().apps['ca']

    assert app.is_active
    assert (app.charm, app.charm_name, app.charm_rev) == ('local:ca-0', 'ca', 0)
    assert (app.version, app.app_status.message) == ('1.2', 'ready')
    leader, follower = app.units['ca/0'], app.units['ca/1']
    assert (leader.leader, follower.leader) == (True, False)
    assert leader.public_address != follower.public_address
    assert juju.hooks('ca/0')[:5] == [
        'install',
        'peers-relation-created',
        'leader-elected',
        'config-changed',
        'start',
    ]


def test_units_come_and_go_and_leadership_moves(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path))
    juju.settle()

    juju.add_unit('ca', num_units=2)
    assert set(juju.settle().apps['ca'].units) == {'ca/0', 'ca/1', 'ca/2'}
    juju.remove_unit('ca/0')
    units = juju.settle().apps['ca'].units

    assert set(units) == {'ca/1', 'ca/2'}
    assert units['ca/1'].leader
    assert juju.hooks('ca/1').count('leader-elected') == 1
    juju.cli('scale-application', 'ca', '1')
    assert set(juju.settle().apps['ca'].units) == {'ca/1'}


def test_a_removed_application_is_gone(juju: Juju, tmp_path: Path, home: Path):
    juju.deploy(provider(tmp_path))
    juju.deploy(requirer(tmp_path))
    juju.integrate('ca', 'req')
    juju.settle()

    juju.remove_application('ca')
    status = juju.until(lambda status: 'ca' not in status.apps)

    assert juju.hooks('ca/0')[-2:] == ['stop', 'remove']
    assert juju.settle().apps['req'].is_blocked
    assert set(status.apps) == {'req'}
    assert not list(home.glob('models/*/units/ca-0'))


def test_config(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path), config={'size': 3})
    juju.settle()
    before = juju.hooks('ca/0').count('config-changed')
    assert juju.config('ca') == {'greeting': 'hello', 'loud': False, 'size': 3}

    juju.config('ca', {'loud': True, 'greeting': 'a=b'}, reset='size')
    juju.config('ca', {'loud': True})
    juju.settle()

    assert juju.config('ca') == {'greeting': 'a=b', 'loud': True}
    assert juju.exec('config-get loud', unit='ca/0').stdout == 'True\n'
    assert juju.hooks('ca/0').count('config-changed') == before + 1
    assert juju.config('ca', app_config=True) == {'trust': False}
    with pytest.raises(jubilant.CLIError, match='option "size" expected int, got "big"'):
        juju.config('ca', {'size': 'big'})
    with pytest.raises(jubilant.CLIError, match='unknown option "colour"'):
        juju.config('ca', {'colour': 'red'})


def test_trust_raises_config_changed(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path))
    juju.settle()

    juju.trust('ca')
    juju.settle()

    assert juju.hooks('ca/0')[-1] == 'config-changed'
    assert juju.config('ca', app_config=True) == {'trust': True}


def test_a_resource_is_a_path(juju: Juju, tmp_path: Path):
    (tmp_path / 'tool').write_text('content\n')
    juju.deploy(provider(tmp_path), resources={'tool': str(tmp_path / 'tool')})
    juju.settle()

    assert juju.exec('cat "$(resource-get tool)"', unit='ca/0').stdout == 'content\n'


def test_the_table_for_people(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path))
    juju.deploy(requirer(tmp_path))
    juju.integrate('ca', 'req')
    juju.settle()

    table = juju.cli('status', '--relations')

    assert re.search(
        r'^Model +Controller +Cloud/Region +Version +SLA +Timestamp$', table, re.MULTILINE
    )
    assert re.search(r'^App +Version +Status +Scale +Charm .*Message$', table, re.MULTILINE)
    assert re.search(r'^ca/0\* +active +idle +0 +127\.\S+ +ready$', table, re.MULTILINE)
    assert re.search(r'^Integration provider +Requirer +Interface +Type', table, re.MULTILINE)
    assert re.search(r'^ca:certs +req:needs +tls +regular$', table, re.MULTILINE)


def test_an_application_goes_by_force_while_its_hook_runs(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path, start='sleep 300'))
    juju.until(lambda status: 'start' in status.apps['ca'].units['ca/0'].juju_status.message)

    juju.remove_application('ca', force=True)

    assert not juju.status().apps


def test_leadership_that_moves_during_a_hook_fails_what_only_leaders_may(
    juju: Juju, tmp_path: Path
):
    write = f"""
relation-set -r "$(relation-ids peers)" --app key=value
touch {tmp_path}/written
until [[ -e {tmp_path}/go ]]; do sleep 0.01; done
"""
    elected = 'touch elected'
    juju.deploy(provider(tmp_path, config_changed='true', leader_elected=elected), num_units=2)
    juju.settle()
    juju.exec('rm elected', unit='ca/0')
    writing = juju.cli('exec', '--background', '--unit', 'ca/0', write)
    assert not writing
    juju.until(lambda _: (tmp_path / 'written').exists())

    juju.cli('move-leadership', 'ca/1')
    (tmp_path / 'go').touch()

    status = juju.settle()
    assert status.apps['ca'].units['ca/1'].leader
    assert 'cannot write relation settings' in juju.debug_log()
    assert juju.hooks('ca/1')[-1] == 'leader-elected'
    assert juju.exec('ls elected || is-leader', unit='ca/0').stdout == 'False\n'
    with pytest.raises(jubilant.CLIError, match='unit "ca/7" not found'):
        juju.cli('move-leadership', 'ca/7')
