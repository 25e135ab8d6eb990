"""The conformance kit on this charm; its operator signs what waits and imports all at once."""

from __future__ import annotations

import datetime
import json
from typing import ClassVar

from charm import ManualTLSCertificatesCharm
from tls_provider import x509
from tls_provider.testing import pki
from tls_provider.testing.features import Feature
from tls_provider.testing.kit import Allowed, Conformance
from tls_provider.testing.world import World

AUTHORITY = pki.Authority.root('the organisation')


class TestConformance(Conformance):
    charm = ManualTLSCertificatesCharm
    clocks: ClassVar = ('tls_provider.provider._now', 'charm._now')
    unsupported: ClassVar = {Feature.OTHER_NAME_SANS: 102}
    optional: ClassVar = {Feature.ISSUE_CA: Allowed(999, {'allow-ca-requests': 'all'})}

    def settle(self, world: World) -> None:
        waiting = json.loads(world.act('export-requests')['requests'])
        if not waiting:
            return
        start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=5)
        signed = [
            AUTHORITY.sign(x509.parse_request(row['csr']), start=start, is_ca=row['ca'])
            for row in waiting
        ]
        bundle = ''.join(one.pem for one in (*signed, AUTHORITY.certificate))

        report = json.loads(world.act('import-certificates', bundle=bundle)['report'])

        wrong = [row for row in report if str(row['outcome']).startswith('wrong')]
        assert not wrong, wrong
