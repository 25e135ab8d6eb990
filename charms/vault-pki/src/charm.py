#!/usr/bin/env python3
"""Certificates of a CA whose key is in Vault or OpenBao."""

from __future__ import annotations

import datetime
import time
from typing import TYPE_CHECKING

import ops

import desk
import memory
import options
import role
from errors import Failure
from lineage import Lineage, Published
from parent import Parent
from tls_provider import databag, policy, provider
from tls_provider.actions import NOT_LEADER, Actions
from tls_provider.grants import of_option
from tls_provider.issuer import NotReady
from tls_provider.options import Invalid
from tls_provider.provider import Provider
from tls_provider.secrets import AppSecret, Unreadable
from upkeep import Upkeep
from vault import Vault

if TYPE_CHECKING:
    from authority import State
    from tls_provider.issuer import Rejected, Request

CREDENTIALS = 'vault-approle-auth-details'
"""Label of the secret with the AppRole that `authorize` made."""
STATE = 'authority'
"""Key of the peer databag."""
PARENT = 'parent'


class VaultPKICharm(ops.CharmBase):
    """Wires a CA in Vault to the relation."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self._upkeep: Upkeep | None = None
        self._made: dict[str, str] = {}
        framework.observe(self.on.collect_unit_status, self._on_end_of_dispatch)
        self._secret = AppSecret(self, CREDENTIALS)
        parent = self.on[PARENT]
        self._parent = Parent(self, PARENT, lambda: self._state().with_parent(int(time.time())))
        self._provider = Provider(
            self,
            issuer=self._issuer,
            rules=(self._judge,),
            refresh_on=(parent.relation_created, parent.relation_changed, parent.relation_broken),
            remark=lambda _: self._upkeep.remark if self._upkeep else '',
        )
        self._actions = Actions(self, self._provider, trust_anchors=self._trust_anchors)
        for name in desk.WORK:
            framework.observe(getattr(self.on, f'{name}_action'), self._on_work)

    def _issuer(self) -> Vault | NotReady:
        try:
            upkeep = self._prepare()
        except (Invalid, Unreadable, desk.Failed) as error:
            return NotReady(str(error), blocked=True)
        return upkeep.run() or Vault(upkeep.options, upkeep.mount, upkeep, _now)

    def _prepare(self) -> Upkeep:
        """What works on the server; asks nothing of it.

        Raises `Invalid`, `Unreadable` or `desk.Failed`.
        """
        stored = self._made or self._secret.load() or {}
        wanted = options.parse(self.config, self._load_secret, stored)
        if wanted.login is None:
            raise desk.Failed(desk.NOT_AUTHORISED)
        state, mount = self._state(), desk.mount(wanted, wanted.login)
        mount.connection.deadline = time.monotonic() + provider.BUDGET.total_seconds()
        self._close()
        published = Published(self._provider.last_expiry, self._provider.published_roots)
        self._upkeep = Upkeep(Lineage(wanted, mount, state, _now(), published, self._parent))
        return self._upkeep

    def _close(self) -> None:
        if self._upkeep is not None:
            self._upkeep.mount.connection.close()

    def _state(self) -> State:
        if self._upkeep is not None:
            return self._upkeep.state
        peers = self.model.get_relation('peers')
        return memory.loads(peers.data[self.app].get(STATE, '') if peers else '')

    def _load_secret(self, option: str, identifier: str) -> dict[str, str]:
        return of_option(self.model, option, identifier)

    def _judge(self, request: Request) -> Rejected | None:
        wanted = self._upkeep and self._upkeep.options
        return policy.judge(request, role.rules(wanted)) if wanted else None

    def _on_end_of_dispatch(self, event: ops.CollectStatusEvent) -> None:
        """Store what has changed in this dispatch."""
        if self._upkeep is None:
            return
        self._upkeep.finish()
        self._close()
        if self._upkeep.trouble:
            event.add_status(ops.BlockedStatus(self._upkeep.trouble[:190]))
        if peers := self.model.get_relation('peers'):
            databag.write(peers.data[self.app], {STATE: memory.dumps(self._upkeep.state)})

    def _on_work(self, event: ops.ActionEvent) -> None:
        work = desk.WORK[event.handle.kind.removesuffix('_action')]
        owner = f'{self.model.uuid}/{self.app.name}'
        place = desk.Desk(self.config, self._load_secret, self._prepare, owner)
        try:
            if not self.unit.is_leader():
                raise desk.Failed(NOT_LEADER)
            done = work(place, event.params)
        except (Invalid, Unreadable, Failure, desk.Failed) as error:
            event.fail(str(error))
            return
        results = dict(done.results)
        if done.credentials:
            self._made = done.credentials
            self._secret.store(self._made)
        if 'result' in results:  # something has changed
            state = self._provider.reconcile()
            if isinstance(state, NotReady):
                results['result'] += f' Next: {state.message}.'
        event.set_results(results)

    def _trust_anchors(self) -> list[str]:
        if not self.unit.is_leader():
            raise ValueError(NOT_LEADER)
        return list(self._state().trust_anchors(int(_now().timestamp())))


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


if __name__ == '__main__':
    ops.main(VaultPKICharm)
