"""The self-signed provider and a requirer on the real requirer library, from packed charms."""

from __future__ import annotations

import json
import pathlib
import zlib
from collections.abc import Callable
from typing import Any

import jubilant
import pytest
import verification

PROVIDER = 'self-signed-certificates'
Wait = Callable[[], jubilant.Status]


@pytest.fixture(scope='module', autouse=True)
def provider(juju: jubilant.Juju, settle: Wait, artifact: Callable[[str], pathlib.Path]) -> None:
    juju.deploy(artifact(f'charms/{PROVIDER}'), PROVIDER)
    settle()


@pytest.fixture(scope='module')
def requirer(artifact: Callable[[str], pathlib.Path]) -> pathlib.Path:
    return artifact('tests/charms/requirer')


def certificates(juju: jubilant.Juju, unit: str) -> list[dict[str, Any]]:
    return json.loads(juju.run(unit, 'get-certificate').results['certificates'])


def ca_certificate(juju: jubilant.Juju) -> str:
    return juju.run(f'{PROVIDER}/leader', 'get-ca-certificate').results['ca-certificate']


@pytest.mark.parametrize(
    ('mode', 'expected'),
    [('unit', ['unit']), ('app', ['app']), ('app-and-unit', ['app', 'unit'])],
)
def test_requirer_gets_a_verified_certificate(
    juju: jubilant.Juju,
    settle: Wait,
    requirer: pathlib.Path,
    mode: str,
    expected: list[str],
) -> None:
    names = '{unit}.web.example,web-{unit}.internal'
    juju.deploy(requirer, mode, config={'mode': mode, 'sans_dns': names, 'sans-ip': '10.1.2.3'})
    juju.integrate(f'{mode}:certificates', PROVIDER)
    settle()

    issued = certificates(juju, f'{mode}/leader')

    assert sorted(one['mode'] for one in issued) == expected
    for one in issued:
        owner = '0' if one['mode'] == 'unit' else 'app'
        host = f'{owner}.web.example'
        assert sorted(one['names']) == sorted([host, f'web-{owner}.internal', '10.1.2.3'])
        assert one['ca-certificate'].strip() == ca_certificate(juju).strip()
        verification.assert_verifies(one['chain'], one['ca-certificate'], host)
    assert juju.run(f'{mode}/leader', 'check').results['checked'] == str(len(expected))
    juju.remove_application(mode)
    juju.wait(lambda status: mode not in status.apps, delay=0.2, successes=1)


def test_scaled_requirer_gets_one_certificate_a_unit(
    juju: jubilant.Juju, settle: Wait, requirer: pathlib.Path
) -> None:
    juju.deploy(requirer, 'scaled', config={'sans_dns': 'u{unit}.example'})
    juju.integrate('scaled:certificates', PROVIDER)
    settle()

    juju.add_unit('scaled', num_units=2)
    status = settle()

    units = sorted(status.apps['scaled'].units)
    names = [certificates(juju, unit)[0]['names'] for unit in units]
    assert names == [[f'u{unit.partition("/")[2]}.example'] for unit in units]
    assert status.apps[PROVIDER].app_status.message.startswith('3/3 issued')


def test_certificate_of_a_removed_unit_is_withdrawn(juju: jubilant.Juju, idle: Wait) -> None:
    if juju.status().model.type == 'caas':  # there Juju chooses the unit: the last
        juju.remove_unit('scaled', num_units=1)
    else:
        juju.remove_unit('scaled/2')

    status = idle()

    assert status.apps[PROVIDER].app_status.message.startswith('2/2 issued')


def test_new_ca_replaces_every_certificate(juju: jubilant.Juju, settle: Wait) -> None:
    before = ca_certificate(juju)

    juju.config(PROVIDER, {'ca-common-name': 'another CA'})
    settle()

    after = ca_certificate(juju)
    assert after != before
    for unit in ('scaled/0', 'scaled/1'):
        assert certificates(juju, unit)[0]['ca-certificate'].strip() == after.strip()


def test_option_out_of_range_blocks_and_harms_no_certificate(
    juju: jubilant.Juju, settle: Wait, idle: Wait
) -> None:
    before = certificates(juju, 'scaled/0')

    juju.config(PROVIDER, {'certificate-validity': '-5d'})
    status = idle()

    assert status.apps[PROVIDER].app_status.current == 'blocked'
    assert 'certificate-validity' in status.apps[PROVIDER].app_status.message
    assert certificates(juju, 'scaled/0') == before
    juju.config(PROVIDER, {'certificate-validity': '90d'})
    settle()


@pytest.mark.parametrize(
    ('junk', 'complaint'),
    [
        ('{not json', 'not a JSON list'),
        ('{"certificate_signing_request": 1}', 'not a JSON list'),
        ('[{"certificate_signing_request": 1, "ca": false}]', 'not a text'),
        ('[{"certificate_signing_request": "junk", "ca": false}]', 'no PEM text'),
        ('[{"certificate_signing_request": "", "ca": false}]', 'no PEM text'),
        ('[7]', 'not a JSON object'),
    ],
)
def test_malformed_request_is_named_and_another_requirer_is_served(
    juju: jubilant.Juju,
    settle: Wait,
    idle: Wait,
    requirer: pathlib.Path,
    junk: str,
    complaint: str,
) -> None:
    if 'bad' not in juju.status().apps:
        juju.deploy(requirer, 'bad', config={'raw-only': True})
        juju.integrate('bad:certificates', PROVIDER)
        settle()
    key = 'certificate_signing_requests'

    juju.run('bad/0', 'write-raw', {'key': key, 'value': junk, 'scope': 'unit'})
    idle()
    honest = f'n{zlib.crc32(junk.encode())}.example'
    juju.config('scaled', {'sans_dns': honest + ',{unit}.example'})
    status = settle()

    message = status.apps[PROVIDER].app_status.message
    assert message.startswith('2/2 issued; bad/0: ')
    assert complaint in message
    assert all(honest in certificates(juju, unit)[0]['names'] for unit in ('scaled/0', 'scaled/1'))


def test_request_that_can_be_named_gets_an_error_entry(
    juju: jubilant.Juju, idle: Wait, requirer: pathlib.Path
) -> None:
    juju.deploy(requirer, 'wish', config={'is_ca': True, 'common_name': 'Sub CA'})
    juju.integrate('wish:certificates', PROVIDER)
    status = idle()

    results = juju.run('wish/0', 'get-requests').results
    denied = json.loads(results['requests'])[0]

    assert (denied['state'], denied['code']) == ('denied', 999)
    assert denied['message'].startswith('CA certificates are not issued to wish; ')
    assert 'wish/0: CA certificates are not issued to wish' in juju.debug_log()
    assert status.apps[PROVIDER].app_status.current == 'active'


def test_request_without_ca_is_a_leaf_request(juju: jubilant.Juju, idle: Wait) -> None:
    csr = certificates(juju, 'scaled/0')[0]['csr']
    value = json.dumps([{'certificate_signing_request': csr}])

    params = {'key': 'certificate_signing_requests', 'value': value, 'scope': 'unit'}
    juju.run('bad/0', 'write-raw', params)
    idle()

    databag = juju.show_unit('bad/0').relation_info[0].app_data
    entry = json.loads(databag['certificates'])[0]
    assert entry['certificate_signing_request'] == csr
    assert entry['certificate'] != certificates(juju, 'scaled/0')[0]['certificate']


def test_everything_goes(juju: jubilant.Juju, idle: Wait) -> None:
    juju.remove_relation('scaled:certificates', PROVIDER)
    idle()

    juju.remove_application('scaled', 'bad', 'wish', PROVIDER)

    juju.wait(lambda status: not status.apps, delay=0.2, successes=1)
