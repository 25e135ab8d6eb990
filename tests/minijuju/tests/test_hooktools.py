"""What hook tools do: who may read and write which databag, what is cached, the commit."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from minijuju.hooktools import TOOLS
from minijuju.offers import Twin
from minijuju.operations import RunTask
from minijuju.secret import Grant, Observer, Owner, Secret
from minijuju.task import Task
from minijuju.testing import MODEL_UUID, Simulation, tool

if TYPE_CHECKING:
    from minijuju.context import HookContext

SEEDED = {'egress-subnets', 'ingress-address', 'private-address'}


@pytest.fixture
def sim() -> Simulation:
    return Simulation.related()


@pytest.fixture
def leader(sim: Simulation) -> HookContext:
    return sim.context('a/0')


@pytest.fixture
def follower(sim: Simulation) -> HookContext:
    return sim.context('a/1')


def call(context: HookContext, line: str, stdin: str = '') -> tuple[int, str]:
    """Run a tool; return the exit code and stdout, or stderr when it failed."""
    reply = tool(context, line, stdin)
    assert bool(reply.code) == bool(reply.stderr)
    return reply.code, reply.stderr or reply.stdout


def value(context: HookContext, line: str) -> Any:
    code, out = call(context, f'{line} --format=json')
    assert code == 0, out
    assert out.endswith('\n')
    return json.loads(out)


RW, R, NO = 'rw', 'r', 'none'

# Whose bag, in which relation, for the leader and for a follower. Relation 0 is among peers.
MATRIX = [
    ('own unit', 1, RW, RW),
    ('own unit', 0, RW, RW),
    ('own app', 1, RW, NO),
    ('own app', 0, RW, R),
    ('b/0', 1, R, R),
    ('b', 1, R, R),
    ('other unit', 0, R, R),
    ('other unit', 1, NO, NO),
    ('b/0', 0, NO, NO),
    ('b', 0, NO, NO),
    ('c/0', 1, NO, NO),
    ('c', 1, NO, NO),
    ('b/9', 1, NO, NO),
]


@pytest.mark.parametrize('unit', ['a/0', 'a/1'])
@pytest.mark.parametrize(('whose', 'number', 'as_leader', 'as_follower'), MATRIX)
def test_who_may_read_a_databag(
    sim: Simulation, unit: str, whose: str, number: int, as_leader: str, as_follower: str
):
    sim.deploy('c')
    named = {'own unit': unit, 'own app': 'a', 'other unit': 'a/1' if unit == 'a/0' else 'a/0'}
    subject = named.get(whose, whose)
    app = '' if '/' in subject else '--app'

    code, said = call(sim.context(unit), f'relation-get -r {number} {app} - {subject}')

    allowed = as_leader if unit == 'a/0' else as_follower
    if allowed in {RW, R}:
        assert code == 0, said
    else:
        assert (code, said) == (1, 'ERROR permission denied\n')


@pytest.mark.parametrize('unit', ['a/0', 'a/1'])
@pytest.mark.parametrize('row', [row for row in MATRIX if row[0].startswith('own')])
def test_who_may_write_a_databag(sim: Simulation, unit: str, row: tuple[str, int, str, str]):
    whose, number, as_leader, as_follower = row
    context, app = sim.context(unit), '--app' if whose == 'own app' else ''

    code, said = call(context, f'relation-set -r {number} {app} key=value')

    if (as_leader if unit == 'a/0' else as_follower) == RW:
        assert (code, context.commit()) == (0, '')
        relation = sim.model.relations[number]
        bags = relation.app_bags['a'] if app else relation.unit_bags[unit]
        assert bags.data['key'] == 'value'
    else:
        assert (code, said) == (1, 'ERROR cannot write relation settings\n')


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


def test_relation_list_is_empty_in_broken_and_the_data_is_readable(sim: Simulation):
    sim.model.relations[1].dying = True
    for _ in range(2):
        assert str(sim.step('a/0')).startswith('departed')
    context = sim.relation_context('a/0', 'broken', 1)

    assert value(context, 'relation-list') == []
    assert value(context, 'relation-ids certs') == ['certs:1']
    assert value(context, 'relation-get') == {}
    assert set(value(context, 'relation-get - b/0')) == SEEDED
    assert sim.step('a/0') == 'broken'
    assert value(sim.context('a/0'), 'relation-ids certs') == []
    gone = 'ERROR invalid value "certs:1" for option -r: relation not found\n'
    assert call(sim.context('a/0'), 'relation-list -r certs:1') == (2, gone)


def test_relation_ids_are_sorted_as_texts(sim: Simulation):
    sim.model.next_relation = 9
    for app in ('d', 'e'):
        sim.deploy(app, requires='needs')
        sim.integrate('a:certs', f'{app}:needs')
    sim.settle()

    assert value(sim.context('a/0'), 'relation-ids certs') == ['certs:1', 'certs:10', 'certs:9']


def test_a_departed_units_data_is_readable_until_the_relation_is_gone(sim: Simulation):
    sim.write(sim.model.relations[1], 'b/1', csr='last words')
    sim.unit('b/1').dying = True
    sim.settle()

    assert value(sim.context('a/0'), 'relation-list -r 1') == ['b/0']
    assert value(sim.context('a/0'), 'relation-get -r 1 csr b/1') == 'last words'


def test_only_units_seen_joined_are_listed(sim: Simulation):
    sim.add_units(sim.model.apps['b'])
    sim.run('b/2')

    assert value(sim.context('a/0'), 'relation-list -r 1') == ['b/0', 'b/1']
    context = sim.relation_context('a/0', 'joined', 1, 'b/2')
    assert value(context, 'relation-list') == ['b/0', 'b/1', 'b/2']


@pytest.mark.parametrize('event', ['changed b/0', 'joined b/0'])
def test_members_bags_are_cached_until_their_own_joined_or_changed_runs(
    sim: Simulation, event: str
):
    relation, own = sim.model.relations[1], sim.unit('a/0').memberships[1]
    for unit in ('b/0', 'b/1'):
        call(sim.context('a/0'), f'relation-get -r 1 - {unit}')
        sim.write(relation, unit, csr='new')
    if event == 'joined b/0':
        del own.members['b/0']

    assert value(sim.context('a/0'), 'relation-get -r 1 csr b/1') is None
    assert sim.step('a/0') == event
    assert value(sim.context('a/0'), 'relation-get -r 1 csr b/0') == 'new'
    assert value(sim.context('a/0'), 'relation-get -r 1 csr b/1') is None


def test_peers_bags_are_cached_as_others_are(sim: Simulation):
    call(sim.context('a/0'), 'relation-get -r 0 - a/1')
    sim.write(sim.model.relations[0], 'a/1', csr='new')

    assert value(sim.context('a/0'), 'relation-get -r 0 csr a/1') is None


@pytest.mark.parametrize('subject', ['b', 'b/2'])
def test_bags_of_apps_and_non_members_are_cached_for_one_hook(sim: Simulation, subject: str):
    sim.add_units(sim.model.apps['b'])
    sim.run('b/2')
    context, relation = sim.context('a/0'), sim.model.relations[1]
    line = f'relation-get -r 1 {"" if "/" in subject else "--app"} key {subject}'
    call(context, line)
    sim.write(relation, subject, key='new')

    assert value(context, line) is None
    assert value(sim.context('a/0'), line) == 'new'


def test_texts_of_a_file_stay_as_they_are_written(leader: HookContext):
    written = "a: 1.10\nb: yes\nc: 007\nd: 2026-01-01\ne: null\nf: 'x'\ng: |\n  1\n  2\n"

    call(leader, 'relation-set -r 1 --file -', written)

    bag = value(leader, 'relation-get -r 1 - a/0')
    assert {key: bag.get(key) for key in 'abcdefg'} == {
        'a': '1.10',
        'b': 'yes',
        'c': '007',
        'd': '2026-01-01',
        'e': None,
        'f': 'x',
        'g': '1\n2\n',
    }


def test_arguments_win_over_the_file(leader: HookContext):
    call(leader, 'relation-set -r 1 --file - key=argument', 'key: file\nother: file')

    assert value(leader, 'relation-get -r 1 key a/0') == 'argument'
    assert value(leader, 'relation-get -r 1 other a/0') == 'file'


def test_writes_of_one_hook_add_up(sim: Simulation, leader: HookContext):
    for line in ('one=1 two=2', 'two=3', 'four=4'):
        call(leader, f'relation-set -r 1 {line}')
    assert leader.commit() == ''

    bag = sim.model.relations[1].unit_bags['a/0'].data
    assert {key: bag.get(key) for key in ('one', 'two', 'four')} == {
        'one': '1',
        'two': '3',
        'four': '4',
    }


def test_an_empty_text_deletes_the_key_for_good(sim: Simulation):
    bag = sim.model.relations[1].unit_bags['a/0']
    for text in ('x', ''):
        sim.write(sim.model.relations[1], 'a/0', name=text)
    assert set(bag.data) == SEEDED
    version = bag.version

    sim.write(sim.model.relations[1], 'a/0', name='')

    assert bag.version == version


# Of aliases that stand for more than memory holds, and of all else that is no flat mapping.
BAD_FILES = {
    'a list': '- a',
    'a mapping in it': 'a: {b: c}',
    'two documents': 'a: b\n---\nc: d',
    'an unknown alias': 'a: *b',
    'a mapping after an alias': 'a: &b c\nd: *b\ne: {}',
    'aliases': f'a: &a {"x" * 10000}\n' + ''.join(f'k{n}: *a\n' for n in range(1000)),
    'cut off': 'a: [',
    'a text cut off': '"x',
    'deep': '[' * 10000,
}


@pytest.mark.parametrize('stdin', BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_no_mapping_of_texts_is_refused(leader: HookContext, stdin: str):
    code, said = call(leader, 'relation-set -r 1 --file -', stdin)

    assert code == 1
    assert said.startswith('ERROR cannot read --file -: ')


def test_status_is_set_at_once(sim: Simulation, leader: HookContext):
    call(leader, 'status-set --application=False blocked -- "needs -- more"')
    call(leader, 'status-set --application=True waiting')

    assert sim.unit('a/0').workload.message == 'needs -- more'
    shown = value(leader, 'status-get --include-data --application=false')
    assert shown == {'status': 'blocked', 'message': 'needs -- more', 'status-data': {}}
    app = value(leader, 'status-get --include-data --application=true')
    assert app['application-status']['status'] == 'waiting'


@pytest.mark.parametrize(
    ('line', 'logged'),
    [
        ('juju-log -- "--not a flag"', [('INFO', '--not a flag')]),
        ('juju-log -l debug x', [('DEBUG', 'x')]),
        ('juju-log --log-level WARN x', [('WARNING', 'x')]),
        ('juju-log --debug -l ERROR two words', [('DEBUG', 'two words')]),
        (
            'juju-log -l loud x',
            [('WARNING', 'Specified log level of "loud" is not valid'), ('INFO', 'x')],
        ),
    ],
)
def test_messages_are_logged_at_their_level(
    sim: Simulation, leader: HookContext, line: str, logged: list[tuple[str, str]]
):
    call(leader, line)

    assert sim.log == logged


def test_messages_of_relation_hooks_name_the_relation(sim: Simulation):
    call(sim.relation_context('a/0', 'joined', 1, 'b/1'), 'juju-log x')

    assert sim.log == [('INFO', 'certs:1: x')]


@pytest.mark.parametrize(
    ('first', 'second', 'text'),
    [
        (
            'open-port 80-90',
            'open-port 85',
            'cannot open 85/tcp (unit "a/0"): port range conflicts with 80-90/tcp (unit "a/0")',
        ),
        (
            'open-port 1',
            'close-port 8000-8010',
            'cannot close 8000-8010/tcp (unit "a/0"): '
            'port range conflicts with 8005/tcp (unit "a/0")',
        ),
    ],
)
def test_port_ranges_must_not_overlap(
    sim: Simulation, leader: HookContext, first: str, second: str, text: str
):
    sim.unit('a/0').ports = frozenset({'8005/tcp'})
    assert call(leader, first)[0] == 0

    assert call(leader, second) == (1, f'ERROR {text}\n')
    assert call(leader, 'open-port 85/udp')[0] == 0
    assert call(leader, 'close-port 8005')[0] == 0


def test_ports_are_buffered(sim: Simulation, leader: HookContext):
    for line in ('open-port 443/tcp', 'open-port 80', 'open-port icmp', 'close-port 80/tcp'):
        assert call(leader, line) == (0, '')

    assert value(leader, 'opened-ports') == ['icmp', '443/tcp']
    assert not sim.unit('a/0').ports
    assert leader.commit() == ''
    assert sim.unit('a/0').ports == {'443/tcp', 'icmp'}


def test_charm_state_keeps_empty_texts_and_forgets_what_is_deleted(
    sim: Simulation, leader: HookContext
):
    sim.unit('a/0').charm_state = {'old': 'x'}

    call(leader, 'state-set --file -', 'one: 1\ntwo: b\nthree: ""\n')
    call(leader, 'state-delete two')
    call(leader, 'state-delete old')

    assert value(leader, 'state-get') == {'one': '1', 'three': ''}
    assert leader.commit() == ''
    assert sim.unit('a/0').charm_state == {'one': '1', 'three': ''}


def test_charm_state_over_2_mib_fails_the_commit(sim: Simulation, leader: HookContext):
    for number in range(33):
        call(leader, 'state-set --file -', f'{number}: {"x" * 65536}')

    assert leader.commit().startswith('max allowed size (2097152) exceeded')
    assert not sim.unit('a/0').charm_state


def test_network_get_gives_each_unit_an_address_of_its_own(sim: Simulation):
    addresses: set[str] = set()
    for unit in ('a/0', 'a/1'):
        network = value(sim.context(unit), 'network-get -r 1 certs')
        addresses.update(network['ingress-addresses'])

    assert len(addresses) == 2
    assert all(address.startswith('127.') for address in addresses)


@pytest.fixture
def action(sim: Simulation) -> HookContext:
    params: dict[str, object] = {'name': 'x', 'deep': {'er': 3}}
    sim.model.tasks['1'] = Task('1', 'a/0', 'greet', '', sim.now, params=params)
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


def test_commit_is_all_or_nothing(sim: Simulation, leader: HookContext):
    call(leader, 'relation-set -r 1 name=x')
    call(leader, 'open-port 1')
    call(leader, f'secret-set secret:{"9" * 20} key=value')

    assert leader.commit() == f'secret "{"9" * 20}" not found'
    assert set(sim.model.relations[1].unit_bags['a/0'].data) == SEEDED
    assert not sim.unit('a/0').ports


def test_lost_leadership_fails_the_commit_of_leaders_words(sim: Simulation, leader: HookContext):
    call(leader, 'relation-set -r 1 --app ca=x')
    sim.model.apps['a'].leader = 'a/1'

    assert leader.commit() == 'cannot write relation settings'


def test_a_bag_over_16_mib_fails_the_commit(leader: HookContext):
    leader.write_bag(leader.model.relations[1], {'ca': 'x' * (16 * 1024 * 1024)}, app=False)

    assert leader.commit().startswith('max allowed size (16777216) exceeded')


SECRET = 's' * 20

# What each tool changes, and when. The commit of a hook that fails never comes.
BUFFERED = [
    'relation-set -r 1 key=value',
    'relation-set -r 1 --app key=value',
    'open-port 1',
    'close-port 443',
    'state-set key=value',
    'state-delete kept',
    'secret-add key=value',
    f'secret-set {SECRET} key=two',
    f'secret-set {SECRET} --label other',
    f'secret-remove {SECRET}',
    f'secret-grant {SECRET} -r 1 --unit b/1',
    f'secret-revoke {SECRET} --unit b/0',
]
IMMEDIATE = [
    'status-set active',
    'status-set --application=true active',
    'application-version-set 1',
    'action-set key=value',
    'action-log x',
    'action-fail',
    f'secret-get {SECRET} --refresh',
]
READING = [
    'relation-ids certs',
    'relation-list -r 1',
    'relation-get -r 1 --app - b',
    'relation-model-get -r 1',
    'is-leader',
    'config-get',
    'status-get',
    'juju-log x',
    'action-get',
    'opened-ports',
    'network-get certs',
    'goal-state',
    'resource-get cert',
    'state-get',
    'storage-list',
    f'secret-get {SECRET} --peek',
    f'secret-info-get {SECRET}',
    'secret-ids',
]


@pytest.fixture
def acting(sim: Simulation, action: HookContext) -> HookContext:
    """An action of a unit that has something of everything."""
    sim.unit('a/0').ports = frozenset({'443/tcp'})
    sim.unit('a/0').charm_state = {'kept': '1'}
    sim.model.apps['a'].resources['cert'] = Path('/files/cert.pem')
    secret = sim.model.secrets[SECRET] = Secret(SECRET, Owner('unit', 'a/0'), sim.now, sim.now)
    for content in ('one', 'two', 'three'):
        secret.add_revision({'key': content}, sim.now)
    secret.grants = [Grant('b/0', 1)]
    secret.observers['a/0'] = Observer(revision=1)
    sim.advance(minutes=1)
    return action


def test_each_tool_is_known_to_be_buffered_or_immediate_or_reading():
    lines = [*BUFFERED, *IMMEDIATE, *READING]

    assert {line.split()[0] for line in lines} == set(TOOLS)


@pytest.mark.parametrize('line', BUFFERED)
def test_changes_wait_for_the_commit(sim: Simulation, acting: HookContext, line: str):
    before = copy.deepcopy(sim.model)

    assert call(acting, line)[0] == 0

    assert sim.model == before
    assert acting.commit() == ''
    assert sim.model != before


@pytest.mark.parametrize('line', IMMEDIATE)
def test_changes_stay_without_a_commit(sim: Simulation, acting: HookContext, line: str):
    before = copy.deepcopy(sim.model)

    assert call(acting, line)[0] == 0

    assert sim.model != before


@pytest.mark.parametrize('line', READING)
def test_reading_changes_nothing(sim: Simulation, acting: HookContext, line: str):
    before = copy.deepcopy(sim.model)

    assert call(acting, line)[0] == 0
    assert acting.commit() == ''

    assert sim.model == before


def test_what_another_hook_wrote_meanwhile_is_kept(sim: Simulation, leader: HookContext):
    call(leader, 'relation-set -r 0 --app mine=x')
    call(leader, 'open-port 1')

    sim.write(sim.model.relations[0], 'a', theirs='y')

    assert leader.commit() == ''
    assert sim.model.relations[0].app_bags['a'].data == {'mine': 'x', 'theirs': 'y'}


def test_a_commit_does_without_a_relation_that_is_gone(sim: Simulation, leader: HookContext):
    call(leader, 'relation-set -r 1 key=value')
    call(leader, 'open-port 1')
    del sim.model.relations[1]

    assert leader.commit() == ''
    assert sim.unit('a/0').ports == {'1/tcp'}


def test_the_model_at_the_other_end_of_a_relation_is_named(sim: Simulation):
    here, other = sim.model.relations[1], Simulation.related()
    other.model.uuid = 'other'
    here.twin = Twin(other.model, other.model.relations[1], {'a': 'x', 'b': 'y'})

    assert value(sim.context('a/0'), 'relation-model-get -r 1') == {'uuid': 'other'}
    assert value(sim.context('a/0'), 'relation-model-get -r 0') == {'uuid': MODEL_UUID}


def test_nulls_and_aliases_in_a_file_are_texts(leader: HookContext):
    written = 'a: &x b\nc: *x\nd: ~\ne: "~"\nf: !!null x\ng:\nh: !!str null\n? i\n: |\n  j\n'

    call(leader, 'relation-set -r 1 --file -', written)

    bag = value(leader, 'relation-get -r 1 - a/0')
    assert {key: bag[key] for key in bag if key not in SEEDED} == {
        'a': 'b',
        'c': 'b',
        'e': '~',
        'h': 'null',
        'i': 'j\n',
    }


def test_secrets_cannot_be_granted_to_another_model(sim: Simulation):
    here, other = sim.model.relations[1], Simulation.related()
    here.twin = Twin(other.model, other.model.relations[1], {'a': 'x', 'b': 'y'})
    context = sim.context('a/0')
    _, added = call(context, 'secret-add key=value')

    said = call(context, f'secret-grant -r 1 {added}')

    refusal = 'ERROR minijuju has no secrets across models: b is of another model\n'
    assert said == (1, refusal)
