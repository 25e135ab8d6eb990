"""Hooks that fail or are interrupted, and how they go on."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import jubilant
import pytest

from minijuju.install import Options, install
from minijuju.trial import provider, requirer

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Juju


def test_a_failed_hook_waits_for_resolved(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path, start='status-set active; open-port 1; [[ -e mended ]]'))

    unit = juju.until(jubilant.any_error).apps['ca'].units['ca/0']

    assert unit.workload_status.message == 'hook failed: "start"'
    assert unit.juju_status.current == 'idle'
    assert not unit.open_ports
    juju.cli('resolved', 'ca/0')
    assert juju.settle().apps['ca'].is_error
    juju.exec('touch mended', unit='ca/0')
    juju.cli('resolved', 'ca/0')
    assert juju.settle().apps['ca'].is_active
    with pytest.raises(jubilant.CLIError, match='is not in an error state'):
        juju.cli('resolved', 'ca/0')


def test_a_failed_relation_hook_names_the_other_end_and_can_be_skipped(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path))
    juju.deploy(requirer(tmp_path, needs_relation_joined='exit 1'))
    juju.integrate('ca', 'req')
    status = juju.until(jubilant.any_error)
    message = status.apps['req'].units['req/0'].workload_status.message
    assert message == 'hook failed: "needs-relation-joined" for ca:certs'

    juju.cli('resolved', '--no-retry', 'req/0')

    assert juju.settle().apps['req'].is_active


def test_failed_hooks_are_retried_by_themselves(juju: Juju, tmp_path: Path):
    juju.model_config({'automatically-retry-hooks': True})
    juju.deploy(
        provider(tmp_path, start='echo >>tries; (($(wc -l <tries) > 2)); status-set active')
    )

    status = juju.until(jubilant.all_active)

    assert juju.exec('wc -l <tries', unit='ca/0').stdout == '3\n'
    assert not status.apps['ca'].is_error


def test_retries_come_later_and_later(tmp_path: Path):
    # Only the clock of the daemon moves, so that each retry is seen to wait for its moment.
    factor = 100
    command = install(tmp_path / 'bin', tmp_path / 'home', Options(jobs=1, retry_factor=factor))
    juju = jubilant.Juju(cli_binary=command, wait_timeout=10)
    juju.add_model('m')
    juju.deploy(provider(tmp_path, start='exit 1'))

    def failures() -> int:
        return juju.debug_log().count('hook "start" failed')

    def await_failures(count: int) -> None:
        juju.wait(lambda _: failures() == count, delay=0.01, successes=1)
        juju.wait(jubilant.all_agents_idle, delay=0.01, successes=1)
        assert failures() == count

    def advance(seconds: float) -> None:
        juju.cli('advance-clock', f'{seconds}s', include_model=False)

    await_failures(1)
    for count, delay in enumerate([5, 10, 20, 40, 80, 160, 300, 300], start=1):
        advance(0.9 * delay * factor)
        await_failures(count)
        assert juju.status().apps['ca'].is_error
        advance(0.2 * delay * factor)
        await_failures(count + 1)

    juju.cli('resolved', 'ca/0')
    await_failures(10)
    advance(1.1 * 5 * factor)
    await_failures(11)
    juju.destroy_model('m', force=True)


def test_a_unit_in_error_takes_a_new_charm_by_force_only(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path, start='exit 1'))
    juju.settle()
    (tmp_path / 'new').mkdir()
    mended = provider(tmp_path / 'new')

    juju.refresh('ca', path=mended)
    juju.cli('resolved', 'ca/0')
    assert juju.settle().apps['ca'].is_error
    juju.refresh('ca', path=mended, force=True)
    juju.cli('resolved', 'ca/0')

    assert juju.settle().apps['ca'].is_active
    assert 'upgrade-charm' not in juju.hooks('ca/0')


def test_a_dying_unit_in_error_stays_until_it_is_forced(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path, start='exit 1'), num_units=2)
    juju.settle()
    juju.remove_unit('ca/0', 'ca/1')
    assert set(juju.settle().apps['ca'].units) == {'ca/0', 'ca/1'}

    juju.remove_unit('ca/0', force=True)
    juju.cli('resolved', '--no-retry', 'ca/1')

    juju.until(lambda status: not status.apps['ca'].units)


@pytest.mark.parametrize('signal', ['KILL', 'TERM'])
def test_a_killed_dispatch_loses_its_writes_and_nothing_else(
    juju: Juju, tmp_path: Path, signal: str
):
    install = 'open-port 1; state-set kept=1; relation-set -r "$(relation-ids peers)" kept=1'
    first = f"""
open-port 2; close-port 1; state-set kept=2 lost=1
relation-set -r "$(relation-ids peers)" kept=2 lost=1
secret-add --label lost key=value
status-set blocked -- "said at once"
touch in-the-folder
exec bash -c 'kill -{signal} $$'
"""
    again = """
ids=$(relation-ids peers)
juju-log "ports $(opened-ports), state $(state-get --format=json), secrets [$(secret-ids)]"
juju-log "bag $(relation-get --format=json -r "$ids" - "$JUJU_UNIT_NAME")"
open-port 3
"""
    start = f'if [[ -e in-the-folder ]]; then {again} else {first} fi'
    juju.deploy(provider(tmp_path, peers_relation_created=install, start=start))

    unit = juju.settle().apps['ca'].units['ca/0']

    log = juju.debug_log()
    assert 'hook "start" was interrupted' in log
    assert 'ports 1/tcp, state {"kept":"1"}, secrets []' in log
    bag = re.search('juju-log bag (.*)', log)
    assert bag is not None
    assert '"kept":"1"' in bag[1]
    assert 'lost' not in bag[1]
    assert unit.open_ports == ['1/tcp', '3/tcp']
    assert unit.workload_status.message == 'said at once'
    assert not unit.juju_status.message


def test_the_status_log_tells_what_happened(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path, start='status-set waiting -- soon; [[ -e mended ]]'))
    juju.settle()
    juju.exec('touch mended', unit='ca/0')
    juju.cli('resolved', 'ca/0')
    juju.settle()

    log = juju.cli('show-status-log', 'ca/0', '-n', '100')
    workload = json.loads(
        juju.cli('show-status-log', 'ca/0', '--type', 'workload', '--format', 'json')
    )

    assert re.match(r'Time +Type +Status +Message\n', log)
    assert re.search(r'Z +juju-unit +executing +running start hook\n', log)
    assert [entry['status'] for entry in workload][-4:] == [
        'maintenance',
        'waiting',
        'error',
        'waiting',
    ]
    assert workload[-2]['message'] == 'hook failed: "start"'
    assert len(juju.cli('show-status-log', 'ca/0', '-n', '2').splitlines()) == 3


@pytest.fixture
def gate(tmp_path: Path) -> str:
    """Bash that waits for the file ``go``, and takes it away."""
    return f'until rm {tmp_path}/go 2>/dev/null; do sleep 0.01; done'


def starting(status: jubilant.Status) -> bool:
    return status.apps['ca'].units['ca/0'].juju_status.message == 'running start hook'


def test_while_a_failed_hook_runs_again_there_is_nothing_to_resolve(
    juju: Juju, tmp_path: Path, gate: str
):
    juju.deploy(provider(tmp_path, start=f'[[ -e tried ]] && {gate}; touch tried; exit 1'))
    juju.settle()
    juju.cli('resolved', 'ca/0')

    status = juju.until(starting)
    assert not status.apps['ca'].is_error
    with pytest.raises(jubilant.CLIError, match='is not in an error state'):
        juju.cli('resolved', '--no-retry', 'ca/0')
    juju.cli('resolved', '--all')

    (tmp_path / 'go').touch()
    assert juju.settle().apps['ca'].is_error


def test_a_forced_refresh_waits_for_a_hook_that_is_to_fail(juju: Juju, tmp_path: Path, gate: str):
    juju.deploy(provider(tmp_path, start=f'{gate}; exit 1'))
    juju.until(starting)
    (tmp_path / 'new').mkdir()

    juju.refresh('ca', path=provider(tmp_path / 'new'), force=True)
    (tmp_path / 'go').touch()
    assert juju.until(jubilant.any_error)
    juju.cli('resolved', 'ca/0')

    assert juju.settle().apps['ca'].is_active
