"""juju commands about secrets: those of users, and a view of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minijuju.arguments import Refused, key_values, whole_number
from minijuju.cli import command
from minijuju.clock import rfc3339
from minijuju.document import text
from minijuju.secret import (
    Grant,
    Owner,
    Secret,
    bare_id,
    checksum,
    key_problem,
    new_id,
    size_problem,
)
from minijuju.status_table import table

if TYPE_CHECKING:
    from minijuju.command import Command
    from minijuju.secret import Revision


@command('add-secret', 'file=', 'info=', most=None)
def _add_secret(call: Command) -> str:
    name, content = call.required(0, 'secret name'), _content(call)
    if not content:
        raise Refused('missing secret value or filename', code=2)
    _check_name(call, name)
    now = call.controller.clock.now()
    owner = Owner('model', call.model.uuid)
    secret = Secret(new_id(), owner, now, now, name, call.arguments.value('info'))
    secret.add_revision(content, now)
    call.model.secrets[secret.id] = secret
    return f'secret:{secret.id}\n'


@command('update-secret', 'auto-prune', 'file=', 'info=', 'name=', most=None)
def _update_secret(call: Command) -> str:
    secret, content = _users(call), _content(call)
    now = call.controller.clock.now()
    new_name = call.arguments.value('name')
    if new_name and new_name != secret.label:
        _check_name(call, new_name)
        secret.label = new_name
    secret.description = call.arguments.value('info', secret.description)
    if 'auto-prune' in call.arguments.values:
        secret.auto_prune = call.arguments.on('auto-prune')
    latest = secret.latest
    if content and (latest is None or checksum(content) != checksum(latest.content)):
        secret.add_revision(content, now)
    secret.prune()
    secret.updated = now
    return ''


@command('grant-secret', most=2)
def _grant_secret(call: Command) -> str:
    secret = _users(call)
    for app in call.required(1, 'application').split(','):
        grant = Grant(call.app(app).name, None)
        if grant not in secret.grants:
            secret.grants.append(grant)
    return ''


@command('revoke-secret', most=2)
def _revoke_secret(call: Command) -> str:
    secret = _users(call)
    apps = {call.app(app).name for app in call.required(1, 'application').split(',')}
    secret.grants = [grant for grant in secret.grants if grant.subject not in apps]
    return ''


@command('remove-secret', 'revision=', most=1)
def _remove_secret(call: Command) -> str:
    secret, given = _users(call), call.arguments.value('revision')
    if given:
        del secret.revisions[_revision_number(secret, given)]
    if not given or not secret.revisions:
        del call.model.secrets[secret.id]
    return ''


@command('secrets|list-secrets', 'owner=', most=0)
def _secrets(call: Command) -> str:
    owner = call.arguments.value('owner')
    found = [
        secret
        for secret in call.model.secrets.values()
        if not owner or _owner(secret) == owner or (owner == call.model.name and _is_users(secret))
    ]
    if call.arguments.value('format', 'tabular') != 'tabular':
        return call.formatted({secret.id: _document(call, secret) for secret in found})
    rows = [('ID', 'Name', 'Owner', 'Rotation', 'Revision')]
    rows += [(s.id, s.label or '-', _owner(s), s.rotate, str(s.newest)) for s in found]
    return table(rows)


@command('show-secret', 'r|revision=', 'reveal', 'revisions', most=1)
def _show_secret(call: Command) -> str:
    secret = _any(call)
    given, all_revisions = call.arguments.value('revision'), call.arguments.on('revisions')
    for option, both in (('revision', given), ('reveal', call.arguments.on('reveal'))):
        if both and all_revisions:
            raise Refused(f'specify either --{option} or --revisions but not both', code=2)
    shown = secret.revisions[_revision_number(secret, given)] if given else secret.latest
    found = _document(call, secret)
    if shown is not None:
        found['revision'] = shown.number
        found['checksum'] = checksum(shown.content)
        if call.arguments.on('reveal'):
            found['content'] = {'Data': dict(shown.content)}
    if all_revisions:
        numbers = sorted(secret.revisions)
        found['revisions'] = [_revision(secret.revisions[number]) for number in numbers]
    return call.formatted({secret.id: found})


def _content(call: Command) -> dict[str, str]:
    content: dict[str, str] = {}
    if file := call.arguments.value('file'):
        content = {key: text(value) for key, value in call.yaml_file(file).items()}
    for word in call.arguments.positional[1:]:
        # Of a key that comes again the last counts, in Juju as well (core/secrets/data.go).
        [(key, value)] = key_values([word]).items()
        name, hash_mark, form = key.partition('#')
        content[name] = call.text_file(value) if (hash_mark, form) == ('#', 'file') else value
    problem = next((p for key in content if (p := key_problem(key))), '') or size_problem(content)
    if problem:
        raise Refused(problem)
    return content


def _check_name(call: Command, name: str) -> None:
    if any(_is_users(s) and s.label == name for s in call.model.secrets.values()):
        raise Refused(f'secret with name "{name}" already exists')


def _any(call: Command) -> Secret:
    given = call.required(0, 'secret URI or name')
    secret = call.model.secrets.get(bare_id(given))
    if secret is not None:
        return secret
    for secret in call.model.secrets.values():
        if _is_users(secret) and secret.label == given:
            return secret
    raise Refused(f'secret "{given}" not found')


def _users(call: Command) -> Secret:
    secret = _any(call)
    if not _is_users(secret):
        raise Refused(f'secret "{secret.id}" is owned by {_owner(secret)}: permission denied')
    return secret


def _revision_number(secret: Secret, given: str) -> int:
    number = whole_number(given)
    if number not in secret.revisions:
        raise Refused(f'secret "{secret.id}" revision {given} not found')
    return number


def _is_users(secret: Secret) -> bool:
    return secret.owner.kind == 'model'


def _owner(secret: Secret) -> str:
    return '<model>' if _is_users(secret) else secret.owner.name


def _document(call: Command, secret: Secret) -> dict[str, object]:
    found: dict[str, object] = {
        'revision': secret.newest,
        'owner': _owner(secret),
        'created': rfc3339(secret.created),
        'updated': rfc3339(secret.updated),
    }
    if secret.label:
        found['name' if _is_users(secret) else 'label'] = secret.label
    if secret.description:
        found['description'] = secret.description
    if secret.rotate != 'never':
        found['rotation'] = secret.rotate
    if secret.rotates is not None:
        found['rotates'] = rfc3339(secret.rotates)
    if secret.latest is not None and secret.latest.expires is not None:
        found['expires'] = rfc3339(secret.latest.expires)
    if secret.grants:
        found['access'] = [_access(call, grant) for grant in secret.grants]
    return found


def _access(call: Command, grant: Grant) -> dict[str, str]:
    kind = 'unit' if '/' in grant.subject else 'application'
    relation = None if grant.relation is None else call.model.relations.get(grant.relation)
    scope = f'model-{call.model.uuid}'
    if relation is not None:
        scope = f'relation-{relation.id}'
    return {
        'target': f'{kind}-{grant.subject.replace("/", "-")}',
        'scope': scope,
        'role': 'view',
    }


def _revision(revision: Revision) -> dict[str, object]:
    found: dict[str, object] = {
        'revision': revision.number,
        'backend': 'internal',
        'created': rfc3339(revision.created),
        'updated': rfc3339(revision.created),
    }
    if revision.expires is not None:
        found['expires'] = rfc3339(revision.expires)
    return found
