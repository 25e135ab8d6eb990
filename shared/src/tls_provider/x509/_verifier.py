"""Whether a certificate and its chain may be published for a request: see `x509.mismatch`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tls_provider.x509 import Name, NameKind, _constraints, _reader

if TYPE_CHECKING:
    import datetime

    from tls_provider.x509 import Certificate, SigningRequest


def mismatch(
    request: SigningRequest,
    certificate: Certificate,
    chain: tuple[Certificate, ...],
    *,
    is_ca: bool,
    now: datetime.datetime,
    more_names: bool,
) -> str | None:
    """See `x509.mismatch`."""
    if not chain:
        return 'the chain is empty'
    if certificate.public_key != request.public_key:
        return 'the certificate is for another key than the request'
    if certificate.is_ca != is_ca:
        return f'the certificate is {"" if certificate.is_ca else "not "}a CA certificate'
    if not is_ca and (wrong := _wrong_names(request.names, certificate.names, more_names)):
        return wrong
    below = certificate
    for issuer in chain:
        if not issuer.is_ca:
            return 'the chain holds a certificate that is not a CA certificate'
        if not _reader.signed_by(below, issuer):
            return 'the chain is not in order: one of its certificates did not sign the one before'
        below = issuer
    for one in (certificate, *chain):
        if not one.not_before <= now <= one.not_after:
            return f'not valid now but from {one.not_before} to {one.not_after}'
    return _constraints.violation((certificate, *chain))


def _wrong_names(
    wanted: tuple[Name, ...], found: tuple[Name, ...], more_names: bool
) -> str | None:
    if set(wanted) == set(found):
        return None
    if not more_names:
        return 'the names of the certificate are not those of the request'
    lacking = [name for name in wanted if name not in found and not _is_covered(name, found)]
    if lacking:
        return f'the certificate lacks {", ".join(str(name) for name in lacking[:5])}'
    return None


def _is_covered(name: Name, found: tuple[Name, ...]) -> bool:
    """Whether a wildcard stands for a DNS name (RFC 9525, 6.3: one label, the left-most)."""
    label, _, parent = name.value.partition('.')
    wildcard = Name(NameKind.DNS, f'*.{parent}')
    return name.kind is NameKind.DNS and label != '*' and wildcard in found
