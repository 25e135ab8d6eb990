"""The lego provider in a model where servers hang, hooks are killed and files cannot be written.

Nothing here is helped from outside: what recovers does so with the events that Juju sends anyway.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import secrets
import shlex
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import jubilant
import lego_model
import pytest
from acme_servers import Servers
from lego_model import PROVIDER, ask, asked, certificates, message, pass_time

from backends import acme, dns
from minijuju import trial

Wait = Callable[[], jubilant.Status]

CANARY = secrets.token_urlsafe(24)
"""Value of a variable of the DNS provider that nobody knows the meaning of."""

# Runs lego. Where a file `armed` is, it kills the hook after that many orders that went well: lego
# has ended then, and the hook has not seen it yet.
WRAPPER = """#!/bin/sh
{lego} "$@"
status=$?
case " $* " in *" run "*) ;; *) exit $status ;; esac
[ $status = 0 ] && [ -e {folder}/armed ] || exit $status
echo >>{folder}/orders
if [ "$(wc -l <{folder}/orders)" = "$(cat {folder}/armed)" ]; then
    rm {folder}/armed {folder}/orders
    read -r _ _ _ _ group _ <"/proc/$PPID/stat"
    kill -9 "-$group"
fi
exit $status
"""


@pytest.fixture(scope='module')
def resolver(servers: Servers) -> Iterator[dns.Resolver]:
    with dns.resolver(servers.dns.address) as made:
        yield made


@pytest.fixture(scope='module')
def wrapped(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Of the binary that is attached."""
    made = tmp_path_factory.mktemp('lego')
    lego = shutil.which('lego') or ''
    text = WRAPPER.format(lego=shlex.quote(lego), folder=shlex.quote(str(made)))
    (made / 'lego').write_text(text, encoding='utf-8')
    return made


@pytest.fixture(scope='module')
def hanging(
    engine: None,
    servers: Servers,
    resolver: dns.Resolver,
    artifact: Callable[[str], pathlib.Path],
) -> Iterator[jubilant.Juju]:
    """A model in which an order is to hang to the end of its time, while the others go on."""
    with jubilant.temp_model() as model:
        # The others put the clock forward: nothing is tried again here because of that.
        settings = {'automatically-retry-hooks': False, 'update-status-hook-interval': '24h'}
        model.model_config(settings)
        model.wait_timeout = 180
        content = variables(servers, patience='600')
        configure(model, servers.acme, resolver, content, {'order-timeout': '1m'}, artifact)
        names = {'common_name': 'early.example.test', 'sans_dns': 'early.example.test'}
        model.deploy(artifact('tests/charms/requirer'), 'web', config=names)
        model.integrate('web:certificates', PROVIDER)
        yield model


@pytest.fixture(scope='module', autouse=True)
def deployed(
    servers: Servers,
    resolver: dns.Resolver,
    cmdlines: set[str],
    hanging: jubilant.Juju,
    juju: jubilant.Juju,
    idle: Wait,
    artifact: Callable[[str], pathlib.Path],
    wrapped: pathlib.Path,
) -> None:
    content = variables(servers, patience='1')
    configure(juju, servers.bound, resolver, content, {}, artifact, wrapped / 'lego')
    for app in ('web', 'other'):
        juju.deploy(artifact('tests/charms/requirer'), app, config={'num_certificates': 0})
        juju.integrate(f'{app}:certificates', PROVIDER)
    external = {'eab-kid': acme.EAB_KEY_ID, 'eab-hmac': acme.EAB_KEY}
    juju.config(PROVIDER, {'eab-secret-id': lego_model.secret(juju, 'eab', external)})
    idle()
    hanging.wait(jubilant.all_active, error=jubilant.any_error, delay=0.2, successes=1)
    resolver.silence('hangs-0.example.test')
    names = {'common_name': 'hangs-{i}.example.test', 'sans_dns': 'hangs-{i}.example.test'}
    hanging.config('web', {**names, 'num_certificates': 2})


def variables(servers: Servers, *, patience: str) -> dict[str, str]:
    """The secret of the DNS provider, with seconds that lego waits for a record."""
    return lego_model.variables(
        servers, RFC2136_PROPAGATION_TIMEOUT=patience, CANARY_PASSWORD=CANARY
    )


def configure(
    juju: jubilant.Juju,
    server: acme.AcmeServer,
    resolver: dns.Resolver,
    content: dict[str, str],
    options: dict[str, str],
    artifact: Callable[[str], pathlib.Path],
    binary: pathlib.Path | None = None,
) -> None:
    """Deploy the provider with all its options."""
    juju.deploy(
        artifact('charms/lego'),
        PROVIDER,
        config={
            **lego_model.roots(server),
            'plugin': 'rfc2136',
            'email': 'operator@example.test',
            'accept-terms-of-service': True,
            'dns-nameservers': resolver.address,
            'dns-propagation-wait': 1,
            **options,
        },
        resources={'lego': str(binary)} if binary else None,
    )
    uri = lego_model.secret(juju, 'dns', content)
    juju.config(PROVIDER, {'plugin-config-secret-id': uri})


@dataclasses.dataclass(frozen=True)
class Run:
    """A run of lego, found among the processes of the machine."""

    pid: int
    """Of the first process, and number of its group."""
    hook: int
    """The process of the charm, and number of its group."""
    work: pathlib.Path
    unit: pathlib.Path
    """Folder of the charm."""


def running(server: acme.AcmeServer) -> Run:
    """The one run of lego with a server."""
    found: dict[int, int] = {}
    for path in pathlib.Path('/proc').glob('[0-9]*/cmdline'):
        with contextlib.suppress(OSError):
            words = path.read_bytes().decode(errors='replace').split('\0')
            if '--csr' in words and server.directory in words:
                status = (path.parent / 'stat').read_text(encoding='utf-8')
                found[int(path.parent.name)] = int(status.rpartition(')')[2].split()[1])
    [(pid, hook)] = [(pid, parent) for pid, parent in found.items() if parent not in found]
    work = pathlib.Path(f'/proc/{pid}/cwd').resolve()
    return Run(pid, hook, work, work.parents[1])


def key_of_the_account(juju: jubilant.Juju) -> str:
    """A line of it, as it is stored by the charm."""
    found = json.loads(juju.cli('secrets', '--format', 'json'))
    [name] = [one for one in found if str(found[one].get('label')).startswith('acme-account-')]
    shown = json.loads(juju.cli('show-secret', name, '--reveal', '--format', 'json'))
    [content] = [value['content']['Data'] for value in shown.values()]
    return content['private-key'].splitlines()[1]


def holding(folder: pathlib.Path, *texts: str) -> list[pathlib.Path]:
    """Files below a folder that hold any of these texts, encoded in base64 or not."""
    wanted = [text.encode() for text in texts]
    wanted += [base64.b64encode(one) for one in wanted]
    found: list[pathlib.Path] = []
    for path in folder.rglob('*'):
        if path.is_file() and not path.is_symlink():
            with contextlib.suppress(OSError):
                content = path.read_bytes()
                if any(one in content for one in wanted):
                    found.append(path)
    return found


def readable(path: pathlib.Path, top: pathlib.Path) -> bool:
    """Whether other users of the machine may read a file below a folder that they may enter."""
    between = [one for one in path.parents if top in one.parents]
    enters = all(one.stat().st_mode & stat.S_IXOTH for one in between)
    return enters and bool(path.stat().st_mode & stat.S_IROTH)


def test_a_record_that_does_not_spread_costs_nobody_else_and_comes_when_the_server_answers(
    juju: jubilant.Juju, idle: Wait, settle: Wait, resolver: dns.Resolver
) -> None:
    """The server takes lego's queries for one name and never answers, until it does."""
    silenced = resolver.silence('silent.example.test')
    ask(juju, 'silent.example.test', app='other')
    ask(juju, 'served.example.test')
    status = idle()

    assert silenced.is_set()
    assert certificates(juju)[0]['names'] == ['served.example.test']
    request = asked(juju, 'other/0')
    assert (request['state'], request['code']) == ('denied', 999)
    assert 'time limit exceeded' in request['message']
    current, text = message(status)
    assert current == 'active'
    assert text.startswith('1/2 issued, 1 refused; other/0: localhost:')
    assert 'silent.example.test' in text
    assert '; next try ' in text
    resolver.answer('silent.example.test')
    pass_time(juju, '7m')
    settle()
    assert certificates(juju, 'other/0')[0]['names'] == ['silent.example.test']
    assert message(idle())[1].startswith('2/2 issued')


def test_a_hook_killed_after_its_orders_publishes_them_when_it_runs_again(
    juju: jubilant.Juju, settle: Wait, servers: Servers, wrapped: pathlib.Path
) -> None:
    """The first of two orders is in the journal by then, the second only where lego worked."""
    juju.config(PROVIDER, {'max-parallel-orders': 1})
    settle()
    orders, registrations = servers.bound.orders(), servers.bound.registrations()
    (wrapped / 'armed').write_text('2', encoding='ascii')
    names = {'common_name': 'crash-{i}.example.test', 'sans_dns': 'crash-{i}.example.test'}
    juju.config('web', {**names, 'num_certificates': 2})
    settle()

    issued = certificates(juju)
    assert sorted(one['names'] for one in issued) == [
        ['crash-0.example.test'],
        ['crash-1.example.test'],
    ]
    assert not (wrapped / 'armed').exists()
    assert 'was interrupted; it will run again' in juju.debug_log()
    assert servers.bound.orders() == orders + 2
    assert servers.bound.registrations() == registrations


@pytest.mark.parametrize('lego_too', [False, True], ids=['lego goes on', 'lego is killed too'])
def test_a_hook_killed_during_an_order_leaves_no_key_on_disk(
    lego_too: bool, juju: jubilant.Juju, idle: Wait, resolver: dns.Resolver, servers: Servers
) -> None:
    name = f'killed-{lego_too}.example.test'.lower()
    silenced = resolver.silence(name)
    key = key_of_the_account(juju)
    juju.update_secret('dns', variables(servers, patience='600'))
    idle()
    ask(juju, name, app='other')
    assert silenced.wait(60)
    run = running(servers.bound)
    # Nobody asks any more when the hook runs again, so that no order clears up.
    juju.config('other', {'num_certificates': 0})
    juju.wait(lambda status: jubilant.all_agents_idle(status, 'other'), delay=0.2)

    assert holding(run.work, key)
    kept = holding(run.unit, key, servers.dns.secret, CANARY, acme.EAB_KEY)
    assert not [path for path in kept if readable(path, run.unit)]
    if lego_too:
        os.killpg(run.pid, signal.SIGKILL)
    os.killpg(run.hook, signal.SIGKILL)
    idle()
    pass_time(juju, '7m')
    idle()

    assert not holding(run.unit, key)
    trial.await_end(run.pid)
    juju.update_secret('dns', variables(servers, patience='1'))
    idle()


def test_files_that_cannot_be_written_block_and_cost_no_order(
    juju: jubilant.Juju, idle: Wait, settle: Wait, servers: Servers
) -> None:
    orders = pathlib.Path(juju.exec('pwd', unit=f'{PROVIDER}/0').stdout.strip()) / 'orders'
    kept = orders.rename(orders.with_name('kept'))
    orders.symlink_to('/sys/kernel')  # where nobody makes a folder, not even root
    spent = servers.bound.orders()
    ask(juju, 'files.example.test')

    current, text = message(idle())

    assert (current, text[:34]) == ('blocked', 'this unit cannot write its files: ')
    assert asked(juju)['state'] == 'pending'
    assert servers.bound.orders() == spent
    orders.unlink()
    kept.rename(orders)
    pass_time(juju, '7m')
    settle()
    assert certificates(juju)[0]['names'] == ['files.example.test']


def test_no_secret_was_seen_anywhere(
    juju: jubilant.Juju, idle: Wait, servers: Servers, cmdlines: set[str]
) -> None:
    [one] = json.loads(_results(juju, 'list-certificates')['certificates'])
    trial_order = {'name': 'trial.example.test', 'server': servers.bound.directory}
    shown = [
        str(_results(juju, 'dry-run', trial_order)),
        str(_results(juju, 'revoke-certificate', {'id': one['id']})),
        str(_results(juju, 'retry-requests')),
        str(_results(juju, 'get-ca-certificate')),
        str(_results(juju, 'list-requests')),
        str(_results(juju, 'get-issued-certificates')),
        str(idle()),
        juju.cli('status', '--format', 'yaml'),
        juju.cli('show-unit', f'{PROVIDER}/0', 'web/0', 'other/0'),
        juju.cli('show-status-log', f'{PROVIDER}/0', '-n', '1000'),
        juju.debug_log(),
    ]
    hidden = [servers.dns.secret, CANARY, key_of_the_account(juju)]
    unit = pathlib.Path(juju.exec('pwd', unit=f'{PROVIDER}/0').stdout.strip())

    for key in (*hidden, acme.EAB_KEY):
        assert not [text for text in shown if key in text]
    for key in hidden:
        assert not [line for line in list(cmdlines) if key in line]
    assert not holding(unit, *hidden, acme.EAB_KEY)


def _results(
    juju: jubilant.Juju, action: str, parameters: dict[str, str] | None = None
) -> dict[str, Any]:
    return dataclasses.asdict(juju.run(f'{PROVIDER}/leader', action, parameters))['results']


def test_the_key_of_an_external_account_is_on_the_command_line_at_the_registration_alone(
    juju: jubilant.Juju, servers: Servers, cmdlines: set[str]
) -> None:
    """lego takes it from its environment since 4.14."""
    unit = juju.exec('pwd', unit=f'{PROVIDER}/0').stdout.strip()
    lines = [line.split('\0') for line in list(cmdlines) if servers.bound.directory in line]
    runs = {words[words.index('--path') + 1]: words for words in lines if '--path' in words}
    help_text = subprocess.run(['lego', '--help'], capture_output=True, text=True, check=True)
    most = 0 if 'LEGO_EAB_HMAC' in help_text.stdout else 1

    seen = {words[words.index('--path') + 1] for words in lines if acme.EAB_KEY in words}

    # One more is that of the trial, which registers an account of its own.
    trial = hashlib.sha256(b'trial').hexdigest()[:16]
    own = [path for path in seen if not pathlib.Path(path).name.startswith(trial)]
    assert len(own) == most
    assert all(path.startswith(unit) for path in seen)
    assert len(seen) <= 2 * most
    assert len(runs) > 8
    assert any('revoke' in words for words in runs.values())


def test_an_order_that_hangs_is_ended_and_comes_when_the_server_answers(
    hanging: jubilant.Juju, resolver: dns.Resolver
) -> None:
    def wait() -> jubilant.Status:
        return hanging.wait(
            jubilant.all_agents_idle, error=jubilant.any_error, delay=0.2, successes=5
        )

    current, text = message(wait())

    assert current == 'active'
    assert text.startswith('1/2 issued, 1 refused; web/0: localhost:')
    assert 'it did not end within the time of option order-timeout' in text
    assert '; next try ' in text
    assert [one['names'] for one in certificates(hanging)] == [['hangs-1.example.test']]
    requests = json.loads(hanging.run('web/0', 'get-requests').results['requests'])
    assert [(one['state'], one['code']) for one in requests if 'code' in one] == [('denied', 999)]
    resolver.answer('hangs-0.example.test')
    hanging.model_config({'update-status-hook-interval': '5m'})
    pass_time(hanging, '7m')
    hanging.wait(jubilant.all_active, error=jubilant.any_error, delay=0.2, successes=1)
    assert len(certificates(hanging)) == 2
    hanging.model_config({'update-status-hook-interval': '24h'})


def test_a_name_that_always_fails_is_ordered_four_times_in_an_hour_and_holds_up_no_other(
    juju: jubilant.Juju, idle: Wait, servers: Servers
) -> None:
    juju.remove_application('other')
    names = {'common_name': 'hour-{i}.example.test', 'sans_dns': 'hour-{i}.example.test'}
    juju.config('web', {**names, 'num_certificates': 2})
    idle()
    before = certificates(juju)
    orders = servers.bound.orders()
    # Units shorten or lengthen their interval by up to a fifth.
    juju.model_config({'update-status-hook-interval': '50s'})

    for _ in range(30):
        pass_time(juju, '1m')
    assert [one['names'] for one in before] == [['hour-0.example.test']]
    assert certificates(juju) == before
    spent = servers.bound.orders()
    juju.config('web', {'num_certificates': 3})
    idle()
    after = certificates(juju)
    assert [one['names'] for one in after if one not in before] == [['hour-2.example.test']]
    assert servers.bound.orders() == spent + 1
    for _ in range(30):
        pass_time(juju, '1m')

    # The first one was counted before; 1, 6 and 21 minutes after it, and then after 81.
    assert servers.bound.orders() - orders - 1 == 3
    assert certificates(juju) == after
