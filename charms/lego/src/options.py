"""The charm's options and the operator's secrets, checked once and completely."""

from __future__ import annotations

import dataclasses
import datetime
import os
import re
import urllib.parse
from typing import TYPE_CHECKING

import authorities
import dns_providers
import operator_secrets
from tls_provider import options, x509
from tls_provider.options import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from command import ExternalAccount, Features
    from operator_secrets import Load

MAX_WAIT = 3600
"""Seconds of option `dns-propagation-wait`."""
MAX_PARALLEL = 16
_PROXIES = {
    'JUJU_CHARM_HTTP_PROXY': 'HTTP_PROXY',
    'JUJU_CHARM_HTTPS_PROXY': 'HTTPS_PROXY',
    'JUJU_CHARM_NO_PROXY': 'NO_PROXY',
}
_USER = re.compile(r'(?:[a-z0-9]+://)?[^/?#@:]*:([^/?#]*)@', re.IGNORECASE)
"""The password in a proxy's address."""
_SERVER = re.compile(
    r'https://(?:\[([0-9a-f.]*:[0-9a-f:.]+)\]|([^/:@?#]+))(?::(\d{1,5}))?'
    # A path of RFC 3986, 3.3, but for the apostrophe.
    r'(?:/(?:[\w.~!$&()*+,;=:@/-]|%[0-9a-f]{2})*)?',
    re.IGNORECASE | re.ASCII,
)
TERMS = 'accept-terms-of-service'


@dataclasses.dataclass(frozen=True)
class Options:
    """What to order, where and how, checked."""

    email: str
    server: str
    """Address of the ACME directory."""
    plugin: str
    """Code of the DNS provider."""
    variables: Mapping[str, str] = dataclasses.field(repr=False)
    """Of the DNS provider."""
    external_account: ExternalAccount | None = None
    acme_roots: tuple[str, ...] = ()
    """PEM texts of the CAs that the ACME server's own certificate may come from; beside those that
    the machine trusts."""
    issuer_roots: tuple[str, ...] = ()
    """PEM texts of roots that chains may end at."""
    propagation_wait: int | None = None
    """Seconds to wait in place of looking whether a record is there."""
    nameservers: tuple[str, ...] = ()
    """HOST:PORT, for lego's own queries."""
    follows_cnames: bool = True
    preferred_chain: str = ''
    profile: str = ''
    parallel: int = 4
    order_timeout: datetime.timedelta = datetime.timedelta(minutes=10)
    is_public: bool = False
    """The authority is one that browsers trust."""
    wildcards: bool = True
    revokes_withdrawn: bool = False
    expiry_ratio: float = 0.15
    """The log names certificates with less of their life left."""
    allowed_domains: tuple[str, ...] = ()
    certificate_limit: int | None = None
    warning: str = ''
    """Something that may be wrong, for the log."""

    def environment(self, features: Features) -> dict[str, str]:
        """All variables that lego gets, for a binary that can do this."""
        made = {**_proxies(), **self.variables}
        if not self.follows_cnames:
            made['LEGO_DISABLE_CNAME_SUPPORT'] = 'true'
        if self.external_account and features.eab_variables:
            made['LEGO_EAB_KID'] = self.external_account.key_id
            made['LEGO_EAB_HMAC'] = self.external_account.key
        if self.propagation_wait is not None and not features.propagation_wait:
            # With the checks off, such a version waits for one interval.
            provider = dns_providers.known(self.plugin)
            if provider and (name := provider.polling_interval):
                made.setdefault(name, str(self.propagation_wait))
        return made

    def secrets(self) -> tuple[str, ...]:
        """Values that must not be shown."""
        key = (self.external_account.key,) if self.external_account else ()
        proxies = [value for name, value in _proxies().items() if name != 'NO_PROXY']
        passwords = [_USER.match(value) for value in proxies]
        known = [match[1] for match in passwords if match]
        decoded = [urllib.parse.unquote(one) for one in known]
        return (*self.variables.values(), *key, *proxies, *known, *decoded)

    def kind_of_certificate(self) -> str:
        """A text that changes with what makes one certificate for a request unlike another."""
        return f'{self.server}\n{self.preferred_chain}\n{self.profile}'

    def known_roots(self) -> str:
        """A text that changes with the roots that the operator and other applications gave."""
        return '\n'.join([*self.issuer_roots, *self.acme_roots])

    def everything(self) -> str:
        """A text that changes with any value."""
        account = self.external_account
        key = account and account.key
        return f'{self} {sorted(self.variables.items())} {key} {sorted(_proxies().items())}'


def _proxies() -> dict[str, str]:
    """Those of the model, by the names that lego knows."""
    found = {name: os.environ.get(source, '') for source, name in _PROXIES.items()}
    return {name: value for name, value in found.items() if value}


def identity(config: Mapping[str, object]) -> tuple[str, str]:
    """Server and e-mail address, unchecked: they name the account."""
    server = str(config.get('server', '')).strip() or authorities.LETS_ENCRYPT
    return server, str(config.get('email', '')).strip()


def parse(
    config: Mapping[str, object], load: Load, received_roots: tuple[str, ...] = ()
) -> Options:
    """The options; raises `Invalid`, which names the option and what to do.

    Args:
        config: All options.
        load: Gives the operator's secrets.
        received_roots: PEM texts of CAs that other applications handed over.

    """
    server = acme_server(config)
    plugin, variables, warning = operator_secrets.plugin(config, load)
    email = _email(config)
    if not options.flag(config, TERMS, default=False):
        name = authorities.name(server)
        raise Invalid(TERMS, f'read the terms of service of {name}, then set it to true')
    options.allow_ca_requests(config)  # whatever it allows, ACME servers certify no CA
    public = options.text(config, 'public-ca', 'auto').lower()
    if public not in {'auto', 'true', 'false'}:
        raise Invalid('public-ca', 'is none of auto, true and false')
    is_public = authorities.public(server) is not None if public == 'auto' else public == 'true'
    return Options(
        email=email,
        server=server,
        plugin=plugin,
        variables=variables,
        external_account=operator_secrets.external_account(config, load),
        acme_roots=(*_pem(config, 'acme-ca-certificates'), *received_roots),
        issuer_roots=_pem(config, 'ca-root-certificates'),
        propagation_wait=_number(config, 'dns-propagation-wait', 1, MAX_WAIT),
        nameservers=_nameservers(config),
        follows_cnames=not options.flag(config, 'disable-cname-support', default=False),
        preferred_chain=options.text(config, 'preferred-chain'),
        profile=_profile(config),
        parallel=_number(config, 'max-parallel-orders', 1, MAX_PARALLEL) or 4,
        order_timeout=options.duration(config, 'order-timeout', '10m', 1),
        is_public=is_public,
        wildcards=options.flag(config, 'allow-wildcards', default=True),
        expiry_ratio=_ratio(config),
        revokes_withdrawn=options.flag(config, 'revoke-on-removal', default=False),
        allowed_domains=options.allowed_domains(config),
        certificate_limit=options.certificate_limit(config),
        warning=warning,
    )


def acme_server(config: Mapping[str, object]) -> str:
    """Option `server`: the address of an ACME directory; raises `Invalid`."""
    server = options.text(config, 'server', authorities.LETS_ENCRYPT)
    shown = x509.printable(server, 60)
    if not server.lower().startswith('https://'):
        raise Invalid('server', f'"{shown}" is not an https:// address of an ACME directory')
    match = _SERVER.fullmatch(server)
    if match is None or not 0 < int(match[3] or 443) < 65536:
        raise Invalid('server', f'"{shown}" is not an address of host, port and path alone')
    if not (
        x509.is_ip_address(match[1] or match[2]) or (match[2] and x509.is_host_name(match[2]))
    ):
        raise Invalid('server', f'"{shown}" names no host')
    return server


def _email(config: Mapping[str, object]) -> str:
    email = options.text(config, 'email')
    if not email:
        raise Invalid('email', 'is not set; the ACME account needs an address')
    local, _, host = email.rpartition('@')
    plain = re.fullmatch(r'[A-Za-z0-9.!#$%&*+=?^_`{|}~-]{1,64}', local)
    if not plain or local.startswith(('.', '-')) or not x509.is_host_name(host):
        raise Invalid('email', f'"{x509.printable(email, 60)}" is not a mail address')
    return email


def _pem(config: Mapping[str, object], name: str) -> tuple[str, ...]:
    return tuple(one.pem for one in options.certificates(config, name))


def _nameservers(config: Mapping[str, object]) -> tuple[str, ...]:
    name = 'dns-nameservers'
    found: list[str] = []
    for item in options.items(config, name):
        host, port = _host_and_port(item)
        if not (x509.is_ip_address(host) or x509.is_host_name(host)) or not 0 < port < 65536:
            shown = x509.printable(item, 60)
            raise Invalid(name, f'"{shown}" is no HOST or HOST:PORT; write them as in 9.9.9.9:53')
        found.append(f'[{host}]:{port}' if ':' in host else f'{host}:{port}')
    return tuple(found)


def _host_and_port(text: str) -> tuple[str, int]:
    """Taken apart; port 0 for one that is no number."""
    if match := re.fullmatch(r'\[([0-9A-Fa-f:]+)\](?::(\d{1,5}))?', text):
        return match[1], int(match[2] or 53)
    if x509.is_ip_address(text):
        return text, 53
    host, colon, port = text.partition(':')
    if not colon:
        return host, 53
    return host, int(port) if re.fullmatch('[0-9]{1,5}', port) else 0


def _profile(config: Mapping[str, object]) -> str:
    profile = options.text(config, 'profile')
    if not re.fullmatch('[A-Za-z0-9._-]{0,64}', profile):
        raise Invalid('profile', f'"{x509.printable(profile, 40)}" is not the name of a profile')
    return profile


def _number(config: Mapping[str, object], name: str, least: int, most: int) -> int | None:
    """A whole number; None where it is unset."""
    text = options.text(config, name)
    if not text:
        return None
    try:
        number = int(text)
    except ValueError:
        raise Invalid(name, f'"{x509.printable(text, 20)}" is not a whole number') from None
    if not least <= number <= most:
        raise Invalid(name, f'{number} is not between {least} and {most}')
    return number


def _ratio(config: Mapping[str, object]) -> float:
    name = 'expiry_ratio'
    text = options.text(config, name, '0.15')
    try:
        ratio = float(text)
    except ValueError:
        raise Invalid(name, f'"{x509.printable(text, 20)}" is not a number') from None
    if not 0 < ratio <= 1:
        raise Invalid(name, f'{text} is not above 0 and up to 1')
    return ratio
