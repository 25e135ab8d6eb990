"""Reading and checking what an operator supplies: PEM or base64, in any order."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import re
from typing import TYPE_CHECKING

from tls_provider import x509

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Sequence

    from tls_provider.x509 import Certificate, SigningRequest

MAX_TEXT = 4_000_000
"""Characters of one parameter."""
_LABEL = re.compile(r'-----BEGIN ([A-Z0-9 ]+)-----')
_CERTIFICATES = {'CERTIFICATE', 'X509 CERTIFICATE', 'TRUSTED CERTIFICATE'}


class Wrong(Exception):
    """What was supplied cannot be used; the message says what and why."""


@dataclasses.dataclass(frozen=True)
class Checked:
    """A certificate that may be published for a request."""

    certificate: Certificate
    chain: tuple[Certificate, ...]
    """From its issuer to the root."""
    warnings: tuple[str, ...]


def text(value: str, what: str) -> str:
    """PEM text, also where it came in base64; raises `Wrong`.

    Args:
        value: As it was given.
        what: The parameter, for messages.

    """
    value = value.strip()
    if not value:
        raise Wrong(f'{what} is empty')
    if len(value) > MAX_TEXT:
        raise Wrong(f'{what} has {len(value)} characters, more than {MAX_TEXT}')
    if '-----BEGIN' not in value:
        try:
            decoded = base64.b64decode(''.join(value.split()), validate=True)
        except (binascii.Error, ValueError):
            raise Wrong(f'{what} is neither PEM nor base64 of PEM') from None
        try:
            value = decoded.decode('ascii').strip()
        except UnicodeDecodeError:
            raise Wrong(f'{what} is base64 of something else than PEM text') from None
        if '-----BEGIN' not in value:
            raise Wrong(f'{what} is base64 of something else than PEM text')
    if any('PRIVATE KEY' in label for label in _LABEL.findall(value)):
        raise Wrong(f'{what} holds a private key: it is secret no longer; nothing was done')
    return value


def certificates(value: str, what: str) -> tuple[Certificate, ...]:
    """At least one certificate, in the order given; raises `Wrong`."""
    found = text(value, what)
    labels = _LABEL.findall(found)
    if other := [label for label in labels if label not in _CERTIFICATES]:
        shown = x509.printable(other[0], 40)
        raise Wrong(f'{what} holds a {shown}, not only certificates')
    blocks = _blocks(found)
    if len(blocks) != len(labels):
        raise Wrong(f'{what}: a certificate is cut off')
    return tuple(
        _certificate(block, f'{what}: certificate {number} of {len(labels)}')
        for number, block in enumerate(blocks, start=1)
    )


def _certificate(block: str, what: str) -> Certificate:
    try:
        return x509.parse_certificate(block)
    except x509.Malformed:
        raise Wrong(f'{what} is damaged') from None


def _blocks(pem: str) -> list[str]:
    return re.findall(r'-----BEGIN [^-]+-----.*?-----END [^-]+-----', pem, re.DOTALL)


def check(
    request: SigningRequest,
    candidates: Sequence[Certificate],
    others: Iterable[Certificate],
    *,
    is_ca: bool,
    now: datetime.datetime,
    anchors: Iterable[Certificate] = (),
) -> Checked:
    """The certificate for a request among candidates, with its chain; raises `Wrong`.

    Args:
        request: The request.
        candidates: Certificates, one of which should be for the request.
        others: CA certificates in any order, of which the chain is built; strangers do no harm.
        is_ca: A CA certificate was asked for.
        now: The present.
        anchors: Certificates at which the chain may end though they are not self-signed.

    """
    certificate = _own(request, candidates)
    _fits(certificate, is_ca=is_ca, now=now)
    pool = [*candidates, *others]
    chain = _chain(certificate, pool, {one.fingerprint for one in anchors}, now)
    problem = x509.mismatch(request, certificate, chain, is_ca=is_ca, now=now, more_names=True)
    if problem:
        raise Wrong(problem)
    return Checked(certificate, chain, _warnings(certificate, is_ca=is_ca))


def _own(request: SigningRequest, candidates: Sequence[Certificate]) -> Certificate:
    found = [one for one in candidates if one.public_key == request.public_key]
    if not found:
        raise Wrong('Certificate and CSR do not match.')
    return max(found, key=lambda one: one.not_after)


def _fits(certificate: Certificate, *, is_ca: bool, now: datetime.datetime) -> None:
    """Raise `Wrong` where the certificate itself is not for the request, or not in force."""
    if now > certificate.not_after:
        raise Wrong(f'the certificate has ended on {certificate.not_after:%Y-%m-%d %H:%M} UTC')
    if now < certificate.not_before:
        raise Wrong(
            f'the certificate is valid only from {certificate.not_before:%Y-%m-%d %H:%M} UTC on'
        )
    if certificate.is_ca and not is_ca:
        raise Wrong('the certificate is a CA certificate, and none was asked for')
    if is_ca and not certificate.is_ca:
        raise Wrong('a CA certificate was asked for, and this is none (basicConstraints)')
    if is_ca and not certificate.signs_certificates:
        raise Wrong('the key usage of the CA certificate does not let it sign certificates')
    if x509.signed_by(certificate, certificate):
        raise Wrong('the certificate is self-signed: no CA has issued it')


def _chain(
    certificate: Certificate,
    pool: Iterable[Certificate],
    anchors: set[str],
    now: datetime.datetime,
) -> tuple[Certificate, ...]:
    """From the issuer of a certificate to a root, or to an anchor where no root is there."""
    known = {one.fingerprint: one for one in pool if one.fingerprint != certificate.fingerprint}
    chain: list[Certificate] = []
    below = certificate
    while not x509.signed_by(below, below):
        issuers = [one for one in known.values() if x509.signed_by(below, one)]
        if not issuers:
            if chain and below.fingerprint in anchors:
                break
            raise Wrong(
                f'the issuer "{x509.printable(below.issuer, 80)}" of '
                f'"{x509.printable(below.subject or "the certificate", 80)}" is missing'
            )
        issuer = max(issuers, key=lambda one: one.not_after)
        _may_issue(issuer, now)
        chain.append(issuer)
        del known[issuer.fingerprint]
        below = issuer
    return tuple(chain)


def _may_issue(issuer: Certificate, now: datetime.datetime) -> None:
    shown = x509.printable(issuer.subject, 80)
    if not issuer.is_ca:
        raise Wrong(f'"{shown}" is in the chain and is no CA certificate (basicConstraints)')
    if not issuer.signs_certificates:
        raise Wrong(f'the key usage of "{shown}" does not let it sign certificates')
    if now > issuer.not_after:
        raise Wrong(f'the CA certificate "{shown}" has ended on {issuer.not_after:%Y-%m-%d} UTC')
    if now < issuer.not_before:
        raise Wrong(
            f'the CA certificate "{shown}" is valid only from {issuer.not_before:%Y-%m-%d} UTC on'
        )


def _warnings(certificate: Certificate, *, is_ca: bool) -> tuple[str, ...]:
    found: list[str] = []
    if not is_ca and not certificate.serves:
        found.append('its purposes do not include server authentication')
    return tuple(found)
