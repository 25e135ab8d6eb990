"""Six verifiers of certificates: what clients of every kind make of a certificate and its chain.

OpenSSL, GnuTLS and NSS through their programs; cryptography; Python's ssl and rustls by a
handshake in memory, the former with both sides proving themselves. Each judges by the present time
and raises `Refused` with its own words. A program that is missing is an error of another kind.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import pathlib
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Callable, Generator, Iterable
from typing import Any

import rtls
from cryptography import x509 as c509
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from tls_provider import x509
from tls_provider.testing import pki
from tls_provider.x509 import NameKind

_PATIENCE = 60
"""Seconds for a program that answers within one."""


class Refused(AssertionError):
    """A verifier does not accept a certificate; the message has its words."""


@dataclasses.dataclass(frozen=True)
class Presented:
    """What a server shows and proves, and what its client trusts; PEM texts."""

    chain: tuple[str, ...]
    """The leaf, its issuer and so on, without the root."""
    root: str
    private_key: str = dataclasses.field(repr=False)
    host: str = ''
    """The DNS name or IP address that the client looks for; empty: it looks for none."""

    @property
    def is_ip(self) -> bool:
        """The host is an IP address."""
        return bool(self.host) and (':' in self.host or self.host.rpartition('.')[2].isdigit())


def host_of(leaf: x509.Certificate) -> str:
    """A name that a certificate is good for; empty where it names no host."""
    for name in leaf.names:
        if name.kind in {NameKind.DNS, NameKind.IP}:
            return name.value.replace('*', 'www')
    return ''


def openssl(presented: Presented, purposes: Iterable[str] = ('sslserver', 'sslclient')) -> None:
    """As server and as client, strictly by RFC 5280."""
    with _files(presented) as folder:
        for purpose in purposes:
            host = ['-verify_ip' if presented.is_ip else '-verify_hostname', presented.host]
            output = _run(
                'openssl', 'verify', '-x509_strict', '-purpose', purpose,
                *(host if presented.host else []), '-no-CApath', '-no-CAstore',
                '-CAfile', folder / 'root', '-untrusted', folder / 'chain', folder / 'leaf',
            )  # fmt: skip
            if not output.strip().endswith('leaf: OK'):
                raise Refused(output)


def openssl_with_crl(presented: Presented, crl: str) -> None:
    """Not revoked by a list of the root, PEM text."""
    with _files(presented) as folder:
        (folder / 'crl').write_text(crl, encoding='utf-8')
        _run(
            'openssl', 'verify', '-crl_check', '-x509_strict', '-no-CApath', '-no-CAstore',
            '-CAfile', folder / 'root', '-CRLfile', folder / 'crl', folder / 'leaf',
        )  # fmt: skip


def gnutls(presented: Presented) -> None:
    """As server and as client."""
    with _files(presented) as folder:
        host = ['--verify-hostname', presented.host] if presented.host else []
        for purpose in (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH):
            output = _run(
                'certtool', '--verify', '--load-ca-certificate', folder / 'root', '--infile',
                folder / 'chain', *host, '--verify-purpose', purpose.dotted_string,
            )  # fmt: skip
            if 'Chain verification output: Verified. The certificate is trusted.' not in output:
                raise Refused(output)


def nss(presented: Presented) -> None:
    """As server and as client; it does not look at the host here."""
    with _files(presented) as folder:
        database = f'sql:{folder}'
        _run('certutil', '-N', '-d', database, '--empty-password')
        trusted = [('root', 'CT,,', folder / 'root')]
        others = [(f'link{n}', ',,', folder / f'link{n}') for n in range(len(presented.chain))]
        for name, trust, file in trusted + others:
            _run('certutil', '-A', '-d', database, '-n', name, '-t', trust, '-a', '-i', file)
        for usage in ('V', 'C'):
            output = _run('certutil', '-V', '-n', 'link0', '-u', usage, '-e', '-d', database)
            if 'certificate is valid' not in output:
                raise Refused(output)


def cryptography(presented: Presented) -> None:
    """As server for the host, if one is given, and as client; hosts have no underscores here."""
    load = c509.load_pem_x509_certificate
    leaf, *intermediates = [load(pem.encode()) for pem in presented.chain]
    store = verification.Store([load(presented.root.encode())])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = verification.PolicyBuilder().store(store).time(now)
    try:
        if presented.host:
            subject = _subject(presented)
            builder.build_server_verifier(subject).verify(leaf, intermediates)
        builder.build_client_verifier().verify(leaf, intermediates)
    except (verification.VerificationError, ValueError) as error:
        raise Refused(str(error)) from error


def _subject(presented: Presented) -> c509.DNSName | c509.IPAddress:
    name = pki.general_name(presented.host)
    assert isinstance(name, c509.DNSName | c509.IPAddress)
    return name


def python_ssl(presented: Presented) -> None:
    """By a handshake in which the client shows the same certificate."""
    with _files(presented) as folder:
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        for context in (client, server):
            context.load_verify_locations(cafile=str(folder / 'root'))
            context.load_cert_chain(folder / 'chain', folder / 'key')
            context.verify_flags |= ssl.VERIFY_X509_STRICT
        client.check_hostname = bool(presented.host)
        server.verify_mode = ssl.CERT_REQUIRED
        _shake_hands(client, server, ssl, presented.host)


def rustls(presented: Presented) -> None:
    """As server only, by a handshake: servers of its Python package ask no client to prove itself.

    It always looks for a host.
    """
    with _files(presented) as folder:
        client = rtls.SSLContext(rtls.PROTOCOL_TLS_CLIENT)
        client.load_verify_locations(cafile=str(folder / 'root'))
        client.check_hostname = bool(presented.host)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(folder / 'chain', folder / 'key')
        _shake_hands(client, server, rtls, presented.host)


VERIFIERS: dict[str, Callable[[Presented], None]] = {
    'OpenSSL': openssl,
    'GnuTLS': gnutls,
    'NSS': nss,
    'cryptography': cryptography,
    'Python ssl': python_ssl,
    'rustls': rustls,
}


def _shake_hands(client: Any, server: ssl.SSLContext, kind: Any, host: str) -> None:
    """Pass messages between both sides in memory until both are content."""
    to_server, to_client = ssl.MemoryBIO(), kind.MemoryBIO()
    from_client, from_server = kind.MemoryBIO(), ssl.MemoryBIO()
    mine = client.wrap_bio(to_client, from_client, server_hostname=host or None)
    theirs = server.wrap_bio(to_server, from_server, server_side=True)
    wanting = (ssl.SSLWantReadError, kind.SSLWantReadError)
    waiting = {'client': mine, 'server': theirs}
    for _ in range(20):
        for name, side in list(waiting.items()):
            try:
                side.do_handshake()
                del waiting[name]
            except wanting:
                pass
            except (ssl.SSLError, kind.SSLError) as error:
                raise Refused(f'{name}: {error}') from error
            to_server.write(from_client.read())
            to_client.write(from_server.read())
        if not waiting:
            break
    assert not waiting, 'the handshake does not end'
    # What the server says of a client's certificate comes after the client's part is done.
    theirs.write(b'served')
    to_client.write(from_server.read())
    assert mine.read(6) == b'served'


@contextlib.contextmanager
def _files(presented: Presented) -> Generator[pathlib.Path]:
    """A private folder with what programs read."""
    with tempfile.TemporaryDirectory(prefix='verify-') as name:
        folder = pathlib.Path(name)
        texts = {
            'root': presented.root,
            'chain': '\n'.join(presented.chain),
            'leaf': presented.chain[0],
            'key': presented.private_key,
        }
        texts |= {f'link{number}': pem for number, pem in enumerate(presented.chain)}
        for file, text in texts.items():
            (folder / file).write_text(f'{text.strip()}\n', encoding='utf-8')
        yield folder


def _run(*command: str | pathlib.Path) -> str:
    """The output of a program; what it says when it fails is in the error."""
    program = str(command[0])
    path = shutil.which(program)
    assert path, f'{program} is not installed, and no verdict is without it'
    done = subprocess.run(
        [path, *(str(part) for part in command[1:])],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=_PATIENCE,
    )
    if done.returncode:
        raise Refused(f'{program}: {done.stdout}{done.stderr}')
    return done.stdout
