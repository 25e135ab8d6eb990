"""The order of events, one test for each line of the specification's tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from minijuju import lifecycle
from minijuju.model import Task
from minijuju.operations import EnterScope, LeaveScope, LifecycleHook, Remove, RunTask
from minijuju.resolver import next_op, wake_at
from minijuju.secret import Observer, Owner, Secret
from minijuju.testing import Simulation, event_text

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
    while pair.step('a/0'):
        pass
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


def secret(sim: Simulation, kind: str = 'application') -> Secret:
    owner = Owner('application', 'a') if kind == 'application' else Owner('unit', 'a/1')
    found = Secret('s' * 20, owner, sim.now, sim.now)
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


def fail_next(sim: Simulation, unit: str, *, retry: bool = True) -> str:
    op = next_op(sim.model, sim.unit(unit), sim.now)
    assert isinstance(op, LifecycleHook)
    lifecycle.fail(sim.unit(unit), op, retry=retry, factor=1, now=sim.now)
    return op.name


def test_a_failed_hook_is_retried_after_growing_delays(sim: Simulation):
    sim.deploy('a')
    delays: list[float] = []
    for _ in range(8):
        assert fail_next(sim, 'a/0') == 'install'
        assert pending(sim, 'a/0') is None
        due = wake_at(sim.model, sim.unit('a/0'))
        assert due is not None
        delays.append((due - sim.now).total_seconds())
        sim.now = due

    expected = [5, 10, 20, 40, 80, 160, 300, 300]
    assert delays == pytest.approx(expected, rel=0.21)
    assert sim.settle()['a/0'][0] == 'install'


def test_a_unit_in_error_waits_for_ever_without_automatic_retries(sim: Simulation):
    sim.deploy('a')
    fail_next(sim, 'a/0', retry=False)

    assert wake_at(sim.model, sim.unit('a/0')) is None
    sim.unit('a/0').resolved = True
    assert pending(sim, 'a/0') == 'install'


def test_in_error_only_tasks_run_and_a_dying_unit_stays(related: Simulation):
    related.model.apps['a'].trust = True
    fail_next(related, 'a/0', retry=False)
    related.write(related.model.relations[0], 'b/0', csr='x')
    related.unit('a/0').dying = True
    assert pending(related, 'a/0') is None

    related.model.tasks['1'] = Task('1', 'a/0', 'greet', '', related.now)

    assert next_op(related.model, related.unit('a/0'), related.now) == RunTask('1')


def test_actions_come_before_exec_and_before_relation_hooks(related: Simulation):
    related.write(related.model.relations[0], 'b/0', csr='x')
    related.model.tasks['1'] = Task('1', 'a/0', '', 'true', related.now)
    related.model.tasks['2'] = Task('2', 'a/0', 'greet', '', related.now)

    assert next_op(related.model, related.unit('a/0'), related.now) == RunTask('2')


def test_tasks_wait_for_install_and_for_a_queued_start(sim: Simulation):
    sim.deploy('a')
    sim.model.tasks['1'] = Task('1', 'a/0', 'greet', '', sim.now)
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
    while related.step('b/1'):
        pass
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
