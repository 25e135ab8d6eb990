"""What is documented is there, and what is there is documented."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import pytest
import yaml

from tls_provider.testing import common

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHARMS = [*ROOT.glob('charms/*'), *ROOT.glob('tests/charms/*')]
PAGES = [*ROOT.glob('*.md'), *ROOT.glob('docs/**/*.md'), *ROOT.glob('charms/*/*.md')]
LOCKS = [*ROOT.glob('*.lock'), *ROOT.glob('charms/*/*.lock'), *ROOT.glob('tests/charms/*/*.lock')]


def name(path: pathlib.Path) -> str:
    return str(path.relative_to(ROOT))


def charmcraft(charm: pathlib.Path) -> dict[str, Any]:
    return yaml.safe_load((charm / 'charmcraft.yaml').read_text(encoding='utf-8'))


@pytest.mark.parametrize('charm', CHARMS, ids=name)
def test_readme_has_every_option_and_action(charm: pathlib.Path) -> None:
    declared = charmcraft(charm)
    readme = (charm / 'README.md').read_text(encoding='utf-8')

    names = [*declared.get('config', {}).get('options', {}), *declared.get('actions', {})]

    assert names
    assert [one for one in names if f'`{one}`' not in readme] == []


@pytest.mark.parametrize('charm', [*ROOT.glob('charms/*')], ids=name)
def test_charms_have_the_common_face(charm: pathlib.Path) -> None:
    assert common.lacking(charmcraft(charm)) == []


def test_readme_shows_commands_that_make_has() -> None:
    readme = (ROOT / 'README.md').read_text(encoding='utf-8')
    targets = re.findall(r'^(\w+):', (ROOT / 'Makefile').read_text(encoding='utf-8'), re.MULTILINE)

    shown = re.findall(r'^make (\w+)$', readme, re.MULTILINE)

    assert shown == ['demo', 'test']
    assert set(shown) <= set(targets)


@pytest.mark.parametrize('page', PAGES, ids=name)
def test_links_lead_somewhere(page: pathlib.Path) -> None:
    links = re.findall(r'\]\((?!https?:)([^)#]+)', page.read_text(encoding='utf-8'))

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize('lock', LOCKS, ids=name)
def test_locks_have_hashes_and_no_address(lock: pathlib.Path) -> None:
    text = lock.read_text(encoding='utf-8')

    assert '--hash=sha256:' in text
    assert re.search(r'://|--(index|find)', text) is None


@pytest.mark.parametrize(
    'tox_environment', ['unit-shared', 'conformance', 'integration', 'bench', 'pack', 'lock']
)
def test_readme_shows_environments_that_tox_has(tox_environment: str) -> None:
    readme = (ROOT / 'README.md').read_text(encoding='utf-8')
    tox = (ROOT / 'tox.ini').read_text(encoding='utf-8')

    assert f'-e {tox_environment}' in readme
    short = tox_environment.removeprefix('unit-')
    assert f'[testenv:{short}]' in tox or f'{short},' in tox or f',{short}' in tox
