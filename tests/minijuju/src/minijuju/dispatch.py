"""What is run for a hook, an action or a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minijuju.operations import LifecycleHook, RelationHook, SecretHook

if TYPE_CHECKING:
    from minijuju.context import HookContext


def hook_command(context: HookContext) -> list[str]:
    """Return what to run for a context, nothing when the charm has no such hook."""
    folder, op, task = context.unit.folder, context.op, context.task
    if task is not None and not task.action:
        return ['bash', '-c', task.command]
    if (folder / 'dispatch').exists():
        return [str(folder / 'dispatch')]
    if task is not None:
        path = folder / 'actions' / task.action
    elif isinstance(op, LifecycleHook | RelationHook | SecretHook):
        path = folder / 'hooks' / op.name
    else:
        return []
    if not path.exists():
        return []
    path.chmod(0o755)
    return [str(path)]
