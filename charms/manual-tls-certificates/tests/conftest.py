"""A charm among requirers, as its metadata make it."""

import pytest
from ops import testing

from charm import ManualTLSCertificatesCharm
from tls_provider.testing.world import World


@pytest.fixture
def world() -> World:
    """With a leader and nobody that requires anything."""
    state = testing.State(leader=True, relations={testing.PeerRelation('peers')})
    return World(ManualTLSCertificatesCharm, state)
