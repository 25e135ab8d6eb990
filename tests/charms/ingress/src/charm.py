#!/usr/bin/env python3
"""An ingress: haproxy with a certificate, in front of an application."""

from __future__ import annotations

import hashlib
import json
import pathlib
import ssl
from typing import TYPE_CHECKING

import ops
from charmlibs.interfaces import certificate_transfer
from charmlibs.interfaces.tls_certificates import (
    CertificateRequestAttributes,
    TLSCertificatesRequiresV4,
)

import haproxy

if TYPE_CHECKING:
    from collections.abc import Iterator

CERTIFICATES, TRUST, BACKEND = 'certificates', 'receive-ca-cert', 'backend'


class IngressCharm(ops.CharmBase):
    """The configuration of haproxy follows the relations, in every hook."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self._proxy = haproxy.Proxy(pathlib.Path('state').absolute())
        self._name = str(self.config['external-hostname'])
        self._certificates = TLSCertificatesRequiresV4(
            self,
            CERTIFICATES,
            certificate_requests=[CertificateRequestAttributes(self._name, sans_dns=[self._name])],
            refresh_events=[self.on.config_changed],
            key_algorithm='ecdsa',
        )
        self._trust = certificate_transfer.CertificateTransferRequires(self, TRUST)
        framework.observe(self.on.install, self._install)
        # After the libraries: observers run in this order.
        for event in (
            self.on.config_changed, self.on.leader_elected, self.on.start, self.on.update_status,
            self.on.upgrade_charm, self.on.secret_expired,
        ):  # fmt: skip
            framework.observe(event, self._reconcile)
        for endpoint in self.meta.relations:
            events = self.on[endpoint]
            for event in (
                events.relation_created, events.relation_changed, events.relation_departed,
                events.relation_broken,
            ):  # fmt: skip
                framework.observe(event, self._reconcile)
        framework.observe(self.on.stop, self._stop)
        framework.observe(self.on.collect_unit_status, self._collect_status)

    def _install(self, _: ops.InstallEvent) -> None:
        haproxy.install()

    def _reconcile(self, _: ops.EventBase) -> None:
        trusted: set[str] = set()
        for relation in self._active(TRUST):
            trusted |= self._trust.get_all_certificates(relation.id)
        port = int(self.config['port'])
        self._proxy.run(
            bind=f'{self._address()}:{port}',
            certificate=self._certificate(),
            trust='\n'.join(sorted(trusted)),
            servers=list(self._servers()),
        )
        self.unit.set_ports(port)
        # An application keeps the certificate that it has until its new CA is trusted here.
        digests = sorted(map(_fingerprint, trusted))
        for relation in self._active(BACKEND):
            relation.data[self.unit]['trusted'] = json.dumps(digests)

    def _certificate(self) -> str:
        """Key and chain, empty while there is no certificate."""
        if not self._active(CERTIFICATES):
            return ''
        issued, key = self._certificates.get_assigned_certificates()
        if not issued or key is None:
            return ''
        answer = issued[0]
        chain = [str(one) for one in (answer.certificate, *answer.chain) if one != answer.ca]
        return '\n'.join([str(key), *dict.fromkeys(chain)])

    def _servers(self) -> Iterator[haproxy.Server]:
        for relation in self._active(BACKEND):
            for unit in sorted(relation.units, key=lambda unit: unit.name):
                said = relation.data[unit]
                if 'address' in said:
                    address = f'{said["address"]}:{said["port"]}'
                    yield haproxy.Server(unit.name, address, said['scheme'], said['name'])

    def _address(self) -> str:
        binding = self.model.get_binding(CERTIFICATES)
        return str(binding.network.ingress_address) if binding else ''

    def _active(self, endpoint: str) -> list[ops.Relation]:
        """The relations of an endpoint, without one that has just ended."""
        return [one for one in self.model.relations[endpoint] if one.active]

    def _collect_status(self, event: ops.CollectStatusEvent) -> None:
        if not haproxy.is_there():
            event.add_status(ops.BlockedStatus(haproxy.MISSING))
        if not self._certificate():
            event.add_status(ops.WaitingStatus('no certificate yet'))
        event.add_status(ops.ActiveStatus(f'https://{self._name}'))

    def _stop(self, _: ops.StopEvent) -> None:
        self._proxy.end()


def _fingerprint(pem: str) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


if __name__ == '__main__':
    ops.main(IngressCharm)
