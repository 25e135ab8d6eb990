"""What can fail on a real server: the status says it, nothing is lost, and it mends itself."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Generator

import pytest
from conftest import CSR, ROOT, Bed, answer, asked, relate, sign
from ops import testing

import answers
import connection
import errors
from charm import STATE
from tls_provider.testing import pki

SECOND = pki.request('second.example.test')


@contextlib.contextmanager
def sealed(bed: Bed) -> Generator[None]:
    bed.bao.seal()
    try:
        yield
    finally:
        bed.bao.unseal()


@contextlib.contextmanager
def killed(bed: Bed) -> Generator[None]:
    bed.bao.stop()
    try:
        yield
    finally:
        bed.bao.start()
        bed.bao.unseal()


@contextlib.contextmanager
def paused(bed: Bed) -> Generator[None]:
    bed.bao.pause()
    try:
        yield
    finally:
        bed.bao.resume()


Fault = tuple[Callable[[Bed], contextlib.AbstractContextManager[None]], str]
FAULTS: dict[str, Fault] = {
    'sealed': (sealed, 'is sealed; unseal it'),
    'killed': (killed, 'is not reached'),
    'paused': (paused, 'does not answer in time'),
}


@pytest.fixture(params=FAULTS)
def fault(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Fault:
    monkeypatch.setattr(connection, 'READ', 2)  # else a server that hangs takes half a minute
    return FAULTS[request.param]


def test_a_server_out_of_reach_is_told_and_used_again(rooted: Bed, fault: Fault):
    begin, complaint = fault
    relation = rooted.ask(CSR)
    before = rooted.entry(relation)
    with begin(rooted):
        started = time.monotonic()
        second = rooted.ask(SECOND, pki.request('third.example.test'), app='other')
        taken = time.monotonic() - started
        assert rooted.status[0] == 'active'
        assert complaint in rooted.status[1]
        assert rooted.entry(relation) == before
        answers = rooted.answers(second)
        assert [refusal.code for refusal in answers.refusals] == [201, 201]
        assert taken < 20, 'each request waited for itself'
    rooted.later()

    rooted.run()

    assert len(rooted.answers(second).entries) == 2
    assert rooted.entry(relation) == before
    assert rooted.status[1].startswith('3/3 issued; first expiry')


def test_a_server_out_of_reach_from_the_first_waits(rooted: Bed, fault: Fault):
    begin, complaint = fault
    rooted.replace_state(current=None, checked_at=0)
    with begin(rooted):
        rooted.run()
        assert rooted.status[0] == 'waiting'
        assert rooted.status[1].endswith(complaint)

    rooted.run()

    assert rooted.status == ('active', '')


def test_a_sealed_server_cannot_be_set_up(bed: Bed):
    with sealed(bed), pytest.raises(testing.ActionFailed, match='is sealed; unseal it'):
        bed.authorize()


def test_a_slow_server_is_waited_for(rooted: Bed):
    rooted.bao.pause()
    threading.Timer(2, rooted.bao.resume).start()

    relation = rooted.ask(CSR)

    assert rooted.entry(relation)


def test_a_restart_between_hooks_changes_nothing(rooted: Bed):
    relation = rooted.ask(CSR)
    before = rooted.entry(relation)
    rooted.bao.restart()

    rooted.run()

    assert rooted.entry(rooted.ask(SECOND, app='other'))
    assert rooted.entry(relation) == before


def test_a_revoked_secret_id_blocks_until_authorised_again(rooted: Bed):
    relation = rooted.ask(CSR)
    before = rooted.entry(relation)
    place = f'auth/approle/role/{rooted.policy}/secret-id/destroy'
    rooted.bao.call('POST', place, {'secret_id': rooted.credentials()['secret-id']})

    second = rooted.ask(SECOND, app='other')

    assert rooted.status[0] == 'blocked'
    assert rooted.status[1].startswith('not authorised: Vault at 127.0.0.1:')
    assert 'see action authorize' in rooted.status[1]
    assert rooted.entry(relation) == before
    assert rooted.answers(second).refusals == ()
    rooted.authorize()
    assert rooted.entry(second)
    assert rooted.entry(relation) == before


def test_a_deleted_role_is_made_again_in_the_same_hook(rooted: Bed):
    rooted.bao.call('DELETE', f'{rooted.mount}/roles/charm-ecdsa')

    relation = rooted.ask(CSR)

    assert rooted.entry(relation)


def test_a_deleted_mount_with_a_root_is_made_again_in_the_same_hook(rooted: Bed):
    relation = rooted.ask(CSR)
    before = rooted.entry(relation)
    rooted.bao.call('DELETE', f'sys/mounts/{rooted.mount}')

    second = rooted.ask(SECOND, app='other')

    assert rooted.entry(second)
    rooted.run()
    after = rooted.entry(relation)
    assert after.ca == rooted.entry(second).ca != before.ca
    assert rooted.act('get-ca-certificate')['trusted'].count('BEGIN') == 2


def test_a_deleted_mount_is_noticed_while_nobody_asks(rooted: Bed):
    relation = rooted.ask(CSR)
    before = rooted.entry(relation)
    rooted.bao.call('DELETE', f'sys/mounts/{rooted.mount}')
    rooted.replace_state(checked_at=int(time.time()) - 3601)

    rooted.run()

    assert rooted.entry(relation).ca != before.ca


def test_an_issuer_that_was_deleted_is_replaced(rooted: Bed):
    relation = rooted.ask(CSR)
    before = rooted.entry(relation)
    rooted.bao.call('DELETE', f'{rooted.mount}/issuer/{rooted.authority["current"]["issuer"]}')

    second = rooted.ask(SECOND, app='other')

    assert rooted.entry(second).ca != before.ca


def test_a_ca_that_may_not_sign_any_more_is_replaced(rooted: Bed):
    issuer = rooted.authority['current']['issuer']
    rooted.bao.call('POST', f'{rooted.mount}/issuer/{issuer}/revoke', {})

    relation = rooted.ask(CSR)

    assert rooted.entry(relation)
    assert rooted.authority['current']['issuer'] != issuer


@pytest.mark.parametrize('code', [200, 204, 400, 403])
@pytest.mark.parametrize('place', ['sys/mounts/', 'config/urls', 'issuers', 'issuer/default'])
@pytest.mark.parametrize('is_root', [True, False])
def test_no_other_ca_is_made_where_the_search_for_one_fails(
    bed: Bed, is_root: bool, place: str, code: int, monkeypatch: pytest.MonkeyPatch
):
    """A gateway answers in the place of Vault, after what was known of the CA is lost."""
    if is_root:
        bed.configure(ca_type='root')
    bed.authorize()
    parent = relate(bed)
    for csr in asked(bed, parent):
        answer(bed, parent, csr, sign(csr), ROOT.certificate.pem)
    relation = bed.ask(CSR)
    before = bed.entry(relation), asked(bed, parent)
    keys = bed.bao.call('LIST', f'{bed.mount}/keys')['data']['keys']
    # No real server errs at one path and is well at others.
    read = answers.read

    def disturbed(status: int, body: str, location: str, where: errors.Place) -> answers.Answer:
        return (
            read(code, '<html>', '', where)
            if place in where.path
            else read(status, body, location, where)
        )

    [peers] = bed.state.get_relations('peers')
    assert isinstance(peers, testing.PeerRelation)
    bag = {name: text for name, text in peers.local_app_data.items() if name != STATE}
    bed.write(peers.id, local_app_data=bag)
    with monkeypatch.context() as patch:
        patch.setattr(answers, 'read', disturbed)
        bed.run()

    assert bed.bao.call('LIST', f'{bed.mount}/keys')['data']['keys'] == keys
    bed.run()
    assert (bed.entry(relation), asked(bed, parent)) == before
    assert bed.status[0] == 'active'


def test_what_was_changed_at_the_issuer_is_put_right(rooted: Bed):
    path = f'{rooted.mount}/issuer/{rooted.authority["current"]["issuer"]}'
    name = rooted.bao.call('GET', path)['data']['issuer_name']
    values = {'issuer_name': name, 'leaf_not_after_behavior': 'permit'}
    rooted.bao.call('POST', path, values)
    rooted.replace_state(checked_at=0)

    rooted.run()

    found = rooted.bao.call('GET', path)['data']
    assert (found['issuer_name'], found['leaf_not_after_behavior']) == (name, 'truncate')


def test_a_mount_of_something_else_is_not_touched(bed: Bed):
    bed.bao.call('POST', f'sys/mounts/{bed.mount}', {'type': 'kv'})
    bed.configure(ca_type='root')

    with pytest.raises(testing.ActionFailed) as raised:
        bed.authorize()

    assert raised.value.message == f'option mount: {bed.mount} is a mount of kv, not pki'


def test_a_certificate_that_is_not_trusted_names_the_option(rooted: Bed):
    rooted.configure(vault_ca_certificates=pki.Authority.root('another').certificate.pem)

    rooted.ask(CSR)

    assert rooted.status[0] == 'blocked'
    assert (
        'has no certificate that is trusted; see option vault-ca-certificates'
        in (rooted.status[1])
    )


def test_plain_http_to_a_server_of_tls_is_told(rooted: Bed):
    rooted.configure(vault_address=rooted.bao.address.replace('https', 'http'))

    assert rooted.status[0] in {'blocked', 'waiting'}
    assert 'Vault at 127.0.0.1' in rooted.status[1]


def test_a_ca_that_was_deleted_hinders_no_renewal(rooted: Bed):
    relation = rooted.ask(CSR)
    before = rooted.entry(relation)
    issuer = rooted.authority['current']['issuer']
    rooted.bao.call('DELETE', f'{rooted.mount}/issuer/{issuer}')
    current = rooted.authority['current']
    life = {'not_before': 0, 'not_after': int(time.time()) + 60}
    rooted.replace_state(current={**current, **life})

    rooted.run()

    assert rooted.entry(relation).ca != before.ca
    assert rooted.status[0] == 'active'


def test_a_root_that_a_lost_hook_has_made_is_taken(rooted: Bed):
    relation = rooted.ask(CSR)
    before = rooted.state
    rooted.configure(ca_common_name='Another CA')
    made = rooted.authority['current']['issuer']

    rooted.state = before  # as if that hook were lost
    rooted.configure(ca_common_name='Another CA')

    assert rooted.authority['current']['issuer'] == made
    assert rooted.entry(relation)
    issuers = rooted.bao.call('LIST', f'{rooted.mount}/issuers')['data']['keys']
    assert len(issuers) == 2


def test_a_hook_that_is_lost_after_a_signature_is_repeated(rooted: Bed):
    before = rooted.state
    relation = rooted.ask(CSR)
    asked = rooted.state.get_relation(relation)
    assert isinstance(asked, testing.Relation)
    lost = dataclasses.replace(asked, local_app_data={})
    rooted.state = dataclasses.replace(before, relations={*before.relations, lost})

    rooted.changed(relation)

    assert rooted.entry(relation)
