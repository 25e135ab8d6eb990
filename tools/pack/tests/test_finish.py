from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from .. import archive, assemble, digest, finish, target, unit
from ..failure import Failure
from . import trial

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable

NOBLE = target.named('ubuntu@24.04', 'amd64')
NOBLE_INFO = f'{NOBLE.site}/local_library-1.dist-info'.replace('.', '_')


@pytest.fixture(scope='module')
def built(tmp_path_factory: pytest.TempPathFactory) -> assemble.Artifact:
    """The small charm, packed by the quick engine."""
    folder = tmp_path_factory.mktemp('finish')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('SOURCE_DATE_EPOCH', '1700000000')
        return assemble.build(trial.repository(folder), NOBLE, folder / 'uv')


def rewritten(artifact: pathlib.Path, into: pathlib.Path, **texts: str | bytes) -> pathlib.Path:
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
    built: assemble.Artifact, charm: pathlib.Path, tmp_path: pathlib.Path
) -> None:
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
        ({'manifest_yaml': b'\xff'}, 'manifest.yaml is no text'),
        ({'manifest_yaml': 'charmcraft-started-at: 1\n[\n'}, 'manifest.yaml is not YAML'),
        ({'metadata_yaml': ''}, 'metadata.yaml is missing or does not say'),
        ({'metadata_yaml': b'\xff'}, 'metadata.yaml cannot be read'),
        ({f'{NOBLE_INFO}/RECORD': b'\xff'}, '/RECORD cannot be read'),
        ({'src/names_py': 'x = 1\n'}, 'was made from another names.py'),
        ({'templates/a_txt': 'in /root/project\n'}, 'a.txt names the build folder /root/project'),
        ({'templates/a_txt': 'in {charm}\n'}, 'templates/a.txt names the build folder'),
        ({'src/names_py': 'import absent\n'}, 'src/names.py imports absent, which is not packed'),
    ],
)
def test_an_artifact_that_breaks_a_rule_is_not_finished(
    built: assemble.Artifact,
    charm: pathlib.Path,
    tmp_path: pathlib.Path,
    texts: dict[str, str | bytes],
    text: str,
) -> None:
    texts = {
        name: content.format(charm=charm) if isinstance(content, str) else content
        for name, content in texts.items()
    }
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


def no_zip(data: bytes) -> bytes:
    return b'PK no zip'


def damaged(data: bytes) -> bytes:
    """The first entry's deflated data overwritten: it begins behind its name."""
    start = 30 + int.from_bytes(data[26:28], 'little')
    return data[:start] + b'\xff' * 20 + data[start + 20 :]


def flagged(data: bytes) -> bytes:
    """The first entry marked as encrypted, where the name and in the directory."""
    entry = data.index(b'PK\x01\x02')
    marked = bytearray(data)
    marked[6] |= 1
    marked[entry + 8] |= 1
    return bytes(marked)


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


@pytest.mark.parametrize('spoil', [no_zip, damaged, flagged, cut])
def test_what_is_no_zip_is_no_artifact(
    spoil: Callable[[bytes], bytes],
    artifact: assemble.Artifact,
    charm: pathlib.Path,
    tmp_path: pathlib.Path,
) -> None:
    path = tmp_path / 'tiny_ubuntu@24.04-amd64.charm'
    path.write_bytes(spoil(artifact.path.read_bytes()))

    with pytest.raises(Failure, match='is no artifact'):
        finish.finish(path, charm, tmp_path / 'dist')
    with pytest.raises(Failure, match='is no artifact'):
        digest.tree_digest(path)


def test_byte_code_and_the_builders_words_do_not_count(
    built: assemble.Artifact, tmp_path: pathlib.Path
) -> None:
    other = rewritten(built.path, tmp_path / 'other')
    template = rewritten(built.path, tmp_path / 'more', **{'templates/a_txt': 'x'})

    assert digest.tree_digest(other) == digest.tree_digest(built.path)
    assert digest.differences(template, built.path) == ['templates/a.txt']


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
