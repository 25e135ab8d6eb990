from __future__ import annotations

import json
from typing import TYPE_CHECKING

import ops
import pytest

if TYPE_CHECKING:
    from .conftest import Authority, Bench, Deploy

KEY = 'certificate_signing_requests'
NOT_A_CSR = '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----'

JUNK = [
    '{not json',
    '7',
    '[7]',
    '{}',
    '[{}]',
    json.dumps([{'certificate_signing_request': NOT_A_CSR, 'ca': False}]),
    json.dumps([{'certificate_signing_request': '', 'ca': False}]),
    json.dumps([{'certificate_signing_request': 7, 'ca': False}]),
    json.dumps([{'certificate_signing_request': NOT_A_CSR}]),
]


def write(bench: Bench, value: str, scope: str = 'unit', key: str = KEY) -> None:
    bench.act('write-raw', {'key': key, 'value': value, 'scope': scope})


def test_raw_only_makes_no_requests(deploy: Deploy):
    bench = deploy({'raw-only': True, 'mode': 'app-and-unit'})

    assert bench.status == ops.ActiveStatus('raw-only, the requirer library is off')
    assert bench.pems() + bench.pems('app') == []
    assert bench.failure('get-requests') == 'raw-only is set: the requirer library is off'


def test_raw_only_leaves_requests_that_are_there(deploy: Deploy):
    bench = deploy()
    before = bench.pems()

    bench.configure({'raw-only': True})

    assert bench.pems() == before


@pytest.mark.parametrize('scope', ['unit', 'app'])
@pytest.mark.parametrize('junk', JUNK)
def test_junk_stays_and_fails_no_hook(deploy: Deploy, authority: Authority, junk: str, scope: str):
    bench = deploy({'raw-only': True})

    write(bench, junk, scope)
    bench.provide()
    bench.run(bench.context.on.leader_elected())
    bench.run(bench.context.on.update_status())

    relation = bench.relation
    bag = relation.local_app_data if scope == 'app' else relation.local_unit_data
    assert bag[KEY] == junk


@pytest.mark.parametrize('scope', ['unit', 'app'])
@pytest.mark.parametrize('junk', JUNK)
def test_the_library_recovers_from_junk(deploy: Deploy, junk: str, scope: str):
    bench = deploy({'raw-only': True, 'mode': 'app-and-unit'})
    write(bench, junk, scope)

    bench.configure({'raw-only': False})

    assert bench.status == ops.WaitingStatus('0/2 certificates')
    assert (len(bench.csrs()), len(bench.csrs('app'))) == (1, 1)


def test_an_empty_value_removes_the_key(deploy: Deploy):
    bench = deploy({'raw-only': True})
    write(bench, 'x', key='other')
    assert bench.relation.local_unit_data['other'] == 'x'

    write(bench, '', key='other')

    assert 'other' not in bench.relation.local_unit_data


def test_write_raw_is_refused_where_it_cannot_work(deploy: Deploy):
    params = {'key': KEY, 'value': 'x', 'scope': 'app'}

    on = deploy().failure('write-raw', params)
    alone = deploy({'raw-only': True}, related=False).failure('write-raw', params)
    follower = deploy({'raw-only': True}, leader=False).failure('write-raw', params)

    assert on == 'set raw-only=true first: the library would undo or choke on raw values'
    assert alone == 'there is no certificates relation'
    assert follower == "only the leader writes the app's databag; run this on the leader"
