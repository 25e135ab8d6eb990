"""A plugin of pytest that ends a run with the features that the conformance kit proved.

Load it with `-p tls_provider.testing.matrix`. A feature is what its passed cases say; one failed
case makes it `FAILED`. `--matrix FILE` writes the table as Markdown too.
"""

from __future__ import annotations

import collections
import pathlib
from typing import TYPE_CHECKING, Any

from tls_provider.testing.features import Feature

if TYPE_CHECKING:
    import pytest

_ORDER = ('FAILED', 'by option', 'refused', 'served')
"""What counts most comes first."""

Proofs = dict[str, dict[str, str]]
"""By charm and feature."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Called by pytest."""
    parser.addoption('--matrix', help='write the proved features to this file, as Markdown')


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Called by pytest."""
    stats: dict[str, list[Any]] = terminalreporter.stats
    found = proofs(stats.get('passed', []), stats.get('failed', []))
    if not found:
        return
    lines = table(found)
    terminalreporter.section('proved features')
    for line in lines:
        terminalreporter.write_line(line)
    if path := config.getoption('--matrix'):
        pathlib.Path(str(path)).write_text('\n'.join(lines) + '\n', encoding='utf-8')


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


def table(found: Proofs) -> list[str]:
    """A Markdown table: a line for each feature, a column for each charm."""
    charms = sorted(found)
    lines = [f'| feature | {" | ".join(charms)} |', f'|---|{"---|" * len(charms)}']
    for feature in Feature:
        cells = [found[charm].get(feature.name, 'not tested') for charm in charms]
        lines.append(f'| {feature.value} | {" | ".join(cells)} |')
    return lines
