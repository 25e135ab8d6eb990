"""Run by a base's own Python in a charm's folder: prints what is wrong with its .pyc files.

The argument is what paths in code objects begin with. The output is a JSON list of complaints.
"""

from __future__ import annotations

import importlib.util
import json
import marshal
import pathlib
import sys
import types

CHECKED_HASH = 3  # PEP 552: flags of a .pyc that is valid as long as its source has the hash
HEADER = 16  # bytes: magic number, flags, hash


def complaint(path: pathlib.Path, prefix: str) -> str:
    """What is wrong with a .pyc; empty when nothing is."""
    python = f'{sys.version_info.major}.{sys.version_info.minor}'
    data = path.read_bytes()
    name = path.as_posix()
    try:
        source = pathlib.Path(importlib.util.source_from_cache(name))
    except (ValueError, NotImplementedError):
        return f'{name} is not where byte code belongs'
    if not name.endswith(f'.{sys.implementation.cache_tag}.pyc') or (
        data[:4] != importlib.util.MAGIC_NUMBER
    ):
        return f'{name} is not for Python {python}'
    if int.from_bytes(data[4:8], 'little') != CHECKED_HASH:
        return f'{name} is stamped with a time: it is stale as soon as it is unpacked'
    if not source.is_file():
        return f'{name} has no source'
    if data[8:HEADER] != importlib.util.source_hash(source.read_bytes()):
        return f'{name} was made from another {source.name}'
    try:
        code = marshal.loads(data[HEADER:])  # noqa: S302 - it is looked at, not run
    except (EOFError, ValueError, TypeError):
        code = None
    if not isinstance(code, types.CodeType):
        return f'{name} holds no code'
    if code.co_filename != f'{prefix}/{source.as_posix()}':
        return f'{name} names its source {code.co_filename}'
    return ''


if __name__ == '__main__':
    paths = sorted(pathlib.Path().rglob('*.pyc'))
    print(json.dumps([text for path in paths if (text := complaint(path, sys.argv[1]))]))
