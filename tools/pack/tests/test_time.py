"""The time of an artifact is its commit's, and of no other repository's."""

from __future__ import annotations

import pathlib
import subprocess

import pytest

from .. import archive
from ..failure import Failure

COMMITTED = 1700000000


def git(folder: pathlib.Path, *arguments: str) -> None:
    subprocess.run(
        ['git', '-C', folder, '-c', 'user.name=x', '-c', 'user.email=x@example.com', *arguments],
        env={
            'PATH': '/usr/bin:/bin',
            'GIT_COMMITTER_DATE': f'{COMMITTED} +0000',
            'GIT_CONFIG_NOSYSTEM': '1',
        },
        check=True,
        capture_output=True,
    )


@pytest.fixture
def committed(tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder that a repository knows."""
    folder = tmp_path / 'charm'
    folder.mkdir()
    (folder / 'charmcraft.yaml').write_text('name: tiny\n', encoding='utf-8')
    git(tmp_path, 'init', '--quiet')
    git(tmp_path, 'add', '.')
    git(tmp_path, 'commit', '--quiet', '--message', 'x')
    return folder


def test_a_commit_gives_the_time(committed: pathlib.Path) -> None:
    assert archive.source_time(committed, {}) == COMMITTED


def test_a_folder_without_a_repository_is_of_1980(tmp_path: pathlib.Path) -> None:
    assert archive.source_time(tmp_path, {}) == archive.EPOCH


def test_an_archive_inside_another_repository_is_not_of_its_time(committed: pathlib.Path) -> None:
    (committed.parent / 'unpacked').mkdir()

    assert archive.source_time(committed.parent / 'unpacked', {}) == archive.EPOCH


GPG = """\
#!/bin/sh
cat >/dev/null
printf '\\n[GNUPG:] SIG_CREATED \\ngpg: by 7\\n' >&2
printf -- '-----BEGIN PGP SIGNATURE-----\\n\\nx\\n-----END PGP SIGNATURE-----\\n'
"""


def test_a_signature_that_git_shows_is_not_taken_for_a_time(
    committed: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    (tmp_path / 'gpg').write_text(GPG, encoding='utf-8')
    (tmp_path / 'gpg').chmod(0o755)
    git(committed, 'config', 'log.showSignature', 'true')
    git(committed, 'config', 'gpg.program', str(tmp_path / 'gpg'))
    git(committed, 'commit', '--quiet', '--allow-empty', '-S', '--message', 'signed')

    assert archive.source_time(committed, {}) == COMMITTED


def test_a_hook_of_another_repository_does_not_mislead(
    committed: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('GIT_DIR', str(tmp_path / 'absent'))

    assert archive.source_time(committed, {}) == COMMITTED


def test_a_git_that_refuses_or_is_missing_is_told(
    committed: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('GIT_TEST_ASSUME_DIFFERENT_OWNER', '1')
    with pytest.raises(Failure, match=r'dubious ownership.*set SOURCE_DATE_EPOCH'):
        archive.source_time(committed, {})

    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(Failure, match='git, which tells the time of the commit, is missing'):
        archive.source_time(committed, {})


@pytest.mark.parametrize(
    ('given', 'seconds'),
    [('7', archive.EPOCH), ('1700000000', COMMITTED), (str(archive.LATEST), archive.LATEST)],
)
def test_a_time_is_given(given: str, seconds: int) -> None:
    assert archive.source_time(pathlib.Path('/'), {'SOURCE_DATE_EPOCH': given}) == seconds


@pytest.mark.parametrize(
    'given', ['soon', '-1', '\uff17', '\u00b2', str(archive.LATEST + 1), '9' * 9999]
)
def test_a_time_that_no_zip_can_hold_is_refused(given: str) -> None:
    with pytest.raises(Failure, match='must be whole seconds since 1970') as raised:
        archive.source_time(pathlib.Path('/'), {'SOURCE_DATE_EPOCH': given})

    assert len(str(raised.value)) < 200
