"""A plugin of pytest that ends a run with the features that the conformance kit proved.

Load it with `-p tls_provider.testing.matrix`. A feature is what its passed cases say; one failed
case makes it `FAILED`. `--matrix FILE` compares them with a page, a Markdown table with a column
for each charm, and fails where they differ; with `--matrix-update` it writes them there. The
columns of other charms stay as they are: each charm may have a run of its own.
"""

from __future__ import annotations

import collections
import pathlib
from typing import TYPE_CHECKING, Any

from tls_provider.testing.features import Feature, Promise

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

_ORDER = ('FAILED', 'by option', 'refused', 'dropped', 'kept', 'served')
"""What counts most comes first."""
UNKNOWN = 'not tested'
_ROWS = (*Feature, *Promise)

Proofs = dict[str, dict[str, str]]
"""By charm and name of the feature."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Called by pytest."""
    parser.addoption('--matrix', help='a page that the proved features have to agree with')
    parser.addoption('--matrix-update', action='store_true', help='write them into the page')


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Called by pytest; a page that differs makes the run fail."""
    found = _proved(session.config)
    path = session.config.getoption('--matrix')
    if not found or not path:
        return
    page = pathlib.Path(str(path))
    text = page.read_text(encoding='utf-8') if page.is_file() else ''
    if session.config.getoption('--matrix-update'):
        page.write_text(updated(text, found), encoding='utf-8')
    elif updated(text, found) != text:
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Called by pytest."""
    found = _proved(config)
    if not found:
        return
    terminalreporter.section('proved features')
    for line in table(found):
        terminalreporter.write_line(line)
    if path := config.getoption('--matrix'):
        page = pathlib.Path(str(path))
        text = page.read_text(encoding='utf-8') if page.is_file() else ''
        if updated(text, found) != text:
            terminalreporter.write_line(f'{path} says something else: run with --matrix-update')


def _proved(config: pytest.Config) -> Proofs:
    """Of the tests that have run; nothing in a process that runs tests for another one."""
    reporter: Any = config.pluginmanager.get_plugin('terminalreporter')
    if reporter is None or hasattr(config, 'workerinput'):
        return {}
    return proofs(reporter.stats.get('passed', []), reporter.stats.get('failed', []))


def proofs(passed: list[Any], failed: list[Any]) -> Proofs:
    """What reports of tests say of each charm's features."""
    verdicts: Proofs = collections.defaultdict(dict)
    for reports, prefix in ((passed, ''), (failed, 'FAILED')):
        for report in reports:
            for name, value in report.user_properties:
                if name != 'proved':
                    continue
                charm, feature, verdict = value
                known = verdicts[charm].get(feature, 'served')
                verdicts[charm][feature] = min(known, prefix or verdict, key=_ORDER.index)
    return verdicts


def table(found: Mapping[str, Mapping[str, str]]) -> list[str]:
    """A Markdown table: a line for each feature, a column for each charm."""
    charms = sorted(found)
    lines = [f'| feature | {" | ".join(charms)} |', f'|---|{"---|" * len(charms)}']
    for feature in _ROWS:
        cells = [found[charm].get(feature.name, UNKNOWN) for charm in charms]
        lines.append(f'| {feature.value} | {" | ".join(cells)} |')
    return lines


def updated(text: str, found: Mapping[str, Mapping[str, str]]) -> str:
    """The page with the columns of these charms in its table; the text around it stays."""
    lines = text.splitlines()
    rows = [number for number, line in enumerate(lines) if line.startswith('|')]
    first, last = (rows[0], rows[-1] + 1) if rows else (len(lines), len(lines))
    merged = {**_columns(lines[first:last]), **found}
    return '\n'.join([*lines[:first], *table(merged), *lines[last:]]) + '\n'


def _columns(lines: list[str]) -> Proofs:
    """What a table says, as `table` writes it."""
    rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in lines]
    names = {feature.value: feature.name for feature in _ROWS}
    return {
        charm: {names[row[0]]: row[at] for row in rows[2:] if row[0] in names}
        for at, charm in enumerate(rows[0][1:] if rows else [], start=1)
    }
