"""What a request must be before a backend is asked: rules as pure functions in a list.

The rules follow RFC 5280, the CA/Browser Forum's minimum for keys, and the backend's capabilities,
so that what is advertised and what is enforced cannot disagree.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, cast

from tls_provider import x509
from tls_provider.issuer import ErrorCode, Rejected
from tls_provider.x509 import NameKind

if TYPE_CHECKING:
    from tls_provider.issuer import Capabilities, Issuer, Request

Rule = Callable[['Request'], Rejected | None]

RULES_VERSION = '1'
"""Part of the settings: refusals under older rules do not stand. Raise it when a rule changes."""
MAX_NAMES = 100
"""Names in one request: what public authorities take, and little enough for any databag."""
# Upper bounds of X.520 for the subject attributes that people use, by dotted object identifier.
_SUBJECT_LENGTHS = {
    '2.5.4.3': ('common name', 1, 64),
    '2.5.4.5': ('serial number', 1, 64),
    '2.5.4.6': ('country', 2, 2),
    '2.5.4.7': ('locality', 1, 128),
    '2.5.4.8': ('state or province', 1, 128),
    '2.5.4.10': ('organization', 1, 64),
    '2.5.4.11': ('organizational unit', 1, 64),
    '2.5.4.12': ('title', 1, 64),
    '1.2.840.113549.1.9.1': ('e-mail address', 1, 255),
}
_HASHES = {'sha256', 'sha384', 'sha512'}


def settings(issuer: Issuer) -> str:
    """A short fingerprint of all that an answer depends on, the version of the rules included."""
    capabilities: dict[str, object] = {
        name: sorted(cast('frozenset[str]', value)) if isinstance(value, frozenset) else value
        for name, value in vars(issuer.capabilities).items()
    }
    text = f'{RULES_VERSION} {capabilities} {issuer.generation} {issuer.settings}'
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def judge(request: Request, rules: Iterable[Rule]) -> Rejected | None:
    """The first refusal of a request, or None when every rule lets it pass."""
    return next((refusal for rule in rules if (refusal := rule(request))), None)


def rules(capabilities: Capabilities) -> tuple[Rule, ...]:
    """The rules for every request to a backend, cheapest and most telling first."""
    return (
        lambda request: _key(request, capabilities),
        _possession,
        lambda request: _ca(request, capabilities),
        _subject,
        lambda request: _kinds(request, capabilities),
        _count,
        lambda request: _dns(request, capabilities),
        lambda request: _domains(request, capabilities),
    )


def _key(request: Request, capabilities: Capabilities) -> Rejected | None:
    """Keys that the backend certifies and that are strong enough (CA/B BR 6.1.5)."""
    key = request.csr.key
    if key.algorithm not in capabilities.key_algorithms:
        allowed = ', '.join(sorted(capabilities.key_algorithms))
        return _other(f'keys of type {key} are not accepted here; use one of: {allowed}')
    if key.algorithm != 'rsa':
        return None
    if key.bits < 2048 or key.bits > 8192 or key.bits % 8:
        return _other(f'an RSA key of {key.bits} bits is not accepted; use 2048, 3072 or 4096')
    if key.exponent < 65537 or key.exponent % 2 == 0:
        return _other('the exponent of the RSA key is not accepted; use 65537')
    return None


def _possession(request: Request) -> Rejected | None:
    """The requirer has the private key (RFC 2986), by a signature that proves it."""
    if request.csr.key.algorithm != 'ed25519' and request.csr.signature_hash not in _HASHES:
        return _other('the signature hash of the request is not accepted; use SHA-256')
    if not request.csr.proves_possession:
        return _other('the request is not signed by its own key; make a new request')
    return None


def _ca(request: Request, capabilities: Capabilities) -> Rejected | None:
    """CA certificates only where the operator or the backend lets them be."""
    if not request.is_ca:
        return None
    if not capabilities.ca_certificates:
        return _other('CA certificates are not issued here; use another provider for them')
    if not capabilities.certifies_ca_for(request.application):
        application = x509.printable(request.application, 40)
        return _other(
            f'CA certificates are not issued to {application}; '
            'it has to be named in option allow-ca-requests of the provider'
        )
    if not request.csr.subject:
        return _other('a CA certificate needs a subject; give the request a common name')
    return None


def _subject(request: Request) -> Rejected | None:
    for oid, value in request.csr.subject:
        name, least, most = _SUBJECT_LENGTHS.get(oid, ('', 0, 0))
        if name and not least <= len(value) <= most:
            span = f'{most}' if least == most else f'{least} to {most}'
            return _other(f'the {name} of the subject has {len(value)} characters, not {span}')
        if not value.isprintable():
            return _other('the subject holds characters that cannot be printed')
    return None


def _kinds(request: Request, capabilities: Capabilities) -> Rejected | None:
    csr = request.csr
    if request.is_ca:
        return None  # a CA certificate carries no alternative names
    if not csr.names and not csr.common_name:
        return _other('the request has no name; ask for a DNS name or an IP address')
    for name in csr.names:
        if name.kind is NameKind.IP and not capabilities.ip_sans:
            return Rejected(
                ErrorCode.IP_NOT_ALLOWED,
                f'{name}: IP addresses are not certified here; use another provider for them',
            )
        if name.kind not in capabilities.name_kinds:
            return _domain(f'{name.kind.value} names are not certified here')
        if not _SYNTAX[name.kind](name.value):
            return _domain(f'{name} is not valid as {name.kind.value} name')
    return _common_name(csr)


def _common_name(csr: x509.SigningRequest) -> Rejected | None:
    """A common name may be free text, but not look like a name that would not be certified."""
    if '*' in csr.common_name and not csr.names:
        return Rejected(ErrorCode.WILDCARD_NOT_ALLOWED, 'the common name is no valid wildcard')
    if not csr.names and re.search(r'[\s/]', csr.common_name):
        return _domain('the common name is no host name; ask for a DNS name or an IP address')
    return None


def _is_email(text: str) -> bool:
    """A mailbox of plain characters at a host (RFC 5280, 4.2.1.6)."""
    local, _, host = text.rpartition('@')
    plain = bool(re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}", local))
    return plain and x509.is_host_name(host)


def _is_uri(text: str) -> bool:
    """Absolute, of printable ASCII without blanks (RFC 3986)."""
    return bool(re.fullmatch(r'[A-Za-z][A-Za-z0-9+.-]*:[!-~]+', text))


_SYNTAX: dict[NameKind, Callable[[str], bool]] = {
    NameKind.DNS: lambda _: True,  # judged with wildcards and domains, see _dns_name
    NameKind.IP: x509.is_ip_address,
    NameKind.EMAIL: _is_email,
    NameKind.URI: _is_uri,
    NameKind.REGISTERED_ID: lambda _: True,
    NameKind.OTHER: lambda _: False,
}


def _count(request: Request) -> Rejected | None:
    count = len(request.csr.names)
    if count > MAX_NAMES:
        return _domain(f'{count} names in one request; ask for {MAX_NAMES} at most')
    return None


def _dns(request: Request, capabilities: Capabilities) -> Rejected | None:
    if request.is_ca:
        return None
    for name in request.csr.names:
        if name.kind is NameKind.DNS and (refusal := _dns_name(name, capabilities)):
            return refusal
    return None


def _dns_name(name: x509.Name, capabilities: Capabilities) -> Rejected | None:
    """Syntax of RFC 1034 and 9525, wildcards as the whole left-most label before two others."""
    if x509.is_ip_address(name.value):
        return _domain(f'{name} is an IP address in a DNS name; ask for it as an IP address')
    host = name.value.removeprefix('*.')
    if '*' in name.value:
        if not capabilities.wildcards:
            return Rejected(
                ErrorCode.WILDCARD_NOT_ALLOWED, f'{name}: no wildcards here; ask for each name'
            )
        if '*' in host or '.' not in host:
            return Rejected(
                ErrorCode.WILDCARD_NOT_ALLOWED,
                f'{name}: a wildcard stands alone before two labels, as in *.example.com',
            )
    if not x509.is_host_name(host):
        return _domain(f'"{name}" is not a valid DNS name')
    return None


def _domains(request: Request, capabilities: Capabilities) -> Rejected | None:
    """Hosts of any kind of name, and of a common name that looks like one, within the list.

    IP addresses belong to no domain, and CA certificates have a list of their own.
    """
    if not capabilities.allowed_domains or request.is_ca:
        return None
    hosts = [_host(name) for name in request.csr.names]
    for text in request.csr.common_names:
        common_name = text.lower().removeprefix('*.')
        if not request.csr.names or ('.' in common_name and x509.is_host_name(common_name)):
            hosts.append(common_name)
    for host in hosts:
        if host and not _within(host, capabilities):
            allowed = x509.printable(', '.join(capabilities.allowed_domains), 80)
            shown = x509.printable(host)
            return _domain(f'{shown} is outside the allowed domains: {allowed}')
    return None


def _host(name: x509.Name) -> str:
    """The host that a name belongs to, in lower case; empty where there is none."""
    match name.kind:
        case NameKind.DNS:
            return name.value.removeprefix('*.')
        case NameKind.EMAIL:
            return name.value.rpartition('@')[2].lower()
        case NameKind.URI:
            authority = re.match(r'[^:]*://([^/?#]*)', name.value)
            host = authority[1].rpartition('@')[2] if authority else ''
            return re.sub(r':\d*$', '', host).lower()
        case _:
            return ''


def _within(name: str, capabilities: Capabilities) -> bool:
    """Whether a name is one of the allowed domains or, where these are allowed, below one."""
    return any(
        name == domain or (capabilities.subdomains and name.endswith(f'.{domain}'))
        for domain in capabilities.allowed_domains
    )


def _other(message: str) -> Rejected:
    return Rejected(ErrorCode.OTHER, message)


def _domain(message: str) -> Rejected:
    return Rejected(ErrorCode.DOMAIN_NOT_ALLOWED, message)
