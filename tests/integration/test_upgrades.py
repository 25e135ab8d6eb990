"""Canonical's charms are refreshed to those of this repository, and a requirer keeps what it has.

What they leave is in the form of their own library; a charm that does nothing sets it.
"""

from __future__ import annotations

import json
import pathlib
import shlex
from collections.abc import Callable
from typing import Any

import jubilant
import pytest
import verification
from ops import testing

from minijuju.testing import pack_charm
from tls_provider.testing import predecessors

Wait = Callable[[], jubilant.Status]

BEFORE = {
    'certificates': predecessors.SelfSigned,
    'other-certificates': predecessors.Manual,
}
"""By endpoint of the requirer."""


@pytest.fixture(scope='module')
def before(
    juju: jubilant.Juju,
    idle: Wait,
    folder: pathlib.Path,
    artifact: Callable[[str], pathlib.Path],
) -> dict[str, dict[str, Any]]:
    """The certificates of a requirer as Canonical's charms have issued them, by endpoint."""
    juju.deploy(artifact('tests/charms/requirer'), 'web', config={'sans_dns': 'web.example'})
    for endpoint, charm in BEFORE.items():
        juju.deploy(pack(charm, folder), charm.name)
        juju.integrate(f'web:{endpoint}', f'{charm.name}:certificates')
    idle()
    for charm in BEFORE.values():
        answer(juju, charm)
    juju.wait(
        lambda status: jubilant.all_active(status, 'web'), error=jubilant.any_error, delay=0.2
    )
    return certificates(juju, 'web/0')


def pack(charm: type[predecessors.Predecessor], folder: pathlib.Path) -> pathlib.Path:
    """A charm of that name and endpoints whose hooks do nothing."""
    provides = {
        'certificates': {'interface': 'tls-certificates'},
        charm.trust: {'interface': 'certificate_transfer'},
    }
    metadata = {'name': charm.name, 'provides': provides, 'requires': charm.requires}
    place = folder / 'before'
    place.mkdir(exist_ok=True)
    return pack_charm(place / f'{charm.name}.charm', metadata=metadata)


def answer(juju: jubilant.Juju, charm: type[predecessors.Predecessor]) -> None:
    """Have the charm that does nothing write what the other would have written."""
    unit = f'{charm.name}/0'
    [info] = [one for one in juju.show_unit(unit).relation_info if one.endpoint == 'certificates']
    units = {
        int(name.partition('/')[2]): {key: str(text) for key, text in one.data.items()}
        for name, one in info.related_units.items()
    }
    relation = testing.Relation('certificates', remote_units_data=units)
    context = charm.context()
    event = context.on.relation_changed(relation, remote_unit=0)
    trust = testing.Relation(charm.trust)
    state = context.run(event, testing.State(leader=True, relations={relation, trust}))
    commands = [
        shlex.join(['relation-set', '-r', str(info.relation_id), '--app', f'{key}={text}'])
        for key, text in state.get_relation(relation.id).local_app_data.items()
    ]
    for secret in state.secrets:
        content = [f'{key}={text}' for key, text in secret.tracked_content.items()]
        commands.append(shlex.join(['secret-add', '--label', str(secret.label), *content]))
    juju.exec('; '.join(commands), unit=unit)


def certificates(juju: jubilant.Juju, unit: str) -> dict[str, dict[str, Any]]:
    every = json.loads(juju.run(unit, 'get-certificate').results['certificates'])
    return {one['endpoint']: one for one in every}


def test_a_requirer_keeps_its_certificates(
    juju: jubilant.Juju,
    settle: Wait,
    before: dict[str, dict[str, Any]],
    artifact: Callable[[str], pathlib.Path],
) -> None:
    assert set(before) == set(BEFORE)
    for charm in BEFORE.values():
        juju.refresh(charm.name, path=artifact(f'charms/{charm.name}'))

    status = settle()

    assert certificates(juju, 'web/0') == before
    for charm in BEFORE.values():
        assert status.apps[charm.name].app_status.message.startswith('1/1 issued')


def test_the_ca_of_the_charm_before_serves_the_next_request(
    juju: jubilant.Juju, idle: Wait, before: dict[str, dict[str, Any]]
) -> None:
    ca = before['certificates']['ca-certificate']
    provider = predecessors.SelfSigned.name

    juju.config('web', {'sans_dns': 'next.example'})
    idle()

    issued = certificates(juju, 'web/0')['certificates']
    assert issued['ca-certificate'] == ca
    verification.assert_verifies(issued['chain'], ca, 'next.example')
    shown = juju.run(f'{provider}/leader', 'get-ca-certificate').results
    assert (shown['ca-certificate'].strip(), shown['trusted'].strip()) == (ca.strip(), ca.strip())
    secrets = json.loads(juju.cli('secrets', '--format', 'json')).values()
    labels = [one['label'] for one in secrets if one['owner'] == provider]
    assert labels == [predecessors.ACTIVE]
