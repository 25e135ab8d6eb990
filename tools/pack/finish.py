"""From an artifact of charmcraft to one that is checked, and whose bytes depend on its content.

charmcraft checks less than `verify`, and writes the time of the build into the manifest and into
every entry of the zip.
"""

from __future__ import annotations

import pathlib
import re
import tempfile
import time
import zipfile

from . import archive, install, metadata, verify
from .failure import Failure, one_line
from .target import Target, named

# What charmcraft's build is mounted on or works in, in LXD.
LXD_PATHS = ('/root/parts', '/root/prime', '/root/project', '/root/stage')
STARTED = re.compile(r'^charmcraft-started-at: .*$', re.MULTILINE)
NAME = re.compile(r'(?P<charm>[a-z0-9-]+)_(?P<base>[a-z]+@[\d.]+)-(?P<architecture>[a-z0-9]+)')


def target_of(path: pathlib.Path) -> Target:
    """What an artifact is for, by the name that charmcraft gave it.

    Raises Failure for another name, or a base that cannot be packed for.
    """
    found = NAME.fullmatch(path.stem)
    if path.suffix != '.charm' or found is None:
        raise Failure(f'{path.name}: must be named CHARM_ubuntu@24.04-amd64.charm or the like')
    return named(found['base'], found['architecture'])


def finish(
    path: pathlib.Path, charm: pathlib.Path, into: pathlib.Path, build_paths: tuple[str, ...] = ()
) -> pathlib.Path:
    """Check an artifact and write it to `into`, normalised, under its own name.

    Args:
        path: what charmcraft wrote; named NAME_BASE-ARCHITECTURE.charm.
        charm: the folder of the charm's source; its commit gives every file's time.
        into: a folder, made when absent; it may be the one that the artifact is in.
        build_paths: folders of this machine that no file may name; those of LXD are added.

    Raises Failure, one line, when it breaks a rule of `verify` or is no zip.

    """
    target, seconds = target_of(path), archive.source_time(charm)
    with tempfile.TemporaryDirectory(prefix='pack-') as name:
        work = pathlib.Path(name).resolve()
        tree = work / 'charm'
        unpack(path, tree)
        stamp(tree / 'manifest.yaml', seconds, path.name)
        left = verify.Tree(
            root=tree,
            target=target,
            charm=metadata.load(charm),
            build_paths=(*build_paths, *LXD_PATHS),
            byte_code=any(tree.rglob('*.pyc')),
            packages=install.import_names(install.local_packages(charm)),
        )
        verify.check(left, path.name)
        archive.write(tree, work / path.name, seconds)
        archive.place(work / path.name, into / path.name)
    return into / path.name


def unpack(path: pathlib.Path, tree: pathlib.Path) -> None:
    """Write the files of a zip with their modes; links are refused."""
    try:
        with zipfile.ZipFile(path) as packed:
            for entry in packed.infolist():
                if entry.is_dir():
                    continue
                mode = entry.external_attr >> 16
                if (mode & 0o170000) == 0o120000:
                    raise Failure(f'{path.name}: {entry.filename} is a symbolic link')
                written = pathlib.Path(packed.extract(entry, tree))
                written.chmod(0o755 if mode & 0o100 else 0o644)
    except archive.UNREADABLE as error:
        raise Failure(f'{path.name} is no artifact: {one_line(str(error))}') from None


def stamp(manifest: pathlib.Path, seconds: int, what: str) -> None:
    """Put a fixed time into a manifest. Raises Failure where it has no line for it."""
    started = time.strftime('%Y-%m-%dT%H:%M:%S+00:00', time.gmtime(seconds))
    try:
        text = manifest.read_text(encoding='utf-8') if manifest.is_file() else ''
    except UnicodeDecodeError as error:
        raise Failure(f'{what}: manifest.yaml is no text: {error}') from None
    text, count = STARTED.subn(f"charmcraft-started-at: '{started}'", text)
    if count != 1:
        raise Failure(f'{what}: manifest.yaml is missing or has no charmcraft-started-at')
    manifest.write_text(text, encoding='utf-8')
