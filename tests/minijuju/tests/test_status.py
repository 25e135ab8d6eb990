"""What status says of units, agents and applications."""

from __future__ import annotations

from typing import Any, cast

import pytest

from minijuju.model import Failure, Status
from minijuju.operations import (
    EnterScope,
    LifecycleHook,
    Op,
    RelationHook,
    RunTask,
    SecretHook,
)
from minijuju.resolver import UPDATE_STATUS
from minijuju.status import agent_status, application_status, status_document, workload_status
from minijuju.task import Task
from minijuju.testing import Simulation

WORST_FIRST = ['error', 'blocked', 'maintenance', 'waiting', 'active', 'terminated', 'unknown']


def simulation() -> Simulation:
    sim = Simulation()
    sim.deploy('a', units=2)
    sim.settle()
    return sim


@pytest.mark.parametrize('place', range(len(WORST_FIRST) - 1))
def test_the_worst_unit_speaks_for_its_application(place: int):
    sim = simulation()
    for number, current in enumerate(WORST_FIRST[place : place + 2]):
        sim.unit(f'a/{1 - number}').workload = Status(current, f'm{number}', sim.now)

    shown = application_status(sim.model.apps['a'])

    assert (shown.current, shown.message) == (WORST_FIRST[place], 'm0')


def test_what_the_leader_sets_for_the_application_comes_first():
    sim = simulation()
    sim.unit('a/0').workload = Status('blocked', 'bad', sim.now)

    sim.model.apps['a'].status = Status('active', 'fine', sim.now)

    assert application_status(sim.model.apps['a']).message == 'fine'


RELATION = ('certificates', 'req', 'needs')


@pytest.mark.parametrize(
    ('op', 'message'),
    [
        (LifecycleHook('start'), 'running start hook'),
        (RelationHook('created', 7, *RELATION), 'running certificates-relation-created hook'),
        (
            RelationHook('changed', 7, *RELATION, 'req/3'),
            'running certificates-relation-changed hook for req/3',
        ),
        (SecretHook('secret-changed', 'id', 2), 'running secret-changed hook for secret:id'),
        (SecretHook('secret-rotate', 'id', 2), 'running secret-rotate hook for secret:id'),
        (SecretHook('secret-expired', 'id', 2), 'running secret-expired hook for secret:id/2'),
        (SecretHook('secret-remove', 'id', 2), 'running secret-remove hook for secret:id/2'),
        (RunTask('1'), 'running action greet'),
        (RunTask('2'), 'running action juju-exec'),
        (EnterScope((1,)), ''),
    ],
)
def test_an_agent_says_what_it_does(op: Op, message: str):
    sim = simulation()
    sim.model.tasks['1'] = Task('1', 'a/0', 'greet', '', sim.now)
    sim.model.tasks['2'] = Task('2', 'a/0', '', 'true', sim.now)

    sim.unit('a/0').running = op

    shown = agent_status(sim.model, sim.unit('a/0'), sim.now)
    assert (shown.current, shown.message) == ('executing', message)


def test_an_agent_is_busy_as_long_as_something_is_left_to_do():
    sim = simulation()
    assert agent_status(sim.model, sim.unit('a/0'), sim.now).current == 'idle'

    sim.model.apps['a'].trust = True

    shown = agent_status(sim.model, sim.unit('a/0'), sim.now)
    assert (shown.current, shown.message) == ('executing', 'running config-changed hook')


def test_update_status_is_no_work():
    sim = simulation()
    sim.unit('a/0').running = UPDATE_STATUS
    assert agent_status(sim.model, sim.unit('a/0'), sim.now).current == 'idle'

    sim.unit('a/0').running = None
    sim.advance(minutes=10)

    assert agent_status(sim.model, sim.unit('a/0'), sim.now).current == 'idle'


def test_a_new_unit_is_allocating_until_it_installs():
    sim = Simulation()
    sim.deploy('a')
    unit = sim.unit('a/0')
    assert agent_status(sim.model, unit, sim.now).current == 'allocating'
    assert (unit.workload.current, unit.workload.message) == ('waiting', 'waiting for machine')

    unit.running = LifecycleHook('install')

    assert agent_status(sim.model, unit, sim.now).message == 'running install hook'


@pytest.mark.parametrize(
    ('op', 'message'),
    [
        (LifecycleHook('start'), 'hook failed: "start"'),
        (SecretHook('secret-rotate', 'id', 2), 'hook failed: "secret-rotate"'),
        (
            RelationHook('changed', 7, *RELATION, 'req/3'),
            'hook failed: "certificates-relation-changed" for req:needs',
        ),
    ],
)
def test_a_failed_hook_hides_what_the_charm_said(
    op: LifecycleHook | SecretHook | RelationHook, message: str
):
    sim = simulation()
    unit = sim.unit('a/0')
    unit.workload = Status('active', 'ready', sim.now)

    sim.model.settings['automatically-retry-hooks'] = 'false'
    unit.failure = Failure(op, 1, sim.now)

    shown = workload_status(unit)
    assert (shown.current, shown.message) == ('error', message)
    assert agent_status(sim.model, unit, sim.now).current == 'idle'
    unit.failure = None
    assert workload_status(unit).message == 'ready'


def test_ports_are_sorted_by_protocol_and_number():
    sim = simulation()
    sim.unit('a/0').ports = frozenset({'443/tcp', '53/udp', 'icmp', '80/tcp', '8000-8010/tcp'})

    document = cast('Any', status_document(sim.model, [sim.model.apps['a']], sim.now))

    ports = document['applications']['a']['units']['a/0']['open-ports']
    assert ports == ['icmp', '80/tcp', '443/tcp', '8000-8010/tcp', '53/udp']


def test_an_update_status_hides_nothing_that_is_to_be_done():
    sim = simulation()
    sim.settle()
    unit = sim.unit('a/0')
    unit.running = LifecycleHook('update-status')
    assert agent_status(sim.model, unit, sim.now).current == 'idle'

    sim.model.apps['a'].trust = True

    shown = agent_status(sim.model, unit, sim.now)
    assert (shown.current, shown.message) == ('executing', 'running config-changed hook')


def test_a_failed_hook_is_no_error_while_it_is_run_again():
    sim = simulation()
    unit = sim.unit('a/0')
    op = LifecycleHook('start')
    unit.failure = Failure(op, 1, sim.now)

    unit.running = RunTask('1')
    assert workload_status(unit).current == 'error'
    unit.running = op

    assert workload_status(unit).current != 'error'
