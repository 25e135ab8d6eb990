"""The provider to compare with: the least that a charm needs around the public requirer library.

`charmlibs-interfaces-tls-certificates` has a class for each side of the relation. This charm is
that library's provider as it is meant to be used, and nothing else: ask it for the outstanding
requests, let it generate a certificate for each, hand each back. Key and certificate of the CA lie
in one secret of the application, which a hook reads once and parses once, and only if there is a
request to answer. There is no option, no check of what is asked for and no published
capabilities, so a charm that people deploy does more than this one.
"""

from __future__ import annotations

import datetime

import ops
from charmlibs.interfaces.tls_certificates import (
    Certificate,
    CertificateRequestAttributes,
    KeyAlgorithm,
    PrivateKey,
    ProviderCertificate,
    TLSCertificatesProvidesV4,
)

CA_LABEL = 'ca'
CA_VALIDITY = datetime.timedelta(days=365)
VALIDITY = datetime.timedelta(days=90)


class LibraryProvider(ops.CharmBase):
    """Answers every request with a certificate of a CA that it makes in its first hook."""

    key_algorithm = KeyAlgorithm.ECDSA
    """Of the CA. The library's own default is RSA."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self._certificates = TLSCertificatesProvidesV4(self, 'certificates')
        for event in (
            self.on.config_changed,
            self.on.update_status,
            self.on['certificates'].relation_changed,
        ):
            framework.observe(event, self._on_event)
        framework.observe(self.on.collect_unit_status, self._on_collect_status)

    def _on_event(self, _: ops.EventBase) -> None:
        if not self.unit.is_leader():
            return
        authority = self._authority()
        requests = self._certificates.get_outstanding_certificate_requests()
        if not requests:
            return
        private_key = PrivateKey.from_string(authority['private-key'])
        ca = Certificate.from_string(authority['ca-certificate'])
        for request in requests:
            csr = request.certificate_signing_request
            certificate = Certificate.generate(csr, ca, private_key, VALIDITY, request.is_ca)
            self._certificates.set_relation_certificate(
                ProviderCertificate(
                    relation_id=request.relation_id,
                    certificate=certificate,
                    certificate_signing_request=csr,
                    ca=ca,
                    chain=[certificate, ca],
                )
            )

    def _authority(self) -> dict[str, str]:
        """The content of the CA's secret, which is made if there is none."""
        try:
            return self.model.get_secret(label=CA_LABEL).get_content(refresh=True)
        except ops.SecretNotFoundError:
            private_key = PrivateKey.generate(key_algorithm=self.key_algorithm)
            attributes = CertificateRequestAttributes(common_name='library', is_ca=True)
            ca = Certificate.generate_self_signed_ca(attributes, private_key, CA_VALIDITY)
            content = {'private-key': str(private_key), 'ca-certificate': str(ca)}
            self.app.add_secret(content, label=CA_LABEL)
            return content

    def _on_collect_status(self, event: ops.CollectStatusEvent) -> None:
        event.add_status(ops.ActiveStatus())


class RsaLibraryProvider(LibraryProvider):
    """The same with the library's default: a CA with an RSA-2048 key."""

    key_algorithm = KeyAlgorithm.RSA
