"""What texts of lego and of ACME servers mean, those that no server here gives included."""

from __future__ import annotations

import datetime

import pytest

import failure
from command import Finished
from failure import Kind
from outcome import MEND_WAIT, outcome
from tls_provider.issuer import ErrorCode, Rejected, Unavailable

NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.timezone.utc)
URN = 'urn:ietf:params:acme:error'
STAMP = '2026/11/25 12:00:00 '
SERVER = 'https://acme-v02.api.letsencrypt.org/directory'


def classify(
    output: str, status: int | None = 1, secrets: tuple[str, ...] = ()
) -> failure.Failure:
    return failure.classify(Finished(status, output), 'route53', secrets, NOW)


def problem(status: int, kind: str, detail: str, name: str = 'a.example.org') -> str:
    return (
        f'{STAMP}[{name}] acme: error: {status} :: POST :: https://h/x :: {URN}:{kind} :: {detail}'
    )


PROBLEMS = [
    (403, 'unauthorized', 'No TXT records found for DNS challenge', Kind.LATER, 999),
    (403, 'unauthorized', 'Incorrect TXT record "x" found at _acme', Kind.LATER, 999),
    (400, 'dns', 'DNS problem: NXDOMAIN looking up TXT for x', Kind.LATER, 999),
    (403, 'caa', 'CAA record for a.example.org prevents issuance', Kind.LATER, 102),
    (400, 'rejectedIdentifier', 'Cannot issue for "a.example.org"', Kind.FINAL, 102),
    (400, 'rejectedIdentifier', 'Cannot issue for "*.com"', Kind.FINAL, 103),
    (400, 'rejectedIdentifier', 'Cannot issue for an IP address', Kind.FINAL, 101),
    (400, 'unsupportedIdentifier', 'NewOrder request included IP', Kind.FINAL, 101),
    (400, 'malformed', 'Order included DNS identifier with a bad value', Kind.FINAL, 102),
    (403, 'unauthorized', 'Order includes different number of DNSnames', Kind.FINAL, 102),
    (400, 'badCSR', 'CSR contains one or more URI fields', Kind.FINAL, 102),
    (400, 'badCSR', 'invalid public key in CSR', Kind.FINAL, 999),
    (400, 'invalidProfile', 'profile "x" not known', Kind.MEND, 999),
    (400, 'externalAccountRequired', 'no', Kind.MEND, 999),
    (403, 'unauthorized', "the field 'kid' references a key that is not known", Kind.MEND, 999),
    (400, 'invalidContact', 'contact email has forbidden domain', Kind.MEND, 999),
    (400, 'accountDoesNotExist', 'Account "x" not found', Kind.NO_ACCOUNT, 201),
    (429, 'rateLimited', 'too many certificates (5) already issued', Kind.LIMIT, 201),
    (429, 'rateLimited', 'too many new orders (300) from this account', Kind.ACCOUNT_LIMIT, 201),
    (503, 'serverInternal', 'busy', Kind.LATER, 201),
    (400, 'badNonce', 'JWS has an invalid anti-replay nonce', Kind.LATER, 201),
    (400, 'somethingNew', 'whatever', Kind.LATER, 999),
]


@pytest.mark.parametrize(('status', 'kind', 'detail', 'expected', 'code'), PROBLEMS)
def test_problems_of_the_server(
    status: int, kind: str, detail: str, expected: Kind, code: int
) -> None:
    found = classify(problem(status, kind, detail))

    assert (found.kind, found.code, found.reason) == (expected, code, kind)
    assert detail in found.message


def test_a_paused_account_needs_a_person_and_its_link_is_not_shown() -> None:
    detail = (
        'Your account is temporarily prevented from requesting certificates for a.example.org. '
        'Please visit: https://portal.example.org/unpause?jwt=eyJhbGciOi'
    )

    found = classify(problem(429, 'rateLimited', detail))

    assert found.kind is Kind.MEND
    assert found.message.startswith('the account is paused: ')
    assert 'eyJ' not in found.message


def test_a_problem_below_another_counts() -> None:
    detail = (
        f'some identifiers are bad, problem: "{URN}:rejectedIdentifier" :: Cannot issue for "b"'
    )

    found = classify(problem(400, 'malformed', detail))

    assert (found.reason, found.code) == ('rejectedIdentifier', ErrorCode.DOMAIN_NOT_ALLOWED)
    assert found.message == 'a.example.org: Cannot issue for "b"'


def test_the_name_is_told_where_the_problem_does_not_tell_it() -> None:
    found = classify(problem(403, 'unauthorized', 'No TXT records found'))

    assert found.message == 'a.example.org: No TXT records found'


@pytest.mark.parametrize(
    ('said', 'expected'),
    [
        ('retry after 2026-11-25 15:30:00 UTC: see https://h', NOW.replace(hour=15, minute=30)),
        ('retry after 2026-11-20 15:30:00 UTC', NOW),
        ('slow down', NOW + failure.LEAST_LIMIT_WAIT),
    ],
)
def test_a_limit_says_when_it_ends(said: str, expected: datetime.datetime) -> None:
    found = classify(problem(429, 'rateLimited', f'too many failed authorizations (5), {said}'))

    assert (found.kind, found.retry_at) == (Kind.LIMIT, expected)


def test_a_limit_is_read_where_lego_waits_for_it_until_its_end() -> None:
    line = (
        f'WARN retry: acme: error: 429 :: POST :: https://h/new-order :: {URN}:rateLimited :: '
        'too many new orders (300) from this account in the last 3h0m0s, '
        'retry after 2026-11-25 15:00:00 UTC'
    )

    found = classify(line, status=None)

    assert (found.kind, found.retry_at) == (Kind.ACCOUNT_LIMIT, NOW.replace(hour=15))


PRESENTING = f'{STAMP}[a.example.org] acme: error presenting token'
DIRECTORY = f"{STAMP}Could not create client: get directory at 'https://h/dir'"
TEXTS = [
    (
        f'{DIRECTORY}: Get "https://h/dir": dial tcp 127.0.0.1:9: connect: connection refused',
        Kind.SERVER,
        201,
        'connection refused',
    ),
    (
        f"{DIRECTORY}: 404 ::GET :: https://h/dir :: invalid character 'p' after top-level value",
        Kind.MEND,
        201,
        'option server: 404',
    ),
    (
        f'{DIRECTORY}: 503 ::GET :: https://h/dir :: busy',
        Kind.SERVER,
        201,
        '503',
    ),
    (
        f'{DIRECTORY}: Get "https://h/dir": x509: certificate signed by unknown authority',
        Kind.MEND,
        201,
        'option acme-ca-certificates: ',
    ),
    (
        f'{STAMP}route53: some credentials information are missing: AWS_REGION',
        Kind.MEND,
        999,
        'plugin route53: route53: some credentials',
    ),
    (
        f'{STAMP}[a.example.org] {PRESENTING[20:]}: httpreq: 401: request failed: no',
        Kind.MEND,
        999,
        'plugin route53: a.example.org: error presenting token: httpreq: 401',
    ),
    (
        f'{PRESENTING}: route53: failed to determine hosted '
        'zone ID: NoCredentialProviders: no valid providers in chain\n\tcaused by: x',
        Kind.MEND,
        999,
        'plugin route53: ',
    ),
    (
        f'{PRESENTING}: httpreq: Post "https://dns/present": '
        'dial tcp 127.0.0.1:9: connect: connection refused',
        Kind.LATER,
        999,
        'presenting token',
    ),
    (
        f'{STAMP}[a.example.org] time limit exceeded: last error: NS ns1. did not return the '
        'expected TXT record [fqdn: _acme-challenge.a.example.org., value: x]: ',
        Kind.LATER,
        999,
        'time limit exceeded',
    ),
    (
        f'{PRESENTING}: rfc2136: failed to insert: DNS update failed: server replied: REFUSED',
        Kind.MEND,
        999,
        'plugin route53: ',
    ),
    # lego 5 puts the same parts together otherwise
    (
        'ERROR obtain certificate error="resolver: one or more domains had a problem: '
        '[a.example.org: dns01: error presenting token (a.example.org): rfc2136: DNS update '
        'failed: dns: bad authentication]"',
        Kind.MEND,
        999,
        'plugin route53: ',
    ),
    ('panic: runtime error: nil pointer\ngoroutine 1 [running]:', Kind.LATER, 999, 'broke down'),
    (
        'panic: error reading LEGO_CA_CERTIFICATES="/x": open /x: no such file',
        Kind.MEND,
        201,
        'option acme-ca-certificates',
    ),
    ('flag provided but not defined: -x', Kind.MEND, 999, 'the lego binary: '),
    ('something that nobody has seen', Kind.LATER, 999, 'something that nobody has seen'),
    ('', Kind.LATER, 999, 'lego ended with status 1'),
]


@pytest.mark.parametrize(('text', 'kind', 'code', 'part'), TEXTS)
def test_other_texts(text: str, kind: Kind, code: int, part: str) -> None:
    found = classify(
        f'{STAMP}[INFO] acme: Checking propagation; unrecognized DNS provider\n{text}'
    )

    assert (found.kind, found.code) == (kind, code)
    assert part in found.message


def test_consequences_are_no_causes() -> None:
    text = '\n'.join(
        [
            f'{STAMP}[WARN] [a.example.org] acme: cleaning up failed: bad authentication',
            f'{STAMP}[INFO] Deactivating auth: https://h/authz/1',
            f'{STAMP}[a.example.org] time limit exceeded: last error: none',
        ]
    )

    assert classify(text).kind is Kind.LATER


def test_an_order_that_did_not_end_says_where_it_was() -> None:
    found = classify(f'{STAMP}[INFO] [a.example.org] acme: Trying to solve DNS-01', status=None)

    assert (found.kind, found.code) == (Kind.LATER, ErrorCode.OTHER)
    assert 'order-timeout' in found.message
    assert found.message.endswith('a.example.org: Trying to solve DNS-01')


@pytest.mark.parametrize('secret', ['s3cret-value', 'two\nlines of it', 'quo"ted'])
def test_no_secret_is_shown(secret: str) -> None:
    found = classify(f'{STAMP}error presenting token: body {secret} end', secrets=(secret, 'end'))

    assert secret not in found.message
    assert 'two' not in found.message
    assert '***' in found.message


def test_a_message_is_short_and_of_one_line() -> None:
    found = classify(f'{STAMP}presenting token: {"x" * 5000}\n\tsecond')

    assert len(found.message) < 300
    assert found.message.isprintable()


@pytest.mark.parametrize(
    ('kind', 'expected'),
    [
        (Kind.FINAL, Rejected(ErrorCode.OTHER, 'refused by letsencrypt: no', 'r')),
        (Kind.LATER, Rejected(ErrorCode.OTHER, 'letsencrypt: no', 'r', transient=True)),
        (Kind.LIMIT, Rejected(ErrorCode.OTHER, 'letsencrypt: no', 'r', transient=True)),
        (Kind.SERVER, Unavailable('letsencrypt: no', 'r')),
        (Kind.NO_ACCOUNT, Unavailable('letsencrypt: no', 'r')),
        (Kind.ACCOUNT_LIMIT, Unavailable('letsencrypt: no', 'r')),
        (Kind.MEND, Unavailable('no', 'r', NOW + MEND_WAIT, blocked=True)),
    ],
)
def test_each_kind_has_its_outcome(kind: Kind, expected: object) -> None:
    found = failure.Failure(kind, ErrorCode.OTHER, 'no', 'r')

    assert outcome(found, SERVER, NOW) == expected
