#!/usr/bin/env python3
"""Certificates of an ACME server, by DNS-01."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ops

import account
import binary
import expiry
import names
import options
import received_roots
from authority_roots import Roots
from clock import now
from duplicates import History
from journal import Journal, settled
from lego import Lego
from runs import Runs
from tls_provider import databag, policy
from tls_provider.actions import NOT_LEADER, Actions
from tls_provider.grants import of_option
from tls_provider.issuer import NotReady
from tls_provider.options import Invalid
from tls_provider.provider import Provider
from tls_provider.secrets import AppSecret, Inherited, Unreadable

if TYPE_CHECKING:
    import pathlib

    from tls_provider.issuer import Rejected, Request

HISTORY = 'issued-name-sets'
"""Key of the peer databag."""
RECEIVE = 'receive-ca-cert'


class LegoCharm(ops.CharmBase):
    """Wires lego to the relation."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self._lego: Lego | None = None
        self._orders = self.charm_dir / 'orders'
        self._account: account.Account | None = None
        self._inherited = Inherited(self.model, account.INHERITED)
        # Before the secret's own observer: it removes an old revision unless there is a new one.
        framework.observe(self.on.collect_unit_status, self._on_end_of_dispatch)
        self._secret = AppSecret(self, account.label(*options.identity(self.config)))
        self._provider = Provider(
            self,
            issuer=self._issuer,
            rules=(self._judge,),
            refresh_on=(self.on[RECEIVE].relation_changed, self.on[RECEIVE].relation_broken),
        )
        self._actions = Actions(self, self._provider, trust_anchors=self._trust_anchors)
        framework.observe(self.on.dry_run_action, self._on_dry_run)
        framework.observe(self.on.update_status, self._on_update_status)

    def _issuer(self) -> Lego | NotReady:
        try:
            wanted = self._options()
            content = self._secret.load()
        except (Invalid, Unreadable) as error:
            Journal(self._orders).clear()
            return NotReady(str(error), blocked=True)
        who = wanted.server, wanted.email
        self._account = account.read(content or {}, *who)
        known = self._account if content else self._inherited.take(account.adopted(*who))
        peers = self.model.get_relation('peers')
        self._lego = Lego(
            runs=Runs(wanted, self._binary, known),
            journal=Journal(self._orders, wanted.kind_of_certificate(), wanted.known_roots()),
            roots=self._roots(wanted),
            history=History(peers.data[self.app].get(HISTORY, '') if peers else '', wanted.server),
        )
        self._lego.recover(settled(self._provider.ledger()))
        return self._lego

    def _options(self) -> options.Options:
        return options.parse(self.config, self._load_secret, self._received_roots())

    def _load_secret(self, option: str, identifier: str) -> dict[str, str]:
        return of_option(self.model, option, identifier)

    def _received_roots(self) -> tuple[str, ...]:
        bags: list[ops.RelationDataContent] = []
        for relation in self.model.relations[RECEIVE]:
            if relation.active and (app := databag.remote_application(relation)):
                bags += [relation.data[app], *(relation.data[unit] for unit in relation.units)]
        return received_roots.read(bags)

    def _binary(self) -> pathlib.Path:
        try:
            attached = self.model.resources.fetch('lego')
        except (ops.ModelError, NameError):
            attached = None
        return binary.find(attached, self.charm_dir)

    def _roots(self, wanted: options.Options) -> Roots:
        given = [*wanted.issuer_roots, *wanted.acme_roots]
        return Roots(given, self._provider.published_roots, binary.root_bundles)

    def _judge(self, request: Request) -> Rejected | None:
        wanted = self._lego and self._lego.options
        return policy.judge(request, names.rules(wanted)) if wanted else None

    def _on_end_of_dispatch(self, _: ops.CollectStatusEvent) -> None:
        """Store what the issuer has changed in this dispatch."""
        if not self.unit.is_leader():
            Journal(self._orders).clear()
        if self._lego is None or not self.unit.is_leader():
            return
        if (known := self._lego.account) and known != self._account:
            self._secret.store(known.content())
            self._inherited.remove()
        if peers := self.model.get_relation('peers'):
            databag.write(peers.data[self.app], {HISTORY: self._lego.history.dumps(now())})

    def _on_update_status(self, _: ops.UpdateStatusEvent) -> None:
        if self._lego is not None and self.unit.is_leader():
            expiry.log(self._provider.requests(), self._lego.options.expiry_ratio, now())

    def _on_dry_run(self, event: ops.ActionEvent) -> None:
        import trial  # noqa: PLC0415 : imports cryptography

        if not self.unit.is_leader():
            event.fail(NOT_LEADER)
            return
        try:
            wanted = trial.adapted(self._options(), event.params.get('server', ''))
            roots, place = self._roots(wanted), Journal(self._orders, 'trial')
            message = trial.run(wanted, event.params['name'], self._binary, roots, place)
        except (Invalid, trial.Failed) as error:
            event.fail(str(error))
            return
        event.set_results({'result': message})

    def _trust_anchors(self) -> list[str]:
        if not self.unit.is_leader():
            raise ValueError(NOT_LEADER)
        return list(self._provider.published_roots())


if __name__ == '__main__':
    ops.main(LegoCharm)
