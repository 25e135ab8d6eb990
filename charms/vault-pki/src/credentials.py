"""How to log in: the operator's secret or what `authorize` made, checked before it is used."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
import re
from typing import TYPE_CHECKING

from tls_provider import options, x509
from tls_provider.options import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

OPTION = 'credentials-secret-id'
METHODS: Mapping[str, tuple[str, ...]] = {
    'approle': ('role-id', 'secret-id'),
    'token': ('token',),
    'jwt': ('jwt',),
    'kubernetes': (),
}
"""Ways to log in, and the keys that the operator's secret must have for each."""
SERVICE_ACCOUNT = pathlib.Path('/var/run/secrets/kubernetes.io/serviceaccount/token')
"""Where Kubernetes puts the token of the pod's service account."""
PATH = re.compile('[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*')
"""Of a mount: no segment begins with a dot."""
_SENT = re.compile('[!-~]+')


@dataclasses.dataclass(frozen=True)
class Login:
    """A way to get a token, or a token."""

    method: str
    """One of `METHODS`."""
    mount: str
    """Of the authentication method."""
    role: str = ''
    """For `jwt` and `kubernetes`."""
    values: Mapping[str, str] = dataclasses.field(
        default_factory=dict[str, str], repr=False, hash=False
    )
    """By the keys of `METHODS`."""

    @property
    def fingerprint(self) -> str:
        """Changes with anything in it, and tells nothing of it."""
        text = f'{self.method} {self.mount} {self.role} {sorted(self.values.items())}'
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def login(
    config: Mapping[str, object],
    load: Callable[[str, str], Mapping[str, str]],
    stored: Mapping[str, str],
) -> Login | None:
    """The way to log in that the options and secrets say; None: the charm is not authorised.

    Raises `Invalid`.
    """
    method = options.text(config, 'auth-method', 'approle').lower()
    if method not in METHODS:
        shown, known = x509.printable(method, 20), ', '.join(METHODS)
        raise Invalid('auth-method', f'"{shown}" is none of {known}')
    mount = options.text(config, 'auth-mount', method).strip('/')
    if not PATH.fullmatch(mount):
        raise Invalid('auth-mount', f'"{x509.printable(mount, 40)}" is no path of a mount')
    role = options.text(config, 'auth-role')
    if method in {'jwt', 'kubernetes'} and not re.fullmatch('[A-Za-z0-9._-]+', role):
        raise Invalid('auth-role', f'is not set or no name; {method} needs the name of a role')
    if method == 'kubernetes':
        return Login(method, mount, role, {'jwt': _service_account()})
    identifier = options.text(config, OPTION)
    if identifier:
        content = load(OPTION, identifier)
    elif method == 'approle' and stored:
        content, mount = stored, stored.get('mount', mount)
    elif method == 'approle':
        return None
    else:
        keys = ', '.join(METHODS[method])
        raise Invalid(OPTION, f'is not set; auth-method={method} needs a secret with {keys}')
    return Login(method, mount, role, values(content, METHODS[method]))


def values(content: Mapping[str, str], keys: tuple[str, ...]) -> dict[str, str]:
    """These keys of an operator's secret, without the blanks that files end with.

    Raises `Invalid`, which never shows a value.
    """
    found = {key: content.get(key, '').strip() for key in keys}
    if lacking := [key for key, value in found.items() if not value]:
        raise Invalid(OPTION, f'the secret lacks {", ".join(lacking)}')
    for key, value in found.items():
        if not _SENT.fullmatch(value):
            raise Invalid(OPTION, f'key {key} holds characters that no credential has')
    return found


def _service_account() -> str:
    try:
        return SERVICE_ACCOUNT.read_text(encoding='ascii').strip()
    except (OSError, UnicodeDecodeError):
        problem = 'kubernetes needs a token of a service account, and this unit has none'
        raise Invalid('auth-method', problem) from None
