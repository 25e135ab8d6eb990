"""The one place where the lego binary is run: its command lines, its environment, its end.

Two generations of the command line are known: 4.x, with global flags before the command, and 5.x,
with all flags behind it. Which one a binary has, and what it can do, is read from its own help.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import pathlib
import signal
import subprocess
import tempfile
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_OUTPUT = 65536
"""Bytes from the end of what lego writes that are looked at."""
_GRACE = 3
"""Seconds between asking a process to end and ending it."""
_NO_KEY = 'bm9uZQ'
"""In place of a key that is not used any more; base64url as the key is."""
_HELP = datetime.timedelta(seconds=20)
"""For a help text."""


class Unusable(Exception):
    """The binary is missing, cannot be run, or is no lego that is known."""


@dataclasses.dataclass(frozen=True)
class Features:
    """What a binary can do."""

    generation: int
    """4 or 5."""
    propagation_wait: bool
    """A fixed wait in place of checks of propagation."""
    eab_variables: bool
    """The key of an external account is taken from the environment."""
    profile: bool
    """A profile of the server can be asked for."""


@dataclasses.dataclass(frozen=True)
class ExternalAccount:
    """What binds the account to one that the operator has at the authority (RFC 8555, 7.3.4)."""

    key_id: str
    key: str = dataclasses.field(repr=False)
    """In base64url."""


@dataclasses.dataclass(frozen=True)
class Order:
    """What the command line of an order says."""

    server: str
    email: str
    folder: pathlib.Path
    """lego's own files, and the request as `request.csr`."""
    plugin: str
    nameservers: tuple[str, ...] = ()
    propagation_wait: int | None = None
    """Seconds; None: lego looks whether the record is there."""
    preferred_chain: str = ''
    profile: str = ''
    external_account: ExternalAccount | None = None
    is_registered: bool = False
    """The account is: the key of the external one has done its part."""


@dataclasses.dataclass(frozen=True)
class Finished:
    """How a run of lego ended."""

    status: int | None
    """Exit status, negative: by that signal; None: it was ended at its deadline."""
    output: str
    """The end of what it wrote; may hold anything that it was given."""


def features(binary: pathlib.Path) -> Features:
    """What a binary can do; raises `Unusable`."""
    general = _help(binary)
    commands = [line.split()[0].rstrip(',') for line in general.splitlines() if line.split()]
    if 'accounts' in commands:
        return Features(5, propagation_wait=True, eab_variables=True, profile=True)
    if 'renew' not in commands:
        raise Unusable('the binary is no lego that is known')
    return Features(
        4,
        propagation_wait='--dns.propagation-wait' in general,
        eab_variables='LEGO_EAB_HMAC' in general,
        profile='--profile' in _help(binary, 'run'),
    )


def order_arguments(order: Order, features: Features) -> list[str]:
    """The command line that orders a certificate for a request."""
    common = ['--server', order.server, '--email', order.email, '--accept-tos']
    common += ['--path', str(order.folder), '--csr', str(order.folder / 'request.csr')]
    dns = ['--dns', order.plugin]
    for address in order.nameservers:
        dns += ['--dns.resolvers', address]
    run: list[str] = []
    if order.preferred_chain:
        run += ['--preferred-chain', order.preferred_chain]
    if order.profile:
        run += ['--profile', order.profile]
    eab = _external_account(order, features)
    if features.generation >= 5:
        if order.propagation_wait is not None:
            dns += ['--dns.propagation.wait', f'{order.propagation_wait}s']
        return ['--log.format', 'text', 'run', *common, '--cert.name', 'out', *eab, *dns, *run]
    if order.propagation_wait is not None:
        wait = ['--dns.propagation-wait', f'{order.propagation_wait}s']
        dns += wait if features.propagation_wait else ['--dns.disable-cp']
    return [*common, '--filename', 'out', *eab, *dns, 'run', *run]


def revoke_arguments(order: Order, features: Features, reason: int) -> list[str]:
    """The command line that revokes `certificates/out.crt`, by the account of the order.

    Args:
        order: Server, account and folder.
        features: Of the binary.
        reason: Number of the reason (RFC 5280, 5.3.1).

    """
    common = ['--server', order.server, '--email', order.email, '--path', str(order.folder)]
    how = ['--keep', '--reason', str(reason)]
    if features.generation >= 5:
        return ['certificates', 'revoke', *common, '--cert.name', 'out', *how]
    eab = _external_account(order, features)
    return [*common, *eab, '--domains', 'out', 'revoke', *how]


def _external_account(order: Order, features: Features) -> list[str]:
    """What lego asks for at every run where the server wants an external account.

    The key is used at the registration alone. It is on the command line only then, and only where
    the binary does not take it from the environment.
    """
    account = order.external_account
    if account is None:
        return []
    if features.eab_variables:
        return ['--eab']
    key = _NO_KEY if order.is_registered else account.key
    return ['--eab', '--kid', account.key_id, '--hmac', key]


def _help(binary: pathlib.Path, *command: str) -> str:
    with tempfile.TemporaryDirectory(prefix='lego-help-') as folder:
        done = run(binary, [*command, '--help'], {}, pathlib.Path(folder), _HELP)
    if done.status is None:
        raise Unusable('the binary cannot be run: it does not answer')
    return done.output


def run(
    binary: pathlib.Path,
    arguments: Sequence[str],
    environ: Mapping[str, str],
    folder: pathlib.Path,
    timeout: datetime.timedelta,
) -> Finished:
    """Run lego in a folder with this environment alone, and end all that it started.

    The folder gets files `pid` and `output`. Raises `Unusable`.
    """
    output = folder / 'output'
    output.touch(mode=0o600)
    try:
        with output.open('wb') as file:
            process = subprocess.Popen(
                [binary, *arguments],
                env=dict(environ),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,
            )
    except OSError as error:
        raise Unusable(f'the binary cannot be run: {error.strerror}') from error
    try:
        (folder / 'pid').write_text(str(process.pid), encoding='ascii')
        status = _wait(process, timeout.total_seconds())
    finally:
        _signal_group(process.pid, signal.SIGKILL)
        process.wait()
    size = output.stat().st_size
    with output.open('rb') as file:
        file.seek(max(0, size - MAX_OUTPUT))
        return Finished(status, file.read().decode(errors='replace'))


def end(folder: pathlib.Path) -> None:
    """End what still runs in a folder since a hook before this one was killed."""
    try:
        pid = int((folder / 'pid').read_text(encoding='ascii'))
        with open(f'/proc/{pid}/cmdline', 'rb') as file:  # noqa: PTH123
            is_ours = os.fsencode(folder) in file.read()
    except (OSError, ValueError):
        return
    if is_ours:
        _signal_group(pid, signal.SIGKILL)


def _wait(process: subprocess.Popen[bytes], timeout: float) -> int | None:
    """The exit status, or None where it was ended for taking too long.

    A thread waits for it: that wakes at once, where `Popen.wait` with a time-out sleeps and looks.
    """
    waiter = threading.Thread(target=process.wait)
    waiter.start()
    waiter.join(timeout)
    if not waiter.is_alive():
        return process.returncode
    for number in (signal.SIGTERM, signal.SIGKILL):
        _signal_group(process.pid, number)
        waiter.join(_GRACE)
    waiter.join()
    return None


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)
