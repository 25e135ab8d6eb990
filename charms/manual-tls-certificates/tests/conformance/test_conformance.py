"""The conformance kit on this charm; its operator signs what waits and imports all at once."""

from __future__ import annotations

import datetime
import json
from typing import ClassVar

from ops import testing

from charm import ManualTLSCertificatesCharm
from tls_provider import x509
from tls_provider.testing import pki, predecessors, requirers
from tls_provider.testing.features import Feature
from tls_provider.testing.kit import Allowed, Conformance, Upgrades
from tls_provider.testing.world import World

AUTHORITY = predecessors.Manual.people


class TestConformance(Conformance, Upgrades):
    charm = ManualTLSCertificatesCharm
    clocks: ClassVar = ('tls_provider.provider._now', 'charm._now')
    predecessor = predecessors.Manual
    signs: ClassVar = ('inbox.Inbox.issue',)
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

    def test_who_comes_again_keeps_what_people_have_brought(self) -> None:
        """A requirer that is related anew has the same key, and nobody signs once more."""
        asked = [
            pki.request('a.example', common_name=name, key='ecdsa-p256') for name in ('a', 'b')
        ]
        old = testing.Relation('certificates', remote_units_data={0: requirers.bag(asked[0])})
        world = self.refreshed(self.left(old))
        before = world.entry(old.id)
        world.part(old.id)

        new = world.relate(units={0: requirers.bag(asked[1])})
        world.changed(new)

        entry = world.entry(new)
        assert (entry.csr, entry.chain) == (asked[1], before.chain)
        self.assert_steady(world)
