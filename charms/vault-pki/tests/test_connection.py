"""Every way to log in, and every answer of a server that is not the one wanted."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime
import http.server
import json
import logging
import pathlib
import socket
import threading
import time
from collections.abc import Generator
from typing import ClassVar

import pytest
from conftest import CSR, Bed, watched
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from ops import testing

import credentials
from access import Policy
from backends import openbao
from connection import Connection
from credentials import Login
from errors import Failure, Kind
from options import Server
from tls_provider import provider
from tls_provider.testing import pki


def use(bed: Bed, content: dict[str, str], **options: str) -> None:
    """Have the charm log in by a secret of its operator's."""
    secret = testing.Secret(content)
    bed.state = dataclasses.replace(bed.state, secrets={secret})
    bed.configure(credentials_secret_id=secret.id, **options)


def with_policy(bed: Bed) -> str:
    """The name of a policy that is there."""
    policy = Policy(bed.mount, 'charm', True)
    bed.bao.call('PUT', f'sys/policies/acl/{policy.name}', {'policy': policy.text})
    return policy.name


def token(bed: Bed, **values: object) -> str:
    made = bed.bao.call('POST', 'auth/token/create', {'policies': [with_policy(bed)], **values})
    return made['auth']['client_token']


def test_an_app_role_of_the_operators(rooted: Bed):
    content = {key: f'{value}\n' for key, value in rooted.credentials().items()}
    del content['mount']

    use(rooted, content)

    assert rooted.entry(rooted.ask(CSR))


def test_a_token_is_used_and_renewed_when_a_third_of_its_life_is_over(bed: Bed):
    made = token(bed, period='1h')
    use(bed, {'token': made}, auth_method='token', ca_type='root')
    assert bed.entry(bed.ask(CSR))
    due = bed.authority['renew_token_at']
    assert time.time() + 1100 < due < time.time() + 1300
    bed.bao.call('POST', 'auth/token/renew', {'token': made, 'increment': '1h'})
    time.sleep(2)
    before = bed.bao.call('POST', 'auth/token/lookup', {'token': made})['data']['ttl']

    bed.replace_state(renew_token_at=1)
    bed.run()

    after = bed.bao.call('POST', 'auth/token/lookup', {'token': made})['data']['ttl']
    assert after > before
    assert bed.authority['renew_token_at'] >= due


def test_a_token_that_has_ended_blocks_until_there_is_another(bed: Bed):
    use(bed, {'token': token(bed, ttl='1h')}, auth_method='token', ca_type='root')
    relation = bed.ask(CSR)
    before = bed.entry(relation)
    [secret] = bed.state.secrets
    bed.bao.call('POST', 'auth/token/revoke', {'token': secret.tracked_content['token']})

    second = bed.ask(pki.request('b.example.test'), app='b')

    assert bed.status[0] == 'blocked'
    assert 'does not accept the token; set another one' in bed.status[1]
    assert bed.entry(relation) == before
    use(bed, {'token': token(bed, ttl='1h')})
    assert bed.entry(second)


def test_a_login_that_has_ended_meanwhile_is_made_anew(rooted: Bed):
    """As when a token of the AppRole ends in a long pass."""
    place = f'auth/approle/role/service-{rooted.mount}'
    values = {'token_type': 'service', 'token_policies': [rooted.policy]}
    rooted.bao.call('POST', place, values)
    made = {
        'role-id': rooted.bao.call('GET', f'{place}/role-id')['data']['role_id'],
        'secret-id': rooted.bao.call('POST', f'{place}/secret-id', {})['data']['secret_id'],
    }
    login = Login('approle', 'approle', '', made)
    server = Server(rooted.bao.address, '', (rooted.bao.certificate,))
    connection = Connection(server, login, Policy(rooted.mount, 'charm', True))
    assert connection.get(f'sys/mounts/{rooted.mount}').text('type') == 'pki'

    for one in rooted.bao.call('LIST', 'auth/token/accessors')['data']['keys']:
        found = rooted.bao.call('POST', 'auth/token/lookup-accessor', {'accessor': one})['data']
        if found['path'] == 'auth/approle/login':
            rooted.bao.call('POST', 'auth/token/revoke-accessor', {'accessor': one})

    assert connection.get(f'sys/mounts/{rooted.mount}').text('type') == 'pki'
    connection.close()


def _part(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip('=')


def signed_jwt(key: rsa.RSAPrivateKey, **claims: object) -> str:
    header = _part(json.dumps({'alg': 'RS256', 'typ': 'JWT'}).encode())
    start = int(time.time()) - 60
    body = _part(json.dumps({'iat': start, 'nbf': start, **claims}).encode())
    text = f'{header}.{body}'
    return f'{text}.{_part(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}'


@pytest.mark.parametrize('method', ['jwt', 'kubernetes'])
def test_a_jwt_and_a_service_account(
    bed: Bed, method: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
    key = pki.private_key('rsa')
    assert isinstance(key, rsa.RSAPrivateKey)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    mount = f'{method}-{bed.mount}'
    bed.bao.call('POST', f'sys/auth/{mount}', {'type': method})
    policies = {'token_policies': [with_policy(bed)]}
    if method == 'jwt':
        bed.bao.call('POST', f'auth/{mount}/config', {'jwt_validation_pubkeys': [public.decode()]})
        role = {'role_type': 'jwt', 'bound_subject': 'charm', 'user_claim': 'sub', **policies}
        bed.bao.call('POST', f'auth/{mount}/role/issuing', role)
        jwt = signed_jwt(key, sub='charm', exp=int(time.time()) + 600)
        use(
            bed,
            {'jwt': jwt},
            auth_method='jwt',
            auth_mount=mount,
            auth_role='issuing',
            ca_type='root',
        )
        assert bed.entry(bed.ask(CSR))
        use(bed, {'jwt': signed_jwt(key, sub='other', exp=int(time.time()) + 600)})
        bed.ask(pki.request('b.example.test'), app='b')
        assert bed.status[0] == 'blocked'
        assert 'refuses the login by jwt' in bed.status[1]
        return
    # Where Kubernetes puts the token is a fixed path, which no test may write.
    account = tmp_path / 'token'
    monkeypatch.setattr(credentials, 'SERVICE_ACCOUNT', account)
    jwt = signed_jwt(
        key,
        sub='system:serviceaccount:model:vault-pki',
        exp=int(time.time()) + 600,
        iss='kubernetes/serviceaccount',
        **{
            'kubernetes.io/serviceaccount/namespace': 'model',
            'kubernetes.io/serviceaccount/service-account.name': 'vault-pki',
            'kubernetes.io/serviceaccount/service-account.uid': 'uid-1',
        },
    )
    account.write_text(jwt, encoding='ascii')
    account.chmod(0o600)
    with reviewer(jwt) as address:
        values = {
            'kubernetes_host': address,
            'disable_local_ca_jwt': True,
            'token_reviewer_jwt': jwt,
            'kubernetes_ca_cert': bed.bao.certificate,
        }
        bed.bao.call('POST', f'auth/{mount}/config', values)
        role = {
            'bound_service_account_names': ['vault-pki'],
            'bound_service_account_namespaces': ['model'],
            **policies,
        }
        bed.bao.call('POST', f'auth/{mount}/role/issuing', role)
        bed.configure(
            auth_method='kubernetes', auth_mount=mount, auth_role='issuing', ca_type='root'
        )
        assert bed.entry(bed.ask(CSR))


class Reviewer(http.server.BaseHTTPRequestHandler):
    """The one call of Kubernetes that the server makes: whose is this token."""

    token: ClassVar[str]

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        is_known = asked['spec']['token'] == self.token
        user: dict[str, object] = {
            'username': 'system:serviceaccount:model:vault-pki',
            'uid': 'uid-1',
            'groups': [],
        }
        status: dict[str, object] = {'authenticated': is_known, 'user': user}
        body = json.dumps({**asked, 'status': status}).encode()
        self.send_response(201)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class reviewer:  # noqa: N801 : a context
    def __init__(self, jwt: str):
        Reviewer.token = jwt
        self._server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Reviewer)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f'http://127.0.0.1:{self._server.server_address[1]}'

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_a_namespace_of_its_own(bed: Bed):
    name = f'team-{bed.mount}'
    bed.bao.call('POST', f'sys/namespaces/{name}', {})
    bed.configure(vault_namespace=name, ca_type='root')

    bed.authorize()

    assert bed.entry(bed.ask(CSR))
    assert bed.bao.call('GET', f'sys/mounts/{bed.mount}', namespace=name)['data']['type'] == 'pki'
    with pytest.raises(openbao.Refused):
        bed.bao.call('GET', f'sys/mounts/{bed.mount}')
    bed.configure(vault_namespace='nowhere')
    assert bed.status[0] == 'blocked'


@pytest.mark.parametrize(
    ('content', 'complaint'),
    [
        ({'token': 'x'}, 'option credentials-secret-id: the secret lacks role-id, secret-id'),
        ({'role-id': 'a b', 'secret-id': 'x'}, 'key role-id holds characters that no'),
        ({'role-id': 'a', 'secret-id': 'x\ny'}, 'key secret-id holds characters that no'),
        ({'role-id': 'a', 'secret-id': '\u00e9'}, 'key secret-id holds characters that no'),
    ],
)
def test_credentials_that_cannot_be_sent_are_told_and_not_shown(
    bed: Bed, content: dict[str, str], complaint: str
):
    use(bed, content)

    assert bed.status[0] == 'blocked'
    assert complaint in bed.status[1]
    assert not [value for value in content.values() if len(value) > 2 and value in bed.status[1]]


@pytest.mark.parametrize('name', ['login: secret-id', 'token of a session'])
def test_a_secret_of_a_connection_would_be_found_where_it_is_seen(
    name: str,
    rooted: Bed,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: pathlib.Path,
):
    content = rooted.credentials()
    login = Login('approle', content['mount'], '', content)
    server = Server(rooted.bao.address, '', (rooted.bao.certificate,))
    connection = Connection(server, login, Policy(rooted.mount, 'charm', True))

    def leak() -> None:
        with watched(monkeypatch, caplog, tmp_path):
            connection.list(f'{rooted.mount}/keys')
            token = vars(connection)['_client'].token
            connection.close()
            logging.warning(content['secret-id'] if 'login' in name else token)

    with pytest.raises(AssertionError, match=f'{name} is in the log'):
        leak()

    caplog.clear()  # what holds for every test holds for this one


def test_wrong_credentials_are_told_and_not_shown(rooted: Bed):
    bed = rooted
    use(bed, {'role-id': 'wrong-canary', 'secret-id': 'secret-canary'})

    assert bed.status[0] == 'blocked'
    assert 'refuses the login by approle (invalid role or secret ID)' in bed.status[1]
    seen = [log.message for log in bed.context.juju_log]
    assert not [text for text in (*seen, bed.status[1]) if 'canary' in text]


ANSWERS = {
    307: ('waiting', 'is a standby and sends to active.example:8200; use that address'),
    429: ('waiting', 'has had too many requests'),
    500: ('waiting', 'has a problem: out of luck'),
    501: ('waiting', 'is not initialised'),
    502: ('waiting', 'has a problem: out of luck'),
    503: ('waiting', 'does not work at present (503)'),
    418: ('waiting', 'has a problem: out of luck'),
    400: ('blocked', 'out of luck'),
    404: ('blocked', 'out of luck'),
    200: ('blocked', 'does not answer as Vault does'),
}


class Other(http.server.BaseHTTPRequestHandler):
    """A server that answers everything with one code: what a single real node never does."""

    code: ClassVar[int]
    body: ClassVar[bytes] = b''

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get('Content-Length', 0)))
        usual = b'<html>' if self.code == 200 else b'{"errors": ["out of luck"]}'
        body = self.body or usual
        self.send_response(self.code)
        if self.code == 307:
            self.send_header('Location', 'https://active.example:8200/v1/auth/approle/login')
        self.send_header('Content-Type', 'text/html' if self.code == 200 else 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_LIST = do_POST  # noqa: N815 : as the base class has them

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def other() -> Generator[str]:
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Other)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_address[1]}'
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize('method', ['approle', 'token'])
@pytest.mark.parametrize('code', ANSWERS)
def test_answers_of_other_servers(bed: Bed, other: str, code: int, method: str):
    Other.code = code
    content = {'role-id': 'a', 'secret-id': 'b', 'token': 'c'}

    use(bed, content, vault_address=other, auth_method=method)

    current, complaint = ANSWERS[code]
    assert bed.status[0] == current
    assert complaint in bed.status[1]


class Echo(Other):
    """A gateway that shows what it does not like: the body of a login, later the token."""

    lets_in: ClassVar[bool]
    cut: ClassVar[int] = 10000

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get('Content-Length', 0))).decode()
        is_login = self.path.endswith('/login')
        shown = f'Bad request: {sent} {self.headers.get("X-Vault-Token", "")}'
        answer = '{"auth": {"client_token": "the-token-of-this-test"}}'
        body = (answer if is_login and self.lets_in else shown[: self.cut]).encode()
        self.send_response(200 if is_login and self.lets_in else 400)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_LIST = do_POST  # noqa: N815 : as the base class has them


@pytest.mark.parametrize('cut', [10000, 78])
@pytest.mark.parametrize('lets_in', [True, False])
def test_credentials_that_a_gateway_repeats_are_not_shown(bed: Bed, lets_in: bool, cut: int):
    Echo.lets_in, Echo.cut = lets_in, cut
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    content = {'role-id': 'the-role-of-this-test', 'secret-id': 'zebras-"\\-of-this-test'}

    use(bed, content, vault_address=f'http://127.0.0.1:{server.server_address[1]}')

    server.shutdown()
    server.server_close()
    assert bed.status[0] == 'blocked'
    assert 'Bad request' in bed.status[1]
    assert '[credential]' in bed.status[1]
    shown = [*bed.status, *(line.message for line in bed.context.juju_log)]
    pieces = ('of-this-test', 'the-role-of', 'the-token-of', 'zebras')
    assert not [text for text in shown if any(piece in text for piece in pieces)]


@pytest.mark.parametrize(
    ('exceptions', 'kind', 'complaint'),
    [('', Kind.DOWN, 'the proxy does not reach'), ('127.0.0.1', None, '')],
)
def test_the_proxy_of_the_model_is_used_unless_the_host_is_excepted(
    rooted: Bed, exceptions: str, kind: Kind | None, complaint: str
):
    environ = {'JUJU_CHARM_HTTPS_PROXY': 'http://127.0.0.1:9', 'JUJU_CHARM_NO_PROXY': exceptions}
    login = Login('approle', 'approle', '', rooted.credentials())
    server = Server(rooted.bao.address, '', (rooted.bao.certificate,))
    policy = Policy(rooted.mount, 'charm', True)
    connection = Connection(server, login, policy, environ=environ)

    path = f'sys/mounts/{rooted.mount}'
    if kind is None:
        assert connection.get(path).text('type') == 'pki'
    else:
        with pytest.raises(Failure, match=complaint) as raised:
            connection.get(path)
        assert raised.value.kind is kind
    connection.close()


def test_nothing_of_the_environment_counts(bed: Bed, monkeypatch: pytest.MonkeyPatch):
    """A token, an address or a bundle that lies about there is not the operator's."""
    for name, value in {
        'VAULT_TOKEN': bed.bao.root_token,
        'VAULT_ADDR': 'https://127.0.0.1:9',
        'VAULT_NAMESPACE': 'nowhere',
        'REQUESTS_CA_BUNDLE': '/nowhere',
        'HTTPS_PROXY': 'http://127.0.0.1:9',
    }.items():
        monkeypatch.setenv(name, value)
    bed.configure(ca_type='root')
    assert bed.status[0] == 'blocked'

    bed.authorize()

    assert bed.entry(bed.ask(CSR))


def test_a_pass_has_one_session(rooted: Bed, caplog: pytest.LogCaptureFixture):
    csrs = [pki.request(f'{number}.example.test') for number in range(20)]
    caplog.clear()

    rooted.ask(*csrs)

    opened = [one for one in caplog.messages if one.startswith('Starting new HTTPS connection')]
    logins = [one for one in caplog.messages if '/login' in one]
    assert len(rooted.answers(rooted.ask(app='none')).entries) == 0
    assert (len(opened), len(logins)) == (1, 1)


def test_a_pass_with_nothing_to_do_opens_none(rooted: Bed, caplog: pytest.LogCaptureFixture):
    rooted.ask(CSR)
    caplog.clear()

    rooted.run()

    assert not [one for one in caplog.messages if 'HTTPS' in one]


@pytest.mark.parametrize(
    'address',
    [
        'https://a..b:8200',
        'https://' + 'x' * 64 + '.example',
        'https://.example.com',
        'https://h;x',
        'https://%zz',
        'https://127.0.0.1:1?',
    ],
)
def test_an_address_that_no_library_takes_is_told(rooted: Bed, address: str):
    rooted.configure(vault_address=address)

    assert rooted.status[0] == 'blocked'
    assert rooted.status[1].startswith('option vault-address: "')


BODIES = [
    (200, b'[]'),
    (200, b'null'),
    (200, b'{"warnings": [1], "auth": 5}'),
    (200, b'{"data": "x"}'),
    (200, b'{"data": {"type": "pki", "ttl": null, "certificate": 5, "ca_chain": [5]}}'),
    (400, b'{"errors": {"a": 1}}'),
    (401, b'{"errors": [{"code": "UNAUTHORIZED"}]}'),
    (404, b'[1]'),
    (502, b'<meta name="csrf-token">'),
    (500, b'{"errors": 5}'),
]


@pytest.mark.parametrize(('code', 'body'), BODIES)
@pytest.mark.parametrize('method', ['approle', 'token'])
def test_no_form_of_an_answer_breaks_a_hook(
    bed: Bed, other: str, code: int, body: bytes, method: str
):
    Other.code, Other.body = code, body
    content = {'role-id': 'a', 'secret-id': 'b', 'token': 'c'}

    try:
        use(bed, content, vault_address=other, auth_method=method)
    finally:
        Other.body = b''

    assert bed.status[0] == ('waiting' if code >= 500 else 'blocked')


def test_an_answer_that_trickles_has_an_end():
    """Each byte comes in time, and the whole never."""
    with socket.create_server(('127.0.0.1', 0)) as server:
        port = server.getsockname()[1]

        def trickle() -> None:
            taken, _ = server.accept()
            with contextlib.suppress(OSError):
                taken.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n')
                while True:
                    taken.sendall(b' ')
                    time.sleep(0.1)

        threading.Thread(target=trickle, daemon=True).start()
        login = Login('token', 'token', '', {'token': 'x'})
        place = Server(f'http://127.0.0.1:{port}')
        connection = Connection(place, login, Policy('m', 'r', True))
        connection.deadline = time.monotonic() + 1

        with pytest.raises(Failure) as raised:
            connection.get('x')

    assert raised.value.kind is Kind.LATE
    with pytest.raises(Failure):
        connection.get('y')
    connection.close()


def test_a_pass_without_time_blames_nobody(rooted: Bed, monkeypatch: pytest.MonkeyPatch):
    # Nobody waits for two minutes; the server hangs for longer than the pass has.
    monkeypatch.setattr(provider, 'BUDGET', datetime.timedelta(seconds=1))
    rooted.bao.pause()
    try:
        relation = rooted.ask(CSR, pki.request('b.example.test'))
    finally:
        rooted.bao.resume()

    answers = rooted.answers(relation)
    assert (answers.entries, answers.refusals) == ((), ())
    assert 'waits for the next event: this one took its time' in rooted.status[1]
    monkeypatch.undo()
    rooted.run()
    assert len(rooted.answers(relation).entries) == 2
