"""The environment of a charm process. Built from nothing: only PATH is inherited."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from minijuju import VERSION
from minijuju.operations import LifecycleHook, RelationHook, RunTask, SecretHook

if TYPE_CHECKING:
    from datetime import timedelta

    from minijuju.context import HookContext
    from minijuju.model import Model, Unit
    from minijuju.task import Task

_FAKETIME = (
    Path('/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1'),
    Path('/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1'),
)

_COMMON = {'LANG': 'C.UTF-8', 'TERM': 'tmux-256color'}


def hook_environment(
    context: HookContext, *, paths: list[Path], port: int, offset: timedelta
) -> dict[str, str]:
    """Return the environment for a hook, action or command.

    Args:
        context: the hook.
        paths: folders that come before the inherited PATH.
        port: where the daemon listens on 127.0.0.1.
        offset: how far the model's clock is ahead; charm processes get it where libfaketime is.
    """
    unit, model = context.unit, context.model
    found = {
        'PATH': os.pathsep.join([*map(str, paths), os.environ.get('PATH', os.defpath)]),
        **_COMMON,
        'DEBIAN_FRONTEND': 'noninteractive',
        'APT_LISTCHANGES_FRONTEND': 'none',
        'CHARM_DIR': str(unit.folder),
        'JUJU_CHARM_DIR': str(unit.folder),
        'JUJU_CONTEXT_ID': context.id,
        'JUJU_HOOK_NAME': '',
        'JUJU_AGENT_SOCKET_ADDRESS': f'127.0.0.1:{port}',
        'JUJU_AGENT_SOCKET_NETWORK': 'tcp',
        'JUJU_UNIT_NAME': unit.name,
        'JUJU_MODEL_UUID': model.uuid,
        'JUJU_MODEL_NAME': model.name,
        'JUJU_API_ADDRESSES': f'127.0.0.1:{port}',
        'JUJU_MACHINE_ID': str(unit.machine),
        'JUJU_PRINCIPAL_UNIT': '',
        'JUJU_AVAILABILITY_ZONE': '',
        'JUJU_VERSION': VERSION,
        'CLOUD_API_VERSION': '',
        'JUJU_CHARM_HTTP_PROXY': model.settings.get('juju-http-proxy', ''),
        'JUJU_CHARM_HTTPS_PROXY': model.settings.get('juju-https-proxy', ''),
        'JUJU_CHARM_FTP_PROXY': model.settings.get('juju-ftp-proxy', ''),
        'JUJU_CHARM_NO_PROXY': model.settings.get('juju-no-proxy', ''),
    }
    match context.op:
        case LifecycleHook():
            found |= _named(context.op.name)
        case RelationHook():
            found |= _named(context.op.name) | _relation(context.op)
        case SecretHook():
            found |= _named(context.op.name) | _secret(context.op)
        case RunTask() if context.task is not None:
            found |= _task(context.task)
        case _:
            pass
    return found | _time(offset)


def machine_environment(model: Model, unit: Unit, mark: str, offset: timedelta) -> dict[str, str]:
    """Return the environment for a command on a unit's machine, which is no hook.

    The three of Juju's variables in it are what a process is found by when the unit is removed;
    the context that they name does not exist.
    """
    return {
        'PATH': os.environ.get('PATH', os.defpath),
        **_COMMON,
        'HOME': str(unit.folder),
        'JUJU_CONTEXT_ID': f'{mark}-machine',
        'JUJU_UNIT_NAME': unit.name,
        'JUJU_MODEL_UUID': model.uuid,
        **_time(offset),
    }


def faketime() -> Path | None:
    """Return the library by which charm processes see the model's clock, None without one."""
    return next((path for path in _FAKETIME if path.exists()), None)


def _time(offset: timedelta) -> dict[str, str]:
    library = faketime()
    if not offset or library is None:
        return {}
    return {
        'LD_PRELOAD': str(library),
        'FAKETIME': f'{offset.total_seconds():+.0f}s',
        'FAKETIME_DONT_FAKE_MONOTONIC': '1',
    }


def _named(hook: str) -> dict[str, str]:
    return {'JUJU_HOOK_NAME': hook, 'JUJU_DISPATCH_PATH': f'hooks/{hook}'}


def _relation(op: RelationHook) -> dict[str, str]:
    found = {
        'JUJU_RELATION': op.endpoint,
        'JUJU_RELATION_ID': f'{op.endpoint}:{op.relation}',
        'JUJU_REMOTE_APP': op.remote_app,
        'JUJU_REMOTE_UNIT': op.remote_unit,
    }
    if op.kind == 'departed':
        found['JUJU_DEPARTING_UNIT'] = op.departing
    return found


def _secret(op: SecretHook) -> dict[str, str]:
    found = {'JUJU_SECRET_ID': f'secret:{op.secret}', 'JUJU_SECRET_LABEL': op.label}
    if op.name in {'secret-expired', 'secret-remove'}:
        found['JUJU_SECRET_REVISION'] = str(op.revision)
    return found


def _task(task: Task) -> dict[str, str]:
    if not task.action:
        return {}
    return {
        'JUJU_DISPATCH_PATH': f'actions/{task.action}',
        'JUJU_ACTION_NAME': task.action,
        'JUJU_ACTION_UUID': task.id,
        'JUJU_ACTION_TAG': f'action-{task.id}',
    }
