"""Whether every module that a charm imports is in its artifact: read from the source, not run.

So it holds for architectures that this machine cannot run, and for imports that only some hook
reaches.
"""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

OPTIONAL = frozenset({'ImportError', 'ModuleNotFoundError', 'Exception', 'BaseException'})


def missing(root: pathlib.Path, site: pathlib.Path, own: tuple[pathlib.Path, ...]) -> list[str]:
    """Complaints about imports without a module, in the order of files.

    Args:
        root: the charm's folder.
        site: its folder of installed distributions.
        own: folders of packages and modules whose imports are looked at: those of this repository.
            What a published distribution imports is its own matter.

    """
    places = (root / 'src', root / 'lib', site)
    found: list[str] = []
    for folder in own:
        for path in sorted(folder.rglob('*.py')):
            tree = ast.parse(path.read_bytes(), str(path))
            found += [
                f'{path.relative_to(root)} imports {name}, which is not packed'
                for name in imported(tree, package(path, places))
                if not resolves(name, places)
            ]
    return found


def package(path: pathlib.Path, places: tuple[pathlib.Path, ...]) -> str:
    """Dotted name of the package that a file is in; empty for a module at the top."""
    for place in places:
        if path.is_relative_to(place):
            return '.'.join(path.parent.relative_to(place).parts)
    return ''


def imported(node: ast.AST, inside: str) -> Iterator[str]:
    """Absolute names of the modules that a syntax tree imports whenever it gets there.

    Without those for type checkers only, and those whose absence the code handles.
    """
    followed = ast.iter_child_nodes(node)
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=module, level=level):
            above = inside.split('.')[: inside.count('.') + 2 - level] if level else []
            yield '.'.join(filter(None, [*above, module]))
        case ast.If(test=test) if 'TYPE_CHECKING' in ast.dump(test):
            followed = iter(node.orelse)
        case ast.Try(handlers=handlers) if any(optional(handler) for handler in handlers):
            followed = iter([*handlers, *node.orelse, *node.finalbody])
        case _:
            pass
    for other in followed:
        yield from imported(other, inside)


def optional(handler: ast.ExceptHandler) -> bool:
    """Whether a handler takes the absence of a module."""
    if handler.type is None:
        return True
    return any(
        isinstance(node, ast.Name) and node.id in OPTIONAL for node in ast.walk(handler.type)
    )


def resolves(name: str, places: tuple[pathlib.Path, ...]) -> bool:
    """Whether a module is in the standard library or below one of the places."""
    if name.partition('.')[0] in sys.stdlib_module_names:
        return True
    path = name.replace('.', '/')
    return any(
        (place / path).is_dir() or (place / f'{path}.py').is_file() or shared_object(place / path)
        for place in places
    )


def shared_object(path: pathlib.Path) -> bool:
    """Whether there is an extension module at a path without its suffix."""
    return any(path.parent.glob(f'{path.name}.*.so')) or path.with_suffix('.so').is_file()
