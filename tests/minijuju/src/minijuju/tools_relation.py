"""Hook tools for relations and their databags."""

from __future__ import annotations

from minijuju.arguments import Refused, key_values
from minijuju.hooktools import Call, Output, tool
from minijuju.operations import RelationHook


@tool('relation-ids')
def _relation_ids(call: Call) -> Output:
    context, endpoint = call.context, call.arguments.at(0)
    if not endpoint:
        op = context.op
        if not isinstance(op, RelationHook):
            raise Refused('no endpoint name specified', code=2)
        endpoint = op.endpoint
    found = [
        f'{endpoint}:{relation.id}'
        for number in context.unit.memberships
        if (relation := context.relation(number)) is not None
        and relation.end_of(context.unit.app).spec.name == endpoint
    ]
    return Output(sorted(found))


@tool('relation-list', 'app', 'r|relation=')
def _relation_list(call: Call) -> Output:
    relation = call.relation()
    if call.arguments.on('app'):
        return Output(relation.remote_of(call.context.unit.app).app)
    return Output(call.context.members(relation.id))


@tool('relation-get', 'app', 'r|relation=')
def _relation_get(call: Call) -> Output:
    relation = call.relation()
    key, subject = call.arguments.at(0), call.arguments.at(1)
    op, app = call.context.op, call.arguments.on('app')
    if not subject and isinstance(op, RelationHook):
        subject = op.remote_app if app else op.remote_unit
    if not subject:
        raise Refused('no unit or application specified', code=2)
    if app:
        subject = subject.partition('/')[0]
    elif '/' not in subject:
        raise Refused(f'expected unit name, got application name "{subject}"', code=2)
    bag = call.context.read_bag(relation, subject)
    return Output(bag if key in {'', '-'} else bag.get(key))


@tool('relation-set', 'app', 'file=', 'r|relation=')
def _relation_set(call: Call) -> None:
    relation = call.relation()
    changes = call.file_values() | key_values(call.positional)
    call.context.write_bag(relation, changes, app=call.arguments.on('app'))


@tool('relation-model-get', 'r|relation=')
def _relation_model_get(call: Call) -> Output:
    call.relation()
    return Output({'uuid': call.context.model.uuid})


@tool('network-get', 'r|relation=', 'bind-address', 'ingress-address', 'egress-subnets')
def _network_get(call: Call) -> Output:
    unit, binding = call.context.unit, call.arguments.at(0)
    if not binding:
        raise Refused('no arguments specified', code=2)
    if call.arguments.value('relation'):
        call.relation()
    if binding not in unit.charm.bindings:
        raise Refused(f'no network config found for binding "{binding}"')
    if call.arguments.on('bind-address') or call.arguments.on('ingress-address'):
        return Output(unit.address)
    address = {'hostname': '', 'value': unit.address, 'cidr': '127.0.0.0/8'}
    interface = {'mac-address': '', 'interface-name': 'lo', 'addresses': [address]}
    return Output(
        {
            'bind-addresses': [interface],
            'egress-subnets': [f'{unit.address}/32'],
            'ingress-addresses': [unit.address],
        }
    )
