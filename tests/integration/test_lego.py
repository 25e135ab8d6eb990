"""The lego provider, packed, in a model, with a real ACME server and a real name server."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import jubilant
import pytest
import verification
from acme_servers import Servers
from lego_model import (
    PROVIDER,
    ask,
    asked,
    certificates,
    message,
    roots,
    secret,
    variables,
)

from backends import acme

Wait = Callable[[], jubilant.Status]
ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module', autouse=True)
def deployed(
    servers: Servers,
    cmdlines: set[str],
    juju: jubilant.Juju,
    idle: Wait,
    artifact: Callable[[str], pathlib.Path],
) -> None:
    juju.deploy(artifact('charms/lego'), PROVIDER)
    juju.deploy(artifact('tests/charms/requirer'), 'web', config={'num_certificates': 0})
    juju.integrate('web:certificates', PROVIDER)
    juju.integrate('web:certificate_transfer', f'{PROVIDER}:send-ca-cert')
    idle()


def test_what_is_not_configured_is_named_one_after_the_other(
    juju: jubilant.Juju, idle: Wait, servers: Servers
) -> None:
    steps: list[tuple[dict[str, Any], str]] = [
        ({}, 'option plugin: is not set'),
        ({'plugin': 'rfc2136'}, 'option plugin-config-secret-id: is not set; rfc2136 needs'),
        (
            {'plugin-config-secret-id': 'secret:d6ec2bpgahqc711hdl30'},
            'option plugin-config-secret',
        ),
        ({'plugin-config-secret-id': secret(juju, 'dns', variables(servers))}, 'option email: is'),
        ({'email': 'operator@example.test'}, 'option accept-terms-of-service: read the terms'),
    ]
    for options, complaint in steps:
        juju.config(PROVIDER, {**roots(servers.acme), **options})
        current, text = message(idle())
        assert (current, text[: len(complaint)]) == ('blocked', complaint)

    juju.config(
        PROVIDER,
        {
            'accept-terms-of-service': True,
            'dns-nameservers': servers.dns.address,
            'dns-propagation-wait': 1,
        },
    )

    assert message(idle()) == ('active', '')


def test_a_trial_shows_that_all_works_together(juju: jubilant.Juju, servers: Servers) -> None:
    trial = {'name': 'trial.example.test', 'server': servers.acme.directory}

    shown = juju.run(f'{PROVIDER}/leader', 'dry-run', trial).results['result']

    assert shown.startswith('trial.example.test: a certificate came from localhost:')


@pytest.mark.parametrize(
    'names',
    [
        ('www.example.test',),
        ('a.example.test', 'b.example.test'),
        ('*.example.test', 'example.test'),
        ('delegated.example.test',),
    ],
    ids=','.join,
)
def test_names_are_certified_and_the_chain_verifies(
    names: tuple[str, ...], juju: jubilant.Juju, settle: Wait, servers: Servers
) -> None:
    ask(juju, *names)
    settle()

    [issued] = certificates(juju)
    root = servers.acme.root().strip()
    assert sorted(issued['names']) == sorted(names)
    assert issued['ca-certificate'].strip() == root
    verification.assert_verifies(
        issued['chain'], issued['ca-certificate'], names[0].replace('*', 'any'), lints=False
    )
    assert juju.run('web/0', 'check').results['checked'] == '1'
    trusted = juju.run('web/0', 'get-trusted-ca-certificates').results
    assert (trusted['count'], trusted['ca-certificates'].strip()) == ('1', root)


@pytest.mark.parametrize(
    ('names', 'code', 'complaint'),
    [
        (('www.blocked.test',), 102, 'refused by localhost:'),
        (('www.elsewhere.test',), 102, 'no zone for it is served'),
    ],
    ids=['refused by the server', 'zone not served'],
)
def test_a_failure_of_a_name_is_told_with_its_code(
    names: tuple[str, ...], code: int, complaint: str, juju: jubilant.Juju, idle: Wait
) -> None:
    ask(juju, *names)
    status = idle()

    request = asked(juju)
    assert (request['state'], request['code']) == ('denied', code)
    assert complaint in request['message']
    current, text = message(status)
    assert current == 'active'
    assert 'web/0: ' in text
    assert complaint in text


def test_addresses_are_refused_without_an_order(
    juju: jubilant.Juju, idle: Wait, servers: Servers
) -> None:
    orders = servers.acme.orders()
    juju.config('web', {'sans-ip': '10.1.2.3'})
    idle()

    request = asked(juju)
    assert (request['state'], request['code']) == ('denied', 101)
    assert servers.acme.orders() == orders
    juju.config('web', {'sans-ip': ''})


def test_a_wrong_key_of_the_zone_blocks_and_resumes_when_the_secret_is_right(
    juju: jubilant.Juju, idle: Wait, settle: Wait, servers: Servers
) -> None:
    wrong = 'd3JvbmctY2FuYXJ5LXNlY3JldC1rZXktb2YtdGhlLXpvbmU='
    juju.update_secret('dns', variables(servers, RFC2136_TSIG_SECRET=wrong))
    idle()
    ask(juju, 'key.example.test')
    current, text = message(idle())
    orders = servers.acme.orders()

    assert (current, text[:16]) == ('blocked', 'plugin rfc2136: ')
    assert asked(juju)['state'] == 'pending'
    juju.cli('advance-clock', '6m')
    idle()
    assert servers.acme.orders() == orders
    juju.update_secret('dns', variables(servers))
    settle()
    assert certificates(juju)[0]['names'] == ['key.example.test']
    assert wrong not in juju.debug_log()


def test_an_untrusted_server_blocks(juju: jubilant.Juju, idle: Wait, settle: Wait) -> None:
    before = certificates(juju)
    kept = juju.config(PROVIDER)['acme-ca-certificates']
    juju.config(PROVIDER, {'acme-ca-certificates': ''})
    idle()
    ask(juju, 'tls.example.test')

    current, text = message(idle())

    assert (current, text[:29]) == ('blocked', 'option acme-ca-certificates: ')
    assert before
    juju.config(PROVIDER, {'acme-ca-certificates': str(kept)})
    settle()
    assert certificates(juju)[0]['names'] == ['tls.example.test']


def test_lego_is_killed_in_the_middle_of_an_order(
    juju: jubilant.Juju, idle: Wait, settle: Wait
) -> None:
    juju.config(PROVIDER, {'dns-propagation-wait': 20})
    idle()
    ask(juju, 'killed.example.test')
    deadline = time.monotonic() + 60
    while not (found := _processes('killed.example.test')) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(found[0], signal.SIGKILL)
    status = idle()

    assert message(status)[0] == 'active'
    assert 'next try' in message(status)[1]
    juju.config(PROVIDER, {'dns-propagation-wait': 1})
    settle()
    assert certificates(juju)[0]['names'] == ['killed.example.test']


def _processes(name: str) -> list[int]:
    """Processes of lego that work on a request; the name is in the file that they are given."""
    found: list[int] = []
    for path in pathlib.Path('/proc').glob('[0-9]*/cmdline'):
        with contextlib.suppress(OSError, ValueError):
            words = path.read_bytes().decode(errors='replace').split('\0')
            request = pathlib.Path(words[words.index('--csr') + 1])
            shown = subprocess.run(
                ['openssl', 'req', '-noout', '-text', '-in', request],
                capture_output=True,
                text=True,
                check=False,
            )
            if name in shown.stdout:
                found.append(int(path.parent.name))
    return found


def test_an_account_that_the_server_has_forgotten_is_registered_again(
    juju: jubilant.Juju, settle: Wait, servers: Servers
) -> None:
    """Pebble forgets everything when it starts anew, and has another root then."""
    with acme.acme_server(_made(servers.folder / 'new'), servers.dns.address) as first:
        juju.config(PROVIDER, roots(first))
        ports = tuple(int(one.rpartition(':')[2].partition('/')[0]) for one in _addresses(first))
        settle()
    again = acme.acme_server(
        _made(servers.folder / 'again'), servers.dns.address, ports=(ports[0], ports[1])
    )
    with again as second:
        juju.config(PROVIDER, roots(second))
        ask(juju, 'forgotten.example.test')
        settle()

        [issued] = certificates(juju)
        assert issued['names'] == ['forgotten.example.test']
        assert issued['ca-certificate'].strip() == second.root().strip()


def _made(folder: pathlib.Path) -> pathlib.Path:
    folder.mkdir()
    return folder


def _addresses(server: acme.AcmeServer) -> tuple[str, str]:
    return server.directory, server.management


def test_a_server_that_is_down_is_told_and_asked_again(
    juju: jubilant.Juju, idle: Wait, settle: Wait, servers: Servers
) -> None:
    # The server of the test before is gone.
    ask(juju, 'down.example.test')
    status = idle()

    request = asked(juju)
    assert (request['state'], request['code']) == ('denied', 201)
    assert message(status)[0] == 'active'
    juju.config(PROVIDER, roots(servers.acme))
    settle()
    assert certificates(juju)[0]['names'] == ['down.example.test']


def test_an_external_account_is_needed_wrong_and_right(
    juju: jubilant.Juju, idle: Wait, settle: Wait, servers: Servers
) -> None:
    juju.config(PROVIDER, roots(servers.bound))
    assert message(idle())[1].startswith('option eab-secret-id: the server wants an external')
    wrong = acme.EAB_KEY.replace('z', 'y')
    uri = secret(juju, 'eab', {'eab-kid': acme.EAB_KEY_ID, 'eab-hmac': wrong})
    juju.config(PROVIDER, {'eab-secret-id': uri})
    assert message(idle())[1].startswith('option eab-secret-id: the server does not take')

    juju.update_secret('eab', {'eab-kid': acme.EAB_KEY_ID, 'eab-hmac': acme.EAB_KEY})
    settle()

    [issued] = certificates(juju)
    assert issued['ca-certificate'].strip() == servers.bound.root().strip()
    juju.config(PROVIDER, {**roots(servers.acme), 'eab-secret-id': ''})
    settle()


def test_no_secret_was_seen_anywhere(
    juju: jubilant.Juju, servers: Servers, cmdlines: set[str]
) -> None:
    account = json.loads(juju.cli('secrets', '--format', 'json'))
    keys: list[str] = [servers.dns.secret]
    for name, one in account.items():
        if str(one.get('label', '')).startswith('acme-account-'):
            shown = json.loads(juju.cli('show-secret', name, '--reveal', '--format', 'json'))
            [content] = [value['content']['Data'] for value in shown.values()]
            keys.append(content['private-key'].splitlines()[1])
    seen = [
        juju.debug_log(),
        juju.cli('status', '--format', 'yaml'),
        juju.cli('show-unit', f'{PROVIDER}/0', 'web/0'),
        *list(cmdlines),
    ]

    assert len(keys) > 2
    assert any('--accept-tos' in line for line in list(cmdlines))
    for key in keys:
        assert not [text for text in seen if key in text]
