"""Every rule has a tree that breaks it and nothing else."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

import pytest

from .. import archive, assemble, target, verify
from ..failure import Failure
from . import trial

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def unpacked(artifact: assemble.Artifact, tmp_path: pathlib.Path) -> pathlib.Path:
    return trial.unpack(artifact.path, tmp_path / 'unit')


def complaints(root: pathlib.Path, *, byte_code: bool = True) -> list[str]:
    return verify.complaints(
        verify.Tree(root, target.host(), build_paths=('/build/here',), byte_code=byte_code)
    )


def elf(machine: int, rest: bytes = b'') -> bytes:
    return b'\x7fELF' + bytes(14) + machine.to_bytes(2, 'little') + rest


def site(root: pathlib.Path) -> pathlib.Path:
    return root / target.host().site


def edit(path: pathlib.Path, old: str, new: str) -> None:
    text = path.read_text(encoding='utf-8')
    assert old in text
    path.write_text(text.replace(old, new), encoding='utf-8')


def info(root: pathlib.Path, project: str) -> pathlib.Path:
    (found,) = site(root).glob(f'{project}-*.dist-info')
    return found


OWN = target.ELF_MACHINES[target.host().architecture]
OTHER = ({62, 183} - {OWN}).pop()


def two_pythons(root: pathlib.Path) -> None:
    (root / 'venv/lib/python3.99').mkdir()


def foreign_binary(root: pathlib.Path) -> None:
    (root / 'tool').write_bytes(elf(OTHER))


def binary_of_another_python(root: pathlib.Path) -> None:
    (root / 'src/fast.cpython-399-any.so').write_bytes(elf(OWN))


def new_glibc(root: pathlib.Path) -> None:
    (root / 'tool').write_bytes(elf(OWN, b'GLIBC_2.17\0GLIBC_2.99\0'))


def new_glibc_tag(root: pathlib.Path) -> None:
    wheel = info(root, 'pyyaml') / 'WHEEL'
    wheel.write_text('Tag: cp311-cp311-manylinux_2_99_x86_64\n', encoding='utf-8')


def dishonest_tag(root: pathlib.Path) -> None:
    (info(root, 'pyyaml') / 'WHEEL').write_text('Tag: py3-none-any\n', encoding='utf-8')


def missing_file(root: pathlib.Path) -> None:
    (info(root, 'pyyaml') / 'METADATA').unlink()


def stray_file(root: pathlib.Path) -> None:
    (site(root) / 'yaml/stray.txt').touch()


def missing_requirement(root: pathlib.Path) -> None:
    edit(info(root, 'local_library') / 'METADATA', 'Requires-Dist: pyyaml', 'Requires-Dist: ops>2')


def no_metadata(root: pathlib.Path) -> None:
    (root / 'metadata.yaml').unlink()


def dispatch_mode(root: pathlib.Path) -> None:
    (root / 'dispatch').chmod(0o644)


def no_architectures(root: pathlib.Path) -> None:
    edit(root / 'manifest.yaml', 'architectures', 'architects')


def parts_folder(root: pathlib.Path) -> None:
    trial.write(root / 'parts/charm/x', '')


def interpreter_link(root: pathlib.Path) -> None:
    trial.write(root / 'venv/bin/activate', '')


def absolute_link(root: pathlib.Path) -> None:
    (root / 'link').symlink_to('/etc/passwd')


def build_path(root: pathlib.Path) -> None:
    trial.write(root / 'note.txt', 'made in /build/here/tmp\n')


def byte_code_by_time(root: pathlib.Path) -> None:
    path = next((root / 'src/__pycache__').iterdir())
    data = path.read_bytes()
    path.write_bytes(data[:4] + bytes(4) + data[8:])


def byte_code_of_another_python(root: pathlib.Path) -> None:
    (root / 'src/__pycache__/names.cpython-399.pyc').write_bytes(bytes(16))


def module_without_byte_code(root: pathlib.Path) -> None:
    trial.write(root / 'src/new.py', '')


@pytest.mark.parametrize(
    ('spoil', 'text'),
    [
        (two_pythons, "'python3.99'], not python3"),
        (foreign_binary, 'tool is not for'),
        (binary_of_another_python, 'fast.cpython-399-any.so is not for Python'),
        (new_glibc, 'tool needs glibc 2.99'),
        (new_glibc_tag, 'tagged manylinux_2_99_x86_64: not for'),
        (dishonest_tag, 'is tagged none-any and holds the binary yaml/_yaml'),
        (missing_file, 'METADATA, which is missing'),
        (stray_file, 'yaml/stray.txt belongs to no distribution'),
        (missing_requirement, 'local_library-1.dist-info needs ops'),
        (no_metadata, 'metadata.yaml is missing'),
        (dispatch_mode, 'dispatch is missing or not 0755'),
        (no_architectures, 'manifest.yaml is missing or not for'),
        (parts_folder, 'parts/charm/x is in a folder of a tool (parts)'),
        (interpreter_link, 'venv/bin/activate names an interpreter'),
        (absolute_link, 'link is a symbolic link to /etc/passwd'),
        (build_path, 'note.txt names the build folder /build/here'),
        (byte_code_by_time, 'is stamped with a time'),
        (byte_code_of_another_python, 'names.cpython-399.pyc is not for Python'),
        (module_without_byte_code, 'src/new.py: byte code and source do not go together'),
    ],
)
def test_a_broken_rule_is_complained_of(
    spoil: Callable[[pathlib.Path], None], text: str, unpacked: pathlib.Path
) -> None:
    assert complaints(unpacked) == []

    spoil(unpacked)

    found = complaints(unpacked)
    assert found
    assert text in found[0]


def test_byte_code_where_none_was_made_is_complained_of(unpacked: pathlib.Path) -> None:
    assert 'byte code and source' in complaints(unpacked, byte_code=False)[0]


def test_a_tree_for_one_architecture_is_refused_for_another(
    charm: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    amd64, arm64 = (target.named('ubuntu@24.04', name) for name in ('amd64', 'arm64'))
    packed = assemble.build(charm, arm64, tmp_path / 'dist')
    root = trial.unpack(packed.path, tmp_path / 'unit')

    verify.check(verify.Tree(root, arm64, byte_code=packed.byte_code), 'tiny')

    with pytest.raises(Failure, match='is not for amd64'):
        verify.check(verify.Tree(root, amd64, byte_code=packed.byte_code), 'tiny')


@pytest.mark.parametrize(
    ('tag', 'runs'),
    [
        ('any', True),
        ('manylinux2014_x86_64', True),
        ('manylinux_2_39_x86_64', True),
        ('manylinux_2_40_x86_64', False),
        ('manylinux_2_17_aarch64', False),
        ('musllinux_1_2_x86_64', False),
        ('linux_x86_64', False),
    ],
)
def test_platform_tags(tag: str, runs: bool) -> None:
    assert verify.runs_on(tag, target.named('ubuntu@24.04', 'amd64')) is runs


def test_many_complaints_are_cut(unpacked: pathlib.Path) -> None:
    for number in range(5):
        (unpacked / f'tool{number}').write_bytes(elf(OTHER))

    with pytest.raises(Failure, match=r'and 2 more') as raised:
        verify.check(verify.Tree(unpacked, target.host(), byte_code=True), 'tiny')

    assert '\n' not in str(raised.value)


def test_time_is_the_commit_s_when_none_is_given() -> None:
    assert archive.source_time(pathlib.Path('/'), {}) == archive.EPOCH
    assert archive.source_time(pathlib.Path('/'), {'SOURCE_DATE_EPOCH': '7'}) == archive.EPOCH
