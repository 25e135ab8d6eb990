"""The vault-pki provider, packed, with a real OpenBao server and the real requirer library."""

from __future__ import annotations

import base64
import contextlib
import json
import pathlib
import subprocess
from collections.abc import Callable
from typing import Any

import jubilant
import pytest
import verification

from backends import openbao
from tls_provider import x509

PROVIDER = 'vault-pki'
Wait = Callable[[], jubilant.Status]
Artifact = Callable[[str], pathlib.Path]


@pytest.fixture(scope='module', autouse=True)
def deployed(juju: jubilant.Juju, idle: Wait, artifact: Artifact, bao: openbao.OpenBao) -> None:
    config = {'vault-address': bao.address, 'vault-ca-certificates': bao.certificate}
    juju.deploy(artifact(f'charms/{PROVIDER}'), PROVIDER, config=config)
    web = {'sans_dns': 'web.internal', 'sans-ip': '10.1.2.3', 'key-algorithm': 'ecdsa-p256'}
    juju.deploy(artifact('tests/charms/requirer'), 'web', config=web)
    juju.integrate('web:certificates', f'{PROVIDER}:certificates')
    juju.integrate('web:certificate_transfer', f'{PROVIDER}:send-ca-cert')
    idle()


def secrets(juju: jubilant.Juju) -> dict[str, Any]:
    return json.loads(juju.cli('secrets', '--format', 'json'))


def act(juju: jubilant.Juju, name: str, **params: Any) -> dict[str, Any]:
    given = {key.replace('_', '-'): value for key, value in params.items()}
    return dict(juju.run(f'{PROVIDER}/leader', name, given).results)


def status(juju: jubilant.Juju) -> tuple[str, str]:
    shown = juju.status().apps[PROVIDER].app_status
    return shown.current, shown.message


def certificate(juju: jubilant.Juju) -> dict[str, Any]:
    [issued] = json.loads(juju.run('web/0', 'get-certificate').results['certificates'])
    return issued


def part(juju: jubilant.Juju, parent: str) -> None:
    juju.remove_relation(f'{PROVIDER}:parent', f'{parent}:certificates')
    juju.wait(
        lambda status: 'parent' not in status.apps[PROVIDER].relations, delay=0.2, successes=1
    )


def trusted(juju: jubilant.Juju) -> dict[str, Any]:
    return dict(juju.run('web/0', 'get-trusted-ca-certificates').results)


def authorize(juju: jubilant.Juju, bao: openbao.OpenBao) -> str:
    secret = juju.add_secret('admin', {'token': bao.root_token})
    juju.grant_secret('admin', PROVIDER)
    result = act(juju, 'authorize', secret_id=str(secret))['result']
    juju.cli('remove-secret', 'admin')
    return result


def assert_revocation_counts(
    bao: openbao.OpenBao, issued: dict[str, Any], folder: pathlib.Path, *, revoked: bool
) -> None:
    """Ask openssl, with the list of each CA below the root that Vault has."""
    leaf, *chain = issued['chain']
    lists = [
        bao.get(f'charm-pki/issuer/{issuer}/crl/pem').decode()
        for issuer in bao.call('LIST', 'charm-pki/issuers')['data']['keys']
        if bao.call('GET', f'charm-pki/issuer/{issuer}')['data']['key_id']
    ]
    bundle = folder / 'bundle.pem'
    bundle.write_text('\n'.join([*chain, *lists]), encoding='ascii')
    done = subprocess.run(
        ['openssl', 'verify', '-crl_check', '-CAfile', bundle],
        input=leaf,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode != 0) is revoked, done.stdout + done.stderr
    assert ('certificate revoked' in done.stderr) is revoked


def test_it_says_what_to_do_first(juju: jubilant.Juju, bao: openbao.OpenBao) -> None:
    assert status(juju)[0] == 'blocked'
    assert status(juju)[1].startswith('not authorised: run authorize with the token')

    result = authorize(juju, bao)

    assert 'Next: no CA certificate; integrate parent with a provider' in result


def test_below_self_signed_certificates_to_a_requirer(
    juju: jubilant.Juju, idle: Wait, settle: Wait, artifact: Artifact
) -> None:
    root = artifact('charms/self-signed-certificates')
    config = {'certificate-validity': '365d', 'root-ca-validity': '3650d'}
    juju.deploy(root, 'root', config=config)
    juju.integrate(f'{PROVIDER}:parent', 'root:certificates')
    idle()
    assert status(juju)[0] == 'blocked'
    assert status(juju)[1].startswith('root refused the CA certificate (')
    juju.config('root', {'allow-ca-requests': PROVIDER})
    settle()

    issued = certificate(juju)
    anchor = juju.run('root/leader', 'get-ca-certificate').results['ca-certificate']
    assert sorted(issued['names']) == ['10.1.2.3', 'web.internal']
    assert len(issued['chain']) == 3
    verification.assert_verifies(issued['chain'], anchor, 'web.internal')
    assert juju.run('web/0', 'check').results['checked'] == '1'
    assert trusted(juju) == {'count': '1', 'ca-certificates': anchor.strip()}


def test_the_key_is_in_vault_alone(juju: jubilant.Juju, bao: openbao.OpenBao) -> None:
    owned = [one for one in secrets(juju).values() if one.get('owner') == PROVIDER]
    keys = bao.call('LIST', 'charm-pki/keys')['data']['key_info']

    assert len(keys) == 1
    labels = [str(one.get('label', '')) for one in owned]
    assert 'vault-approle-auth-details' in labels
    assert not [label for label in labels if 'private-key' in label]


def test_the_parent_gets_a_new_root_and_everything_follows(
    juju: jubilant.Juju, settle: Wait
) -> None:
    before = certificate(juju)

    juju.run('root/leader', 'rotate-private-key')
    settle()

    after = certificate(juju)
    anchor = juju.run('root/leader', 'get-ca-certificate').results['ca-certificate']
    assert after['ca-certificate'].strip() == anchor.strip() != before['ca-certificate'].strip()
    verification.assert_verifies(after['chain'], anchor, 'web.internal')
    assert trusted(juju)['count'] == '2'


def test_a_revoked_leaf_is_rejected(
    juju: jubilant.Juju, settle: Wait, bao: openbao.OpenBao, tmp_path: pathlib.Path
) -> None:
    before = certificate(juju)
    assert_revocation_counts(bao, before, tmp_path, revoked=False)
    [row] = json.loads(act(juju, 'list-certificates')['certificates'])

    act(juju, 'revoke-certificate', id=row['id'])
    settle()

    after = certificate(juju)
    assert_revocation_counts(bao, before, tmp_path, revoked=True)
    assert_revocation_counts(bao, after, tmp_path, revoked=False)


def test_a_sealed_server_is_told_and_used_again(
    juju: jubilant.Juju, idle: Wait, settle: Wait, bao: openbao.OpenBao
) -> None:
    before = certificate(juju)
    bao.seal()
    juju.config('web', {'sans_dns': 'sealed.internal'})
    idle()
    assert status(juju)[0] == 'active'
    assert 'is sealed; unseal it' in status(juju)[1]
    [request] = json.loads(juju.run('web/0', 'get-requests').results['requests'])
    assert request['code'] == 201
    bao.restart()

    juju.cli('advance-clock', '6m')
    settle()

    assert certificate(juju)['names'] != before['names']
    juju.config('web', {'sans_dns': 'web.internal'})
    settle()


def test_an_option_of_the_role_refuses_and_serves(
    juju: jubilant.Juju, idle: Wait, settle: Wait
) -> None:
    juju.config(PROVIDER, {'allow-ip-sans': False})
    idle()
    juju.config('web', {'sans-ip': '10.9.9.9'})
    idle()
    [request] = json.loads(juju.run('web/0', 'get-requests').results['requests'])
    assert request['code'] == 101

    juju.config(PROVIDER, {'allow-ip-sans': True})
    settle()

    assert '10.9.9.9' in certificate(juju)['names']


def test_below_people_by_the_manual_provider(
    juju: jubilant.Juju,
    idle: Wait,
    settle: Wait,
    artifact: Artifact,
    tmp_path: pathlib.Path,
) -> None:
    part(juju, 'root')
    idle()
    labels = [str(one.get('label', '')) for one in secrets(juju).values()]
    assert not [label for label in labels if '-certificate-parent-' in label]
    config = {'allow-ca-requests': PROVIDER}
    juju.deploy(artifact('charms/manual-tls-certificates'), 'people', config=config)
    juju.integrate(f'{PROVIDER}:parent', 'people:certificates')
    juju.config(PROVIDER, {'ca-common-name': 'Signed by people'})
    idle()
    [row] = json.loads(
        juju.run('people/leader', 'get-outstanding-certificate-requests').results['result']
    )
    authority = Organisation(tmp_path)

    juju.run(
        'people/leader',
        'provide-certificate',
        {
            'certificate-signing-request': encoded(row['csr']),
            'certificate': encoded(authority.sign(row['csr'])),
            'ca-certificate': encoded(authority.root),
            'relation-id': row['relation_id'],
        },
    )
    settle()

    issued = certificate(juju)
    verification.assert_verifies(issued['chain'], authority.root, 'web.internal', lints=False)
    assert 'CN=Signed by people' in x509.parse_certificate(issued['chain'][1]).subject


def test_below_people_by_actions(
    juju: jubilant.Juju, idle: Wait, settle: Wait, tmp_path: pathlib.Path
) -> None:
    part(juju, 'people')
    idle()
    authority = Organisation(tmp_path)
    csr = act(juju, 'get-ca-csr', renew=True)['csr']

    act(
        juju,
        'provide-ca-certificate',
        certificate=encoded(authority.sign(csr)),
        ca_certificate=encoded(authority.root),
    )
    settle()

    issued = certificate(juju)
    verification.assert_verifies(issued['chain'], authority.root, 'web.internal', lints=False)


def test_a_root_in_vault(
    juju: jubilant.Juju, settle: Wait, bao: openbao.OpenBao, tmp_path: pathlib.Path
) -> None:
    juju.config(PROVIDER, {'ca-type': 'root', 'ca-common-name': 'A root'})
    settle()

    issued = certificate(juju)
    root = act(juju, 'get-ca-certificate')['ca-certificate']
    assert len(issued['chain']) == 2
    verification.assert_verifies(issued['chain'], root, 'web.internal')
    assert_revocation_counts(bao, issued, tmp_path, revoked=False)


def test_nothing_is_lost_when_the_charm_is_refreshed(
    juju: jubilant.Juju, settle: Wait, artifact: Artifact
) -> None:
    before = certificate(juju)

    juju.refresh(PROVIDER, path=artifact(f'charms/{PROVIDER}'))
    settle()

    assert certificate(juju) == before


def test_no_secret_was_seen_anywhere(juju: jubilant.Juju, bao: openbao.OpenBao) -> None:
    [name] = [
        name
        for name, one in secrets(juju).items()
        if one.get('label') == 'vault-approle-auth-details'
    ]
    shown = json.loads(juju.cli('show-secret', name, '--reveal', '--format', 'json'))
    [content] = [one['content']['Data'] for one in shown.values()]
    values = [bao.root_token, bao.unseal_key, content['secret-id']]
    seen = [
        juju.debug_log(),
        juju.cli('status', '--format', 'yaml'),
        juju.cli('show-unit', f'{PROVIDER}/0', 'web/0'),
    ]

    assert not [text for text in seen for value in values if value in text]


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class Organisation:
    """A PKI of people: a folder with a root, and openssl."""

    EXTENSIONS = (
        'basicConstraints = critical, CA:TRUE, pathlen:0\n'
        'keyUsage = critical, keyCertSign, cRLSign\n'
        'subjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n'
    )

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        (folder / 'ca.ext').write_text(self.EXTENSIONS)
        with contextlib.suppress(FileExistsError):
            (folder / 'request.csr').touch(exist_ok=False)
        self._openssl(
            'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem',
            '-subj', '/CN=The Organisation', '-days', '3650',
            '-addext', 'keyUsage = critical, keyCertSign, cRLSign',
        )  # fmt: skip

    @property
    def root(self) -> str:
        return (self.folder / 'ca.pem').read_text()

    def sign(self, csr: str) -> str:
        (self.folder / 'request.csr').write_text(csr)
        self._openssl(
            'x509', '-req', '-in', 'request.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key',
            '-CAcreateserial', '-out', 'out.pem', '-days', '365', '-extfile', 'ca.ext',
        )  # fmt: skip
        return (self.folder / 'out.pem').read_text()

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(
            ['openssl', *arguments], cwd=self.folder, check=True, capture_output=True, text=True
        )
