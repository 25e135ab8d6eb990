"""Databags that no honest requirer writes, and what has to come of each."""

from __future__ import annotations

import base64
import dataclasses
import json
import warnings
from typing import TYPE_CHECKING

from cryptography import x509 as c509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import AttributeOID

from tls_provider import wire
from tls_provider.testing import pki, requirers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_KEY = 'certificate_signing_requests'
ISSUED = 0
NAMED = -1
"""No answer, for no requirer could load one: log and status name the databag."""
SILENT = -2
"""No answer, and nothing to say."""


@dataclasses.dataclass(frozen=True)
class Attack:
    """One databag."""

    name: str
    bag: Callable[[], Mapping[str, str]]
    outcome: int
    """A code, `ISSUED`, `NAMED` or `SILENT`."""


def _raw(text: str) -> Callable[[], Mapping[str, str]]:
    return lambda: {**requirers.SEEDED, _KEY: text}


def _item(**fields: object) -> Callable[[], Mapping[str, str]]:
    return _raw(json.dumps([fields]))


def _csr(text: str) -> Callable[[], Mapping[str, str]]:
    return _item(certificate_signing_request=text, ca=False)


def _request(*names: pki.AnyName, **more: object) -> Callable[[], Mapping[str, str]]:
    return lambda: requirers.bag(pki.request(*names, **more))


def _der(change: Callable[[bytes], bytes]) -> Callable[[], Mapping[str, str]]:
    """An honest request with changed DER."""

    def bag() -> Mapping[str, str]:
        csr = c509.load_pem_x509_csr(pki.request('a.example', common_name='a').encode())
        return requirers.bag(pem(change(csr.public_bytes(serialization.Encoding.DER))))

    return bag


def pem(der: bytes, label: str = 'CERTIFICATE REQUEST') -> str:
    """PEM text of a label."""
    body = base64.encodebytes(der).decode()
    return f'-----BEGIN {label}-----\n{body}-----END {label}-----'


def _flipped(der: bytes) -> bytes:
    """With another common name, so that the signature does not fit."""
    return der.replace(b'\x0c\x01a', b'\x0c\x01b')


def _twice(der: bytes) -> bytes:
    return der.replace(bytes.fromhex('2a0306'), bytes.fromhex('2a0305'))


def _duplicate_extension() -> Mapping[str, str]:
    oids = [c509.ObjectIdentifier(oid) for oid in ('1.2.3.5', '1.2.3.6')]
    extensions = tuple((c509.UnrecognizedExtension(oid, b'\x05\x00'), False) for oid in oids)
    csr = c509.load_pem_x509_csr(pki.request('a.example', extensions=extensions).encode())
    return requirers.bag(pem(_twice(csr.public_bytes(serialization.Encoding.DER))))


def _secret_password() -> Mapping[str, str]:
    attribute = (AttributeOID.CHALLENGE_PASSWORD, b'PRIVATE KEY of a sort')
    return requirers.bag(pki.request('a.example', attributes=(attribute,)))


def _with_private_key() -> Mapping[str, str]:
    return requirers.bag(f'{pki.private_key_pem("ecdsa-p256/lost")}{pki.request("a.example")}')


def _with_damaged_private_key() -> Mapping[str, str]:
    key = pki.private_key_pem('ecdsa-p256/lost').replace('-----BEGIN', '----BEGIN')
    return requirers.bag(f'{key}{pki.request("a.example")}')


def _two_requests() -> Mapping[str, str]:
    return requirers.bag(f'{pki.request("a.example")}\n{pki.request("b.example")}')


def _both_kinds() -> Mapping[str, str]:
    csr = pki.request('a.example')
    items = [{'certificate_signing_request': csr, 'ca': is_ca} for is_ca in (True, False)]
    return {_KEY: json.dumps(items)}


def _long_common_name() -> Mapping[str, str]:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # about the length
        part = c509.NameAttribute(c509.NameOID.COMMON_NAME, 'a' * 65, _validate=False)
        return requirers.bag(pki.request('a.example', subject=c509.Name([part])))


_HUGE = 'a.example' * (wire.MAX_REQUEST // 9 + 1)
_PEM = pki.request('a.example', common_name='a.example')

ATTACKS = (
    Attack('not JSON', _raw('junk'), NAMED),
    Attack('empty text', _raw(''), NAMED),
    Attack('another JSON type', _raw('{}'), NAMED),
    Attack('null', _raw('null'), NAMED),
    Attack('nested too deep', _raw('[' * 100_000), NAMED),
    Attack('number out of range', _raw(f'[{"9" * 5000}]'), NAMED),
    Attack('value over the limit', _raw(json.dumps(['x' * wire.MAX_VALUE])), NAMED),
    Attack('byte order mark', _raw('\ufeff[]'), NAMED),
    Attack('no requests', _raw('[]'), SILENT),
    Attack('entry of another type', _raw('[1, null, "x", []]'), NAMED),
    Attack('no request in an entry', _item(ca=False), NAMED),
    Attack('request of another type', _item(certificate_signing_request=1), NAMED),
    Attack('ca of another type', _item(certificate_signing_request=_PEM, ca='no'), NAMED),
    Attack('ca is null', _item(certificate_signing_request=_PEM, ca=None), ISSUED),
    Attack('unknown fields', _item(certificate_signing_request=_PEM, ca=False, x=[1]), ISSUED),
    Attack('the retired protocol', lambda: requirers.retired_bag('kafka/0'), NAMED),
    Attack('the same request twice', lambda: requirers.bag(_PEM, _PEM), ISSUED),
    Attack('as leaf and as CA', _both_kinds, ISSUED),
    Attack('empty request', _csr(''), NAMED),
    Attack('blank request', _csr(' \n'), NAMED),
    Attack('lone surrogate', _csr('\ud800'), NAMED),
    Attack('no PEM', _csr('junk'), NAMED),
    Attack('broken base64', _csr(_PEM.replace('\nMI', '\n!!')), NAMED),
    Attack('truncated', _csr(_PEM[: len(_PEM) // 2]), NAMED),
    Attack('private key alone', lambda: requirers.bag(pki.private_key_pem('ecdsa-p256')), NAMED),
    Attack('request over the limit', _csr(_HUGE), NAMED),
    Attack('CRLF', _csr(_PEM.replace('\n', '\r\n')), ISSUED),
    Attack('text around', _csr(f'Subject: CN=a\n{_PEM}\nbye'), ISSUED),
    Attack('older label', _csr(_PEM.replace('CERTIFICATE', 'NEW CERTIFICATE')), ISSUED),
    Attack('two requests in one text', _two_requests, 999),
    Attack('private key beside the request', _with_private_key, 999),
    Attack('damaged private key beside the request', _with_damaged_private_key, 999),
    Attack('garbage in DER', _der(lambda der: der[:-10] + b'\0' * 10), 999),
    Attack('surplus bytes', _der(lambda der: der + b'\0'), NAMED),
    Attack('truncated DER', _der(lambda der: der[:-1]), NAMED),
    Attack('signature of something else', _der(_flipped), 999),
    Attack('twice the same extension', _duplicate_extension, 999),
    Attack('weak hash', _request('a.example', digest='sha224'), 999),
    Attack('key of 1024 bits', _request('a.example', key='rsa-1024'), 999),
    Attack('curve that nobody uses', _request('a.example', key='secp256k1'), 999),
    Attack('DSA key', _request('a.example', key='dsa', digest='sha256'), 999),
    Attack('challenge password', _secret_password, ISSUED),
    Attack('no name at all', _request(), 999),
    Attack('blank in a name', _request('a b.example'), 102),
    Attack('empty name', _request(''), 102),
    Attack('label of 64 characters', _request(f'{"a" * 64}.example'), 102),
    Attack('final dot', _request('a.example.'), 102),
    Attack('URL as name', _request('https://a.example'), 102),
    Attack('port', _request('a.example:443'), 102),
    Attack('escape codes', _request('\x1b[31ma.example\n'), 102),
    Attack('IP address as DNS name', _request(c509.DNSName('10.0.0.1')), 102),
    Attack('malformed A-label', _request('xn--.example'), 102),
    Attack('wildcard in the middle', _request('a.*.example'), 103),
    Attack('wildcard of a part', _request('a*.b.example'), 103),
    Attack('wildcard for everything', _request('*'), 103),
    Attack('wildcard for a whole domain', _request('*.example'), 103),
    Attack('101 names', _request(*(f'n{n}.example' for n in range(101))), 102),
    Attack('common name that is too long', _long_common_name, 999),
    Attack('line end in the subject', _request('a.example', common_name='a\nb'), 999),
    Attack('direction mark in the subject', _request('a.example', common_name='\u202ea'), 999),
)
"""Each beside an honest requirer, who is served in the same hook."""
