"""Values read from YAML and JSON documents, with the checks that strict typing needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable

_Dumper = getattr(yaml, 'CSafeDumper', yaml.SafeDumper)
_ALIASED = 100_000  # what aliases may add to a text: parts and characters


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
        raise yaml.YAMLError('aliases make the text stand for too much')
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
