"""Whether an issued certificate is what clients accept: four verifiers and a linter."""

from __future__ import annotations

import datetime
import pathlib
import subprocess
import sys

from cryptography import x509
from cryptography.x509 import verification


def assert_verifies(folder: pathlib.Path, chain: list[str], root: str, host: str) -> None:
    """Check a chain (PEM texts, leaf first, root last) against a root (PEM) for a DNS name.

    The folder is for scratch files.
    """
    assert chain[-1].strip() == root.strip()
    files = {'leaf': chain[0], 'chain': '\n'.join(chain), 'root': root}
    paths = {name: folder / f'{name}.pem' for name in files}
    for name, text in files.items():
        paths[name].write_text(f'{text.strip()}\n', encoding='utf-8')
    _assert_openssl(paths, host)
    _assert_gnutls(paths, host)
    _assert_cryptography(chain, root, host)
    _assert_lint(paths)


def _run(*command: str | pathlib.Path) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f'{command[0]}: {done.stdout}{done.stderr}'
    return done.stdout


def _assert_openssl(paths: dict[str, pathlib.Path], host: str) -> None:
    for purpose in ('sslserver', 'sslclient'):
        output = _run(
            'openssl', 'verify', '-x509_strict', '-purpose', purpose, '-verify_hostname', host,
            '-no-CApath', '-no-CAstore', '-CAfile', paths['root'], paths['leaf'],
        )  # fmt: skip
        assert output.strip().endswith('leaf.pem: OK')


def _assert_gnutls(paths: dict[str, pathlib.Path], host: str) -> None:
    output = _run(
        'certtool', '--verify', '--load-ca-certificate', paths['root'], '--infile', paths['chain'],
        '--verify-hostname', host, '--verify-purpose', '1.3.6.1.5.5.7.3.1',
    )  # fmt: skip
    assert 'Chain verification output: Verified. The certificate is trusted.' in output


def _assert_cryptography(chain: list[str], root: str, host: str) -> None:
    certificates = [x509.load_pem_x509_certificate(pem.encode()) for pem in chain]
    store = verification.Store([x509.load_pem_x509_certificate(root.encode())])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = verification.PolicyBuilder().store(store).time(now)
    verifier = builder.build_server_verifier(x509.DNSName(host))
    assert verifier.verify(certificates[0], certificates[1:])


def _assert_lint(paths: dict[str, pathlib.Path]) -> None:
    linter = pathlib.Path(sys.executable).with_name('lint_pkix_cert')
    for name in ('leaf', 'root'):
        assert not _run(linter, 'lint', '-s', 'WARNING', paths[name]).strip()
