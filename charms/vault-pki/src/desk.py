"""What an operator does by actions that only this charm has: parameters in, results out."""

from __future__ import annotations

import base64
import binascii
import dataclasses
from typing import TYPE_CHECKING, Any

import access
import authorize as setting_up
import credentials
import options
from connection import Connection
from credentials import Login
from pki import Mount
from tls_provider import x509
from tls_provider.options import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from upkeep import Upkeep


NOT_AUTHORISED = (
    'not authorised: run authorize with the token of an administrator, '
    'or set credentials-secret-id'
)


class Failed(Exception):
    """An action cannot be carried out; the message says why and what to do."""


def mount(wanted: options.Options, login: Login) -> Mount:
    """The mount of the options, by a connection that is not open yet."""
    allowed = access.Policy(wanted.mount, wanted.role, wanted.manages_mount)
    return Mount(Connection(wanted.server, login, allowed), wanted.mount)


def policy(config: Mapping[str, object], owner: str) -> access.Policy:
    """What the charm may do, by its options; raises `Invalid`."""
    return access.Policy(
        options.mount(config), options.role(config), options.manages_mount(config), owner
    )


@dataclasses.dataclass(frozen=True)
class Desk:
    """What work is done with."""

    config: Mapping[str, object]
    load: Callable[[str, str], Mapping[str, str]]
    """Gives an operator's secret by the option or parameter that names it, and its identifier."""
    prepare: Callable[[], Upkeep]
    """Gives what works on the server; raises `Invalid` or `Failed`."""
    owner: str
    """Names the application among all that may use the server."""

    def upkeep(self) -> Upkeep:
        """What keeps an intermediate CA; raises `Failed` where there is none to keep."""
        upkeep = self.prepare()
        if not upkeep.options.manages_mount:
            raise Failed(
                'option manage-mount: is false; whoever keeps the mount has its CA signed'
            )
        if upkeep.options.ca.is_root:
            raise Failed('option ca-type: is root; such a CA signs itself')
        return upkeep


@dataclasses.dataclass(frozen=True)
class Done:
    """What work came to."""

    results: Mapping[str, str]
    """A `result` says that something has changed."""
    credentials: dict[str, str] = dataclasses.field(default_factory=dict[str, str], repr=False)
    """To log in with from now on; empty: as before."""


def authorize(desk: Desk, params: Mapping[str, Any]) -> Done:
    """Set everything up with the `token` of a secret, which is used here and nowhere else.

    Raises `Invalid`, `Failed` or `errors.Failure`, as all do.
    """
    config = desk.config
    if options.options.text(config, 'auth-method', 'approle').lower() != 'approle':
        raise Failed('option auth-method: authorize makes an AppRole; set it to approle first')
    if options.options.text(config, credentials.OPTION):
        raise Failed(f'option {credentials.OPTION}: is set and would be used instead; unset it')
    wanted = options.parse(config, desk.load, {})
    identifier = str(params['secret-id']).strip()
    if not identifier:
        raise Failed('parameter secret-id: is empty; give the id that juju add-secret shows')
    try:
        token = credentials.values(desk.load('secret-id', identifier), ('token',))
    except Invalid as error:
        message = str(error).replace(f'option {credentials.OPTION}', 'option secret-id')
        raise Failed(message.replace('option', 'parameter', 1)) from None
    place = mount(wanted, Login('token', 'token', '', token))
    auth_mount = options.options.text(config, 'auth-mount', 'approle').strip('/')
    try:
        made = setting_up.authorize(place, policy(config, desk.owner), wanted.ca, auth_mount)
    finally:
        place.connection.close()
    return Done({'result': 'Charm authorized successfully. You may now remove the secret.'}, made)


def show_policy(desk: Desk, _: Mapping[str, Any]) -> Done:
    """The policy as it is for the options, and the name that `authorize` gives it."""
    found = policy(desk.config, desk.owner)
    return Done({'policy': found.text, 'name': found.name})


def ca_request(desk: Desk, params: Mapping[str, Any]) -> Done:
    """The request for a CA certificate, as PEM; for another one than that in force by `renew`."""
    renews = bool(params.get('renew', False))
    return Done({'csr': desk.upkeep().prepared_request(renews=renews)})


def take(desk: Desk, params: Mapping[str, Any]) -> Done:
    """Put a CA certificate that was signed elsewhere in force."""
    upkeep = desk.upkeep()
    found: list[x509.Certificate] = []
    for name in ('certificate', 'ca-certificate', 'ca-chain'):
        if text := str(params.get(name, '')).strip():
            found += _certificates(name, text)
    if not found:
        raise Failed('parameter certificate: holds nothing')
    upkeep.provided(found[0], tuple(found[1:]))
    end = f'{found[0].not_after:%Y-%m-%d %H:%M} UTC'
    return Done({'result': f'The CA certificate is in force until {end}.'})


WORK: Mapping[str, Callable[[Desk, Mapping[str, Any]], Done]] = {
    'authorize': authorize,
    'get_policy': show_policy,
    'get_ca_csr': ca_request,
    'provide_ca_certificate': take,
}
"""By the names of actions."""


def _certificates(name: str, text: str) -> tuple[x509.Certificate, ...]:
    """From PEM, or from base64 of it, which the shell carries more easily."""
    try:
        if '-----BEGIN' not in text:
            text = base64.b64decode(''.join(text.split()), validate=True).decode('ascii')
        return x509.parse_certificates(text)
    except (binascii.Error, ValueError, x509.Malformed):
        raise Failed(f'parameter {name}: is no certificate in PEM, or base64 of it') from None
