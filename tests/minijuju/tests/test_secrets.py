"""Secrets of charms: who may do what, revisions, pins, grants, and what a hook commits."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from minijuju import lifecycle
from minijuju.clock import parse_moment
from minijuju.secret import Grant, Owner, Secret, bare_id
from minijuju.testing import Simulation, tool

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
    reply = tool(context, line)
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


@pytest.mark.parametrize(
    'line',
    [
        'secret-set ID key=two',
        'secret-remove ID',
        'secret-grant ID -r 0',
        'secret-revoke ID --app b',
    ],
)
def test_only_the_leader_manages_app_secrets(sim: Simulation, app_secret: str, line: str):
    line = line.replace('ID', app_secret)

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


def test_the_order_of_keys_makes_no_revision(sim: Simulation):
    uri = hook(sim, 'a/0', 'secret-add one=1 two=2')[0]

    hook(sim, 'a/0', f'secret-set {uri} two=2 one=1')

    assert sim.model.secrets[bare_id(uri)].newest == 1


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

    assert hook(sim, 'a/0', f'secret-add key={large.read_text()}') == [
        'ERROR secret content for key "key" too large: 8193 bytes\n'
    ]
    assert hook(sim, 'a/0', f'secret-add key#file={large}') == [
        f'ERROR secret content in file "{large}" too large: 8193 bytes\n'
    ]
    assert hook(sim, 'a/0', f'secret-add --file {huge}') == [
        f'ERROR secret content in file "{huge}" too large: 65537 bytes\n'
    ]
    keys = ' '.join(f'key{number}={"x" * 8192}' for number in range(8))
    assert hook(sim, 'a/0', f'secret-add {keys}')[0].startswith('secret:')
    assert hook(sim, 'a/0', f'secret-add {keys} one-more=x') == [
        'ERROR secret content too large: 65537 bytes\n'
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


@pytest.mark.parametrize('key', ['abc', 'a1b', 'ca-cert', 'a-b-c', 'key1'])
def test_keys_have_three_characters_or_more(sim: Simulation, key: str):
    assert hook(sim, 'a/0', f'secret-add {key}=x')[0].startswith('secret:')


@pytest.mark.parametrize(
    'key', ['ab', 'a-b', '1ab', 'Abc', 'ab-', 'a--bc', 'a_bc', 'a.bc', '-abc']
)
def test_other_keys_are_not_valid(sim: Simulation, key: str):
    assert hook(sim, 'a/0', f'secret-add -- {key}=x') == [f'ERROR key "{key}" not valid\n']


def test_a_peek_does_not_pin(sim: Simulation, app_secret: str):
    assert get(sim, 'a/1', f'{app_secret} --peek') == {'key': 'one'}
    hook(sim, 'a/0', f'secret-set {app_secret} key=two')

    assert get(sim, 'a/1', app_secret) == {'key': 'two'}


def test_an_observers_label_is_stored_even_when_the_hook_fails(sim: Simulation, app_secret: str):
    hook(sim, 'a/0', f'secret-grant --relation 0 {app_secret}')
    call(sim.context('b/0'), f'secret-get {app_secret} --label mine')

    assert get(sim, 'b/0', '--label mine') == {'key': 'one'}


def test_an_owners_label_waits_for_the_commit(sim: Simulation, app_secret: str):
    call(sim.context('a/0'), f'secret-get {app_secret} --label fresh')

    missing = 'ERROR consumer label "fresh" not found\n'
    assert hook(sim, 'a/0', 'secret-get --label fresh') == [missing]
    assert get(sim, 'a/0', '--label ca') == {'key': 'one'}


def test_reading_with_a_label_names_a_new_secret(sim: Simulation):
    context = sim.context('a/0')
    uri = call(context, 'secret-add key=one')
    call(context, f'secret-get {uri} --label mine')
    assert context.commit() == ''

    assert get(sim, 'a/1', '--label mine') == {'key': 'one'}


def test_a_pending_label_is_taken_and_the_one_that_it_replaces_is_free(
    sim: Simulation, app_secret: str
):
    said = hook(
        sim,
        'a/0',
        f'secret-set {app_secret} --label new',
        'secret-add --label new key=two',
        'secret-add --label ca key=two',
    )

    assert said[1] == 'ERROR secret with label "new" already exists\n'
    assert said[2].startswith('secret:')
    assert len(said) == 3


def test_a_secret_without_revisions_is_gone(sim: Simulation, app_secret: str):
    hook(sim, 'a/0', f'secret-remove {app_secret} --revision 1')

    assert not sim.model.secrets


def test_a_removal_undoes_a_refresh_of_what_it_removes(sim: Simulation, app_secret: str):
    get(sim, 'a/0', app_secret)
    change = f'secret-set {app_secret} key=two'
    hook(
        sim,
        'a/0',
        change,
        f'secret-get {app_secret} --refresh',
        f'secret-remove {app_secret}',
        change,
    )

    assert get(sim, 'a/0', app_secret) == {'key': 'one'}


def test_an_app_level_grant_covers_its_units(sim: Simulation, app_secret: str):
    hook(
        sim,
        'a/0',
        f'secret-grant --relation 0 {app_secret}',
        f'secret-grant --relation 0 --unit b/0 {app_secret}',
    )

    hook(sim, 'a/0', f'secret-revoke --app b {app_secret}')

    assert hook(sim, 'b/0', f'secret-get {app_secret}') == ['ERROR permission denied\n']


def test_a_grant_to_a_unit_is_for_that_unit_only(sim: Simulation, app_secret: str):
    sim.add_units(sim.model.apps['b'])
    sim.settle()
    hook(sim, 'a/0', f'secret-grant --relation 0 --unit b/0 {app_secret}')

    assert get(sim, 'b/0', app_secret) == {'key': 'one'}
    assert hook(sim, 'b/1', f'secret-get {app_secret}') == ['ERROR permission denied\n']


def test_a_revoke_takes_a_grant_whatever_relation_it_is_tied_to(sim: Simulation, app_secret: str):
    sim.integrate('a:certs', 'b:needs')
    sim.settle()
    hook(sim, 'a/0', f'secret-grant --relation 0 {app_secret}')

    hook(sim, 'a/0', f'secret-revoke --relation 2 {app_secret}')

    assert hook(sim, 'b/0', f'secret-get {app_secret}') == ['ERROR permission denied\n']


def test_a_second_grant_to_a_subject_does_nothing(sim: Simulation, app_secret: str):
    sim.integrate('a:certs', 'b:needs')
    sim.settle()
    for relation in (0, 0, 2):
        hook(sim, 'a/0', f'secret-grant --relation {relation} {app_secret}')

    assert sim.model.secrets[bare_id(app_secret)].grants == [Grant('b', 0)]


@pytest.mark.parametrize('verbs', [('grant', 'revoke'), ('revoke', 'grant')])
def test_in_one_hook_a_revoke_comes_after_any_grant(
    sim: Simulation, app_secret: str, verbs: tuple[str, str]
):
    said = hook(sim, 'a/0', *(f'secret-{verb} -r 0 {app_secret}' for verb in verbs))

    assert said == ['', '']
    assert not sim.model.secrets[bare_id(app_secret)].grants


def test_a_unit_grant_can_give_way_to_one_for_the_application(sim: Simulation, app_secret: str):
    hook(sim, 'a/0', f'secret-grant -r 0 --unit b/0 {app_secret}')

    said = hook(
        sim,
        'a/0',
        f'secret-revoke -r 0 --unit b/0 {app_secret}',
        f'secret-grant -r 0 {app_secret}',
    )

    assert said == ['', '']
    assert sim.model.secrets[bare_id(app_secret)].grants == [Grant('b', 0)]


@pytest.mark.parametrize('new', [False, True])
def test_a_hook_sees_what_it_has_granted_and_revoked(sim: Simulation, app_secret: str, new: bool):
    context = sim.context('a/0')
    uri = call(context, 'secret-add key=one') if new else app_secret

    def targets() -> list[str]:
        [info] = json.loads(call(context, f'secret-info-get {uri} --format=json')).values()
        return [access['target'] for access in info['access']]

    call(context, f'secret-grant -r 0 --unit b/0 {uri}')
    assert targets() == ['unit-b-0']
    call(context, f'secret-revoke --unit b/0 {uri}')
    assert targets() == []


def test_a_new_secret_can_be_granted_in_the_hook_that_makes_it(sim: Simulation):
    context = sim.context('a/0')
    uri = call(context, 'secret-add key=one')
    assert call(context, f'secret-grant --relation 0 {uri}') == ''
    assert context.commit() == ''

    assert get(sim, 'b/0', uri) == {'key': 'one'}


def test_a_new_secret_that_is_removed_in_its_hook_never_was(sim: Simulation):
    context = sim.context('a/0')
    uri = call(context, 'secret-add key=one')
    for line in ('secret-grant --relation 0', 'secret-revoke --app c', 'secret-remove'):
        assert call(context, f'{line} {uri}') == ''

    assert context.commit() == ''
    assert not sim.model.secrets


def test_a_hook_sees_what_it_has_changed_before_the_commit(sim: Simulation, app_secret: str):
    context = sim.context('a/0')
    call(
        context,
        f'secret-set {app_secret} --label new --description d --rotate daily '
        '--expire 2026-03-01T00:00:00Z',
    )

    [info] = json.loads(call(context, f'secret-info-get {app_secret} --format=json')).values()
    assert (info['label'], info['description']) == ('new', 'd')
    assert (info['rotation'], info['expiry']) == ('daily', '2026-03-01T00:00:00Z')
    assert call(context, 'secret-get --label new') == 'key: one'


def test_a_removed_secret_is_no_longer_listed_in_its_hook(sim: Simulation, app_secret: str):
    context = sim.context('a/0')
    call(context, f'secret-remove {app_secret}')

    assert call(context, 'secret-ids --format=json') == '[]'


def test_an_empty_label_or_description_changes_nothing(sim: Simulation, app_secret: str):
    hook(sim, 'a/0', f'secret-set {app_secret} --description d')
    hook(sim, 'a/0', f'secret-set {app_secret} --label "" --description "" --expire ""')

    secret = sim.model.secrets[bare_id(app_secret)]
    assert (secret.label, secret.description) == ('ca', 'd')


def test_labels_that_two_hooks_take_at_once_fail_the_second_commit(sim: Simulation):
    first, second = sim.context('a/0'), sim.context('a/0')
    for context in (first, second):
        assert call(context, 'secret-add --label x key=one').startswith('secret:')

    assert first.commit() == ''
    assert second.commit() == 'secret with label "x" already exists'


@pytest.mark.parametrize(
    ('policy', 'days'),
    [
        ('hourly', 1 / 24),
        ('daily', 1),
        ('weekly', 7),
        ('monthly', 30),
        ('quarterly', 90),
        ('yearly', 365),
    ],
)
def test_rotation_is_due_after_its_policy(
    sim: Simulation, app_secret: str, policy: str, days: float
):
    hook(sim, 'a/0', f'secret-set {app_secret} --rotate {policy}')
    secret = sim.model.secrets[bare_id(app_secret)]

    assert secret.rotates == sim.now + timedelta(days=days)
    hook(sim, 'a/0', f'secret-set {app_secret} --rotate never')
    assert secret.rotates is None


def test_new_content_does_not_move_the_next_rotation(sim: Simulation, app_secret: str):
    hook(sim, 'a/0', f'secret-set {app_secret} --rotate daily')
    due = sim.model.secrets[bare_id(app_secret)].rotates
    sim.advance(hours=1)

    hook(sim, 'a/0', f'secret-set {app_secret} --rotate daily key=two')

    assert sim.model.secrets[bare_id(app_secret)].rotates == due


def test_new_content_does_not_expire_when_the_old_one_did(sim: Simulation, app_secret: str):
    hook(sim, 'a/0', f'secret-set {app_secret} --expire 1h')
    hook(sim, 'a/0', f'secret-set {app_secret} key=two')

    secret = sim.model.secrets[bare_id(app_secret)]
    assert secret.revisions[1].expires == sim.now + timedelta(hours=1)
    assert secret.revisions[2].expires is None


def test_lost_leadership_fails_the_commit_of_a_new_secret(sim: Simulation):
    context = sim.context('a/0')
    call(context, 'secret-add key=one')
    sim.model.apps['a'].leader = 'a/1'

    assert context.commit() == 'this unit is not the leader'


def test_a_grant_for_a_relation_that_has_gone_meanwhile_is_none(sim: Simulation, app_secret: str):
    context = sim.context('a/0')
    call(context, f'secret-grant --relation 0 {app_secret}')
    sim.model.relations[0].dying = True
    sim.settle()

    assert context.commit() == ''
    assert not sim.model.secrets[bare_id(app_secret)].grants


def test_a_refresh_of_pending_content_moves_no_pin_before_the_commit(
    sim: Simulation, app_secret: str
):
    get(sim, 'a/0', app_secret)
    hook(sim, 'a/0', f'secret-set {app_secret} key=two')
    context = sim.context('a/0')
    call(context, f'secret-set {app_secret} key=three')

    assert call(context, f'secret-get {app_secret} --refresh') == 'key: three'

    assert get(sim, 'a/0', app_secret) == {'key': 'one'}


def test_an_observers_label_stays_when_it_reads_without_one(sim: Simulation, app_secret: str):
    hook(sim, 'a/0', f'secret-grant --relation 0 {app_secret}')
    get(sim, 'b/0', f'{app_secret} --label mine')
    get(sim, 'b/0', app_secret)

    assert get(sim, 'b/0', '--label mine') == {'key': 'one'}


def test_a_label_of_another_secret_is_refused_for_an_old_one(sim: Simulation, app_secret: str):
    other = hook(sim, 'a/0', 'secret-add --label other key=two')[0]
    taken = 'ERROR secret with label "ca" already exists\n'

    assert hook(sim, 'a/0', f'secret-set {other} --label ca') == [taken]


@pytest.fixture
def users_secret(sim: Simulation) -> Secret:
    """What ``juju add-secret`` makes."""
    secret = Secret('u' * 20, Owner('model', 'sim'), sim.now, sim.now, 'token')
    secret.add_revision({'token': 'one'}, sim.now)
    sim.model.secrets[secret.id] = secret
    return secret


def test_a_users_secret_is_readable_after_a_grant(sim: Simulation, users_secret: Secret):
    assert hook(sim, 'b/0', f'secret-get {users_secret.id}') == ['ERROR permission denied\n']

    users_secret.grants.append(Grant('b', None))

    assert get(sim, 'b/0', users_secret.id) == {'token': 'one'}
    assert hook(sim, 'c/0', f'secret-get {users_secret.id}') == ['ERROR permission denied\n']


def test_a_users_secret_is_not_the_charms_to_change(sim: Simulation, users_secret: Secret):
    users_secret.grants.append(Grant('b', None))
    missing = f'secret "{users_secret.id}" not found'

    assert hook(sim, 'b/0', f'secret-set {users_secret.id} token=two') == ['', missing]
    assert hook(sim, 'b/0', 'secret-ids --format=json') == ['[]']


def test_an_update_of_a_users_secret_is_told_to_who_has_read_it(
    sim: Simulation, users_secret: Secret
):
    users_secret.grants += [Grant('b', None), Grant('c', None)]
    get(sim, 'b/0', users_secret.id)

    users_secret.add_revision({'token': 'two'}, sim.now)

    assert sim.settle() == {'b/0': ['secret-changed']}


def test_a_grant_goes_with_its_application(sim: Simulation, users_secret: Secret):
    users_secret.grants += [Grant('b', None), Grant('c', None)]

    lifecycle.destroy_app(sim.model, sim.model.apps['b'])
    sim.settle()

    assert users_secret.grants == [Grant('c', None)]


@pytest.mark.parametrize('prune', [False, True])
def test_an_old_revision_is_pruned_when_its_last_reader_goes_on(
    sim: Simulation, users_secret: Secret, prune: bool
):
    users_secret.auto_prune = prune
    users_secret.grants += [Grant('b', None), Grant('c', None)]
    for unit in ('b/0', 'c/0'):
        get(sim, unit, users_secret.id)
    users_secret.add_revision({'token': 'two'}, sim.now)

    get(sim, 'b/0', f'{users_secret.id} --refresh')
    assert set(users_secret.revisions) == {1, 2}
    lifecycle.drop_unit(sim.model, sim.unit('c/0'))

    assert set(users_secret.revisions) == ({2} if prune else {1, 2})
