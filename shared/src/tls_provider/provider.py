"""The provider side of the relation: read, plan, act, write, in every event the same pass."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import logging
from typing import TYPE_CHECKING

import ops

from tls_provider import databag, ledger, policy, status, transfer, wire, x509
from tls_provider.decision import Keep
from tls_provider.engine import Engine
from tls_provider.issuer import NotReady
from tls_provider.ledger import Ledger
from tls_provider.plan import Authority, Relation, plan
from tls_provider.summary import Result, hold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tls_provider.issuer import Issuer
    from tls_provider.plan import Orders

logger = logging.getLogger(__name__)

BUDGET = datetime.timedelta(minutes=2)
"""How long one pass may ask the issuer; Juju holds back the unit's other events meanwhile."""

_LEDGER = 'ledger'
_NO_PEERS = NotReady('waits for the peer relation', blocked=False)


class Provider(ops.Object):
    """Answers every request on an endpoint, through an issuer.

    The leader issues, the other units stand by and touch no databag. Events carry no meaning: each
    runs the same pass, so none may be missed and none can do harm by coming twice.
    """

    def __init__(
        self,
        charm: ops.CharmBase,
        *,
        issuer: Callable[[], Issuer | NotReady],
        rules: tuple[policy.Rule, ...] = (),
        relation: str = 'certificates',
        trust_relations: Sequence[str] = ('send-ca-cert',),
        peers: str = 'peers',
        refresh_on: Iterable[ops.BoundEvent] = (),
        remark: Callable[[Result], str] = lambda _: '',
    ):
        """Observe all that could matter.

        Args:
            charm: The charm; its metadata must have the endpoint and the peer relation.
            issuer: Called once in a pass of the leader, never on other units.
            rules: Rules of the charm, after those that follow from the issuer's capabilities.
            relation: Endpoint that provides `tls-certificates`.
            trust_relations: Endpoints that provide `certificate_transfer`.
            peers: Peer relation, whose application databag holds the ledger.
            refresh_on: Further events of the charm that should run a pass.
            remark: Gives what the status should say beside the counts of a pass.

        Raises:
            ValueError: The metadata lacks an endpoint: a bug of the charm.

        """
        super().__init__(charm, f'tls-provider-{relation}')
        interfaces = {relation: 'tls-certificates'}
        interfaces |= dict.fromkeys(trust_relations, 'certificate_transfer')
        for name, interface in interfaces.items():
            endpoint = charm.meta.provides.get(name)
            if endpoint is None or endpoint.interface_name != interface:
                raise ValueError(f'the charm does not provide {interface} as {name}')
        if peers not in charm.meta.peers:
            raise ValueError(f'the charm has no peer relation {peers}')
        self._charm = charm
        self._issuer = issuer
        self._rules = rules
        self._endpoint = relation
        self._trust_endpoints = tuple(trust_relations)
        self._peers = peers
        self._remark = remark
        self._state: Result | NotReady | None = None
        on = charm.on
        for event in (
            on[relation].relation_created,  # capabilities come before the first request
            on[relation].relation_changed,
            on[relation].relation_departed,
            on[relation].relation_broken,
            on[peers].relation_created,
            on[peers].relation_changed,
            on.config_changed,
            on.leader_elected,
            on.secret_changed,
            on.secret_expired,
            on.start,
            on.update_status,
            on.upgrade_charm,
            *(on[name].relation_created for name in trust_relations),
            *(on[name].relation_changed for name in trust_relations),
            *refresh_on,
        ):
            self.framework.observe(event, self._on_event)
        self.framework.observe(on.collect_unit_status, self._on_collect_status)

    def has_issued(self) -> bool:
        """Whether an authority was in force before: from the ledger, or from what is published.

        A charm that has no key of its authority though one was in force has lost it. Only the
        leader knows; for others it is False.
        """
        if not self._charm.unit.is_leader():
            return False
        relations = self.model.relations[self._endpoint]
        published = (wire.read_answers(one.data[self._charm.app]).entries for one in relations)
        return bool(self.ledger().generation) or any(published)

    def requests(self) -> tuple[Keep, ...]:
        """Every request with its answer as it stands; for the leader."""
        decisions = plan(self._read_all(), self.ledger(), None, _now())
        return tuple(decision for decision in decisions if isinstance(decision, Keep))

    def last_expiry(self) -> int:
        """When the last published certificate ends, in seconds since the epoch; 0: not known.

        For the leader.
        """
        return max((record.not_after for record in self.ledger().records.values()), default=0)

    def published_roots(self) -> tuple[str, ...]:
        """PEM texts of the roots of published certificates, each once; for the leader.

        Those that are shown as revoked do not count.
        """
        answers = [wire.read_answers(one.data[self._charm.app]) for one in self._relations()]
        entries = [entry for one in answers for entry in one.entries if not entry.revoked]
        return tuple(dict.fromkeys(entry.ca for entry in entries))

    def reconcile(
        self, orders: Orders | None = None, *, ending: ops.Relation | None = None
    ) -> Result | NotReady | None:
        """Run a pass and give what it came to; None on a unit that is not the leader.

        Args:
            orders: What an operator wants besides.
            ending: A relation that breaks in this hook; its certificates are withdrawn.

        """
        if not self._charm.unit.is_leader():
            for endpoint in self._trust_endpoints:
                transfer.retire(self._charm, endpoint)
            return None
        peers = self.model.get_relation(self._peers)
        if peers is None:
            self._state = _NO_PEERS
            return self._state
        issuer = self._issuer()
        book = self.ledger()
        result = self._decide(issuer, book, orders, ending)
        for relation in self._relations():
            values = wire.write_answers(result.answers.get(relation.id, wire.Answers()))
            if not isinstance(issuer, NotReady):
                app = databag.remote_application(relation)
                values |= wire.write_capabilities(issuer.capabilities, app.name if app else '')
            databag.write(relation.data[self._charm.app], values)
        if not isinstance(
            issuer, NotReady
        ):  # what is to be trusted may follow from what is published
            for endpoint in self._trust_endpoints:
                transfer.publish(self._charm, endpoint, issuer.trust_anchors)
        problems = _log(result, book.problems)
        new_book = dataclasses.replace(result.book, problems=problems)
        databag.write(peers.data[self._charm.app], {_LEDGER: ledger.dumps(new_book)})
        self._state = issuer if isinstance(issuer, NotReady) else result
        return self._state

    def foresee(self, issuer: Issuer, orders: Orders | None = None) -> Result | NotReady:
        """What a pass with an issuer would come to; nothing is written. For the leader.

        The issuer is asked as in any pass: for one whose answers change nothing outside.
        """
        if self.model.get_relation(self._peers) is None:
            return _NO_PEERS
        return self._decide(issuer, self.ledger(), orders)

    def _decide(
        self,
        issuer: Issuer | NotReady,
        book: Ledger,
        orders: Orders | None,
        ending: ops.Relation | None = None,
    ) -> Result:
        read = self._read_all()
        if ending is not None:
            published = wire.read_answers(ending.data[self._charm.app])
            read.append(Relation(ending.id, published=published))
        if isinstance(issuer, NotReady):
            return hold(plan(read, book, None, _now()), book, _now())
        settings = policy.settings(issuer)
        decisions = plan(read, book, self._authority(issuer, settings), _now(), orders)
        return Engine(issuer, settings, _now, BUDGET).carry_out(decisions, book)

    def ledger(self) -> Ledger:
        """What is remembered of the requests; for the leader."""
        peers = self.model.get_relation(self._peers)
        if peers is None:
            return Ledger()
        return ledger.loads(peers.data[self._charm.app].get(_LEDGER, ''))

    def _authority(self, issuer: Issuer, settings: str) -> Authority:
        def anchors() -> frozenset[str]:
            try:
                return frozenset(map(x509.fingerprint_of, issuer.trust_anchors))
            except x509.Malformed:  # what is damaged there shows when it is to sign
                return frozenset()

        return Authority(
            generation=issuer.generation,
            settings=settings,
            limit=issuer.capabilities.certificate_limit,
            rules=(*policy.rules(issuer.capabilities), *self._rules),
            anchors=anchors,
        )

    def _relations(self) -> list[ops.Relation]:
        """Always in the same order, so that the same problem comes first in the status."""
        every = sorted(self.model.relations[self._endpoint], key=lambda relation: relation.id)
        return [one for one in every if one.active]

    def _read_all(self) -> list[Relation]:
        return [self._read(relation) for relation in self._relations()]

    def _read(self, relation: ops.Relation) -> Relation:
        owners: list[ops.Unit | ops.Application] = sorted(
            relation.units, key=lambda unit: unit.name
        )
        if (app := databag.remote_application(relation)) is not None:
            owners.append(app)
        submissions: list[wire.Submission] = []
        complaints: list[wire.Complaint] = []
        for owner in owners:
            found, wrong = wire.read_requests(owner.name, relation.data[owner])
            submissions += found
            complaints += wrong
        published = wire.read_answers(relation.data[self._charm.app])
        return Relation(relation.id, tuple(submissions), tuple(complaints), published)

    def _on_event(self, event: ops.EventBase) -> None:
        ending = event.relation if isinstance(event, ops.RelationBrokenEvent) else None
        if ending is not None and ending.name != self._endpoint:
            ending = None  # of another endpoint of the charm
        self.reconcile(ending=ending)

    def _on_collect_status(self, event: ops.CollectStatusEvent) -> None:
        match self._state:
            case NotReady(message=message, blocked=True):
                event.add_status(ops.BlockedStatus(x509.printable(message, 190)))
            case NotReady(message=message):
                event.add_status(ops.WaitingStatus(x509.printable(message, 190)))
            case Result(summary=summary) if text := status.blocked(summary):
                event.add_status(ops.BlockedStatus(text))
            case Result(summary=summary):
                remark = self._remark(self._state)
                event.add_status(ops.ActiveStatus(status.message(summary, remark)))
            case None if not self._charm.unit.is_leader():
                event.add_status(ops.ActiveStatus('standby, the leader issues'))
            case None:
                pass  # no pass in this dispatch: the status of the last one stands


def _log(result: Result, logged: str) -> str:
    """Log what happened, and problems other than those `logged`; gives their fingerprint."""
    summary = result.summary
    if summary.asked or summary.withdrawn:
        logger.info('asked for %d, withdrew %d', summary.asked, summary.withdrawn)
    problems = [
        f'{x509.printable(problem.requirer)}: {x509.printable(problem.message, 200)}'
        for problem in summary.problems
    ]
    fingerprint = hashlib.sha256('\n'.join(problems).encode()).hexdigest()[:16] if problems else ''
    if problems and fingerprint != logged:
        logger.warning('%d problems: %s', len(problems), '; '.join(problems[:10]))
    return fingerprint


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)
