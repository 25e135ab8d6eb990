"""The day-2 actions that all charms share.

Each checks its parameters, says in plain words why it fails, and gives results as JSON beside a
text to read. Results are cut into pages, for Juju takes no more than 128 KiB of them.
"""

from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING

import ops

from tls_provider import listing, options, revocation
from tls_provider.issuer import NotReady
from tls_provider.plan import Orders

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tls_provider.decision import Keep
    from tls_provider.provider import Provider

MAX_DAYS = 36525
"""Of parameter `expiring-within`."""
NOT_LEADER = 'This action can only be run on the leader unit.'


class Actions(ops.Object):
    """Answers the actions on requests, certificates and the CA.

    They are `list-requests`, `list-certificates`, `get-issued-certificates`, `get-ca-certificate`,
    `retry-requests` and `revoke-certificate`.
    """

    def __init__(
        self,
        charm: ops.CharmBase,
        provider: Provider,
        *,
        trust_anchors: Callable[[], Sequence[str]],
        revoked: str = '',
    ):
        """Observe the actions.

        Args:
            charm: The charm; its metadata must have the actions.
            provider: Knows the requests.
            trust_anchors: PEM texts of one certificate each, newest first; empty where there is no
                CA yet. Called on any unit. May raise ValueError with a message.
            revoked: What the operator has to know of a revocation besides.

        """
        super().__init__(charm, 'tls-provider-actions')
        self._charm = charm
        self._provider = provider
        self._trust_anchors = trust_anchors
        self._revoked = revoked
        observe, on = self.framework.observe, charm.on
        observe(on.list_requests_action, self._on_list_requests)
        observe(on.list_certificates_action, self._on_list_certificates)
        observe(on.get_issued_certificates_action, self._on_get_issued_certificates)
        observe(on.get_ca_certificate_action, self._on_get_ca_certificate)
        observe(on.retry_requests_action, self._on_retry_requests)
        observe(on.revoke_certificate_action, self._on_revoke_certificate)

    def _on_list_requests(self, event: ops.ActionEvent) -> None:
        if self._leads(event):
            rows = [listing.request(one) for one in self._provider.requests()]
            _give_page(event, 'requests', rows, {})

    def _on_list_certificates(self, event: ops.ActionEvent) -> None:
        if not self._leads(event):
            return
        found = self._issued()
        try:
            if str(event.params.get('expiring-within', '')).strip():
                life = options.duration(event.params, 'expiring-within', '', MAX_DAYS)
                end = datetime.datetime.now(datetime.timezone.utc) + life
                found = [one for one in found if one.answer.record.not_after <= end.timestamp()]
        except options.Invalid as error:
            event.fail(str(error).replace('option', 'parameter', 1))
            return
        _give_page(event, 'certificates', [listing.certificate(one) for one in found], {})

    def _on_get_issued_certificates(self, event: ops.ActionEvent) -> None:
        """As texts in a list, each of them JSON, which is what Canonical's charm gives."""
        if not self._leads(event):
            return
        rows = [json.dumps(listing.issued(one)) for one in self._issued()]
        if rows:
            _give_page(event, 'certificates', rows, {})
        else:
            event.fail('No certificates issued yet.')

    def _issued(self) -> list[Keep]:
        return [one for one in self._provider.requests() if one.answer.entry]

    def _on_get_ca_certificate(self, event: ops.ActionEvent) -> None:
        try:
            anchors = [anchor.strip() for anchor in self._trust_anchors()]
        except ValueError as error:
            event.fail(str(error))
            return
        if not anchors:
            event.fail('Root Certificate is not yet generated')
            return
        try:
            wanted = int(event.params.get('page', 1))
            text, count = listing.text_page(anchors, wanted)
            first, _ = listing.text_page(anchors[:1], 1)
        except (TypeError, ValueError) as error:
            event.fail(str(error))
            return
        more = {'page': f'{wanted} of {count}'} if count > 1 else {}
        event.set_results({'ca-certificate': first, 'trusted': text, **more})

    def _on_retry_requests(self, event: ops.ActionEvent) -> None:
        if not self._leads(event):
            return
        waiting = [one for one in self._provider.requests() if _waits(one)]
        try:
            if wanted := str(event.params.get('id', '')).strip():
                waiting = [listing.find(waiting, wanted, 'request without a certificate')]
        except ValueError as error:
            event.fail(str(error))
            return
        keys = frozenset(one.answer.key for one in waiting)
        self._carry_out(event, Orders(retry=keys), keys)

    def _on_revoke_certificate(self, event: ops.ActionEvent) -> None:
        """Of every request that has the certificate: it is one, however often it is published."""
        if not self._leads(event):
            return
        try:
            wanted = str(event.params.get('id', '')).strip()
            found = listing.find(self._issued(), wanted, 'certificate', least=listing.LEAST_DIGITS)
        except ValueError as error:
            event.fail(str(error))
            return
        keys = listing.having(self._issued(), found)
        self._carry_out(event, Orders(revoke=keys), keys, found.answer.record.serial)

    def _carry_out(
        self, event: ops.ActionEvent, orders: Orders, keys: frozenset[str], old: str = ''
    ) -> None:
        """Run a pass and tell what became of these requests."""
        state = self._provider.reconcile(orders)
        if state is None or isinstance(state, NotReady):
            event.fail(state.message if state else NOT_LEADER)
            return
        after = [one for one in self._provider.requests() if one.answer.key in keys]
        served = sum(1 for one in after if not _waits(one) and one.answer.record.serial != old)
        result = f'{served} of {len(keys)} have a new certificate' if keys else 'nothing waits'
        more: dict[str, object] = {'result': result}
        if orders.revoke and not state.summary.revokes:
            more['revoked'] = 'not at the authority: it has no revocation'
        elif orders.revoke and self._revoked:
            more['revoked'] = self._revoked
        if state.book.to_revoke:
            more['to-revoke'] = len(state.book.to_revoke)
        if orders.revoke and (why := revocation.why_not(state.book, old)):
            more['not-revoked'] = why
        _give_page(event, 'requests', [listing.request(one) for one in after], more)

    def _leads(self, event: ops.ActionEvent) -> bool:
        leads = self._charm.unit.is_leader()
        if not leads:
            event.fail(NOT_LEADER)
        return leads


def _give_page(
    event: ops.ActionEvent, name: str, rows: Sequence[listing.Row | str], more: dict[str, object]
) -> None:
    """Set the page that the parameter asks for, as JSON in `name` and as text."""
    wanted = event.params.get('page', 1)
    try:
        page = listing.page(rows, int(wanted))
    except (TypeError, ValueError) as error:
        event.fail(str(error))
        return
    results: dict[str, object] = {name: page.json, 'total': len(rows)}
    if page.text:
        results['text'] = page.text
    if page.count > 1:
        results['page'] = f'{wanted} of {page.count}'
    event.set_results({**more, **results})


def _waits(request: Keep) -> bool:
    """Whether a request has no certificate, or one whose replacement failed."""
    return not request.answer.serves or bool(request.answer.record.message)
