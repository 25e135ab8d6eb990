"""What a killed process of this charm leaves behind."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import ClassVar

from charm import ManualTLSCertificatesCharm
from tls_provider import x509
from tls_provider.testing import pki
from tls_provider.testing.kit.crashes import CSRS, Crashes, Step
from tls_provider.testing.world import World

AUTHORITY = pki.Authority.root('the organisation')


def supply(world: World) -> None:
    """Import a certificate for every request of the story, as the operator would again."""
    start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=5)
    signed = [AUTHORITY.sign(x509.parse_request(csr), start=start) for csr in CSRS]
    bundle = ''.join(one.pem for one in (*signed, AUTHORITY.certificate))
    world.act('import-certificates', bundle=bundle)


class TestCrashes(Crashes):
    charm = ManualTLSCertificatesCharm
    backend: ClassVar = ('inbox.Inbox.issue',)

    def settling(self, name: str) -> Sequence[Step]:
        return (Step(name, supply),)
