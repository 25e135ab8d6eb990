"""Whether every module that a charm imports is in its artifact: read from the source, not run.

So it holds for architectures that this machine cannot run, and for imports that only some hook
reaches.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

OPTIONAL = frozenset({'ImportError', 'ModuleNotFoundError', 'Exception', 'BaseException'})
# What came to the standard library and what left it since 3.10, with the minor version of 3 that
# was the first with or without it: the unit's Python is not the one that packs.
ADDED = {'tomllib': 11, 'annotationlib': 14, 'compression': 14}
REMOVED = {
    **dict.fromkeys(('binhex',), 11),
    **dict.fromkeys(('asynchat', 'asyncore', 'distutils', 'imp', 'smtpd'), 12),
    **dict.fromkeys(
        (
            'aifc', 'audioop', 'cgi', 'cgitb', 'chunk', 'crypt', 'imghdr', 'lib2to3', 'mailcap',
            'msilib', 'nis', 'nntplib', 'ossaudiodev', 'pipes', 'sndhdr', 'spwd', 'sunau',
            'telnetlib', 'uu', 'xdrlib',
        ),
        13,
    ),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Import:
    """One name that a statement imports."""

    module: str
    """Absolute name of the module."""
    name: str = ''
    """What is taken from it; empty for the module itself or a star."""

    def __str__(self) -> str:
        """The name as a complaint shows it."""
        return '.'.join(filter(None, (self.module, self.name)))


def missing(
    root: pathlib.Path, site: pathlib.Path, own: tuple[pathlib.Path, ...], python: str
) -> list[str]:
    """Complaints about imports of what is not there, in the order of files.

    Args:
        root: the charm's folder.
        site: its folder of installed distributions.
        own: folders of packages and modules whose imports are looked at: those of this repository.
            What a published distribution imports is its own matter. Names that are taken from
            these have to be submodules or to be bound at the top of their module.
        python: minor version of the unit's interpreter: `3.12`.

    """
    places = (root / 'src', root / 'lib', site)
    library = standard_library(python)
    found: list[str] = []
    for path in (path for folder in own for path in sorted(folder.rglob('*.py'))):
        name = path.relative_to(root)
        try:
            tree = ast.parse(path.read_bytes(), str(name))
        except (SyntaxError, ValueError) as error:
            found.append(f'{name} is no module for Python {python}: {error}')
            continue
        for one in dict.fromkeys(imported(tree, package(path, places))):
            if one.module.partition('.')[0] in library:
                continue
            if not resolves(one.module, places):
                found.append(f'{name} imports {one.module}, which is not packed')
            elif not provides(one, places, own):
                found.append(f'{name} imports {one}, which is not packed')
    return found


def standard_library(python: str) -> frozenset[str]:
    """Top-level modules of the standard library of a minor version: `3.12`."""
    minor = int(python.partition('.')[2])
    known = {*sys.stdlib_module_names, *ADDED, *REMOVED}
    return frozenset(
        name for name in known if ADDED.get(name, 0) <= minor < REMOVED.get(name, minor + 1)
    )


def package(path: pathlib.Path, places: tuple[pathlib.Path, ...]) -> str:
    """Dotted name of the package that a file is in; empty for a module at the top."""
    for place in places:
        if path.is_relative_to(place):
            return '.'.join(path.parent.relative_to(place).parts)
    return ''


def imported(node: ast.AST, inside: str) -> Iterator[Import]:
    """What a syntax tree imports whenever it gets there, by absolute names.

    Without what is for type checkers only, and that whose absence the code handles.
    """
    followed = ast.iter_child_nodes(node)
    match node:
        case ast.Import(names=names):
            yield from (Import(alias.name) for alias in names)
        case ast.ImportFrom(module=module, level=level, names=names):
            above = inside.split('.')[: inside.count('.') + 2 - level] if level else []
            name = '.'.join(filter(None, [*above, module]))
            yield from (Import(name, alias.name.replace('*', '')) for alias in names)
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
    """Whether a module is below one of the places."""
    path = name.replace('.', '/')
    return any(
        (place / path).is_dir() or (place / f'{path}.py').is_file() or shared_object(place / path)
        for place in places
    )


def shared_object(path: pathlib.Path) -> bool:
    """Whether there is an extension module at a path without its suffix."""
    return any(path.parent.glob(f'{path.name}.*.so')) or path.with_suffix('.so').is_file()


def provides(one: Import, places: tuple[pathlib.Path, ...], own: tuple[pathlib.Path, ...]) -> bool:
    """Whether a module has the name that is taken from it; true for modules of other people."""
    if not one.name or resolves(str(one), places):
        return True
    path = one.module.replace('.', '/')
    files = [place / file for place in places for file in (f'{path}.py', f'{path}/__init__.py')]
    source = next((file for file in files if file.is_file()), None)
    if source is None:  # a package without a file has nothing but submodules
        folders = [place / path for place in places if (place / path).is_dir()]
        return not any(folder.is_relative_to(mine) for folder in folders for mine in own)
    if not any(source.is_relative_to(mine) for mine in own):
        return True
    names = bound(source.read_bytes())
    return one.name in names or '*' in names


@functools.cache
def bound(source: bytes) -> frozenset[str]:
    """Names that a module of this text binds at its top; with a `*` when it does not tell all."""
    try:
        return frozenset(binds(ast.parse(source)))
    except (SyntaxError, ValueError):
        return frozenset('*')  # the module is complained of itself


def binds(node: ast.AST) -> Iterator[str]:
    """Names that the statements below a node bind, not looking into functions and classes."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield '*' if name == '__getattr__' else name
                continue
            case ast.ClassDef(name=name):
                yield name
                continue
            case ast.Lambda():
                continue
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (alias.asname or alias.name.partition('.')[0] for alias in names)
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.ExceptHandler(name=str(name)):
                yield name
            case _:
                pass
        yield from binds(child)
