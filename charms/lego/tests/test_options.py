from __future__ import annotations

import datetime
from collections.abc import Mapping

import pytest

import options
from command import ExternalAccount, Features
from options import Options
from tls_provider.options import Invalid
from tls_provider.testing import pki

OLD = Features(4, propagation_wait=False, eab_variables=False, profile=False)
NEW = Features(5, propagation_wait=True, eab_variables=True, profile=True)
ROOT = pki.Authority.root('root').certificate.pem
GOOD: dict[str, object] = {
    'email': 'a@b.example',
    'accept-terms-of-service': True,
    'plugin': 'rfc2136',
    'plugin-config-secret-id': 'secret:dns',
}
SECRETS = {
    'secret:dns': {'rfc2136-nameserver': '10.0.0.1', 'rfc2136-tsig-secret': 'c2VjcmV0'},
    'secret:eab': {'eab-kid': 'kid', 'eab-hmac': 'a+b/c='},
    'secret:empty': {'other': 'x'},
}


def load(option: str, identifier: str) -> Mapping[str, str]:
    if identifier not in SECRETS:
        raise Invalid(option, 'not there')
    return SECRETS[identifier]


def parse(**changes: object) -> Options:
    changed = {name.replace('_', '-'): value for name, value in changes.items()}
    return options.parse({**GOOD, **changed}, load)


def test_defaults() -> None:
    parsed = parse()

    assert parsed.server == 'https://acme-v02.api.letsencrypt.org/directory'
    assert parsed.variables == {
        'RFC2136_NAMESERVER': '10.0.0.1',
        'RFC2136_TSIG_SECRET': 'c2VjcmV0',
    }
    assert parsed.is_public
    assert parsed.wildcards
    assert not parsed.revokes_withdrawn
    assert (parsed.parallel, parsed.propagation_wait) == (4, None)
    assert parsed.order_timeout == datetime.timedelta(minutes=10)
    assert parsed.warning == ''


def test_values() -> None:
    parsed = parse(
        server=' https://ca.corp.internal:8443/acme/dir ',
        eab_secret_id='secret:eab',
        acme_ca_certificates=ROOT,
        ca_root_certificates=ROOT * 2,
        dns_propagation_wait=30,
        dns_nameservers='9.9.9.9, 1.1.1.1:5353,[2001:db8::1]:53,2001:db8::2,ns.example',
        disable_cname_support=True,
        max_parallel_orders=1,
        order_timeout='30m',
        allow_wildcards=False,
        profile='short-lived',
        preferred_chain='Root X1',
        revoke_on_removal=True,
    )

    assert parsed.server == 'https://ca.corp.internal:8443/acme/dir'
    assert not parsed.is_public
    assert parsed.external_account == ExternalAccount('kid', 'a-b_c')
    assert (len(parsed.acme_roots), len(parsed.issuer_roots)) == (1, 1)
    assert parsed.nameservers == (
        '9.9.9.9:53', '1.1.1.1:5353', '[2001:db8::1]:53', '[2001:db8::2]:53', 'ns.example:53',
    )  # fmt: skip
    assert (parsed.parallel, parsed.propagation_wait) == (1, 30)
    assert not parsed.wildcards
    assert not parsed.follows_cnames
    assert parsed.revokes_withdrawn


@pytest.mark.parametrize(
    ('changes', 'complaint'),
    [
        ({'email': ''}, 'option email: is not set'),
        ({'email': 'a b@c.example'}, 'option email: "a b@c.example" is not a mail address'),
        ({'email': '../x@c.example'}, 'option email: '),
        ({'email': '@c.example'}, 'option email: '),
        ({'accept_terms_of_service': False}, 'option accept-terms-of-service: read the terms'),
        ({'server': 'http://h/dir'}, 'option server: "http://h/dir" is not an https:// address'),
        ({'server': 'https://'}, 'option server: '),
        ({'server': 'https://h:x/dir'}, 'option server: "https://h:x/dir" is not an address'),
        ({'server': 'https://u:p@h/dir'}, 'option server: '),
        ({'server': 'https://h/dir?token=x'}, 'option server: '),
        ({'server': 'https://[::1/dir'}, 'option server: '),
        ({'server': 'https://h:0/dir'}, 'option server: '),
        ({'server': 'https://h:65536/dir'}, 'option server: '),
        ({'server': 'https://a\\b/d'}, 'option server: "https://a\\b/d" names no host'),
        ({'server': 'https://é.example/d'}, 'option server: '),
        ({'server': 'https://-h/d'}, 'option server: '),
        ({'server': 'https://127.1/d'}, 'option server: '),
        ({'server': 'https://a[::1]/d'}, 'option server: '),
        ({'server': 'https://[::1]a/d'}, 'option server: '),
        ({'server': 'https://[1.2.3.4]/d'}, 'option server: '),
        ({'server': 'https://::1/d'}, 'option server: '),
        ({'server': 'https://a\tb/d'}, 'option server: '),
        ({'server': 'https://a/\x7fb'}, 'option server: '),
        ({'server': 'https://a/b c'}, 'option server: '),
        ({'server': 'https://a/"b"'}, 'option server: '),
        ({'server': 'https://a/é'}, 'option server: '),
        ({'server': 'https://a/%zz'}, 'option server: '),
        ({'plugin': ''}, 'option plugin: is not set'),
        ({'plugin': 'http'}, 'option plugin: http cannot be used: HTTP-01 is not offered'),
        ({'plugin': 'exec'}, 'option plugin: exec cannot be used: it would run programs'),
        ({'plugin': 'manual'}, 'option plugin: manual cannot be used: '),
        ({'plugin': '--help'}, 'option plugin: "--help" is not the code of a provider'),
        (
            {'plugin_config_secret_id': ''},
            'option plugin-config-secret-id: is not set; rfc2136 ne',
        ),
        ({'plugin_config_secret_id': 'secret:x'}, 'option plugin-config-secret-id: not there'),
        ({'eab_secret_id': 'secret:x'}, 'option eab-secret-id: not there'),
        ({'eab_secret_id': 'secret:empty'}, 'option eab-secret-id: the secret must have eab-kid'),
        ({'acme_ca_certificates': 'junk'}, 'option acme-ca-certificates: holds something else'),
        ({'ca_root_certificates': 'junk'}, 'option ca-root-certificates: holds something else'),
        ({'dns_propagation_wait': 0}, 'option dns-propagation-wait: 0 is not between 1 and 3600'),
        ({'dns_propagation_wait': 'x'}, 'option dns-propagation-wait: "x" is not a whole'),
        ({'dns_nameservers': 'a b'}, 'option dns-nameservers: "a b" is no HOST'),
        ({'dns_nameservers': '9.9.9.9:0'}, 'option dns-nameservers: "9.9.9.9:0" is no HOST'),
        ({'dns_nameservers': '9.9.9.9:99999'}, 'option dns-nameservers: '),
        ({'dns_nameservers': '-x'}, 'option dns-nameservers: '),
        ({'max_parallel_orders': 17}, 'option max-parallel-orders: 17 is not between 1 and 16'),
        ({'order_timeout': '2d'}, 'option order-timeout: 2d is not between'),
        ({'profile': 'a b'}, 'option profile: "a b" is not the name of a profile'),
        ({'public_ca': 'maybe'}, 'option public-ca: is none of'),
        ({'allow_ca_requests': 'a b'}, 'option allow-ca-requests: '),
        ({'allow_wildcards': 'x'}, 'option allow-wildcards: is neither true nor false'),
        ({'allowed_domains': 'a b'}, 'option allowed-domains: '),
    ],
)
def test_what_cannot_be_used_is_named(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(Invalid) as error:
        parse(**changes)

    assert str(error.value).startswith(complaint)


@pytest.mark.parametrize(
    'server',
    ['https://h', 'https://10.0.0.1:14000/dir', 'https://[2001:db8::1]:443/a%20b/~c;d=e,f@g'],
)
def test_addresses_of_servers(server: str) -> None:
    assert parse(server=server).server == server


@pytest.mark.parametrize(
    'key',
    [
        'lego-path', 'lego-ca-certificates', 'lego-eab-hmac', 'lego-server', 'path', 'home',
        'ld-preload', 'https-proxy', 'exec-path', 'godebug', 'ssl-cert-file', 'juju-context-id',
        'UPPER', 'a_b', 'a=b', 'rfc2136-tsig-secret-file', 'lego-deploy-hook', 'lego-pre-hook',
    ],
)  # fmt: skip
def test_a_secret_may_not_set_what_is_no_matter_of_the_provider(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SECRETS, 'secret:dns', {'rfc2136-nameserver': 'x', key: 'y'})

    with pytest.raises(Invalid, match=r'plugin-config-secret-id: key .* may not be set'):
        parse()


def test_other_variables_of_lego_are_free(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = {'rfc2136-nameserver': 'x', 'lego-ca-server-name': 'ca'}
    monkeypatch.setitem(SECRETS, 'secret:dns', secret)

    parsed = parse()

    assert parsed.variables['LEGO_CA_SERVER_NAME'] == 'ca'
    assert parsed.warning == ''


def test_what_is_missing_is_named_by_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SECRETS, 'secret:dns', {'autodns-api-user': 'x'})

    with pytest.raises(Invalid, match='lacks autodns-api-password, which autodns needs'):
        parse(plugin='autodns')


def test_one_of_several_ways_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SECRETS, 'secret:dns', {'cf-dns-api-token': 'x'})

    assert parse(plugin='cloudflare').warning == ''


def test_an_unknown_variable_is_for_lego_to_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SECRETS, 'secret:dns', {'hetzner-api-token': 'x'})

    assert parse(plugin='hetzner').warning == 'hetzner is not known to take HETZNER_API_TOKEN'


def test_an_unknown_provider_is_let_through() -> None:
    parsed = parse(plugin='newdns', plugin_config_secret_id='')

    assert parsed.variables == {}
    assert parsed.warning == 'DNS provider newdns is not known to this charm'


def test_ambient_credentials_are_enough() -> None:
    assert parse(plugin='route53', plugin_config_secret_id='').variables == {}


@pytest.mark.parametrize(('value', 'expected'), [('true', True), ('false', False)])
def test_the_operator_knows_better_whether_a_server_is_public(value: str, expected: bool) -> None:
    assert parse(public_ca=value).is_public == expected


class TestEnvironment:
    def test_a_new_binary_takes_the_external_account_from_it(self) -> None:
        made = parse(eab_secret_id='secret:eab').environment(NEW)

        assert (made['LEGO_EAB_KID'], made['LEGO_EAB_HMAC']) == ('kid', 'a-b_c')

    def test_an_old_one_waits_for_one_interval(self) -> None:
        made = parse(dns_propagation_wait=7).environment(OLD)

        assert made['RFC2136_POLLING_INTERVAL'] == '7'
        assert 'LEGO_EAB_HMAC' not in made
        assert 'RFC2136_POLLING_INTERVAL' not in parse(dns_propagation_wait=7).environment(NEW)

    def test_cname_support_can_be_off(self) -> None:
        made = parse(disable_cname_support=True).environment(NEW)

        assert made['LEGO_DISABLE_CNAME_SUPPORT'] == 'true'

    def test_proxies_of_the_model_count(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv('JUJU_CHARM_HTTPS_PROXY', 'http://proxy:3128')
        monkeypatch.setenv('JUJU_CHARM_NO_PROXY', '')

        made = parse().environment(NEW)

        assert made['HTTPS_PROXY'] == 'http://proxy:3128'
        assert 'NO_PROXY' not in made


def test_secrets_are_not_shown_but_count() -> None:
    parsed = parse(eab_secret_id='secret:eab')

    assert set(parsed.secrets()) == {'10.0.0.1', 'c2VjcmV0', 'a-b_c'}
    assert 'c2VjcmV0' not in repr(parsed)
    assert 'a-b_c' not in repr(parsed)
    assert 'c2VjcmV0' in parsed.everything()
    assert 'a-b_c' in parsed.everything()


@pytest.mark.parametrize('scheme', ['http://', ''])
def test_passwords_of_proxies_are_secrets_and_count(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = parse().everything()
    address = f'{scheme}user:p%40ss:w@rd@proxy:3128'
    monkeypatch.setenv('JUJU_CHARM_HTTPS_PROXY', address)
    monkeypatch.setenv('JUJU_CHARM_HTTP_PROXY', 'http://proxy:3128')
    monkeypatch.setenv('JUJU_CHARM_NO_PROXY', '10.0.0.0/8')

    parsed = parse()

    assert {address, 'p%40ss:w@rd', 'p@ss:w@rd', 'http://proxy:3128'} <= {*parsed.secrets()}
    assert '10.0.0.0/8' not in parsed.secrets()
    assert parsed.everything() != before


def test_the_account_is_named_before_anything_is_checked() -> None:
    assert options.identity({}) == ('https://acme-v02.api.letsencrypt.org/directory', '')
    assert options.identity({'server': ' x ', 'email': ' y '}) == ('x', 'y')
