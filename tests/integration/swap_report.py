"""A plugin of pytest that ends a run with a line for each swap. Load it with `-p swap_report`."""

from __future__ import annotations

from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Called by pytest."""
    stats: dict[str, list[Any]] = terminalreporter.stats
    rows = [
        value
        for report in [*stats.get('passed', []), *stats.get('failed', [])]
        for name, value in report.user_properties
        if name == 'swap'
    ]
    if not rows:
        return
    terminalreporter.section('swaps')
    for line in table(rows):
        terminalreporter.write_line(line)


def table(rows: list[tuple[str, str, str, float, float]]) -> list[str]:
    """A heading and a line for each row.

    Args:
        rows: The way of the swap, the providers before and after, seconds that it took, and
            seconds without a published certificate.

    """
    lines = [f'{"by":<14} {"from":<24} {"to":<24} {"wall":>7} {"without":>9}']
    for way, old, new, wall, longest in rows:
        window = f'{longest:.1f} s' if longest else 'none'
        lines.append(f'{way:<14} {old:<24} {new:<24} {wall:>5.1f} s {window:>9}')
    return lines
