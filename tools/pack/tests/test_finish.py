from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from .. import archive, assemble, digest, finish, imports, target, unit
from ..failure import Failure
from . import trial

if TYPE_CHECKING:
    import pathlib

NOBLE = target.named('ubuntu@24.04', 'amd64')


def rewritten(artifact: pathlib.Path, into: pathlib.Path, **texts: str) -> pathlib.Path:
    """An artifact as charmcraft may leave it: entries in another order, times of the build."""
    into.mkdir(parents=True)
    with zipfile.ZipFile(artifact) as old, zipfile.ZipFile(into / artifact.name, 'w') as new:
        for entry in reversed(old.infolist()):
            data = old.read(entry)
            if entry.filename == 'manifest.yaml':
                data = data.replace(b"'2023-11-14T22:13:20+00:00'", b"'2026-01-02T03:04:05.6'")
                assert b'2026' in data
            entry.date_time = (2026, 1, 2, 3, 4, 6)
            new.writestr(entry, texts.get(entry.filename.replace('.', '_'), data))
    return into / artifact.name


def test_an_artifact_is_normalised_to_the_bytes_of_the_other_engine(
    charm: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    built = assemble.build(charm, NOBLE, tmp_path / 'uv')
    left = rewritten(built.path, tmp_path / 'charmcraft')
    assert archive.sha256(left) != built.sha256

    done = finish.finish(left, charm, tmp_path / 'dist')

    assert archive.sha256(done) == built.sha256


@pytest.mark.parametrize(
    ('texts', 'text'),
    [
        (
            {'manifest_yaml': 'bases: []\n'},
            'manifest.yaml is missing or has no charmcraft-started',
        ),
        ({'templates/a_txt': 'in {charm}\n'}, 'templates/a.txt names the build folder'),
        ({'src/names_py': 'import absent\n'}, 'src/names.py imports absent, which is not packed'),
    ],
)
def test_an_artifact_that_breaks_a_rule_is_not_finished(
    charm: pathlib.Path, tmp_path: pathlib.Path, texts: dict[str, str], text: str
) -> None:
    built = assemble.build(charm, NOBLE, tmp_path / 'uv')
    texts = {name: content.format(charm=charm) for name, content in texts.items()}
    left = rewritten(built.path, tmp_path / 'charmcraft', **texts)

    with pytest.raises(Failure, match=text):
        finish.finish(left, charm, tmp_path / 'dist', (str(charm),))

    assert not (tmp_path / 'dist').exists()


@pytest.mark.parametrize(
    'name', ['tiny.charm', 'tiny_ubuntu@24.04-amd64.zip', 'x_debian@12-amd64']
)
def test_a_file_by_another_name_is_not_finished(
    charm: pathlib.Path, tmp_path: pathlib.Path, name: str
) -> None:
    with pytest.raises(Failure, match='must be named'):
        finish.finish(tmp_path / name, charm, tmp_path / 'dist')


def test_what_is_no_zip_is_no_artifact(charm: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = tmp_path / 'tiny_ubuntu@24.04-amd64.charm'
    path.write_bytes(b'PK no zip')

    with pytest.raises(Failure, match='is no artifact'):
        finish.finish(path, charm, tmp_path / 'dist')
    with pytest.raises(Failure, match='is no artifact'):
        digest.tree_digest(path)


def test_byte_code_and_the_builders_words_do_not_count(
    charm: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    built = assemble.build(charm, NOBLE, tmp_path / 'uv').path
    other = rewritten(built, tmp_path / 'other')
    template = rewritten(built, tmp_path / 'more', **{'templates/a_txt': 'x'})

    assert digest.tree_digest(other) == digest.tree_digest(built)
    assert digest.differences(template, built) == ['templates/a.txt']


@pytest.mark.parametrize(
    ('source', 'found'),
    [
        ('import absent', ['absent']),
        ('import os, yaml, names', []),
        ('import yaml.absent', ['yaml.absent']),
        ('from absent.part import x', ['absent.part']),
        ('def later():\n    import absent', ['absent']),
        ('try:\n    import absent\nexcept ImportError:\n    import lost', ['lost']),
        ('try:\n    import absent\nexcept ValueError:\n    pass', ['absent']),
        ('if typing.TYPE_CHECKING:\n    import absent\nelse:\n    import lost', ['lost']),
        ('from . import names', []),
        ('from .absent import x', ['absent']),
    ],
)
def test_imports_that_nothing_satisfies_are_found(
    tmp_path: pathlib.Path, source: str, found: list[str]
) -> None:
    site = tmp_path / 'venv'
    trial.write(site / 'yaml' / '__init__.py', '')
    trial.write(tmp_path / 'src' / 'names.py', '')
    trial.write(tmp_path / 'src' / 'charm.py', source)

    complaints = imports.missing(tmp_path, site, (tmp_path / 'src',))

    assert complaints == [f'src/charm.py imports {name}, which is not packed' for name in found]


def test_a_module_of_the_machine_is_found_on_the_unit(
    charm: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    trial.write(tmp_path / 'machine' / 'elsewhere.py', '')
    module = (
        f"import sys\nsys.path.append({str(tmp_path / 'machine')!r})\n__import__('elsewhere')\n"
    )
    trial.write(charm / 'src' / 'charm.py', module)
    built = assemble.build(charm, target.host(), tmp_path / 'dist')

    with pytest.raises(Failure, match='loads modules of the machine: elsewhere '):
        unit.run([built])
