"""Each option is checked; the message names it and says what is wrong."""

from __future__ import annotations

import datetime

import pytest

import options
from local_ca import Options

DAY = datetime.timedelta(days=1)
NAME = ('2.5.4.3', 'self-signed-certificates-operator')
DEFAULT = Options((NAME,), 'ecdsa-p256', 365 * DAY, 90 * DAY)


@pytest.mark.parametrize(
    'config',
    [
        {},
        {'ca-common-name': '', 'root-ca-validity': '', 'certificate-validity': ''},
        {'ca-common-name': ' ', 'root-ca-validity': ' ', 'certificate-validity': '\n'},
        {'ca-key-algorithm': '', 'extended-key-usages': ' ', 'request-key-algorithms': ''},
        {'ca-organization': '', 'ca-country-name': ' ', 'allowed-domains': ''},
        {'allow-ca-requests': 'none', 'certificate-limit': -1},
    ],
)
def test_what_is_unset_or_empty_is_the_default(config: dict[str, str | int]):
    assert options.parse(config) == DEFAULT


@pytest.mark.parametrize(
    ('text', 'validity'),
    [
        ('1m', datetime.timedelta(minutes=1)),
        ('12h', datetime.timedelta(hours=12)),
        ('3d', 3 * DAY),
        ('2w', 14 * DAY),
        ('7', 7 * DAY),
        (' 7d ', 7 * DAY),
        ('007', 7 * DAY),
    ],
)
def test_durations_are_read(text: str, validity: datetime.timedelta):
    assert options.parse({'certificate-validity': text}).validity == validity


@pytest.mark.parametrize(('text', 'days'), [('825d', 825), ('19800h', 825), ('117w', 819)])
def test_certificates_live_as_long_as_clients_accept(text: str, days: int):
    parsed = options.parse({'certificate-validity': text, 'root-ca-validity': '36525d'})

    assert parsed == Options((NAME,), 'ecdsa-p256', 36525 * DAY, days * DAY)


@pytest.mark.parametrize('name', ['certificate-validity', 'root-ca-validity'])
@pytest.mark.parametrize(
    'text',
    ['abc', '-1d', '1.5d', '1y', 'd', '1 d', '1D', '\uff11d', '0x1', '1d2h', '9' * 10, 'None'],
)
def test_what_is_no_duration_is_invalid(name: str, text: str):
    with pytest.raises(options.Invalid) as caught:
        options.parse({name: text})

    assert str(caught.value) == (
        f'option {name}: "{text}" is not a number with m, h, d or w, as in 90d'
    )


@pytest.mark.parametrize(
    ('name', 'text', 'most'),
    [
        ('certificate-validity', '0', '825d'),
        ('certificate-validity', '0m', '825d'),
        ('certificate-validity', '826d', '825d'),
        ('certificate-validity', '19801h', '825d'),
        ('certificate-validity', '999999999w', '825d'),
        ('root-ca-validity', '0', '36525d'),
        ('root-ca-validity', '36526', '36525d'),
        ('root-ca-validity', '999999999w', '36525d'),
    ],
)
def test_a_duration_out_of_bounds_is_invalid(name: str, text: str, most: str):
    with pytest.raises(options.Invalid) as caught:
        options.parse({name: text})

    assert str(caught.value) == f'option {name}: {text} is not between 1m and {most}'


def test_a_ca_that_lives_twice_as_long_is_enough_and_one_minute_less_is_not():
    parsed = options.parse({'certificate-validity': '1h', 'root-ca-validity': '120m'})

    assert parsed.ca_validity == 2 * parsed.validity
    with pytest.raises(options.Invalid) as caught:
        options.parse({'certificate-validity': '1h', 'root-ca-validity': '119m'})
    assert str(caught.value) == (
        'option root-ca-validity: 119m is less than twice certificate-validity (1h)'
    )


@pytest.mark.parametrize('name', ['a', 'a' * 64, 'ä' * 32, 'My CA, Ltd.'])
def test_common_names(name: str):
    assert options.parse({'ca-common-name': name}).subject == (('2.5.4.3', name),)


@pytest.mark.parametrize(
    ('name', 'reason'),
    [
        ('a' * 65, '65 bytes; use 64 at most'),
        ('a\nb', 'holds characters that cannot be printed'),
        ('a\0', 'holds characters that cannot be printed'),
        ('\u202ea', 'holds characters that cannot be printed'),
    ],
)
def test_a_wrong_common_name_is_invalid(name: str, reason: str):
    with pytest.raises(options.Invalid) as caught:
        options.parse({'ca-common-name': name})

    assert str(caught.value) == f'option ca-common-name: {reason}'


def test_messages_quote_little_of_a_long_value():
    with pytest.raises(options.Invalid) as caught:
        options.parse({'certificate-validity': 'x' * 1000})

    assert len(str(caught.value)) < 120


def test_a_message_is_printable():
    with pytest.raises(options.Invalid) as caught:
        options.parse({'certificate-validity': '1\x1b[31m'})

    assert str(caught.value).isprintable()


def test_the_subject_has_the_order_of_the_forum():
    parsed = options.parse(
        {
            'ca-common-name': 'CN',
            'ca-organization': 'O',
            'ca-organizational-unit': 'OU',
            'ca-email-address': 'ca@example.com',
            'ca-country-name': 'DE',
            'ca-state-or-province-name': 'ST',
            'ca-locality-name': 'L',
        }
    )

    assert [value for _, value in parsed.subject] == [
        'DE', 'ST', 'L', 'O', 'OU', 'CN', 'ca@example.com',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ('name', 'value', 'reason'),
    [
        ('ca-country-name', 'USA', '3 bytes; use 2 at most'),
        ('ca-country-name', 'U', '"U" is not a code of two letters, as in US'),
        ('ca-country-name', 'Ä', '"Ä" is not a code of two letters, as in US'),
        ('ca-organization', 'o' * 65, '65 bytes; use 64 at most'),
        ('ca-organizational-unit', 'o' * 65, '65 bytes; use 64 at most'),
        ('ca-state-or-province-name', 's' * 129, '129 bytes; use 128 at most'),
        ('ca-locality-name', 'l' * 129, '129 bytes; use 128 at most'),
        ('ca-locality-name', 'a\tb', 'holds characters that cannot be printed'),
        ('ca-email-address', 'ä@example.com', 'is not a mail address of plain ASCII characters'),
        ('ca-email-address', 'me', 'is not a mail address of plain ASCII characters'),
        ('ca-email-address', 'a b@c', 'is not a mail address of plain ASCII characters'),
        ('ca-email-address', 'a@b@c', 'is not a mail address of plain ASCII characters'),
        ('ca-email-address', 'a@' + 'b' * 254, '256 bytes; use 255 at most'),
        (
            'ca-key-algorithm', 'rsa-1024',
            '"rsa-1024" is not one of ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072, rsa-4096, '
            'ed25519',
        ),
        (
            'extended-key-usages', 'server-auth,code-signing',
            '"code-signing" is not one of server-auth, client-auth',
        ),
        ('extended-key-usages', ',', 'names nothing'),
        (
            'request-key-algorithms', 'rsa-2048',
            '"rsa-2048" is not one of rsa, ecdsa-p256, ecdsa-p384, ecdsa-p521, ed25519',
        ),
        ('certificate-limit', -2, '-2 is less than -1, which stands for no limit'),
        ('allowed-domains', '*.a', '"*.a" is no domain; write them as in example.com,corp'),
        (
            'allow-ca-requests', 'a/0',
            '"a/0" is no application; use all, none or names with commas',
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_invalid(name: str, value: object, reason: str):
    with pytest.raises(options.Invalid) as caught:
        options.parse({name: value})

    assert str(caught.value) == f'option {name}: {reason}'


def test_what_is_allowed_is_passed_on():
    parsed = options.parse(
        {
            'ca-key-algorithm': 'rsa-3072',
            'extended-key-usages': 'client-auth, server-auth,client-auth',
            'request-key-algorithms': 'ed25519',
            'allowed-domains': 'example.com',
            'allow-ca-requests': 'vault',
            'certificate-limit': 7,
        }
    )

    assert parsed.key_algorithm == 'rsa-3072'
    assert parsed.extended_key_usages == ('server-auth', 'client-auth')
    assert parsed.request_key_algorithms == {'ed25519'}
    assert parsed.allowed_domains == ('example.com',)
    assert parsed.ca_requests == {'vault'}
    assert parsed.certificate_limit == 7
