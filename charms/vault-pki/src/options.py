"""The charm's options, checked once and completely."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import re
import urllib.parse
from typing import TYPE_CHECKING

import credentials
from credentials import PATH
from tls_provider import options, x509
from tls_provider.options import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from credentials import Login

    Load = Callable[[str, str], Mapping[str, str]]

KEY_ALGORITHMS: Mapping[str, tuple[str, int]] = {
    'ecdsa-p256': ('ec', 256),
    'ecdsa-p384': ('ec', 384),
    'rsa-2048': ('rsa', 2048),
    'rsa-3072': ('rsa', 3072),
    'rsa-4096': ('rsa', 4096),
}
"""Of the CA's key, and Vault's words for them."""
SUBJECT = {
    'ca-common-name': ('common_name', 64),
    'ca-organization': ('organization', 64),
    'ca-organizational-unit': ('ou', 64),
    'ca-country-name': ('country', 2),
    'ca-state-or-province-name': ('province', 128),
    'ca-locality-name': ('locality', 128),
}
"""Options of the CA's subject, Vault's words for them, and how many bytes they may have."""
_OIDS = {
    'common_name': '2.5.4.3',
    'organization': '2.5.4.10',
    'ou': '2.5.4.11',
    'country': '2.5.4.6',
    'province': '2.5.4.8',
    'locality': '2.5.4.7',
}
LONGEST = datetime.timedelta(days=3650)
"""Life of anything in a mount, unless roots are to live longer."""
USAGES = ('server-auth', 'client-auth')


@dataclasses.dataclass(frozen=True)
class Server:
    """Where Vault is."""

    address: str
    """Scheme, host and port."""
    namespace: str = ''
    ca_certificates: tuple[str, ...] = ()
    """PEM texts of the CAs that its own certificate may come from; empty: those of the machine."""

    @property
    def host(self) -> str:
        """For messages."""
        return f'Vault at {urllib.parse.urlsplit(self.address).netloc}'


@dataclasses.dataclass(frozen=True)
class CA:
    """What the CA is to be."""

    is_root: bool
    subject: tuple[tuple[str, str], ...]
    """Vault's words and values."""
    key_algorithm: str
    root_validity: datetime.timedelta
    """Of a root; the life of an intermediate is its parent's matter."""

    @property
    def longest_life(self) -> datetime.timedelta:
        """What the mount has to allow."""
        return max(self.root_validity, LONGEST) if self.is_root else LONGEST

    def is_that_of(self, certificate: x509.Certificate) -> bool:
        """Whether a CA certificate has this subject and a key of this kind."""
        key = x509.key_of(certificate)
        kind, bits = KEY_ALGORITHMS[self.key_algorithm]
        if not (key.algorithm.startswith(kind) and key.bits == bits):
            return False
        wanted = sorted((_OIDS[word], value) for word, value in self.subject)
        return sorted(x509.subject_of(certificate)) == wanted

    @property
    def fingerprint(self) -> str:
        """Names what is part of the CA certificate: another value, another CA."""
        life = self.root_validity if self.is_root else ''
        text = f'{self.is_root} {self.subject} {self.key_algorithm} {life}'
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class Options:
    """Where and how to sign, checked."""

    server: Server
    login: Login | None
    """None: the charm was not authorised yet."""
    mount: str
    role: str
    manages_mount: bool
    ca: CA
    validity: datetime.timedelta
    """Of issued certificates."""
    allowed_domains: tuple[str, ...] = ()
    """Empty: any name."""
    bare_domains: bool = True
    subdomains: bool = True
    wildcards: bool = True
    ip_sans: bool = True
    extended_key_usages: tuple[str, ...] = USAGES
    public_address: str = ''
    """Where clients reach Vault; certificates name it for issuer, CRL and OCSP. Empty: none."""
    revokes_withdrawn: bool = False
    certificate_limit: int | None = None

    @property
    def place(self) -> str:
        """Names the mount and its keeper: elsewhere is another CA."""
        kept = '' if self.manages_mount else ' of others'
        return f'{self.server.address} {self.server.namespace} {self.mount}{kept}'


def parse(config: Mapping[str, object], load: Load, stored: Mapping[str, str]) -> Options:
    """The options; raises `Invalid`, which names the option and what to do.

    Args:
        config: All options.
        load: Gives an operator's secret by the option that names it and its identifier.
        stored: The credentials that `authorize` made; empty: it was not run.

    """
    options.allow_ca_requests(config)  # whatever it allows, no CA is certified below this one
    domains = options.allowed_domains(config)
    if not domains and not options.flag(config, 'allow-any-name', default=True):
        raise Invalid('allowed-domains', 'names nothing; give domains, or set allow-any-name=true')
    return Options(
        server=server(config),
        login=credentials.login(config, load, stored),
        mount=mount(config),
        role=role(config),
        manages_mount=manages_mount(config),
        ca=_ca(config),
        validity=options.duration(config, 'certificate-validity', '90d', 825),
        allowed_domains=domains,
        bare_domains=options.flag(config, 'allow-bare-domains', default=True),
        subdomains=options.flag(config, 'allow-subdomains', default=True),
        wildcards=options.flag(config, 'allow-wildcard-certificates', default=True),
        ip_sans=options.flag(config, 'allow-ip-sans', default=True),
        extended_key_usages=_usages(config),
        public_address=_address(config, 'public-address'),
        revokes_withdrawn=options.flag(config, 'revoke-on-removal', default=False),
        certificate_limit=options.certificate_limit(config),
    )


def server(config: Mapping[str, object]) -> Server:
    """Where Vault is; raises `Invalid`."""
    name = 'vault-address'
    address = _address(config, name)
    if not address:
        raise Invalid(name, 'is not set; give the address, as in https://vault.example.com:8200')
    namespace = options.text(config, 'vault-namespace').strip('/')
    if namespace and not PATH.fullmatch(namespace):
        raise Invalid('vault-namespace', f'"{x509.printable(namespace, 60)}" is no namespace')
    found = options.certificates(config, 'vault-ca-certificates')
    return Server(address, namespace, tuple(one.pem for one in found))


def mount(config: Mapping[str, object]) -> str:
    """Option `mount`; raises `Invalid`."""
    name = 'mount'
    value = options.text(config, name, 'charm-pki').strip('/')
    if not PATH.fullmatch(value) or value.partition('/')[0] in {'sys', 'auth', 'identity'}:
        raise Invalid(
            name, f'"{x509.printable(value, 60)}" is no path of a mount, as in charm-pki'
        )
    return value


def role(config: Mapping[str, object]) -> str:
    """Option `role`; raises `Invalid`."""
    value = options.text(config, 'role', 'charm')
    if not re.fullmatch(r'[A-Za-z0-9_]([A-Za-z0-9_.-]{0,60}[A-Za-z0-9_])?', value):
        raise Invalid('role', f'"{x509.printable(value, 60)}" is no name of a role')
    return value


def manages_mount(config: Mapping[str, object]) -> bool:
    """Option `manage-mount`; raises `Invalid`."""
    return options.flag(config, 'manage-mount', default=True)


def _address(config: Mapping[str, object], name: str) -> str:
    value = options.text(config, name).rstrip('/')
    if not value:
        return ''
    shown = x509.printable(value, 60)
    try:
        parts = urllib.parse.urlsplit(value)
        port, host = parts.port, parts.hostname or ''
    except ValueError:
        raise Invalid(name, f'"{shown}" is not an address') from None
    if '@' in parts.netloc:
        raise Invalid(name, 'holds a user or a password')  # and is not shown
    if parts.scheme not in {'https', 'http'} or not host or port == 0:
        raise Invalid(name, f'"{shown}" is not an address, as in https://vault.example.com:8200')
    if not (_is_ip(host) if '[' in parts.netloc else _is_ip(host) or _is_host(host)):
        raise Invalid(name, f'"{shown}" names no host')
    if value.partition('://')[2].lower() != parts.netloc.lower():
        raise Invalid(name, f'"{shown}" holds more than scheme, host and port')
    return f'{parts.scheme}://{parts.netloc.lower()}'


def _is_host(text: str) -> bool:
    return x509.is_host_name(text) and '_' not in text


def _is_ip(text: str) -> bool:
    return x509.is_ip_address(text) and '%' not in text  # of one machine only


def _ca(config: Mapping[str, object]) -> CA:
    kind = options.text(config, 'ca-type', 'intermediate').lower()
    if kind not in {'intermediate', 'root'}:
        raise Invalid('ca-type', f'"{x509.printable(kind, 20)}" is neither intermediate nor root')
    algorithm = options.text(config, 'ca-key-algorithm', 'ecdsa-p256').lower()
    if algorithm not in KEY_ALGORITHMS:
        known = ', '.join(KEY_ALGORITHMS)
        raise Invalid('ca-key-algorithm', f'"{x509.printable(algorithm, 20)}" is none of {known}')
    subject: list[tuple[str, str]] = []
    for name, (word, size) in SUBJECT.items():
        default = 'Vault PKI' if word == 'common_name' else ''
        value = options.text(config, name, default)
        if len(value.encode()) > size:
            raise Invalid(name, f'has more than {size} bytes')
        if word == 'country' and value and not re.fullmatch('[A-Za-z]{2}', value):
            raise Invalid(name, 'is not two letters (ISO 3166)')
        if ',' in value and word != 'common_name':
            raise Invalid(name, 'holds a comma, which Vault takes for the end of a value')
        if value:
            subject.append((word, value.upper() if word == 'country' else value))
    life = options.duration(config, 'root-ca-validity', '3650d', 36525)
    return CA(kind == 'root', tuple(subject), algorithm, life)


def _usages(config: Mapping[str, object]) -> tuple[str, ...]:
    name = 'extended-key-usages'
    found = options.items(config, name, ','.join(USAGES))
    for item in found:
        if item not in USAGES:
            raise Invalid(name, f'"{x509.printable(item, 30)}" is none of {", ".join(USAGES)}')
    return tuple(usage for usage in USAGES if usage in found)
