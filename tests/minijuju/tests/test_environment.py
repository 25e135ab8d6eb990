"""The environment of charm processes: what Juju sets, and nothing of the developer's."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from minijuju import environment
from minijuju.environment import hook_environment, machine_environment
from minijuju.operations import LifecycleHook, Op, RelationHook, RunTask, SecretHook
from minijuju.task import Task
from minijuju.testing import Simulation

COMMON = """
PATH LANG TERM DEBIAN_FRONTEND APT_LISTCHANGES_FRONTEND CHARM_DIR JUJU_CHARM_DIR JUJU_CONTEXT_ID
JUJU_HOOK_NAME JUJU_AGENT_SOCKET_ADDRESS JUJU_AGENT_SOCKET_NETWORK JUJU_UNIT_NAME JUJU_MODEL_UUID
JUJU_MODEL_NAME JUJU_API_ADDRESSES JUJU_MACHINE_ID JUJU_PRINCIPAL_UNIT JUJU_AVAILABILITY_ZONE
JUJU_VERSION CLOUD_API_VERSION JUJU_CHARM_HTTP_PROXY JUJU_CHARM_HTTPS_PROXY JUJU_CHARM_FTP_PROXY
JUJU_CHARM_NO_PROXY
"""
RELATION = ('certs', 'req', 'needs')


@pytest.fixture(autouse=True)
def developer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ('HOME', 'USER', 'PYTHONPATH', 'JUJU_MODEL', 'SSL_CERT_FILE', 'HTTP_PROXY'):
        monkeypatch.setenv(name, 'of the developer')


def made(op: Op, sim: Simulation | None = None, offset: timedelta | None = None) -> dict[str, str]:
    sim = sim or Simulation()
    sim.deploy('ca')
    sim.model.tasks['4'] = Task('4', 'ca/0', 'greet', '', sim.now)
    sim.model.tasks['5'] = Task('5', 'ca/0', '', 'true', sim.now)
    context = sim.context('ca/0', op)
    return hook_environment(context, paths=[Path('/tools')], port=17, offset=offset or timedelta())


@pytest.mark.parametrize(
    ('op', 'own'),
    [
        (
            LifecycleHook('start'),
            {'JUJU_HOOK_NAME': 'start', 'JUJU_DISPATCH_PATH': 'hooks/start'},
        ),
        (
            RelationHook('created', 7, *RELATION),
            {
                'JUJU_HOOK_NAME': 'certs-relation-created',
                'JUJU_DISPATCH_PATH': 'hooks/certs-relation-created',
                'JUJU_RELATION': 'certs',
                'JUJU_RELATION_ID': 'certs:7',
                'JUJU_REMOTE_APP': 'req',
                'JUJU_REMOTE_UNIT': '',
            },
        ),
        (
            RelationHook('departed', 7, *RELATION, 'req/1', 'req/1'),
            {
                'JUJU_HOOK_NAME': 'certs-relation-departed',
                'JUJU_DISPATCH_PATH': 'hooks/certs-relation-departed',
                'JUJU_RELATION': 'certs',
                'JUJU_RELATION_ID': 'certs:7',
                'JUJU_REMOTE_APP': 'req',
                'JUJU_REMOTE_UNIT': 'req/1',
                'JUJU_DEPARTING_UNIT': 'req/1',
            },
        ),
        (
            SecretHook('secret-changed', 'abc', 2),
            {
                'JUJU_HOOK_NAME': 'secret-changed',
                'JUJU_DISPATCH_PATH': 'hooks/secret-changed',
                'JUJU_SECRET_ID': 'secret:abc',
                'JUJU_SECRET_LABEL': '',
            },
        ),
        (
            SecretHook('secret-remove', 'abc', 2, 'key'),
            {
                'JUJU_HOOK_NAME': 'secret-remove',
                'JUJU_DISPATCH_PATH': 'hooks/secret-remove',
                'JUJU_SECRET_ID': 'secret:abc',
                'JUJU_SECRET_LABEL': 'key',
                'JUJU_SECRET_REVISION': '2',
            },
        ),
        (
            RunTask('4'),
            {
                'JUJU_HOOK_NAME': '',
                'JUJU_DISPATCH_PATH': 'actions/greet',
                'JUJU_ACTION_NAME': 'greet',
                'JUJU_ACTION_UUID': '4',
                'JUJU_ACTION_TAG': 'action-4',
            },
        ),
        (RunTask('5'), {'JUJU_HOOK_NAME': ''}),
    ],
)
def test_each_kind_of_hook_has_these_variables_and_no_others(op: Op, own: dict[str, str]):
    found = made(op)

    assert set(found) == {*COMMON.split(), *own}
    assert found == {**found, **own}


def test_the_values_that_every_hook_has():
    sim = Simulation()
    sim.model.settings['juju-https-proxy'] = 'http://proxy'

    found = made(LifecycleHook('start'), sim)

    assert found['PATH'] == f'/tools:{os.environ["PATH"]}'
    assert (found['LANG'], found['TERM']) == ('C.UTF-8', 'tmux-256color')
    assert found['DEBIAN_FRONTEND'] == 'noninteractive'
    assert found['APT_LISTCHANGES_FRONTEND'] == 'none'
    assert found['JUJU_AGENT_SOCKET_ADDRESS'] == '127.0.0.1:17'
    assert found['JUJU_AGENT_SOCKET_NETWORK'] == 'tcp'
    assert (found['JUJU_UNIT_NAME'], found['JUJU_MACHINE_ID']) == ('ca/0', '0')
    assert found['CHARM_DIR'] == found['JUJU_CHARM_DIR']
    assert found['JUJU_CHARM_HTTPS_PROXY'] == 'http://proxy'
    assert found['JUJU_CHARM_HTTP_PROXY'] == ''


def test_the_clock_of_charms_goes_with_the_daemons(monkeypatch: pytest.MonkeyPatch):
    # libfaketime is not installed everywhere; any file shows what is passed on.
    monkeypatch.setattr(environment, '_FAKETIME', (Path('/bin/true'),))

    found = made(LifecycleHook('start'), offset=timedelta(days=30))

    assert found['LD_PRELOAD'] == '/bin/true'
    assert found['FAKETIME'] == '+2592000s'
    assert 'LD_PRELOAD' not in made(LifecycleHook('start'))


def test_a_command_on_a_machine_has_no_hook():
    sim = Simulation()
    sim.deploy('ca')

    found = machine_environment(sim.model, sim.unit('ca/0'), 'mark', timedelta())

    marks = {'JUJU_CONTEXT_ID', 'JUJU_UNIT_NAME', 'JUJU_MODEL_UUID'}
    assert set(found) == {'PATH', 'LANG', 'TERM', 'HOME', *marks}
    assert found['PATH'] == os.environ['PATH']
