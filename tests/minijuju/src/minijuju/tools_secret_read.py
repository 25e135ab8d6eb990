"""Hook tools that read secrets: content for every reader, facts for those who manage them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from minijuju.arguments import Refused
from minijuju.clock import rfc3339
from minijuju.context import DENIED
from minijuju.hooktools import Call, Output, tool
from minijuju.secret import Observer, Secret, parse_uri
from minijuju.secret_edits import Update

if TYPE_CHECKING:
    from minijuju.context import HookContext
    from minijuju.secret import Grant


@tool('secret-get', 'label=', 'peek', 'refresh', most=2, style='yaml')
def _secret_get(call: Call) -> Output:
    content = _content(call)
    key, mark, _ = call.arguments.at(1).partition('#base64')
    if not key:
        return Output(dict(content))
    if key not in content:
        raise Refused(f'secret key value "{key}" not found')
    return Output(base64.b64encode(content[key].encode()).decode() if mark else content[key])


@tool('secret-info-get', 'label=', most=1, style='yaml')
def _secret_info_get(call: Call) -> Output:
    wanted, label = given_id(call), call.arguments.value('label')
    if not wanted and not label:
        raise Refused('require either a secret URI or label', code=2)
    if wanted and label:
        raise Refused('specify either a secret URI or label but not both', code=2)
    for number, info in _managed(call.context).items():
        if number == wanted or (label and info.get('label') == label):
            return Output({number: info})
    raise Refused(f'secret "{wanted or label}" not found')


@tool('secret-ids', style='smart')
def _secret_ids(call: Call) -> Output:
    return Output(sorted(_managed(call.context)))


def _content(call: Call) -> dict[str, str]:
    context, arguments = call.context, call.arguments
    number, label = given_id(call), arguments.value('label')
    peek, refresh = arguments.on('peek'), arguments.on('refresh')
    if not number and not label:
        raise Refused('require either a secret URI or label', code=2)
    if peek and refresh:
        raise Refused('specify one of --peek or --refresh but not both', code=2)
    number = number or _labelled(context, label)
    created = context.secrets.created.get(number)
    if created is not None:
        created[1].label = label or created[1].label
        return created[1].content or {}
    secret = context.model.secrets.get(number)
    if secret is None:
        raise Refused(f'secret "{number}" not found')
    if not secret.readable_by(context.unit.name):
        raise Refused(DENIED)
    if label and context.model.manages(context.unit, secret):
        if label != _current(context, secret).label:
            context.secrets.update(number, Update(label=label))
        label = ''
    return _read(context, secret, label, peek=peek, refresh=refresh)


def given_id(call: Call) -> str:
    """Return the identifier of the secret that is named by its URI, empty when none is."""
    if not call.positional:
        return ''
    uri = call.positional[0]
    model, number = parse_uri(uri)
    if not number:
        raise Refused(f'secret URI "{uri}" not valid', code=2)
    if model not in {'', call.context.model.uuid}:
        raise Refused(f'minijuju has no secrets across models: "{uri}" is of another model')
    return number


def _read(
    context: HookContext, secret: Secret, label: str, *, peek: bool, refresh: bool
) -> dict[str, str]:
    """Return the content that the unit sees; pins and observers' labels are stored at once."""
    update = context.secrets.updated.get(secret.id)
    pending = update.content if update is not None else None
    name = context.unit.name
    if peek:
        revision = secret.latest
    else:
        observer = secret.observers.setdefault(name, Observer())
        observer.label = label or observer.label
        if refresh and pending is not None:
            context.secrets.refreshed.add(secret.id)
        if not observer.revision or (refresh and pending is None):
            observer.revision = secret.newest
            secret.prune()
        revision = secret.revisions.get(observer.revision)
    if pending is not None and (peek or refresh):
        return pending
    if revision is None:
        raise Refused(f'secret "{secret.id}" revision not found')
    return revision.content


def _labelled(context: HookContext, label: str) -> str:
    """Return the secret that a label means to this unit: as an owner, then as an observer."""
    unit = context.unit
    for number, (_, update) in context.secrets.created.items():
        if update.label == label:
            return number
    for secret in context.model.secrets.values():
        if secret.owned_by(unit.name) and _current(context, secret).label == label:
            return secret.id
    for secret in context.model.secrets.values():
        observer = secret.observers.get(unit.name)
        if observer is not None and observer.label == label:
            return secret.id
    raise Refused(f'consumer label "{label}" not found')


def _current(context: HookContext, secret: Secret) -> Update:
    """Return the secret's facts with this hook's pending changes."""
    latest = secret.latest
    facts = Update(
        label=secret.label,
        description=secret.description,
        rotate=secret.rotate,
        expires=latest.expires if latest is not None else None,
    )
    pending = context.secrets.updated.get(secret.id)
    if pending is not None:
        facts.merge(pending)
    return facts


def _managed(context: HookContext) -> dict[str, dict[str, object]]:
    """Return what secret-info-get says of each secret that the unit manages."""
    found: dict[str, dict[str, object]] = {}
    for number, secret in context.model.secrets.items():
        deleted = context.secrets.deleted.get(number)
        if context.model.manages(context.unit, secret) and deleted != set():
            info = _info(_current(context, secret), secret.owner.kind, secret.newest)
            if secret.rotates is not None:
                info['rotates'] = rfc3339(secret.rotates)
            info['access'] = _access(context.secrets.access(number, secret))
            found[number] = info
    for number, (owner, update) in context.secrets.created.items():
        info = found[number] = _info(update, owner.kind, 1)
        info['access'] = _access(context.secrets.access(number, None))
    return found


def _access(grants: list[Grant]) -> list[dict[str, str]]:
    return [
        {
            'target': f'{"unit" if "/" in grant.subject else "application"}-'
            + grant.subject.replace('/', '-'),
            'scope': f'relation-{grant.relation}',
            'role': 'view',
        }
        for grant in grants
    ]


def _info(facts: Update, owner: str, revision: int) -> dict[str, object]:
    info: dict[str, object] = {
        'revision': revision,
        'label': facts.label or '',
        'owner': owner,
        'rotation': facts.rotate or 'never',
    }
    if facts.description:
        info['description'] = facts.description
    if facts.expires is not None:
        info['expiry'] = rfc3339(facts.expires)
    return info
