"""Which lego binary runs, and which roots come with this charm and its machine."""

from __future__ import annotations

import pathlib
import shutil

SYSTEM_BUNDLE = '/etc/ssl/certs/ca-certificates.crt'


def find(attached: pathlib.Path | None, charm: pathlib.Path) -> pathlib.Path:
    """The binary that the operator attached as a resource, else the one in the charm.

    Args:
        attached: File of the resource, which is not executable; None: there is none. An empty file
            stands for none too: a store wants one for every resource.
        charm: Folder of the charm. A resource is copied to `bin/lego-resource` there.

    """
    if attached is None or not attached.is_file() or not (new := attached.stat()).st_size:
        return charm / 'bin' / 'lego'
    copy = charm / 'bin' / 'lego-resource'
    old = copy.stat() if copy.is_file() else None
    if old is None or (old.st_size, old.st_mtime_ns) != (new.st_size, new.st_mtime_ns):
        copy.parent.mkdir(exist_ok=True)
        part = copy.with_suffix('.new')
        shutil.copyfile(attached, part)
        shutil.copystat(attached, part)
        part.chmod(0o755)
        part.replace(copy)
    return copy


def root_bundles() -> tuple[pathlib.Path, ...]:
    """Files of roots that are trusted in general: the machine's, then those of this charm."""
    import certifi  # noqa: PLC0415 : only where a root is looked for

    return pathlib.Path(SYSTEM_BUNDLE), pathlib.Path(certifi.where())
