"""Secrets of the operator, granted to the application and named by options and parameters."""

from __future__ import annotations

import re

import ops

from tls_provider.options import Invalid
from tls_provider.secrets import Unreadable

_IDENTIFIER = re.compile(r'[A-Za-z0-9:/_.][A-Za-z0-9:/_.-]{0,199}')


def granted(model: ops.Model, identifier: str) -> dict[str, str]:
    """The content of a secret of the operator, by its identifier; raises `Unreadable`."""
    if not _IDENTIFIER.fullmatch(identifier):
        raise Unreadable('what is given is no identifier of a secret; juju secrets shows them')
    try:
        return model.get_secret(id=identifier).get_content(refresh=True)
    except ops.ModelError:
        problem = f'secret {identifier} is not there, or not granted to {model.app.name}'
        raise Unreadable(problem) from None


def of_option(model: ops.Model, option: str, identifier: str) -> dict[str, str]:
    """The content of the secret that an option or parameter names; raises `Invalid`."""
    try:
        return granted(model, identifier)
    except Unreadable as error:
        raise Invalid(option, str(error)) from None
