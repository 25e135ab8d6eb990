"""From a charm's folder to a checked artifact."""

from __future__ import annotations

import pathlib
import shutil
import tempfile
import time
from typing import TYPE_CHECKING

from . import archive, byte_code, cache, install, metadata, parts, verify
from . import debian as distribution
from .artifact import Artifact, described
from .failure import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .target import Target

DISPATCH = pathlib.Path(__file__).parent / 'dispatch.sh'


def build(
    folder: pathlib.Path,
    target: Target,
    into: pathlib.Path,
    *,
    cache_folder: pathlib.Path | None = None,
    sources: Mapping[str, pathlib.Path] | None = None,
    debian: pathlib.Path | None = None,
) -> Artifact:
    """Pack the charm in a folder for a target, as a file in `into`, which is made when absent.

    With a cache folder an artifact made from the same inputs is taken from there; it may be shared
    by processes that run at the same time, as may `into`. `sources` gives folders in place of what
    parts would download; with `debian`, the folder of a cache, programs of the distribution take
    the place of the others. Neither is a release: the artifact's name and `version` file say it.

    Raises Failure, one line, when the charm cannot be packed or breaks a rule of `verify`.
    """
    start = time.monotonic()
    charm = metadata.load(folder.resolve())
    given = dict(sources or {})
    refuse(charm, target, given)
    mark = ''.join(f'+local-{name}' for name in sorted(given))
    if debian:
        for name in sorted(set(charm.downloads) - given.keys()):
            given[name] = distribution.folder(name, target.architecture, debian)
            mark += f'+debian-{name}'
    seconds = archive.source_time(charm.folder)
    path = into.resolve() / f'{charm.name}_{target.label}{mark}.charm'
    label = f'{path.stem}_{target.python}'  # the host's Python is not in the file's name
    digest = cache.key(charm, target, given, seconds) if cache_folder else ''
    if cache_folder is None or not cache.fetch(cache_folder, label, digest, path):
        with tempfile.TemporaryDirectory(prefix='pack-') as name:
            work = pathlib.Path(name).resolve()
            fill(charm, target, given, work, seconds)
            if mark:
                (work / 'charm' / 'version').write_text(f'{mark}\n', encoding='utf-8')
            archive.write(work / 'charm', work / path.name, seconds)
            archive.place(work / path.name, path)
            if cache_folder:
                cache.store(cache_folder, label, digest, work / path.name)
    return described(path, charm.name, target, time.monotonic() - start)


def refuse(charm: metadata.Charm, target: Target, given: Mapping[str, pathlib.Path]) -> None:
    """Raise Failure when a charm is not for a target, or has no part to give a source for."""
    platform = f'{target.base}:{target.architecture}'
    if target.distribution == 'ubuntu' and platform not in charm.platforms:
        raise Failure(f'{charm.name} does not list {platform} in its platforms')
    if unknown := given.keys() - {part.name for part in charm.parts}:
        raise Failure(f'{charm.name} has no part {", ".join(sorted(unknown))}')


def fill(
    charm: metadata.Charm,
    target: Target,
    given: Mapping[str, pathlib.Path],
    work: pathlib.Path,
    seconds: int,
) -> None:
    """Write a charm's whole tree to `work/charm` and check it."""
    tree = work / 'charm'
    local = install.local_packages(charm.folder)
    found = [parts.files(part, parts.source(part, charm.folder, given)) for part in charm.parts]
    compiled = stage(charm, target, tree, work)
    for files in found:
        parts.copy(files, tree)
    describe(charm, target, tree, seconds)
    made = verify.Tree(
        root=tree,
        target=target,
        charm=charm,
        build_paths=tuple(str(path) for path in (work, charm.folder, *local)),
        byte_code=compiled,
        packages=install.import_names(local),
    )
    verify.check(made, f'{charm.name} for {target.label}')


def stage(charm: metadata.Charm, target: Target, tree: pathlib.Path, work: pathlib.Path) -> bool:
    """Write what the charm's own part installs: venv, modules, dispatch. True with byte code.

    This is the recipe that a `nil` part's script calls too, so that every engine installs alike.
    """
    tree.mkdir(parents=True, exist_ok=True)
    install.modules(charm.folder, tree)
    install.packages(charm.folder, target, tree, work)
    compiled = byte_code.make(target, tree)
    for name in cache.SHIPPED:
        if (charm.folder / name).is_file():
            shutil.copyfile(charm.folder / name, tree / name)
    dispatch = tree / 'dispatch'
    shutil.copyfile(DISPATCH, dispatch)
    dispatch.chmod(0o755)
    return compiled


def describe(charm: metadata.Charm, target: Target, tree: pathlib.Path, seconds: int) -> None:
    """Write the files for Juju, which charmcraft would write itself."""
    texts = {**charm.files, 'manifest.yaml': metadata.manifest(target, seconds)}
    for name, text in texts.items():
        if text:
            (tree / name).write_text(text, encoding='utf-8')
