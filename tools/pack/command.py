"""The command line: which charms, for what, by which engine, and the table of results."""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import pathlib
import sys
import tempfile
from typing import TYPE_CHECKING

from . import assemble, charmcraft, digest, finish, metadata, unit
from .artifact import Artifact, described
from .failure import Failure
from .target import UBUNTU, named, of_this_python

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .target import Target

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ROW = '{:<28} {:<13} {:<6} {:>8}  {:<64} {:>7}  {}'
HEADER = ('charm', 'base', 'arch', 'size', 'sha256', 'seconds', 'dispatch')


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say; 0, or 1 with one line on stderr when it cannot be done."""
    try:
        return run(parser().parse_args(arguments))
    except (Failure, OSError, ModuleNotFoundError) as error:
        print(f'pack: {error}', file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """The options."""
    bases = ['host', *(f'ubuntu@{channel}' for channel in UBUNTU)]
    made = argparse.ArgumentParser(
        prog='pack', description='Pack charms for the platforms of their charmcraft.yaml.'
    )
    made.add_argument(
        'charms',
        nargs='*',
        metavar='CHARM',
        help='folder or name; none: all in charms/ that download nothing',
    )
    made.add_argument(
        '--engine', choices=('uv', 'charmcraft'), default='uv',
        help='uv packs for any platform on any machine; charmcraft is the real one, without LXD, '
        'for this architecture and the bases whose Python is here (default: uv)',
    )  # fmt: skip
    made.add_argument('--base', help=f'only this one: {", ".join(bases)}')
    made.add_argument('--arch', help='only this one: amd64 or arm64')
    made.add_argument(
        '--into', type=pathlib.Path, default=pathlib.Path('dist'), help='default: dist'
    )
    made.add_argument('--cache', type=pathlib.Path, help='folder of artifacts to take again')
    made.add_argument('--no-run', action='store_true', help='do not run the artifacts on minijuju')
    made.add_argument(
        '--source', action='append', default=[], metavar='PART=FOLDER',
        help='a folder in place of what a part downloads; marks the artifact (engine uv)',
    )  # fmt: skip
    made.add_argument(
        '--debian', action='store_true',
        help='programs of the distribution in place of what parts download; marks the artifact '
        '(engine uv; always so where no charm is named)',
    )  # fmt: skip
    made.add_argument(
        '--compare', type=pathlib.Path, metavar='FOLDER',
        help='fail when an artifact holds something else than the one of its name there',
    )  # fmt: skip
    other = made.add_mutually_exclusive_group()
    other.add_argument(
        '--stage', type=pathlib.Path, metavar='FOLDER',
        help='write the files of one charm\'s own part there and pack nothing; for the base whose '
        'Python runs this',
    )  # fmt: skip
    other.add_argument(
        '--finish', action='store_true',
        help='the arguments are artifacts of charmcraft: check and normalise them',
    )  # fmt: skip
    other.add_argument(
        '--list', type=pathlib.Path, metavar='FILE',
        help='pack nothing; write to a file what there is to pack, as a JSON list of objects',
    )  # fmt: skip
    return made


def run(options: argparse.Namespace) -> int:
    """Stage, finish or pack. Raises Failure."""
    if options.stage:
        stage(options)
        return 0
    if options.list:
        listed = [entry(charm, target) for charm, target in chosen(options)]
        options.list.write_text(f'{json.dumps(listed)}\n', encoding='utf-8')
        return 0
    refuse(options)
    print(ROW.format(*HEADER), flush=True)
    if options.finish:
        artifacts = [finished(pathlib.Path(name), options.into) for name in options.charms]
        for artifact in artifacts:
            print(row(artifact, ''), flush=True)
    else:
        artifacts = pack(options)
    return compare(artifacts, options.compare) if options.compare else 0


def refuse(options: argparse.Namespace) -> None:
    """Raise Failure for arguments that would compare or check nothing and look like a success."""
    if options.finish and not options.charms:
        raise Failure('--finish takes artifacts of charmcraft: name at least one')
    if options.compare and options.compare.resolve() == options.into.resolve():
        raise Failure(f'--compare {options.compare} is the folder that is written to: see --into')


def stage(options: argparse.Namespace) -> None:
    """Write what the part of one charm installs: called by that part in charmcraft.yaml."""
    if len(options.charms) != 1:
        raise Failure('--stage takes one charm')
    target = named(options.base, options.arch) if options.base else of_this_python(options.arch)
    with tempfile.TemporaryDirectory(prefix='pack-') as work:
        charm = metadata.load(find(options.charms[0]))
        assemble.stage(charm, target, options.stage.resolve(), pathlib.Path(work))


def finished(path: pathlib.Path, into: pathlib.Path) -> Artifact:
    """A checked and normalised artifact, from charmcraft's."""
    name = path.name.partition('_')[0]
    made = finish.finish(path, find(name), into.resolve())
    return described(made, name, finish.target_of(path), 0)


def pack(options: argparse.Namespace) -> list[Artifact]:
    """Pack, one thread per processor, then run; results are printed in the order asked for."""
    jobs = chosen(options)
    if options.engine == 'charmcraft':
        if options.source:
            raise Failure('--source goes with the engine uv')
        charmcraft.environment(ROOT)  # before the threads, which would all make it
    one = builder(options)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        futures = [pool.submit(one, folder, target) for folder, target in jobs]
        try:
            artifacts = [future.result() for future in futures]
        finally:
            pool.shutdown(cancel_futures=True)
    ran = unit.run([one for one in artifacts if unit.runnable(one) and not options.no_run])
    for artifact in artifacts:
        found = ran.get(artifact.path)
        words = f'{found.status} on Python {found.python}' if found else 'not run'
        print(row(artifact, words), flush=True)
    return artifacts


def chosen(options: argparse.Namespace) -> list[tuple[pathlib.Path, Target]]:
    """Folder of a charm and target of each artifact that is asked for."""
    folders = [find(name) for name in options.charms] or every(options)
    return [(folder, target) for folder in folders for target in targets(folder, options)]


def every(options: argparse.Namespace) -> list[pathlib.Path]:
    """The folders of all charms.

    What they download comes from the distribution's archive, and charmcraft, which would download
    it, leaves them out; both is said.
    """
    found: list[pathlib.Path] = []
    for path in sorted((ROOT / 'charms').glob('*/charmcraft.yaml')):
        charm = metadata.load(path.parent)
        names = ', '.join(charm.downloads)
        if names and options.engine == 'charmcraft':
            print(f'{charm.name} is left out: it downloads {names}; name it', file=sys.stderr)
            continue
        if names and not options.list:
            options.debian = True
            print(f'{charm.name}: {names} of the distribution, so no release', file=sys.stderr)
        found.append(path.parent)
    return found


def entry(folder: pathlib.Path, target: Target) -> dict[str, str]:
    """One artifact to pack, as a row of a build's matrix."""
    charm = metadata.load(folder)
    return {
        'charm': charm.name,
        'downloads': ' '.join(charm.downloads),
        'folder': os.path.relpath(folder, ROOT),
        'base': target.base,
        'architecture': target.architecture,
    }


def builder(options: argparse.Namespace) -> Callable[[pathlib.Path, Target], Artifact]:
    """What packs one charm for one target by the engine that was chosen."""
    into: pathlib.Path = options.into
    if options.engine == 'charmcraft':
        return lambda folder, target: charmcraft.build(folder, target, into, ROOT)
    sources = dict(pair(text) for text in options.source)
    return lambda folder, target: assemble.build(
        folder,
        target,
        into,
        cache_folder=options.cache,
        sources=sources,
        debian=ROOT / '.tox' / 'debian' if options.debian else None,
    )


def targets(folder: pathlib.Path, options: argparse.Namespace) -> list[Target]:
    """What to pack a charm for: its platforms, cut down by --base and --arch.

    What charmcraft cannot build on this machine is named and left out. Raises Failure when nothing
    is left.
    """
    # Refuses a base or an architecture that nobody has, whatever the charm lists.
    checked = named(options.base or 'ubuntu@24.04', options.arch)
    if options.base == 'host':
        return [checked]
    charm = metadata.load(folder)
    found = [
        target
        for target in (named(*platform.split(':')) for platform in sorted(charm.platforms))
        if options.base in {None, target.base} and options.arch in {None, target.architecture}
    ]
    if not found:
        asked = ':'.join(filter(None, (options.base, options.arch)))
        raise Failure(f'{charm.name} does not list {asked} in its platforms')
    if options.engine == 'uv':
        return found
    obstacles = {target: charmcraft.obstacle(target) for target in found}
    for target, reason in obstacles.items():
        if reason:
            print(f'{charm.name} for {target.label} is left out: {reason}', file=sys.stderr)
    if all(obstacles.values()):
        raise Failure(f'{charm.name}: charmcraft can pack it for nothing here')
    return [target for target, reason in obstacles.items() if not reason]


def compare(artifacts: Sequence[Artifact], folder: pathlib.Path) -> int:
    """Compare with the artifacts of the same names in a folder; 1 when one holds something else.

    Raises Failure when one is missing there.
    """
    different = False
    for artifact in artifacts:
        found = digest.differences(artifact.path, folder / artifact.path.name)
        different = different or bool(found)
        words = f'differs in {", ".join(found[:8])}' if found else 'equal'
        print(f'{artifact.path.name}  {digest.tree_digest(artifact.path)}  {words}', flush=True)
    return int(different)


def row(artifact: Artifact, ran: str) -> str:
    """One line of the table."""
    target = artifact.target
    stale = '' if artifact.byte_code else f'no byte code: no Python {target.python} here'
    return ROW.format(
        artifact.name,
        target.base,
        target.architecture,
        f'{artifact.size / 1e6:.1f}MB',
        artifact.sha256,
        f'{artifact.seconds:.1f}',
        '; '.join(filter(None, (ran, stale))),
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
