"""The commands that the charm's README shows, run one after another as they stand there."""

from __future__ import annotations

import pathlib
import re
import subprocess
from collections.abc import Callable

import jubilant
import pages

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_commands_of_the_self_signed_readme_work(
    juju: jubilant.Juju,
    idle: Callable[[], jubilant.Status],
    artifact: Callable[[str], pathlib.Path],
) -> None:
    readme = ROOT / 'charms/self-signed-certificates/README.md'
    block = re.findall(r'```sh\n(.*?)```', readme.read_text(encoding='utf-8'), re.DOTALL)
    artifact('tests/charms/requirer')
    folder = artifact('charms/self-signed-certificates').parent
    subprocess.run(['juju', 'switch', str(juju.model)], check=True)

    for command in block[0].splitlines():
        pages.run(command, folder)
        idle()

    assert len(block) == 1
    assert juju.status().apps['web'].app_status.message == '1/1 certificates'
