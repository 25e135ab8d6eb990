from __future__ import annotations

import dataclasses

import pytest
from conftest import asked

import names
from options import Options
from tls_provider import policy

PRIVATE = Options('a@b.example', 'https://ca.corp.internal/dir', 'route53', {})
PUBLIC = dataclasses.replace(
    PRIVATE, server='https://acme-v02.api.letsencrypt.org/directory', is_public=True
)
OTHER_PUBLIC = dataclasses.replace(PUBLIC, server='https://acme.zerossl.com/v2/DV90')


def refusal(
    options: Options, *hosts: str, common_name: str = '', key: str = 'ecdsa-p256'
) -> tuple[int, str] | None:
    request = asked(*hosts, common_name=common_name, key=key)
    rejected = policy.judge(request, names.rules(options))
    return (int(rejected.code), rejected.message) if rejected else None


@pytest.mark.parametrize(
    'name', ['db', 'db.corp.internal', 'x.local', 'a_b.svc', 'www.example.org']
)
def test_a_private_server_certifies_private_names(name: str) -> None:
    assert refusal(PRIVATE, name) is None


@pytest.mark.parametrize(
    'name',
    [
        'db',
        'db.corp.internal',
        'x.local',
        'x.home.arpa',
        'a.test',
        '*.corp',
        'a_b.example.org',
        'a.a.a.a.a.a.a.a.a.example.org',
    ],
)
def test_a_public_one_does_not(name: str) -> None:
    found = refusal(PUBLIC, name)

    assert found is not None
    assert found[0] == 102
    assert name in found[1]
    assert found[1].endswith('use a private CA for internal traffic')


@pytest.mark.parametrize('name', ['example.org', '*.example.org', 'a.b.c.example.org'])
def test_public_names_pass(name: str) -> None:
    assert refusal(PUBLIC, name) is None


@pytest.mark.parametrize(
    ('options', 'common_name', 'others', 'code'),
    [
        (PRIVATE, 'www.example.org', ('www.example.org',), None),
        (PRIVATE, 'WWW.example.org', ('www.example.org',), None),
        (PRIVATE, 'api.example.org', ('www.example.org',), 102),
        (PRIVATE, 'my unit', ('www.example.org',), 102),
        (PRIVATE, '10.0.0.1', ('www.example.org',), 101),
        (PRIVATE, 'www.example.org', (), 102),
        (OTHER_PUBLIC, 'www.example.org', (), 102),
        (PUBLIC, 'www.example.org', (), None),
    ],
)
def test_common_names(
    options: Options, common_name: str, others: tuple[str, ...], code: int | None
) -> None:
    found = refusal(options, *others, common_name=common_name)

    assert (found and found[0]) == code


def test_a_name_must_leave_room_for_the_record() -> None:
    longest = '.'.join(['a' * 63] * 3 + ['b' * 45])
    assert len(longest) == names.MAX_NAME

    assert refusal(PRIVATE, longest) is None
    assert refusal(PRIVATE, f'*.{longest}') is None
    found = refusal(PRIVATE, f'{longest}b')
    assert found is not None
    assert 'too long for DNS-01' in found[1]


@pytest.mark.parametrize(
    ('key', 'passes'), [('rsa-2048', True), ('rsa-3072', True), ('rsa-1024', False)]
)
def test_usual_keys_pass(key: str, passes: bool) -> None:
    assert (refusal(PRIVATE, 'www.example.org', key=key) is None) == passes
