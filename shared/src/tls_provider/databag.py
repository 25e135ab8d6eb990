"""The few things that Juju's databags need beside reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ops


def write(databag: ops.RelationDataContent, data: Mapping[str, str]) -> None:
    """One write where a text differs, none where all are equal: each wakes every reader.

    An empty text stands for an absent key.
    """
    changed = {key: text for key, text in data.items() if databag.get(key, '') != text}
    if changed:
        databag.update(changed)


def remote_application(relation: ops.Relation) -> ops.Application | None:
    """The application on the other side; None in some relations across models."""
    return cast('ops.Application | None', relation.app)
