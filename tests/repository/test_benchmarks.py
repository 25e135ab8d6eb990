"""What the benchmark counts, held at sizes that take seconds. Nothing here looks at a time."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIZES = (1, 3)
LEDGER = 1
"""Databags beside those of the relations: the one of the peer relation, which holds the ledger."""
STEADY_CALLS = 18
"""Hook tools that a hook runs which finds one request, issued. To be lowered with the count."""

Row = dict[str, Any]


@pytest.fixture(scope='module')
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All figures of one small run."""
    figures = tmp_path_factory.mktemp('benchmark') / 'figures.json'
    sizes = ','.join(map(str, SIZES))
    program = str(ROOT / 'benchmarks/run.py')
    options = ['--sizes', sizes, '--runs', '1', '--json', str(figures)]

    done = subprocess.run(
        [sys.executable, program, *options], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert '| units | 3 | cold |' in done.stdout
    return json.loads(figures.read_text(encoding='utf-8'))


@pytest.fixture(scope='module')
def overhead(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """What is printed of minijuju's overhead with one requirer, and all figures of that run."""
    figures = tmp_path_factory.mktemp('overhead') / 'figures.json'
    program = str(ROOT / 'benchmarks/overhead.py')

    done = subprocess.run(
        [sys.executable, program, '--units', '1', '--json', str(figures)],
        env={**os.environ, 'PYTHONPATH': f'{ROOT}/tools:{ROOT}/tests/minijuju/src'},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(figures.read_text(encoding='utf-8'))


def rows(document: dict[str, Any], phase: str) -> list[Row]:
    found = [row for row in document['rows'] if row['phase'] == phase]
    assert len(found) == 3
    return found


def ours(document: dict[str, Any], phase: str, figure: str) -> list[Any]:
    return [row['sides']['ours'][figure] for row in rows(document, phase)]


def test_every_cell_was_measured(document: dict[str, Any]) -> None:
    cells = [(row['layout'], row['size'], row['phase']) for row in document['rows']]

    assert cells == [
        ('units', 1, 'cold'),
        ('units', 1, 'steady'),
        ('units', 3, 'cold'),
        ('units', 3, 'steady'),
        ('relations', 3, 'cold'),
        ('relations', 3, 'steady'),
    ]


def test_both_providers_answer_every_request(document: dict[str, Any]) -> None:
    for row in document['rows']:
        for name in ('ours', 'library'):
            assert row['sides'][name]['issued'] == row['size'], (row['layout'], name)


def test_what_is_published_is_not_parsed_again(document: dict[str, Any]) -> None:
    assert ours(document, 'steady', 'parses') == [0, 0, 0]


def test_nothing_is_written_when_nothing_changed(document: dict[str, Any]) -> None:
    assert ours(document, 'steady', 'relation_sets') == [0, 0, 0]


def test_a_databag_is_written_once_in_a_hook(document: dict[str, Any]) -> None:
    relations = [
        row['size'] if row['layout'] == 'relations' else 1 for row in rows(document, 'cold')
    ]

    assert ours(document, 'cold', 'relation_sets') == [number + LEDGER for number in relations]


def test_no_more_is_written_than_stays(document: dict[str, Any]) -> None:
    for written, stays in zip(
        ours(document, 'cold', 'written'), ours(document, 'cold', 'bag'), strict=True
    ):
        assert 0 < written <= 1.05 * stays


def test_key_of_the_ca_is_loaded_once_and_only_to_sign(document: dict[str, Any]) -> None:
    assert ours(document, 'cold', 'key_loads') == [1, 1, 1]
    assert ours(document, 'steady', 'key_loads') == [0, 0, 0]


def test_log_does_not_grow_with_requests(document: dict[str, Any]) -> None:
    for phase in ('cold', 'steady'):
        lines = {calls['juju_log'] for calls in ours(document, phase, 'calls_by_name')}

        assert len(lines) == 1


def test_hook_with_nothing_to_do_runs_few_hook_tools(document: dict[str, Any]) -> None:
    assert rows(document, 'steady')[0]['size'] == 1
    assert ours(document, 'steady', 'calls')[0] <= STEADY_CALLS


def test_hook_with_nothing_to_do_imports_nothing_slow(document: dict[str, Any]) -> None:
    assert [row['sides']['ours']['loaded'] for row in document['idle']] == [[], []]


def test_what_slow_imports_are_is_noticed(document: dict[str, Any]) -> None:
    """The library's provider has some, so an empty list means something."""
    assert all('cryptography' in row['sides']['library']['loaded'] for row in document['idle'])


def test_overhead_counts_every_dispatch(overhead: tuple[str, dict[str, Any]]) -> None:
    printed, document = overhead

    counts = {row['what']: row['dispatches'] for row in document['rows']}

    assert counts['all'] == len(document['dispatches']) > 20
    assert counts['all'] == counts['install'] + counts['other hooks'] + counts['actions']
    assert (counts['install'], counts['actions']) == (2, 2)
    assert f'| all | {counts["all"]} |' in printed


def test_overhead_is_that_of_a_certificate_issued_and_issued_again(
    overhead: tuple[str, dict[str, Any]],
) -> None:
    names = [one['name'] for one in overhead[1]['dispatches']]

    assert names[0] == 'install'
    assert names.count('certificates-relation-changed') >= 4
    assert {'config-changed', 'secret-changed'} <= {*names}
    assert sorted(names[-2:]) == ['check', 'get-ca-certificate']


def test_overhead_counts_hook_tools_of_every_dispatch(
    overhead: tuple[str, dict[str, Any]],
) -> None:
    printed, document = overhead

    calls = [len(one['tools']) for one in document['dispatches']]

    assert all(calls)
    assert document['tools']['calls'] == sum(calls)
    assert f'| {sum(calls)} |' in printed
