"""The policy is exactly enough: nothing of it can be left out, and nothing else is allowed."""

from __future__ import annotations

import contextlib
import dataclasses
import json

import pytest
from conftest import CSR, ROOT, Bed, prepare, sign
from ops import testing

from access import Policy
from backends import openbao
from tls_provider.testing import pki

RULES = {managed: Policy('MOUNT', 'charm', managed).rules() for managed in (True, False)}
WORDS = [
    (managed, path, word)
    for managed, rules in RULES.items()
    for path, words in rules.items()
    for word in words.replace('"', '').split(', ')
]


def log_in_by(bed: Bed, text: str) -> None:
    """Give the charm an AppRole with this policy."""
    name = f'{bed.mount}-hand-made'
    bed.bao.call('PUT', f'sys/policies/acl/{name}', {'policy': text})
    with contextlib.suppress(openbao.Refused):  # there is one already
        bed.bao.call('POST', 'sys/auth/approle', {'type': 'approle'})
    place = f'auth/approle/role/{name}'
    values = {'token_policies': [name], 'token_no_default_policy': True, 'token_type': 'batch'}
    bed.bao.call('POST', place, values)
    content = {
        'role-id': bed.bao.call('GET', f'{place}/role-id')['data']['role_id'],
        'secret-id': bed.bao.call('POST', f'{place}/secret-id', {})['data']['secret_id'],
    }
    secret = testing.Secret(content)
    bed.state = dataclasses.replace(bed.state, secrets={secret})
    bed.configure(credentials_secret_id=secret.id)


class Life:
    """A charm that does everything it can do; notes each time that it is blocked."""

    def __init__(self, bed: Bed):
        self.bed = bed
        self.complaints: list[str] = []

    def note(self) -> None:
        current, message = self.bed.status
        if (
            current == 'blocked' and not message.startswith('no CA certificate;')
        ) or ' to revoke: ' in message:
            self.complaints.append(message)

    def act(self, name: str, **params: object) -> dict[str, str]:
        try:
            return self.bed.act(name, **params)
        except testing.ActionFailed as failed:
            self.complaints.append(failed.message)
            return {}
        finally:
            self.note()

    def live(self, policy: str) -> None:
        log_in_by(self.bed, policy)
        self.note()

    def use(self) -> None:
        """Sign with keys of both kinds and revoke."""
        self.bed.ask(CSR)
        self.note()
        self.bed.ask(pki.request('rsa.example.test', key='rsa'), app='rsa')
        self.note()
        for row in json.loads(self.act('list-certificates')['certificates'])[:1]:
            self.act('revoke-certificate', id=row['id'])

    def intermediate(self) -> None:
        if csr := self.act('get-ca-csr').get('csr'):
            self.bed.replace_state(asked=None)  # as if that hook were lost
            again = self.act('get-ca-csr').get('csr', '')
            assert again != csr
            if again:
                self.act(
                    'provide-ca-certificate',
                    certificate=sign(again).pem,
                    ca_certificate=ROOT.certificate.pem,
                )


@pytest.mark.parametrize(('managed', 'path', 'word'), WORDS, ids=str)
def test_nothing_of_the_policy_can_be_left_out(bed: Bed, managed: bool, path: str, word: str):
    policy = Policy(bed.mount, 'charm', managed)
    place = path.replace('MOUNT', bed.mount)
    words = policy.rules()[place]
    left = ', '.join(one for one in words.split(', ') if one != f'"{word}"')
    full = f'path "{place}" {{ capabilities = [{words}] }}'
    assert full in policy.text
    life = Life(bed)
    bed.configure(public_address=bed.bao.address, manage_mount=managed)
    if not managed:
        prepare(bed)
    elif 'tune' in path:  # of a mount whose certificates may not live long
        bed.bao.call('POST', f'sys/mounts/{bed.mount}', {'type': 'pki'})

    life.live(policy.text.replace(full, f'path "{place}" {{ capabilities = [{left}] }}'))
    if managed and 'generate/root' in path:
        bed.configure(ca_type='root')
        life.note()
    elif managed:
        life.intermediate()
    life.use()
    if managed and 'generate/root' not in path:
        bed.configure(ca_common_name='Next', certificate_validity='30d')
        life.note()
        life.intermediate()

    assert life.complaints
    told = 'to revoke: denied ' + place if path.endswith('/revoke') else full
    assert any(told in complaint for complaint in life.complaints), life.complaints


def test_without_the_right_to_tune_all_else_is_done(rooted: Bed):
    """Where somebody has shortened what may live in the mount."""
    rooted.bao.call('POST', f'sys/mounts/{rooted.mount}/tune', {'max_lease_ttl': '8760h'})
    text = Policy(rooted.mount, 'charm', True).text
    kept = '\n'.join(line for line in text.splitlines() if '/tune"' not in line)
    rooted.bao.call('POST', f'sys/policies/acl/{rooted.policy}', {'policy': kept})

    rooted.configure(allowed_domains='x.test')
    relation = rooted.ask(pki.request('www.x.test'))

    assert rooted.entry(relation)
    written = rooted.bao.call('GET', f'{rooted.mount}/roles/charm-ecdsa')['data']
    assert written['allowed_domains'] == ['x.test']
    assert rooted.status[0] == 'blocked'
    assert f'denied sys/mounts/{rooted.mount}/tune: add path' in rooted.status[1]


@pytest.mark.parametrize('managed', [True, False])
def test_with_all_of_it_everything_works(bed: Bed, managed: bool):
    life = Life(bed)
    bed.configure(public_address=bed.bao.address, manage_mount=managed)
    if not managed:
        prepare(bed)
    life.live(Policy(bed.mount, 'charm', managed).text)
    if managed:
        life.intermediate()
    life.use()
    if managed:
        bed.configure(ca_common_name='Next', certificate_validity='30d')
        life.intermediate()

    assert life.complaints == []
    assert bed.status[1].startswith('2/2 issued; first expiry')


ELSEWHERE: list[tuple[str, str, dict[str, object] | None]] = [
    ('LIST', 'sys/policies/acl', None),
    ('GET', 'sys/mounts', None),
    ('GET', 'sys/auth', None),
    ('POST', 'sys/mounts/another', {'type': 'kv'}),
    ('DELETE', 'sys/mounts/{mount}', None),
    ('POST', 'sys/auth/userpass', {'type': 'userpass'}),
    ('PUT', 'sys/policies/acl/mine', {'policy': ''}),
    ('PUT', 'sys/policies/acl/{policy}', {'policy': 'path "*" { capabilities = ["sudo"] }'}),
    ('PUT', 'sys/seal', None),
    ('POST', 'auth/token/create', {}),
    ('POST', 'auth/approle/role/{policy}/secret-id', {}),
    ('GET', 'auth/approle/role/{policy}/role-id', None),
    ('POST', '{mount}/intermediate/generate/exported', {'common_name': 'x'}),
    ('POST', '{mount}/root/generate/exported', {'common_name': 'x'}),
    ('POST', '{mount}/root/generate/internal', {'common_name': 'x'}),
    ('POST', '{mount}/issuers/generate/root/exported', {'common_name': 'x'}),
    ('POST', '{mount}/root/sign-intermediate', {'csr': CSR, 'common_name': 'x'}),
    ('POST', '{mount}/sign-verbatim', {'csr': CSR}),
    ('POST', '{mount}/sign-verbatim/charm-ecdsa', {'csr': CSR}),
    ('POST', '{mount}/issuer/default/sign-verbatim', {'csr': CSR}),
    ('POST', '{mount}/issuer/default/sign-intermediate', {'csr': CSR}),
    ('POST', '{mount}/issuer/default/sign-self-issued', {'certificate': ''}),
    ('POST', '{mount}/issuer/default/revoke', {}),
    ('POST', '{mount}/issue/charm-ecdsa', {'common_name': 'x'}),
    ('POST', '{mount}/issuer/default/issue/charm-ecdsa', {'common_name': 'x'}),
    ('DELETE', '{mount}/issuer/default', None),
    ('DELETE', '{mount}/root', None),
    ('DELETE', '{mount}/key/default', None),
    ('GET', '{mount}/key/default', None),
    ('POST', '{mount}/keys/import', {'pem_bundle': ''}),
    ('POST', '{mount}/issuers/import/bundle', {'pem_bundle': ''}),
    ('POST', '{mount}/config/ca', {'pem_bundle': ''}),
    ('POST', '{mount}/config/keys', {'default': 'x'}),
    ('POST', '{mount}/config/acme', {'enabled': True}),
    ('POST', '{mount}/roles/other', {'allow_any_name': True}),
    ('GET', '{mount}/roles/charm-ecdsa', None),
    ('DELETE', '{mount}/roles/charm-ecdsa', None),
    ('LIST', '{mount}/certs', None),
    ('POST', '{mount}/tidy', {'tidy_cert_store': True}),
    ('POST', '{mount}/revoke-with-key', {'serial_number': 'x'}),
    ('POST', 'other-{mount}/sign/charm', {'csr': CSR}),
]


def test_the_approle_can_do_nothing_else(rooted: Bed):
    rooted.bao.call('POST', f'sys/mounts/other-{rooted.mount}', {'type': 'pki'})
    made = rooted.credentials()
    values = {key: made[key].strip() for key in ('role-id', 'secret-id')}
    login = rooted.bao.call(
        'POST',
        'auth/approle/login',
        {key.replace('-', '_'): value for key, value in values.items()},
        token='',
    )['auth']
    assert login['token_policies'] == [rooted.policy]
    assert login['token_type'] == 'batch'

    allowed: list[tuple[str, str]] = []
    for method, path, data in ELSEWHERE:
        place = path.format(mount=rooted.mount, policy=rooted.policy)
        try:
            rooted.bao.call(method, place, data, token=login['client_token'])
            allowed.append((method, place))
        except openbao.Refused as refused:
            if 'permission denied' not in str(refused):
                allowed.append((place, str(refused)))

    assert allowed == []


def test_the_policy_that_is_shown_is_the_one_that_is_set(rooted: Bed):
    shown = rooted.act('get-policy')

    found = rooted.bao.call('GET', f'sys/policies/acl/{shown["name"]}')['data']
    assert found['policy'] == shown['policy']
    rooted.configure(manage_mount=False)
    assert 'roles' not in rooted.act('get-policy')['policy']
