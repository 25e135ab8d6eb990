"""Keys of the CA in the mount: each has a number, and one that a lost hook made is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authority import Asked

if TYPE_CHECKING:
    from authority import State
    from options import Options
    from pki import Mount


def request(options: Options, mount: Mount, state: State) -> Asked:
    """A request for a key that no CA certificate is for; raises `errors.Failure`."""
    keys, wanted = mount.keys(), options.ca
    number = _highest(options, keys)
    name = _name(options, number)
    orphan = keys.get(name)
    if orphan and not state.knows_key(orphan):
        return Asked(mount.request(orphan, wanted), orphan, name, wanted.fingerprint)
    name = _name(options, number + 1)
    key, csr = mount.generate(name, wanted)
    return Asked(csr, key, name, wanted.fingerprint)


def last(options: Options, mount: Mount) -> str:
    """The name that was given last; empty: none. Raises `errors.Failure`."""
    number = _highest(options, mount.keys())
    return _name(options, number) if number else ''


def following(options: Options, mount: Mount) -> str:
    """A name that is free; raises `errors.Failure`."""
    return _name(options, _highest(options, mount.keys()) + 1)


def _highest(options: Options, names: dict[str, str]) -> int:
    prefix = _name(options, 0).removesuffix('0')
    ends = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
    return max((int(end) for end in ends if end.isascii() and end.isdigit()), default=0)


def _name(options: Options, number: int) -> str:
    return f'{options.role}-{options.ca.key_algorithm}-{number}'
