"""Make sure that programs are there: install their packages through apt where it is, else say how.

Usage: `programs.py openssl certtool ...`
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

PACKAGES = {'openssl': 'openssl', 'certtool': 'gnutls-bin', 'certutil': 'libnss3-tools'}
"""Debian and Ubuntu package of each program that tests and demos call."""


def main(programs: list[str]) -> int:
    """0 when every program is there now."""
    missing = [program for program in programs if shutil.which(program) is None]
    if not missing:
        return 0
    packages = sorted({PACKAGES.get(program, program) for program in missing})
    how = f'install {", ".join(missing)} (Debian, Ubuntu: apt install {" ".join(packages)})'
    apt = shutil.which('apt-get')
    if apt is None or os.geteuid() != 0:
        print(f'programs: {how}', file=sys.stderr)
        return 1
    print(f'installing {" ".join(packages)}', flush=True)
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
            reason = (done.stderr or done.stdout).strip()
            print(f'programs: apt-get {arguments[0]} failed: {reason}\n{how}', file=sys.stderr)
            return 1
    still = [program for program in missing if shutil.which(program) is None]
    if still:
        print(f'programs: {" ".join(still)} is still missing; {how}', file=sys.stderr)
    return len(still)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
