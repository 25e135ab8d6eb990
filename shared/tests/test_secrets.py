"""The secret of an application: found by its label, stored once, old revisions removed."""

from __future__ import annotations

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


def test_a_revision_that_nobody_reads_is_removed(context: testing.Context[Keeper]):
    with context(context.on.start(), testing.State(leader=True, secrets={_secret()})) as manager:
        manager.charm.secret.store({'key': 'new'})
        manager.charm.secret.load()
        state = manager.run()
    [secret] = state.secrets

    context.run(context.on.secret_remove(secret, revision=1), state)

    assert context.removed_secret_revisions == [1]


def test_revisions_of_other_secrets_are_left_alone(context: testing.Context[Keeper]):
    secret = _secret('other')

    context.run(
        context.on.secret_remove(secret, revision=1), testing.State(leader=True, secrets={secret})
    )

    assert context.removed_secret_revisions == []
