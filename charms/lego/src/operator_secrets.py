"""What the operator keeps in Juju secrets: settings of the DNS provider, the external account."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import dns_providers
from command import ExternalAccount
from tls_provider import options, x509
from tls_provider.options import Invalid

Load = Callable[[str, str], Mapping[str, str]]
"""Gives the content of a secret by the name of the option and the secret's identifier; raises
`Invalid`."""
_REFUSED = {
    'http': 'HTTP-01 is not offered, only DNS-01',
    'http-01': 'HTTP-01 is not offered, only DNS-01',
    'exec': 'it would run programs of others',
    'manual': 'it waits for a person at a terminal',
}
PLUGIN_OPTION = 'plugin-config-secret-id'
EAB_OPTION = 'eab-secret-id'
# The orders' own settings, which come from options, and what would change the program itself.
_RESERVED = re.compile(
    # Of lego's own variables two are free: others are options here, or run programs.
    r'LEGO_(?!(CA_SERVER_NAME|DEBUG_[A-Z_]+)$).*'
    # A file would be one of this unit, whose text could end in a message.
    r'|.*_FILE'
    r'|PATH|HOME|LD_.*|GODEBUG|GOTRACEBACK|SSL_CERT_.*|(HTTPS?|NO|ALL)_PROXY|EXEC_.*|JUJU_.*'
)
_KEY = re.compile('[a-z][a-z0-9]*(-[a-z0-9]+)*')


def plugin(config: Mapping[str, object], load: Load) -> tuple[str, dict[str, str], str]:
    """Code of the DNS provider, its variables, and a warning; raises `Invalid`."""
    code = options.text(config, 'plugin').lower()
    if not code:
        raise Invalid('plugin', 'is not set; give the code of a DNS provider, as in route53')
    if reason := _REFUSED.get(code):
        raise Invalid('plugin', f'{code} cannot be used: {reason}')
    if not re.fullmatch('[a-z0-9][a-z0-9-]{0,39}', code):
        raise Invalid('plugin', f'"{x509.printable(code, 40)}" is not the code of a provider')
    identifier = options.text(config, PLUGIN_OPTION)
    content = load(PLUGIN_OPTION, identifier) if identifier else dict[str, str]()
    variables: dict[str, str] = {}
    for key, value in content.items():
        name = key.replace('-', '_').upper()
        if not _KEY.fullmatch(key) or _RESERVED.fullmatch(name):
            raise Invalid(PLUGIN_OPTION, f'key {x509.printable(key, 40)} may not be set')
        if '\0' in value:
            raise Invalid(PLUGIN_OPTION, f'key {key} holds a zero byte')
        variables[name] = value
    provider = dns_providers.known(code)
    if provider is None:
        return code, variables, f'DNS provider {code} is not known to this charm'
    if lacking := provider.lacking(variables):
        keys = ', '.join(name.replace('_', '-').lower() for name in lacking)
        if not identifier:
            raise Invalid(PLUGIN_OPTION, f'is not set; {code} needs a secret with {keys}')
        raise Invalid(PLUGIN_OPTION, f'the secret lacks {keys}, which {code} needs')
    unknown = [name for name in variables if name.removesuffix('_FILE') not in provider.variables]
    unknown = [name for name in unknown if not name.startswith('LEGO_')]
    warning = f'{code} is not known to take {", ".join(sorted(unknown))}' if unknown else ''
    return code, variables, warning


def external_account(config: Mapping[str, object], load: Load) -> ExternalAccount | None:
    """What the account is to be bound to; None: nothing. Raises `Invalid`."""
    identifier = options.text(config, EAB_OPTION)
    if not identifier:
        return None
    content = load(EAB_OPTION, identifier)
    key_id, key = (content.get(name, '').strip() for name in ('eab-kid', 'eab-hmac'))
    if not key_id or not key or not key_id.isprintable():
        raise Invalid(EAB_OPTION, 'the secret must have eab-kid and eab-hmac')
    if not re.fullmatch('[A-Za-z0-9_+/-]+={0,2}', key):
        raise Invalid(EAB_OPTION, 'eab-hmac is not base64')
    return ExternalAccount(key_id, key.rstrip('=').replace('+', '-').replace('/', '_'))
