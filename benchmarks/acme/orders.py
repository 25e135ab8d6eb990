"""How much time orders save that run at once: 12 orders, one at a time and several.

Each by the real lego, a real ACME server that validates by a real name server. The server's answer
to the first question whether a name is proved is a matter of luck, and a wrong guess costs five
seconds: the figures vary, their ratio much less. Nothing is asserted on time.
"""

from __future__ import annotations

import argparse
import datetime
import pathlib
import shutil
import tempfile
import time
from concurrent import futures

from authority_roots import Roots
from backends import acme, dns
from duplicates import History
from journal import Journal
from lego import Lego
from options import Options
from runs import Runs
from tls_provider import x509
from tls_provider.issuer import Issued, Request
from tls_provider.testing import pki

MINUTE = datetime.timedelta(minutes=1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--orders', type=int, default=12)
    parser.add_argument('--parallel', default='1,4', help='orders at one time; the first is 1.00')
    arguments = parser.parse_args()
    binary = shutil.which('lego')
    if binary is None:
        parser.error('lego is not installed')
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for part in ('dns', 'acme'):
            (folder / part).mkdir()
        with (
            dns.name_server(folder / 'dns') as names,
            acme.acme_server(folder / 'acme', names.address) as server,
        ):
            options = Options(
                'operator@example.test',
                server.directory,
                'rfc2136',
                names.variables(),
                acme_roots=(server.certificate,),
                issuer_roots=(server.root(),),
                propagation_wait=1,
                nameservers=(names.address,),
            )
            print('| at one time | orders | s | of one at a time |')
            print('|---|---|---|---|')
            first = 0.0
            for parallel in map(int, arguments.parallel.split(',')):
                taken = measure(
                    options,
                    pathlib.Path(binary),
                    folder / str(parallel),
                    parallel,
                    arguments.orders,
                )
                first = first or taken
                print(f'| {parallel} | {arguments.orders} | {taken:.1f} | {taken / first:.2f} |')


def measure(
    options: Options, binary: pathlib.Path, folder: pathlib.Path, parallel: int, count: int
) -> float:
    """Seconds for so many orders, so many of them at once, by an account that is there."""
    roots = Roots(options.issuer_roots, tuple, tuple)
    issuer = Lego(Runs(options, lambda: binary, None), Journal(folder), roots, History())

    def order(name: str) -> None:
        csr = x509.parse_request(pki.request(name, key='ecdsa-p256'))
        outcome = issuer.issue(Request(csr, is_ca=False, requirer='bench/0'), timeout=MINUTE)
        if not isinstance(outcome, Issued):
            raise RuntimeError(f'{name}: {outcome}')

    order(f'first-{parallel}.example.test')
    start = time.monotonic()
    with futures.ThreadPoolExecutor(parallel) as pool:
        list(pool.map(order, [f'p{parallel}-{number}.example.test' for number in range(count)]))
    return time.monotonic() - start


if __name__ == '__main__':
    main()
