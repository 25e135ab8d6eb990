"""Charms that do what no charm should: the daemon and all other units go on as before."""

from __future__ import annotations

import re
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import jubilant
import pytest

from minijuju.testing import pack_charm
from minijuju.trial import await_end, provider, requirer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Juju

MIB = 1024 * 1024


@pytest.fixture
def bystander(juju: Juju, home: Path, tmp_path: Path) -> Iterator[None]:
    """A unit that is as well after the test as before, under a daemon that has not grown."""
    changed = 'status-set active "$(config-get greeting)"'
    juju.deploy(provider(tmp_path, 'bystander', config_changed=changed))
    juju.settle()
    process = Path('/proc') / (home / 'daemon.lock').read_text()
    with suppress(OSError):  # not every kernel can forget the peak, which then is a past one
        (process / 'clear_refs').write_text('5')
    before = peak(process)

    yield

    assert peak(process) - before < 150 * MIB
    if juju.model is not None:
        juju.config('bystander', {'greeting': 'still here'})
        juju.until(lambda status: status.apps['bystander'].app_status.message == 'still here')
        assert juju.exec('is-leader', unit='bystander/0').stdout == 'True\n'


def peak(process: Path) -> int:
    found = re.search(r'^VmHWM:\s+(\d+) kB$', (process / 'status').read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.usefixtures('bystander')
@pytest.mark.parametrize('whole_model', [False, True])
def test_a_hook_that_hangs_is_killed_with_all_it_started(
    juju: Juju, tmp_path: Path, whole_model: bool
):
    pids = tmp_path / 'pids'
    start = f"""
trap '' TERM INT HUP
sleep 300 & echo $! >>{pids}
setsid bash -c 'sleep 301 & echo $! >>{pids}; echo $$ >>{pids}; wait' &
setsid --fork bash -c 'echo $$ >>{pids}; exec sleep 302'
env -i setsid /bin/sleep 303 & echo $! >>{pids}
echo $$ >>{pids}
while true; do wait; done
"""
    juju.deploy(provider(tmp_path, start=start))
    juju.until(lambda _: pids.exists() and len(pids.read_text().split()) == 6)

    if whole_model and juju.model is not None:
        juju.destroy_model(juju.model, force=True)
    else:
        juju.remove_unit('ca/0', force=True)
        assert not juju.status().apps['ca'].units

    await_end(*map(int, pids.read_text().split()))


@pytest.mark.usefixtures('bystander')
@pytest.mark.parametrize('end', ['exit 1', 'kill -SEGV $$', 'exec /nonexistent', 'exit 137'])
def test_a_hook_that_ends_badly_is_in_error(juju: Juju, tmp_path: Path, end: str):
    juju.deploy(provider(tmp_path, start=f'open-port 1; {end}'))

    unit = juju.settle().apps['ca'].units['ca/0']

    assert unit.workload_status.message == 'hook failed: "start"'
    assert not unit.open_ports


@pytest.mark.usefixtures('bystander')
def test_a_hook_that_always_kills_itself_holds_up_nobody(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path, start='kill -9 $$'))

    juju.until(lambda _: juju.debug_log().count('hook "start" was interrupted') > 1)

    assert not juju.status().apps['ca'].is_error
    juju.remove_application('ca', force=True)


@pytest.mark.usefixtures('bystander')
def test_a_flood_of_output_is_cut(juju: Juju, tmp_path: Path, home: Path):
    flood = 'yes 0123456789 | head -c 50000000; yes | head -c 50000000 >&2; status-set active'
    juju.deploy(provider(tmp_path, start=flood))

    assert juju.settle().apps['ca'].is_active

    log = juju.debug_log()
    assert len(log) < 4 * MIB
    assert len(re.findall('leaves out what is beyond 10000 lines or 4194304 bytes', log)) == 2
    assert (home / 'logs' / f'{juju.model}.log').stat().st_size == len(log)


@pytest.mark.usefixtures('bystander')
def test_garbage_in_output_and_arguments_stays_readable(juju: Juju, tmp_path: Path):
    start = r"""
head -c 300000 /dev/urandom
head -c 300000 /dev/urandom >&2
garbage=$(printf 'a\xff\xfe\x01')
juju-log "$garbage"
state-set key="$garbage"
application-version-set "$garbage"
status-set active "$garbage"
"""
    juju.deploy(provider(tmp_path, start=start))

    app = juju.settle().apps['ca']

    assert app.app_status.message == 'a\ufffd\ufffd\x01'
    assert 'juju-log a\ufffd\ufffd\x01' in juju.debug_log()


@pytest.mark.usefixtures('bystander')
@pytest.mark.parametrize('count', [1, 1000])
def test_a_databag_that_is_too_large_reaches_nobody(juju: Juju, tmp_path: Path, count: int):
    # In one value, and in many that are not too large by themselves.
    joined = f"""
python3 -c '
import json
print(json.dumps({{f"k{{n}}": "x" * (20 * 1024 * 1024 // {count}) for n in range({count})}}))
' | relation-set --file -
relation-get -r "$JUJU_RELATION_ID" k0 "$JUJU_UNIT_NAME" | wc -c >size
"""
    juju.deploy(provider(tmp_path))
    juju.deploy(requirer(tmp_path, needs_relation_joined=joined))
    juju.integrate('ca', 'req')

    unit = juju.until(jubilant.any_error).apps['req'].units['req/0']

    assert unit.workload_status.message == 'hook failed: "needs-relation-joined" for ca:certs'
    assert int(juju.exec('cat size', unit='req/0').stdout) > 20 * MIB // count
    related = juju.show_unit('ca/0').relation_info
    seen = next(info for info in related if info.endpoint == 'certs').related_units['req/0'].data
    assert 'k0' not in seen
    assert 'max allowed size' in juju.debug_log()
    juju.cli('resolved', '--no-retry', 'req/0')
    assert juju.settle().apps['req'].app_status.message == 'signed csr of req/0'


@pytest.mark.usefixtures('bystander')
def test_silent_and_senseless_connections_hold_nobody_up(juju: Juju, tmp_path: Path):
    start = r"""
server=/dev/tcp/${JUJU_AGENT_SOCKET_ADDRESS/:/\/}
for _ in {1..300}; do exec {silent}<>$server; done
say() { printf "$@" >$server || true; }
say 'GET / HTTP/1.1\r\n\r\n'
say '\0\0\0\0'
say '\n'
say '%s 0\n' 99999999999999999999
say '%s %s\n' -5 -5
say '4 4\n\0\0\0\0'
say '9 5\nx\0/\0juju\0'
say '100 0\nshort'
head -c 1000000 /dev/urandom >$server || true
(exec 7<>$server; printf '12 99999999999999\nx\0/\0is-leader\0' >&7) || true
is-leader
status-set active
"""
    juju.deploy(provider(tmp_path, start=start))

    assert juju.settle().apps['ca'].is_active


@pytest.mark.usefixtures('bystander')
def test_hundreds_of_hook_tools_at_once_are_all_answered(juju: Juju, tmp_path: Path):
    start = 'for n in {1..400}; do juju-log "call $n." & done; wait; status-set active'
    juju.deploy(provider(tmp_path, start=start))

    assert juju.settle().apps['ca'].is_active
    log = juju.debug_log()
    assert all(f'call {n}.' in log for n in range(1, 401))


@pytest.mark.usefixtures('bystander')
@pytest.mark.parametrize('folder', ['$CHARM_DIR', '${CHARM_DIR%/charm}'])
def test_a_charm_without_its_folder_is_in_error_until_it_has_a_new_one(
    juju: Juju, tmp_path: Path, folder: str
):
    juju.deploy(provider(tmp_path, start=f'cd /; rm -rf "{folder}"'))
    juju.settle()

    juju.config('ca', {'greeting': 'new'})

    assert juju.until(jubilant.any_error).apps['ca'].is_error
    assert re.search('cannot run the charm: its folder .* is gone', juju.debug_log())
    (tmp_path / 'new').mkdir()
    mended = provider(tmp_path / 'new', config_changed='status-set active mended')
    juju.refresh('ca', path=mended, force=True)
    juju.cli('resolved', 'ca/0')
    assert juju.settle().apps['ca'].app_status.message == 'mended'


@pytest.mark.usefixtures('bystander')
def test_what_an_action_prints_is_cut(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path, greet=f'head -c {20 * MIB} /dev/zero | tr "\\0" x'))
    juju.settle()

    task = juju.run('ca/0', 'greet')

    assert task.success
    assert task.stdout.startswith('x' * 1000)
    assert task.stdout.endswith(f'x\n[minijuju dropped {16 * MIB} more bytes]\n')
    assert len(task.stdout) < 5 * MIB


@pytest.mark.usefixtures('bystander')
def test_a_few_lines_that_stand_for_terabytes_are_refused(juju: Juju, tmp_path: Path):
    bomb = 'a: &a [x, x, x, x, x, x, x, x, x]\n'
    for name, earlier in zip('bcdefghijkl', 'abcdefghijk', strict=True):
        bomb += f'{name}: &{name} [{", ".join([f"*{earlier}"] * 9)}]\n'
    charm = pack_charm(
        tmp_path / 'bomb.charm',
        metadata={'name': 'bomb', 'peers': {'peers': {'interface': 'x'}}},
        scripts={
            'start': """
for tool in "relation-set -r $(relation-ids peers)" state-set "secret-add --label x"; do
    if $tool --file - <bomb; then exit 1; fi
done
status-set active
"""
        },
        files={'bomb': bomb},
    )
    juju.deploy(charm)

    assert juju.settle().apps['bomb'].is_active


@pytest.mark.usefixtures('bystander')
def test_a_charm_that_writes_into_its_packages_changes_its_own_only(juju: Juju, tmp_path: Path):
    package = f'venv/lib/python3.{sys.version_info[1]}/site-packages/shared.py'
    start = f'if is-leader | grep -q True; then echo spoilt >{package}; fi'
    charm = pack_charm(
        tmp_path / 'py.charm',
        metadata={'name': 'py'},
        scripts={'start': start},
        files={package: 'clean\n'},
    )
    juju.deploy(charm, num_units=2)
    juju.settle()
    juju.add_unit('py')
    units = juju.settle().apps['py'].units

    shared = {name: juju.exec(f'cat {package}', unit=name).stdout for name in units}

    assert len(shared) == 3
    for name, unit in units.items():
        assert shared[name] == ('spoilt\n' if unit.leader else 'clean\n')


@pytest.mark.usefixtures('bystander')
def test_a_large_file_of_small_keys_holds_nobody_up(juju: Juju, tmp_path: Path):
    start = """
seq 1 300000 | sed 's/.*/k&: v/' | relation-set -r "$(relation-ids peers)" --file -
touch done
"""
    juju.deploy(provider(tmp_path, start=start))
    juju.until(lambda status: 'start' in status.apps['ca'].units['ca/0'].juju_status.message)
    folder = Path(juju.exec('pwd', machine=1).stdout.strip())
    waits: list[float] = []

    while not (folder / 'done').exists() and sum(waits) < 20:
        before = time.monotonic()
        juju.status()
        waits.append(time.monotonic() - before)

    assert len(waits) > 5
    assert max(waits) < 1
    assert juju.settle().apps['ca'].units['ca/0'].workload_status.current == 'unknown'


@pytest.mark.usefixtures('bystander')
def test_a_pipe_that_nobody_writes_holds_nobody_up(juju: Juju, tmp_path: Path):
    start = """
mkfifo pipe
state-set --file pipe &
sleep 0.1
status-set active
kill $!
"""
    juju.deploy(provider(tmp_path, start=start))

    assert juju.settle().apps['ca'].is_active
