"""A charm among requirers, as its metadata make it, and what holds for every test of it."""

from __future__ import annotations

import pathlib
from collections.abc import Generator

import pytest
from ops import testing

from charm import ManualTLSCertificatesCharm
from tls_provider.testing import canaries
from tls_provider.testing.world import World

PUBLIC = {'ca-certificate', 'ca-chain', 'certificate', 'certificate-signing-request', 'id'}
"""Keys of a secret that an operator hands over to an action."""


@pytest.fixture(autouse=True)
def _canaries(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: pathlib.Path
) -> Generator[None]:
    """The charm has no secrets; a key that somebody pastes by mistake is seen nowhere."""
    with canaries.watched(monkeypatch, caplog, tmp_path, public=PUBLIC):
        yield


@pytest.fixture
def world() -> World:
    """With a leader and nobody that requires anything."""
    state = testing.State(leader=True, relations={testing.PeerRelation('peers')})
    return World(ManualTLSCertificatesCharm, state)
