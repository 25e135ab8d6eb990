"""juju commands about relations."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from minijuju import lifecycle
from minijuju.arguments import Refused
from minijuju.cli import Command, command
from minijuju.model import Endpoint

if TYPE_CHECKING:
    from minijuju.model import Relation


@command('integrate', 'via=')
def _integrate(call: Command) -> str:
    one, other = call.required(0, 'application'), call.required(1, 'application')
    pairs = [
        (first, second)
        for first, second in product(_endpoints(call, one), _endpoints(call, other))
        if first.spec.interface == second.spec.interface
        and {first.spec.role, second.spec.role} == {'provider', 'requirer'}
    ]
    if not pairs:
        raise Refused(f'no relations found between "{one}" and "{other}"')
    if len(pairs) > 1:
        choices = '; '.join(sorted(f'"{first} {second}"' for first, second in pairs))
        raise Refused(f'ambiguous relation: "{one} {other}" could refer to {choices}')
    ends = pairs[0]
    if ends[0].app == ends[1].app:
        raise Refused(f'cannot relate application "{one}" to itself')
    if _find(call, ends):
        requirer_first = sorted(ends, key=lambda end: end.spec.role, reverse=True)
        raise Refused(f'relation {" ".join(map(str, requirer_first))} already exists')
    for end in ends:
        if call.app(end.app).dying:
            raise Refused(f'cannot add relation: application "{end.app}" is not alive')
    lifecycle.add_relation(call.model, ends)
    return ''


# The old name of the command.
command('relate', 'via=')(_integrate)


@command('remove-relation', 'force')
def _remove_relation(call: Command) -> str:
    if call.arguments.positional and call.arguments.at(0).isdigit():
        number = int(call.arguments.at(0))
        found = [r for r in call.model.relations.values() if r.id == number and not r.is_peer]
        if not found:
            raise Refused(f'relation {number} not found')
    else:
        one, other = call.required(0, 'application'), call.required(1, 'application')
        pairs = product(_endpoints(call, one), _endpoints(call, other))
        found = [relation for pair in pairs for relation in _find(call, pair)]
        if not found:
            raise Refused(f'relation "{one} {other}" not found')
        if len(found) > 1:
            raise Refused(f'ambiguous relation: "{one} {other}" names {len(found)} relations')
    found[0].dying = True
    if call.arguments.on('force'):
        lifecycle.drop_relation(call.model, found[0])
    lifecycle.sweep(call.model)
    return ''


def _endpoints(call: Command, reference: str) -> list[Endpoint]:
    """Return the endpoints that ``app`` or ``app:endpoint`` may mean."""
    name, colon, endpoint = reference.partition(':')
    if '.' in name:
        raise Refused(f'minijuju has no cross-model relations: "{reference}"')
    app = call.app(name)
    if not colon:
        return [Endpoint(name, spec) for spec in app.charm.endpoints.values()]
    spec = app.charm.endpoints.get(endpoint)
    if spec is None:
        raise Refused(f'application "{name}" has no "{endpoint}" relation')
    return [Endpoint(name, spec)]


def _find(call: Command, ends: tuple[Endpoint, Endpoint]) -> list[Relation]:
    return [r for r in call.model.relations.values() if not r.is_peer and set(r.ends) == set(ends)]
