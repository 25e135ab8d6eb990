"""Reading and checking what an operator supplies: PEM or base64, in any order."""

from __future__ import annotations

import base64
import binascii
import dataclasses
from typing import TYPE_CHECKING

from chain import NoChain
from tls_provider import x509

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from chain import Pool
    from tls_provider.x509 import Certificate, SigningRequest

MAX_TEXT = 4_000_000
"""Characters of one parameter."""
_TRUSTED = 'TRUSTED CERTIFICATE'
"""As of `openssl x509 -trustout`."""
_CERTIFICATES = {'CERTIFICATE', 'X509 CERTIFICATE', _TRUSTED}


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
            value = decoded.decode('utf-8-sig').strip()
        except UnicodeDecodeError:
            raise Wrong(f'{what} is base64 of something else than PEM text') from None
        if '-----BEGIN' not in value:
            raise Wrong(f'{what} is base64 of something else than PEM text')
    return value


def certificates(value: str, what: str) -> tuple[Certificate, ...]:
    """At least one certificate, in the order given; raises `Wrong`."""
    try:
        blocks = x509.blocks(text(value, what))
    except x509.Malformed:
        raise Wrong(f'{what}: a certificate is cut off') from None
    if other := [one.label for one in blocks if one.label not in _CERTIFICATES]:
        shown = x509.printable(other[0], 40)
        raise Wrong(f'{what} holds a {shown}, not only certificates')
    return tuple(
        _certificate(block, f'{what}: certificate {number} of {len(blocks)}')
        for number, block in enumerate(blocks, start=1)
    )


def _certificate(block: x509.Block, what: str) -> Certificate:
    try:
        if block.label == _TRUSTED:
            der = block.der
            return x509.parse_certificate(x509.encoded(der[: _length(der)], 'CERTIFICATE'))
        return x509.parse_certificate(block.text)
    except x509.Malformed:
        raise Wrong(f'{what} is damaged') from None


def _length(der: bytes) -> int:
    """Bytes of the first element (X.690, 8.1): openssl puts what it trusts after a certificate."""
    first = der[1] if len(der) > 1 else 0
    if first < 0x80:
        return 2 + first
    size = first & 0x7F
    return 2 + size + int.from_bytes(der[2 : 2 + size], 'big')


def check(
    request: SigningRequest,
    candidates: Sequence[Certificate],
    pool: Pool,
    *,
    is_ca: bool,
    now: datetime.datetime,
    through: Certificate | None = None,
) -> Checked:
    """The certificate for a request among candidates, with its chain; raises `Wrong`.

    Args:
        request: The request.
        candidates: Certificates, one of which should be for the request.
        pool: CA certificates of which the chain is built.
        is_ca: A CA certificate was asked for.
        now: The present.
        through: A CA certificate that has to be in the chain.

    """
    found = [one for one in candidates if one.public_key == request.public_key]
    if not found:
        raise Wrong('Certificate and CSR do not match.')
    certificate = max(found, key=lambda one: one.not_after)
    _fits(certificate, is_ca=is_ca, now=now)

    def judge(chain: tuple[Certificate, ...]) -> str | None:
        if through is not None and through not in chain:
            shown = x509.printable(through.subject, 80)
            return f'ca-certificate "{shown}" is not in the chain of the certificate'
        return x509.mismatch(request, certificate, chain, is_ca=is_ca, now=now, more_names=True)

    try:
        chain = pool.chain(certificate, judge)
    except NoChain as error:
        raise Wrong(str(error)) from error
    return Checked(certificate, chain, _warnings(request, certificate, is_ca=is_ca))


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


def _warnings(
    request: SigningRequest, certificate: Certificate, *, is_ca: bool
) -> tuple[str, ...]:
    found: list[str] = []
    if not is_ca and not certificate.serves:
        found.append('its purposes do not include server authentication')
    if is_ca and not x509.same_subject(certificate, request):
        shown = x509.printable(certificate.subject, 80)
        found.append(f'its subject "{shown}" is not that of the request')
    return tuple(found)
