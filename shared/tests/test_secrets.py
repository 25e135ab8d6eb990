"""The secret of an application: found by its label, stored once, old revisions removed."""

from __future__ import annotations

import dataclasses

import ops
import pytest
from ops import testing

from tls_provider.secrets import AppSecret

META = {'name': 'keeper'}
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


def test_the_revision_that_is_replaced_is_removed_at_once(context: testing.Context[Keeper]):
    before = testing.Secret({'key': 'one'}, label=LABEL, owner='app')

    with context(context.on.start(), testing.State(leader=True, secrets={before})) as manager:
        manager.charm.secret.load()
        manager.charm.secret.store({'key': 'new'})
        [after] = manager.run().secrets

    assert context.removed_secret_revisions == [1]
    assert after.description == 'Revisions up to 1 are removed.'


def _leave_revisions(charm: Keeper, count: int) -> None:
    """Do as a charm does that removes no revision."""
    for number in range(count):
        secret = charm.model.get_secret(label=LABEL)
        secret.set_content({'key': f'later {number}'})
        secret.get_content(refresh=True)


def test_what_somebody_else_left_is_not_said_to_be_removed(context: testing.Context[Keeper]):
    with context(context.on.start(), testing.State(leader=True, secrets={_secret()})) as manager:
        _leave_revisions(manager.charm, 2)
        manager.charm.secret.store({'key': 'new'})
        [after] = manager.run().secrets

    assert context.removed_secret_revisions == [3]
    assert after.description is None


def test_revisions_that_somebody_else_left_are_removed_one_in_each_update_status(
    context: testing.Context[Keeper],
):
    with context(context.on.start(), testing.State(leader=True, secrets={_secret()})) as manager:
        _leave_revisions(manager.charm, 2)
        for _ in range(2):
            manager.charm.on.update_status.emit()
        [after] = manager.run().secrets

    assert context.removed_secret_revisions == [1]
    assert after.description == 'Revisions up to 1 are removed.'


def test_what_is_said_to_be_removed_is_not_removed_again(context: testing.Context[Keeper]):
    said = dataclasses.replace(_secret(), description='Revisions up to 1 are removed.')

    with context(context.on.update_status(), _leads(said)) as manager:
        _leave_revisions(manager.charm, 2)
        manager.run()

    assert context.removed_secret_revisions == [2]


def test_no_second_revision_is_removed_in_one_dispatch(context: testing.Context[Keeper]):
    with context(context.on.update_status(), _leads(_secret())) as manager:
        _leave_revisions(manager.charm, 2)
        manager.charm.secret.store({'key': 'new'})
        manager.run()

    assert context.removed_secret_revisions == [3]


def _leads(secret: testing.Secret) -> testing.State:
    return testing.State(leader=True, secrets={secret})


def test_followers_and_charms_without_the_secret_remove_nothing(context: testing.Context[Keeper]):
    for state in (
        testing.State(leader=False, secrets={_secret()}),
        testing.State(leader=True),
        testing.State(leader=True, secrets={_secret('other')}),
    ):
        context.run(context.on.update_status(), state)

    assert context.removed_secret_revisions == []


def test_a_revision_that_nobody_reads_is_removed(context: testing.Context[Keeper]):
    with context(context.on.start(), testing.State(leader=True, secrets={_secret()})) as manager:
        _leave_revisions(manager.charm, 1)
        state = manager.run()
    [secret] = state.secrets

    context.run(context.on.secret_remove(secret, revision=1), state)

    assert context.removed_secret_revisions == [1]


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
