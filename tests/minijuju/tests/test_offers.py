"""A provider in one model that serves a requirer in another."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, TypeAlias

import jubilant
import pytest

from minijuju.trial import provider, requirer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Juju

End: TypeAlias = 'Callable[[Juju, jubilant.Juju], object]'
# Each side has a name of its own for a unit, so that a certificate is found by the request only.
SUM = 'cksum <<<"$csr" | cut -d " " -f1'
PROVIDER = {
    'certs_relation_changed': f"""
csr=$(relation-get csr "${{JUJU_REMOTE_UNIT:-none/0}}" 2>/dev/null || true)
[[ -z $csr ]] || relation-set --app "cert-$({SUM})=signed $csr"
""",
    'certs_relation_created': 'juju-log "ids $JUJU_REMOTE_APP [$JUJU_REMOTE_UNIT]"',
    'certs_relation_departed': 'juju-log "departed $JUJU_DEPARTING_UNIT"',
}
REQUIRER = {
    'needs_relation_changed': f"""
csr="csr of $JUJU_UNIT_NAME"
cert=$(relation-get --app "cert-$({SUM})" "$JUJU_REMOTE_APP")
[[ -z $cert ]] || status-set active -- "$cert"
""",
}


@pytest.fixture
def far(juju: Juju, tmp_path: Path) -> Iterator[jubilant.Juju]:
    """A model that offers ``ca``; ``juju`` is the one that consumes."""
    far = jubilant.Juju(cli_binary=juju.cli_binary, wait_timeout=20)
    far.add_model('far', config={'automatically-retry-hooks': False})
    far.deploy(provider(tmp_path, limit=2, **PROVIDER))
    far.offer('ca', endpoint='certs')
    yield far
    if far.model is not None:
        far.destroy_model(far.model, force=True)


def settle(*models: jubilant.Juju) -> None:
    """Wait until nothing is left to do in any of the models."""
    for _ in range(100):  # what one of them does gives another something to do
        for juju in models:
            juju.wait(jubilant.all_agents_idle, delay=0.02, successes=1)
        if all(jubilant.all_agents_idle(juju.status()) for juju in models):
            return
    raise TimeoutError('the models do not come to rest')


@pytest.fixture
def related(juju: Juju, far: jubilant.Juju, tmp_path: Path) -> jubilant.Juju:
    """The offering model, with a relation to two units of the consuming one."""
    juju.deploy(requirer(tmp_path, **REQUIRER), num_units=2)
    juju.consume('far.ca', 'tls')
    juju.integrate('req', 'tls:certs')
    settle(juju, far)
    return far


@pytest.mark.usefixtures('related')
def test_data_goes_over_the_border_and_back(juju: Juju):
    units = juju.status().apps['req'].units

    for name, unit in units.items():
        assert unit.workload_status.message == f'signed csr of {name}'


def test_each_side_has_a_name_for_the_other(juju: Juju, related: jubilant.Juju):
    found = re.search(r'ids (remote-[0-9a-f]{32}) \[\]', related.debug_log())
    assert found is not None

    here, there = juju.show_unit('req/0').relation_info[0], related.show_unit('ca/0')

    info = next(info for info in there.relation_info if info.endpoint == 'certs')
    assert set(info.related_units) == {f'{found[1]}/0', f'{found[1]}/1'}
    assert info.related_units[f'{found[1]}/1'].data['csr'] == 'csr of req/1'
    assert info.cross_model
    assert (here.cross_model, set(here.related_units)) == (True, {'tls/0'})
    listed = 'relation-list -r $(relation-ids needs); relation-list --app -r $(relation-ids needs)'
    assert juju.exec(listed, unit='req/0').stdout == 'tls/0\ntls\n'
    asked = 'relation-model-get -r $(relation-ids needs) --format=json'
    uuid = related.show_model().model_uuid
    assert json.loads(juju.exec(asked, unit='req/0').stdout) == {'uuid': uuid}


def test_status_has_both_sides(juju: Juju, related: jubilant.Juju):
    consuming, offering = juju.status(), related.status()

    saas = consuming.app_endpoints['tls']
    assert saas.url == 'admin/far.ca'
    assert (saas.endpoints['certs'].interface, saas.endpoints['certs'].role) == ('tls', 'provider')
    assert (saas.app_status.current, saas.relations) == ('active', {'certs': ['req']})
    assert consuming.apps['req'].relations['needs'][0].related_app == 'tls'
    offer = offering.offers['ca']
    assert (offer.app, offer.total_connected_count) == ('ca', 1)
    assert set(offer.endpoints) == {'certs'}
    listed = related.cli('offers')
    assert re.search(r'^ca +ca +1/1 +admin/far\.ca +certs +tls +provider$', listed, re.MULTILINE)
    found = json.loads(juju.cli('find-offers', 'far', '--format', 'json'))
    assert found['ca']['offer-url'] == 'admin/far.ca'


def test_units_that_come_and_go_are_seen_on_the_other_side(juju: Juju, related: jubilant.Juju):
    juju.add_unit('req')
    settle(juju, related)
    assert juju.status().apps['req'].units['req/2'].workload_status.current == 'active'

    juju.remove_unit('req/0')
    settle(juju, related)

    assert re.search(r'departed remote-[0-9a-f]{32}/0\n', related.debug_log())
    related.remove_unit('ca/0', force=True)
    settle(juju, related)
    assert 'needs-relation-departed' in juju.hooks('req/1')


ENDS: dict[str, End] = {
    'remove-relation': lambda juju, _: juju.remove_relation('req', 'tls'),
    'remove-saas': lambda juju, _: juju.cli('remove-saas', 'tls'),
    'remove-application': lambda juju, _: juju.remove_application('req'),
    'destroy-model': lambda juju, _: juju.destroy_model(str(juju.model)),
    'destroy-model --force': lambda juju, _: juju.destroy_model(str(juju.model), force=True),
    'far remove-offer': lambda _, far: far.cli('remove-offer', 'admin/far.ca', '--force', '-y'),
    'far remove-application': lambda _, far: far.remove_application('ca', force=True),
    'far destroy-model': lambda _, far: far.destroy_model('far'),
    'far destroy-model --force': lambda _, far: far.destroy_model('far', force=True),
}


@pytest.mark.parametrize('name', ENDS)
def test_the_end_is_seen_on_both_sides(juju: Juju, related: jubilant.Juju, name: str):
    ENDS[name](juju, related)

    left = [model for model in (juju, related) if model.model is not None]
    settle(*left)
    if juju.model is not None and 'req' in juju.status().apps:
        assert juju.status().apps['req'].is_blocked
        assert juju.hooks('req/1')[-2:] == ['needs-relation-departed', 'needs-relation-broken']
        assert not juju.status().apps['req'].relations
    if related.model is not None and 'ca' in related.status().apps:
        log = related.debug_log()
        assert len(re.findall(r'departed remote-[0-9a-f]{32}/[01]\n', log)) == 2
        assert 'ran "certs-relation-broken" hook' in log
        assert 'certs' not in related.status().apps['ca'].relations


def test_an_offer_that_is_gone_leaves_a_terminated_application(
    juju: Juju, related: jubilant.Juju, tmp_path: Path
):
    related.cli('remove-offer', 'ca', '--force')
    settle(juju, related)

    assert juju.status().app_endpoints['tls'].app_status.current == 'terminated'
    with pytest.raises(jubilant.CLIError, match='application "tls" is not alive'):
        juju.integrate('req', 'tls')
    juju.cli('remove-saas', 'tls')
    related.offer('far.ca', endpoint=['certs'], name='again')
    juju.integrate('req', 'admin/far.again')
    settle(juju, related)
    assert juju.status().apps['req'].is_active
    with pytest.raises(jubilant.CLIError, match='saas application already exists'):
        juju.deploy(provider(tmp_path), 'again')


def test_the_limit_of_an_endpoint_counts_all_models(
    juju: Juju, related: jubilant.Juju, tmp_path: Path
):
    for name in ('second', 'third'):
        juju.deploy(requirer(tmp_path, name, **REQUIRER))
    juju.integrate('second', 'tls')

    with pytest.raises(jubilant.CLIError, match='new relation for tls:certs would exceed its'):
        juju.integrate('third', 'tls')
    settle(juju, related)
    assert juju.status().apps['second'].is_active


@pytest.mark.parametrize(
    ('args', 'text'),
    [
        (['consume', 'far.nothing'], 'application offer "admin/far.nothing" not found'),
        (['consume', 'nowhere.ca'], 'model minijuju:admin/nowhere not found'),
        (['consume', 'other:admin/far.ca'], 'controller other not found'),
        (['consume', 'ca'], 'application offer URL "ca" not valid'),
        (['consume', 'far.ca', 'req'], 'cannot add saas application "req"'),
        (['offer', 'req'], 'an offer must at least specify application endpoint'),
        (['offer', 'req:nothing'], 'application "req" has no "nothing" relation'),
        (['offer', 'far.nothing:certs'], 'application "nothing" not found'),
        (['offer', 'far.ca:peers'], 'application "ca" has no "peers" relation'),
        (['remove-offer', 'nothing'], 'offer "nothing" not found'),
        (['remove-offer', 'far.ca'], 'cannot delete application offer "ca": offer has 1 relation'),
        (['remove-saas', 'nothing'], 'saas application "nothing" not found'),
        (['remove-application', '-m', 'far', 'ca'], 'application is used by 1 offer'),
        (['integrate', 'req', 'tls:nothing'], 'application "tls" has no "nothing" relation'),
    ],
)
@pytest.mark.usefixtures('related')
def test_what_is_refused(juju: Juju, args: list[str], text: str):
    with pytest.raises(jubilant.CLIError) as refused:
        juju.cli(*args)

    assert text in refused.value.stderr
