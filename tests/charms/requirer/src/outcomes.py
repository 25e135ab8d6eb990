"""What became of each wanted request, and the status that follows from it."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Literal

import ops
from charmlibs.interfaces.tls_certificates import CertificateRequestAttributes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charmlibs.interfaces.tls_certificates import (
        CertificateError,
        CertificateSigningRequest,
        ProviderCertificate,
        TLSCertificatesRequiresV4,
    )

    from options import Scope
    from wanted import Wanted


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A wanted request and the provider's answer."""

    endpoint: str
    scope: Scope
    request: CertificateRequestAttributes
    csr: CertificateSigningRequest | None
    """None while nothing was sent."""
    answer: ProviderCertificate | None
    """The certificate that the library accepts for the request; never a revoked one."""
    error: CertificateError | None
    """The provider's error. A provider that also sends a certificate errs: then both are here."""

    @property
    def state(self) -> Literal['issued', 'pending', 'denied']:
        """One word for it; a certificate weighs more than an error."""
        if self.answer is not None:
            return 'issued'
        return 'pending' if self.error is None else 'denied'

    @property
    def names(self) -> list[str]:
        """The alternative names asked for."""
        asked = (self.request.sans_dns, self.request.sans_ip, self.request.sans_oid)
        return sorted(name for names in asked for name in names or ())

    def is_called(self, name: str) -> bool:
        """Whether the name is one of those asked for; every request answers to the empty one."""
        return name in ('', self.request.common_name, *self.names)

    @property
    def label(self) -> str:
        """What to call the request."""
        return self.request.common_name or self.names[0]


def collect(library: TLSCertificatesRequiresV4, wanted: Wanted) -> list[Outcome]:
    """The outcomes of requests of this unit or, on the leader only, of the application."""
    csrs = {
        CertificateRequestAttributes.from_csr(sent.certificate_signing_request, sent.is_ca): (
            sent.certificate_signing_request
        )
        for sent in library.get_csrs_from_requirer_relation_data()
    }
    errors = {
        denied.certificate_signing_request: denied.error for denied in library.get_request_errors()
    }
    endpoint = library.relationship_name
    found: list[Outcome] = []
    for scope, requests in wanted.items():
        assigned, _ = library.get_assigned_certificates(scope)
        answers = {
            answer.certificate_signing_request: answer for answer in assigned if not answer.revoked
        }
        for request in requests:
            csr = csrs.get(request)
            if csr is None:
                found.append(Outcome(endpoint, scope, request, None, None, None))
            else:
                answer, error = answers.get(csr), errors.get(csr)
                found.append(Outcome(endpoint, scope, request, csr, answer, error))
    return found


def status(outcomes: Sequence[Outcome]) -> ops.StatusBase:
    """Active when every request is fulfilled; else waiting, with the first denial named."""
    issued = sum(outcome.state == 'issued' for outcome in outcomes)
    text = f'{issued}/{len(outcomes)} certificates'
    if issued == len(outcomes):
        return ops.ActiveStatus(text)
    denied = [(each, each.error) for each in outcomes if each.state == 'denied' and each.error]
    for outcome, error in itertools.islice(denied, 1):
        message = ' '.join(error.message.split())
        text += f'; {outcome.label}: denied ({error.code}) {message}'
    if len(denied) > 1:
        text += f'; {len(denied) - 1} more denied'
    return ops.WaitingStatus(text)
