"""What clients are told to trust: exactly the anchors, in both versions, whoever leads."""

from __future__ import annotations

import json

import ops
import pytest
from charmlibs.interfaces import certificate_transfer
from ops import testing

from tls_provider import transfer

META: dict[str, object] = {
    'name': 'provider',
    'provides': {'send-ca-cert': {'interface': 'certificate_transfer'}},
}
NEW, OLD = 'B new\n', 'A old'


class Charm(ops.CharmBase):
    """Publishes what a class attribute says, and takes it back where it does not lead."""

    anchors: tuple[str, ...] = ()

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        framework.observe(self.on.update_status, self._on_event)
        framework.observe(self.on['send-ca-cert'].relation_broken, self._on_event)

    def _on_event(self, _: ops.EventBase) -> None:
        if self.unit.is_leader():
            transfer.publish(self, 'send-ca-cert', self.anchors)
        else:
            transfer.retire(self, 'send-ca-cert')


@pytest.fixture
def context() -> testing.Context[Charm]:
    return testing.Context(Charm, meta=META)


def _publish(
    context: testing.Context[Charm], relation: testing.Relation, *anchors: str, leader: bool = True
) -> testing.Relation:
    Charm.anchors = anchors
    state = testing.State(leader=leader, relations={relation})
    return context.run(context.on.update_status(), state).get_relation(relation.id)  # type: ignore[return-value]


def _relation(version: str | None = None) -> testing.Relation:
    bag = {'version': version} if version else {}
    return testing.Relation('send-ca-cert', remote_app_data=bag, local_unit_data={})


@pytest.mark.parametrize('version', [None, '0', '1'])
def test_version_1_is_always_there_sorted(version: str | None, context: testing.Context[Charm]):
    after = _publish(context, _relation(version), NEW, OLD, NEW)

    assert after.local_app_data['version'] == '1'
    assert json.loads(after.local_app_data['certificates']) == ['A old', 'B new']


@pytest.mark.parametrize('version', [None, '0', '2'])
def test_who_does_not_read_version_1_gets_version_0(
    version: str | None, context: testing.Context[Charm]
):
    after = _publish(context, _relation(version), NEW, OLD)

    bag = after.local_unit_data
    assert (bag['ca'], bag['certificate'], bag['version']) == ('B new', 'B new', '0')
    assert json.loads(bag['chain']) == ['B new', 'A old']


def test_who_reads_version_1_gets_no_version_0(context: testing.Context[Charm]):
    assert _publish(context, _relation('1'), NEW).local_unit_data == {}


def test_version_0_goes_once_version_1_is_read(context: testing.Context[Charm]):
    first = _publish(context, _relation(), NEW)
    said = testing.Relation(
        'send-ca-cert',
        id=first.id,
        remote_app_data={'version': '1'},
        local_app_data=dict(first.local_app_data),
        local_unit_data=dict(first.local_unit_data),
    )

    after = _publish(context, said, NEW)

    assert after.local_unit_data == {}
    assert after.local_app_data == first.local_app_data


def test_what_is_no_longer_trusted_goes_from_both(context: testing.Context[Charm]):
    both = _publish(context, _relation(), NEW, OLD)

    one = _publish(context, both, NEW)
    none = _publish(context, one)

    assert json.loads(one.local_app_data['certificates']) == ['B new']
    assert json.loads(one.local_unit_data['chain']) == ['B new']
    assert none.local_app_data == {'certificates': '[]', 'version': '1'}
    assert none.local_unit_data == {}


def test_a_unit_that_no_longer_leads_takes_back_version_0(context: testing.Context[Charm]):
    led = _publish(context, _relation(), NEW)

    after = _publish(context, led, NEW, leader=False)

    assert after.local_unit_data == {}
    assert after.local_app_data == led.local_app_data


@pytest.mark.parametrize('leader', [True, False])
def test_a_relation_that_is_going_is_left_alone(leader: bool, context: testing.Context[Charm]):
    Charm.anchors = (NEW,)
    relation = _relation()
    state = testing.State(leader=leader, relations={relation})

    after = context.run(context.on.relation_broken(relation), state)

    assert after.get_relation(relation.id).local_app_data == {}


class Trusting(ops.CharmBase):
    """A client on the library that requirers use."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.trust = certificate_transfer.CertificateTransferRequires(self, 'trust')


@pytest.mark.parametrize('anchors', [(), (NEW,), (NEW, OLD)])
@pytest.mark.parametrize('version', [None, '1'])
def test_the_requirers_library_reads_what_is_published(
    version: str | None, anchors: tuple[str, ...], context: testing.Context[Charm]
):
    published = _publish(context, _relation(version), *anchors)
    meta = {'name': 'client', 'requires': {'trust': {'interface': 'certificate_transfer'}}}
    client = testing.Context(Trusting, meta=meta)
    relation = testing.Relation(
        'trust',
        remote_app_data=dict(published.local_app_data),
        remote_units_data={0: dict(published.local_unit_data)},
    )
    state = testing.State(leader=True, relations={relation})

    with client(client.on.relation_changed(relation), state) as manager:
        found = manager.charm.trust.get_all_certificates()
        manager.run()

    assert found == {anchor.strip() for anchor in anchors}
