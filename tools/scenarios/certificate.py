"""The whole way of a certificate request: deploy, integrate, verify."""

from __future__ import annotations

import json
import pathlib
import subprocess
import tempfile
from typing import TYPE_CHECKING

from scenarios.client import Unexpected

if TYPE_CHECKING:
    from scenarios.stage import Stage

PROVIDER = 'self-signed-certificates'
CHARMS = (f'charms/{PROVIDER}', 'tests/charms/requirer')
PROGRAMS = ('openssl',)


def tell(stage: Stage) -> None:
    """Three units get a certificate each, and openssl says what it thinks of one."""
    juju = stage.juju
    with stage.step(f'juju deploy {PROVIDER}: it makes its CA and keeps it in a Juju secret'):
        juju.deploy(stage.artifact(f'charms/{PROVIDER}'), PROVIDER)
        stage.settle()
    with stage.step('juju deploy web: three units that want a certificate each'):
        names = {'sans_dns': 'web-{unit}.internal', 'sans-ip': '{address}'}
        juju.deploy(stage.artifact('tests/charms/requirer'), 'web', config=names, num_units=3)
        stage.idle()
    with stage.step(f'juju integrate web:certificates {PROVIDER}: requests go, answers come back'):
        juju.integrate('web:certificates', PROVIDER)
        stage.settle()
    stage.show('$ juju status', juju.cli('status'))
    _show_certificate(stage)


def hints(stage: Stage) -> list[str]:
    """Commands for whoever looks around afterwards."""
    del stage
    return [
        'juju run web/1 get-certificate',
        f'juju config {PROVIDER} ca-common-name="My CA"',
        'juju debug-log --limit 20',
    ]


def _show_certificate(stage: Stage) -> None:
    """The certificate of the first unit as openssl reads it, and the verdict on its chain."""
    [issued] = json.loads(stage.juju.run('web/0', 'get-certificate').results['certificates'])
    fields = ['-noout', '-subject', '-issuer', '-dates', '-ext', 'subjectAltName,extendedKeyUsage']
    stage.show('The certificate of web/0', _openssl('x509', *fields, text=issued['certificate']))
    ca = stage.juju.run(f'{PROVIDER}/leader', 'get-ca-certificate').results['ca-certificate']
    with tempfile.TemporaryDirectory() as folder:
        leaf, root = pathlib.Path(folder, 'web-0.pem'), pathlib.Path(folder, 'ca.pem')
        leaf.write_text(issued['certificate'], encoding='utf-8')
        root.write_text(ca, encoding='utf-8')
        options = ['-x509_strict', '-verify_hostname', 'web-0.internal', '-CAfile', str(root)]
        verdict = _openssl('verify', *options, str(leaf)).replace(f'{folder}/', '')
    command = f'$ openssl verify {" ".join(options).replace(f"{folder}/", "")} web-0.pem'
    stage.show(command, verdict)


def _openssl(*arguments: str, text: str = '') -> str:
    """The output of an openssl command; raises `Unexpected` with the words of one that fails."""
    command = ['openssl', *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unexpected(f'{" ".join(command)}: {done.stdout}{done.stderr}')
    return done.stdout
