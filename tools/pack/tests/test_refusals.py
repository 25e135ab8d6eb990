"""What cannot be packed is told in one line, and nothing is written."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from . import trial

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable


def replace(name: str, old: str, new: str) -> Callable[[pathlib.Path], None]:
    return lambda charm: trial.edit(charm / name, old, new)


def without(name: str) -> Callable[[pathlib.Path], None]:
    return lambda charm: (charm / name).unlink()


def wrong_hashes(charm: pathlib.Path) -> None:
    lock = charm / 'requirements.lock'
    text = re.sub('sha256:[0-9a-f]+', f'sha256:{"0" * 64}', lock.read_text(encoding='utf-8'))
    lock.write_text(text, encoding='utf-8')


def hidden(charm: pathlib.Path) -> None:
    (charm / 'src' / '.env').touch()


def hidden_in_a_package(charm: pathlib.Path) -> None:
    (charm / '../../local/src/local_library/.env').touch()


def leftover(charm: pathlib.Path) -> None:
    (charm / 'src' / 'names.py~').touch()


def pipe(charm: pathlib.Path) -> None:
    os.mkfifo(charm / 'src' / 'pipe')


def pipe_in_a_part(charm: pathlib.Path) -> None:
    os.mkfifo(charm / 'templates' / 'pipe')


def link(charm: pathlib.Path) -> None:
    (charm / 'src' / 'link.py').symlink_to('names.py')


FILE = 'charmcraft.yaml'


@pytest.mark.parametrize(
    ('spoil', 'text'),
    [
        (replace(FILE, 'summary:', 'sumary:'), 'tiny/charmcraft.yaml: unknown key sumary'),
        (replace(FILE, 'type: charm', 'type: bundle'), "type must be 'charm'"),
        (replace(FILE, 'name: tiny', 'name: Tiny'), "name 'Tiny' must be lower-case"),
        (replace(FILE, 'summary: Reports', 'summary: ' + 'x' * 78), 'at most 78 characters'),
        (replace(FILE, 'description: |', 'description: {}\nx: |'), 'unknown key x'),
        (replace(FILE, 'name: tiny', 'name: [tiny'), 'tiny/charmcraft.yaml is not YAML: '),
        (
            replace(FILE, 'https://example.com', 'example.com'),
            "link 'example.com' must be an http",
        ),
        (replace(FILE, 'type: int', 'type: number'), 'option size: needs type (string, int'),
        (replace(FILE, 'default: 1', 'default: one'), "option size: default 'one' is no int"),
        (replace(FILE, 'plugin: nil', 'plugin: uv'), 'part charm: plugin uv is unknown here'),
        (replace(FILE, 'prime: [templates]', 'stage: [x]'), 'part files: prime must list'),
        (replace(FILE, '[templates]', '[../x]'), "part files: '../x' must be a path inside"),
        (replace(FILE, '[templates]', '[absent]'), 'part files: absent is not in its source'),
        (replace(FILE, 'source: .,', 'source: x.tgz,'), 'part files downloads: give a folder'),
        (replace('pyproject.toml', '"../../local"', '"../x"'), '../x holds no pyproject.toml'),
        (replace('pyproject.toml', 'path =', 'url ='), 'give its path in [tool.uv.sources]'),
        (replace('pyproject.toml', '[project]', '[project'), 'pyproject.toml cannot be read'),
        (replace(FILE, '22.04:amd64', '22.04:amd64:x'), 'platform ubuntu@22.04:amd64:x must be'),
        (replace('pyproject.toml', '["local-library"]', '5'), 'local must be a list of names'),
        (hidden, 'tiny/src/.env is hidden or a leftover'),
        (leftover, 'tiny/src/names.py~ is hidden or a leftover'),
        (pipe, 'tiny/src/pipe is neither a file nor a folder'),
        (link, 'tiny/src/link.py is neither a file nor a folder'),
        (pipe_in_a_part, 'part files: pipe is neither a file nor a folder'),
        (hidden_in_a_package, 'local/src/local_library/.env is hidden or a leftover'),
        (wrong_hashes, 'requirements.lock cannot be installed for'),
        (replace('src/names.py', '(', '(('), 'byte code for Python'),
        (without('requirements.lock'), 'requirements.lock is missing'),
        (without('pyproject.toml'), 'pyproject.toml cannot be read'),
        (without('src/charm.py'), 'src/charm.py is missing'),
    ],
)
def test_a_charm_that_cannot_be_packed_gives_one_clear_line(
    spoil: Callable[[pathlib.Path], None], text: str, charm: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    spoil(charm)

    done = trial.pack(charm, '--into', tmp_path / 'dist')

    assert done.returncode == 1
    assert done.stderr.startswith('pack: ')
    assert done.stderr.count('\n') == 1
    assert text in done.stderr
    assert not list((tmp_path / 'dist').glob('*'))


@pytest.mark.parametrize(
    ('arguments', 'text'),
    [
        (['no-such-charm'], 'no-such-charm is no charm'),
        (['--base', 'ubuntu@20.04'], 'base ubuntu@20.04: use host, or one of ubuntu@22.04'),
        (['--arch', 's390x'], 'architecture s390x: use one of amd64, arm64'),
        (['--source', 'lego'], '--source lego: must be PART=FOLDER'),
        (['--source', 'lego=/'], 'tiny has no part lego'),
        (['--compare', 'dist', '--into', './dist'], '--compare dist is the folder that is'),
        (['--base', 'ubuntu@22.04', '--arch', 'arm64'], 'does not list ubuntu@22.04:arm64'),
    ],
)
def test_a_wrong_argument_gives_one_clear_line(
    arguments: list[str], text: str, charm: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    done = trial.pack('--into', tmp_path, *arguments, charm)

    assert done.returncode == 1
    assert done.stderr.startswith('pack: ')
    assert done.stderr.count('\n') == 1
    assert text in done.stderr
