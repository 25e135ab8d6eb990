"""The manual provider, packed, with `openssl ca` as the PKI of an organisation."""

from __future__ import annotations

import base64
import io
import json
import os
import pathlib
import re
import subprocess
import tarfile
from collections.abc import Callable
from typing import Any

import jubilant
import pytest
import verification

PROVIDER = 'manual-tls-certificates'
ROOT = pathlib.Path(__file__).resolve().parents[2]
Wait = Callable[[], jubilant.Status]
CONFIGURATION = """
[ca]
default_ca = organisation
[organisation]
dir = .
database = ./index.txt
serial = ./serial
new_certs_dir = .
certificate = ./ca.pem
private_key = ./ca.key
default_md = sha256
default_days = 90
policy = anything
copy_extensions = copy
x509_extensions = server
unique_subject = no
rand_serial = yes
[anything]
commonName = optional
organizationName = optional
x500UniqueIdentifier = optional
[server]
basicConstraints = critical, CA:FALSE
authorityKeyIdentifier = keyid
extendedKeyUsage = serverAuth, clientAuth
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[req]
distinguished_name = name
[name]
"""


class Organisation:
    """A PKI of people: a folder with a CA, and `openssl ca`."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        (folder / 'ca.cnf').write_text(CONFIGURATION)
        (folder / 'index.txt').write_text('')
        self._openssl(
            'req', '-x509', '-config', 'ca.cnf', '-extensions', 'root', '-newkey', 'rsa:2048',
            '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=The Organisation',
            '-days', '3650',
        )  # fmt: skip

    @property
    def root(self) -> str:
        return (self.folder / 'ca.pem').read_text()

    def sign(self, csr: str) -> str:
        """The certificate for a request."""
        (self.folder / 'request.csr').write_text(csr)
        self._openssl(
            'ca', '-batch', '-notext', '-config', 'ca.cnf', '-in', 'request.csr', '-out', 'out.pem'
        )
        return (self.folder / 'out.pem').read_text()

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(
            ['openssl', *arguments], cwd=self.folder, check=True, capture_output=True, text=True
        )


@pytest.fixture(scope='module')
def organisation(tmp_path_factory: pytest.TempPathFactory) -> Organisation:
    return Organisation(tmp_path_factory.mktemp('organisation'))


@pytest.fixture(scope='module')
def charm(artifact: Callable[[str], pathlib.Path]) -> pathlib.Path:
    return artifact(f'charms/{PROVIDER}')


@pytest.fixture(scope='module', autouse=True)
def deployed(
    juju: jubilant.Juju,
    idle: Wait,
    charm: pathlib.Path,
    artifact: Callable[[str], pathlib.Path],
) -> None:
    juju.deploy(charm, PROVIDER, num_units=2)
    web = {'sans_dns': 'web.internal', 'sans-ip': '10.1.2.3'}
    juju.deploy(artifact('tests/charms/requirer'), 'web', config=web)
    juju.integrate('web:certificates', PROVIDER)
    juju.integrate('web:certificate_transfer', f'{PROVIDER}:send-ca-cert')
    idle()


def act(juju: jubilant.Juju, name: str, **params: Any) -> dict[str, Any]:
    given = {key.replace('_', '-'): value for key, value in params.items()}
    return dict(juju.run(f'{PROVIDER}/leader', name, given).results)


def certificates(juju: jubilant.Juju, unit: str) -> list[dict[str, Any]]:
    return json.loads(juju.run(unit, 'get-certificate').results['certificates'])


def trusted(juju: jubilant.Juju) -> int:
    return int(juju.run('web/0', 'get-trusted-ca-certificates').results['count'])


def test_a_request_waits_and_is_answered(
    juju: jubilant.Juju, settle: Wait, organisation: Organisation
) -> None:
    status = juju.status().apps[PROVIDER].app_status
    assert status.message.startswith('0/1 issued, 1 pending; web/0: waits for a certificate since')
    [row] = json.loads(act(juju, 'get-outstanding-certificate-requests')['result'])
    signed = organisation.sign(row['csr'])

    done = act(
        juju,
        'provide-certificate',
        certificate_signing_request=base64.b64encode(row['csr'].encode()).decode(),
        certificate=base64.b64encode(signed.encode()).decode(),
        ca_certificate=base64.b64encode(organisation.root.encode()).decode(),
        relation_id=row['relation_id'],
    )
    settle()

    assert done['result'] == 'Certificates successfully provided.'
    [issued] = certificates(juju, 'web/0')
    assert sorted(issued['names']) == ['10.1.2.3', 'web.internal']
    verification.assert_verifies(issued['chain'], organisation.root, 'web.internal', lints=False)
    assert trusted(juju) == 1


def test_a_request_made_anew_with_the_same_key_is_answered_at_once(
    juju: jubilant.Juju, settle: Wait
) -> None:
    [before] = certificates(juju, 'web/0')

    juju.config('web', {'organization_name': 'Example'})
    settle()

    [after] = certificates(juju, 'web/0')
    assert after['csr'] != before['csr']
    assert after['certificate'] == before['certificate']


def test_twenty_requests_of_three_applications_are_answered_at_once(
    juju: jubilant.Juju,
    idle: Wait,
    settle: Wait,
    organisation: Organisation,
    artifact: Callable[[str], pathlib.Path],
) -> None:
    requirer = artifact('tests/charms/requirer')
    for name, count in (('one', 7), ('two', 7), ('three', 6)):
        config = {
            'num_certificates': count,
            'sans_dns': f'{{i}}.{name}.internal',
            'key-algorithm': 'ecdsa-p256',
        }
        juju.deploy(requirer, name, config=config)
        juju.integrate(f'{name}:certificates', PROVIDER)
    idle()
    exported = act(juju, 'export-requests')
    archive = base64.b64decode(exported['archive'])
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        requests = [
            content.read().decode()
            for member in files
            if member.name.endswith('.csr') and (content := files.extractfile(member))
        ]
    assert len(requests) == int(exported['total']) == 20

    secret = juju.add_secret('supply', {'cas': organisation.root})
    juju.grant_secret('supply', PROVIDER)
    bundle = ''.join(map(organisation.sign, requests))
    tried = act(juju, 'import-certificates', bundle=bundle, secret=str(secret), dry_run=True)
    done = act(juju, 'import-certificates', bundle=bundle, secret=str(secret))
    settle()

    assert tried['result'] == '20 supplied, 1 CA certificate; nothing was published'
    assert done['result'] == '20 supplied, 1 CA certificate'
    assert juju.status().apps[PROVIDER].app_status.message.startswith('21/21 issued; first')
    for name, count in (('one', 7), ('two', 7), ('three', 6)):
        assert len(certificates(juju, f'{name}/0')) == count
    juju.remove_application('one', 'two', 'three')
    idle()


def test_a_request_is_refused_and_minds_change(
    juju: jubilant.Juju, idle: Wait, settle: Wait, organisation: Organisation
) -> None:
    juju.config('web', {'sans_dns': 'other.internal'})
    idle()
    rows = json.loads(act(juju, 'list-requests')['requests'])
    [waiting] = [row['id'] for row in rows if row['state'] == 'pending']

    act(juju, 'refuse-request', id=waiting, reason='ask for web.internal', code=102)
    idle()
    [request] = json.loads(juju.run('web/0', 'get-requests').results['requests'])
    assert (request['state'], request['code']) == ('denied', 102)
    assert request['message'] == 'ask for web.internal'
    act(juju, 'refuse-request', id=waiting, withdraw=True)
    idle()
    [row] = json.loads(act(juju, 'get-outstanding-certificate-requests')['result'])
    act(
        juju,
        'provide-certificate',
        id=waiting,
        certificate=organisation.sign(row['csr']),
        ca_certificate=organisation.root,
    )
    settle()

    assert sorted(certificates(juju, 'web/0')[0]['names']) == ['10.1.2.3', 'other.internal']


def test_nothing_is_lost_when_the_leader_or_the_charm_changes(
    juju: jubilant.Juju, settle: Wait, charm: pathlib.Path
) -> None:
    before = certificates(juju, 'web/0')
    juju.refresh(PROVIDER, path=charm)
    settle()
    units = juju.status().apps[PROVIDER].units
    [leader] = [name for name, unit in units.items() if unit.leader]
    juju.remove_unit(leader)
    juju.wait(lambda status: leader not in status.apps[PROVIDER].units, delay=0.2, successes=1)
    juju.config('web', {'organization_name': 'Another'})
    settle()

    after = certificates(juju, 'web/0')
    assert after[0]['csr'] != before[0]['csr']
    assert after[0]['certificate'] == before[0]['certificate']


def test_trust_is_exactly_what_the_options_say(
    juju: jubilant.Juju, idle: Wait, organisation: Organisation, tmp_path: pathlib.Path
) -> None:
    other = Organisation(tmp_path).root
    juju.config(PROVIDER, {'trusted-certificate-bundle': other + organisation.root})
    idle()
    assert trusted(juju) == 2

    juju.config(PROVIDER, {'trusted-certificate-bundle': organisation.root})
    idle()
    assert trusted(juju) == 1


def test_commands_of_the_readme_work(
    juju: jubilant.Juju,
    idle: Wait,
    charm: pathlib.Path,
    organisation: Organisation,
    artifact: Callable[[str], pathlib.Path],
) -> None:
    with jubilant.temp_model() as model:
        readme = (ROOT / f'charms/{PROVIDER}/README.md').read_text(encoding='utf-8')
        first, second = re.findall(r'```sh\n(.*?)```', readme, re.DOTALL)
        for path in (charm, artifact('tests/charms/requirer')):
            (organisation.folder / path.name).write_bytes(path.read_bytes())
        subprocess.run(['juju', 'switch', str(model.model)], check=True)
        second = 'juju config web sans_dns=another.internal\n' + second

        for command in (first + second).splitlines():
            done = subprocess.run(
                ['bash', '-euo', 'pipefail', '-c', command],
                cwd=organisation.folder,
                env=os.environ,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f'{command}: {done.stdout}{done.stderr}'
            model.wait(jubilant.all_agents_idle, error=jubilant.any_error, delay=0.2, successes=1)

        assert model.status().apps['web'].app_status.message == '1/1 certificates'
