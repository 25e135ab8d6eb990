#!/usr/bin/env python3
"""Certificates that people sign: the charm keeps the requests, checks what comes, hands it out."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import ops

import bulk
import desk
import export
import inbox
import options
from tls_provider import databag, x509
from tls_provider.actions import NOT_LEADER, Actions
from tls_provider.issuer import NotReady
from tls_provider.options import Invalid
from tls_provider.plan import Orders
from tls_provider.provider import Provider

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tls_provider.summary import Result

STORE = 'inbox'
"""Key of the peer databag."""
WARN_DAYS = (7, 14, 30)
"""Before the first end of a certificate the status asks for another one, in these steps."""
WORK: Mapping[str, Callable[[desk.Desk, Mapping[str, Any]], desk.Done]] = {
    'get_outstanding_certificate_requests': desk.outstanding,
    'provide_certificate': desk.provide,
    'import_certificates': bulk.bundle,
    'export_requests': export.requests,
    'refuse_request': desk.refuse,
    'remove_certificate': desk.remove,
}


class ManualTLSCertificatesCharm(ops.CharmBase):
    """Wires an operator's desk to the relation."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self._inbox: inbox.Inbox | None = None
        self._provider = Provider(
            self,
            issuer=self._issuer,
            trust_relations=('send-ca-cert', 'trust_certificate'),
            remark=self._remark,
        )
        self._actions = Actions(self, self._provider, trust_anchors=self._trust_anchors)
        for name in WORK:
            framework.observe(getattr(self.on, f'{name}_action'), self._on_work)
        framework.observe(self.on.collect_unit_status, self._on_end_of_dispatch)

    def _issuer(self) -> inbox.Inbox | NotReady:
        try:
            wanted = options.parse(self.config)
        except Invalid as error:
            return NotReady(str(error), blocked=True)
        roots = self._provider.published_roots
        self._inbox = inbox.Inbox(wanted, self._store(), roots, _now())
        return self._inbox

    def _store(self) -> inbox.Store:
        peers = self.model.get_relation('peers')
        return inbox.loads(peers.data[self.app].get(STORE, '') if peers else '')

    def _write(self, store: inbox.Store) -> None:
        if peers := self.model.get_relation('peers'):
            databag.write(peers.data[self.app], {STORE: store.dumps()})

    def _remark(self, result: Result) -> str:
        """How soon somebody has to renew a certificate: nobody else will."""
        left = (result.summary.first_expiry - _now().timestamp()) / 86400
        if not result.summary.first_expiry or left > max(WARN_DAYS):
            return ''
        days = next(number for number in WARN_DAYS if left <= number)
        return f'a certificate ends within {days} days: supply another'

    def _on_end_of_dispatch(self, _: ops.CollectStatusEvent) -> None:
        """Keep when requests were seen first, and forget what has ended."""
        if self._inbox is None or not self.unit.is_leader():
            return
        wanted = {inbox.name(one.csr) for one in self._provider.requests()}
        self._write(self._inbox.store.current(_now(), wanted))

    def _desk(self) -> desk.Desk:
        try:
            bundle = options.parse(self.config).bundle
        except Invalid as error:
            raise desk.Failed(str(error)) from error
        relations = self.model.relations['certificates']
        return desk.Desk(
            requests=self._provider.requests(),
            relations=frozenset(one.id for one in relations if one.active),
            store=self._store(),
            anchors=bundle,
            load=self._load_secret,
            now=_now(),
            folder=self.charm_dir / 'exports',
        )

    def _load_secret(self, identifier: str) -> Mapping[str, str]:
        try:
            return self.model.get_secret(id=identifier).get_content(refresh=True)
        except ops.ModelError:
            shown = x509.printable(identifier, 60)
            problem = f'secret {shown} is not there, or not granted to {self.app.name}'
            raise desk.Failed(problem) from None

    def _on_work(self, event: ops.ActionEvent) -> None:
        work = WORK[event.handle.kind.removesuffix('_action')]
        try:
            if not self.unit.is_leader():
                raise desk.Failed(NOT_LEADER)
            done = work(self._desk(), event.params)
        except desk.Failed as error:
            event.fail(str(error))
            return
        if done.store is not None:
            self._write(done.store)
            state = self._provider.reconcile(Orders(revoke=done.revoke))
            if isinstance(state, NotReady):
                event.fail(state.message)
                return
        event.set_results(dict(done.results))

    def _trust_anchors(self) -> list[str]:
        if not self.unit.is_leader():
            raise ValueError(NOT_LEADER)
        issuer = self._issuer()
        if isinstance(issuer, NotReady):
            raise ValueError(issuer.message)
        return list(issuer.trust_anchors)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


if __name__ == '__main__':
    ops.main(ManualTLSCertificatesCharm)
