"""What is run for a hook, an action or a command, and where its output goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minijuju.operations import LifecycleHook, RelationHook, SecretHook

if TYPE_CHECKING:
    from pathlib import Path

    from minijuju.context import HookContext
    from minijuju.model import Unit


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


def output_files(unit: Unit) -> tuple[Path, Path]:
    """Return where stdout and stderr of the unit's latest process are."""
    return unit.folder.parent / 'stdout', unit.folder.parent / 'stderr'


def read_output(path: Path) -> str:
    """Return what a process has printed, nothing when none has run."""
    try:
        return path.read_text(encoding='utf-8', errors='replace')
    except FileNotFoundError:
        return ''
