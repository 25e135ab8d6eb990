"""A plugin of pytest that ends a run with what the crashes of each charm came to.

Load it with `-p tls_provider.testing.crash_report`.
"""

from __future__ import annotations

from typing import Any

_COLUMNS = {
    'points': 'crash points tried',
    'calls': 'of calls',
    'lost': 'lost certificates',
    'doubled': 'doubled effects, most for one request in one crash',
    'spent': 'in all crashes',
    'orphans': 'orphan secrets',
}
"""Fields of `kit.crashes.Tally` and their names."""


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Called by pytest."""
    stats: dict[str, list[Any]] = terminalreporter.stats
    lines = table([*stats.get('passed', []), *stats.get('failed', [])])
    if lines:
        terminalreporter.section('crashes')
        for line in lines:
            terminalreporter.write_line(line)


def table(reports: list[Any]) -> list[str]:
    """A line for each test that killed a charm."""
    lines: list[str] = []
    for report in reports:
        for name, value in report.user_properties:
            if name == 'crashes':
                charm, tally = value
                how = 'killed twice' if 'twice' in report.nodeid else 'killed once'
                shown = '; '.join(f'{_COLUMNS[key]}: {tally[key]}' for key in _COLUMNS)
                lines.append(f'{charm}, {how}: {shown}')
    return lines
