"""Secrets of the operator: read by the identifier that an option or a parameter gives."""

from __future__ import annotations

import ops
import pytest
from ops import testing

from tls_provider.grants import granted, of_option
from tls_provider.options import Invalid
from tls_provider.secrets import Unreadable


class Keeper(ops.CharmBase):
    """A charm that only gives its model."""


@pytest.fixture
def context() -> testing.Context[Keeper]:
    return testing.Context(Keeper, meta={'name': 'keeper'})


def test_the_operators_secret_is_read(context: testing.Context[Keeper]):
    secret = testing.Secret({'key': 'one'}, latest_content={'key': 'two'})

    with context(context.on.start(), testing.State(secrets={secret})) as manager:
        assert granted(manager.charm.model, secret.id) == {'key': 'two'}


def test_a_secret_that_is_not_there_is_named(context: testing.Context[Keeper]):
    identifier = 'secret://3f0c/d6ec2bpgahqc711hdl30'

    with (
        context(context.on.start(), testing.State()) as manager,
        pytest.raises(Unreadable) as caught,
    ):
        granted(manager.charm.model, identifier)

    assert str(caught.value) == f'secret {identifier} is not there, or not granted to keeper'


@pytest.mark.parametrize(
    'identifier', ['', '-x', '--label', 'a b', 'x\n', '\ud800', '\x00', 'a' * 201, '-----BEGIN']
)
def test_what_is_no_identifier_goes_to_no_hook_tool_and_into_no_message(
    identifier: str, context: testing.Context[Keeper]
):
    with (
        context(context.on.start(), testing.State()) as manager,
        pytest.raises(Unreadable) as caught,
    ):
        granted(manager.charm.model, identifier)

    assert str(caught.value) == (
        'what is given is no identifier of a secret; juju secrets shows them'
    )


def test_an_option_without_its_secret_is_named(context: testing.Context[Keeper]):
    secret = testing.Secret({'key': 'one'})

    with context(context.on.start(), testing.State(secrets={secret})) as manager:
        model = manager.charm.model
        assert of_option(model, 'credentials', secret.id) == {'key': 'one'}
        with pytest.raises(Invalid, match=r'^option credentials: what is given is no identifier'):
            of_option(model, 'credentials', 'a b')
