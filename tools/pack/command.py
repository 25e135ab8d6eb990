"""The command line: which charms, for what, and the table of results."""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import pathlib
import sys
import tempfile
from typing import TYPE_CHECKING

from . import assemble, metadata
from .failure import Failure
from .target import UBUNTU, named

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ROW = '{:<28} {:<14} {:<6} {:>8} {:<64} {:>7} {}'


def main(arguments: Sequence[str] | None = None) -> int:
    """Pack what the arguments name; 0, or 1 with one line on stderr when one cannot be packed."""
    try:
        run(parser().parse_args(arguments))
    except (Failure, OSError, ModuleNotFoundError) as error:
        print(f'pack: {error}', file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """The options."""
    bases = ['host', *(f'ubuntu@{channel}' for channel in UBUNTU)]
    made = argparse.ArgumentParser(prog='pack', description='Pack charms without charmcraft.')
    made.add_argument(
        'charms', nargs='*', metavar='CHARM', help='folder or name; none: all in charms/'
    )
    made.add_argument('--base', default='host', help=f'one of {", ".join(bases)} (default: host)')
    made.add_argument('--arch', help='amd64 or arm64 (default: of this machine)')
    made.add_argument(
        '--into', type=pathlib.Path, default=pathlib.Path('dist'), help='default: dist'
    )
    made.add_argument('--cache', type=pathlib.Path, help='folder of artifacts to take again')
    made.add_argument(
        '--source', action='append', default=[], metavar='PART=FOLDER',
        help='a folder in place of what a part downloads; marks the artifact',
    )  # fmt: skip
    made.add_argument(
        '--stage', type=pathlib.Path, metavar='FOLDER',
        help='write the files of one charm\'s own part there and pack nothing',
    )  # fmt: skip
    return made


def run(options: argparse.Namespace) -> None:
    """Pack, one thread per processor; results are printed in the order asked for."""
    target = named(options.base, options.arch)
    folders = [find(name) for name in options.charms] or sorted(
        path.parent for path in (ROOT / 'charms').glob('*/charmcraft.yaml')
    )
    if not folders:
        raise Failure(f'no charm in {ROOT / "charms"}')
    if options.stage:
        if len(folders) != 1:
            raise Failure('--stage takes one charm')
        with tempfile.TemporaryDirectory(prefix='pack-') as work:
            charm = metadata.load(folders[0])
            assemble.stage(charm, target, options.stage.resolve(), pathlib.Path(work))
        return
    sources = dict(pair(text) for text in options.source)
    print(
        ROW.format('charm', 'base', 'arch', 'size', 'sha256', 'seconds', 'byte code'), flush=True
    )
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        futures = [
            pool.submit(
                assemble.build,
                folder,
                target,
                options.into,
                cache_folder=options.cache,
                sources=sources,
            )
            for folder in folders
        ]
        try:
            for future in futures:
                print(row(future.result()), flush=True)
        finally:
            pool.shutdown(cancel_futures=True)


def row(artifact: assemble.Artifact) -> str:
    """One line of the table."""
    target = artifact.target
    return ROW.format(
        artifact.name,
        target.base,
        target.architecture,
        f'{artifact.size / 1e6:.1f}MB',
        artifact.sha256,
        f'{artifact.seconds:.1f}',
        'yes' if artifact.byte_code else f'no (no Python {target.python} here)',
    )


def find(name: str, root: pathlib.Path = ROOT) -> pathlib.Path:
    """The folder of a charm, from its path or its name in charms/ or tests/charms/ of a root.

    Raises Failure when there is none.
    """
    for place in (pathlib.Path(name), root / 'charms' / name, root / 'tests' / 'charms' / name):
        if (place / 'charmcraft.yaml').is_file():
            return place.resolve()
    raise Failure(
        f'{name} is no charm: give a folder with a charmcraft.yaml, or a name in charms/'
    )


def pair(text: str) -> tuple[str, pathlib.Path]:
    """PART=FOLDER taken apart. Raises Failure for another form or a missing folder."""
    name, _, folder = text.partition('=')
    path = pathlib.Path(folder).resolve()
    if not name or not folder or not path.is_dir():
        raise Failure(f'--source {text}: must be PART=FOLDER with a folder that exists')
    return name, path
