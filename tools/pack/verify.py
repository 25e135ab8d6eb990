"""What must hold of a charm's tree before it is zipped: a list of rules that yield complaints.

uv checks the tags of wheels, not what is inside, and charmcraft's own safety check takes no part.
"""

from __future__ import annotations

import csv
import dataclasses
import functools
import os
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

import yaml

from . import byte_code, imports
from .failure import Failure, one_line
from .target import ELF_MACHINES, MACHINES, Target

if TYPE_CHECKING:
    import pathlib

    from .metadata import Charm

# PEP 600: the older names as versions of the C library 2.N.
LEGACY_GLIBC = {'manylinux1': 5, 'manylinux2010': 12, 'manylinux2014': 17}
FOREIGN_FOLDERS = frozenset({'.git', '.tox', '.venv', 'parts', 'stage', 'prime', 'node_modules'})


@dataclasses.dataclass(frozen=True)
class Tree:
    """A charm before it is zipped."""

    root: pathlib.Path
    """Its folder."""
    target: Target
    """What it was made for."""
    charm: Charm
    """What it was made from."""
    build_paths: tuple[str, ...] = ()
    """Folders of this machine that no file may name."""
    byte_code: bool = False
    """Whether every module must have valid byte code."""
    packages: tuple[str, ...] = ()
    """Names by which the packages of this repository are imported."""

    @functools.cached_property
    def files(self) -> dict[str, pathlib.Path]:
        """Every file and symbolic link by its name in the charm."""
        return {
            path.relative_to(self.root).as_posix(): path
            for path in sorted(self.root.rglob('*'))
            if path.is_symlink() or path.is_file()
        }

    @functools.cached_property
    def elf(self) -> dict[str, bytes]:
        """The content of every file in the format of executables and shared objects."""
        contents: dict[str, bytes] = {}
        for name, path in self.files.items():
            if not path.is_symlink() and (data := path.read_bytes()).startswith(b'\x7fELF'):
                contents[name] = data
        return contents

    @property
    def site(self) -> pathlib.Path:
        """The folder of the installed distributions."""
        return self.root / self.target.site

    def text(self, name: str) -> str:
        """The text of a file. Raises Failure when it is missing or no text."""
        try:
            return (self.root / name).read_text(encoding='utf-8')
        except (OSError, UnicodeDecodeError) as error:
            raise Failure(f'{name} cannot be read: {one_line(str(error))}') from None

    def yaml(self, name: str) -> object:
        """What a file of YAML says; None when it is missing. Raises Failure when it is broken."""
        try:
            return yaml.safe_load(self.text(name)) if name in self.files else None
        except yaml.YAMLError as error:
            raise Failure(f'{name} is not YAML: {one_line(str(error))}') from None

    def distributions(self) -> Iterator[tuple[str, list[str]]]:
        """The folder name of each distribution, and the paths in its RECORD relative to `site`."""
        for name, text in self.metadata('RECORD'):
            yield name, [row[0] for row in csv.reader(text.splitlines()) if row]

    def metadata(self, file: str) -> Iterator[tuple[str, str]]:
        """The folder name of each distribution that has such a file, and the file's text."""
        for path in sorted(self.site.glob(f'*.dist-info/{file}')):
            yield path.parent.name, self.text(path.relative_to(self.root).as_posix())


Rule = Callable[[Tree], Iterator[str]]


def python(tree: Tree) -> Iterator[str]:
    """One Python, the base's: with another one the unit finds no package at all."""
    found = [path.name for path in sorted((tree.root / 'venv' / 'lib').glob('*'))]
    if found != [f'python{tree.target.python}']:
        yield f'venv/lib holds {found}, not python{tree.target.python} alone'


def architecture(tree: Tree) -> Iterator[str]:
    """Executables and shared objects for the target's processor and Python."""
    expected = ELF_MACHINES[tree.target.architecture]
    minor = tree.target.python.replace('.', '')
    for name, data in tree.elf.items():
        if int.from_bytes(data[18:20], 'little') != expected:
            yield f'{name} is not for {tree.target.architecture}'
        suffix = re.search(r'\.cpython-(\d+)', name)
        if suffix and suffix[1] != minor:
            yield f'{name} is not for Python {tree.target.python}'


def glibc(tree: Tree) -> Iterator[str]:
    """No wheel and no binary that needs a newer C library than the base has."""
    for name, text in tree.metadata('WHEEL'):
        tags = re.findall(r'^Tag: \S+-\S+-(\S+)$', text, re.MULTILINE)
        if not any(runs_on(tag, tree.target) for tag in tags):
            yield f'{name} is tagged {", ".join(tags)}: not for {tree.target.platform}'
    for name, data in tree.elf.items():
        needed = max((int(number) for number in re.findall(rb'GLIBC_2\.(\d+)', data)), default=0)
        if needed > tree.target.glibc:
            yield f'{name} needs glibc 2.{needed}, the base has 2.{tree.target.glibc}'


def runs_on(tag: str, target: Target) -> bool:
    """Whether the platform of a wheel's tag (PEP 600) is right for a target."""
    if tag == 'any':
        return True
    found = re.fullmatch(r'(manylinux(?:_2_(\d+)|1|2010|2014))_(\w+)', tag)
    if found is None or found[3] != MACHINES[target.architecture]:
        return False
    return int(found[2] or LEGACY_GLIBC.get(found[1], 999)) <= target.glibc


def honest_tags(tree: Tree) -> Iterator[str]:
    """No binary in a wheel that says it runs anywhere: every architecture would install it."""
    for name, record in tree.distributions():
        wheel = tree.text(f'{tree.target.site}/{name}/WHEEL')
        if all(
            tag.endswith('-none-any') for tag in re.findall(r'^Tag: (\S+)$', wheel, re.MULTILINE)
        ):
            for path in record:
                if f'{tree.target.site}/{path}' in tree.elf:
                    yield f'{name} is tagged none-any and holds the binary {path}'


def records(tree: Tree) -> Iterator[str]:
    """Every file of a distribution is there, and every file belongs to one (byte code apart)."""
    listed: set[str] = set()
    for name, record in tree.distributions():
        for path in record:
            file = os.path.normpath(f'{tree.target.site}/{path}')
            listed.add(file)
            if file not in tree.files:
                yield f'{name} lists {path}, which is missing'
    for name in tree.files:
        if name.startswith('venv/lib/') and '/__pycache__/' not in name and name not in listed:
            yield f'{name} belongs to no distribution'


def requirements(tree: Tree) -> Iterator[str]:
    """Every distribution that another needs on every system is there; versions are the lock's."""
    present = {canonical(path.name.partition('-')[0]) for path in tree.site.glob('*.dist-info')}
    for owner, text in tree.metadata('METADATA'):
        header = text.partition('\n\n')[0]
        for name in re.findall(r'^Requires-Dist: ([\w.-]+)[^;\n]*$', header, re.MULTILINE):
            if canonical(name) not in present:
                yield f'{owner} needs {name}: add it to the charm and to its lock'


def canonical(name: str) -> str:
    """A project's name in the form in which names are compared (PEP 503)."""
    return re.sub(r'[-_.]+', '-', name).lower()


def imported(tree: Tree) -> Iterator[str]:
    """Every module that the charm and the packages of this repository import is in the tree.

    What a published distribution imports is its own matter, as far as `requirements` is content.
    """
    own = (tree.root / 'src', *(tree.site / name for name in tree.packages))
    yield from imports.missing(tree.root, tree.site, own, tree.target.python)


def complete(tree: Tree) -> Iterator[str]:
    """What Juju looks for: the charm's own metadata, bases, an entry point that it may execute."""
    if 'src/charm.py' not in tree.files:
        yield 'src/charm.py is missing'
    dispatch = tree.files.get('dispatch')
    if dispatch is None or dispatch.stat().st_mode & 0o777 != 0o755:
        yield 'dispatch is missing or not 0755: Juju repairs the mode of files below hooks/ only'
    for name, text in tree.charm.files.items():
        if tree.yaml(name) != yaml.safe_load(text):
            yield f'{name} is missing or does not say what charmcraft.yaml says'
    base = {
        'name': tree.target.distribution,
        'channel': tree.target.channel,
        'architectures': [tree.target.architecture],
    }
    content = tree.yaml('manifest.yaml')
    bases = cast('dict[str, object]', content).get('bases') if isinstance(content, dict) else None
    if bases != [base]:
        yield f'manifest.yaml is missing or not for {tree.target.label} alone'


def clean(tree: Tree) -> Iterator[str]:
    """Nothing of the machine that packed."""
    needles = [path.encode() for path in tree.build_paths]
    for name, path in tree.files.items():
        foreign = FOREIGN_FOLDERS.intersection(name.split('/')[:-1])
        if foreign and not name.startswith('venv/lib/'):
            yield f'{name} is in a folder of a tool ({", ".join(foreign)})'
        if name == 'venv/pyvenv.cfg' or name.startswith('venv/bin/'):
            yield f'{name} names an interpreter: dispatch makes it on the unit'
        if path.is_symlink():
            yield f'{name} is a symbolic link to {path.readlink()}'
            continue
        data = path.read_bytes() if needles else b''
        for needle in needles:
            if needle in data:
                yield f'{name} names the build folder {needle.decode()}'


def compiled(tree: Tree) -> Iterator[str]:
    """Byte code for every module or for none, for the target's Python, valid at any file time."""
    suffix = f'.cpython-{tree.target.python.replace(".", "")}.pyc'
    found = {
        name.replace('__pycache__/', '').removesuffix(suffix)
        for name in tree.files
        if name.endswith('.pyc')
    }
    if found:
        yield from byte_code.complaints(tree.target, tree.root)
    sources = {
        name.removesuffix('.py')
        for name in tree.files
        if name.endswith('.py') and name.startswith(('src/', 'venv/lib/'))
    }
    for name in sorted(found ^ sources if tree.byte_code else found):
        yield f'{name}.py: byte code and source do not go together'


RULES: tuple[Rule, ...] = (
    python,
    architecture,
    glibc,
    honest_tags,
    records,
    requirements,
    imported,
    complete,
    clean,
    compiled,
)


def complaints(tree: Tree) -> list[str]:
    """Every complaint of every rule, in order."""
    return [text for rule in RULES for text in rule(tree)]


def check(tree: Tree, what: str) -> None:
    """Raise Failure with the first complaints when a rule is broken, after what the tree is."""
    try:
        found = complaints(tree)
    except Failure as error:
        raise Failure(f'{what}: {error}') from None
    if found:
        more = f' (and {len(found) - 3} more)' if len(found) > 3 else ''
        raise Failure(f'{what}: {"; ".join(found[:3])}{more}')
