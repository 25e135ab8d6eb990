"""For end-to-end tests: an engine, a provider and a requirer on it, and watching processes."""

from __future__ import annotations

import os
import re
import select
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from minijuju import daemon
from minijuju.install import Options, default_jobs, install
from minijuju.testing import pack_charm

if TYPE_CHECKING:
    from collections.abc import Generator

_ACTIONS = """
greet:
  description: Greets.
  params:
    name: {type: string, default: you}
  required: []
fail: {}
crash: {}
slow: {}
strict:
  params: {count: {type: integer}}
  required: [count]
  additionalProperties: false
"""
_CONFIG = """
options:
  greeting: {type: string, default: hello}
  size: {type: int}
  loud: {type: boolean, default: false}
"""
_PROVIDER = {
    'install': 'application-version-set 1.2',
    'start': 'status-set active -- ready',
    'certs-relation-changed': """
csr=$(relation-get csr "${JUJU_REMOTE_UNIT:-none/0}" 2>/dev/null || true)
[[ -z $csr ]] || relation-set --app "cert-${JUJU_REMOTE_UNIT/\\//-}=signed $csr"
""",
    'greet': 'action-log working; action-set out.text="hello $(action-get name)"; echo printed',
    'fail': 'action-fail "no luck"',
    'crash': 'echo oops >&2; exit 3',
    'slow': 'sleep 30',
}
_REQUIRER = {
    'start': 'status-set waiting -- "no certificate"',
    'needs-relation-created': 'relation-set csr="csr of $JUJU_UNIT_NAME"',
    'needs-relation-changed': """
cert=$(relation-get --app "cert-${JUJU_UNIT_NAME/\\//-}" "$JUJU_REMOTE_APP")
[[ -z $cert ]] || status-set active -- "$cert"
""",
    'needs-relation-broken': """
juju-log "in broken: $(relation-list) $(relation-get --app - "$JUJU_REMOTE_APP" | wc -l)"
status-set blocked -- gone
""",
}


def provider(folder: Path, name: str = 'ca', *, limit: int = 0, **scripts: str) -> Path:
    """Pack a charm that answers what requirers ask, and return its path.

    Args:
        folder: where the ``.charm`` goes.
        name: its name.
        limit: how many relations its endpoint takes, 0 for any number.
        scripts: what replaces its hooks and actions, by name with ``_`` for ``-``.
    """
    endpoint = {'interface': 'tls', **({'limit': limit} if limit else {})}
    return pack_charm(
        folder / f'{name}.charm',
        metadata={
            'name': name,
            'provides': {'certs': endpoint},
            'peers': {'peers': {'interface': 'tls-peers'}},
            'resources': {'tool': {'type': 'file', 'filename': 'tool'}},
        },
        scripts={**_PROVIDER, **{key.replace('_', '-'): text for key, text in scripts.items()}},
        files={'actions.yaml': _ACTIONS, 'config.yaml': _CONFIG},
    )


def requirer(folder: Path, name: str = 'req', **scripts: str) -> Path:
    """Pack a charm that asks a provider for a certificate, and return its path.

    The arguments are those of ``provider``.
    """
    return pack_charm(
        folder / f'{name}.charm',
        metadata={'name': name, 'requires': {'needs': {'interface': 'tls'}}},
        scripts={**_REQUIRER, **{key.replace('_', '-'): text for key, text in scripts.items()}},
    )


@contextmanager
def engine(folder: Path) -> Generator[Path]:
    """Path of a ``juju`` of a minijuju of its own; all that it starts ends with the context."""
    try:
        yield install(folder / 'bin', folder / 'home', Options(default_jobs(), 1.0))
    finally:
        daemon.stop(folder / 'home')


def hooks_in(log: str, unit: str) -> list[str]:
    """Return the hooks that have run on a unit, in order, from its model's debug log."""
    pattern = rf'^unit-{unit.replace("/", "-")}: .* ran "(.*)" hook$'
    return re.findall(pattern, log, re.MULTILINE)


def alive(pid: int) -> bool:
    """Say whether a process runs; a zombie does not."""
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return False


def await_end(*pids: int) -> None:
    """Return when none of the processes runs.

    Raises:
        AssertionError: one still does after five seconds.
    """
    deadline = time.monotonic() + 5
    for pid in pids:
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            left = max(deadline - time.monotonic(), 0)
            ended, _, _ = select.select([process], [], [], left)
        finally:
            os.close(process)
        assert ended, 'a process is still there'
