"""Command lines of both generations, and the life of a process."""

from __future__ import annotations

import dataclasses
import datetime
import os
import pathlib
import stat
import time

import pytest
from conftest import BINARY

import command
from command import ExternalAccount, Features, Finished, Order, Unusable

OLD = Features(4, propagation_wait=False, eab_variables=False, profile=False)
LAST_4 = Features(4, propagation_wait=True, eab_variables=True, profile=True)
NEW = Features(5, propagation_wait=True, eab_variables=True, profile=True)
PLAIN = Order('https://h/dir', 'a@b.example', pathlib.Path('/w'), 'rfc2136')
FULL = Order(
    'https://h/dir',
    'a@b.example',
    pathlib.Path('/w'),
    'rfc2136',
    nameservers=('9.9.9.9:53', '[::1]:53'),
    propagation_wait=30,
    preferred_chain='Root X',
    profile='short',
    external_account=ExternalAccount('kid', 'secret'),
)
COMMON = '--server https://h/dir --email a@b.example --accept-tos --path /w --csr /w/request.csr'
RESOLVERS = '--dns rfc2136 --dns.resolvers 9.9.9.9:53 --dns.resolvers [::1]:53'


@pytest.mark.parametrize(
    ('order', 'features', 'expected'),
    [
        (PLAIN, OLD, f'{COMMON} --filename out --dns rfc2136 run'),
        (PLAIN, LAST_4, f'{COMMON} --filename out --dns rfc2136 run'),
        (PLAIN, NEW, f'--log.format text run {COMMON} --cert.name out --dns rfc2136'),
        (
            FULL,
            OLD,
            f'{COMMON} --filename out --eab --kid kid --hmac secret {RESOLVERS} --dns.disable-cp '
            'run --preferred-chain Root X --profile short',
        ),
        (
            FULL,
            LAST_4,
            f'{COMMON} --filename out --eab {RESOLVERS} --dns.propagation-wait 30s '
            'run --preferred-chain Root X --profile short',
        ),
        (
            FULL,
            NEW,
            f'--log.format text run {COMMON} --cert.name out --eab {RESOLVERS} '
            '--dns.propagation.wait 30s --preferred-chain Root X --profile short',
        ),
    ],
)
def test_the_command_line_of_an_order(order: Order, features: Features, expected: str) -> None:
    assert ' '.join(command.order_arguments(order, features)) == expected


@pytest.mark.parametrize(
    ('features', 'expected'),
    [
        (
            OLD,
            '--server https://h/dir --email a@b.example --path /w --domains out '
            'revoke --keep --reason 4',
        ),
        (
            NEW,
            'certificates revoke --server https://h/dir --email a@b.example --path /w '
            '--cert.name out --keep --reason 4',
        ),
    ],
)
def test_the_command_line_of_a_revocation(features: Features, expected: str) -> None:
    assert ' '.join(command.revoke_arguments(PLAIN, features, 4)) == expected


def test_the_key_of_an_external_account_is_on_the_first_command_line_alone() -> None:
    registered = dataclasses.replace(FULL, is_registered=True)

    assert 'secret' in command.order_arguments(FULL, OLD)
    for arguments in (
        command.order_arguments(registered, OLD),
        command.revoke_arguments(registered, OLD, 4),
    ):
        text = ' '.join(arguments)
        assert '--eab --kid kid --hmac ' in text
        assert 'secret' not in text
    for features in (LAST_4, NEW):
        assert 'secret' not in ' '.join(command.order_arguments(FULL, features))


def program(folder: pathlib.Path, text: str) -> pathlib.Path:
    path = folder / 'program'
    path.write_text(f'#!/bin/sh\n{text}\n')
    path.chmod(0o700)
    return path


def test_the_real_binary_is_of_generation_4() -> None:
    assert command.features(BINARY).generation == 4


@pytest.mark.parametrize(
    ('general', 'run', 'expected'),
    [
        ('  run x\n  renew  y\n', '', OLD),
        (
            '  run x\n  renew y\n --dns.propagation-wait v\n --hmac [$LEGO_EAB_HMAC]\n',
            '--profile value',
            LAST_4,
        ),
        ('  run x\n  accounts, a  y\n', '', NEW),
    ],
)
def test_what_a_binary_can_do_is_read_from_its_help(
    general: str, run: str, expected: Features, tmp_path: pathlib.Path
) -> None:
    path = program(tmp_path, f"if [ $1 = run ]; then echo '{run}'; else echo '{general}'; fi")

    assert command.features(path) == expected


def test_another_program_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(Unusable, match='no lego that is known'):
        command.features(program(tmp_path, 'echo hello'))


def test_a_file_that_is_no_program_is_refused(tmp_path: pathlib.Path) -> None:
    path = tmp_path / 'program'
    path.write_text('junk')
    path.chmod(0o700)

    with pytest.raises(Unusable, match='Exec format error'):
        command.features(path)


SECOND = datetime.timedelta(seconds=1)


def test_a_run_has_nothing_of_the_surroundings(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('JUJU_AGENT_TOKEN', 'secret')
    path = program(tmp_path, '/usr/bin/env; pwd; umask; cat; echo end >&2')

    done = command.run(path, [], {'ONE': '1'}, tmp_path, 10 * SECOND)

    assert done.status == 0
    lines = done.output.splitlines()
    assert 'ONE=1' in lines
    assert not [line for line in lines if 'JUJU' in line or 'HOME' in line]
    assert lines[-3:] == [str(tmp_path), '0077', 'end']
    assert stat.S_IMODE((tmp_path / 'output').stat().st_mode) == 0o600


def test_a_run_that_does_not_end_is_ended_with_all_that_it_started(tmp_path: pathlib.Path) -> None:
    path = program(tmp_path, "trap '' TERM; sleep 600 & echo $! >child; wait; sleep 600")

    done = command.run(path, [], {}, tmp_path, SECOND)

    assert done == Finished(None, '')
    child = int((tmp_path / 'child').read_text())
    deadline = time.monotonic() + 10
    while pathlib.Path(f'/proc/{child}').exists() and time.monotonic() < deadline:
        if 'zombie' in pathlib.Path(f'/proc/{child}/status').read_text():
            break
        time.sleep(0.02)
    else:
        assert not pathlib.Path(f'/proc/{child}').exists()


def test_what_a_run_left_behind_is_ended(tmp_path: pathlib.Path) -> None:
    path = program(tmp_path, 'sleep 600 & echo $! >child')

    done = command.run(path, [], {}, tmp_path, 30 * SECOND)

    assert done.status == 0
    with pytest.raises(ProcessLookupError):
        _wait_for_end(int((tmp_path / 'child').read_text()))


def _wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        os.kill(pid, 0)
        if ') Z ' in pathlib.Path(f'/proc/{pid}/stat').read_text():
            raise ProcessLookupError
        time.sleep(0.02)


def test_of_much_output_the_end_is_kept(tmp_path: pathlib.Path) -> None:
    path = program(tmp_path, 'yes x | head -c 3000000; echo end')

    done = command.run(path, [], {'PATH': '/usr/bin:/bin'}, tmp_path, 30 * SECOND)

    assert len(done.output) == command.MAX_OUTPUT
    assert done.output.endswith('end\n')


def test_nothing_is_ended_that_is_not_ours(tmp_path: pathlib.Path) -> None:
    (tmp_path / 'pid').write_text(str(os.getpid()))
    command.end(tmp_path)
    (tmp_path / 'pid').write_text('junk')
    command.end(tmp_path)
    command.end(tmp_path / 'absent')
