"""The secret of an application: found by its label, stored once, old revisions removed."""

from __future__ import annotations

import dataclasses

import ops
import pytest
from ops import testing

from tls_provider.secrets import AppSecret, Inherited

META: dict[str, object] = {
    'name': 'keeper',
    'peers': {'peers': {'interface': 'tls-provider-peers'}},
}
LABEL = 'ca'


class Keeper(ops.CharmBase):
    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.secret = AppSecret(self, LABEL)


@pytest.fixture
def context() -> testing.Context[Keeper]:
    return testing.Context(Keeper, meta=META)


def _secret(label: str = LABEL) -> testing.Secret:
    return testing.Secret({'key': 'one'}, latest_content={'key': 'two'}, label=label, owner='app')


def test_where_there_is_no_secret_nothing_is_loaded(context: testing.Context[Keeper]):
    with context(context.on.start(), testing.State(secrets={_secret('other')})) as manager:
        assert manager.charm.secret.load() is None


@pytest.mark.parametrize('leader', [True, False])
def test_every_unit_loads_the_latest_content(leader: bool, context: testing.Context[Keeper]):
    state = testing.State(leader=leader, secrets={_secret()})

    with context(context.on.start(), state) as manager:
        assert manager.charm.secret.load() == {'key': 'two'}


def test_the_first_content_makes_the_secret(context: testing.Context[Keeper]):
    with context(context.on.start(), testing.State(leader=True)) as manager:
        manager.charm.secret.store({'key': 'new'})
        state = manager.run()

    [secret] = state.secrets
    assert (secret.label, secret.owner) == (LABEL, 'app')
    assert secret.tracked_content == {'key': 'new'}


def test_further_content_is_a_revision_of_the_same_secret(context: testing.Context[Keeper]):
    before = _secret()

    with context(context.on.start(), testing.State(leader=True, secrets={before})) as manager:
        manager.charm.secret.store({'key': 'new'})
        state = manager.run()

    [after] = state.secrets
    assert after.id == before.id
    assert after.latest_content == {'key': 'new'}


def test_what_was_stored_is_loaded_in_the_next_dispatch(context: testing.Context[Keeper]):
    with context(context.on.start(), testing.State(leader=True, secrets={_secret()})) as manager:
        manager.charm.secret.store({'key': 'new'})
        state = manager.run()

    with context(context.on.update_status(), state) as manager:
        assert manager.charm.secret.load() == {'key': 'new'}


def _state(*secrets: testing.Secret, leader: bool = True) -> testing.State:
    peers = testing.PeerRelation('peers')
    return testing.State(leader=leader, secrets={*secrets}, relations={peers})


def _stored(
    context: testing.Context[Keeper], state: testing.State, *, first: bool = False
) -> testing.State:
    """After a dispatch that stored another content."""
    with context(context.on.start(), state) as manager:
        manager.charm.secret.load()
        manager.charm.secret.store({'key': f'{len(context.emitted_events)}'}, first=first)
        return manager.run()


def _listed(state: testing.State) -> str:
    [peers] = state.get_relations('peers')
    assert isinstance(peers, testing.PeerRelation)
    return peers.local_app_data.get(f'superseded-revisions-{LABEL}', '')


def test_a_revision_that_was_replaced_is_removed_in_the_next_dispatch_and_not_before(
    context: testing.Context[Keeper],
):
    before = testing.Secret({'key': 'one'}, label=LABEL, owner='app')

    stored = _stored(context, _state(before))
    # In one dispatch Juju would keep the removal and lose the change.
    assert context.removed_secret_revisions == []
    assert _listed(stored) == '1'
    after = context.run(context.on.update_status(), stored)
    again = context.run(context.on.update_status(), after)

    assert context.removed_secret_revisions == [1]
    assert _listed(after) == _listed(again) == ''
    assert again.relations == after.relations


def test_revisions_are_removed_one_in_each_dispatch_the_newest_first(
    context: testing.Context[Keeper],
):
    state = _state(testing.Secret({'key': 'one'}, label=LABEL, owner='app'))
    for _ in range(3):
        state = _stored(context, state)
    assert _listed(state) == '3 2 1'

    for _ in range(5):
        state = context.run(context.on.update_status(), state)

    assert context.removed_secret_revisions == [3, 2, 1]
    [secret] = state.secrets
    assert secret.latest_content != {'key': 'one'}


def test_those_that_somebody_else_left_go_as_well(context: testing.Context[Keeper]):
    with context(context.on.start(), _state(_secret())) as manager:
        for number in range(2):  # as a charm does that removes nothing
            secret = manager.charm.model.get_secret(label=LABEL)
            secret.set_content({'key': f'later {number}'})
            secret.get_content(refresh=True)
        manager.charm.secret.store({'key': 'ours'}, first=True)
        state = manager.run()

    assert _listed(state) == '3 2 1'


@pytest.mark.parametrize('leader', [True, False])
def test_a_revision_that_nobody_reads_is_removed_by_the_leader(
    leader: bool, context: testing.Context[Keeper]
):
    state = _stored(context, _state(testing.Secret({'key': 'one'}, label=LABEL, owner='app')))
    state = dataclasses.replace(state, leader=leader)
    [secret] = state.secrets

    after = context.run(context.on.secret_remove(secret, revision=1), state)

    assert context.removed_secret_revisions == [1] * leader
    if leader:
        assert _listed(after) == ''


def test_a_revision_that_is_gone_is_no_error(
    context: testing.Context[Keeper], monkeypatch: pytest.MonkeyPatch
):
    def gone(*_: object, **__: object) -> None:
        raise ops.ModelError('ERROR secret "x" revision 1 not found')

    state = _stored(context, _state(testing.Secret({'key': 'one'}, label=LABEL, owner='app')))
    # Scenario knows nothing of revisions that are gone.
    monkeypatch.setattr(ops.Secret, 'remove_revision', gone)

    after = context.run(context.on.update_status(), state)

    assert _listed(after) == ''


def test_where_there_is_no_peer_relation_nothing_is_removed(context: testing.Context[Keeper]):
    state = testing.State(leader=True, secrets={_secret()})

    after = context.run(context.on.update_status(), _stored(context, state))

    assert context.removed_secret_revisions == []
    assert after.unit_status == state.unit_status


@pytest.mark.parametrize(('label', 'held'), [(LABEL, 'two'), ('other', 'one')])
def test_a_unit_lets_go_of_the_revision_before(
    label: str, held: str, context: testing.Context[Keeper]
):
    secret = _secret(label)

    # Scenario does not send the event to the units of the owner. Juju does.
    with context(context.on.start(), testing.State(secrets={secret})) as manager:
        manager.charm.on.secret_changed.emit(secret.id, label)
        [after] = manager.run().secrets

    assert after.tracked_content == {'key': held}


def test_revisions_of_other_secrets_are_left_alone(context: testing.Context[Keeper]):
    secret = _secret('other')

    context.run(
        context.on.secret_remove(secret, revision=1), testing.State(leader=True, secrets={secret})
    )

    assert context.removed_secret_revisions == []


def test_what_is_taken_of_a_secret_of_the_charm_before_is_removed(
    context: testing.Context[Keeper],
):
    left = testing.Secret({'key': 'one'}, label='before', owner='unit')

    with context(context.on.start(), testing.State(secrets={left})) as manager:
        inherited = Inherited(manager.charm.model, 'before')
        assert inherited.take(lambda content: content['key']) == 'one'
        inherited.remove()
        state = manager.run()

    assert not state.secrets


@pytest.mark.parametrize('label', ['before', 'other'])
def test_what_is_of_no_use_of_it_stays(label: str, context: testing.Context[Keeper]):
    left = testing.Secret({'key': 'one'}, label='before', owner='unit')

    with context(context.on.start(), testing.State(secrets={left})) as manager:
        inherited = Inherited(manager.charm.model, label)
        assert inherited.take(lambda content: content.get('another')) is None
        inherited.remove()
        state = manager.run()

    assert state.secrets == {left}
