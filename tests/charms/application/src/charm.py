#!/usr/bin/env python3
"""An application that terminates TLS itself: for its API, and between its units."""

from __future__ import annotations

import json
import pathlib
from typing import TYPE_CHECKING

import ops
from charmlibs.interfaces import certificate_transfer
from charmlibs.interfaces.tls_certificates import (
    CertificateRequestAttributes,
    TLSCertificatesRequiresV4,
)

import credentials
import workload

if TYPE_CHECKING:
    from collections.abc import Iterator

API, PEER = 'api-certificates', 'peer-certificates'
TRUST, PEERS, BACKEND = 'receive-ca-cert', 'peers', 'backend'


class ApplicationCharm(ops.CharmBase):
    """Files and settings of the server follow the relations, in every hook."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self._folder = pathlib.Path('state').absolute()
        self._api_name = str(self.config['api-name']).replace(
            '{unit}', self.unit.name.partition('/')[2]
        )
        binding = self.model.get_binding(PEERS)
        self._address = str(binding.network.ingress_address) if binding else ''
        requests = {
            API: CertificateRequestAttributes(self._api_name, sans_dns=[self._api_name]),
            PEER: CertificateRequestAttributes(
                self.unit.name.replace('/', '-'), sans_ip=[self._address]
            ),
        }
        self._certificates = {
            endpoint: TLSCertificatesRequiresV4(
                self,
                endpoint,
                certificate_requests=[request],
                refresh_events=[self.on.config_changed],
                key_algorithm='ecdsa',
            )
            for endpoint, request in requests.items()
        }
        self._trust = certificate_transfer.CertificateTransferRequires(self, TRUST)
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
        framework.observe(self.on.show_peers_action, self._show_peers)

    def _reconcile(self, _: ops.EventBase) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        trusted: set[str] = set()
        for relation in self._active(TRUST):
            trusted |= self._trust.get_all_certificates(relation.id)
        credentials.write(self._folder / 'trust.pem', '\n'.join(sorted(trusted)))
        for endpoint in (API, PEER):
            self._install(endpoint)
        ports = (int(self.config['port']), int(self.config['peer-port']))
        scheme = str(self.config['api-scheme'])
        peers = [bag['ingress-address'] for bag in self._others(PEERS) if 'ingress-address' in bag]
        settings = {'name': self.unit.name, 'scheme': scheme, 'peers': sorted(peers)}
        credentials.write(self._folder / 'settings.json', json.dumps(settings))
        workload.ensure(self._folder, self._address, *ports)
        self.unit.set_ports(ports[0])
        own = {'trusted': json.dumps(sorted(map(credentials.fingerprint, trusted)))}
        backend = {'scheme': scheme, 'address': self._address, 'port': str(ports[0])}
        for endpoint, content in ((PEERS, own), (BACKEND, {**backend, 'name': self._api_name})):
            for relation in self._active(endpoint):
                relation.data[self.unit].update(content)

    def _install(self, endpoint: str) -> None:
        """Put a certificate into use, as soon as those who trust the one in use trust its CA."""
        name = endpoint.partition('-')[0]
        if not self._active(endpoint):
            credentials.remove(self._folder, name)
            return
        issued, key = self._certificates[endpoint].get_assigned_certificates()
        if not issued or key is None:
            return
        answer = issued[0]
        chain = [str(one) for one in (answer.certificate, *answer.chain) if one != answer.ca]
        clients = (self._others(BACKEND), self._others(PEERS))[endpoint == PEER]
        trusted = [bag.get('trusted') for bag in clients]
        if credentials.may_replace(self._folder, name, str(answer.ca), trusted):
            text = '\n'.join([str(key), *dict.fromkeys(chain)])
            credentials.replace(self._folder, name, text, str(answer.ca))

    def _active(self, endpoint: str) -> list[ops.Relation]:
        """The relations of an endpoint, without one that has just ended."""
        return [one for one in self.model.relations[endpoint] if one.active]

    def _others(self, endpoint: str) -> Iterator[ops.RelationDataContent]:
        """What the other units of an endpoint say."""
        for relation in self._active(endpoint):
            for unit in relation.units:
                yield relation.data[unit]

    def _collect_status(self, event: ops.CollectStatusEvent) -> None:
        names = {API: 'api.pem', PEER: 'peer.pem'}
        missing = [
            endpoint
            for endpoint, name in names.items()
            if self._active(endpoint) and not (self._folder / name).exists()
        ]
        if missing:
            event.add_status(ops.WaitingStatus(f'no certificate yet: {", ".join(missing)}'))
        event.add_status(ops.ActiveStatus(f'{self.config["api-scheme"]}://{self._api_name}'))

    def _show_peers(self, event: ops.ActionEvent) -> None:
        event.set_results({'peers': workload.calls(self._folder)})

    def _stop(self, _: ops.StopEvent) -> None:
        workload.end(self._folder)


if __name__ == '__main__':
    ops.main(ApplicationCharm)
