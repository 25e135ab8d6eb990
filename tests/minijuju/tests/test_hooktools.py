"""Hook tools: accepted and refused forms, texts, exit codes, permissions, commit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from minijuju.hooktools import names, run_tool
from minijuju.model import Task
from minijuju.operations import RunTask
from minijuju.testing import Simulation

if TYPE_CHECKING:
    from minijuju.context import HookContext

SEEDED = {'egress-subnets', 'ingress-address', 'private-address'}


@pytest.fixture
def sim() -> Simulation:
    """Provider ``a`` (two units, peers) and requirer ``b``: relation 0 peers, 1 certificates."""
    found = Simulation()
    found.deploy(
        'a', units=2, provides='certs', peers='peers', options={'size': 'big', 'no': None}
    )
    found.deploy('b', units=2, requires='needs')
    found.integrate('a:certs', 'b:needs')
    found.settle()
    return found


@pytest.fixture
def leader(sim: Simulation) -> HookContext:
    return sim.context('a/0')


@pytest.fixture
def follower(sim: Simulation) -> HookContext:
    return sim.context('a/1')


def call(context: HookContext, line: str, stdin: str = '') -> tuple[int, str]:
    """Run a tool; return the exit code and stdout, or stderr when it failed."""
    name, *args = line.split()
    reply = run_tool(context, name, args, Path('/'), stdin)
    assert bool(reply.code) == bool(reply.stderr)
    return reply.code, reply.stderr or reply.stdout


def value(context: HookContext, line: str) -> Any:
    code, out = call(context, f'{line} --format=json')
    assert code == 0, out
    assert out.endswith('\n')
    return json.loads(out)


@pytest.mark.parametrize(
    ('line', 'expected'),
    [
        ('relation-ids certs', ['certs:1']),
        ('relation-ids nothing', []),
        ('relation-list -r certs:1', ['b/0', 'b/1']),
        ('relation-list -r 1', ['b/0', 'b/1']),
        ('relation-list --app -r certs:1', 'b'),
        ('relation-get -r certs:1 nothing b/0', None),
        ('relation-get -r certs:1 private-address b/0', '127.1.0.4'),
        ('relation-get -r certs:1 --app - b', {}),
        ('relation-model-get -r certs:1', {'uuid': 'uuid'}),
        ('is-leader', True),
        ('config-get', {'size': 'big'}),
        ('config-get size', 'big'),
        ('config-get no', None),
        ('opened-ports', []),
        ('storage-list', []),
        ('state-get', {}),
        ('secret-ids', []),
    ],
)
def test_json_answers(leader: HookContext, line: str, expected: object):
    assert value(leader, line) == expected


@pytest.mark.parametrize(
    ('line', 'expected'),
    [
        ('relation-ids certs', 'certs:1\n'),
        ('relation-list -r 1', 'b/0\nb/1\n'),
        ('is-leader', 'True\n'),
        ('config-get size', 'big\n'),
        ('config-get no', ''),
        ('config-get', 'size: big\n'),
        ('relation-ids certs --format json', '["certs:1"]\n'),
    ],
)
def test_answers_for_people(leader: HookContext, line: str, expected: str):
    assert call(leader, line) == (0, expected)


@pytest.mark.parametrize(
    ('line', 'code', 'text'),
    [
        (
            'relation-get -r certs:99 - b/0',
            2,
            'invalid value "certs:99" for option -r: relation not found',
        ),
        ('relation-get - b/0', 2, 'no relation id specified'),
        ('relation-get -r 1 -', 2, 'no unit or application specified'),
        ('relation-get -r 1 - b', 2, 'expected unit name, got application name "b"'),
        ('relation-get -r 1 - a/1', 1, 'permission denied'),
        ('relation-get -r 1 - c/0', 1, 'permission denied'),
        ('relation-get -r 1 - c --app', 1, 'permission denied'),
        ('relation-get -r 1 - b/7', 1, 'permission denied'),
        ('network-get nowhere', 1, 'no network config found for binding "nowhere"'),
        ('is-leader --fast', 2, 'option provided but not defined: --fast'),
        ('relation-list -r', 2, 'option needs an argument: -r'),
        ('storage-get x', 1, 'storage-get is not supported by minijuju'),
        ('credential-get', 1, 'credential-get is not supported by minijuju'),
        ('juju-reboot', 1, 'juju-reboot is not supported by minijuju'),
        ('action-get', 1, 'not running an action'),
        ('state-delete', 2, 'no key specified'),
        (
            'open-port x/tcp',
            2,
            'expected <port>[/<protocol>] or <from>-<to>[/<protocol>], got "x/tcp"',
        ),
        ('secret-get', 2, 'require either a secret URI or label'),
        ('secret-get --peek --refresh x', 2, 'specify one of --peek or --refresh but not both'),
        ('secret-get secret:x', 1, 'secret "x" not found'),
        ('secret-get --label x', 1, 'consumer label "x" not found'),
        ('secret-info-get --label x', 1, 'secret "x" not found'),
        ('secret-add ab=c', 2, 'key "ab" not valid'),
        ('secret-add', 2, 'missing secret value or filename'),
        ('secret-add --expire soon key=c', 2, 'expire time or duration "soon" not valid'),
        (
            'secret-grant --relation 9 x',
            2,
            'invalid value "9" for option --relation: relation not found',
        ),
    ],
)
def test_refusals(leader: HookContext, line: str, code: int, text: str):
    assert call(leader, line) == (code, f'ERROR {text}\n')


@pytest.mark.parametrize(
    ('line', 'text'),
    [
        ('relation-get -r 1 --app - a', 'permission denied'),
        ('relation-set -r 1 --app key=value', 'cannot write relation settings'),
        ('status-set --application=True active', 'this unit is not the leader'),
        (
            'status-get --application=true --format=json',
            'finding application status: this unit is not the leader',
        ),
        ('secret-add --owner application key=value', 'this unit is not the leader'),
        ('relation-set -r 0 --app key=value', 'cannot write relation settings'),
    ],
)
def test_what_only_the_leader_may(
    leader: HookContext, follower: HookContext, line: str, text: str
):
    assert call(leader, line)[0] == 0
    assert call(follower, line) == (1, f'ERROR {text}\n')


@pytest.mark.parametrize('unit', ['a/0', 'a/1'])
def test_every_unit_reads_peers_and_remotes(sim: Simulation, unit: str):
    context = sim.context(unit)

    for line in (
        'relation-get -r 0 --app - a',
        'relation-get -r 0 - a/0',
        'relation-get -r 0 - a/1',
        'relation-get -r 1 - b/1',
        'relation-get -r 1 --app - b',
        f'relation-get -r 1 - {unit}',
    ):
        assert isinstance(value(context, line), dict)


def test_entering_scope_seeds_the_bag(leader: HookContext):
    bag = value(leader, 'relation-get -r 1 - b/0')

    assert set(bag) == SEEDED


def test_own_bags_show_unflushed_writes_and_empty_values_delete(leader: HookContext):
    call(leader, 'relation-set -r 1 name=x')
    call(leader, 'relation-set --app -r certs:1 --file -', '{"ca": "a=b\\n", "n": 1}')

    assert value(leader, 'relation-get -r 1 name a/0') == 'x'
    assert value(leader, 'relation-get -r 1 --app - a') == {'ca': 'a=b\n', 'n': '1'}
    call(leader, 'relation-set -r 1 name=')
    assert value(leader, 'relation-get -r 1 name a/0') is None


def test_a_relation_hook_has_its_relation_and_unit_as_defaults(sim: Simulation):
    context = sim.relation_context('a/0', 'joined', 1, 'b/1')

    assert value(context, 'relation-get private-address') == '127.1.0.5'
    assert value(context, 'relation-list') == ['b/0', 'b/1']
    assert value(context, 'relation-get --app') == {}
    assert value(context, 'relation-ids') == ['certs:1']


def test_a_departing_unit_is_no_longer_listed_but_readable(sim: Simulation):
    context = sim.relation_context('a/0', 'departed', 1, 'b/1')

    assert value(context, 'relation-list') == ['b/0']
    assert value(context, 'relation-get private-address') == '127.1.0.5'


def test_members_bags_are_cached_until_their_changed_runs(sim: Simulation):
    relation = sim.model.relations[1]
    call(sim.context('a/0'), 'relation-get -r 1 - b/0')
    sim.write(relation, 'b/0', csr='new')

    assert value(sim.context('a/0'), 'relation-get -r 1 csr b/0') is None
    assert sim.step('a/0') == 'changed b/0'
    assert value(sim.context('a/0'), 'relation-get -r 1 csr b/0') == 'new'


def test_app_bags_are_cached_for_one_hook(sim: Simulation):
    context, relation = sim.context('a/0'), sim.model.relations[1]
    call(context, 'relation-get -r 1 --app - b')
    sim.write(relation, 'b', key='new')

    assert value(context, 'relation-get -r 1 --app - b') == {}
    assert value(sim.context('a/0'), 'relation-get -r 1 --app - b') == {'key': 'new'}


def test_status_is_set_at_once(sim: Simulation, leader: HookContext):
    call(leader, 'status-set --application=False blocked -- needs -- more')
    call(leader, 'status-set --application=True waiting')

    assert sim.unit('a/0').workload.message == 'needs -- more'
    shown = value(leader, 'status-get --include-data --application=false')
    assert shown == {'status': 'blocked', 'message': 'needs -- more', 'status-data': {}}
    app = value(leader, 'status-get --include-data --application=true')
    assert app['application-status']['status'] == 'waiting'


def test_log_version_and_unknown_levels(sim: Simulation, leader: HookContext):
    call(leader, 'juju-log --log-level WARNING -- --not a flag')
    call(leader, 'application-version-set -- 1.2.3')

    assert sim.log == [('WARNING', '--not a flag')]
    assert sim.model.apps['a'].version == '1.2.3'


def test_ports_are_buffered(sim: Simulation, leader: HookContext):
    for line in ('open-port 443/tcp', 'open-port 80', 'open-port icmp', 'close-port 80/tcp'):
        assert call(leader, line) == (0, '')

    assert value(leader, 'opened-ports') == ['443/tcp', 'icmp']
    assert not sim.unit('a/0').ports
    assert leader.commit() == ''
    assert sim.unit('a/0').ports == {'443/tcp', 'icmp'}


def test_charm_state_is_buffered(sim: Simulation, leader: HookContext):
    call(leader, 'state-set --file -', 'one: 1\ntwo: b\n')
    call(leader, 'state-delete two')

    assert value(leader, 'state-get') == {'one': '1'}
    assert value(leader, 'state-get one') == '1'
    assert not sim.unit('a/0').charm_state


def test_network_get_gives_each_unit_an_address_of_its_own(sim: Simulation):
    addresses: set[str] = set()
    for unit in ('a/0', 'a/1'):
        network = value(sim.context(unit), 'network-get -r 1 certs')
        addresses.update(network['ingress-addresses'])

    assert len(addresses) == 2
    assert all(address.startswith('127.') for address in addresses)


def test_goal_state(leader: HookContext):
    goals = value(leader, 'goal-state')

    assert set(goals['units']) == {'a/0', 'a/1'}
    assert set(goals['relations']['certs']) == {'b', 'b/0', 'b/1'}


@pytest.fixture
def action(sim: Simulation) -> HookContext:
    params: dict[str, object] = {'name': 'x', 'deep': {'er': 3}}
    sim.model.tasks['1'] = Task('1', 'a/0', 'greet', '', sim.now, params)
    return sim.context('a/0', RunTask('1'))


def test_action_tools(sim: Simulation, action: HookContext):
    assert value(action, 'action-get') == {'name': 'x', 'deep': {'er': 3}}
    assert value(action, 'action-get deep.er') == 3
    call(action, 'action-set out.put=1=2 other=')
    call(action, 'action-log -- one two')
    call(action, 'action-fail')

    task = sim.model.tasks['1']
    assert task.results == {'out.put': '1=2', 'other': ''}
    assert task.log == ['one two']
    assert task.message == 'action failed without reason given, check action for errors'


@pytest.mark.parametrize(
    ('word', 'text'),
    [
        (
            'Bad=1',
            'key "Bad" must start and end with lowercase alphanumeric, and contain only lowercase '
            'alphanumeric, hyphens and periods',
        ),
        ('stdout=1', 'cannot set reserved action key "stdout"'),
    ],
)
def test_action_results_with_bad_keys_are_refused(action: HookContext, word: str, text: str):
    assert call(action, f'action-set {word}') == (2, f'ERROR {text}\n')


def test_commit_is_all_or_nothing(sim: Simulation, leader: HookContext):
    call(leader, 'relation-set -r 1 name=x')
    call(leader, 'open-port 1')
    call(leader, 'secret-set secret:unknown key=value')

    assert leader.commit() == 'secret "unknown" not found'
    assert set(sim.model.relations[1].unit_bags['a/0'].data) == SEEDED
    assert not sim.unit('a/0').ports


def test_lost_leadership_fails_the_commit_of_leaders_words(sim: Simulation, leader: HookContext):
    call(leader, 'relation-set -r 1 --app ca=x')
    sim.model.apps['a'].leader = 'a/1'

    assert leader.commit() == 'cannot write relation settings'


def test_a_bag_over_16_mib_fails_the_commit(leader: HookContext):
    leader.write_bag(leader.model.relations[1], {'ca': 'x' * (16 * 1024 * 1024)}, app=False)

    assert leader.commit().startswith('max allowed size (16777216) exceeded')


def test_every_tool_that_ops_calls_exists():
    assert {'relation-get', 'secret-info-get', 'juju-log', 'goal-state'} <= set(names())
