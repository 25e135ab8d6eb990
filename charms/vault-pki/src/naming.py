"""What a mount holds of this application: keys and issuers bear the name of its role.

Several applications may share a mount, each with a role of its own. None takes the CA of another.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from options import KEY_ALGORITHMS

if TYPE_CHECKING:
    from collections.abc import Callable

    from options import Options
    from pki import Issuer, Mount
    from tls_provider import x509

_NAME = re.compile(rf'(.+)-(?:(?:{"|".join(KEY_ALGORITHMS)})-\d+|[0-9a-f]{{16}})', re.ASCII)


def key(options: Options, number: int) -> str:
    """The name of a key, and of a root."""
    return f'{options.role}-{options.ca.key_algorithm}-{number}'


def issuer(options: Options, certificate: x509.Certificate) -> str:
    """The name of a CA that has none from its key."""
    return f'{options.role}-{certificate.fingerprint[:16]}'


def number(options: Options, name: str) -> int:
    """The number in a name of a key; 0: it is another key's."""
    end = name.removeprefix(key(options, 0).removesuffix('0'))
    return int(end) if end != name and end.isascii() and end.isdigit() else 0


def role_of(name: str) -> str:
    """The role of the application that gave a name; empty: somebody else gave it."""
    match = _NAME.fullmatch(name)
    return match[1] if match else ''


def is_of_another(options: Options, name: str) -> bool:
    """Whether a name is of another application."""
    return role_of(name) not in {'', options.role}


def own(options: Options, mount: Mount, is_wanted: Callable[[Issuer], bool]) -> list[Issuer]:
    """The CAs that are this application's and are wanted; raises `errors.Failure`.

    Those with a name of this application's; where there are none, the mount's default, unless
    another application has made it.
    """
    names = [name for name in mount.issuers().values() if role_of(name) == options.role]
    found = [one for name in names if (one := mount.issuer(name)) and is_wanted(one)]
    if found:
        return found
    default = mount.issuer()
    is_own = default is not None and not is_of_another(options, default.name)
    return [default] if default and is_own and is_wanted(default) else []
