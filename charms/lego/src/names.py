"""What a request must be before an order is spent on it.

An ACME server compares the names of an order with those of the request only at the end, after all
the work of DNS. These rules come after those that follow from the capabilities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import authorities
from tls_provider import x509
from tls_provider.issuer import ErrorCode, Rejected
from tls_provider.x509 import NameKind

if TYPE_CHECKING:
    from options import Options
    from tls_provider.issuer import Request
    from tls_provider.policy import Rule

RSA_SIZES = (2048, 3072, 4096)
MAX_NAME = 237
"""Characters of a name: with `_acme-challenge.` before it, it is a name of 253."""
MAX_LABELS = 10
"""In a name that a public authority certifies."""
PRIVATE = frozenset(
    {
        'corp', 'example', 'home', 'home.arpa', 'internal', 'intranet', 'invalid', 'lan', 'local',
        'localdomain', 'localhost', 'onion', 'private', 'svc', 'test',
    }
)  # fmt: skip
"""Ends of names that no public authority certifies: reserved (RFC 2606, 6761, 6762, 7686, 8375),
or so usual in private networks that nobody will ever own them."""
PRIVATE_CA = 'use a private CA for internal traffic'


def rules(options: Options) -> tuple[Rule, ...]:
    """The rules of this charm for a server."""
    authority = authorities.public(options.server)
    adds_common_name = authority is not None and authority.adds_common_name
    every: tuple[Rule, ...] = (
        _key_size,
        lambda request: _common_name(request, adds_common_name=adds_common_name),
        _length,
    )
    return (*every, _public) if options.is_public else every


def _key_size(request: Request) -> Rejected | None:
    key = request.csr.key
    if key.algorithm != 'rsa' or key.bits in RSA_SIZES:
        return None
    sizes = ', '.join(map(str, RSA_SIZES))
    return Rejected(
        ErrorCode.OTHER, f'an RSA key of {key.bits} bits is not accepted; use one of {sizes}'
    )


def _common_name(request: Request, *, adds_common_name: bool) -> Rejected | None:
    """A common name becomes part of the order, whatever it is."""
    csr = request.csr
    names = {name.value for name in csr.alternative_names}
    for text in csr.common_names:
        shown = x509.printable(text, 60)
        if x509.is_ip_address(text):
            return Rejected(
                ErrorCode.IP_NOT_ALLOWED,
                f'{shown} is an IP address as common name; {PRIVATE_CA}',
            )
        if text.lower() in names or (not names and adds_common_name):
            continue
        return _domain(
            f'the common name "{shown}" is not among the alternative names, and the server '
            'certifies no other; add it to them or leave it out'
        )
    return None


def _length(request: Request) -> Rejected | None:
    for name in request.csr.names:
        if len(name.value.removeprefix('*.')) > MAX_NAME:
            shown = x509.printable(name.value, 40)
            return _domain(f'{shown} is longer than {MAX_NAME} characters, too long for DNS-01')
    return None


def _public(request: Request) -> Rejected | None:
    for name in request.csr.names:
        if name.kind is not NameKind.DNS:
            continue
        host = name.value.removeprefix('*.')
        labels = host.split('.')
        if len(labels) == 1 or labels[-1] in PRIVATE or '.'.join(labels[-2:]) in PRIVATE:
            return _domain(f'{name} is a private name, which no public CA certifies; {PRIVATE_CA}')
        if len(labels) > MAX_LABELS:
            return _domain(f'{name} has more than {MAX_LABELS} labels; {PRIVATE_CA}')
        if '_' in host:
            return _domain(f'{name} holds "_", which no public CA certifies; {PRIVATE_CA}')
    return None


def _domain(message: str) -> Rejected:
    return Rejected(ErrorCode.DOMAIN_NOT_ALLOWED, message)
