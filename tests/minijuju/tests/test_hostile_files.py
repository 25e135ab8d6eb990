"""Files that are not what they should be: refused with a reason, and nothing of them stays."""

from __future__ import annotations

import copy
import os
import stat
import zipfile
from typing import TYPE_CHECKING, TypeAlias

import jubilant
import pytest

from minijuju.testing import pack_charm
from minijuju.trial import provider

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Juju

Spoil: TypeAlias = 'Callable[[Path], object]'
METADATA = 'metadata.yaml'


def packed(path: Path) -> bytes:
    return pack_charm(path, metadata={'name': 'bad'}, scripts={'start': 'true'}).read_bytes()


def holding(content: bytes) -> Spoil:
    return lambda path: path.write_bytes(content)


def cut_off(part: slice) -> Spoil:
    return lambda path: path.write_bytes(packed(path)[part])


def adding(name: str, content: bytes, *, link: bool = False) -> Spoil:
    """Return what packs a charm with one more file or link."""

    def spoil(path: Path) -> None:
        packed(path)
        info = zipfile.ZipInfo(name)
        info.external_attr = ((stat.S_IFLNK if link else stat.S_IFREG) | 0o644) << 16
        with zipfile.ZipFile(path, 'a') as archive:
            archive.writestr(info, content)

    return spoil


def links(*pairs: tuple[str, str]) -> Spoil:
    def spoil(path: Path) -> None:
        packed(path)
        with zipfile.ZipFile(path, 'a') as archive:
            for name, aim in pairs:
                info = zipfile.ZipInfo(name)
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
                archive.writestr(info, aim)

    return spoil


def bomb(path: Path) -> None:
    """Pack 3 GB into some kilobytes: many names for one content."""
    packed(path)
    with zipfile.ZipFile(path, 'a', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('zeros', bytes(10_000_000))
        for number in range(300):
            again = copy.copy(archive.getinfo('zeros'))
            again.filename = f'zeros{number}'
            archive.filelist.append(again)


def lying(path: Path) -> None:
    """Pack more than the sizes in the archive say."""
    packed(path)
    size = 10_000_000
    with zipfile.ZipFile(path, 'a', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('zeros', bytes(size))
    data = path.read_bytes()
    path.write_bytes(data.replace(size.to_bytes(4, 'little'), (10).to_bytes(4, 'little')))


def encrypted(path: Path) -> None:
    packed(path)
    with zipfile.ZipFile(path, 'a') as archive:
        archive.getinfo('dispatch').flag_bits |= 1
        archive.writestr('makes-zipfile-write', '')
    data = bytearray(path.read_bytes())
    data[6] |= 1  # the same flag in the first local header
    path.write_bytes(data)


@pytest.mark.parametrize(
    ('spoil', 'text'),
    [
        (holding(b''), 'is not a charm'),
        (holding(os.urandom(5000)), 'is not a charm'),
        (cut_off(slice(None, -30)), 'is not a charm'),
        (cut_off(slice(100, None)), 'is not a charm'),
        (os.mkdir, 'cannot read charm'),
        (os.mkfifo, 'cannot read charm'),
        (bomb, 'is too large: 30'),
        (lying, 'is not a charm: Bad CRC'),
        (encrypted, 'is not a charm: .*encrypted'),
        (adding('../outside', b''), r'has a file outside the charm: \.\./outside'),
        (adding('/outside', b''), 'has a file outside the charm: /outside'),
        (adding('in/../../outside', b''), 'has a file outside the charm'),
        (adding('dispatch/inside', b''), 'is not a charm'),
        (links(('link', '/etc/passwd')), 'symlink "link" is absolute'),
        (links(('link', '../outside')), 'symlink "link" leads out of the charm'),
        (links(('in/up', '..'), ('link', 'in/up/..')), 'symlink "link" leads out of the charm'),
        (links(('link', 'later/..'), ('later', 'scripts/../..')), 'leads out of the charm'),
        (links(('link', '')), 'symlink "link" leads nowhere'),
        (adding('link', b'\xff\xfe', link=True), 'is not a charm'),
        (links((METADATA, METADATA)), 'is not a charm'),
    ],
)
@pytest.mark.filterwarnings('ignore:Duplicate name')  # what some of them are about
def test_a_damaged_or_hostile_charm_is_refused(
    juju: Juju, tmp_path: Path, home: Path, spoil: Spoil, text: str
):
    path = tmp_path / 'bad.charm'
    spoil(path)

    with pytest.raises(jubilant.CLIError, match=text):
        juju.deploy(path)

    assert not juju.status().apps
    assert not list((home / 'cache').glob('partial-*'))
    assert not list(home.rglob('outside*'))


@pytest.mark.parametrize(
    ('metadata', 'text'),
    [
        ('', 'metadata.yaml is missing or names no charm'),
        ('[a, list]', 'metadata.yaml is missing or names no charm'),
        ('name: ../../up', 'names no charm: "../../up"'),
        ('{', 'cannot read metadata.yaml'),
        ('&a [*a]', 'cannot read metadata.yaml: aliases'),
        ('[' * 5000, 'cannot read metadata.yaml'),
        ('name: ' + '9' * 5000, 'cannot read metadata.yaml'),
        ('name: x\n' + '#' * 2_000_000, 'metadata.yaml is larger than 1048576 bytes'),
    ],
)
def test_a_charm_whose_metadata_make_no_sense_is_refused(
    juju: Juju, tmp_path: Path, metadata: str, text: str
):
    path = pack_charm(tmp_path / 'bad.charm', metadata={}, files={METADATA: metadata})

    with pytest.raises(jubilant.CLIError, match=text):
        juju.deploy(path)


@pytest.mark.parametrize(
    ('content', 'text'),
    [
        (b'\xff\xfe\x00', 'cannot read'),
        (b'[a, list]', 'must contain a YAML map'),
        (b'a: &a [*a]', 'aliases make the text stand for too much'),
        (b'count: ' + b'9' * 5000, 'cannot read'),
        (b'{count: 2026-01-01}', 'must be of type integer, given "2026-01-01"'),
        (b'{count: 1, 2: 3}', 'additional property "2" is not allowed'),
        (b'#' * 17_000_000, 'more than 16777216 bytes'),
    ],
)
def test_parameters_that_make_no_sense_are_refused(
    juju: Juju, tmp_path: Path, content: bytes, text: str
):
    juju.deploy(provider(tmp_path))
    (tmp_path / 'params').write_bytes(content)

    with pytest.raises(jubilant.CLIError, match=text):
        juju.cli('run', 'ca/0', 'strict', '--params', str(tmp_path / 'params'))


@pytest.mark.parametrize('name', ['/dev/zero', '/', '/nonexistent'])
def test_what_is_no_file_is_not_read(juju: Juju, tmp_path: Path, name: str):
    juju.deploy(provider(tmp_path))

    for args in (['run', 'ca/0', 'strict', '--params', name], ['add-secret', 'x', '--file', name]):
        with pytest.raises(jubilant.CLIError, match=f'cannot read {name}'):
            juju.cli(*args)
