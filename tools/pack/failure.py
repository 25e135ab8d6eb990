"""The one exception that a build raises on purpose."""

from __future__ import annotations


class Failure(Exception):
    """What was asked for was not done. The text is one line: what is wrong, where, what to do.

    An artifact that breaks a rule is not written. Others, which were finished before, stay, as do
    those that only failed to run or to be equal to others.
    """


def one_line(text: str, limit: int = 600) -> str:
    """Text with every run of white space made one space, cut at a number of characters."""
    joined = ' '.join(text.split())
    return joined if len(joined) <= limit else f'{joined[:limit]}...'
