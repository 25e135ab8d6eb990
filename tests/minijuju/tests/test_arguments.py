"""How command lines are read, of juju and of hook tools."""

from __future__ import annotations

import pytest

from minijuju.arguments import Refused, flags, key_values, parse

KNOWN = flags(('n|num-units=', 'm|model=', 'force', 'y|no-prompt', 'app', '!to='))


@pytest.mark.parametrize(
    'words',
    [
        ['--num-units', '3', '--force', 'a', 'b'],
        ['a', '--num-units', '3', '--force', 'b'],
        ['a', 'b', '--force', '--num-units', '3'],
        ['a', '--num-units=3', 'b', '--force=true'],
        ['-n', '3', '--force', 'a', 'b'],
        ['-n3', 'a', 'b', '--force=True'],
        ['-n=3', 'a', '--force', '--', 'b'],
    ],
)
def test_options_stand_anywhere_in_any_form(words: list[str]):
    arguments = parse(words, KNOWN)

    assert arguments.positional == ('a', 'b')
    assert arguments.value('num-units') == '3'
    assert arguments.on('force')


def test_two_dashes_end_the_options():
    arguments = parse(['a', '--force', '--', '--model', '-x', '--'], KNOWN)

    assert arguments.positional == ('a', '--model', '-x', '--')
    assert arguments.on('force')
    assert not arguments.all('model')


def test_options_of_what_is_run_are_left_alone_where_they_follow_it():
    arguments = parse(['-m', 'x', 'ca/0', 'ls', '-l', '--', 'b'], KNOWN, interspersed=False)

    assert arguments.positional == ('ca/0', 'ls', '-l', '--', 'b')
    assert arguments.value('model') == 'x'


def test_an_option_may_come_again_and_may_be_empty():
    arguments = parse(['-m', 'x', '--model=', '-'], KNOWN)

    assert arguments.all('model') == ('x', '')
    assert arguments.value('model', 'default') == ''
    assert arguments.positional == ('-',)


@pytest.mark.parametrize(
    ('words', 'on'),
    [
        (['--app'], True),
        (['--app=True'], True),
        (['--app=1'], True),
        (['--app=false'], False),
        (['--app=F'], False),
        ([], False),
        (['-y', '--app'], True),
    ],
)
def test_switches(words: list[str], on: bool):
    assert parse(words, KNOWN).on('app') is on


def test_letters_may_share_a_dash():
    arguments = parse(['-yn4', 'a'], KNOWN)

    assert (arguments.on('no-prompt'), arguments.value('num-units')) == (True, '4')


@pytest.mark.parametrize(
    ('words', 'text'),
    [
        (['--nonsense=1'], 'option provided but not defined: --nonsense'),
        (['-x'], 'option provided but not defined: -x'),
        (['--num-units'], 'option needs an argument: --num-units'),
        (['-n'], 'option needs an argument: -n'),
        (['--force=perhaps'], 'invalid boolean value "perhaps" for option --force'),
        (['--to', '3'], 'minijuju does not support --to'),
    ],
)
def test_what_is_wrong_is_refused_as_usage(words: list[str], text: str):
    with pytest.raises(Refused, match=text) as refused:
        parse(words, KNOWN)

    assert refused.value.code == 2


def test_words_of_hook_tools_are_trimmed_and_those_of_juju_are_not():
    assert key_values([' a = b=c ', 'd='], trim=True) == {'a': 'b=c', 'd': ''}
    assert key_values(['ca=-----END-----\n', 'd=']) == {'ca': '-----END-----\n', 'd': ''}


@pytest.mark.parametrize('trim', [False, True])
@pytest.mark.parametrize(
    ('words', 'text'),
    [
        (['a=1', 'b=2', 'a=1'], 'key "a" specified more than once'),
        (['a'], 'expected "key=value", got "a"'),
        (['=a'], 'expected "key=value", got "=a"'),
    ],
)
def test_words_that_are_no_mapping_are_refused(words: list[str], text: str, *, trim: bool):
    with pytest.raises(Refused, match=text) as refused:
        key_values(words, trim=trim)

    assert refused.value.code == 2
