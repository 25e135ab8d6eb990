"""The script of a charm's part, where the machine has a uv of its own."""

from __future__ import annotations

import pathlib
import subprocess

import yaml

from .. import archive, assemble, charmcraft, digest, install, metadata, target
from . import trial

ROOT = pathlib.Path(__file__).resolve().parents[3]


def test_the_recipe_installs_the_same_whichever_uv_the_machine_has(
    base: target.Target, charm: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    text = (ROOT / 'charms/self-signed-certificates/charmcraft.yaml').read_text(encoding='utf-8')
    recipe = yaml.safe_load(text)['parts']['charm']['override-build'].splitlines()
    for name in ('tools', 'requirements-pack.lock'):
        (tmp_path / name).symlink_to(ROOT / name)
    # Its first two lines, by a faster installer; the page's commands run them as they stand.
    install.run_uv(
        'venv', '--quiet', '--python', trial.interpreter(base.python), '.packer',
        cwd=tmp_path, what='venv',
    )  # fmt: skip
    install.run_uv(
        'pip', 'install', '--quiet', '--python', '.packer', '--require-hashes',
        '-r', 'requirements-pack.lock', cwd=tmp_path, what='install',
    )  # fmt: skip
    trial.write(tmp_path / 'programs' / 'uv', '#!/bin/sh\necho another uv >&2\nexit 7\n')
    (tmp_path / 'programs' / 'uv').chmod(0o755)

    done = subprocess.run(
        ['sh', '-euc', recipe[-1]],
        cwd=tmp_path,
        env={
            **charmcraft.kept(),
            'PATH': f'{tmp_path}/programs:/usr/bin:/bin',
            'CRAFT_PROJECT_NAME': str(charm),
            'CRAFT_PART_INSTALL': str(tmp_path / 'install'),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assemble.stage(metadata.load(charm), base, tmp_path / 'quick', tmp_path)
    for name in ('install', 'quick'):
        archive.write(tmp_path / name, tmp_path / f'{name}.charm', 1700000000)
    assert digest.differences(tmp_path / 'install.charm', tmp_path / 'quick.charm') == []
