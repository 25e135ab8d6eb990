"""Options that all charms share: what they mean, and what is said of a wrong value."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable, Mapping

import pytest

from tls_provider import options
from tls_provider.issuer import EVERY
from tls_provider.testing import pki

DAY = datetime.timedelta(days=1)


@pytest.mark.parametrize('config', [{}, {'name': ''}, {'name': ' \n'}])
def test_empty_is_unset(config: dict[str, object]):
    assert options.text(config, 'name', 'default') == 'default'
    assert options.items(config, 'name') == ()
    assert options.allowed_domains(config) == ()
    assert options.allow_ca_requests(config) == frozenset()
    assert options.certificate_limit(config) is None
    assert options.duration(config, 'name', '3d', 10) == 3 * DAY
    assert options.flag(config, 'name', default=True)
    assert not options.flag(config, 'name', default=False)
    assert options.certificates(config, 'name') == ()


def test_items_are_trimmed_and_each_is_there_once():
    assert options.items({'name': ' b, a ,,b,'}, 'name') == ('b', 'a')


def test_domains_are_in_lower_case():
    domains = options.allowed_domains({'allowed-domains': 'Example.COM, corp'})

    assert domains == ('example.com', 'corp')


@pytest.mark.parametrize(
    ('value', 'applications'),
    [
        ('none', set[str]()),
        ('all', {EVERY}),
        ('vault', {'vault'}),
        ('vault, my-app2', {'vault', 'my-app2'}),
        ('remote-0123456789abcdef0123456789abcdef', {'remote-0123456789abcdef0123456789abcdef'}),
    ],
)
def test_applications(value: str, applications: set[str]):
    assert options.allow_ca_requests({'allow-ca-requests': value}) == applications


@pytest.mark.parametrize(('value', 'limit'), [(-1, None), (0, 0), (99, 99), ('7', 7)])
def test_limits(value: object, limit: int | None):
    assert options.certificate_limit({'certificate-limit': value}) == limit


@pytest.mark.parametrize(
    ('text', 'duration'),
    [('1m', DAY / 1440), ('12h', DAY / 2), ('3d', 3 * DAY), ('1w', 7 * DAY), ('9', 9 * DAY)],
)
def test_durations(text: str, duration: datetime.timedelta):
    assert options.duration({'name': text}, 'name', '1d', 9) == duration


def _duration(config: Mapping[str, object]) -> object:
    return options.duration(config, 'name', '1d', 9)


def _text(config: Mapping[str, object]) -> object:
    return options.text(config, 'name')


@pytest.mark.parametrize(
    ('read', 'name', 'value', 'problem'),
    [
        (options.allowed_domains, 'allowed-domains', ' ,,', 'names nothing'),
        (options.allow_ca_requests, 'allow-ca-requests', ',', 'names nothing'),
        (options.allowed_domains, 'allowed-domains', 'a b',
         '"a b" is no domain; write them as in example.com,corp'),
        (options.allowed_domains, 'allowed-domains', '10.0.0.1',
         '"10.0.0.1" is no domain; write them as in example.com,corp'),
        (options.allow_ca_requests, 'allow-ca-requests', 'all,vault',
         '"all" is no application; use all, none or names with commas'),
        (options.allow_ca_requests, 'allow-ca-requests', 'vault,none',
         '"none" is no application; use all, none or names with commas'),
        (options.allow_ca_requests, 'allow-ca-requests', 'vault/0',
         '"vault/0" is no application; use all, none or names with commas'),
        (options.certificate_limit, 'certificate-limit', 'many', '"many" is not a whole number'),
        (options.certificate_limit, 'certificate-limit', '9' * 5000,
         f'"{"9" * 20}..." is not a whole number'),
        (options.certificate_limit, 'certificate-limit', -2,
         '-2 is less than -1, which stands for no limit'),
        (_duration, 'name', '10d',
         '10d is not between 1m and 9d'),
        (_duration, 'name', '0m',
         '0m is not between 1m and 9d'),
        (_duration, 'name', '1y',
         '"1y" is not a number with m, h, d or w, as in 90d'),
        (_text, 'name', 'a\x1bb',
         'holds characters that cannot be printed'),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named(
    read: Callable[[Mapping[str, object]], object], name: str, value: object, problem: str
):
    with pytest.raises(options.Invalid) as caught:
        read({name: value})

    assert str(caught.value) == f'option {name}: {problem}'


@pytest.mark.parametrize(
    ('value', 'expected'), [(True, True), ('False', False), (' true ', True), (False, False)]
)
def test_flags(value: object, expected: bool):
    assert options.flag({'name': value}, 'name', default=not expected) == expected


def test_certificates_count_once():
    one, two = (pki.Authority.root(name).certificate for name in ('one', 'two'))

    found = options.certificates({'name': f'{one.pem}# two\n{two.pem}{one.pem}'}, 'name')

    assert found == (one, two)


ROOT = pki.Authority.root('one').certificate.pem


@pytest.mark.parametrize(
    'value',
    [
        f'{ROOT}{ROOT[:-40]}',
        f'{ROOT[30:]}{ROOT}',
        f'{ROOT}junk',
        f'{pki.request("a.example")}\n{ROOT}',
        ROOT.replace('CERTIFICATE', 'X509 CRL'),
        ROOT.replace(ROOT[60:90], 'A' * 30),
        base64.b64encode(ROOT.encode()).decode(),
    ],
    ids=['cut off', 'begin cut off', 'text after', 'a request', 'a label', 'damaged', 'base64'],
)
def test_what_is_not_all_certificates_is_named(value: str):
    with pytest.raises(options.Invalid, match=r'^option x: holds something else than PEM cert'):
        options.certificates({'x': value}, 'x')


@pytest.mark.parametrize('key', ['ed25519', 'rsa-2048', 'ecdsa-p384'])
@pytest.mark.parametrize('form', ['alone', 'beside a certificate', 'body'])
def test_a_private_key_is_not_quoted(key: str, form: str):
    pem = pki.private_key_pem(key)
    body = ''.join(pem.splitlines()[1:-1])
    value = {'alone': pem, 'beside a certificate': ROOT + pem, 'body': body}[form]

    for read in (options.certificates, options.items):
        with pytest.raises(options.Invalid) as caught:
            read({'x': value}, 'x')
        assert str(caught.value) == (
            'option x: holds a private key: it is secret no longer; make a new one'
        )


def test_another_form_is_named():
    with pytest.raises(options.Invalid, match='option x: is neither'):
        options.flag({'x': 'maybe'}, 'x', default=True)
    with pytest.raises(options.Invalid, match='option x: holds something else'):
        options.certificates({'x': 'junk'}, 'x')
