"""The order of events, one test for each line of the specification's tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from minijuju import lifecycle, progress
from minijuju.operations import (
    EnterScope,
    LeaveScope,
    LifecycleHook,
    RelationHook,
    Remove,
    RunTask,
    SecretHook,
)
from minijuju.resolver import config_digest, next_op, update_status_due, wake_at
from minijuju.secret import Grant, Observer, Owner, Secret
from minijuju.task import Task
from minijuju.testing import Simulation, event_text, tool

STARTED = ['config-changed', 'start']


@pytest.fixture
def sim() -> Simulation:
    return Simulation()


@pytest.fixture
def pair(sim: Simulation) -> Simulation:
    """A provider ``a`` and a requirer ``b``, one unit each, settled and not yet related."""
    sim.deploy('a', provides='certs')
    sim.deploy('b', requires='certs')
    sim.settle()
    return sim


def pending(sim: Simulation, unit: str) -> str | None:
    op = next_op(sim.model, sim.unit(unit), sim.now)
    return None if op is None else event_text(op)


def test_a_leader_is_deployed(sim: Simulation):
    sim.deploy('a', peers='peers')

    assert sim.settle() == {'a/0': ['install', 'created', 'leader-elected', *STARTED]}


def test_a_follower_is_deployed_without_leader_elected(sim: Simulation):
    sim.deploy('a', units=2, peers='peers')

    events = sim.settle()

    assert events['a/1'] == ['install', 'created', *STARTED, 'joined a/0', 'changed a/0']


def test_existing_relations_are_created_before_leader_elected(sim: Simulation):
    sim.deploy('a', provides='certs')
    sim.deploy('b', requires='certs')
    sim.integrate('a:certs', 'b:certs')

    events = sim.settle()

    start = ['install', 'created', 'leader-elected', *STARTED]
    assert events == {
        'a/0': [*start, 'joined b/0', 'changed b/0'],
        'b/0': [*start, 'joined a/0', 'changed a/0'],
    }


def test_integrating_running_applications(pair: Simulation):
    pair.integrate('a:certs', 'b:certs')

    assert pair.settle() == {
        'a/0': ['created', 'joined b/0', 'changed b/0'],
        'b/0': ['created', 'joined a/0', 'changed a/0'],
    }


def test_app_data_that_is_there_already_comes_before_joined(pair: Simulation):
    relation = pair.integrate('a:certs', 'b:certs')
    pair.run('a/0')
    pair.write(relation, 'a', ca='x')

    assert pair.settle()['b/0'] == ['created', 'app changed', 'joined a/0', 'changed a/0']


@pytest.fixture
def related(pair: Simulation) -> Simulation:
    pair.integrate('a:certs', 'b:certs')
    pair.settle()
    return pair


def test_app_and_unit_bag_in_one_hook_are_two_events(related: Simulation):
    relation = related.model.relations[0]
    related.write(relation, 'a', ca='x')
    related.write(relation, 'a/0', name='y')

    assert related.settle() == {'b/0': ['app changed', 'changed a/0']}


def test_several_writes_before_the_receiver_runs_are_one_event(related: Simulation):
    for value in ('x', 'y', 'z'):
        related.write(related.model.relations[0], 'b/0', csr=value)

    assert related.settle() == {'a/0': ['changed b/0']}


def test_an_own_write_has_no_echo(sim: Simulation):
    sim.deploy('a', units=3, peers='peers')
    sim.settle()

    sim.write(sim.model.relations[0], 'a', ledger='x')

    assert sim.settle() == {'a/1': ['app changed'], 'a/2': ['app changed']}


def test_an_equal_text_gives_no_event(related: Simulation):
    related.write(related.model.relations[0], 'a', ca='x')
    related.settle()

    related.write(related.model.relations[0], 'a', ca='x')

    assert related.settle() == {}


def test_a_new_unit_is_seen_when_it_has_entered_and_before_it_has_started(related: Simulation):
    related.add_units(related.model.apps['b'])

    related.step('b/1')
    assert pending(related, 'a/0') is None
    related.step('b/1')

    assert not related.unit('b/1').started
    assert pending(related, 'a/0') == 'joined b/1'


def test_remove_relation(related: Simulation):
    related.model.relations[0].dying = True

    assert related.settle() == {
        'a/0': ['departed b/0 b/0', 'broken'],
        'b/0': ['departed a/0 a/0', 'broken'],
    }
    assert not related.model.relations


def test_data_is_there_until_the_last_unit_has_left(related: Simulation):
    relation = related.model.relations[0]
    relation.dying = True
    related.step('b/0')
    related.step('b/0')

    assert related.model.relations
    assert 'ingress-address' in related.context('a/0').read_bag(relation, 'b/0')


def test_remove_unit(sim: Simulation):
    sim.deploy('a', units=2, provides='certs', peers='peers')
    sim.deploy('b', requires='certs')
    sim.integrate('a:certs', 'b:certs')
    sim.settle()

    sim.unit('a/0').dying = True

    assert sim.settle() == {
        'a/0': ['departed a/1 a/0', 'departed b/0 a/0', 'broken', 'stop', 'remove'],
        'a/1': ['departed a/0 a/0', 'leader-elected'],
        'b/0': ['departed a/0 a/0'],
    }


def test_a_follower_that_is_removed_takes_no_leadership_with_it(sim: Simulation):
    sim.deploy('a', units=2, peers='peers')
    sim.settle()

    sim.unit('a/1').dying = True

    assert sim.settle() == {
        'a/0': ['departed a/1 a/1'],
        'a/1': ['departed a/0 a/1', 'stop', 'remove'],
    }
    assert sim.model.apps['a'].leader == 'a/0'


def test_the_last_unit_out_of_a_relation_deletes_data_and_grants(related: Simulation):
    relation, found = related.model.relations[0], secret(related)
    found.grants = [Grant('b', relation.id)]
    relation.dying = True

    related.run('a/0')
    assert related.model.relations
    assert found.grants
    related.settle()

    assert not related.model.relations
    assert not found.grants


def test_both_sides_of_a_removed_application_go_on_at_once(related: Simulation):
    lifecycle.destroy_app(related.model, related.model.apps['a'])

    assert pending(related, 'a/0') == 'departed b/0 a/0'
    assert pending(related, 'b/0') == 'departed a/0 a/0'


def test_remove_application(related: Simulation):
    lifecycle.destroy_app(related.model, related.model.apps['a'])

    assert related.settle() == {
        'a/0': ['departed b/0 a/0', 'broken', 'stop', 'remove'],
        'b/0': ['departed a/0 a/0', 'broken'],
    }
    assert set(related.model.apps) == {'b'}


def test_config_changed_comes_once_and_only_when_values_differ(sim: Simulation):
    app = sim.deploy('a', options={'size': 'small'})
    sim.settle()

    app.config = {'size': 'small'}
    assert sim.settle() == {}
    app.config = {'size': 'big'}
    assert sim.settle() == {'a/0': ['config-changed']}


def test_refresh(sim: Simulation):
    app = sim.deploy('a')
    sim.settle()

    app.charm = replace(app.charm, digest='a-2')

    assert sim.settle() == {'a/0': ['upgrade-charm', 'config-changed']}


def test_trust(sim: Simulation):
    app = sim.deploy('a')
    sim.settle()

    app.trust = True

    assert sim.settle() == {'a/0': ['config-changed']}


def secret(sim: Simulation, kind: str = 'application', letter: str = 's') -> Secret:
    owner = Owner('application', 'a') if kind == 'application' else Owner('unit', 'a/1')
    found = Secret(letter * 20, owner, sim.now, sim.now)
    found.add_revision({'key': 'one'}, sim.now)
    sim.model.secrets[found.id] = found
    return found


def test_an_updated_secret_is_told_to_every_unit_with_a_pin(sim: Simulation):
    sim.deploy('a', units=2)
    sim.deploy('b', units=2)
    sim.settle()
    found = secret(sim)
    for reader in ('a/1', 'b/0'):
        found.observers[reader] = Observer(revision=1)
    assert sim.settle() == {}

    found.add_revision({'key': 'two'}, sim.now)

    assert sim.settle() == {'a/1': ['secret-changed'], 'b/0': ['secret-changed']}


@pytest.mark.parametrize(
    ('unit', 'own', 'label'), [('b/0', 'mine', 'mine'), ('b/0', '', ''), ('a/1', '', 'ca')]
)
def test_secret_changed_has_the_readers_label_or_the_owners_for_its_units(
    sim: Simulation, unit: str, own: str, label: str
):
    sim.deploy('a', units=2)
    sim.deploy('b')
    sim.settle()
    found = secret(sim)
    found.label = 'ca'
    found.observers[unit] = Observer(revision=1, label=own)
    found.add_revision({'key': 'two'}, sim.now)

    op = next_op(sim.model, sim.unit(unit), sim.now)

    assert op == SecretHook('secret-changed', found.id, 2, label)


def test_secret_changed_comes_once_for_each_revision(sim: Simulation):
    sim.deploy('a')
    sim.settle()
    found = secret(sim)
    found.observers['a/0'] = Observer(revision=1)

    for content in ('two', 'three'):
        found.add_revision({'key': content}, sim.now)
        assert sim.settle()['a/0'].count('secret-changed') == 1
        assert sim.settle() == {}


def test_two_updates_before_the_reader_runs_are_one_secret_changed(sim: Simulation):
    sim.deploy('a')
    sim.settle()
    found = secret(sim)
    found.observers['a/0'] = Observer(revision=1)

    for content in ('two', 'three'):
        found.add_revision({'key': content}, sim.now)

    assert sim.settle()['a/0'].count('secret-changed') == 1


def test_units_without_a_pin_hear_of_no_update(sim: Simulation):
    sim.deploy('a', units=2)
    sim.settle()

    secret(sim, 'unit').add_revision({'key': 'two'}, sim.now)

    assert sim.settle() == {'a/1': ['secret-remove']}


def test_a_refresh_in_between_does_not_cancel_secret_changed(sim: Simulation):
    sim.deploy('a')
    sim.deploy('b')
    sim.settle()
    found = secret(sim)
    found.observers['b/0'] = Observer(revision=1)
    found.add_revision({'key': 'two'}, sim.now)
    found.observers['b/0'].revision = 2

    assert sim.settle()['b/0'] == ['secret-changed']


def test_an_old_revision_without_pins_is_told_to_the_owner_once(sim: Simulation):
    sim.deploy('a', units=2)
    sim.deploy('b')
    sim.settle()
    found = secret(sim)
    found.observers['b/0'] = Observer(revision=1, notified=2)
    found.add_revision({'key': 'two'}, sim.now)
    assert sim.settle() == {}

    found.observers['b/0'].revision = 2

    assert sim.settle() == {'a/0': ['secret-remove']}


@pytest.mark.parametrize(('kind', 'told'), [('application', 'a/0'), ('unit', 'a/1')])
def test_expiry_is_told_to_who_manages_the_secret(sim: Simulation, kind: str, told: str):
    sim.deploy('a', units=2)
    sim.settle()
    found = secret(sim, kind)
    found.revisions[1].expires = sim.now + timedelta(minutes=1)
    assert wake_at(sim.model, sim.unit(told)) == found.revisions[1].expires
    assert sim.settle() == {}

    sim.advance(minutes=1)

    assert sim.settle() == {told: ['secret-expired']}


@pytest.mark.parametrize('due', ['expiry', 'rotation', 'old revision'])
def test_only_the_leader_hears_of_the_applications_secret(sim: Simulation, due: str):
    app = sim.deploy('a', units=2)
    sim.settle()
    app.leader, found = 'a/1', secret(sim)
    if due == 'expiry':
        found.revisions[1].expires = sim.now
    elif due == 'rotation':
        found.set_rotation('hourly', sim.now - timedelta(hours=1))
    else:
        found.add_revision({'key': 'two'}, sim.now)

    assert pending(sim, 'a/0') is None
    assert sim.run('a/1')[0] == 'leader-elected'


def test_a_pin_goes_with_its_unit(sim: Simulation):
    sim.deploy('a')
    sim.deploy('b')
    sim.settle()
    found = secret(sim)
    found.observers['b/0'] = Observer(revision=1, notified=2)
    found.add_revision({'key': 'two'}, sim.now)
    assert sim.settle() == {}

    lifecycle.drop_unit(sim.model, sim.unit('b/0'))

    assert sim.settle() == {'a/0': ['secret-remove']}


def test_a_grant_to_a_unit_goes_with_the_unit(related: Simulation):
    found = secret(related)
    found.grants = [Grant('b/0', 0), Grant('b', 0)]

    lifecycle.drop_unit(related.model, related.unit('b/0'))

    assert found.grants == [Grant('b', 0)]


def test_an_applications_secrets_go_with_it(related: Simulation):
    secret(related)
    related.settle()

    lifecycle.destroy_app(related.model, related.model.apps['a'])
    related.settle()

    assert not related.model.secrets


def test_a_task_of_a_unit_that_goes_has_failed(sim: Simulation):
    sim.deploy('a', units=2)
    for number, unit in enumerate(('a/0', 'a/1')):
        sim.model.tasks[str(number)] = Task(str(number), unit, 'greet', '', sim.now)

    lifecycle.drop_unit(sim.model, sim.unit('a/0'))

    assert [task.status for task in sim.model.tasks.values()] == ['failed', 'pending']


def test_rotation_counts_from_the_rotate_hook(sim: Simulation):
    sim.deploy('a')
    sim.model.settings['update-status-hook-interval'] = '1000h'
    sim.settle()
    found = secret(sim)
    found.set_rotation('daily', sim.now)

    sim.advance(hours=25)

    assert sim.settle() == {'a/0': ['secret-rotate']}
    assert found.rotates == sim.now + timedelta(days=1)


def test_update_status_comes_with_the_interval_give_or_take_a_fifth(sim: Simulation):
    sim.deploy('a')
    sim.model.settings['update-status-hook-interval'] = '10m'
    sim.settle()

    sim.advance(minutes=7, seconds=59)
    assert sim.settle() == {}
    sim.advance(minutes=4, seconds=2)
    assert sim.settle() == {'a/0': ['update-status']}


def test_update_status_varies_from_one_to_the_next(sim: Simulation):
    sim.deploy('a')
    sim.settle()
    factors: list[float] = []
    for _ in range(100):
        progress.update_status_ran(sim.unit('a/0'), sim.now)
        due = update_status_due(sim.model, sim.unit('a/0'))
        assert due is not None
        factors.append((due - sim.now) / timedelta(minutes=5))

    assert 0.8 <= min(factors) < 0.9
    assert 1.1 < max(factors) <= 1.2


def test_update_status_counts_from_the_last_one(sim: Simulation):
    sim.deploy('a')
    sim.settle()

    sim.advance(hours=1)

    assert sim.settle() == {'a/0': ['update-status']}


def test_the_clock_wakes_a_unit_for_the_first_of_its_moments(sim: Simulation):
    sim.deploy('a')
    sim.settle()
    unit, found = sim.unit('a/0'), secret(sim)
    due = wake_at(sim.model, unit)
    assert due is not None
    assert timedelta(minutes=4) <= due - sim.now <= timedelta(minutes=6)

    found.set_rotation('hourly', sim.now - timedelta(minutes=58))
    assert wake_at(sim.model, unit) == sim.now + timedelta(minutes=2)
    found.revisions[1].expires = sim.now + timedelta(minutes=1)
    assert wake_at(sim.model, unit) == sim.now + timedelta(minutes=1)


def test_the_clock_does_not_wake_a_unit_that_can_do_nothing_then(sim: Simulation):
    sim.deploy('a')
    assert wake_at(sim.model, sim.unit('a/0')) is None
    sim.settle()
    secret(sim).revisions[1].expires = sim.now
    sim.unit('a/0').dying = True

    assert wake_at(sim.model, sim.unit('a/0')) is None


@pytest.mark.parametrize('event', ['secret-expired', 'secret-rotate'])
def test_what_is_due_comes_once(sim: Simulation, event: str):
    sim.deploy('a')
    sim.model.settings['update-status-hook-interval'] = '1000h'
    sim.settle()
    found = secret(sim)
    if event == 'secret-expired':
        found.revisions[1].expires = sim.now + timedelta(days=1)
    else:
        found.set_rotation('daily', sim.now)

    sim.advance(days=1)
    assert sim.settle() == {'a/0': [event]}

    sim.advance(hours=23)
    assert sim.settle() == {}


def test_a_failed_hook_is_retried_after_growing_delays(sim: Simulation):
    sim.deploy('a')
    delays: list[float] = []
    for _ in range(8):
        assert sim.fail('a/0') == 'install'
        assert pending(sim, 'a/0') is None
        due = wake_at(sim.model, sim.unit('a/0'))
        assert due is not None
        delays.append((due - sim.now).total_seconds())
        sim.now = due

    expected = [5, 10, 20, 40, 80, 160, 300, 300]
    assert delays == pytest.approx(expected, rel=0.031)
    assert max(delays) <= 300
    assert sim.settle()['a/0'][0] == 'install'


def test_a_unit_in_error_waits_for_ever_without_automatic_retries(sim: Simulation):
    sim.deploy('a')
    sim.fail('a/0', retry=False)

    assert wake_at(sim.model, sim.unit('a/0')) is None
    sim.unit('a/0').resolved = True
    assert pending(sim, 'a/0') == 'install'


def test_retry_delays_have_jitter(sim: Simulation):
    sim.deploy('a', units=20)
    for unit in sim.model.units():
        sim.fail(unit.name)

    assert len({wake_at(sim.model, unit) for unit in sim.model.units()}) > 10


def test_retry_delays_can_be_made_shorter(sim: Simulation):
    sim.deploy('a')
    unit = sim.unit('a/0')
    progress.fail(unit, LifecycleHook('install'), factor=0.01, now=sim.now)

    due = wake_at(sim.model, unit)

    assert due is not None
    assert (due - sim.now).total_seconds() == pytest.approx(0.05, rel=0.031)


def test_resolved_begins_the_delays_anew(sim: Simulation):
    sim.deploy('a')
    for _ in range(4):
        sim.fail('a/0')
        sim.unit('a/0').resolved = True

    due = wake_at(sim.model, sim.unit('a/0'))

    assert due is not None
    assert (due - sim.now).total_seconds() == pytest.approx(5, rel=0.031)


def test_a_retry_that_succeeds_ends_the_error(sim: Simulation):
    sim.deploy('a')
    sim.fail('a/0')
    sim.unit('a/0').resolved = True

    assert sim.step('a/0') == 'install'

    assert sim.unit('a/0').failure is None
    assert not sim.unit('a/0').resolved
    assert sim.settle()['a/0'][0] == 'leader-elected'


def test_a_failed_hook_that_is_skipped_counts_as_run(related: Simulation):
    related.write(related.model.relations[0], 'b/0', csr='x')
    assert related.fail('a/0', retry=False) == 'changed b/0'
    unit = related.unit('a/0')
    op = unit.failure.op if unit.failure is not None else None
    assert isinstance(op, RelationHook)

    progress.succeed(related.model, unit, op, config_digest(related.model, unit), related.now)

    assert related.settle() == {}


def test_relation_state_moves_only_on_success(related: Simulation):
    relation = related.model.relations[0]
    related.write(relation, 'b/0', csr='x')
    for _ in range(2):
        assert related.fail('a/0', retry=False) == 'changed b/0'
        related.unit('a/0').resolved = True

    assert related.step('a/0') == 'changed b/0'
    assert related.settle() == {}


def test_the_same_hook_is_retried_even_when_another_is_due_first(related: Simulation):
    related.write(related.model.relations[0], 'b/0', csr='x')
    related.fail('a/0', retry=False)
    related.write(related.model.relations[0], 'b', key='y')
    related.model.relations[0].dying = True
    related.unit('a/0').resolved = True

    assert pending(related, 'a/0') == 'changed b/0'


def test_in_error_everything_waits_but_tasks(related: Simulation):
    app, relation = related.model.apps['a'], related.model.relations[0]
    related.advance(hours=1)
    assert related.fail('a/0', retry=False) == 'update-status'
    unit, found = related.unit('a/0'), secret(related)
    found.revisions[1].expires = related.now
    found.observers['a/0'] = Observer(revision=1)
    found.add_revision({'key': 'two'}, related.now)
    related.integrate('a:certs', 'b:certs')
    related.write(relation, 'b/0', csr='x')
    app.charm, app.trust, unit.led, unit.queued = replace(app.charm, digest='2'), True, False, 'x'
    for dying in (False, True):
        unit.dying = dying
        assert pending(related, 'a/0') is None

    related.model.tasks['1'] = Task('1', 'a/0', '', 'true', related.now)

    assert next_op(related.model, unit, related.now) == RunTask('1')


def test_tasks_run_before_a_retry_that_is_due(sim: Simulation):
    sim.deploy('a')
    sim.fail('a/0')
    sim.advance(hours=1)
    sim.model.tasks['1'] = Task('1', 'a/0', 'greet', '', sim.now)

    assert next_op(sim.model, sim.unit('a/0'), sim.now) == RunTask('1')


def test_an_error_about_a_relation_ends_with_the_relation(related: Simulation):
    related.write(related.model.relations[0], 'b/0', csr='x')
    related.fail('a/0', retry=False)

    lifecycle.drop_relation(related.model, related.model.relations[0])

    assert related.unit('a/0').failure is None


def test_actions_come_before_exec_and_before_relation_hooks(related: Simulation):
    related.write(related.model.relations[0], 'b/0', csr='x')
    related.model.tasks['1'] = Task('1', 'a/0', '', 'true', related.now)
    related.model.tasks['2'] = Task('2', 'a/0', 'greet', '', related.now)

    assert next_op(related.model, related.unit('a/0'), related.now) == RunTask('2')


def test_tasks_wait_for_install_and_for_a_queued_start(sim: Simulation):
    sim.deploy('a')
    sim.model.tasks['1'] = Task('1', 'a/0', 'greet', '', sim.now)
    assert pending(sim, 'a/0') == 'install'
    sim.step('a/0')
    unit = sim.unit('a/0')
    unit.led, unit.queued = True, 'start'

    assert pending(sim, 'a/0') == 'start'


def test_a_unit_that_was_never_installed_is_gone_at_once(sim: Simulation):
    sim.deploy('a')
    sim.unit('a/0').dying = True

    assert next_op(sim.model, sim.unit('a/0'), sim.now) == Remove()


def test_peer_relations_are_left_without_broken(sim: Simulation):
    sim.deploy('a', peers='peers')
    sim.settle()
    sim.unit('a/0').dying = True

    assert next_op(sim.model, sim.unit('a/0'), sim.now) == LeaveScope(0)


def test_scope_is_entered_before_the_first_created(sim: Simulation):
    sim.deploy('a', provides='certs', peers='peers')
    sim.deploy('b', requires='certs')
    sim.integrate('a:certs', 'b:certs')
    sim.step('a/0')

    assert next_op(sim.model, sim.unit('a/0'), sim.now) == EnterScope((0, 1))


def test_a_changed_that_is_due_comes_even_when_the_unit_has_left(related: Simulation):
    related.add_units(related.model.apps['b'])
    related.run('b/1')
    assert related.step('a/0') == 'joined b/1'
    related.unit('b/1').dying = True

    assert related.settle()['a/0'] == ['changed b/1', 'departed b/1 b/1']


def test_a_write_during_a_hook_is_told_afterwards(related: Simulation):
    relation = related.model.relations[0]
    related.write(relation, 'b/0', csr='x')

    related.step('a/0', during=lambda: related.write(relation, 'b/0', csr='y'))

    assert related.settle() == {'a/0': ['changed b/0']}


def test_leadership_moves_at_once_and_comes_back_with_an_event(sim: Simulation):
    app = sim.deploy('a', units=2)
    sim.settle()

    lifecycle.drop_unit(sim.model, sim.unit('a/0'))

    assert app.leader == 'a/1'
    assert sim.settle() == {'a/1': ['leader-elected']}


def everything(sim: Simulation) -> None:
    """Make something of every row of the turn order due for ``a/0`` at once."""
    app, unit = sim.model.apps['a'], sim.unit('a/0')
    sim.advance(hours=1)
    unit.led = False
    for letter, due in (('e', 'expired'), ('f', 'rotate'), ('g', 'changed'), ('h', 'remove')):
        found = secret(sim, letter=letter)
        if due == 'expired':
            found.revisions[1].expires = sim.now
        elif due == 'rotate':
            found.set_rotation('hourly', sim.now - timedelta(hours=1))
        elif due == 'changed':
            found.observers['a/0'] = Observer(revision=1)
            found.add_revision({'key': 'two'}, sim.now)
        else:
            found.add_revision({'key': 'two'}, sim.now)
    sim.model.tasks['1'] = Task('1', 'a/0', '', 'true', sim.now)
    sim.model.tasks['2'] = Task('2', 'a/0', 'greet', '', sim.now)
    sim.integrate('a:certs', 'b:certs')
    sim.write(sim.model.relations[0], 'b/0', csr='x')
    app.charm, app.trust = replace(app.charm, digest='a-2'), True


def test_the_turn_order(related: Simulation):
    everything(related)

    assert related.run('a/0') == [
        'enter',
        'created',
        'leader-elected',
        'secret-expired',
        'secret-rotate',
        'secret-changed',
        'secret-remove',
        'task',
        'task',
        'upgrade-charm',
        'config-changed',
        'changed b/0',
        'update-status',
    ]


@pytest.mark.parametrize('queued', ['start', 'config-changed'])
def test_a_queued_follow_up_comes_before_all_else(related: Simulation, queued: str):
    everything(related)
    related.unit('a/0').queued = queued

    assert related.step('a/0') == queued


def test_start_follows_the_first_config_changed_at_once(sim: Simulation):
    app = sim.deploy('a', options={'size': 'small'})
    for _ in range(3):
        sim.step('a/0')
    app.config = {'size': 'big'}

    assert sim.run('a/0') == ['start', 'config-changed']


def test_config_changed_follows_upgrade_charm_even_when_nothing_differs(sim: Simulation):
    app = sim.deploy('a')
    sim.settle()
    app.charm = replace(app.charm, digest='a-2')

    assert sim.run('a/0') == ['upgrade-charm', 'config-changed']
    assert sim.run('a/0') == []


def test_a_dying_unit_only_runs_tasks_and_goes(related: Simulation):
    everything(related)
    related.unit('a/0').dying = True

    assert related.run('a/0') == [
        'task',
        'task',
        'departed b/0 a/0',
        'broken',
        'stop',
        'remove',
        'gone',
    ]


def test_a_dying_unit_is_not_told_that_it_leads(sim: Simulation):
    app = sim.deploy('a', units=2)
    sim.settle()
    for unit in app.units.values():
        unit.dying = True

    assert sim.settle() == {'a/0': ['stop', 'remove'], 'a/1': ['stop', 'remove']}


def test_a_unit_that_has_not_started_is_removed_without_stop(sim: Simulation):
    sim.deploy('a')
    sim.step('a/0')
    sim.unit('a/0').dying = True

    assert sim.run('a/0') == ['remove', 'gone']


def test_a_queued_start_runs_even_when_the_unit_is_dying(sim: Simulation):
    sim.deploy('a')
    while sim.unit('a/0').queued != 'start':
        sim.step('a/0')
    sim.unit('a/0').dying = True

    assert sim.run('a/0') == ['start', 'stop', 'remove', 'gone']


def test_losing_leadership_is_no_event_and_getting_it_back_is(sim: Simulation):
    app = sim.deploy('a', units=2)
    sim.settle()

    app.leader = 'a/1'
    sim.unit('a/0').led = False
    assert sim.settle() == {'a/1': ['leader-elected']}
    app.leader = 'a/0'

    assert sim.settle() == {'a/0': ['leader-elected']}


def test_leadership_goes_to_the_alive_unit_of_the_lowest_number(sim: Simulation):
    app = sim.deploy('a', units=4)
    sim.settle()
    sim.unit('a/1').dying = True

    lifecycle.drop_unit(sim.model, sim.unit('a/0'))

    assert app.leader == 'a/2'


def test_secret_events_come_before_the_first_config_changed(sim: Simulation):
    sim.deploy('a')
    for _ in range(2):
        sim.step('a/0')
    found = secret(sim)
    found.observers['a/0'] = Observer(revision=1)
    found.add_revision({'key': 'two'}, sim.now)

    assert sim.run('a/0') == ['secret-changed', 'config-changed', 'start']


def test_a_relation_hook_of_a_joined_unit_is_followed_by_its_changed_before_all_others(
    related: Simulation,
):
    relation = related.model.relations[0]
    related.add_units(related.model.apps['b'])
    related.run('b/1')
    assert related.step('a/0') == 'joined b/1'
    related.unit('b/0').dying = True
    related.write(relation, 'b', key='x')

    assert related.step('a/0') == 'changed b/1'


def test_departed_comes_before_app_changed_joined_and_changed(sim: Simulation):
    sim.deploy('a', provides='certs')
    sim.deploy('b', units=4, requires='certs')
    relation = sim.integrate('a:certs', 'b:certs')
    sim.settle()
    sim.add_units(sim.model.apps['b'])
    sim.run('b/4')
    for unit in ('b/3', 'b/1'):
        sim.unit(unit).dying = True
    sim.write(relation, 'b', key='x')
    sim.write(relation, 'b/0', csr='x')

    assert sim.run('a/0') == [
        'departed b/1 b/1',
        'departed b/3 b/3',
        'app changed',
        'joined b/4',
        'changed b/4',
        'changed b/0',
    ]


def test_broken_comes_after_every_departed_and_instead_of_any_changed(sim: Simulation):
    sim.deploy('a', provides='certs')
    sim.deploy('b', units=2, requires='certs')
    relation = sim.integrate('a:certs', 'b:certs')
    sim.settle()
    sim.write(relation, 'b', key='x')
    sim.write(relation, 'b/0', csr='x')
    relation.dying = True

    assert sim.run('a/0') == ['departed b/0 b/0', 'departed b/1 b/1', 'broken']


def test_there_is_no_app_changed_before_the_first_write(related: Simulation):
    assert related.model.relations[0].app_bags['b'].version == 0
    assert related.settle() == {}

    related.write(related.model.relations[0], 'b', key='x')

    assert related.settle() == {'a/0': ['app changed']}


def test_new_units_join_one_by_one_and_each_is_followed_by_its_changed(sim: Simulation):
    sim.deploy('a', units=2, provides='certs')
    sim.deploy('b', units=2, requires='certs')
    sim.settle()

    sim.integrate('a:certs', 'b:certs')

    events = sim.settle()
    for unit in ('a/0', 'a/1'):
        joined = [f'{kind} b/{number}' for number in (0, 1) for kind in ('joined', 'changed')]
        assert events[unit] == ['created', *joined]
    assert set(events) == {'a/0', 'a/1', 'b/0', 'b/1'}


def test_a_joined_tells_of_what_is_there_and_no_more_changed_follows(pair: Simulation):
    relation = pair.integrate('a:certs', 'b:certs')
    pair.run('b/0')
    pair.write(relation, 'b/0', csr='x')

    assert pair.settle()['a/0'] == ['created', 'joined b/0', 'changed b/0']


def test_an_own_unit_bag_is_told_to_the_others_only(sim: Simulation):
    sim.deploy('a', units=3, peers='peers')
    sim.settle()

    sim.write(sim.model.relations[0], 'a/0', word='x')

    assert sim.settle() == {'a/1': ['changed a/0'], 'a/2': ['changed a/0']}


def test_a_new_leaders_word_does_not_hide_the_old_leaders(sim: Simulation):
    app = sim.deploy('a', units=3, peers='peers')
    sim.settle()
    sim.write(sim.model.relations[0], 'a', ledger='x')
    app.leader, sim.unit('a/1').led = 'a/1', True
    sim.write(sim.model.relations[0], 'a', ledger='y')

    assert sim.settle()['a/1'] == ['app changed']


def test_a_relation_that_dies_before_it_was_created_is_left_without_a_hook(pair: Simulation):
    relation = pair.integrate('a:certs', 'b:certs')
    assert pair.step('a/0') == 'enter'
    relation.dying = True

    assert pair.run('a/0') == ['leave']


def test_a_dying_relation_is_not_entered(pair: Simulation):
    pair.integrate('a:certs', 'b:certs').dying = True

    assert pair.run('a/0') == []


def test_a_new_unit_hears_what_the_peers_have_said(sim: Simulation):
    app = sim.deploy('a', peers='peers')
    sim.settle()
    sim.write(sim.model.relations[0], 'a', ledger='x')
    sim.add_units(app)

    events = sim.settle()

    heard = ['app changed', 'joined a/0', 'changed a/0']
    assert events['a/1'] == ['install', 'created', *STARTED, *heard]


def test_config_set_and_unset_before_the_unit_looks_is_no_event(sim: Simulation):
    app = sim.deploy('a', options={'size': 'small'})
    sim.settle()

    app.config = {'size': 'big'}
    app.config = {}

    assert sim.settle() == {}


def test_config_that_changes_during_its_hook_is_told_again(sim: Simulation):
    app = sim.deploy('a', options={'size': 'small'})
    sim.settle()
    app.config = {'size': 'big'}

    sim.step('a/0', during=lambda: app.config.update(size='huge'))

    assert sim.settle() == {'a/0': ['config-changed']}


def test_another_address_is_told_by_config_changed(sim: Simulation):
    sim.deploy('a')
    sim.settle()

    sim.unit('a/0').address = '127.9.9.9'

    assert sim.settle() == {'a/0': ['config-changed']}


def test_a_refresh_does_not_reach_a_unit_in_error(sim: Simulation):
    app = sim.deploy('a')
    sim.settle()
    app.trust = True
    sim.fail('a/0', retry=False)

    app.charm = replace(app.charm, digest='a-2')

    assert pending(sim, 'a/0') is None


def test_what_the_agent_says_about_the_workload(sim: Simulation):
    sim.deploy('a')
    unit = sim.unit('a/0')
    sim.settle()
    unit.dying = True
    sim.settle()

    assert [(status.current, status.message) for _, status in unit.history] == [
        ('maintenance', 'installing charm software'),
        ('unknown', ''),
        ('maintenance', 'stopping charm software'),
        ('maintenance', 'cleaning up prior to charm deletion'),
        ('terminated', ''),
    ]


def test_a_status_that_the_charm_has_set_is_not_replaced_at_install_and_start(sim: Simulation):
    sim.deploy('a')
    context = sim.context('a/0')
    tool(context, 'status-set blocked "by choice"')

    sim.settle()

    assert sim.unit('a/0').workload.current == 'blocked'


def test_an_expiry_that_its_own_hook_moves_comes_again(sim: Simulation):
    sim.deploy('a')
    sim.settle()
    revision = secret(sim).revisions[1]
    revision.expires = sim.now

    def extend() -> None:
        revision.expires = sim.now + timedelta(hours=1)

    assert sim.step('a/0', extend) == 'secret-expired'
    assert sim.settle() == {}
    sim.advance(hours=1)

    assert pending(sim, 'a/0') == 'secret-expired'


def test_retries_that_are_switched_on_later_reach_a_unit_in_error(sim: Simulation):
    sim.deploy('a')
    sim.fail('a/0', retry=False)
    sim.advance(hours=1)
    assert pending(sim, 'a/0') is None

    sim.model.settings['automatically-retry-hooks'] = 'true'

    assert pending(sim, 'a/0') == 'install'


def test_a_unit_in_error_leaves_a_relation_whose_end_is_forced(related: Simulation):
    relation = related.model.relations[0]
    related.write(relation, 'a/0', ca='x')
    assert related.fail('b/0', retry=False) == 'changed a/0'

    lifecycle.end_relation(relation, forced=True)
    lifecycle.leave_forced(related.model)

    assert related.unit('b/0').failure is None
    assert related.settle() == {'a/0': ['departed b/0 b/0', 'broken']}
    assert not related.model.relations


def test_leadership_can_move_between_units_that_stay(sim: Simulation):
    app = sim.deploy('a', units=2)
    sim.settle()

    lifecycle.move_leadership(app, sim.unit('a/1'))
    assert sim.settle() == {'a/1': ['leader-elected']}
    lifecycle.move_leadership(app, sim.unit('a/1'))
    assert sim.settle() == {}
    lifecycle.move_leadership(app, sim.unit('a/0'))

    assert sim.settle() == {'a/0': ['leader-elected']}


def test_the_clock_wakes_a_unit_whose_hook_was_killed(sim: Simulation):
    sim.deploy('a')

    sim.unit('a/0').rests_until = sim.now + timedelta(seconds=1)

    assert wake_at(sim.model, sim.unit('a/0')) == sim.now + timedelta(seconds=1)
