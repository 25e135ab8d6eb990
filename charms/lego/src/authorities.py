"""What is known of ACME servers by their address."""

from __future__ import annotations

import dataclasses
import urllib.parse


@dataclasses.dataclass(frozen=True)
class Authority:
    """An operator of ACME servers that browsers trust."""

    name: str
    hosts: frozenset[str]
    staging: str = ''
    """Directory of its server for trials; empty: there is none."""
    trials: frozenset[str] = frozenset()
    """Those of the hosts that are for trials."""
    adds_common_name: bool = False
    """A common name without alternative names becomes one."""


LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory'
PUBLIC = (
    Authority(
        'letsencrypt',
        frozenset({'acme-v02.api.letsencrypt.org', 'acme-staging-v02.api.letsencrypt.org'}),
        'https://acme-staging-v02.api.letsencrypt.org/directory',
        frozenset({'acme-staging-v02.api.letsencrypt.org'}),
        adds_common_name=True,
    ),
    Authority(
        'google',
        frozenset({'dv.acme-v02.api.pki.goog', 'dv.acme-v02.test-api.pki.goog'}),
        'https://dv.acme-v02.test-api.pki.goog/directory',
        frozenset({'dv.acme-v02.test-api.pki.goog'}),
    ),
    Authority('zerossl', frozenset({'acme.zerossl.com'})),
    Authority(
        'buypass',
        frozenset({'api.buypass.com', 'api.test4.buypass.no'}),
        trials=frozenset({'api.test4.buypass.no'}),
    ),
    Authority('ssl.com', frozenset({'acme.ssl.com'})),
    Authority('actalis', frozenset({'acme-api.actalis.com'})),
    Authority('sectigo', frozenset({'acme.sectigo.com'})),
    Authority('digicert', frozenset({'acme.digicert.com'})),
)


def public(server: str) -> Authority | None:
    """The public authority of a directory's address; None for any other server."""
    host = (urllib.parse.urlsplit(server).hostname or '').lower()
    return next((one for one in PUBLIC if host in one.hosts), None)


def is_production(server: str) -> bool:
    """Whether a directory is one of a public authority, and not for trials."""
    known = public(server)
    host = (urllib.parse.urlsplit(server).hostname or '').lower()
    return known is not None and host not in known.trials


def name(server: str) -> str:
    """A short name for messages: `letsencrypt`, or the host of the server."""
    known = public(server)
    return known.name if known else urllib.parse.urlsplit(server).netloc
