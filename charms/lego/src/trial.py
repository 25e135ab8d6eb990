"""A trial order: shows whether credentials, zone, propagation and server work together.

On a server for trials, so that no limit of the production server is touched and nothing that is
trusted comes into being. The key, the account and the certificate are thrown away.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from cryptography import x509 as c509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import authorities
import names
from answer import Judge
from clock import now
from duplicates import History
from lego import Lego
from options import Options, acme_server
from runs import Runs
from tls_provider import policy, x509
from tls_provider.issuer import Issued, Request, Unavailable
from tls_provider.options import Invalid

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable

    from authority_roots import Roots
    from journal import Journal


class Failed(Exception):
    """No certificate came; the message says why."""


def adapted(options: Options, wanted: str) -> Options:
    """The options with a server for trials; raises `Invalid` where there is none.

    Args:
        options: Of the charm.
        wanted: The directory that the operator asks for; empty: none.

    """
    known = authorities.public(options.server)
    server = acme_server({'server': wanted}) if wanted else known.staging if known else ''
    if server and authorities.is_production(server):
        raise Invalid('server', 'is the production server, not one for trials')
    if not server:
        name = authorities.name(options.server)
        raise Invalid('server', f'no server for trials is known of {name}; give its directory')
    # An external account is of one server alone.
    own = options.external_account if server == options.server else None
    return dataclasses.replace(options, server=server, external_account=own, parallel=1)


def run(
    options: Options,
    name: str,
    binary: Callable[[], pathlib.Path],
    roots: Roots,
    journal: Journal,
) -> str:
    """Order a certificate for a name with these options; raises `Failed` where none comes.

    Args:
        options: Of the charm, with the server for trials.
        name: A DNS name, `*.` before it allowed.
        binary: As in `Lego`.
        roots: As in `Lego`.
        journal: Of trials alone; nothing stays in it.

    Returns:
        What came, from where.

    """
    start = now()
    if not x509.is_host_name(name.removeprefix('*.')):
        raise Failed(f'"{x509.printable(name)}" is no DNS name')
    request = Request(x509.parse_request(_request(name)), is_ca=False, requirer='trial')
    issuer = Lego(Runs(options, binary, None), journal, roots, History())
    every = (*policy.rules(issuer.capabilities), *names.rules(options))
    if refused := policy.judge(request, every):
        raise Failed(refused.message)
    outcome = issuer.issue(request, timeout=options.order_timeout)
    for brought in journal.find(request.csr.pem):
        journal.drop(brought.certificate.hex_serial)
    seconds = (now() - start).total_seconds()
    where = authorities.name(options.server)
    if isinstance(outcome, Issued):
        return f'{name}: a certificate came from {where} in {seconds:.0f} s'
    if isinstance(outcome, Unavailable) and outcome.message.startswith(Judge.UNKNOWN_ROOT):
        # Nobody gives the root of a server for trials.
        return f'{name}: a certificate came from {where} in {seconds:.0f} s; unknown root'
    raise Failed(outcome.message)


def _request(name: str) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    names = c509.SubjectAlternativeName([c509.DNSName(name)])
    builder = c509.CertificateSigningRequestBuilder(c509.Name([])).add_extension(
        names, critical=True
    )
    signed = builder.sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()
