"""What a killed process of this charm leaves behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from charm import SelfSignedCertificatesCharm
from tls_provider.testing.kit.crashes import Crashes, Step


class TestCrashes(Crashes):
    charm = SelfSignedCertificatesCharm
    backend: ClassVar = ('local_ca.create', 'local_ca.LocalCA.issue')
    effects: ClassVar = ('local_ca.create', 'certificate_profile.Signer.sign')

    def story(self) -> Sequence[Step]:
        return (
            *super().story(),
            Step('another CA', lambda world: world.configure(ca_common_name='other')),
            Step('key replaced', lambda world: world.act('rotate-private-key')),
            *[Step('old revision removed', lambda world: world.run('update_status'))] * 3,
        )
