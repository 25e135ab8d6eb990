"""Several provider units: the next leader goes on where the last one stopped; a rotated CA leaves
no key behind.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable
from typing import Any

import jubilant
import pytest
import verification

PROVIDER = 'self-signed-certificates'
LABEL = 'active-ca-certificates'
Wait = Callable[[], jubilant.Status]


@pytest.fixture(scope='module', autouse=True)
def deployed(juju: jubilant.Juju, settle: Wait, artifact: Callable[[str], pathlib.Path]) -> None:
    juju.deploy(artifact(f'charms/{PROVIDER}'), PROVIDER, num_units=3)
    juju.deploy(artifact('tests/charms/requirer'), 'web', config={'sans_dns': 'u{unit}.example'})
    juju.integrate('web:certificates', f'{PROVIDER}:certificates')
    juju.integrate('web:certificate_transfer', f'{PROVIDER}:send-ca-cert')
    settle()


def _certificate(juju: jubilant.Juju, unit: str) -> dict[str, Any]:
    [certificate] = json.loads(juju.run(unit, 'get-certificate').results['certificates'])
    return certificate


def _ca(juju: jubilant.Juju, unit: str) -> str:
    return juju.run(unit, 'get-ca-certificate').results['ca-certificate'].strip()


def _trusted(juju: jubilant.Juju, unit: str) -> set[str]:
    """What a requirer's own library says is to be trusted."""
    results = juju.run(unit, 'get-trusted-ca-certificates').results
    end = '-----END CERTIFICATE-----'
    parts = results['ca-certificates'].split(end)[:-1]
    assert results['count'] == str(len(parts))
    return {f'{part.strip()}\n{end}' for part in parts}


def _units(juju: jubilant.Juju) -> dict[str, bool]:
    """Units of the provider, and whether each is the leader."""
    return {name: unit.leader for name, unit in juju.status().apps[PROVIDER].units.items()}


def _next_leader(status: jubilant.Status, left: int) -> bool:
    """Whether so many units of the provider are left, and one of them leads."""
    units = status.apps[PROVIDER].units.values()
    return len(units) == left and any(unit.leader for unit in units)


def _ca_secret(juju: jubilant.Juju) -> tuple[str, list[int]]:
    """Identifier of the CA's secret, and its revisions."""
    every = json.loads(juju.cli('secrets', '--format', 'json'))
    [found] = [name for name, secret in every.items() if secret.get('label') == LABEL]
    shown = json.loads(juju.cli('show-secret', found, '--revisions', '--format', 'json'))
    [secret] = shown.values()
    return found, [one['revision'] for one in secret.get('revisions', [])]


def test_units_that_do_not_lead_stand_by(juju: jubilant.Juju) -> None:
    units = juju.status().apps[PROVIDER].units

    followers = [unit for unit in units.values() if not unit.leader]

    assert len(followers) == 2
    for unit in followers:
        assert unit.workload_status.current == 'active'
        assert unit.workload_status.message == 'standby, the leader issues'
    assert len({_ca(juju, name) for name in units}) == 1


def test_rotated_key_is_nowhere_and_every_unit_has_a_certificate_of_the_new_ca(
    juju: jubilant.Juju, settle: Wait
) -> None:
    juju.add_unit('web', num_units=2)
    settle()
    for unit in _units(juju):  # each holds on to the revision that it has read
        _ca(juju, unit)
    old, (_, revisions) = _ca(juju, f'{PROVIDER}/leader'), _ca_secret(juju)
    assert revisions == [1]
    trusted = {old}
    assert _trusted(juju, 'web/0') == trusted

    for count in range(1, 3):
        task = juju.run(f'{PROVIDER}/leader', 'rotate-private-key')
        settle()

        new = _ca(juju, f'{PROVIDER}/leader')
        assert new != old
        trusted.add(new)
        assert _trusted(juju, 'web/0') == trusted
        assert task.results['result'].endswith('3 certificates are of it.')
        for unit in juju.status().apps['web'].units:
            issued = _certificate(juju, unit)
            assert issued['ca-certificate'].strip() == new
            host = f'u{unit.partition("/")[2]}.example'
            verification.assert_verifies(issued['chain'], new, host)
        secret, revisions = _ca_secret(juju)
        assert revisions == [count + 1]
        revealed = juju.cli('show-secret', secret, '--reveal', '--format', 'json')
        [content] = [one['content']['Data'] for one in json.loads(revealed).values()]
        assert [key for key, text in content.items() if 'PRIVATE KEY' in text] == ['private-key']
        old = new
    juju.run(f'{PROVIDER}/leader', 'rotate-private-key', {'compromised': True})
    settle()
    assert _trusted(juju, 'web/0') == {_ca(juju, f'{PROVIDER}/leader')}


def test_next_leader_issues_with_the_same_ca(
    juju: jubilant.Juju, settle: Wait, idle: Wait
) -> None:
    if juju.status().model.type == 'caas':
        pytest.skip('on Kubernetes the last unit goes first, and the leader is another')
    for left in (2, 1):
        [leader] = [name for name, leads in _units(juju).items() if leads]
        ca = _ca(juju, leader)
        before = {unit: _certificate(juju, unit) for unit in juju.status().apps['web'].units}

        juju.remove_unit(leader, force=True)
        juju.wait(lambda status: _next_leader(status, left), delay=0.2, successes=1)  # noqa: B023
        juju.add_unit('web')
        status = settle()

        [added] = set(status.apps['web'].units) - set(before)
        assert _certificate(juju, added)['ca-certificate'].strip() == ca
        assert {unit: _certificate(juju, unit) for unit in before} == before
        assert len(_units(juju)) == left
