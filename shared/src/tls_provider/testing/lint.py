"""What pkilint finds in certificates against RFC 5280, at WARNING and above."""

from __future__ import annotations

import functools
import importlib
import itertools
import re
from typing import TYPE_CHECKING, Any

from tls_provider import x509
from tls_provider.x509 import NameKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def _is_host(value: str) -> bool:
    bare = value.removeprefix('*.')
    return x509.is_host_name(bare) and (bare == value or '.' in bare)


def _is_email(value: str) -> bool:
    local, _, host = value.rpartition('@')
    return bool(re.fullmatch('[!-~]+', local)) and x509.is_host_name(host)


def _is_uri(value: str) -> bool:
    return bool(re.fullmatch('[A-Za-z][A-Za-z0-9+.-]*:[!-~]+', value))


# Names that are right and that the linter takes for wrong: it wants two labels, and no wildcard;
# it knows only URIs with an authority that is a host; it stumbles over short mail addresses.
_FALSE_ALARMS: dict[str, tuple[NameKind, Callable[[str], bool]]] = {
    'pkix.invalid_domain_name_syntax': (NameKind.DNS, _is_host),
    'pkix.invalid_uri_syntax': (NameKind.URI, _is_uri),
    'pkix.invalid_email_address_syntax': (NameKind.EMAIL, _is_email),
}
"""By code: the kind of name that it is about, and whether such a name is right."""


def findings(certificate: x509.Certificate) -> set[str]:
    """Codes of what is wrong with a certificate by itself, known false alarms left out."""
    found = _certificate_findings(certificate.der)
    return {code for code in found if not _is_false_alarm(code, certificate.names)}


def chain_findings(chain: Iterable[x509.Certificate]) -> set[str]:
    """Codes of what is wrong between the links of a chain, the leaf first."""
    found: set[str] = set()
    for subject, issuer in itertools.pairwise(chain):
        found |= _link_findings(subject.der, issuer.der)
    return found


def _link_findings(subject: bytes, issuer: bytes) -> set[str]:
    linter: Any = importlib.import_module('pkilint.bin.lint_pkix_signer_signee_cert_chain')
    loader, _ = _linter()
    pair: dict[str, Any] = {}
    for name, der in (('issuer', issuer), ('subject', subject)):
        pair[name] = loader.load_der_document(der, name, name, pair)
    decode = linter.create_decoder_validation_container()
    results = [
        *decode.validate(pair['issuer'].root),
        *decode.validate(pair['subject'].root),
        *linter.create_issuer_validation_container().validate(pair['issuer'].root),
        *linter.create_subject_validation_container().validate(pair['subject'].root),
    ]
    return _codes(results)


def _is_false_alarm(code: str, names: Iterable[x509.Name]) -> bool:
    """Whether all names that a finding can be about are right; it does not say which it is."""
    if code not in _FALSE_ALARMS:
        return False
    kind, is_right = _FALSE_ALARMS[code]
    suspects = [name.value for name in names if name.kind is kind]
    return bool(suspects) and all(is_right(value) for value in suspects)


def _certificate_findings(der: bytes) -> set[str]:
    loader, validator = _linter()
    return _codes(validator.validate(loader.load_der_document(der, 'certificate').root))


def _codes(results: Iterable[Any]) -> set[str]:
    worst: Any = importlib.import_module('pkilint.validation').ValidationFindingSeverity.WARNING
    return {
        str(found.finding.code)
        for result in results
        for found in result.finding_descriptions
        if found.finding.severity <= worst
    }


@functools.cache
def _linter() -> tuple[Any, Any]:
    """What loads and what validates a certificate. pkilint has no types."""
    load: Any = importlib.import_module('pkilint.loader').RFC5280CertificateDocumentLoader()
    certificate: Any = importlib.import_module('pkilint.pkix.certificate')
    extension: Any = importlib.import_module('pkilint.pkix.extension')
    name: Any = importlib.import_module('pkilint.pkix.name')
    validator = certificate.create_pkix_certificate_validator_container(
        certificate.create_decoding_validators(
            name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS
        ),
        [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ],
    )
    return load, validator
