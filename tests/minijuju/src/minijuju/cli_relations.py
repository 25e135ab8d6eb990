"""juju commands about relations."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from minijuju import lifecycle
from minijuju.arguments import Refused, whole_number
from minijuju.cli import command
from minijuju.cli_offers import consume
from minijuju.command import check_alive
from minijuju.model import Endpoint
from minijuju.offers import connect

if TYPE_CHECKING:
    from minijuju.command import Command
    from minijuju.model import Model, Relation


@command('integrate|relate', 'via=', most=2)
def _integrate(call: Command) -> str:
    if len(call.arguments.positional) != 2:
        raise Refused('an integration must involve two applications', code=2)
    check_alive(call.model)
    one, other = call.arguments.positional
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
        raise Refused(f'cannot relate application "{ends[0].app}" to itself')
    key = ' '.join(str(end) for end in sorted(ends, key=lambda end: end.spec.role)[::-1])
    if _find(call, ends):
        raise Refused(
            f'cannot add relation "{key}": relation {key} already exists (already exists)'
        )
    saas = call.model.saas
    for end in ends:
        consumed = saas.get(end.app)
        app = call.app(end.app) if consumed is None else consumed.app
        if app is None or app.dying:
            raise Refused(f'cannot add relation "{key}": application "{end.app}" is not alive')
        model = call.model if consumed is None else consumed.model
        _check_limit(model, Endpoint(app.name, end.spec), end, key)
    own, far = sorted(ends, key=lambda end: end.app in saas)
    if far.app not in saas:
        lifecycle.add_relation(call.model, ends)
    elif own.app in saas:
        raise Refused(f'cannot add relation "{key}": both applications are of other models')
    else:
        connect(call.model, own, saas[far.app], far.spec.name)
    return ''


@command('remove-relation', 'force', most=2)
def _remove_relation(call: Command) -> str:
    if given := call.arguments.at(0) if call.arguments.at(0).isdigit() else '':
        number = whole_number(given)
        found = [r for r in call.model.relations.values() if r.id == number and not r.is_peer]
        if not found:
            raise Refused(f'relation {given} not found')
    else:
        one, other = call.required(0, 'application'), call.required(1, 'application')
        pairs = product(_endpoints(call, one), _endpoints(call, other))
        found = [relation for pair in pairs for relation in _find(call, pair)]
        if not found:
            raise Refused(f'relation "{one} {other}" not found')
        if len(found) > 1:
            raise Refused(f'ambiguous relation: "{one} {other}" names {len(found)} relations')
    [relation] = found
    twin = relation.twin
    lifecycle.end_relation(relation, forced=call.arguments.on('force'))
    for model in (call.model, twin.model) if twin is not None else (call.model,):
        lifecycle.leave_forced(model)
        lifecycle.sweep(model)
    return ''


def _check_limit(model: Model, end: Endpoint, shown: Endpoint, key: str) -> None:
    relations = model.relations_of(end.app)
    held = [relation for relation in relations if str(relation.end_of(end.app)) == str(end)]
    if end.spec.limit and len(held) >= end.spec.limit:
        raise Refused(
            f'cannot add relation "{key}": establishing a new relation for {shown} would exceed '
            f'its maximum relation limit of {end.spec.limit} (quota limit exceeded)'
        )


def _endpoints(call: Command, reference: str) -> list[Endpoint]:
    """Return the endpoints that ``app`` or ``app:endpoint`` may mean."""
    place, dot, name = reference.rpartition('.')
    name, colon, endpoint = name.partition(':')
    if dot:
        name = consume(call, f'{place}.{name}').alias
    saas = call.model.saas.get(name)
    specs = saas.specs if saas is not None else call.app(name).charm.endpoints
    if not colon:
        return [Endpoint(name, spec) for spec in specs.values()]
    spec = specs.get(endpoint)
    if spec is None:
        raise Refused(f'application "{name}" has no "{endpoint}" relation')
    return [Endpoint(name, spec)]


def _find(call: Command, ends: tuple[Endpoint, Endpoint]) -> list[Relation]:
    # By name: after a refresh an endpoint may have another limit.
    wanted = set(map(str, ends))
    relations = call.model.relations.values()
    return [r for r in relations if not r.is_peer and set(map(str, r.ends)) == wanted]
