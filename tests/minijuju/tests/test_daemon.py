"""The daemon: it comes when needed, goes with the last model, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import jubilant
import pytest

from minijuju import daemon
from minijuju.install import Options, install
from minijuju.trial import alive, await_end, provider

if TYPE_CHECKING:
    from pathlib import Path


def test_a_killed_daemon_leaves_no_process(tmp_path: Path):
    # Sessions of their own, empty environments and dead parents are what hides a process.
    start = f"""
setsid sleep 300 & echo $! >>{tmp_path}/pids
(trap "" TERM HUP; exec sleep 301) & echo $! >>{tmp_path}/pids
env -i /bin/bash -c "(setsid sleep 302 & echo \\$! >>{tmp_path}/pids)"
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
    assert len(pids) == 4
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
    juju.wait(jubilant.all_agents_idle, delay=0.03, successes=1)
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


def test_hooks_that_hang_hold_up_nobody_else(tmp_path: Path):
    options = Options(jobs=1, retry_factor=1, long_hook=0.1)
    juju = jubilant.Juju(cli_binary=install(tmp_path / 'bin', tmp_path / 'home', options))
    juju.add_model('m')
    juju.deploy(provider(tmp_path, 'hanging', start='sleep 300'), num_units=3)
    juju.deploy(provider(tmp_path))

    juju.wait(lambda status: status.apps['ca'].is_active, delay=0.03, successes=1, timeout=10)

    juju.destroy_model('m', force=True)


def test_a_daemon_whose_last_model_is_gone_serves_who_comes_next(tmp_path: Path):
    command = install(tmp_path / 'bin', tmp_path / 'home', Options(jobs=1, retry_factor=1))
    juju = jubilant.Juju(cli_binary=command)
    juju.add_model('one')
    server = (tmp_path / 'home' / 'daemon.lock').read_text()
    now = juju.cli('advance-clock', '30d', include_model=False)

    juju.destroy_model('one')
    juju.add_model('two')

    assert (tmp_path / 'home' / 'daemon.lock').read_text() == server
    assert juju.cli('advance-clock', '0s', include_model=False) < now
    daemon.stop(tmp_path / 'home')


def test_a_client_goes_on_while_one_daemon_after_another_ends(tmp_path: Path):
    # It starts a daemon five times until there is one that answers.
    command = install(tmp_path / 'bin', tmp_path / 'home', Options(jobs=1, retry_factor=1))
    python = tmp_path / 'python'
    python.write_text(f"""#!/bin/bash
echo >>{tmp_path}/tries
(($(wc -l <{tmp_path}/tries) < 5)) || exec {sys.executable} "$@"
""")
    python.chmod(0o755)
    text = command.read_text()
    assert f'python={sys.executable}' in text
    command.write_text(text.replace(f'python={sys.executable}', f'python={python}'))

    jubilant.Juju(cli_binary=command).add_model('m')

    assert daemon.stop(tmp_path / 'home')


def test_hooks_that_kill_themselves_hold_up_no_other_model(tmp_path: Path):
    command = install(tmp_path / 'bin', tmp_path / 'home', Options(jobs=1, retry_factor=1))
    first, second = jubilant.Juju(cli_binary=command), jubilant.Juju(cli_binary=command)
    first.add_model('first')
    first.deploy(provider(tmp_path, 'bad', start='kill -9 $$'), num_units=2)
    first.wait(lambda _: 'interrupted' in first.debug_log(), delay=0.03, successes=1, timeout=10)
    second.add_model('second')

    second.deploy(provider(tmp_path))

    second.wait(jubilant.all_active, delay=0.03, successes=1, timeout=10)
    daemon.stop(tmp_path / 'home')


def test_what_a_killed_warden_left_behind_ends_with_the_next_start(tmp_path: Path):
    start = f'setsid sleep 300 & echo $! >{tmp_path}/pid; sleep 300'
    command = install(tmp_path / 'bin', tmp_path / 'home', Options(jobs=1, retry_factor=1))
    juju = jubilant.Juju(cli_binary=command)
    juju.add_model('m')
    juju.deploy(provider(tmp_path, start=start))
    pid = tmp_path / 'pid'
    juju.wait(lambda _: pid.exists() and pid.read_text() != '', delay=0.03, successes=1)
    server = int((tmp_path / 'home' / 'daemon.lock').read_text())

    os.killpg(os.getpgid(server), signal.SIGKILL)
    await_end(server)
    assert alive(int(pid.read_text()))
    juju.cli('models', include_model=False)

    await_end(int(pid.read_text()))
    daemon.stop(tmp_path / 'home')
