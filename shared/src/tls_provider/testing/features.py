"""What requests may ask of a provider, and the requests of the conformance kit's issue matrix.

A case names the features that it needs. A provider declares those that it lacks, with the code of
the refusal that a requirer then gets: no feature goes untested.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING

from cryptography import x509 as c509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tls_provider.testing import _profile, pki

if TYPE_CHECKING:
    from tls_provider.testing._profile import Extension
    from tls_provider.testing.pki import AnyName


class Feature(str, enum.Enum):
    """Something that a provider certifies or refuses."""

    ONLY_SAN = 'empty subject'
    CN_ONLY = 'common name without alternative names'
    FREE_COMMON_NAME = 'common name that is no alternative name'
    LITERAL_SUBJECT = 'subject as it was asked for'
    IP_SANS = 'IP addresses'
    WILDCARDS = 'wildcards'
    EMAIL_SANS = 'e-mail addresses'
    URI_SANS = 'URIs'
    REGISTERED_ID_SANS = 'registered IDs'
    OTHER_NAME_SANS = 'other names'
    RSA = 'RSA keys'
    ECDSA_P256 = 'ECDSA P-256 keys'
    ECDSA_P384 = 'ECDSA P-384 keys'
    ECDSA_P521 = 'ECDSA P-521 keys'
    ED25519 = 'Ed25519 keys'
    LONG_LABEL = 'labels of 63 characters'
    LONG_NAME = 'names of 253 characters'
    MANY_NAMES = '100 names'
    PRIVATE_NAMES = 'private names'
    ISSUE_CA = 'CA certificates'


class Promise(str, enum.Enum):
    """Something else that a provider is shown to do."""

    UPGRADE = "state of Canonical's charm of the same name"


@dataclasses.dataclass(frozen=True)
class Case:
    """One request of the issue matrix."""

    name: str
    names: tuple[AnyName, ...] = ()
    needs: frozenset[Feature] = frozenset()
    common_name: str = ''
    subject: c509.Name | None = None
    extensions: tuple[Extension, ...] = ()
    is_ca: bool = False

    def request(self, key: str) -> str:
        """PEM text of the request with the key of a name."""
        return pki.request(
            *self.names,
            common_name=self.common_name,
            subject=self.subject,
            key=key,
            extensions=self.extensions,
        )


KEYS = {
    'rsa-2048': Feature.RSA,
    'rsa-3072': Feature.RSA,
    'rsa-4096': Feature.RSA,
    'ecdsa-p256': Feature.ECDSA_P256,
    'ecdsa-p384': Feature.ECDSA_P384,
    'ecdsa-p521': Feature.ECDSA_P521,
    'ed25519': Feature.ED25519,
}
"""Kinds of keys and the feature that each needs."""

_NAME = c509.NameOID
_LONG = '.'.join(['a' * 63] * 3 + ['b' * 61])
_UNIQUE = '0f8d7f3e-55c3-4f0b-9d7e-5a3f1f1f2b6c'


def _subject(*parts: tuple[c509.ObjectIdentifier, str]) -> c509.Name:
    return c509.Name([c509.NameAttribute(*part) for part in parts])


def _case(
    name: str,
    *names: AnyName,
    needs: tuple[Feature, ...] = (),
    common_name: str = '',
    subject: c509.Name | None = None,
    extensions: tuple[Extension, ...] = (),
    is_ca: bool = False,
) -> Case:
    return Case(name, names, frozenset(needs), common_name, subject, extensions, is_ca)


_F = Feature
_EMAIL = c509.RFC822Name('admin@a.example')
_URI = c509.UniformResourceIdentifier('spiffe://a.example/web')
_REGISTERED = c509.RegisteredID(c509.ObjectIdentifier('1.3.6.1.4.1.99999.1'))
_OTHER = c509.OtherName(c509.ObjectIdentifier('1.3.6.1.4.1.311.20.2.3'), b'\x0c\x01a')
_USAGE = _profile.usage('digital_signature', 'content_commitment', 'key_cert_sign', 'crl_sign')
_CRL = c509.DistributionPoint(
    [c509.UniformResourceIdentifier('http://evil.example/crl')], None, None, None
)
_RIGHTS: tuple[Extension, ...] = (
    (c509.BasicConstraints(ca=True, path_length=None), True),
    (_USAGE, True),
    (c509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), True),
    (c509.NameConstraints([c509.DNSName('a.example')], None), True),
    (c509.CRLDistributionPoints([_CRL]), False),
)
_UNKNOWN: tuple[Extension, ...] = (
    (c509.UnrecognizedExtension(c509.ObjectIdentifier('1.3.6.1.4.1.99999.2'), b'\x05\x00'), True),
    (c509.UnrecognizedExtension(c509.ObjectIdentifier('1.3.6.1.4.1.99999.3'), b'\x05\x00'), False),
)

CASES = (
    _case('one name, empty subject', 'a.example', needs=(_F.ONLY_SAN,)),
    _case('common name is the name', 'a.example', common_name='a.example'),
    _case('common name alone', needs=(_F.CN_ONLY,), common_name='a.example'),
    _case(
        'IP address as common name alone',
        needs=(_F.CN_ONLY, _F.IP_SANS),
        common_name='10.1.2.3',
    ),
    _case(
        'another common name',
        'a.example',
        needs=(_F.FREE_COMMON_NAME,),
        common_name='b.example',
    ),
    _case(
        'free text as common name',
        'a.example',
        needs=(_F.FREE_COMMON_NAME,),
        common_name='My Service',
    ),
    _case('two names, one of them common name', 'a.example', 'b.example', common_name='a.example'),
    _case(
        'full subject',
        'a.example',
        needs=(_F.LITERAL_SUBJECT,),
        subject=_subject(
            (_NAME.COUNTRY_NAME, 'DE'),
            (_NAME.STATE_OR_PROVINCE_NAME, 'Berlin'),
            (_NAME.LOCALITY_NAME, 'Berlin'),
            (_NAME.ORGANIZATION_NAME, 'Example'),
            (_NAME.ORGANIZATIONAL_UNIT_NAME, 'One'),
            (_NAME.ORGANIZATIONAL_UNIT_NAME, 'Two'),
            (_NAME.COMMON_NAME, 'a.example'),
        ),
    ),
    _case(
        'unique identifier in the subject',
        'a.example',
        subject=_subject(
            (_NAME.COMMON_NAME, 'a.example'), (_NAME.X500_UNIQUE_IDENTIFIER, _UNIQUE)
        ),
    ),
    _case('IPv4 alone', '10.0.0.1', needs=(_F.IP_SANS, _F.ONLY_SAN)),
    _case('IPv6 alone', '2001:db8::1', needs=(_F.IP_SANS, _F.ONLY_SAN)),
    _case('name and addresses', 'a.example', '10.0.0.1', '::1', needs=(_F.IP_SANS,)),
    _case(
        'common name and address',
        '10.0.0.1',
        needs=(_F.IP_SANS, _F.FREE_COMMON_NAME),
        common_name='a',
    ),
    _case('wildcard', '*.a.example', needs=(_F.WILDCARDS,)),
    _case('wildcard and apex', '*.a.example', 'a.example', needs=(_F.WILDCARDS,)),
    _case('e-mail address', 'a.example', _EMAIL, needs=(_F.EMAIL_SANS,)),
    _case('URI', 'a.example', _URI, needs=(_F.URI_SANS,)),
    _case('URI alone', _URI, needs=(_F.URI_SANS, _F.ONLY_SAN)),
    _case('registered ID', 'a.example', _REGISTERED, needs=(_F.REGISTERED_ID_SANS,)),
    _case('other name', 'a.example', _OTHER, needs=(_F.OTHER_NAME_SANS,)),
    _case('label of 63 characters', f'{"a" * 63}.example', needs=(_F.LONG_LABEL,)),
    _case('name of 253 characters', _LONG, needs=(_F.LONG_LABEL, _F.LONG_NAME)),
    _case('internationalised name', 'xn--bcher-kva.example'),
    _case('100 names', *(f'n{n}.example' for n in range(100)), needs=(_F.MANY_NAMES,)),
    _case('single label', 'postgres', needs=(_F.PRIVATE_NAMES,)),
    _case('cluster name', 'db.default.svc', needs=(_F.PRIVATE_NAMES,)),
    _case('duplicate names', 'a.example', 'A.example', 'a.example'),
    _case('CA certificate', needs=(_F.ISSUE_CA,), common_name='Sub CA', is_ca=True),
    _case('rights beyond those of a leaf', 'a.example', extensions=_RIGHTS),
    _case('unknown extensions', 'a.example', extensions=_UNKNOWN),
)
"""The issue matrix; each case is asked for with each kind of key."""
