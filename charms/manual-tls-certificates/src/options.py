"""The charm's options, checked once and completely."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from tls_provider import options, x509
from tls_provider.options import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tls_provider.x509 import Certificate

BUNDLE = 'trusted-certificate-bundle'


@dataclasses.dataclass(frozen=True)
class Options:
    """What is accepted and what is told to be trusted, checked."""

    bundle: tuple[Certificate, ...] = ()
    sends_supplied_cas: bool = True
    """Clients are told to trust the roots of published certificates as well."""
    allowed_domains: tuple[str, ...] = ()
    ca_requests: frozenset[str] = frozenset()
    certificate_limit: int | None = None


def parse(config: Mapping[str, object]) -> Options:
    """The options; raises `Invalid`."""
    return Options(
        bundle=_bundle(config),
        sends_supplied_cas=options.flag(config, 'send-supplied-cas', default=True),
        allowed_domains=options.allowed_domains(config),
        ca_requests=options.allow_ca_requests(config),
        certificate_limit=options.certificate_limit(config),
    )


def _bundle(config: Mapping[str, object]) -> tuple[Certificate, ...]:
    found = options.certificates(config, BUNDLE)
    if strangers := [one for one in found if not one.is_ca]:
        shown = x509.printable(strangers[0].subject or 'one without a subject', 60)
        raise Invalid(BUNDLE, f'"{shown}" is no CA certificate')
    return found
