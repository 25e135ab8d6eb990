"""What the server sends, made into values in one place: nothing of its form is taken for granted.

`read` gives what was sent or raises `Failure`; whoever reads an `Answer` gets the type that is
asked for, and an empty value where the server has sent something else.
"""

from __future__ import annotations

import dataclasses
import json
import logging
from typing import TYPE_CHECKING, cast

import errors
from errors import Failure, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Answer:
    """An object of JSON."""

    values: Mapping[str, object] = dataclasses.field(default_factory=dict[str, object])

    def text(self, name: str) -> str:
        """A text, empty where there is none."""
        found = self.values.get(name)
        return found if isinstance(found, str) else ''

    def number(self, name: str) -> int:
        """A whole number, 0 where there is none."""
        found = self.values.get(name)
        return int(found) if isinstance(found, (int, float)) and abs(found) < 1e12 else 0

    def texts(self, name: str) -> tuple[str, ...]:
        """The texts of a list."""
        found = self.values.get(name)
        items = cast('list[object]', found) if isinstance(found, list) else []
        return tuple(one for one in items if isinstance(one, str))

    def part(self, name: str) -> Answer:
        """An object in this one."""
        return Answer(_object(self.values.get(name)) or {})

    def parts(self, name: str) -> dict[str, Answer]:
        """The objects in an object of this one, by name."""
        found = self.part(name)
        return {key: found.part(key) for key in found.values}


def read(status: int, body: str, location: str, place: errors.Place) -> Answer:
    """The data of an answer, empty where there is none; raises `Failure`.

    Args:
        status: Of HTTP.
        body: As it was sent.
        location: Where a redirection leads to.
        place: What was asked, for messages.

    """
    found = _parsed(body)
    if 300 <= status < 400:
        raise errors.redirected(location, place)
    if status >= 300:
        listed = (found or {}).get('errors')
        said = cast('list[object]', listed) if isinstance(listed, list) else [listed or body]
        text = ' '.join(' '.join(str(part) for part in said).split())
        raise errors.classify(status, text, place)
    if found is None:
        if status == 200:
            raise no_vault(place)
        return Answer()
    warnings = Answer(found).texts('warnings')
    for warning in warnings:
        logger.info('%s: %.200s', place.path, ' '.join(place.shown(warning).split()))
    data = found.get('data')
    if data is None:
        return Answer(found)
    inner = _object(data)
    if inner is None:
        raise no_vault(place)
    return Answer(inner)


def no_vault(place: errors.Place) -> Failure:
    """What answers is something else."""
    return Failure(Kind.WRONG, f'{place.host} does not answer as Vault does')


def _parsed(body: str) -> dict[str, object] | None:
    try:
        return _object(json.loads(body))
    except (ValueError, RecursionError):
        return None


def _object(found: object) -> dict[str, object] | None:
    return cast('dict[str, object]', found) if isinstance(found, dict) else None
