from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

import ops
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from .conftest import Authority, Bench, Deploy


def subject(csr: x509.CertificateSigningRequest) -> dict[x509.ObjectIdentifier, str | bytes]:
    return {part.oid: part.value for part in csr.subject}


def common_names(bench: Bench, bag: str = 'unit') -> list[str | bytes]:
    return [subject(csr)[NameOID.COMMON_NAME] for csr in bench.csrs(bag)]


def names(csr: x509.CertificateSigningRequest) -> x509.SubjectAlternativeName:
    return csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value


@pytest.mark.parametrize(
    ('mode', 'leader', 'unit_names', 'app_names'),
    [
        ('unit', True, ['cert-0.unit-3.web.demo', 'cert-1.unit-3.web.demo'], []),
        ('unit', False, ['cert-0.unit-3.web.demo', 'cert-1.unit-3.web.demo'], []),
        ('app', True, [], ['cert-0.web.demo', 'cert-1.web.demo']),
        ('app', False, [], []),
        (
            'app-and-unit',
            True,
            ['cert-0.unit-3.web.demo', 'cert-1.unit-3.web.demo'],
            ['cert-0.web.demo', 'cert-1.web.demo'],
        ),
        ('app-and-unit', False, ['cert-0.unit-3.web.demo', 'cert-1.unit-3.web.demo'], []),
    ],
)
def test_each_mode_writes_its_requests_into_its_databag(
    deploy: Deploy, mode: str, leader: bool, unit_names: list[str], app_names: list[str]
):
    bench = deploy({'mode': mode, 'num_certificates': 2}, leader=leader, unit=3)

    assert common_names(bench) == unit_names
    assert common_names(bench, 'app') == app_names


def test_the_default_name_is_an_alternative_name_too(deploy: Deploy):
    (csr,) = deploy().csrs()

    assert names(csr).get_values_for_type(x509.DNSName) == ['cert-0.unit-0.web.demo']


def test_a_common_name_alone_makes_a_request_without_alternative_names(deploy: Deploy):
    (csr,) = deploy({'common_name': 'web.example'}).csrs()

    assert list(csr.extensions) == []


def test_lists_are_trimmed_and_empty_items_dropped(deploy: Deploy):
    (csr,) = deploy({'sans_dns': 'a.example, *.b.example ,,a.example,'}).csrs()

    found = names(csr).get_values_for_type(x509.DNSName)
    assert sorted(found) == ['*.b.example', 'a.example']


def test_three_units_get_different_names_from_one_configuration(deploy: Deploy):
    config = {
        'common_name': '{app}-{unit}.{model}',
        'sans_dns': '{unit}.{app}.example',
        'sans-ip': '{address},2001:DB8:0:0::{unit}',
    }
    found: list[object] = []

    for unit in range(3):
        (csr,) = deploy(config, unit=unit, address=f'192.0.2.{unit}').csrs()
        found.append(
            (
                subject(csr)[NameOID.COMMON_NAME],
                names(csr).get_values_for_type(x509.DNSName),
                set(names(csr).get_values_for_type(x509.IPAddress)),
            )
        )

    assert found == [
        (
            f'web-{unit}.demo',
            [f'{unit}.web.example'],
            {ipaddress.ip_address(f'192.0.2.{unit}'), ipaddress.ip_address(f'2001:db8::{unit}')},
        )
        for unit in range(3)
    ]


def test_the_application_has_no_address_and_is_called_app(deploy: Deploy):
    config = {
        'mode': 'app-and-unit',
        'common_name': '{unit}.web.example',
        'sans-ip': '{address}, 10.0.0.1',
    }

    bench = deploy(config, unit=2)

    assert common_names(bench) == ['2.web.example']
    assert common_names(bench, 'app') == ['app.web.example']
    (csr,) = bench.csrs('app')
    assert names(csr).get_values_for_type(x509.IPAddress) == [ipaddress.ip_address('10.0.0.1')]


def test_the_subject_is_as_configured(deploy: Deploy):
    config = {
        'common_name': 'web.example',
        'organization_name': ' Org ',
        'organizational-unit': 'Unit',
        'email_address': 'root@web.example',
        'country_name': 'NZ',
        'state_or_province_name': 'Otago',
        'locality_name': 'Dunedin',
        'add-unique-id': False,
    }

    (csr,) = deploy(config).csrs()

    assert subject(csr) == {
        NameOID.COMMON_NAME: 'web.example',
        NameOID.ORGANIZATION_NAME: 'Org',
        NameOID.ORGANIZATIONAL_UNIT_NAME: 'Unit',
        NameOID.EMAIL_ADDRESS: 'root@web.example',
        NameOID.COUNTRY_NAME: 'NZ',
        NameOID.STATE_OR_PROVINCE_NAME: 'Otago',
        NameOID.LOCALITY_NAME: 'Dunedin',
    }


def test_a_request_may_have_alternative_names_only(deploy: Deploy):
    config = {
        'common_name': '-',
        'sans_dns': 'a.example',
        'sans-oid': '1.3.6.1.4.1',
    }

    (csr,) = deploy(config).csrs()

    assert list(subject(csr)) == [NameOID.X500_UNIQUE_IDENTIFIER]
    (oid,) = names(csr).get_values_for_type(x509.RegisteredID)
    assert oid.dotted_string == '1.3.6.1.4.1'


def test_is_ca_is_written_beside_the_request(deploy: Deploy):
    bench = deploy({'is_ca': True})

    assert [entry['ca'] for entry in bench.entries()] == [True]


@pytest.mark.parametrize(
    ('algorithm', 'kind', 'size'),
    [
        ('rsa-2048', rsa.RSAPublicKey, 2048),
        ('rsa-3072', rsa.RSAPublicKey, 3072),
        ('ecdsa-p256', ec.EllipticCurvePublicKey, 256),
        ('ecdsa-p384', ec.EllipticCurvePublicKey, 384),
    ],
)
def test_the_key_has_the_algorithm_asked_for(
    deploy: Deploy,
    algorithm: str,
    kind: type[rsa.RSAPublicKey | ec.EllipticCurvePublicKey],
    size: int,
):
    (csr,) = deploy({'key-algorithm': algorithm}).csrs()

    key = csr.public_key()
    assert isinstance(key, kind)
    assert key.key_size == size


ODD_NAMES: list[dict[str, Any]] = [
    {'sans-ip': '2001:DB8:0:0:0:0:0:1, ::ffff:192.0.2.1'},
    {'common_name': '-', 'sans_dns': 'UPPER.example,*.b.example', 'sans-oid': '1.2.3'},
    {'organization_name': '  ', 'email_address': 'A@B.example', 'locality_name': 'Zürich'},
    {'is_ca': True, 'common_name': 'Röt CA'},
    {'mode': 'app-and-unit', 'num_certificates': 3},
    {'add-unique-id': False},
]


@pytest.mark.parametrize('config', ODD_NAMES, ids=str)
def test_later_hooks_leave_the_requests_alone(deploy: Deploy, config: dict[str, Any]):
    bench = deploy(config)
    before = bench.relation

    bench.run(bench.context.on.config_changed())
    bench.provide()

    assert bench.relation.local_unit_data == before.local_unit_data
    assert bench.relation.local_app_data == before.local_app_data


@pytest.mark.parametrize('mode', ['unit', 'app', 'app-and-unit'])
def test_another_key_algorithm_makes_new_keys_and_requests(deploy: Deploy, mode: str):
    bench = deploy({'mode': mode})
    before = bench.pems() + bench.pems('app')

    bench.configure({'key-algorithm': 'ecdsa-p384'})

    keys = [csr.public_key() for csr in bench.csrs() + bench.csrs('app')]
    assert len(keys) == len(before)
    assert all(isinstance(key, ec.EllipticCurvePublicKey) and key.key_size == 384 for key in keys)


@pytest.mark.parametrize(
    ('old', 'new', 'unit', 'app'), [('unit', 'app', 0, 1), ('app-and-unit', 'unit', 1, 0)]
)
def test_a_change_of_mode_withdraws_the_requests_of_the_old_one(
    deploy: Deploy, old: str, new: str, unit: int, app: int
):
    bench = deploy({'mode': old})

    bench.configure({'mode': new})

    assert (len(bench.pems()), len(bench.pems('app'))) == (unit, app)


def test_a_new_name_replaces_the_request(deploy: Deploy):
    bench = deploy({'common_name': 'old.example'})

    bench.configure({'common_name': 'new.example'})

    assert common_names(bench) == ['new.example']


def test_a_new_leader_requests_for_the_application(deploy: Deploy):
    bench = deploy({'mode': 'app'}, leader=False)
    standby = ops.ActiveStatus("standby, the leader holds the app's certificates")
    assert bench.status == standby

    bench.lead()

    assert common_names(bench, 'app') == ['cert-0.web.demo']
    assert bench.status == ops.WaitingStatus('0/1 certificates')


def test_an_expired_certificate_secret_renews_the_request(deploy: Deploy, authority: Authority):
    bench = deploy({'mode': 'app-and-unit'})
    (old,), (app,) = bench.pems(), bench.pems('app')
    bench.provide([authority.answer(old), authority.answer(app)])
    secret = next(
        each for each in bench.state.secrets if (each.latest_content or {}).get('csr') == old
    )

    bench.run(bench.context.on.secret_expired(secret, revision=1))

    assert bench.pems('app') == [app]
    (new,) = bench.pems()
    assert new != old
