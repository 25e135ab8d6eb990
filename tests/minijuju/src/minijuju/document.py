"""Values read from YAML and JSON documents, with the checks that strict typing needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable

_Dumper = getattr(yaml, 'CSafeDumper', yaml.SafeDumper)
_ALIASED = 100_000  # what aliases may add to a text: parts and characters
_BEYOND = 'aliases make the text stand for too much'
_NULLS = {'', '~', 'null', 'Null', 'NULL'}
_AROUND = (
    yaml.StreamStartEvent,
    yaml.DocumentStartEvent,
    yaml.DocumentEndEvent,
    yaml.StreamEndEvent,
)


# A safe loader that leaves dates as texts, as the YAML of Juju does.
_Loader = type(
    '_Loader',
    (cast('type[yaml.SafeLoader]', getattr(yaml, 'CSafeLoader', yaml.SafeLoader)),),
    {
        'yaml_implicit_resolvers': {
            first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(':timestamp')]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }
    },
)


def load(text: str) -> object:
    """Return the value in a YAML (or JSON) text.

    Raises:
        yaml.YAMLError: it is not YAML, or its aliases stand for more than they should.
    """
    try:
        value = cast('object', yaml.load(text, Loader=_Loader))  # noqa: S506, a safe loader
    except (ValueError, RecursionError) as error:  # numbers of too many digits, deep nesting
        raise yaml.YAMLError(str(error)) from error
    if _outgrows(value, 2 * len(text) + _ALIASED):
        raise yaml.YAMLError(_BEYOND)
    return value


def _outgrows(value: object, limit: int) -> bool:
    """Say whether a value has more parts and characters than the limit.

    A few lines of aliases to aliases stand for more than memory holds as soon as someone prints
    them, and an alias to its own value for endlessly much.
    """
    size, parts = 0, [value]
    while parts and size <= limit:
        part = parts.pop()
        size += 1
        if isinstance(part, str):
            size += len(part)
        elif isinstance(part, dict):
            for item in cast('dict[object, object]', part).items():
                parts.extend(item)
        elif isinstance(part, list | tuple | set):
            parts.extend(cast('Iterable[object]', part))
    return size > limit


def scalars(text: str) -> dict[str, str]:
    """Return the YAML mapping of scalars to scalars in a text, each as it is written.

    ``1.10`` and ``yes`` stay what they are; a null value is the empty text. It looks at one event
    at a time, as a tree of 16 MiB of small keys takes more than a gigabyte.

    Raises:
        ValueError: it is something else.
        yaml.YAMLError: it is not YAML, or its aliases stand for more than they should.
    """
    events = (e for e in yaml.parse(text, Loader=_Loader) if not isinstance(e, _AROUND))
    first = next(events, None)
    if first is None:
        return {}
    if not isinstance(first, yaml.MappingStartEvent):
        raise ValueError('it is not a mapping')
    found: dict[str, str] = {}
    anchored: dict[str, yaml.ScalarEvent] = {}
    room = 2 * len(text) + _ALIASED
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        pair = [_scalar(event, anchored), _scalar(next(events), anchored)]
        room -= sum(len(part.value) + 1 for part in pair)
        if room < 0:
            raise yaml.YAMLError(_BEYOND)
        key, value = pair
        found[key.value] = '' if _is_null(value) else value.value
    if next(events, None) is not None:
        raise ValueError('it is more than one document')
    return found


def _scalar(event: yaml.Event, anchored: dict[str, yaml.ScalarEvent]) -> yaml.ScalarEvent:
    if isinstance(event, yaml.AliasEvent):
        if event.anchor not in anchored:
            raise ValueError(f'an alias in it, "{event.anchor}", stands for no text')
        return anchored[event.anchor]
    if not isinstance(event, yaml.ScalarEvent):
        raise ValueError('a key or a value in it is not a text')
    if event.anchor:
        anchored[event.anchor] = event
    return event


def _is_null(event: yaml.ScalarEvent) -> bool:
    if event.tag is None or event.tag == '!':
        return event.implicit[0] and event.value in _NULLS
    return event.tag.endswith(':null')


def dump(value: object) -> str:
    """Return the value as YAML in block style, keys in their own order, newline at the end."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, default_flow_style=False)


def to_json(value: object) -> str:
    """Return the value as one line of JSON, without a newline at the end."""
    return json.dumps(value, separators=(',', ':'), ensure_ascii=False, default=str)


def mapping(value: object) -> dict[str, object]:
    """Return the value as a mapping with text keys; anything that is no mapping gives ``{}``."""
    if not isinstance(value, dict):
        return {}
    return {str(key): item for key, item in cast('dict[object, object]', value).items()}


def sequence(value: object) -> list[object]:
    """Return the value as a list; anything that is no list gives ``[]``."""
    return cast('list[object]', value) if isinstance(value, list) else []


def text(value: object) -> str:
    """Return the value as Juju writes scalars: ``true`` and ``false``, nothing for none."""
    if value is None:
        return ''
    if isinstance(value, bool):
        return 'true' if value else 'false'
    return str(value)
