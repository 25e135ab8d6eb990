"""The commands that the README of the vault-pki charm shows, run one after another."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
from collections.abc import Callable

import jubilant
import pages

from backends import openbao

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_commands_of_the_vault_readme_work(
    juju: jubilant.Juju,
    idle: Callable[[], jubilant.Status],
    artifact: Callable[[str], pathlib.Path],
    bao: openbao.OpenBao,
) -> None:
    readme = ROOT / 'charms/vault-pki/README.md'
    block = re.findall(r'```sh\n(.*?)```', readme.read_text(encoding='utf-8'), re.DOTALL)
    artifact('tests/charms/requirer')
    artifact('charms/self-signed-certificates')
    folder = artifact('charms/vault-pki').parent
    (folder / 'vault-ca.pem').write_text(bao.certificate, encoding='ascii')
    environ = {**os.environ, 'VAULT_ADDR': bao.address, 'VAULT_TOKEN': bao.root_token}
    subprocess.run(['juju', 'switch', str(juju.model)], check=True)

    for command in block[0].splitlines():
        pages.run(command, folder, environ)
        idle()

    assert len(block) == 1
    assert juju.status().apps['web'].app_status.message == '1/1 certificates'
