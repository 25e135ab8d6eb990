"""Fixtures over `tls_provider.testing.pki`: requests and certificates at the time of the tests."""

from __future__ import annotations

import base64
import datetime
import functools
from collections.abc import Callable

import hypothesis
import pytest
from cryptography import x509 as c509
from cryptography.hazmat.primitives import serialization

from tls_provider import x509
from tls_provider.testing import pki

# The same examples in every run, and no clock: a slow machine is no defect.
hypothesis.settings.register_profile('steady', derandomize=True, database=None, deadline=None)
hypothesis.settings.load_profile('steady')

_NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)
_DAY = datetime.timedelta(days=1)
_SECOND = datetime.timedelta(seconds=1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption('--mutations', type=int, default=1000, help='databags to change and read')


@pytest.fixture(scope='session')
def mutations(request: pytest.FixtureRequest) -> int:
    """How many databags are changed and read."""
    return int(str(request.config.getoption('--mutations')))


@functools.cache
def _authority(name: str) -> pki.Authority:
    return pki.Authority.root(f'authority {name}')


def _root(by: str = 'one') -> x509.Certificate:
    return _authority(by).certificate


def _sign(
    csr: str,
    *,
    by: str = 'one',
    is_ca: bool = False,
    names: tuple[x509.Name, ...] | None = None,
    start: datetime.datetime = _NOW - _DAY,
    life: datetime.timedelta = 90 * _DAY,
    key: str | None = None,
) -> x509.Certificate:
    request = x509.parse_request(csr)
    life += _SECOND  # so that the end, which is the last second, is at `start + life`
    return _authority(by).sign(request, is_ca=is_ca, names=names, start=start, life=life, key=key)


@pytest.fixture(scope='session')
def now() -> datetime.datetime:
    """The time of the tests that are given one."""
    return _NOW


@pytest.fixture(scope='session')
def make_request() -> Callable[..., str]:
    """PEM of a signing request; names as text or as GeneralName. Equal arguments, equal text."""
    return pki.request


@pytest.fixture(scope='session')
def sign() -> Callable[..., x509.Certificate]:
    """A certificate for a request, signed by the authority of a name."""
    return _sign


@pytest.fixture(scope='session')
def root() -> Callable[..., x509.Certificate]:
    """The certificate of the authority of a name."""
    return _root


@pytest.fixture(scope='session')
def private_key() -> str:
    """PEM of a private key."""
    return pki.private_key_pem('ecdsa-p256')


@pytest.fixture(scope='session')
def duplicate_extension() -> str:
    """PEM of a request with twice the same extension, which no builder makes."""
    oids = [c509.ObjectIdentifier(oid) for oid in ('1.2.3.5', '1.2.3.6')]
    extensions = tuple((c509.UnrecognizedExtension(oid, b'\x05\x00'), False) for oid in oids)
    csr = c509.load_pem_x509_csr(pki.request('one.example', extensions=extensions).encode())
    der = csr.public_bytes(serialization.Encoding.DER)
    twice = base64.encodebytes(der.replace(b'\x2a\x03\x06', b'\x2a\x03\x05')).decode()
    return f'-----BEGIN CERTIFICATE REQUEST-----\n{twice}-----END CERTIFICATE REQUEST-----'
