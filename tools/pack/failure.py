"""The one exception that a build raises on purpose."""

from __future__ import annotations


class Failure(Exception):
    """Nothing was packed. The text is one line: what is wrong, with which file, and what to do."""


def one_line(text: str, limit: int = 600) -> str:
    """Text with every run of white space made one space, cut at a number of characters."""
    joined = ' '.join(text.split())
    return joined if len(joined) <= limit else f'{joined[:limit]}...'
