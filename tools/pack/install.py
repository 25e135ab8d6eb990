"""The charm's Python: locked dependencies, packages of the repository, its modules.

Nothing is resolved here. `requirements.lock` names every wheel by hash, uv only chooses among them
by the target's tags, so that no interpreter of the target is needed.
"""

from __future__ import annotations

import csv
import importlib
import os
import shutil
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, cast

from . import parts
from .failure import Failure, one_line

if TYPE_CHECKING:
    import pathlib

    from .target import Target

_FIRST_READING = threading.Lock()
# What editors, merges and patches leave beside a file.
LEFTOVERS = ('*~', '#*#', '*.bak', '*.orig', '*.rej', '*.sw[nop]', '*.tmp')
# What uv leaves beside a distribution: build paths and times of this machine.
LEFT_BY_UV = frozenset({'uv_cache.json', 'uv_build.json', 'direct_url.json'})
# Settings of uv that tell where wheels come from; no other one reaches a build.
INDEX_SETTINGS = (
    'UV_INDEX', 'UV_DEFAULT_INDEX', 'UV_EXTRA_INDEX', 'UV_CACHE_DIR', 'UV_OFFLINE', 'UV_HTTP',
    'UV_CONFIG_FILE', 'UV_KEYRING', 'UV_NATIVE_TLS', 'UV_SYSTEM_CERTS',
)  # fmt: skip


def local_packages(charm: pathlib.Path) -> tuple[pathlib.Path, ...]:
    """Folders of the packages of this repository that a charm ships, absolute.

    They are the dependency group `local` (PEP 735) of its pyproject.toml, each with a path in
    `[tool.uv.sources]`. Raises Failure for a file that cannot be read or a name without a path.
    """
    # The standard library has a TOML reader from Python 3.11; before, pytest brings this one.
    toml = importlib.import_module('tomllib' if sys.version_info >= (3, 11) else 'tomli')
    where = f'{charm.name}/pyproject.toml'
    try:
        content: object = toml.loads((charm / 'pyproject.toml').read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise Failure(f'{where} cannot be read: {one_line(str(error))}') from None
    try:
        tables = parts.mapping(content, 'the file')
        groups = parts.mapping(tables.get('dependency-groups', {}), 'dependency-groups')
        tool = parts.mapping(tables.get('tool', {}), 'tool')
        uv = parts.mapping(tool.get('uv', {}), 'tool.uv')
        paths = parts.mapping(uv.get('sources', {}), 'tool.uv.sources')
        listed = groups.get('local', [])
        if not isinstance(listed, list):
            raise Failure('dependency-groups: local must be a list of names')
        names = cast('list[object]', listed)
        return tuple(local_package(charm, str(name), paths) for name in names)
    except Failure as error:
        raise Failure(f'{where}: {error}') from None


def local_package(charm: pathlib.Path, name: str, paths: dict[str, object]) -> pathlib.Path:
    """Folder of one package of the group `local`."""
    path = parts.mapping(paths.get(name, {}), f'source {name}').get('path')
    if not isinstance(path, str):
        raise Failure(f'{name} is in the group local: give its path in [tool.uv.sources]')
    folder = (charm / path).resolve()
    if not (folder / 'pyproject.toml').is_file():
        raise Failure(f'{name}: {path} holds no pyproject.toml')
    return folder


def import_names(folders: tuple[pathlib.Path, ...]) -> tuple[str, ...]:
    """The names by which the packages in these folders are imported."""
    return tuple(
        sorted(path.parent.name for one in folders for path in one.glob('src/*/__init__.py'))
    )


def uv_bin() -> str:
    """Path of uv: the package's of this environment, else the one that runs us, or is on PATH."""
    try:
        # It reads sysconfig, whose first reading gives None for everything to other threads.
        with _FIRST_READING:
            return str(importlib.import_module('uv').find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = os.environ.get('UV') or shutil.which('uv')
    if found is None:
        raise Failure('uv is not installed: install it from requirements-test.lock')
    return found


def uv_settings() -> dict[str, str]:
    """The variables for uv that reach a build: where wheels come from, no download of a Python."""
    index = {name: value for name, value in os.environ.items() if name.startswith(INDEX_SETTINGS)}
    return {**index, 'UV_PYTHON_DOWNLOADS': 'never'}


def run_uv(*arguments: str | pathlib.Path, cwd: pathlib.Path, what: str) -> str:
    """Standard output of uv. Raises Failure with uv's own words.

    Settings that would change the choice of wheels or the files written are left out.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith('UV_')}
    done = subprocess.run(
        [uv_bin(), *map(str, arguments)],
        cwd=cwd,
        env={**kept, **uv_settings(), 'NO_COLOR': '1'},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Failure(f'{what}: {one_line(done.stderr)}')
    return done.stdout


def packages(charm: pathlib.Path, target: Target, tree: pathlib.Path, work: pathlib.Path) -> None:
    """Install the lock and the local packages below a tree's `venv`, cleaned; `work` is scratch.

    Raises Failure when the lock is missing, a hash is wrong, or the target has no wheel.
    """
    lock = charm / 'requirements.lock'
    if not lock.is_file():
        raise Failure(f'{charm.name}/requirements.lock is missing: write it with tools/lock.py')
    site = tree / target.site
    install = [
        'pip', 'install', '--quiet', '--python', sys.executable, '--target', site,
        '--link-mode', 'copy', '--only-binary', ':all:',
        '--python-version', target.python, '--python-platform', target.platform,
    ]  # fmt: skip
    run_uv(
        *install, '--require-hashes', '--requirements', lock, cwd=work,
        what=f'{charm.name}/requirements.lock cannot be installed for {target.label}',
    )  # fmt: skip
    # The real build backend decides what belongs to a local package. uv holds uv_build itself when
    # its own version is in the range that the package asks for: 0.1 s, nothing fetched, which
    # offline makes sure of. No cache: it looks at pyproject.toml alone and gives older builds.
    wheels = work / 'wheels'
    for folder in local_packages(charm):
        sources(folder)  # refuses what the backend would ship
        run_uv(
            'build', '--quiet', '--offline', '--no-cache', '--wheel', '--python', sys.executable,
            '--out-dir', wheels, folder,
            cwd=work, what=f'{folder.name} cannot be built by this uv alone',
        )  # fmt: skip
    if built := sorted(wheels.glob('*.whl')):
        run_uv(
            *install, '--no-deps', '--no-index', '--offline', '--no-cache', *built, cwd=work,
            what='local packages cannot be installed',
        )  # fmt: skip
    clean(site)


def clean(site: pathlib.Path) -> None:
    """Remove what the installation left of this machine, and its lines in the RECORD files.

    Console scripts go too: they name an interpreter that the unit does not have.
    """
    site.mkdir(parents=True, exist_ok=True)
    gone = [path for path in site.rglob('*') if path.is_file() and removable(path, site)]
    for path in gone:
        path.unlink()
    shutil.rmtree(site / 'bin', ignore_errors=True)
    for path in sorted(site.rglob('__pycache__')):
        shutil.rmtree(path)
    removed = {path.relative_to(site).as_posix() for path in gone}
    for record in site.glob('*.dist-info/RECORD'):
        with record.open(encoding='utf-8', newline='') as file:
            rows = sorted(row for row in csv.reader(file) if row and row[0] not in removed)
        with record.open('w', encoding='utf-8', newline='') as file:
            csv.writer(file, lineterminator='\n').writerows(rows)


def removable(path: pathlib.Path, site: pathlib.Path) -> bool:
    """Whether a file below site-packages is not shipped."""
    relative = path.relative_to(site)
    if relative.parts[0] == 'bin' or str(relative) == '.lock':
        return True
    return path.name in LEFT_BY_UV or path.suffix == '.pyc'


def modules(charm: pathlib.Path, tree: pathlib.Path) -> None:
    """Copy the charm's own modules. Raises Failure without src/charm.py."""
    if not (charm / 'src' / 'charm.py').is_file():
        raise Failure(f'{charm.name}/src/charm.py is missing')
    for name, path in sources(charm).items():
        into = tree / 'src' / name
        into.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, into)


def sources(package: pathlib.Path) -> dict[str, pathlib.Path]:
    """The files below the `src` of a charm or package, by their names there: what is shipped.

    Byte code is left out, it is made anew. Raises Failure for what got there by mistake: hidden
    files, what editors leave behind, and what is no file.
    """
    found: dict[str, pathlib.Path] = {}
    for path in sorted((package / 'src').rglob('*')):
        name = path.relative_to(package / 'src').as_posix()
        if '__pycache__' in path.parts or path.suffix == '.pyc':
            continue
        if path.name.startswith('.') or any(path.match(pattern) for pattern in LEFTOVERS):
            raise Failure(f'{package.name}/src/{name} is hidden or a leftover: delete it')
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise Failure(f'{package.name}/src/{name} is neither a file nor a folder: delete it')
        if path.is_file():
            found[name] = path
    return found
