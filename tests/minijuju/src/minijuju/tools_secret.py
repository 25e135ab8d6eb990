"""Hook tools by which a secret's owner changes it. The rules and texts are those of Juju 3.6."""

from __future__ import annotations

import base64
import binascii
from datetime import timedelta
from typing import TYPE_CHECKING

from minijuju.arguments import Refused, whole_number
from minijuju.charm import APP_NAME
from minijuju.clock import go_duration, parse_moment
from minijuju.hooktools import RELATION, Call, tool
from minijuju.model import NOT_LEADER
from minijuju.secret import (
    CONTENT_LIMIT,
    ROTATION,
    VALUE_LIMIT,
    Grant,
    Owner,
    Secret,
    key_problem,
    new_id,
    size_problem,
)
from minijuju.secret_edits import Update
from minijuju.tools_relation import UNIT_NAME
from minijuju.tools_secret_read import given_id

if TYPE_CHECKING:
    from datetime import datetime

    from minijuju.context import HookContext

_DEFINING = ('description=', 'expire=', 'file=', 'label=', 'owner=', 'rotate=')


@tool('secret-add', *_DEFINING, most=None)
def _secret_add(call: Call) -> str:
    if not call.positional and not call.arguments.value('file'):
        raise Refused('missing secret value or filename', code=2)
    context, update, kind = call.context, *_definition(call, call.positional)
    unit = context.unit
    if update.content is None:
        raise Refused('empty secret value not valid')
    if kind == 'application' and not context.is_leader:
        raise Refused(NOT_LEADER)
    owner = Owner('application', unit.app) if kind == 'application' else Owner('unit', unit.name)
    _check_label(context, owner, update.label, '')
    number = new_id()
    context.secrets.created[number] = (owner, update)
    return f'secret:{number}\n'


@tool('secret-set', *_DEFINING, most=None)
def _secret_set(call: Call) -> None:
    context, number = call.context, _required_id(call)
    update, _ = _definition(call, call.positional[1:])
    secret = _managed_by_leader(context, number)
    if secret is not None:
        _check_label(context, secret.owner, update.label, number)
    context.secrets.update(number, update)


@tool('secret-remove', 'revision=', most=1)
def _secret_remove(call: Call) -> None:
    context, number = call.context, _required_id(call)
    given = call.arguments.value('revision')
    revision = whole_number(given or '0')
    if revision is None:
        why = f'strconv.ParseInt: parsing "{given}": invalid syntax'
        raise Refused(f'invalid value "{given}" for option --revision: {why}', code=2)
    secret = _managed_by_leader(context, number)
    if secret is not None and revision and revision not in secret.revisions:
        raise Refused(f'secret "{number}" revision {given} not found')
    context.secrets.delete(number, revision or None)


@tool('secret-grant', *RELATION, 'unit=', most=1)
def _secret_grant(call: Call) -> None:
    context, number = call.context, _required_id(call)
    relation, unit = call.relation(), call.arguments.value('unit')
    app = relation.remote_of(context.unit.app).app
    _check_name(unit, 'unit')
    if relation.twin is not None:
        raise Refused(f'minijuju has no secrets across models: {app} is of another model')
    if unit and unit.partition('/')[0] != app:
        wrong = f'cannot specify unit "{unit}" in relation to application "{app}"'
        raise Refused(wrong, code=2)
    secret = _managed_by_leader(context, number)
    if secret is None and number not in context.secrets.created:
        raise Refused(f'secret "{number}" not found')
    subject = unit or app
    held = context.secrets.access(number, secret)
    here = {grant.subject for grant in held if grant.relation == relation.id}
    if app in here or any(grant.subject == subject for grant in held):
        return
    if subject == app and here:
        raise Refused(
            'any unit level grants need to be revoked before granting access to the '
            'corresponding application'
        )
    context.secrets.grant(number, Grant(subject, relation.id))


@tool('secret-revoke', 'app|application=', *RELATION, 'unit=', most=1)
def _secret_revoke(call: Call) -> None:
    context, number = call.context, _required_id(call)
    app, unit = call.arguments.value('application'), call.arguments.value('unit')
    _check_name(app, 'application')
    _check_name(unit, 'unit')
    if app and unit:
        raise Refused('specify only one of application or unit', code=2)
    relation = call.relation_or_none()
    if relation is not None:
        if app:
            raise Refused('do not specify both relation and app', code=2)
        app = relation.remote_of(context.unit.app).app
    if not app and not unit:
        raise Refused('missing relation or application or unit', code=2)
    _managed_by_leader(context, number)
    context.secrets.revoke(number, unit or app)


def _required_id(call: Call) -> str:
    if not call.positional:
        raise Refused('missing secret URI', code=2)
    return given_id(call)


def _check_name(name: str, kind: str) -> None:
    if name and not (UNIT_NAME if kind == 'unit' else APP_NAME).fullmatch(name):
        raise Refused(f'{kind} "{name}" not valid', code=2)


def _managed_by_leader(context: HookContext, number: str) -> Secret | None:
    """Return a stored secret that the unit may change, None for one that is not its own.

    Raises:
        Refused: it is the application's and this unit is not the leader.
    """
    secret = context.model.secrets.get(number)
    if secret is None or not secret.owned_by(context.unit.name):
        return None
    if secret.owner.kind == 'application' and not context.is_leader:
        raise Refused(NOT_LEADER)
    return secret


def _definition(call: Call, words: tuple[str, ...]) -> tuple[Update, str]:
    """Return what the options and ``k=v`` words say, and whose a new secret is to be.

    An empty text is as good as none: a label or a description cannot be taken away.
    """
    value, rotate = call.arguments.value, call.arguments.value('rotate')
    expires = _expiry(call)
    if rotate and rotate not in {*ROTATION, 'never'}:
        raise Refused(f'rotate policy "{rotate}" not valid', code=2)
    kind = value('owner', 'application')
    if kind not in {'application', 'unit'}:
        raise Refused(f'secret owner "{kind}" not valid', code=2)
    update = Update(
        content=_content(call, words) or None,
        label=value('label') or None,
        description=value('description') or None,
        rotate=rotate or None,
        expires=expires,
    )
    return update, kind


def _expiry(call: Call) -> datetime | None:
    text = call.arguments.value('expire')
    if not text:
        return None
    length, expires = go_duration(text), parse_moment(text, call.context.now())
    if expires is None:
        raise Refused(f'expire time or duration "{text}" not valid', code=2)
    if length is not None and length <= timedelta():
        raise Refused(f'negative expire duration "{text}" not valid', code=2)
    return expires


def _content(call: Call, words: tuple[str, ...]) -> dict[str, str]:
    """Return the content in ``k=v``, ``k#file=PATH``, ``k#base64=V`` and then in ``--file``."""
    content: dict[str, str] = {}
    for word in words:
        # Juju looks for the equals sign before the padding of base64: an empty value is refused.
        key, equals, _ = word.rstrip('=').partition('=')
        value = word[len(key) + 1 :]
        if not key or not equals:
            raise Refused(f'key value "{word}" not valid', code=2)
        if key.endswith('#file'):
            key = key.removesuffix('#file')
            value = _file(call, key, value)
        content |= _decoded(key, value)
    if name := call.arguments.value('file'):
        _check_size(call, name, CONTENT_LIMIT)
    for key, value in call.file_values(code=2).items():
        content |= _decoded(key, value)
    for key in content:
        if problem := key_problem(key):
            raise Refused(problem, code=2)
    if problem := size_problem(content):
        raise Refused(problem, code=2)
    return content


def _decoded(key: str, value: str) -> dict[str, str]:
    if not key.endswith('#base64'):
        return {key: value}
    key = key.removesuffix('#base64')
    try:
        return {key: base64.b64decode(value, validate=True).decode()}
    except (binascii.Error, UnicodeDecodeError):
        raise Refused(f'secret content for key "{key}" is not base64 of text', code=2) from None


def _check_size(call: Call, name: str, limit: int) -> None:
    path = call.cwd / name
    size = path.stat().st_size if path.is_file() else 0
    if size > limit:
        raise Refused(f'secret content in file "{name}" too large: {size} bytes', code=2)


def _file(call: Call, key: str, name: str) -> str:
    _check_size(call, name, VALUE_LIMIT)
    path = call.cwd / name
    try:
        if path.exists() and not path.is_file():  # a pipe would hold up everyone
            raise OSError(f'{name} is not a file')
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f'reading content for secret key "{key}": {error}', code=2) from error


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
