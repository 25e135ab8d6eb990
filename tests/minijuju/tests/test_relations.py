"""Relations between packed charms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jubilant
import pytest

from minijuju.testing import pack_charm
from minijuju.trial import provider, requirer

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Juju


def test_data_goes_over_a_relation_and_back(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path))
    juju.deploy(requirer(tmp_path), num_units=2)
    juju.integrate('ca', 'req:needs')

    status = juju.settle()

    for name in ('req/0', 'req/1'):
        message = status.apps['req'].units[name].workload_status.message
        assert message == f'signed csr of {name}'
    relation = juju.show_unit('req/0').relation_info[0]
    assert (relation.endpoint, relation.related_endpoint) == ('needs', 'certs')
    assert relation.app_data['cert-req-1'] == 'signed csr of req/1'
    assert relation.local_unit is not None
    assert relation.local_unit.data['csr'] == 'csr of req/0'
    assert status.apps['req'].relations['needs'][0].related_app == 'ca'


def test_a_removed_relation_ends_on_both_sides(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path))
    juju.deploy(requirer(tmp_path))
    juju.integrate('ca', 'req')
    juju.settle()

    juju.remove_relation('ca', 'req')
    status = juju.settle()

    assert status.apps['req'].is_blocked
    assert not status.apps['req'].relations
    assert juju.hooks('ca/0')[-2:] == ['certs-relation-departed', 'certs-relation-broken']
    assert 'in broken:  1\n' in juju.debug_log()
    with pytest.raises(jubilant.CLIError, match='not found'):
        juju.remove_relation('ca', 'req')


def test_an_endpoint_takes_no_more_relations_than_its_limit(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path, limit=1))
    for name in ('one', 'two'):
        juju.deploy(requirer(tmp_path, name))
    juju.integrate('ca', 'one')

    with pytest.raises(jubilant.CLIError) as refused:
        juju.integrate('two:needs', 'ca')

    assert refused.value.stderr == (
        'ERROR cannot add relation "two:needs ca:certs": establishing a new relation for '
        'ca:certs would exceed its maximum relation limit of 1 (quota limit exceeded)\n'
    )
    juju.settle()
    juju.remove_relation('ca', 'one')
    juju.settle()
    juju.integrate('two:needs', 'ca')
    assert juju.settle().apps['two'].is_active


@pytest.mark.parametrize(
    ('ends', 'code', 'text'),
    [
        (['ca'], 2, 'an integration must involve two applications'),
        (['ca', 'req', 'more'], 2, 'unrecognized args: ["more"]'),
        (['ca', 'req'], 1, 'relation req:needs ca:certs already exists'),
        (['ca', 'ca'], 1, 'no relations found between "ca" and "ca"'),
        (['ca:peers', 'req'], 1, 'no relations found'),
        (['both:p', 'both:r'], 1, 'cannot relate application "both" to itself'),
        (['both', 'dual'], 1, 'ambiguous relation: "both dual" could refer to'),
    ],
)
def test_integrations_that_are_refused(
    juju: Juju, tmp_path: Path, ends: list[str], code: int, text: str
):
    juju.deploy(provider(tmp_path))
    juju.deploy(requirer(tmp_path))
    for name in ('both', 'dual'):
        metadata = {'name': name, 'provides': {'p': {'interface': 'x'}}}
        metadata |= {'requires': {'r': {'interface': 'x'}}}
        juju.deploy(pack_charm(tmp_path / f'{name}.charm', metadata=metadata))
    juju.integrate('ca', 'req')

    with pytest.raises(jubilant.CLIError) as refused:
        juju.cli('integrate', *ends)

    assert (refused.value.returncode, text in refused.value.stderr) == (code, True)


@pytest.mark.parametrize('hook', ['needs_relation_changed', 'needs_relation_broken'])
def test_a_relation_removed_by_force_ends_with_hooks_but_where_they_fail(
    juju: Juju, tmp_path: Path, hook: str
):
    juju.deploy(provider(tmp_path))
    juju.deploy(requirer(tmp_path, **{hook: '[[ $JUJU_UNIT_NAME != req/1 ]]'}), num_units=2)
    juju.integrate('ca', 'req')
    juju.settle()

    juju.remove_relation('ca', 'req', force=True)

    status = juju.settle()
    assert 'needs' not in status.apps['req'].relations
    assert not status.apps['req'].is_error
    assert juju.hooks('ca/0')[-1] == 'certs-relation-broken'
    assert 'needs-relation-broken' in juju.hooks('req/0')
    assert 'needs-relation-broken' not in juju.hooks('req/1')
