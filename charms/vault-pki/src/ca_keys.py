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
    keys, wanted = mount.keys(), options.ca
    issuers = mount.issuers()
    number = _highest(options, [*keys, *issuers.values()])
    orphan = keys.get(naming.key(options, number))
    if orphan and orphan != spoilt and not state.knows_key(orphan):
        own = [one for one, name in issuers.items() if naming.role_of(name) in {'', options.role}]
        if all((found := mount.issuer(one)) is None or found.key != orphan for one in own):
            return Asked(mount.request(orphan, wanted), orphan, wanted.fingerprint)
    key, csr = mount.generate(naming.key(options, number + 1), wanted)
    return Asked(csr, key, wanted.fingerprint)


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
