"""What may be certified: the options as roles in Vault, and as rules that are judged before."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from typing import TYPE_CHECKING

from tls_provider import x509
from tls_provider.issuer import ErrorCode, Rejected
from tls_provider.x509 import NameKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from options import Options
    from tls_provider.issuer import Request
    from tls_provider.policy import Rule

# Key usage is a matter of the role in Vault, and depends on the key (RFC 3279 and RFC 5480): only
# RSA keys encipher other keys.
_USAGES: Mapping[str, tuple[str, ...]] = {
    'rsa': ('DigitalSignature', 'KeyEncipherment'),
    'ecdsa': ('DigitalSignature',),
}
BACK_DATE = 300
"""Seconds that certificates start in the past, for clocks that are late; short ones less."""


def name(options: Options, algorithm: str) -> str:
    """The role for keys of an algorithm; on a mount of somebody else's there is one for all."""
    if not options.manages_mount:
        return options.role
    return f'{options.role}-{"rsa" if algorithm == "rsa" else "ecdsa"}'


def roles(options: Options) -> dict[str, dict[str, object]]:
    """All values of every role, by name."""
    life = int(options.validity.total_seconds())
    common: dict[str, object] = {
        'allowed_domains': list(options.allowed_domains),
        'allow_any_name': not options.allowed_domains,
        'allow_bare_domains': options.bare_domains,
        'allow_subdomains': options.subdomains,
        'allow_wildcard_certificates': options.wildcards,
        'allow_ip_sans': options.ip_sans,
        'allow_glob_domains': False,
        'allow_localhost': not options.allowed_domains,
        'allowed_uri_sans': [],
        'allowed_other_sans': [],
        'enforce_hostnames': True,
        # Names come from the charm, in lower case: Vault refuses others, though DNS does not.
        'use_csr_sans': False,
        'use_csr_common_name': False,
        'cn_validations': ['disabled'],  # the charm's rules judge it, and it is no SAN
        'require_cn': False,
        'key_type': 'any',
        'server_flag': 'server-auth' in options.extended_key_usages,
        'client_flag': 'client-auth' in options.extended_key_usages,
        'basic_constraints_valid_for_non_ca': True,
        'not_before_duration': f'{min(BACK_DATE, life // 10)}s',
        'ttl': f'{life}s',
        'max_ttl': f'{life}s',
        'no_store': False,  # revocation goes by serial number
        'generate_lease': False,
        'issuer_ref': 'default',
    }
    return {
        name(options, algorithm): {**common, 'key_usage': list(usage)}
        for algorithm, usage in _USAGES.items()
    }


def fingerprint(options: Options) -> str:
    """Changes when the roles, or what else is set on the mount, have to be written again."""
    values = [roles(options), options.public_address]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def rules(options: Options) -> tuple[Rule, ...]:
    """What capabilities cannot express; each says why a request is refused."""

    def bare(request: Request) -> Rejected | None:
        if options.bare_domains:
            return None
        named = [one.value for one in request.csr.names]
        for value in (*named, request.csr.common_name.lower()):
            if value in options.allowed_domains:
                message = f'{value}: only names below an allowed domain are certified, not itself'
                return Rejected(ErrorCode.DOMAIN_NOT_ALLOWED, message)
        return None

    def common_name(request: Request) -> Rejected | None:
        """What looks like a name is judged as one."""
        text = request.csr.common_name
        shown = x509.printable(text, 60)
        if not options.ip_sans and x509.is_ip_address(text):
            message = f'{shown}: IP addresses are not certified here, nor as common name'
            return Rejected(ErrorCode.IP_NOT_ALLOWED, message)
        if not options.wildcards and text.startswith('*.'):
            message = f'{shown}: wildcards are not certified here, nor as common name'
            return Rejected(ErrorCode.WILDCARD_NOT_ALLOWED, message)
        return None

    return bare, common_name, _mapped, _ending, _underscore


def _mapped(request: Request) -> Rejected | None:
    """Vault writes such an address as that of IPv4, which is another name."""
    for one in request.csr.names:
        if one.kind is NameKind.IP:
            address = ipaddress.ip_address(one.value)
            if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
                message = f'{one}: ask for {address.ipv4_mapped}, which is the same address'
                return Rejected(ErrorCode.IP_NOT_ALLOWED, message)
    return None


def _ending(request: Request) -> Rejected | None:
    """Common names that Vault takes for names of another kind, or does not take."""
    text = request.csr.common_name
    shown = x509.printable(text, 60)
    if text.endswith('.') and x509.is_host_name(text.rstrip('.').removeprefix('*.')):
        message = f'{shown}: a common name that is a host has no dot at its end'
        return Rejected(ErrorCode.DOMAIN_NOT_ALLOWED, message)
    if '@' in text and not request.csr.names:
        message = f'{shown}: a common name that is an e-mail address is not certified alone'
        return Rejected(ErrorCode.DOMAIN_NOT_ALLOWED, message)
    return None


def _underscore(request: Request) -> Rejected | None:
    """Vault leaves such names out without a word."""
    for one in request.csr.names:
        if one.kind is NameKind.DNS and '_' in one.value:
            message = f'{one}: Vault certifies no names with underscores'
            return Rejected(ErrorCode.DOMAIN_NOT_ALLOWED, message)
    return None
