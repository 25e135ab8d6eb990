"""The conformance kit: what every provider promises, as a class that a charm's tests subclass.

A charm declares only what it does not support, and what its operator has to allow first:

    class TestMyCharm(Conformance):
        charm = MyCharm
        unsupported = {Feature.IP_SANS: 101}
        optional = {Feature.ISSUE_CA: Allowed(999, {'allow-ca-requests': 'all'})}

Every case then runs: what is unsupported must be refused with that code, and what is optional is
tested both ways. A charm that takes the place of another one of its name has the group `Upgrades`
as well. With `-p tls_provider.testing.matrix` the run ends with the table of features.
"""

from tls_provider.testing.kit.base import Allowed
from tls_provider.testing.kit.faults import Faults
from tls_provider.testing.kit.hostile import HostileInput
from tls_provider.testing.kit.isolation import Isolation
from tls_provider.testing.kit.issue import IssueMatrix
from tls_provider.testing.kit.life import LifeCycle, Rotation
from tls_provider.testing.kit.order import IdempotenceAndOrder
from tls_provider.testing.kit.refusal import Refusals
from tls_provider.testing.kit.scale import Scale
from tls_provider.testing.kit.upgrades import Upgrades


class Conformance(
    IssueMatrix,
    Refusals,
    HostileInput,
    Isolation,
    LifeCycle,
    IdempotenceAndOrder,
    Faults,
    Scale,
):
    """All groups of cases that every charm has."""


__all__ = ['Allowed', 'Conformance', 'Rotation', 'Upgrades']
