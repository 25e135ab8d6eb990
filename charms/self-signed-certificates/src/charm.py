#!/usr/bin/env python3
"""Certificates of a private CA that the application keeps in a Juju secret."""

from __future__ import annotations

import datetime

import ops

import authority_secret
import local_ca
import options
from tls_provider import x509
from tls_provider.actions import NOT_LEADER, Actions
from tls_provider.issuer import NotReady
from tls_provider.options import Invalid
from tls_provider.provider import Provider
from tls_provider.secrets import AppSecret, Unreadable
from tls_provider.summary import Result

CA_LABEL = 'active-ca-certificates'
"""Label of the secret with the CA's key and certificate, as the charm before this one had it."""
EXPIRING_LABEL = 'expiring-ca-certificates'
"""Label of the secret in which that charm kept the CA before, with its key."""


class SelfSignedCertificatesCharm(ops.CharmBase):
    """Wires a local CA to the relation."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self._secret = AppSecret(self, CA_LABEL)
        self._expiring: ops.Secret | None = None
        self._is_adopting = False
        self._provider = Provider(self, issuer=self._issuer)
        self._actions = Actions(self, self._provider, trust_anchors=self._trust_anchors)
        framework.observe(self.on.rotate_private_key_action, self._on_rotate_private_key)
        framework.observe(self.on.get_revocation_list_action, self._on_get_revocation_list)

    def _issuer(self) -> local_ca.LocalCA | NotReady:
        """The CA in force; made when there was none and when the options ask for another one."""
        try:
            wanted = options.parse(self.config)
            current = self._load(wanted)
        except (Invalid, Unreadable) as error:
            return NotReady(str(error), blocked=True)
        except x509.Malformed as error:
            problem = f'secret {CA_LABEL} holds no CA: {error}'
            return NotReady(f'{problem}; restore it or run rotate-private-key', blocked=True)
        if current is None and self._provider.has_issued():
            problem = f'secret {CA_LABEL} with the CA is missing'
            return NotReady(f'{problem}; restore it or run rotate-private-key', blocked=True)
        if current is None or current.is_due():
            last = self._provider.last_expiry()
            retiring = authority_secret.superseded(current, last) if current else ()
            return self._store(local_ca.create(wanted, _now(), retiring))
        return self._store(current) if current.adopted else current

    def _load(self, wanted: local_ca.Options) -> local_ca.LocalCA | None:
        """The CA of the secret; None where there is none. Raises `Unreadable`, `Malformed`."""
        content = self._secret.load()
        if content is None or not authority_secret.is_foreign(content):
            return authority_secret.read(content, wanted, _now()) if content else None
        self._is_adopting = True
        try:
            self._expiring = self.model.get_secret(label=EXPIRING_LABEL)
            expiring = self._expiring.get_content(refresh=True)
        except ops.ModelError:
            expiring = {}
        return authority_secret.adopt(content, expiring, wanted, _now())

    def _store(self, ca: local_ca.LocalCA) -> local_ca.LocalCA:
        """The CA, which is in force from now on."""
        self._secret.store(authority_secret.write(ca), first=self._is_adopting)
        if self._expiring is not None:
            self._expiring.remove_all_revisions()
            self._expiring = None
        return ca

    def _on_rotate_private_key(self, event: ops.ActionEvent) -> None:
        if not self.unit.is_leader():
            event.fail(NOT_LEADER)
            return
        try:
            wanted = options.parse(self.config)
            retiring = () if event.params.get('compromised') else self._retiring(wanted)
        except (Invalid, Unreadable) as error:
            event.fail(str(error))
            return
        self._store(local_ca.create(wanted, _now(), retiring))
        state = self._provider.reconcile()
        issued, left = 0, 0
        if isinstance(state, Result):
            issued, left = state.summary.issued, state.summary.superseded
        result = f'New private key and CA certificate; {issued - left} certificates are of it.'
        if left:
            result += f' {left} are of the CA before; list-requests says why.'
        event.set_results({'result': result})

    def _retiring(self, wanted: local_ca.Options) -> tuple[local_ca.Retiring, ...]:
        """What stays in trust beside a new CA; raises `Unreadable`."""
        last = self._provider.last_expiry()
        try:
            if current := self._load(wanted):
                return authority_secret.superseded(current, last)
        except x509.Malformed:
            pass  # what can be found of it counts
        damaged = (self._secret.load() or {}).get('ca-certificate', '')
        found = [*self._provider.published_roots(), damaged]
        return authority_secret.rescued(found, wanted, _now(), last)

    def _on_get_revocation_list(self, event: ops.ActionEvent) -> None:
        state = self._provider.reconcile()
        if not isinstance(state, Result):
            event.fail(state.message if state else NOT_LEADER)
            return
        try:
            ca = self._load(options.parse(self.config))
            assert ca, 'the pass went through'  # noqa: S101
            text = ca.revocation_list(self._provider.ledger().revoked)
        except ValueError as error:
            event.fail(str(error))
            return
        event.set_results({'revocation-list': text})

    def _trust_anchors(self) -> list[str]:
        """The certificates of the secret, whoever wrote it; on any unit."""
        try:
            content = self._secret.load() or {}
            return authority_secret.trust_anchors(content, _now())
        except Unreadable as error:
            raise ValueError(str(error)) from error
        except x509.Malformed as error:
            raise ValueError(f'secret {CA_LABEL} holds no CA: {error}') from error


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


if __name__ == '__main__':
    ops.main(SelfSignedCertificatesCharm)
