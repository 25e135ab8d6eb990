"""The results of the actions."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

from charmlibs.interfaces.tls_certificates import Certificate
from cryptography import x509
from cryptography.exceptions import InvalidSignature

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from charmlibs.interfaces.tls_certificates import PrivateKey, ProviderCertificate

    from outcomes import Outcome

RESULT_BYTES = 131_071
"""Longest `key=value`: it reaches Juju as one argument, 128 KiB on Linux with the final NUL."""


def certificates(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """The results of `get-certificate` for issued outcomes."""
    entries = [
        _certificate(outcome, outcome.answer) for outcome in outcomes if outcome.answer is not None
    ]
    return {'certificates': json.dumps(entries)}


def requests(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """The results of `get-requests`."""
    states = [outcome.state for outcome in outcomes]
    return {
        'requests': json.dumps([_request(outcome) for outcome in outcomes]),
        'issued': str(states.count('issued')),
        'pending': str(states.count('pending')),
        'denied': str(states.count('denied')),
    }


def too_large(results: Mapping[str, str]) -> str | None:
    """What to say when Juju cannot take the results, None when it can."""
    for key, value in results.items():
        size = len(f'{key}={value}'.encode())
        if size > RESULT_BYTES:
            return (
                f'the result {key} has {size} bytes, Juju takes {RESULT_BYTES}; '
                f'ask for one certificate with common-name=NAME'
            )
    return None


def fault(
    answer: ProviderCertificate, key: PrivateKey | None, now: datetime.datetime
) -> str | None:
    """Why key, certificate and chain do not belong together, None when they do.

    The path is the certificate, the rest of the chain and the CA certificate. Each must be signed
    by the next, each but the first be a CA's, and all be valid at `now`. The CA certificate
    is taken as trusted; it need not be self-signed.
    """
    if key is None or not answer.certificate.matches_private_key(key):
        return 'the private key does not belong to the certificate'
    path = list(dict.fromkeys([answer.certificate, *answer.chain, answer.ca]))
    loaded = [x509.load_pem_x509_certificate(str(item).encode()) for item in path]
    for item in loaded:
        subject = item.subject.rfc4514_string()
        if now < item.not_valid_before_utc:
            return f'"{subject}" is not valid before {item.not_valid_before_utc.isoformat()}'
        if now > item.not_valid_after_utc:
            return f'"{subject}" expired at {item.not_valid_after_utc.isoformat()}'
    for lower, upper in itertools.pairwise(loaded):
        names = f'"{lower.subject.rfc4514_string()}" by "{upper.subject.rfc4514_string()}"'
        if not Certificate(x509_object=upper).is_ca:
            return f'{names}: the issuer is not a CA'
        try:
            lower.verify_directly_issued_by(upper)
        except (InvalidSignature, TypeError, ValueError) as error:
            return f'{names}: not issued by it ({error or "wrong signature"})'
    return None


def _certificate(outcome: Outcome, answer: ProviderCertificate) -> dict[str, object]:
    loaded = x509.load_pem_x509_certificate(str(answer.certificate).encode())
    return {
        'endpoint': outcome.endpoint,
        'common-name': answer.certificate.common_name,
        'mode': outcome.scope.name.lower(),
        'certificate': str(answer.certificate),
        'chain': [str(item) for item in answer.chain],
        'ca-certificate': str(answer.ca),
        'csr': str(answer.certificate_signing_request),
        'names': _names(loaded),
        'is-ca': answer.certificate.is_ca,
        'issuer': loaded.issuer.rfc4514_string(),
        'not-before': loaded.not_valid_before_utc.isoformat(),
        'not-after': loaded.not_valid_after_utc.isoformat(),
        'serial': f'{loaded.serial_number:x}',
    }


def _names(certificate: x509.Certificate) -> list[str]:
    """The alternative names that are DNS names, IP addresses, e-mail addresses, registered IDs."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return sorted(
        [
            *found.get_values_for_type(x509.DNSName),
            *map(str, found.get_values_for_type(x509.IPAddress)),
            *found.get_values_for_type(x509.RFC822Name),
            *(each.dotted_string for each in found.get_values_for_type(x509.RegisteredID)),
        ]
    )


def _request(outcome: Outcome) -> dict[str, object]:
    entry: dict[str, object] = {
        'endpoint': outcome.endpoint,
        'common-name': outcome.request.common_name,
        'mode': outcome.scope.name.lower(),
        'names': outcome.names,
        'is-ca': outcome.request.is_ca,
        'csr': str(outcome.csr or ''),
        'state': outcome.state,
    }
    if outcome.error is not None:
        entry['code'] = outcome.error.code
        entry['name'] = outcome.error.name
        entry['message'] = outcome.error.message
    return entry
