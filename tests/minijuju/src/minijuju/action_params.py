"""Parameters of actions, checked against actions.yaml before anything is scheduled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from minijuju.arguments import Refused
from minijuju.document import load, mapping, sequence, text, to_json

if TYPE_CHECKING:
    from minijuju.charm import ActionSpec
    from minijuju.command import Command

_TYPES: dict[str, type | tuple[type, ...]] = {
    'string': str,
    'integer': int,
    'number': (int, float),
    'boolean': bool,
    'array': list,
    'object': dict,
}


def task_params(call: Command, spec: ActionSpec, words: list[str]) -> dict[str, object]:
    """Return an action's parameters: defaults, the file of ``--params``, then ``k.k=v`` words.

    Raises:
        Refused: a parameter is missing, unknown or of another type than actions.yaml says.
    """
    given: dict[str, object] = {}
    if file := call.arguments.value('params'):
        given = call.yaml_file(file)
    for word in words:
        key, equals, value = word.partition('=')
        if not equals:
            raise Refused(f'argument "{word}" must be of the form key.key.key...=value', code=2)
        *parents, last = key.split('.')
        place = given
        for parent in parents:
            inner = mapping(place.get(parent))
            place[parent] = inner
            place = inner
        place[last] = value if call.arguments.on('string-args') else _scalar(value)
    _check(spec, given)
    defaults = {
        name: mapping(schema)['default']
        for name, schema in spec.params.items()
        if 'default' in mapping(schema)
    }
    return {**defaults, **given}


def _scalar(value: str) -> object:
    try:
        return load(value)
    except yaml.YAMLError:
        return value


def _check(spec: ActionSpec, given: dict[str, object]) -> None:
    problems = [
        f'(root) : "{name}" property is missing and required, given {to_json(given)}'
        for name in spec.required
        if name not in given
    ]
    for name, value in given.items():
        schema = mapping(spec.params.get(name))
        kind = text(schema.get('type'))
        if name not in spec.params:
            if not spec.additional:
                problems.append(f'additional property "{name}" is not allowed, given {value!r}')
        elif kind in _TYPES and not _is_of(value, kind):
            problems.append(f'(root).{name} : must be of type {kind}, given {to_json(value)}')
        elif 'enum' in schema and value not in sequence(schema['enum']):
            listed = to_json(schema['enum'])
            problems.append(f'(root).{name} : must match one of the enum values {listed}')
    if problems:
        raise Refused(f'validation failed: {"; ".join(problems)}')


def _is_of(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == 'boolean'
    return isinstance(value, _TYPES[kind])
