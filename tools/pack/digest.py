"""What an artifact holds, apart from what depends on the builder: to compare two builds.

The bytes of a zip depend on the zlib in use, byte code on the patch release of Python, and
charmcraft writes its version and the time into the manifest. Everything else has to be equal, or
what was tested is not what is released.
"""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
from typing import TYPE_CHECKING, cast

import yaml

from . import archive
from .failure import Failure, one_line

if TYPE_CHECKING:
    import pathlib

YAML_FILES = frozenset({'actions.yaml', 'config.yaml', 'manifest.yaml', 'metadata.yaml'})
"""Files for Juju, which each engine writes in a form of its own."""
BUILDERS_WORDS = frozenset({'analysis', 'charmcraft-started-at', 'charmcraft-version'})
"""Keys of manifest.yaml that tell of the builder and not of the charm."""


def contents(path: pathlib.Path) -> dict[str, str]:
    """Mode and sha256 of every file of an artifact, by name: `0644 5891b5b5...`.

    Raises Failure for a file that is no artifact.
    """
    found: dict[str, str] = {}
    try:
        with zipfile.ZipFile(path) as packed:
            for entry in packed.infolist():
                if entry.is_dir() or entry.filename.endswith('.pyc'):
                    continue
                data = packed.read(entry)
                if entry.filename in YAML_FILES:
                    data = canonical(entry.filename, data)
                mode = stat.S_IMODE(entry.external_attr >> 16)
                found[entry.filename] = f'{mode:04o} {hashlib.sha256(data).hexdigest()}'
    except (*archive.UNREADABLE, yaml.YAMLError) as error:
        raise Failure(f'{path} is no artifact: {one_line(str(error))}') from None
    return found


def canonical(name: str, data: bytes) -> bytes:
    """What a file for Juju says, in one form; a manifest without the builder's words."""
    content: object = yaml.safe_load(data)
    if not isinstance(content, dict):
        raise ValueError(f'{name} is not a mapping')
    fields = cast('dict[object, object]', content)
    kept = {str(key): value for key, value in fields.items() if key not in BUILDERS_WORDS}
    return json.dumps(kept, sort_keys=True).encode()


def tree_digest(path: pathlib.Path) -> str:
    """One digest of all that, in hexadecimal. Raises Failure for a file that is no artifact."""
    lines = (f'{name}\0{rest}\n' for name, rest in sorted(contents(path).items()))
    return hashlib.sha256(''.join(lines).encode()).hexdigest()


def differences(one: pathlib.Path, other: pathlib.Path) -> list[str]:
    """Names of the files in which two artifacts differ, sorted.

    Raises Failure for a file that is no artifact.
    """
    left, right = contents(one), contents(other)
    return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))
