"""The real charmcraft, from its lock, without LXD: in a pristine copy of the repository.

charmcraft builds on the host only where that is the charm's base, so it is shown an os-release
file of the base. That steps round a check of its own; `finish` makes up for it. A pristine copy,
because charmcraft's work folders and earlier artifacts would otherwise become part of the charm,
and a base's leftovers part of the next base's.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING

from . import finish, install, metadata
from .artifact import Artifact, described
from .failure import Failure, one_line
from .target import host_architecture, interpreter

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from .target import Target

SYSTEM_PYTHON = pathlib.Path('/usr/bin/python3')
CODENAMES = {'22.04': 'jammy', '24.04': 'noble'}
APT_MODULES = ('apt', 'apt_pkg.*.so', 'apt_inst.*.so')
# charmcraft's variables for credentials and stores have no place in a build; these it needs.
PASSED_ON = (
    'HOME', 'LANG', 'TERM', 'TMPDIR', 'XDG_CACHE_HOME', 'XDG_CONFIG_HOME',
    'http_proxy', 'https_proxy', 'no_proxy', 'SSL_CERT_FILE', 'SSL_CERT_DIR',
    # where pip, which the charm's part calls, gets wheels from
    'PIP_CACHE_DIR', 'PIP_CERT', 'PIP_CONFIG_FILE', 'PIP_EXTRA_INDEX_URL', 'PIP_FIND_LINKS',
    'PIP_INDEX_URL', 'PIP_NO_INDEX', 'PIP_PROXY', 'PIP_TRUSTED_HOST',
)  # fmt: skip


def obstacle(target: Target) -> str:
    """Why charmcraft cannot build for a target on this machine; empty when it can."""
    if target.architecture != host_architecture():
        return f'charmcraft builds for {target.architecture} on {target.architecture} only'
    if interpreter(target.python) is None:
        return f'no Python {target.python} here, which {target.base} has'
    return ''


def build(
    folder: pathlib.Path, target: Target, into: pathlib.Path, root: pathlib.Path
) -> Artifact:
    """Pack the charm in a folder below `root` for a target of this machine's architecture.

    Raises Failure, one line, when charmcraft fails or its artifact breaks a rule of `verify`.
    """
    start = time.monotonic()
    charm = metadata.load(folder.resolve())
    if reason := obstacle(target):
        raise Failure(f'{charm.name} for {target.label}: {reason}')
    venv = environment(root)
    with tempfile.TemporaryDirectory(prefix='pack-') as name:
        work = pathlib.Path(name).resolve()
        copy = work / 'repository'
        pristine_copy(root, copy)
        run_charmcraft(
            ['pack', '--destructive-mode', '--platform', f'{target.base}:{target.architecture}'],
            cwd=copy / charm.folder.relative_to(root),
            environ=surroundings(target, work, venv),
            what=f'{charm.name} for {target.label}',
        )
        made = copy / charm.folder.relative_to(root) / f'{charm.name}_{target.label}.charm'
        if not made.is_file():
            raise Failure(f'{charm.name}: charmcraft wrote no {made.name}')
        path = finish.finish(made, charm.folder, into.resolve(), (str(work), str(root)))
    return described(path, charm.name, target, time.monotonic() - start)


def run_charmcraft(
    arguments: Sequence[str], *, cwd: pathlib.Path, environ: dict[str, str], what: str
) -> None:
    """Run it quietly. Raises Failure with the end of what it wrote."""
    done = subprocess.run(
        ['charmcraft', *arguments],  # noqa: S607
        cwd=cwd,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if 'Warning' not in line]
        raise Failure(f'{what}: charmcraft: {one_line(" ".join(lines[-8:]))}')


def surroundings(target: Target, work: pathlib.Path, venv: pathlib.Path) -> dict[str, str]:
    """Environment of a build: the base's Python first on PATH, then charmcraft."""
    python = interpreter(target.python)
    if python is None:
        raise Failure(obstacle(target))
    programs = work / 'programs'
    programs.mkdir()
    # A script and no link, from which Python would not find its standard library.
    (programs / 'python3').write_text(
        f'#!/bin/sh\nexec {shlex.quote(str(python))} "$@"\n', encoding='utf-8'
    )
    (programs / 'python3').chmod(0o755)
    release = work / 'os-release'
    release.mkdir()
    (release / 'os-release').write_text(
        f'NAME="Ubuntu"\nID=ubuntu\nVERSION_ID="{target.channel}"\n'
        f'VERSION_CODENAME={CODENAMES[target.channel]}\nPRETTY_NAME="Ubuntu {target.channel}"\n',
        encoding='utf-8',
    )
    for name in ('data', 'state', 'runtime'):
        (work / name).mkdir(mode=0o700)
    return {
        **kept(),
        'PATH': os.pathsep.join([str(programs), str(venv / 'bin'), os.defpath, '/usr/sbin:/sbin']),
        'UNIXCONFDIR': str(release),
        'PYTHONWARNINGS': 'ignore',
        'XDG_DATA_HOME': str(work / 'data'),
        'XDG_STATE_HOME': str(work / 'state'),
        'XDG_RUNTIME_DIR': str(work / 'runtime'),
    }


def kept() -> dict[str, str]:
    """The variables that reach a build: who and where we are, and where wheels come from."""
    passed = {name: value for name, value in os.environ.items() if name in PASSED_ON}
    return {**passed, **install.uv_settings()}


def pristine_copy(root: pathlib.Path, into: pathlib.Path) -> None:
    """Copy the files of a checkout that git knows or would take, as they are now.

    Raises Failure where git cannot tell: without it, work folders would be copied too.
    """
    done = subprocess.run(
        ['git', '-C', str(root), 'ls-files', '-coz', '--exclude-standard'],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Failure(f'charmcraft needs a git checkout: {one_line(done.stderr)}')
    for name in filter(None, done.stdout.split('\0')):
        if (root / name).is_file():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, into / name, follow_symlinks=False)


def environment(root: pathlib.Path) -> pathlib.Path:
    """A virtual environment with charmcraft from its lock, made once; its folder.

    It is of the system's Python, because charmcraft talks to apt through modules that the
    distribution has for that one alone. They are linked: letting in all of the distribution's
    packages would replace some of charmcraft's own with older ones.

    Raises Failure when these modules are missing.
    """
    lock = root / 'requirements-charmcraft.lock'
    venv = root / '.tox' / 'charmcraft'
    mark = venv / 'made-from'
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    with locked(venv.with_suffix('.lock')):
        if not mark.is_file() or mark.read_text(encoding='utf-8') != wanted:
            make_environment(venv, lock)
            mark.write_text(wanted, encoding='utf-8')
    return venv


@contextlib.contextmanager
def locked(path: pathlib.Path) -> Generator[None]:
    """Keeps every other one who asks for the same file waiting, in any thread or process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make_environment(venv: pathlib.Path, lock: pathlib.Path) -> None:
    """Make it anew from a lock. Raises Failure when it cannot be installed."""
    found = apt_modules()
    failed = 'charmcraft cannot be installed'
    install.run_uv(
        'venv', '--quiet', '--clear', '--python', SYSTEM_PYTHON, venv,
        cwd=venv.parent, what=failed,
    )  # fmt: skip
    install.run_uv(
        'pip', 'install', '--quiet', '--python', venv, '--require-hashes',
        '--only-binary', ':all:', '--requirements', lock, cwd=venv.parent, what=failed,
    )  # fmt: skip
    [site] = venv.glob('lib/python3.*/site-packages')
    for path in found:
        (site / path.name).symlink_to(path)


def apt_modules() -> list[pathlib.Path]:
    """The distribution's modules for apt. Raises Failure, saying how to get them."""
    place = pathlib.Path('/usr/lib/python3/dist-packages')
    found = [next(iter(sorted(place.glob(pattern))), None) for pattern in APT_MODULES]
    if not SYSTEM_PYTHON.exists() or None in found:
        raise Failure(
            'charmcraft needs apt and its Python modules: apt install python3 python3-apt'
        )
    return [path for path in found if path is not None]
