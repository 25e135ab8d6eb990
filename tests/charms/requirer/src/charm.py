#!/usr/bin/env python3
"""A charm that requests certificates: the wiring of options, library, status and actions."""

from __future__ import annotations

import datetime
import ipaddress
from typing import TYPE_CHECKING

import ops

import options
import outcomes
import report
import wanted
from options import BadOption, Options
from requester import Requester
from trust import Trust

if TYPE_CHECKING:
    from outcomes import Outcome

ENDPOINT = 'certificates'
ENDPOINTS = (ENDPOINT, 'other-certificates')


class RequirerCharm(ops.CharmBase):
    """Requests certificates and shows what became of the requests."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.options = options.parse(self.config)
        self.requesters = self._requesters(self.options)
        self.trust = Trust(self)
        framework.observe(self.on.collect_unit_status, self._collect_status)
        framework.observe(self.on['get-certificate'].action, self._get_certificate)
        framework.observe(self.on['get-requests'].action, self._get_requests)
        framework.observe(self.on['check'].action, self._check)
        framework.observe(self.on['write-raw'].action, self._write_raw)

    def _requesters(self, chosen: Options | BadOption) -> list[Requester] | BadOption | None:
        """What makes the requests, what is wrong with the options, or None in raw-only mode."""
        if isinstance(chosen, BadOption):
            return chosen
        if chosen.raw_only:
            return None
        requests = wanted.requests(chosen, self._place(chosen))
        if isinstance(requests, BadOption):
            return requests
        return [Requester(self, endpoint, chosen, requests) for endpoint in ENDPOINTS]

    def _place(self, chosen: Options) -> wanted.Place:
        address = None
        if chosen.needs_address and (binding := self.model.get_binding(ENDPOINT)):
            found = binding.network.ingress_address
            # some clouds give a host name here
            if isinstance(found, (ipaddress.IPv4Address, ipaddress.IPv6Address)):
                address = str(found)
        unit = self.unit.name.partition('/')[2]
        return wanted.Place(unit, self.app.name, self.model.name, address)

    def _collect_status(self, event: ops.CollectStatusEvent) -> None:
        event.add_status(self._status())

    def _status(self) -> ops.StatusBase:
        if isinstance(self.requesters, BadOption):
            return ops.BlockedStatus(str(self.requesters))
        if not any(map(self.model.get_relation, ENDPOINTS)):
            return ops.WaitingStatus('no certificates relation')
        if self.requesters is None:
            return ops.ActiveStatus('raw-only, the requirer library is off')
        if all(one.is_standby for one in self.requesters):
            return ops.ActiveStatus("standby, the leader holds the app's certificates")
        return outcomes.status(_collected(self.requesters))

    def _outcomes(self, event: ops.ActionEvent) -> list[Outcome] | None:
        """The outcomes that the action asks for, or None after failing it."""
        if isinstance(self.requesters, BadOption):
            event.fail(str(self.requesters))
        elif self.requesters is None:
            event.fail('raw-only is set: the requirer library is off')
        elif not any(one.is_related for one in self.requesters):
            event.fail('there is no certificates relation')
        elif all(one.is_standby for one in self.requesters):
            event.fail("only the leader holds the app's certificates; run this on the leader")
        else:
            name = str(event.params.get('common-name', ''))
            found = [each for each in _collected(self.requesters) if each.is_called(name)]
            if found or not name:
                return found
            event.fail(f'nothing is requested for "{name}"')
        return None

    def _get_certificate(self, event: ops.ActionEvent) -> None:
        found = self._outcomes(event)
        if found is None:
            return
        if any(outcome.answer for outcome in found):
            self._report(event, report.certificates(found))
        else:
            event.fail(f'no certificate yet: {outcomes.status(found).message}')

    def _get_requests(self, event: ops.ActionEvent) -> None:
        found = self._outcomes(event)
        if found is not None:
            self._report(event, report.requests(found))

    def _report(self, event: ops.ActionEvent, results: dict[str, str]) -> None:
        complaint = report.too_large(results)
        if complaint is None:
            event.set_results(results)
        else:
            event.fail(complaint)

    def _check(self, event: ops.ActionEvent) -> None:
        found = self._outcomes(event)
        if found is None or not isinstance(self.requesters, list):
            return
        issued = [(outcome, outcome.answer) for outcome in found if outcome.answer]
        if not issued:
            event.fail(f'no certificate yet: {outcomes.status(found).message}')
            return
        requesters = {one.endpoint: one for one in self.requesters}
        now = datetime.datetime.now(datetime.timezone.utc)
        for outcome, answer in issued:
            key = requesters[outcome.endpoint].private_key(outcome.scope)
            fault = report.fault(answer, key, now)
            if fault is not None:
                event.fail(f'{outcome.label}: {fault}')
                return
        event.set_results({'ok': 'true', 'checked': str(len(issued))})

    def _write_raw(self, event: ops.ActionEvent) -> None:
        relation = self.model.get_relation(ENDPOINT)
        if self.requesters is not None:
            event.fail('set raw-only=true first: the library would undo or choke on raw values')
        elif relation is None:
            event.fail('there is no certificates relation')
        elif event.params['scope'] == 'app' and not self.unit.is_leader():
            event.fail("only the leader writes the app's databag; run this on the leader")
        else:
            bag = relation.data[self.app if event.params['scope'] == 'app' else self.unit]
            bag[event.params['key']] = event.params.get('value', '')


def _collected(requesters: list[Requester]) -> list[Outcome]:
    """What became of the requests over all endpoints that have a provider."""
    return [found for one in requesters if one.is_related for found in one.outcomes()]


if __name__ == '__main__':
    ops.main(RequirerCharm)
