"""What one keep-alive session saves: the signatures of a hook with 200 requests.

By the charm's issuer and a real OpenBao server with TLS and raft, on loopback. Compared are one
session for all, which is what the charm does; a new session for each, with the same token; and a
new session and a new login for each. Client and server share the machine. Nothing is asserted on
time: the ratios tell, the figures are those of the machine, and the CPU of the client depends
least on what else runs there.
"""

from __future__ import annotations

import argparse
import datetime
import pathlib
import statistics
import tempfile
import time
from typing import TYPE_CHECKING

import authority
import authorize
import desk
import options
from above import Answer
from backends import openbao
from credentials import Login
from lineage import Lineage, Published
from tls_provider import x509
from tls_provider.issuer import Issued, Request
from tls_provider.testing import pki
from upkeep import Upkeep
from vault import Vault

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE = datetime.timedelta(minutes=1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').partition('\n')[0])
    parser.add_argument('--requests', type=int, default=200)
    parser.add_argument('--rounds', type=int, default=5, help='the median is shown')
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, openbao.openbao(pathlib.Path(name)) as server:
        wanted, credentials = prepare(server)
        root = Login('token', 'token', '', {'token': server.root_token})
        approle = Login('approle', 'approle', '', credentials)
        ways: list[tuple[str, Login, bool]] = [
            ('one session', approle, False),
            ('a session each', root, True),
            ('a session and a login each', approle, True),
        ]
        for key in ('ecdsa-p256', 'rsa-2048'):
            csrs = [
                x509.parse_request(pki.request(f'n{number}.example.test', key=key))
                for number in range(arguments.requests)
            ]
            print(f'| {key} | s | signatures a second | of one session | client CPU ms each |')
            print('|---|---|---|---|---|')
            rounds = [
                [measure(wanted, login, csrs, renews) for _, login, renews in ways]
                for _ in range(arguments.rounds)
            ]  # in turn, so that what else the machine does hits all of them
            first = 0.0
            for (title, _, _), times in zip(ways, zip(*rounds, strict=True), strict=True):
                taken = statistics.median(wall for wall, _ in times)
                busy = statistics.median(cpu for _, cpu in times) / len(csrs) * 1000
                first = first or taken
                rate = len(csrs) / taken
                print(f'| {title} | {taken:.2f} | {rate:.0f} | {taken / first:.2f} | {busy:.1f} |')
            print()


def prepare(server: openbao.OpenBao) -> tuple[options.Options, dict[str, str]]:
    """Set up a mount with a root; gives the options and the credentials of the charm."""
    config = {
        'vault-address': server.address,
        'vault-ca-certificates': server.certificate,
        'ca-type': 'root',
    }
    wanted = options.parse(config, no_secret, {})
    mount = desk.mount(wanted, Login('token', 'token', '', {'token': server.root_token}))
    made = authorize.authorize(mount, desk.policy(config, 'benchmark'), wanted.ca, 'approle')
    mount.connection.close()
    return wanted, made


def no_secret(_option: str, _identifier: str) -> dict[str, str]:
    """There is none."""
    return {}


def measure(
    wanted: options.Options, login: Login, csrs: list[x509.SigningRequest], renews: bool
) -> tuple[float, float]:
    """Seconds for all requests, and of this process's CPU, by a CA that is there.

    With a new session for each if asked.
    """
    issuer = Vault(wanted, desk.mount(wanted, login), upkeep(wanted, login), now)
    issuer.upkeep.run()
    close: Callable[[], None] = issuer.mount.connection.close
    start, start_cpu = time.monotonic(), time.process_time()
    for csr in csrs:
        outcome = issuer.issue(Request(csr, is_ca=False, requirer='bench/0'), timeout=MINUTE)
        if not isinstance(outcome, Issued):
            raise RuntimeError(str(outcome))
        if renews:
            close()
    taken, busy = time.monotonic() - start, time.process_time() - start_cpu
    close()
    issuer.upkeep.mount.connection.close()
    return taken, busy


def upkeep(wanted: options.Options, login: Login) -> Upkeep:
    """Finds the root in the mount, or makes it."""
    mount = desk.mount(wanted, login)
    published = Published(lambda: 0, tuple)
    return Upkeep(Lineage(wanted, mount, authority.State(), now(), published, NoParent()))


class NoParent:
    """A root needs none."""

    def is_there(self) -> bool:
        """It is not."""
        return False

    def held(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def sync(self) -> None:
        """Nothing is there."""

    def answer(self, csr: str) -> Answer:
        """Nothing comes back."""
        del csr
        return Answer()

    def ask(self, csr: str) -> Answer:
        """Nothing comes back."""
        del csr
        return Answer()


def now() -> datetime.datetime:
    """The time."""
    return datetime.datetime.now(datetime.timezone.utc)


if __name__ == '__main__':
    main()
