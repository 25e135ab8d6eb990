"""Every rule has a tree that breaks it and nothing else."""

from __future__ import annotations

import functools
import marshal
import pathlib
import tempfile
from typing import TYPE_CHECKING

import pytest

from .. import assemble, metadata, target, verify
from ..failure import Failure
from . import trial

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def unpacked(artifact: assemble.Artifact, tmp_path: pathlib.Path) -> pathlib.Path:
    return trial.unpack(artifact.path, tmp_path / 'unit')


@functools.cache
def tiny() -> metadata.Charm:
    with tempfile.TemporaryDirectory() as folder:
        return metadata.load(trial.repository(pathlib.Path(folder)))


def tree(
    root: pathlib.Path, made_for: target.Target | None = None, *, byte_code: bool = True
) -> verify.Tree:
    return verify.Tree(
        root=root,
        target=made_for or target.host(),
        charm=tiny(),
        build_paths=('/build/here',),
        byte_code=byte_code,
        packages=('local_library',),
    )


def complaints(root: pathlib.Path, *, byte_code: bool = True) -> list[str]:
    return verify.complaints(tree(root, byte_code=byte_code))


def elf(machine: int, rest: bytes = b'') -> bytes:
    return b'\x7fELF' + bytes(14) + machine.to_bytes(2, 'little') + rest


def site(root: pathlib.Path) -> pathlib.Path:
    return root / target.host().site


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
    trial.edit(
        info(root, 'local_library') / 'METADATA', 'Requires-Dist: pyyaml', 'Requires-Dist: ops>2'
    )


def no_metadata(root: pathlib.Path) -> None:
    (root / 'metadata.yaml').unlink()


def dispatch_mode(root: pathlib.Path) -> None:
    (root / 'dispatch').chmod(0o644)


def no_architectures(root: pathlib.Path) -> None:
    trial.edit(root / 'manifest.yaml', 'architectures', 'architects')


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


def compiled_names(root: pathlib.Path) -> pathlib.Path:
    (found,) = (root / 'src/__pycache__').glob('names.*')
    return found


def magic_of_another_python(root: pathlib.Path) -> None:
    path = compiled_names(root)
    path.write_bytes(bytes(2) + path.read_bytes()[2:])


def source_of_older_byte_code(root: pathlib.Path) -> None:
    trial.edit(root / 'src/names.py', "'x'", "'w'")


def junk_for_byte_code(root: pathlib.Path) -> None:
    path = compiled_names(root)
    path.write_bytes(path.read_bytes()[:16] + b'junk')


def value_for_byte_code(root: pathlib.Path) -> None:
    path = compiled_names(root)
    path.write_bytes(path.read_bytes()[:16] + marshal.dumps(7))


def byte_code_of_another_place(root: pathlib.Path) -> None:
    path = compiled_names(root)
    code = compile((root / 'src/names.py').read_bytes(), '/tmp/names.py', 'exec')  # noqa: S108
    path.write_bytes(path.read_bytes()[:16] + marshal.dumps(code))


def empty_metadata(root: pathlib.Path) -> None:
    (root / 'metadata.yaml').write_text('', encoding='utf-8')


def foreign_metadata(root: pathlib.Path) -> None:
    trial.edit(root / 'metadata.yaml', 'name: tiny', 'name: other')


def no_actions(root: pathlib.Path) -> None:
    (root / 'actions.yaml').unlink()


def other_options(root: pathlib.Path) -> None:
    trial.edit(root / 'config.yaml', 'default: 1', 'default: 2')


def missing_submodule(root: pathlib.Path) -> None:
    (root / 'src/names.py').write_text('from local_library import testing\n', encoding='utf-8')


def module_that_does_not_parse(root: pathlib.Path) -> None:
    (root / 'src/names.py').write_text('def (:\n', encoding='utf-8')


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
        (no_metadata, 'metadata.yaml is missing or does not say'),
        (empty_metadata, 'metadata.yaml is missing or does not say'),
        (foreign_metadata, 'metadata.yaml is missing or does not say'),
        (no_actions, 'actions.yaml is missing or does not say'),
        (other_options, 'config.yaml is missing or does not say'),
        (missing_submodule, 'src/names.py imports local_library.testing, which is not packed'),
        (module_that_does_not_parse, 'src/names.py is no module for Python 3'),
        (dispatch_mode, 'dispatch is missing or not 0755'),
        (no_architectures, 'manifest.yaml is missing or not for'),
        (parts_folder, 'parts/charm/x is in a folder of a tool (parts)'),
        (interpreter_link, 'venv/bin/activate names an interpreter'),
        (absolute_link, 'link is a symbolic link to /etc/passwd'),
        (build_path, 'note.txt names the build folder /build/here'),
        (byte_code_by_time, 'is stamped with a time'),
        (byte_code_of_another_python, 'names.cpython-399.pyc is not for Python'),
        (magic_of_another_python, '.pyc is not for Python'),
        (source_of_older_byte_code, '.pyc was made from another names.py'),
        (junk_for_byte_code, '.pyc holds no code'),
        (value_for_byte_code, '.pyc holds no code'),
        (byte_code_of_another_place, '.pyc names its source /tmp/names.py'),
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

    verify.check(tree(root, arm64, byte_code=packed.byte_code), 'tiny')

    with pytest.raises(Failure, match='is not for amd64'):
        verify.check(tree(root, amd64, byte_code=packed.byte_code), 'tiny')


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
        verify.check(tree(unpacked), 'tiny')

    assert '\n' not in str(raised.value)
