"""Hook tools for relations and their databags."""

from __future__ import annotations

import re

from minijuju.arguments import Refused
from minijuju.charm import APP_NAME
from minijuju.hooktools import RELATION, Call, Output, tool
from minijuju.operations import RelationHook

UNIT_NAME = re.compile(APP_NAME.pattern + r'/(?:0|[1-9][0-9]*)')


@tool('relation-ids', most=1, style='smart')
def _relation_ids(call: Call) -> Output:
    context, op = call.context, call.context.op
    if call.positional:
        [endpoint] = call.positional
    elif isinstance(op, RelationHook):
        endpoint = op.endpoint
    else:
        raise Refused('no endpoint name specified', code=2)
    found = [
        f'{endpoint}:{relation.id}'
        for number in context.unit.memberships
        if (relation := context.relation(number)) is not None
        and relation.end_of(context.unit.app).spec.name == endpoint
    ]
    return Output(sorted(found))


@tool('relation-list', 'app', *RELATION, style='smart')
def _relation_list(call: Call) -> Output:
    relation = call.relation()
    if call.arguments.on('app'):
        return Output(relation.remote_of(call.context.unit.app).app)
    return Output(call.context.members(relation.id))


@tool('relation-get', 'app', *RELATION, most=2, style='smart')
def _relation_get(call: Call) -> Output:
    relation, key = call.relation(), call.arguments.at(0)
    bag = call.context.read_bag(relation, _subject(call))
    return Output(bag if key in {'', '-'} else bag.get(key))


def _subject(call: Call) -> str:
    """Return the unit or application whose databag is meant, by the hook when none is named."""
    app, op = call.arguments.on('app'), call.context.op
    if len(call.positional) < 2:
        if not isinstance(op, RelationHook):
            raise Refused('no unit or application specified', code=2)
        return op.remote_app if app or not op.remote_unit else op.remote_unit
    given = call.positional[1]
    if app:
        return given.partition('/')[0]
    if UNIT_NAME.fullmatch(given):
        return given
    if APP_NAME.fullmatch(given):
        raise Refused(f'expected unit name, got application name "{given}"', code=2)
    raise Refused(f'invalid unit name "{given}"', code=2)


@tool('relation-set', 'app', 'file=', 'format=', *RELATION, most=None)
def _relation_set(call: Call) -> None:
    call.context.write_bag(call.relation(), call.changes(), app=call.arguments.on('app'))


@tool('relation-model-get', *RELATION, style='smart')
def _relation_model_get(call: Call) -> Output:
    twin = call.relation().twin
    return Output({'uuid': twin.model.uuid if twin is not None else call.context.model.uuid})


_ASKED_ALONE = ('bind-address', 'egress-subnets', 'ingress-address', 'primary-address')


@tool('network-get', *RELATION, *_ASKED_ALONE, most=1, style='smart')
def _network_get(call: Call) -> Output:
    unit = call.context.unit
    if not call.positional:
        raise Refused('no arguments specified', code=2)
    [binding] = call.positional
    if not binding:
        raise Refused('no binding name specified', code=2)
    if binding not in unit.charm.bindings:
        raise Refused(f'no network config found for binding "{binding}"')
    subnets = [f'{unit.address}/32']
    values = {
        'bind-address': unit.address,
        'egress-subnets': subnets,
        'ingress-address': unit.address,
    }
    wanted = {key: value for key, value in values.items() if call.arguments.on(key)}
    if call.arguments.on('primary-address'):
        if wanted:
            raise Refused('--primary-address must be the only flag specified')
        return Output(unit.address)
    if wanted:
        return Output(wanted if len(wanted) > 1 else next(iter(wanted.values())))
    address = {'hostname': '', 'value': unit.address, 'cidr': '127.0.0.0/8'}
    interface = {'mac-address': '', 'interface-name': 'lo', 'addresses': [address]}
    return Output(
        {
            'bind-addresses': [interface],
            'egress-subnets': subnets,
            'ingress-addresses': [unit.address],
        }
    )
