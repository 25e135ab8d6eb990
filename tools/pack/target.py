"""What a charm is packed for: base, architecture, Python; and a Python that can compile for it."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import platform
import shutil
import sys
from typing import TYPE_CHECKING

from .failure import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Ubuntu's own Python and C library per base: what a unit has, so what wheels are chosen for.
UBUNTU = {'22.04': ('3.10', 35), '24.04': ('3.12', 39)}
MACHINES = {'amd64': 'x86_64', 'arm64': 'aarch64'}
# e_machine of an ELF header (System V ABI, processor supplements).
ELF_MACHINES = {'amd64': 62, 'arm64': 183}
# The manylinux_2_N platforms that uv knows by name; a host in between takes the next lower one.
GLIBC_KNOWN = (17, 28, *range(31, 41))


@dataclasses.dataclass(frozen=True)
class Target:
    """One base on one architecture."""

    distribution: str
    """As in the manifest: `ubuntu`."""
    channel: str
    """As in the manifest: `24.04`."""
    architecture: str
    """Juju's word: `amd64` or `arm64`."""
    python: str
    """Minor version of the base's interpreter: `3.12`."""
    glibc: int
    """N of the C library 2.N that wheels may need at most."""

    @property
    def base(self) -> str:
        """Base as in charmcraft.yaml: `ubuntu@24.04`."""
        return f'{self.distribution}@{self.channel}'

    @property
    def label(self) -> str:
        """The part of an artifact's name that tells targets apart: `ubuntu@24.04-amd64`."""
        return f'{self.base}-{self.architecture}'

    @property
    def machine(self) -> str:
        """The kernel's word for the architecture: `x86_64` or `aarch64`."""
        return MACHINES[self.architecture]

    @property
    def platform(self) -> str:
        """What uv calls the target: `x86_64-manylinux_2_39`."""
        return f'{self.machine}-manylinux_2_{self.glibc}'

    @property
    def site(self) -> str:
        """Where Python looks for packages, below the charm's folder."""
        return f'venv/lib/python{self.python}/site-packages'


def named(base: str = 'host', architecture: str | None = None) -> Target:
    """The target of a base (`host`, `ubuntu@24.04`) and architecture (none: this machine's).

    Raises Failure for a base or architecture that cannot be packed for.
    """
    here = host_architecture()
    architecture = architecture or here
    if architecture not in MACHINES:
        raise Failure(f'architecture {architecture}: use one of {", ".join(MACHINES)}')
    if base == 'host':
        if architecture != here:
            raise Failure(f'base host is {here}: name an ubuntu base to pack for {architecture}')
        return host()
    distribution, _, channel = base.partition('@')
    if distribution != 'ubuntu' or channel not in UBUNTU:
        known = ', '.join(f'ubuntu@{channel}' for channel in UBUNTU)
        raise Failure(f'base {base}: use host, or one of {known}')
    python, glibc = UBUNTU[channel]
    return Target(distribution, channel, architecture, python, glibc)


def host() -> Target:
    """The machine at hand and the interpreter that runs: for tests and demos, not for releases.

    Raises Failure where wheels for Linux with the GNU C library cannot run.
    """
    try:
        release = platform.freedesktop_os_release()
    except OSError as error:
        raise Failure(f'base host: no os-release file ({error}); name an ubuntu base') from None
    library, version = platform.libc_ver()
    major, _, minor = version.partition('.')
    if library != 'glibc' or major != '2' or not minor.isdigit():
        raise Failure(f'base host: C library {library} {version} is not glibc 2.x')
    known = [number for number in GLIBC_KNOWN if number <= int(minor)]
    if not known or 'VERSION_ID' not in release:
        raise Failure('base host: the system is too old, or has no VERSION_ID in os-release')
    return Target(
        distribution=release['ID'],
        channel=release['VERSION_ID'],
        architecture=host_architecture(),
        python=f'{sys.version_info.major}.{sys.version_info.minor}',
        glibc=known[-1],
    )


def of_this_python(architecture: str | None = None) -> Target:
    """The ubuntu base whose Python is the one that runs; architecture (none: this machine's).

    Raises Failure when no base has it.
    """
    here = f'{sys.version_info.major}.{sys.version_info.minor}'
    for channel, (python, _) in UBUNTU.items():
        if python == here:
            return named(f'ubuntu@{channel}', architecture)
    raise Failure(f'Python {here} belongs to none of the bases {", ".join(UBUNTU)}')


def host_architecture() -> str:
    """The machine's architecture in Juju's words. Raises Failure when it is neither of ours."""
    for name, machine in MACHINES.items():
        if platform.machine() == machine:
            return name
    raise Failure(f'this machine is {platform.machine()}: pass --arch and an ubuntu base')


def interpreter(python: str, environ: Mapping[str, str] = os.environ) -> pathlib.Path | None:
    """An interpreter of a minor version, or None when this machine has none.

    Looked for in this order: the one that runs, PATH, pyenv's versions (newest patch first).
    Shims do not count: they are scripts that choose another version by the folder they run in.
    """
    if python == f'{sys.version_info.major}.{sys.version_info.minor}':
        return pathlib.Path(sys.executable)
    return next((path for path in candidates(python, environ) if is_binary(path)), None)


def candidates(python: str, environ: Mapping[str, str]) -> Iterator[pathlib.Path]:
    """Paths at which an interpreter of a minor version may be."""
    for folder in environ.get('PATH', os.defpath).split(os.pathsep):
        if found := shutil.which(f'python{python}', path=folder):
            yield pathlib.Path(found)
    pyenv = environ.get('PYENV_ROOT') or str(pathlib.Path(environ.get('HOME', '/'), '.pyenv'))
    versions = pathlib.Path(pyenv, 'versions').glob(f'{python}.*')
    for folder in sorted(versions, key=lambda path: (len(path.name), path.name), reverse=True):
        yield folder / 'bin' / f'python{python}'


def is_binary(path: pathlib.Path) -> bool:
    """Whether a path is an executable that is no script."""
    if not os.access(path, os.X_OK) or not path.is_file():
        return False
    with path.open('rb') as file:
        return file.read(4) == b'\x7fELF'
