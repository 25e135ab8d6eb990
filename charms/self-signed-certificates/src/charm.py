#!/usr/bin/env python3
"""Certificates of a private CA that the application keeps in a Juju secret."""

from __future__ import annotations

import datetime

import ops

import local_ca
import options
from tls_provider import x509
from tls_provider.issuer import NotReady
from tls_provider.provider import Provider
from tls_provider.secrets import AppSecret, Unreadable

CA_LABEL = 'active-ca-certificates'
"""Label of the secret with the CA's key and certificate, as the charm before this one had it."""


class SelfSignedCertificatesCharm(ops.CharmBase):
    """Wires a local CA to the relation."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self._secret = AppSecret(self, CA_LABEL)
        self._provider = Provider(self, issuer=self._issuer)
        framework.observe(self.on.get_ca_certificate_action, self._on_get_ca_certificate)

    def _issuer(self) -> local_ca.LocalCA | NotReady:
        """The CA in force; made when there was none and when the options ask for another one."""
        now = datetime.datetime.now(datetime.timezone.utc)
        try:
            wanted = options.parse(self.config)
            content = self._secret.load()
            current = (
                None if content is None else local_ca.LocalCA.from_secret(content, wanted, now)
            )
        except (options.Invalid, Unreadable) as error:
            return NotReady(str(error), blocked=True)
        except x509.Malformed as error:
            return NotReady(f'secret {CA_LABEL} holds no CA: {error}', blocked=True)
        if current is None and self._provider.has_issued():
            return NotReady(f'secret {CA_LABEL} with the CA is missing; restore it', blocked=True)
        if current and not current.is_due():
            return current
        made = local_ca.create(wanted, now)
        self._secret.store(made.to_secret())
        return made

    def _on_get_ca_certificate(self, event: ops.ActionEvent) -> None:
        try:
            content = self._secret.load() or {}
        except Unreadable as error:
            event.fail(str(error))
            return
        certificate = content.get('ca-certificate')
        if certificate is None:
            event.fail('Root Certificate is not yet generated')
            return
        event.set_results({'ca-certificate': certificate.strip()})


if __name__ == '__main__':
    ops.main(SelfSignedCertificatesCharm)
