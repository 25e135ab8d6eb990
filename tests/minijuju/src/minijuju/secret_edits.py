"""What a hook wants to change in secrets, kept apart until the hook has succeeded.

Each edit names one secret, so that committing it touches nothing that others wrote meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from minijuju.model import NOT_LEADER
from minijuju.secret import Grant, Owner, Secret, checksum

if TYPE_CHECKING:
    from datetime import datetime

    from minijuju.model import Model, Unit


@dataclass
class Update:
    """Changes to one secret; several ``secret-set`` in a hook merge into one of these."""

    content: dict[str, str] | None = None
    label: str | None = None
    description: str | None = None
    rotate: str | None = None
    expires: datetime | None = None

    def merge(self, later: Update) -> None:
        """Take over what a later update gives; what it does not give stays."""
        if later.content is not None:
            self.content = later.content
        if later.label is not None:
            self.label = later.label
        if later.description is not None:
            self.description = later.description
        if later.rotate is not None:
            self.rotate = later.rotate
        if later.expires is not None:
            self.expires = later.expires


@dataclass
class SecretEdits:
    """The pending secret changes of one hook of one unit."""

    created: dict[str, tuple[Owner, Update]] = field(
        default_factory=dict[str, 'tuple[Owner, Update]']
    )
    updated: dict[str, Update] = field(default_factory=dict[str, Update])
    deleted: dict[str, set[int]] = field(default_factory=dict[str, 'set[int]'])
    """The revision to delete; an empty set means all. Juju keeps one for each secret."""
    granted: dict[str, list[Grant]] = field(default_factory=dict[str, 'list[Grant]'])
    revoked: dict[str, set[str]] = field(default_factory=dict[str, 'set[str]'])
    """The subjects that lose their grant, whatever relation it is tied to."""
    refreshed: set[str] = field(default_factory=set[str])
    """Secrets whose pending content the owner has read with ``--refresh``."""

    def update(self, secret: str, update: Update) -> None:
        """Add an update, merged with what the hook already wants; it undoes a deletion."""
        self.deleted.pop(secret, None)
        if secret in self.created:
            self.created[secret][1].merge(update)
        else:
            self.updated.setdefault(secret, Update()).merge(update)

    def delete(self, secret: str, revision: int | None) -> None:
        """Set the deletion of one revision, or of the whole secret; it undoes all other changes.

        As Juju does, in whose hooks the last of these wins.
        """
        for changes in (self.updated, self.granted, self.revoked):
            changes.pop(secret, None)
        if self.created.pop(secret, None) is not None:
            return
        self.refreshed.discard(secret)
        self.deleted[secret] = set() if revision is None else {revision}

    def grant(self, secret: str, grant: Grant) -> None:
        """Add a grant."""
        self.granted.setdefault(secret, []).append(grant)

    def revoke(self, secret: str, subject: str) -> None:
        """Add a revoke. It is committed after the grants of the same hook, earlier and later."""
        self.revoked.setdefault(secret, set()).add(subject)

    def access(self, number: str, secret: Secret | None) -> list[Grant]:
        """Return the grants of a secret, None for one that the hook makes, with these edits."""
        held = [*(secret.grants if secret is not None else []), *self.granted.get(number, [])]
        revoked = self.revoked.get(number, set())
        return [grant for grant in held if grant.subject not in revoked]

    def problem(self, model: Model, unit: Unit) -> str:
        """Return why these edits cannot be committed, empty when they can."""
        leader = model.is_leader(unit)
        for owner, _ in self.created.values():
            if owner.kind == 'application' and not leader:
                return NOT_LEADER
        for number in {*self.updated, *self.deleted, *self.granted, *self.revoked}:
            if number in self.created:
                continue
            secret = model.secrets.get(number)
            if secret is None or not secret.owned_by(unit.name):
                return f'secret "{number}" not found'
            if secret.owner.kind == 'application' and not leader:
                return NOT_LEADER
        return self._label_problem(model)

    def commit(self, model: Model, unit: Unit, now: datetime) -> None:
        """Apply the edits; ``problem`` must have found none."""
        for number, (owner, update) in self.created.items():
            secret = Secret(number, owner, created=now, updated=now)
            model.secrets[number] = secret
            _apply(secret, update, now)
        for number, update in self.updated.items():
            secret = model.secrets[number]
            _apply(secret, update, now)
            observer = secret.observers.get(unit.name)
            if number in self.refreshed and observer is not None:
                observer.revision = secret.newest
        # In Juju's order: creates, updates, grants, revokes, deletes.
        for number in {**self.granted, **self.revoked}:
            secret = model.secrets[number]
            held = self.access(number, secret)
            known = {None, *model.relations}
            secret.grants = [grant for grant in held if grant.relation in known]
        for number, revisions in self.deleted.items():
            secret = model.secrets[number]
            for revision in revisions:
                secret.revisions.pop(revision, None)
            if not revisions or not secret.revisions:
                del model.secrets[number]

    def _label_problem(self, model: Model) -> str:
        wanted = [(number, owner, u.label) for number, (owner, u) in self.created.items()]
        wanted += [(n, model.secrets[n].owner, u.label) for n, u in self.updated.items()]
        gone = {number for number, revisions in self.deleted.items() if not revisions}
        renamed = {number for number, _, label in wanted if label is not None}
        held = {
            (secret.owner, secret.label)
            for secret in model.secrets.values()
            if secret.label and secret.id not in gone | renamed
        }
        for number, owner, label in wanted:
            if label and number not in gone:
                if (owner, label) in held:
                    return f'secret with label "{label}" already exists'
                held.add((owner, label))
        return ''


def _apply(secret: Secret, update: Update, now: datetime) -> None:
    latest = secret.latest
    if update.content is not None and (
        latest is None or checksum(update.content) != checksum(latest.content)
    ):
        # The expiry of the same hook belongs to the new revision; the old one keeps its own.
        secret.add_revision(update.content, now, update.expires)
    elif update.expires is not None and latest is not None:
        latest.expires = update.expires
    if update.label is not None:
        secret.label = update.label
    if update.description is not None:
        secret.description = update.description
    if update.rotate is not None:
        secret.set_rotation(update.rotate, now)
    secret.updated = now
