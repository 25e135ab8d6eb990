"""Hook tools by which a secret's owner changes it. The rules and texts are those of Juju 3.6."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from minijuju.arguments import Refused
from minijuju.clock import parse_moment
from minijuju.hooktools import Call, Output, tool
from minijuju.secret import (
    CONTENT_LIMIT,
    ROTATION,
    Grant,
    Owner,
    Secret,
    bare_id,
    key_problem,
    new_id,
    size_problem,
)
from minijuju.secret_edits import Update

if TYPE_CHECKING:
    from minijuju.context import HookContext


_DEFINING = ('description=', 'expire=', 'file=', 'label=', 'owner=', 'rotate=')
_NOT_LEADER = 'this unit is not the leader'


@tool('secret-add', *_DEFINING)
def _secret_add(call: Call) -> Output:
    context, update = call.context, _update(call, call.positional)
    if update.content is None:
        raise Refused('missing secret value or filename', code=2)
    kind = call.arguments.value('owner', 'application')
    if kind not in {'application', 'unit'}:
        raise Refused(f'secret owner "{kind}" not valid', code=2)
    unit = context.unit
    if kind == 'application' and not context.is_leader:
        raise Refused(_NOT_LEADER)
    owner = Owner('application', unit.app) if kind == 'application' else Owner('unit', unit.name)
    _check_label(context, owner, update.label, '')
    number = new_id()
    context.secrets.created[number] = (owner, update)
    return Output(f'secret:{number}')


@tool('secret-set', *_DEFINING)
def _secret_set(call: Call) -> None:
    context, number = call.context, _required_id(call)
    update = _update(call, call.positional[1:])
    secret = context.model.secrets.get(number)
    if secret is not None and secret.owned_by(context.unit.name):
        if secret.owner.kind == 'application' and not context.is_leader:
            raise Refused(_NOT_LEADER)
        _check_label(context, secret.owner, update.label, number)
    context.secrets.update(number, update)


@tool('secret-remove', 'revision=')
def _secret_remove(call: Call) -> None:
    context, number = call.context, _required_id(call)
    given = call.arguments.value('revision')
    if given and not given.isdigit():
        raise Refused(f'invalid value "{given}" for option --revision', code=2)
    secret = context.model.secrets.get(number)
    if secret is not None and secret.owned_by(context.unit.name):
        if secret.owner.kind == 'application' and not context.is_leader:
            raise Refused(_NOT_LEADER)
        if given and int(given) not in secret.revisions:
            raise Refused(f'secret "{number}" revision {given} not found')
    context.secrets.delete(number, int(given) if given else None)


@tool('secret-grant', 'r|relation=', 'unit=')
def _secret_grant(call: Call) -> None:
    context, number = call.context, _required_id(call)
    relation = call.relation('--relation')
    secret = _own(context, number)
    app = relation.remote_of(context.unit.app).app
    subject = call.arguments.value('unit') or app
    if subject.partition('/')[0] != app:
        raise Refused(f'unit "{subject}" is not in relation {relation.id}')
    held = list(secret.grants) if secret is not None else []
    held += context.secrets.granted.get(number, [])
    if any(grant.subject == subject for grant in held):
        return
    if '/' not in subject and any(g.subject.startswith(f'{app}/') for g in held):
        raise Refused(
            'any unit level grants need to be revoked before granting access to the '
            'corresponding application'
        )
    context.secrets.grant(number, Grant(subject, relation.id))


@tool('secret-revoke', 'app|application=', 'r|relation=', 'unit=')
def _secret_revoke(call: Call) -> None:
    context, number = call.context, _required_id(call)
    relation = call.relation('--relation') if call.arguments.value('relation') else None
    subject = call.arguments.value('unit') or call.arguments.value('application')
    if not subject and relation is not None:
        subject = relation.remote_of(context.unit.app).app
    if not subject:
        raise Refused('must specify either --relation or one of --app or --unit', code=2)
    context.secrets.revoke(number, Grant(subject, relation.id if relation else None))


def _required_id(call: Call) -> str:
    if not call.positional:
        raise Refused('missing secret URI', code=2)
    return bare_id(call.positional[0])


def _update(call: Call, words: tuple[str, ...]) -> Update:
    given, rotate = call.arguments.values, call.arguments.value('rotate')
    if rotate and rotate not in {*ROTATION, 'never'}:
        raise Refused(f'rotate policy "{rotate}" not valid', code=2)
    expires = None
    if 'expire' in given:
        text = call.arguments.value('expire')
        expires = parse_moment(text, call.context.now())
        if expires is None:
            raise Refused(f'expire time or duration "{text}" not valid', code=2)
    return Update(
        content=_content_given(call, words),
        label=call.arguments.value('label') if 'label' in given else None,
        description=call.arguments.value('description') if 'description' in given else None,
        rotate=rotate or None,
        expires=expires,
    )


def _content_given(call: Call, words: tuple[str, ...]) -> dict[str, str] | None:
    content = call.file_values()
    for word in words:
        name, equals, value = word.partition('=')
        if not equals:
            raise Refused(f'expected "key=value", got "{word}"', code=2)
        key, _, form = name.partition('#')
        if form == 'file':
            value = _file(call, value)
        elif form == 'base64':
            try:
                value = base64.b64decode(value, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                raise Refused(f'secret content for key "{key}" is not base64', code=2) from None
        content[key] = value
    for key in content:
        if problem := key_problem(key):
            raise Refused(problem, code=2)
    if problem := size_problem(content):
        raise Refused(problem, code=2)
    return content or None


def _file(call: Call, name: str) -> str:
    try:
        data = (call.cwd / name).read_bytes()
        if len(data) > CONTENT_LIMIT:
            message = f'secret content in file "{name}" too large: {len(data)} bytes'
            raise Refused(message, code=2)
        return data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f'reading content for secret from "{name}": {error}', code=2) from error


def _check_label(context: HookContext, owner: Owner, label: str | None, own: str) -> None:
    if not label:
        return
    edits = context.secrets
    labels: dict[str, str | None] = {}
    for secret in context.model.secrets.values():
        if secret.owner == owner and edits.deleted.get(secret.id) != set():
            update = edits.updated.get(secret.id, Update())
            labels[secret.id] = secret.label if update.label is None else update.label
    labels |= {n: update.label for n, (held, update) in edits.created.items() if held == owner}
    if any(taken == label for number, taken in labels.items() if number != own):
        raise Refused(f'secret with label "{label}" already exists')


def _own(context: HookContext, number: str) -> Secret | None:
    """Return an owned secret to change, None when this hook has made it."""
    if number in context.secrets.created:
        return None
    secret = context.model.secrets.get(number)
    if secret is None or not secret.owned_by(context.unit.name):
        raise Refused(f'secret "{number}" not found')
    if secret.owner.kind == 'application' and not context.is_leader:
        raise Refused(_NOT_LEADER)
    return secret
