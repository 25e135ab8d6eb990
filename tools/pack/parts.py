"""The `parts` of charmcraft.yaml that this engine can carry out, and nothing else.

`nil` is the charm itself: the install module does what the part's script does. `dump` copies
files, from the charm's own folder or from a folder that the caller gives in place of a download.
"""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
from typing import TYPE_CHECKING, cast

from .failure import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

MAIN = frozenset({'plugin', 'source', 'build-snaps', 'build-packages', 'override-build'})
DUMP = frozenset({'plugin', 'source', 'source-type', 'source-checksum', 'organize', 'prime'})


@dataclasses.dataclass(frozen=True)
class Part:
    """A `dump` part."""

    name: str
    """Its key below `parts`."""
    local: bool
    """Whether it copies from the charm's folder; otherwise the source is a download."""
    organize: tuple[tuple[str, str], ...]
    """Renamed before `prime` chooses: (path in the source, path in the charm)."""
    prime: tuple[str, ...]
    """Paths or patterns of what is shipped, relative to the charm's root."""


def mapping(value: object, what: str) -> dict[str, object]:
    """A value that must be a mapping with text keys. Raises Failure naming it."""
    if not isinstance(value, dict):
        raise Failure(f'{what} must be a mapping')
    found = cast('dict[object, object]', value)
    if not all(isinstance(key, str) for key in found):
        raise Failure(f'{what} must have text as keys')
    return cast('dict[str, object]', value)


def parse(listed: dict[str, object]) -> tuple[Part, ...]:
    """The dump parts. Raises Failure for a part that this engine cannot carry out faithfully."""
    found: list[Part] = []
    mains: list[str] = []
    for name, value in listed.items():
        part = mapping(value, f'part {name}')
        match part.get('plugin'):
            case 'nil':
                known = MAIN
                mains.append(name)
            case 'dump':
                known = DUMP
                found.append(dump(name, part))
            case plugin:
                raise Failure(f'part {name}: plugin {plugin} is unknown here; use nil or dump')
        if unknown := sorted(part.keys() - known):
            raise Failure(f'part {name}: {", ".join(unknown)} cannot be carried out here')
    if len(mains) != 1:
        raise Failure(
            f'parts: exactly one must have plugin nil (the charm itself), not {len(mains)}'
        )
    return tuple(found)


def dump(name: str, part: dict[str, object]) -> Part:
    """A part with plugin dump."""
    value = part.get('prime')
    prime = cast('list[object]', value) if isinstance(value, list) else []
    organize = mapping(part.get('organize') or {}, f'part {name}: organize')
    if not prime:
        raise Failure(f'part {name}: prime must list what is shipped')
    for path in [*prime, *organize, *organize.values()]:
        inside = isinstance(path, str) and path and not path.startswith(('/', '-'))
        if not inside or '..' in pathlib.PurePosixPath(str(path)).parts:
            raise Failure(f'part {name}: {path!r} must be a path inside the charm')
    if any('*' in path for path in organize):
        raise Failure(f'part {name}: organize cannot rename by a pattern here')
    return Part(
        name=name,
        local=part.get('source') == '.',
        organize=tuple((source, str(into)) for source, into in organize.items()),
        prime=tuple(str(path) for path in prime),
    )


def source(part: Part, charm: pathlib.Path, given: Mapping[str, pathlib.Path]) -> pathlib.Path:
    """The folder that a part copies from. Raises Failure for a download that nobody replaced."""
    if part.name in given:
        return given[part.name]
    if part.local:
        return charm
    raise Failure(
        f'part {part.name} downloads: give a folder in its place (--source {part.name}=FOLDER)'
    )


def files(part: Part, folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """What a part ships: path in the charm -> file. Raises Failure for a path without a match."""
    origins = {new: old for old, new in part.organize}
    found: dict[str, pathlib.Path] = {}
    for pattern in part.prime:
        origin = origins.get(pattern, pattern)
        matches = sorted(folder.glob(origin))
        if not matches:
            raise Failure(f'part {part.name}: {origin} is not in its source')
        for match in matches:
            for path in sorted(match.rglob('*')) if match.is_dir() else [match]:
                if path.is_dir() or '__pycache__' in path.parts:
                    continue
                if not path.is_file():
                    raise Failure(f'part {part.name}: {path.name} is neither a file nor a folder')
                name = path.relative_to(folder).as_posix()
                if origin != pattern:
                    name = pattern + name.removeprefix(origin)
                found[name] = path
    return found


def copy(found: dict[str, pathlib.Path], tree: pathlib.Path) -> None:
    """Copy files into the charm's tree, with their mode."""
    for name, path in found.items():
        into = tree / name
        into.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, into, follow_symlinks=False)
