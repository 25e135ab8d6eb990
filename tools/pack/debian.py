"""A program from the distribution's archive, in place of one that a part would download.

For trials where the download is out of reach: of the right architecture, but another build and
mostly an older version. Artifacts with it are marked.
"""

from __future__ import annotations

import fcntl
import os
import pathlib
import shutil
import subprocess
import tempfile

from .failure import Failure, one_line

PROGRAMS = {'lego': ('lego', 'usr/bin/lego', 'usr/share/doc/lego/copyright')}
"""By name of the part: the package, the program in it, and what its licence is in."""


def folder(part: str, architecture: str, cache: pathlib.Path) -> pathlib.Path:
    """A folder with a program and its LICENSE, as a part's download has them.

    Fetched once and kept below the cache folder. Raises Failure where the archive lacks it, or
    where this machine has none.
    """
    if part not in PROGRAMS:
        raise Failure(f'part {part}: no package of the distribution stands in for its download')
    package, program, licence = PROGRAMS[part]
    made = cache / f'{package}-{architecture}'
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f'{package}-{architecture}.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if made.is_dir():
            return made
        with tempfile.TemporaryDirectory(prefix='pack-', dir=cache) as name:
            work = pathlib.Path(name)
            download(package, architecture, work)
            result = work / 'result'
            result.mkdir()
            shutil.copyfile(work / 'tree' / program, result / part)
            (result / part).chmod(0o755)
            shutil.copyfile(work / 'tree' / licence, result / 'LICENSE')
            result.rename(made)
    return made


def download(package: str, architecture: str, work: pathlib.Path) -> None:
    """Unpack a package of an architecture into `work/tree`, with lists of its own."""
    apt = shutil.which('apt-get')
    if apt is None or shutil.which('dpkg-deb') is None:
        raise Failure(f'{package}: no apt here; give a folder (--source {package}=FOLDER)')
    for name in ('lists/partial', 'cache/archives/partial', 'tree'):
        (work / name).mkdir(parents=True)
    options = [
        f'APT::Architecture={architecture}', f'APT::Architectures={architecture}',
        f'Dir::State::lists={work}/lists', 'Dir::State::status=/dev/null',
        f'Dir::Cache={work}/cache', 'APT::Sandbox::User=',
    ]  # fmt: skip
    flags = [flag for option in options for flag in ('-o', option)]
    run([apt, '-qq', *flags, 'update'], work, package)
    run([apt, '-qq', *flags, 'download', package], work, package)
    [archive] = work.glob(f'{package}_*.deb')
    run(['dpkg-deb', '-x', str(archive), str(work / 'tree')], work, package)


def run(command: list[str], work: pathlib.Path, what: str) -> None:
    """Run a command in a folder. Raises Failure with what it wrote last."""
    done = subprocess.run(
        command,
        cwd=work,
        env={**os.environ, 'LC_ALL': 'C'},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = one_line(done.stderr or done.stdout)
        raise Failure(f'{what} cannot be had from the archive: {reason}')
