"""Keys of the CA in the mount: each has a number, and one that a lost hook made is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import naming
from authority import Asked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authority import State
    from options import Options
    from pki import Mount


def request(options: Options, mount: Mount, state: State, spoilt: str = '') -> Asked:
    """A request for a key that no CA certificate is for, and never was; raises `errors.Failure`.

    Args:
        options: What the CA is to be.
        mount: Where the keys are.
        state: What is known of them.
        spoilt: The id of a key that is not to be used.

    """
    if found := forgotten(options, mount, state, spoilt):
        return found
    key, csr = mount.generate(following(options, mount), options.ca)
    return Asked(csr, key, options.ca.fingerprint)


def forgotten(options: Options, mount: Mount, state: State, spoilt: str = '') -> Asked | None:
    """A request for the key that was made last, if it has no use; raises `errors.Failure`."""
    keys, issuers = mount.keys(), mount.issuers()
    orphan = keys.get(naming.key(options, _highest(options, [*keys, *issuers.values()])))
    if orphan is None or orphan == spoilt or state.knows_key(orphan):
        return None
    own = [one for one, name in issuers.items() if naming.role_of(name) in {'', options.role}]
    if any((found := mount.issuer(one)) and found.key == orphan for one in own):
        return None
    return Asked(mount.request(orphan, options.ca), orphan, options.ca.fingerprint)


def last(options: Options, mount: Mount) -> str:
    """The name that was given last; empty: none. Raises `errors.Failure`."""
    number = _highest(options, [*mount.keys(), *mount.issuers().values()])
    return naming.key(options, number) if number else ''


def following(options: Options, mount: Mount) -> str:
    """A name that is free; raises `errors.Failure`."""
    names = [*mount.keys(), *mount.issuers().values()]
    return naming.key(options, _highest(options, names) + 1)


def _highest(options: Options, names: Iterable[str]) -> int:
    return max((naming.number(options, name) for name in names), default=0)
