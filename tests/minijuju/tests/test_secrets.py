"""Secrets of charms: who may do what, revisions, pins, grants, and what a hook commits."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from minijuju.clock import parse_moment
from minijuju.hooktools import run_tool
from minijuju.testing import Simulation

if TYPE_CHECKING:
    from minijuju.context import HookContext


@pytest.fixture
def sim() -> Simulation:
    """Provider ``a``, two units; requirers ``b`` (relation 0) and ``c`` (relation 1)."""
    found = Simulation()
    found.deploy('a', units=2, provides='certs')
    found.deploy('b', requires='needs')
    found.deploy('c', requires='needs')
    found.integrate('a:certs', 'b:needs')
    found.integrate('a:certs', 'c:needs')
    found.settle()
    return found


def call(context: HookContext, line: str) -> str:
    name, *args = line.split()
    reply = run_tool(context, name, args, Path('/'), '')
    return reply.stderr or reply.stdout.rstrip('\n')


def hook(sim: Simulation, unit: str, *lines: str) -> list[str]:
    """Run tools in one hook, commit, and return what they said."""
    context = sim.context(unit)
    said = [call(context, line) for line in lines]
    problem = context.commit()
    return [*said, problem] if problem else said


def get(sim: Simulation, unit: str, line: str) -> object:
    return json.loads(hook(sim, unit, f'secret-get --format=json {line}')[0])


@pytest.fixture
def app_secret(sim: Simulation) -> str:
    return hook(sim, 'a/0', 'secret-add --label ca key=one')[0]


def test_an_identifier_has_20_characters(app_secret: str):
    scheme, _, number = app_secret.partition(':')

    assert (scheme, len(number)) == ('secret', 20)


def test_units_of_the_owner_read_by_uri_and_label(sim: Simulation, app_secret: str):
    for unit in ('a/0', 'a/1'):
        assert get(sim, unit, app_secret) == {'key': 'one'}
        assert get(sim, unit, '--label ca') == {'key': 'one'}


def test_others_need_a_grant_which_ends_with_the_relation(sim: Simulation, app_secret: str):
    assert hook(sim, 'b/0', f'secret-get {app_secret}') == ['ERROR permission denied\n']

    hook(sim, 'a/0', f'secret-grant --relation 0 {app_secret}')
    hook(sim, 'a/0', f'secret-grant --relation 0 {app_secret}')

    assert get(sim, 'b/0', f'{app_secret} --label mine') == {'key': 'one'}
    assert get(sim, 'b/0', '--label mine') == {'key': 'one'}
    assert hook(sim, 'c/0', f'secret-get {app_secret}') == ['ERROR permission denied\n']
    sim.model.relations[0].dying = True
    sim.settle()
    assert hook(sim, 'b/0', f'secret-get {app_secret}') == ['ERROR permission denied\n']


def test_a_revoke_ends_a_grant(sim: Simulation, app_secret: str):
    hook(sim, 'a/0', f'secret-grant --relation 0 --unit b/0 {app_secret}')
    assert get(sim, 'b/0', app_secret) == {'key': 'one'}

    hook(sim, 'a/0', f'secret-revoke --relation 0 --unit b/0 {app_secret}')

    assert hook(sim, 'b/0', f'secret-get {app_secret}') == ['ERROR permission denied\n']


def test_a_grant_to_a_unit_bars_one_to_its_application(sim: Simulation, app_secret: str):
    said = hook(
        sim,
        'a/0',
        f'secret-grant --relation 0 --unit b/0 {app_secret}',
        f'secret-grant --relation 0 {app_secret}',
    )

    assert said[1] == (
        'ERROR any unit level grants need to be revoked before granting access to the '
        'corresponding application\n'
    )


@pytest.mark.parametrize('tool', ['secret-set ID key=two', 'secret-remove ID'])
def test_only_the_leader_manages_app_secrets(sim: Simulation, app_secret: str, tool: str):
    line = tool.replace('ID', app_secret)

    assert hook(sim, 'a/1', line)[0] == 'ERROR this unit is not the leader\n'


def test_facts_are_for_who_manages(sim: Simulation, app_secret: str):
    number = app_secret.removeprefix('secret:')
    own = hook(sim, 'a/1', 'secret-add --owner unit key=mine')[0].removeprefix('secret:')

    assert json.loads(hook(sim, 'a/0', 'secret-ids --format=json')[0]) == [number]
    assert json.loads(hook(sim, 'a/1', 'secret-ids --format=json')[0]) == [own]
    info = json.loads(hook(sim, 'a/0', 'secret-info-get --label ca --format=json')[0])
    assert info[number]['owner'] == 'application'
    assert info[number]['revision'] == 1
    denied = f'ERROR secret "{number}" not found\n'
    assert hook(sim, 'a/1', f'secret-info-get {app_secret}') == [denied]


def test_a_label_is_unique_among_the_owners(sim: Simulation, app_secret: str):
    taken = 'ERROR secret with label "ca" already exists\n'

    assert hook(sim, 'a/0', 'secret-add --label ca key=two') == [taken]
    assert hook(sim, 'a/0', 'secret-add --label ca --owner unit key=two')[0].startswith('secret:')
    assert hook(sim, 'a/0', f'secret-set {app_secret} --label ca key=two') == ['']


def test_a_removed_label_is_free_in_the_same_hook(sim: Simulation, app_secret: str):
    said = hook(sim, 'a/0', f'secret-remove {app_secret}', 'secret-add --label ca key=two')

    assert said[1].startswith('secret:')
    assert get(sim, 'a/0', '--label ca') == {'key': 'two'}


def test_an_observer_stays_at_its_revision_until_it_refreshes(sim: Simulation, app_secret: str):
    hook(sim, 'a/0', f'secret-grant --relation 0 {app_secret}')
    get(sim, 'b/0', app_secret)
    hook(sim, 'a/0', f'secret-set {app_secret} key=two')

    assert get(sim, 'b/0', app_secret) == {'key': 'one'}
    assert get(sim, 'b/0', f'{app_secret} --peek') == {'key': 'two'}
    assert get(sim, 'b/0', app_secret) == {'key': 'one'}
    assert get(sim, 'b/0', f'{app_secret} --refresh') == {'key': 'two'}
    assert get(sim, 'b/0', app_secret) == {'key': 'two'}


def test_pins_are_stored_even_when_the_hook_fails(sim: Simulation, app_secret: str):
    context = sim.context('a/1')
    call(context, f'secret-get {app_secret}')
    hook(sim, 'a/0', f'secret-set {app_secret} key=two')

    assert get(sim, 'a/1', app_secret) == {'key': 'one'}


def test_a_pin_survives_an_update_in_the_same_hook(sim: Simulation, app_secret: str):
    hook(sim, 'a/0', f'secret-get {app_secret}', f'secret-set {app_secret} key=two')

    assert get(sim, 'a/0', app_secret) == {'key': 'one'}


def test_the_owner_sees_pending_content_with_peek_or_refresh(sim: Simulation, app_secret: str):
    context = sim.context('a/0')
    call(context, f'secret-get {app_secret}')
    call(context, f'secret-set {app_secret} key=two')

    assert call(context, f'secret-get {app_secret}') == 'key: one'
    assert call(context, f'secret-get {app_secret} --peek') == 'key: two'
    assert call(context, f'secret-get {app_secret} --refresh') == 'key: two'
    assert context.commit() == ''
    assert get(sim, 'a/0', app_secret) == {'key': 'two'}


def test_a_refresh_of_pending_content_is_lost_with_the_hook(sim: Simulation, app_secret: str):
    context = sim.context('a/0')
    call(context, f'secret-get {app_secret}')
    call(context, f'secret-set {app_secret} key=two')
    call(context, f'secret-get {app_secret} --refresh')

    assert get(sim, 'a/0', app_secret) == {'key': 'one'}


def test_what_a_hook_creates_it_sees_at_once(sim: Simulation):
    context = sim.context('a/0')
    uri = call(context, 'secret-add --label new key=one')
    call(context, f'secret-set {uri} other=x')

    assert call(context, 'secret-get --label new') == 'other: x'
    info = json.loads(call(context, f'secret-info-get {uri} --format=json'))
    assert info[uri.removeprefix('secret:')]['label'] == 'new'


def test_equal_content_makes_no_revision(sim: Simulation, app_secret: str):
    hook(sim, 'a/0', f'secret-set {app_secret} key=one')

    assert next(iter(sim.model.secrets.values())).newest == 1


@pytest.mark.parametrize('order', [1, -1])
def test_several_sets_in_a_hook_merge_into_one_update(
    sim: Simulation, app_secret: str, order: int
):
    expiry = f'secret-set {app_secret} --expire 1h'
    hook(sim, 'a/0', *[expiry, f'secret-set {app_secret} key=two'][::order])

    found = next(iter(sim.model.secrets.values()))
    assert found.newest == 2
    assert found.revisions[1].expires is None
    assert found.revisions[2].expires == sim.now + timedelta(hours=1)
    assert found.label == 'ca'


def test_an_expiry_alone_is_the_latest_revisions(sim: Simulation, app_secret: str):
    hook(sim, 'a/0', f'secret-set {app_secret} --expire 2026-02-01T00:00:00')

    info = json.loads(hook(sim, 'a/0', f'secret-info-get {app_secret} --format=json')[0])
    assert info[app_secret.removeprefix('secret:')]['expiry'] == '2026-02-01T00:00:00Z'


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('2026-02-01T00:00:00', '2026-02-01T00:00:00+00:00'),
        ('2026-02-01T00:00:00Z', '2026-02-01T00:00:00+00:00'),
        ('2026-02-01T00:00:00.123456789+02:00', '2026-01-31T22:00:00.123456+00:00'),
        ('1h30m', '2026-01-01T01:30:00+00:00'),
    ],
)
def test_expiry_texts_are_moments_with_a_zone(sim: Simulation, text: str, expected: str):
    moment = parse_moment(text, sim.now)

    assert moment is not None
    assert moment.isoformat() == expected


def test_two_units_secret_writes_do_not_undo_each_other(sim: Simulation, app_secret: str):
    first, second = sim.context('a/0'), sim.context('a/1')
    mine = call(second, 'secret-add --owner unit key=mine')
    call(first, f'secret-set {app_secret} key=two')

    assert second.commit() == ''
    assert first.commit() == ''

    assert get(sim, 'a/1', mine) == {'key': 'mine'}
    assert get(sim, 'a/1', app_secret) == {'key': 'two'}


def test_a_pin_taken_while_the_owner_updates_is_kept(sim: Simulation, app_secret: str):
    owner = sim.context('a/0')
    call(owner, f'secret-set {app_secret} key=two')
    get(sim, 'a/1', app_secret)

    assert owner.commit() == ''

    assert get(sim, 'a/1', app_secret) == {'key': 'one'}
    assert sim.settle()['a/1'] == ['secret-changed']


def test_a_set_of_what_one_does_not_own_fails_the_commit(sim: Simulation, app_secret: str):
    number = app_secret.removeprefix('secret:')

    assert hook(sim, 'b/0', f'secret-set {app_secret} key=x') == [
        '',
        f'secret "{number}" not found',
    ]


def test_a_grant_of_what_one_does_not_own_is_refused(sim: Simulation, app_secret: str):
    number = app_secret.removeprefix('secret:')

    assert hook(sim, 'b/0', f'secret-grant --relation 0 {app_secret}') == [
        f'ERROR secret "{number}" not found\n'
    ]
    assert hook(sim, 'b/0', f'secret-revoke --relation 0 {app_secret}') == [
        '',
        f'secret "{number}" not found',
    ]


def test_lost_leadership_fails_the_commit(sim: Simulation, app_secret: str):
    context = sim.context('a/0')
    call(context, f'secret-set {app_secret} key=two')
    sim.model.apps['a'].leader = 'a/1'

    assert context.commit() == 'this unit is not the leader'


def test_in_one_hook_the_last_of_change_and_removal_wins(sim: Simulation, app_secret: str):
    hook(sim, 'a/0', f'secret-set {app_secret} key=two')
    [secret] = sim.model.secrets.values()
    change = f'secret-set {app_secret} key=three'

    hook(sim, 'a/0', change, f'secret-remove {app_secret} --revision 1')
    assert list(secret.revisions) == [2]

    hook(sim, 'a/0', f'secret-remove {app_secret} --revision 2', change)
    assert list(secret.revisions) == [2, 3]


def test_of_two_removals_in_one_hook_the_last_one_counts(sim: Simulation, app_secret: str):
    for value in ('two', 'three'):
        hook(sim, 'a/0', f'secret-set {app_secret} key={value}')
    [secret] = sim.model.secrets.values()

    hook(sim, 'a/0', *(f'secret-remove {app_secret} --revision {one}' for one in (1, 2)))

    assert list(secret.revisions) == [1, 3]


def test_one_revision_or_all_can_be_removed(sim: Simulation, app_secret: str):
    hook(sim, 'a/0', f'secret-set {app_secret} key=two')
    hook(sim, 'a/0', f'secret-remove {app_secret} --revision 1')
    assert list(next(iter(sim.model.secrets.values())).revisions) == [2]

    hook(sim, 'a/0', f'secret-remove {app_secret}')

    assert not sim.model.secrets


def test_the_owner_renames_by_reading_with_a_label(sim: Simulation, app_secret: str):
    hook(sim, 'a/0', f'secret-get {app_secret} --label fresh')

    assert get(sim, 'a/1', '--label fresh') == {'key': 'one'}
    assert hook(sim, 'a/1', 'secret-get --label ca') == ['ERROR consumer label "ca" not found\n']


def test_sizes_are_limited(sim: Simulation, tmp_path: Path):
    large, huge = tmp_path / 'large', tmp_path / 'huge'
    large.write_text('x' * 8193)
    huge.write_text('x' * 65537)

    assert hook(sim, 'a/0', f'secret-add key#file={large}') == [
        'ERROR secret content for key "key" too large: 8193 bytes\n'
    ]
    assert hook(sim, 'a/0', f'secret-add key#file={huge}') == [
        f'ERROR secret content in file "{huge}" too large: 65537 bytes\n'
    ]


def test_content_comes_from_files_and_base64(sim: Simulation, tmp_path: Path):
    (tmp_path / 'pem').write_text('line\nline\n')

    uri = hook(sim, 'a/0', f'secret-add pem#file={tmp_path / "pem"} b64#base64=w6k=')[0]

    assert get(sim, 'a/0', uri) == {'pem': 'line\nline\n', 'b64': 'é'}


def test_unit_secrets_go_with_their_unit(sim: Simulation):
    hook(sim, 'a/1', 'secret-add --owner unit key=mine')
    sim.unit('a/1').dying = True

    sim.settle()

    assert not sim.model.secrets
