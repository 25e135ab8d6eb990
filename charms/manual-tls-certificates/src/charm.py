#!/usr/bin/env python3
"""Certificates that people sign: the charm keeps the requests, checks what comes, hands it out."""

from __future__ import annotations

import datetime
import logging
from typing import TYPE_CHECKING, Any

import ops

import bulk
import desk
import export
import giving
import inbox
import options
import renewal
import store
from giving import Change
from tls_provider import databag, x509
from tls_provider.actions import NOT_LEADER, Actions
from tls_provider.grants import granted
from tls_provider.issuer import NotReady
from tls_provider.options import Invalid
from tls_provider.provider import Provider
from tls_provider.secrets import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tls_provider.summary import Result

logger = logging.getLogger(__name__)

STORE = 'inbox'
"""Key of the peer databag."""
WORK: Mapping[str, Callable[[desk.Desk, Mapping[str, Any]], desk.Done]] = {
    'get_outstanding_certificate_requests': export.outstanding,
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
        self._change: Change | None = None
        self._provider = Provider(
            self,
            issuer=self._issuer,
            trust_relations=('send-ca-cert', 'trust_certificate'),
            remark=lambda result: renewal.remark(result.summary.first_expiry, _now()),
        )
        self._actions = Actions(
            self,
            self._provider,
            trust_anchors=self._trust_anchors,
            revoked='not at your CA: revoke it there too',
        )
        for name in WORK:
            framework.observe(getattr(self.on, f'{name}_action'), self._on_work)
        framework.observe(self.on.collect_unit_status, self._on_end_of_dispatch)

    def _issuer(self) -> inbox.Inbox | NotReady:
        try:
            self._inbox = self._inbox_of(self._change or Change(self._store()))
        except Invalid as error:
            return NotReady(str(error), blocked=True)
        return self._inbox

    def _inbox_of(self, change: Change) -> inbox.Inbox:
        roots = self._provider.published_roots
        wanted = options.parse(self.config)
        return inbox.Inbox(wanted, change.store, roots, _now(), change.wanted)

    def _foresee(self, change: Change) -> Result:
        result = self._provider.foresee(self._inbox_of(change), change.orders)
        if isinstance(result, NotReady):
            raise desk.Failed(result.message)
        return result

    def _store(self) -> store.Store:
        peers = self.model.get_relation('peers')
        return store.loads(peers.data[self.app].get(STORE, '') if peers else '')

    def _on_end_of_dispatch(self, _: ops.CollectStatusEvent) -> None:
        """Keep what the pass has changed, and forget what has ended or is not asked for."""
        peers = self.model.get_relation('peers')
        if self._inbox is None or peers is None or not self.unit.is_leader():
            return
        known = giving.kept(self._inbox.store, self._provider.requests(), _now())
        kept, ended = known.noting(self._inbox.ended)
        for one in ended:
            shown = x509.printable(one.subject, 80)
            logger.warning('%s: "%s" has ended and is left out', options.BUNDLE, shown)
        if kept != self._store():
            databag.write(peers.data[self.app], {STORE: kept.dumps()})

    def _desk(self) -> desk.Desk:
        relations = self.model.relations['certificates']
        return desk.Desk(
            requests=self._provider.requests(),
            relations=frozenset(one.id for one in relations if one.active),
            store=self._store(),
            anchors=lambda: options.parse(self.config).bundle,
            load=lambda identifier: granted(self.model, identifier),
            foresee=self._foresee,
            now=_now(),
            folder=self.charm_dir / 'exports',
        )

    def _on_work(self, event: ops.ActionEvent) -> None:
        work = WORK[event.handle.kind.removesuffix('_action')]
        try:
            if not self.unit.is_leader():
                raise desk.Failed(NOT_LEADER)
            desk.guard(event.params, 'parameter')
            done = work(self._desk(), event.params)
        except (desk.Failed, Invalid, Unreadable) as error:
            event.set_results(dict(getattr(error, 'results', {})))
            event.fail(str(error))
            return
        if done.change is not None:
            self._change = done.change
            self._provider.reconcile(done.change.orders)
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
