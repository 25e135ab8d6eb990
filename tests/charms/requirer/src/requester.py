"""The requirer library, and what a charm has to add to it when its options can change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ops
from charmlibs.interfaces.tls_certificates import Mode, TLSCertificatesRequiresV4

import databag
import outcomes

if TYPE_CHECKING:
    from charmlibs.interfaces.tls_certificates import PrivateKey

    from options import Options, Scope
    from wanted import Wanted


class Requester(ops.Object):
    """Requests what is wanted over one endpoint.

    Before the library acts in a hook, its databags are made readable to it and its keys are made
    the ones that the options ask for: neither does it do by itself.
    """

    def __init__(self, charm: ops.CharmBase, endpoint: str, options: Options, wanted: Wanted):
        super().__init__(charm, f'requester of {endpoint}')
        self.endpoint = endpoint
        self._options = options
        self._wanted = wanted
        # The library reconciles in these only because it is told to. With update-status among them
        # a test could not tell whether it was the provider's answer that made the requirer act.
        refresh_events: list[ops.BoundEvent] = [charm.on.config_changed, charm.on.upgrade_charm]
        for event in (
            *refresh_events,
            charm.on[endpoint].relation_created,
            charm.on[endpoint].relation_changed,
            charm.on.leader_elected,
            charm.on.secret_expired,
        ):
            self.framework.observe(event, self._prepare)  # first: observers run in this order
        by_mode = options.mode is Mode.APP_AND_UNIT
        self._library = TLSCertificatesRequiresV4(
            charm,
            endpoint,
            certificate_requests=None if by_mode else wanted[options.scopes[0]],
            certificate_requests_by_mode=wanted if by_mode else None,
            mode=options.mode,
            refresh_events=refresh_events,
            renewal_relative_time=options.renewal_relative_time,
            key_algorithm=options.key_algorithm,
            key_size=options.key_size,
        )

    @property
    def is_standby(self) -> bool:
        """Whether all certificates are held by another unit, the leader."""
        return not self._own_scopes

    @property
    def is_related(self) -> bool:
        """Whether there is a provider."""
        return self.model.get_relation(self.endpoint) is not None

    def outcomes(self) -> list[outcomes.Outcome]:
        """What became of the requests of this unit and, on the leader, of the application."""
        wanted: Wanted = {scope: self._wanted[scope] for scope in self._own_scopes}
        return outcomes.collect(self._library, wanted)

    def private_key(self, scope: Scope) -> PrivateKey | None:
        """The key of this unit or, on the leader only, of the application."""
        return self._library.get_private_key(scope) if scope in self._own_scopes else None

    @property
    def _own_scopes(self) -> list[Scope]:
        return [
            scope
            for scope in self._options.scopes
            if scope is Mode.UNIT or self.model.unit.is_leader()
        ]

    def _prepare(self, _: ops.EventBase) -> None:
        relation = self.model.get_relation(self.endpoint)
        if relation is None:
            return
        scopes = self._options.scopes
        databag.tidy(relation.data[self.model.unit], in_use=Mode.UNIT in scopes)
        if self.model.unit.is_leader():
            databag.tidy(relation.data[self.model.app], in_use=Mode.APP in scopes)
        asked = (self._options.key_algorithm, self._options.key_size)
        for scope in self._own_scopes:
            key = self.private_key(scope)
            if key is not None and (key.algorithm, key.key_size) != asked:
                by_mode = self._options.mode is Mode.APP_AND_UNIT
                self._library.regenerate_private_key(scope if by_mode else None)
