"""Make sure that programs are there: install their packages through apt where it is, else say how.

Usage: `programs.py openssl certtool ...`
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

PACKAGES = {
    'openssl': 'openssl',
    'certtool': 'gnutls-bin',
    'certutil': 'libnss3-tools',
    'lego': 'lego',
    'pebble': 'pebble',
    'named': 'bind9',
    'faketime': 'faketime',
    'curl': 'curl',
    'haproxy': 'haproxy',
}
"""Debian and Ubuntu package of each program that tests and demos call."""
POLICY = pathlib.Path('/usr/sbin/policy-rc.d')
"""Asked by packages before they start a service; see invoke-rc.d(8)."""


def main(programs: list[str]) -> int:
    """0 when every program is there now."""
    missing = [program for program in programs if not is_there(program)]
    if not missing:
        return 0
    packages = sorted({PACKAGES.get(program, program) for program in missing})
    how = f'install {", ".join(missing)} (Debian, Ubuntu: apt install {" ".join(packages)})'
    apt = shutil.which('apt-get')
    if apt is None or os.geteuid() != 0:
        print(f'programs: {how}', file=sys.stderr)
        return 1
    print(f'installing {" ".join(packages)}', flush=True)
    with without_services():
        reason = install(apt, packages)
    if reason:
        print(f'programs: {reason}\n{how}', file=sys.stderr)
        return 1
    still = [program for program in missing if not is_there(program)]
    if still:
        print(f'programs: {" ".join(still)} is still missing; {how}', file=sys.stderr)
    return len(still)


def is_there(program: str) -> bool:
    """Whether a program is on PATH, or where Debian keeps servers."""
    path = os.environ.get('PATH', os.defpath)
    if program in {'haproxy', 'named'}:
        path = os.pathsep.join([path, '/usr/sbin'])
    return shutil.which(program, path=path) is not None


def install(apt: str, packages: list[str]) -> str:
    """Install packages; why it failed, or an empty text."""
    environment = {**os.environ, 'DEBIAN_FRONTEND': 'noninteractive'}
    for arguments in (['update'], ['install', '--yes', '--no-install-recommends', *packages]):
        done = subprocess.run(
            [apt, '-qq', *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return f'apt-get {arguments[0]} failed: {(done.stderr or done.stdout).strip()}'
    return ''


@contextlib.contextmanager
def without_services() -> Generator[None]:
    """Packages start no service meanwhile: a test wants the program, not a server of the machine.

    Where the machine has a policy of its own, that one counts.
    """
    is_ours = not POLICY.exists()
    if is_ours:
        POLICY.write_text('#!/bin/sh\nexit 101\n', encoding='ascii')
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if is_ours:
            POLICY.unlink(missing_ok=True)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
