"""Values read from YAML and JSON documents, with the checks that strict typing needs."""

from __future__ import annotations

import json
from typing import cast

import yaml

_Loader = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)
_Dumper = getattr(yaml, 'CSafeDumper', yaml.SafeDumper)


def load(text: str) -> object:
    """Return the value in a YAML (or JSON) text; ``yaml.YAMLError`` when it is not YAML."""
    return cast('object', yaml.load(text, Loader=_Loader))  # noqa: S506, a safe loader


def dump(value: object) -> str:
    """Return the value as YAML in block style, keys in their own order, newline at the end."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, default_flow_style=False)


def to_json(value: object) -> str:
    """Return the value as one line of JSON, without a newline at the end."""
    return json.dumps(value, separators=(',', ':'), ensure_ascii=False)


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
