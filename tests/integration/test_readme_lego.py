"""The commands that the README of the lego charm shows, run one after another."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
from collections.abc import Callable

import jubilant
import pages
from acme_servers import Servers

from backends import dns

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_commands_of_the_lego_readme_work(
    juju: jubilant.Juju,
    idle: Callable[[], jubilant.Status],
    artifact: Callable[[str], pathlib.Path],
    servers: Servers,
) -> None:
    readme = ROOT / 'charms/lego/README.md'
    block = re.findall(r'```sh\n(.*?)```', readme.read_text(encoding='utf-8'), re.DOTALL)
    artifact('tests/charms/requirer')
    folder = artifact('charms/lego').parent
    (folder / 'acme-root.pem').write_text(servers.acme.certificate, encoding='ascii')
    (folder / 'issuing-root.pem').write_text(servers.acme.root(), encoding='ascii')
    environ = {
        **os.environ,
        'NAMESERVER': servers.dns.address,
        'TSIG_KEY': dns.KEY_NAME,
        'TSIG_SECRET': servers.dns.secret,
        'DIRECTORY': servers.acme.directory,
    }
    subprocess.run(['juju', 'switch', str(juju.model)], check=True)

    for command in block[0].splitlines():
        pages.run(command, folder, environ)
        idle()

    assert len(block) == 1
    assert juju.status().apps['web'].app_status.message == '1/1 certificates'
