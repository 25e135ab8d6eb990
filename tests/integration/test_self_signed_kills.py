"""The self-signed provider in a model where its hooks are killed, whatever they are doing then."""

from __future__ import annotations

import itertools
import json
import pathlib
from collections.abc import Callable

import jubilant
import pytest
from jubilant import unittypes
from kills import AFTER, BEGUN, Killer

from tls_provider import x509

PROVIDER = 'self-signed-certificates'
UNITS, EACH = 2, 12
"""Of the requirer, and certificates of each."""
MOMENTS = (BEGUN, 'secret-set', f'{AFTER}relation-set', 'relation-set')
"""Of a hook that makes a CA, stores it, notes the one before, signs and publishes."""
Wait = Callable[[], jubilant.Status]


@pytest.fixture(scope='module')
def killer(
    juju: jubilant.Juju,
    request: pytest.FixtureRequest,
    idle: Wait,
    artifact: Callable[[str], pathlib.Path],
) -> Killer:
    """Of the provider, which has a requirer in the model and no relation with it yet."""
    if request.config.getoption('--engine') == 'juju':
        pytest.skip('processes of the units of a real Juju are not on this machine')
    options = {'num_certificates': EACH, 'sans_dns': 'u{unit}-{i}.example'}
    juju.deploy(artifact('tests/charms/requirer'), 'web', num_units=UNITS, config=options)
    juju.deploy(artifact(f'charms/{PROVIDER}'), PROVIDER)
    idle()
    return Killer(str(juju.model), f'{PROVIDER}/0')


def test_each_request_has_one_certificate(
    juju: jubilant.Juju, settle: Wait, killer: Killer
) -> None:
    [ca] = authorities(juju)

    juju.integrate('web:certificates', PROVIDER)
    for moment in (BEGUN, f'{AFTER}relation-get'):
        while not killer.kill(moment):
            pass  # there is another hook for each unit
    settle()

    assert interruptions(juju) == killer.killed
    assert_one_certificate_for_each_request(juju, ca)
    assert authorities(juju) == [ca]


def test_each_request_has_one_certificate_of_one_new_ca(
    juju: jubilant.Juju, settle: Wait, killer: Killer
) -> None:
    names = (f'CA {number}' for number in itertools.count())
    [old] = authorities(juju)

    for moment in MOMENTS:
        killed = False
        while not killed:  # where it was missed there is another CA already
            juju.config(PROVIDER, {'ca-common-name': next(names)})
            killed = killer.kill(moment, hook='config-changed')
    settle()

    assert interruptions(juju) == killer.killed >= 2 + len(MOMENTS)
    new, *before = authorities(juju)
    assert before[-1] == old
    assert_one_certificate_for_each_request(juju, new)
    for unit in juju.status().apps['web'].units:
        assert juju.run(unit, 'check').results['checked'] == str(EACH)
    secrets = json.loads(juju.cli('secrets', '--format', 'json')).values()
    [secret] = [one for one in secrets if one['owner'] == PROVIDER]
    assert (secret['label'], secret['revision']) == ('active-ca-certificates', 1 + len(before))


def interruptions(juju: jubilant.Juju) -> int:
    return juju.debug_log().count('was interrupted; it will run again')


def authorities(juju: jubilant.Juju) -> list[str]:
    """What is to be trusted, newest first."""
    text = juju.run(f'{PROVIDER}/leader', 'get-ca-certificate').results['trusted']
    end = '-----END CERTIFICATE-----'
    return [f'{part.strip()}\n{end}' for part in text.split(end)[:-1]]


def related(juju: jubilant.Juju, unit: str) -> unittypes.RelationData:
    """The relation for certificates as a unit of one of its sides sees it."""
    [found] = [one for one in juju.show_unit(unit).relation_info if one.endpoint == 'certificates']
    return found


def assert_one_certificate_for_each_request(juju: jubilant.Juju, ca: str) -> None:
    """In the databags themselves, and every one is of that CA."""
    asked = [
        one['certificate_signing_request']
        for unit in related(juju, f'{PROVIDER}/0').related_units.values()
        for one in json.loads(unit.data['certificate_signing_requests'])
    ]
    bag = related(juju, 'web/0').app_data
    entries = json.loads(bag['certificates'])
    assert len(asked) == UNITS * EACH
    assert sorted(one['certificate_signing_request'] for one in entries) == sorted(asked)
    assert len({one['certificate'] for one in entries}) == len(asked)
    assert {one['ca'].strip() for one in entries} == {ca}
    assert not [one for one in entries if one['revoked']]
    assert 'request_errors' not in bag
    for entry in entries:
        chain = [x509.parse_certificate(pem) for pem in entry['chain']]
        assert x509.signed_by(*chain)
