"""The conformance kit on this charm."""

from __future__ import annotations

from typing import ClassVar

from charm import SelfSignedCertificatesCharm
from tls_provider.testing.features import Feature
from tls_provider.testing.kit import Allowed, Conformance, Rotation


class TestConformance(Rotation, Conformance):
    charm = SelfSignedCertificatesCharm
    clocks: ClassVar = ('tls_provider.provider._now', 'charm._now')
    unsupported: ClassVar = {Feature.OTHER_NAME_SANS: 102}
    optional: ClassVar = {
        Feature.ISSUE_CA: Allowed(999, {'allow-ca-requests': 'all'}),
        Feature.ECDSA_P521: Allowed(
            999, {'request-key-algorithms': 'rsa,ecdsa-p256,ecdsa-p384,ecdsa-p521,ed25519'}
        ),
        Feature.ED25519: Allowed(
            999, {'request-key-algorithms': 'rsa,ecdsa-p256,ecdsa-p384,ecdsa-p521,ed25519'}
        ),
    }
