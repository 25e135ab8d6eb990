"""What texts of lego and of ACME servers mean, those that no server here gives included."""

from __future__ import annotations

import datetime

import pytest

import command
import failure
from command import Finished
from failure_rows import Kind
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
    (400, 'malformed', 'Unable to validate JWS identifier', Kind.LATER, 999),
    (400, 'malformed', 'JWS verification error', Kind.LATER, 999),
    (400, 'malformed', 'Parse error reading JWS', Kind.LATER, 999),
    (400, 'malformed', 'external account binding JWS verification error', Kind.MEND, 999),
    (403, 'unauthorized', 'Account is not valid, has status "deactivated"', Kind.MEND, 999),
    (403, 'unauthorized', 'Incorrect TXT record "Account is not valid" found', Kind.LATER, 999),
    (403, 'unauthorized', 'Incorrect TXT record " invalidContact " found', Kind.LATER, 999),
    (400, 'dns', 'DNS problem: SERVFAIL looking up TXT for x', Kind.LATER, 999),
    (400, 'rejectedIdentifier', 'see INFO page', Kind.FINAL, 102),
    (400, 'rejectedIdentifier', 'cleaning up failed', Kind.FINAL, 102),
    (0, 'rateLimited', 'of lego 4.9.1, where the status is not in the body', Kind.LIMIT, 201),
]


@pytest.mark.parametrize(('status', 'kind', 'detail', 'expected', 'code'), PROBLEMS)
def test_problems_of_the_server(
    status: int, kind: str, detail: str, expected: Kind, code: int
) -> None:
    found = classify(problem(status, kind, detail))

    assert (found.kind, found.code, found.reason) == (expected, code, kind)
    assert detail in found.message


def test_a_paused_name_waits_an_hour_and_its_link_is_not_shown() -> None:
    detail = (
        'Your account is temporarily prevented from requesting certificates for a.example.org. '
        'Please visit: https://portal.example.org/unpause?jwt=eyJhbGciOi'
    )

    found = classify(problem(429, 'rateLimited', detail))

    assert (found.kind, found.code) == (Kind.LIMIT, ErrorCode.SERVER_NOT_AVAILABLE)
    assert found.retry_at == NOW + failure.LEAST_LIMIT_WAIT
    assert found.message.startswith('paused by the authority until somebody opens its portal: ')
    assert 'eyJ' not in found.message


def test_a_problem_below_another_counts() -> None:
    detail = (
        f'some identifiers are bad, problem: "{URN}:rejectedIdentifier" :: Cannot issue for "b"'
    )

    found = classify(problem(400, 'malformed', detail))

    assert (found.reason, found.code) == ('rejectedIdentifier', ErrorCode.DOMAIN_NOT_ALLOWED)
    assert found.message == 'a.example.org: Cannot issue for "b"'


@pytest.mark.parametrize('kind', ['invalidContact', 'rateLimited', 'accountDoesNotExist'])
def test_a_problem_below_another_is_of_one_name(kind: str) -> None:
    detail = f'Incorrect TXT record "x, problem: "{URN}:{kind}" :: from this account"'

    found = classify(problem(403, 'unauthorized', detail))

    assert found.kind is Kind.LATER


def test_a_detail_of_several_lines_is_read_whole() -> None:
    found = classify(problem(400, 'rejectedIdentifier', 'bad\nname "*.b"'))

    assert found.code is ErrorCode.WILDCARD_NOT_ALLOWED
    assert found.message == 'a.example.org: bad name "*.b"'


def test_the_name_is_told_where_the_problem_does_not_tell_it() -> None:
    found = classify(problem(403, 'unauthorized', 'No TXT records found'))

    assert found.message == 'a.example.org: No TXT records found'


@pytest.mark.parametrize(
    ('said', 'expected'),
    [
        ('retry after 2026-11-25 15:30:00 UTC: see https://h', NOW.replace(hour=15, minute=30)),
        ('retry after 2026-11-20 15:30:00 UTC', NOW),
        ('slow down', NOW + failure.LEAST_LIMIT_WAIT),
        ('retry after 2026-99-99 99:99:99 UTC', NOW + failure.LEAST_LIMIT_WAIT),
        ('retry after 0000-01-01 00:00:00 UTC', NOW + failure.LEAST_LIMIT_WAIT),
        ('retry after 9999-12-31 23:59:59 UTC', NOW + failure.LEAST_LIMIT_WAIT),
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


FAILED = f'{STAMP}Could not obtain certificates:\n\t'
REGISTRATION = f'{STAMP}Could not complete registration\n\t'
POST = 'POST :: https://h/new'
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
        Kind.LATER,
        102,
        'option plugin-config-secret-id: ',
    ),
    (
        f'{PRESENTING}: rfc2136: failed to insert: DNS update failed: server replied: NOTAUTH',
        Kind.LATER,
        102,
        'option plugin-config-secret-id: ',
    ),
    (
        f'{PRESENTING}: rfc2136: failed to insert: DNS update failed: server replied: SERVFAIL',
        Kind.LATER,
        999,
        'option dns-nameservers',
    ),
    (
        f'{PRESENTING}: rfc2136: failed to insert: DNS update failed: dns: bad authentication',
        Kind.MEND,
        999,
        'plugin route53: ',
    ),
    (
        f'{PRESENTING}: rfc2136: failed to insert: DNS update failed: illegal base64 data at 0',
        Kind.MEND,
        999,
        'plugin route53: ',
    ),
    (
        f'{PRESENTING}: httpreq: 403: request failed: no',
        Kind.LATER,
        999,
        'option plugin-config-secret-id: ',
    ),
    (
        f'{PRESENTING}: route53: AccessDenied: not authorized\n\tstatus code: 403, request id: 1',
        Kind.LATER,
        999,
        'option plugin-config-secret-id: ',
    ),
    (
        f'{PRESENTING}: route53: InvalidClientTokenId: invalid\n\tstatus code: 403',
        Kind.MEND,
        999,
        'plugin route53: ',
    ),
    (
        f'{PRESENTING}: route53: Throttling 403: slow',
        Kind.LATER,
        999,
        'a.example.org: error presenting token: ',
    ),
    (
        f'{PRESENTING}: route53: Throttling: Rate exceeded\n\tstatus code: 401',
        Kind.LATER,
        999,
        'a.example.org: error presenting token: ',
    ),
    (
        f'{PRESENTING}: pdns: Get "https://pdns:8081": x509: certificate signed by unknown',
        Kind.LATER,
        999,
        'a.example.org: error presenting token: pdns',
    ),
    (
        f'{PRESENTING}: route53: RequestError: send request failed\ncaused by: Get "https://r/": '
        'dial tcp: lookup r: no such host',
        Kind.LATER,
        999,
        'caused by: Get',
    ),
    (
        f'{STAMP}Route53: Get "https://r/": x509: certificate signed by unknown authority',
        Kind.LATER,
        999,
        'Route53: Get',
    ),
    # no stranger decides for everybody
    (
        f'{STAMP}[401] [401] acme: error presenting token: x _acme-challenge.401.example.org.',
        Kind.LATER,
        999,
        '401: ',
    ),
    (
        f'{STAMP}[a.example.org] time limit exceeded: last error: NS ns1. did not return the '
        f'expected TXT record [fqdn: F, value: x]: bad authentication, acme: error: 400 :: '
        f'{URN}:invalidContact :: x',
        Kind.LATER,
        999,
        'time limit exceeded',
    ),
    # what the ACME server, or something before it, answers beside problem documents
    (f"{FAILED}429 ::{POST} :: invalid character '<' :: <html>", Kind.LIMIT, 201, '<html>'),
    (f'{FAILED}429 ::{POST} :: unexpected end of JSON input :: ', Kind.LIMIT, 201, '429'),
    (f'{FAILED}503 ::{POST} :: unexpected end of JSON input :: ', Kind.SERVER, 201, '503'),
    (f"{REGISTRATION}503 ::{POST} :: invalid character '<' :: <", Kind.SERVER, 201, '503'),
    (f'{REGISTRATION}acme: error: 503 :: {POST} :: {URN}:x :: no', Kind.SERVER, 201, 'no'),
    (f"{FAILED}403 ::{POST} :: invalid character '<' :: <html>", Kind.LATER, 201, '403'),
    (f'{FAILED}acme: error: 0 :: {POST} ::  :: too many requests', Kind.LIMIT, 201, 'too many'),
    (f'{FAILED}acme: error: 400 :: {POST} ::  :: what', Kind.LATER, 201, 'what'),
    (f'{FAILED}failed to unmarshal "<html>" to type *acme.Order: x', Kind.LATER, 201, 'failed'),
    (
        f'{FAILED}Post "https://h/new": net/http: timeout awaiting response headers',
        Kind.SERVER,
        201,
        'Post "https://h/new": net/http',
    ),
    (f'{FAILED}Post "https://h/new": context deadline exceeded', Kind.SERVER, 201, 'Post'),
    (
        f'{STAMP}Could not create client: directory missing new registration URL',
        Kind.MEND,
        201,
        'option server: ',
    ),
    (f'{FAILED}Post "": unsupported protocol scheme ""', Kind.MEND, 201, 'option server: '),
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
    (f'{STAMP}something that nobody has seen', Kind.LATER, 999, 'something that nobody has seen'),
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


def test_what_follows_a_consequence_goes_with_it() -> None:
    text = '\n'.join(
        [
            f'{STAMP}[WARN] [a.example.org] acme: cleaning up failed: route53: RequestError',
            'caused by: Get "https://r/": x509: certificate signed by unknown authority ',
            'time=2026-11-25T12:00:00Z level=WARN msg="acme: cleaning up failed." domain=a '
            'error="dns: bad authentication"',
            'time=2026-11-25T12:00:00Z level=INFO msg="bad authentication"',
            f'{STAMP}[a.example.org] time limit exceeded: last error: none',
        ]
    )

    found = classify(text)

    assert (found.kind, found.code) == (Kind.LATER, ErrorCode.OTHER)
    assert found.message == 'a.example.org: time limit exceeded: last error: none'


def test_a_quoted_problem_of_lego_5_is_read() -> None:
    found = classify(
        'time=2026-11-25T12:00:00Z level=ERROR msg=Error error="obtain certificate: acme: error: '
        f'400 :: POST :: https://h :: {URN}:rejectedIdentifier :: Cannot issue for \\"*.com\\""'
    )

    assert found.code is ErrorCode.WILDCARD_NOT_ALLOWED
    assert found.message.startswith('Cannot issue for "*.com"')


def test_an_order_that_did_not_end_says_where_it_was() -> None:
    found = classify(f'{STAMP}[INFO] [a.example.org] acme: Trying to solve DNS-01', status=None)

    assert (found.kind, found.code) == (Kind.LATER, ErrorCode.OTHER)
    assert 'order-timeout' in found.message
    assert found.message.endswith('a.example.org: Trying to solve DNS-01')


def test_no_secret_is_shown() -> None:
    found = classify(
        f'{STAMP}error presenting token: body s3cret-value', secrets=('s3cret-value',)
    )

    assert found.message == 'error presenting token: body ***'


@pytest.mark.parametrize('secret', ['acme', 'rate', 'error', 'urn:', ' :: ', 'retry after'])
def test_a_secret_that_is_a_word_of_the_server_hides_no_cause(secret: str) -> None:
    said = 'too many certificates (5) already issued, retry after 2026-11-25 15:30:00 UTC'

    found = classify(problem(429, 'rateLimited', said), secrets=(secret,))

    assert (found.kind, found.retry_at) == (Kind.LIMIT, NOW.replace(hour=15, minute=30))
    assert secret not in found.message + found.reason


@pytest.mark.parametrize('secret', ['s3cret, url: more', 's3cret, problem: more'])
def test_no_cut_lets_a_part_of_a_secret_through(secret: str) -> None:
    for length in range(failure.MAX_TEXT):
        found = classify(problem(400, 'x', 'y' * length + secret), secrets=(secret,))

        assert 's3c' not in found.message
        assert 'more' not in found.message


def test_of_a_secret_that_the_output_begins_in_nothing_is_shown() -> None:
    output = 'part-of-it presenting token: ' + 'x ' * command.MAX_OUTPUT
    found = classify(output[: command.MAX_OUTPUT], secrets=('the-first-part-of-it',))

    assert 'part-of-it' not in found.message


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
