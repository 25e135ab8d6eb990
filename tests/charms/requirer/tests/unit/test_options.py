from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ops
import pytest

if TYPE_CHECKING:
    from .conftest import Deploy

BAD = [
    ({'mode': 'foo'}, 'option mode: "foo" is not one of unit, app, app-and-unit'),
    ({'mode': ''}, 'option mode: "" is not one of unit, app, app-and-unit'),
    (
        {'key-algorithm': 'dsa'},
        'option key-algorithm: "dsa" is not one of '
        'rsa-2048, rsa-3072, rsa-4096, ecdsa-p256, ecdsa-p384',
    ),
    ({'num_certificates': -1}, 'option num_certificates: -1 is not between 0 and 1000'),
    ({'num_certificates': 1001}, 'option num_certificates: 1001 is not between 0 and 1000'),
    (
        {'renewal-relative-time': 0.5},
        'option renewal-relative-time: 0.5 is not above 0.5 and at most 1.0',
    ),
    (
        {'renewal-relative-time': float('nan')},
        'option renewal-relative-time: nan is not above 0.5 and at most 1.0',
    ),
    ({'country_name': 'USA'}, 'option country_name: "USA" is not a country code of two letters'),
    ({'country_name': 'ÄÖ'}, 'option country_name: "ÄÖ" is not a country code of two letters'),
    ({'email_address': 'root'}, 'option email_address: "root" is not an e-mail address'),
    ({'email_address': 'ä@b.example'}, 'option email_address: "ä@b.example" is not an'),
    ({'common_name': 'x' * 65}, f'option common_name: "{"x" * 65}" is longer than 64 bytes'),
    ({'common_name': 'ä' * 33}, f'option common_name: "{"ä" * 33}" is longer than 64 bytes'),
    (
        {'common_name': '{host}.example'},
        'option common_name: "{host}.example": '
        'the only placeholders are {i}, {unit}, {app}, {model}',
    ),
    ({'common_name': '-'}, 'option common_name: a request needs it or one of sans_dns, sans-ip'),
    (
        {'common_name': '-', 'sans_dns': 'a.example', 'add-unique-id': False},
        'option add-unique-id: without it and a common name the subject would be empty',
    ),
    (
        {'common_name': 'a.example', 'num_certificates': 2},
        'option common_name: "a.example" makes equal requests; put {i} into it or sans_dns',
    ),
    (
        {'common_name': 'a.example', 'mode': 'app-and-unit'},
        'option common_name: "a.example" makes equal requests; '
        'put {i} and {unit} into it or sans_dns',
    ),
    ({'sans_dns': 'a b.example'}, 'option sans_dns: "a b.example" is not ASCII without spaces'),
    ({'sans_dns': 'bücher.example'}, 'option sans_dns: "bücher.example" is not ASCII'),
    ({'sans_dns': 'a' * 254}, f'option sans_dns: "{"a" * 254}" is longer than 253 characters'),
    ({'sans_dns': 'a.example, {x'}, 'option sans_dns: "{x": the only placeholders are {i},'),
    ({'sans-ip': '10.0.0.300'}, 'option sans-ip: "10.0.0.300" is not an IP address'),
    ({'sans-ip': 'fe80::1%eth0'}, 'option sans-ip: "fe80::1%eth0" has a zone'),
    (
        {'sans-ip': '{model}'},
        'option sans-ip: "{model}": the only placeholders are {i}, {unit}, {address}',
    ),
    ({'sans-oid': '1.2.x'}, 'option sans-oid: "1.2.x" is not an object identifier'),
]


@pytest.mark.parametrize(('config', 'message'), BAD, ids=[str(config)[:40] for config, _ in BAD])
def test_a_bad_option_blocks_and_requests_nothing(
    deploy: Deploy, config: dict[str, Any], message: str
):
    bench = deploy(config)

    assert isinstance(bench.status, ops.BlockedStatus)
    assert bench.status.message.startswith(message)
    assert bench.entries() == []


def test_a_bad_option_fails_the_actions_and_leaves_the_requests_alone(deploy: Deploy):
    bench = deploy()
    before = bench.pems()

    bench.configure({'mode': 'foo'})

    assert bench.pems() == before
    assert bench.failure('get-certificate').startswith('option mode: "foo"')
    assert bench.failure('write-raw', {'key': 'x'}).startswith('set raw-only=true first')


def test_an_address_that_is_not_known_blocks(deploy: Deploy):
    bench = deploy({'sans-ip': '{address}'}, address='node.cloud.example')

    message = 'option sans-ip: this unit has no ingress IP address for {address} yet'
    assert bench.status == ops.BlockedStatus(message)


def test_good_options_unblock(deploy: Deploy):
    bench = deploy({'country_name': 'USA'})

    bench.configure({'country_name': 'US'})

    assert bench.status == ops.WaitingStatus('0/1 certificates')
    assert len(bench.entries()) == 1
