"""Every charm is packed by one recipe, whichever engine packs it."""

from __future__ import annotations

import pathlib

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = sorted(
    [*ROOT.glob('charms/*/charmcraft.yaml'), *ROOT.glob('tests/charms/*/charmcraft.yaml')]
)
PLATFORMS = {
    f'ubuntu@{channel}:{architecture}'
    for channel in ('22.04', '24.04')
    for architecture in ('amd64', 'arm64')
}


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.parent.name)
def test_a_charm_is_named_like_its_folder_and_packed_by_the_recipe_for_every_platform(
    path: pathlib.Path,
) -> None:
    charm = yaml.safe_load(path.read_text(encoding='utf-8'))
    part = charm['parts']['charm']

    assert charm['name'] == path.parent.name
    assert set(charm['platforms']) == PLATFORMS
    assert part['plugin'] == 'nil'
    assert part['build-packages'] == ['python3-venv']
    assert 'build-snaps' not in part
    assert (path.parent / part['source']).resolve() == ROOT
    assert part['override-build'].splitlines() == [
        'python3 -m venv .packer',
        '.packer/bin/pip install --quiet --only-binary :all: --require-hashes'
        ' -r requirements-pack.lock',
        '.packer/bin/python tools/pack "$CRAFT_PROJECT_NAME" --stage "$CRAFT_PART_INSTALL"',
    ]
