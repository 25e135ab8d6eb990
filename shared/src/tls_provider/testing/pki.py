"""Keys, signing requests and authorities for tests: real ones, each key made once in a process.

An `Authority` follows the certificate profile that strict verifiers accept. What a test wants to
be odd about a certificate is an argument of its own.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import ipaddress
import warnings
from typing import TYPE_CHECKING

from cryptography import x509 as c509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from tls_provider import x509
from tls_provider.testing import _profile

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

    from tls_provider.testing._profile import Extension

AnyName = str | x509.Name | c509.GeneralName
"""A subject alternative name; a text is an IP address where it has the form of one, and else a DNS
name, whatever it holds."""

START = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
"""Where the life of an authority starts unless a test says otherwise."""
LIFE = datetime.timedelta(days=20_000)
"""How long it lasts: what a test takes for the present is within it."""

_KEYS: dict[str, Callable[[], CertificateIssuerPrivateKeyTypes]] = {
    'rsa-1024': lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505 : to be refused
    'rsa-2048': lambda: rsa.generate_private_key(65537, 2048),
    'rsa-3072': lambda: rsa.generate_private_key(65537, 3072),
    'rsa-4096': lambda: rsa.generate_private_key(65537, 4096),
    'ecdsa-p256': lambda: ec.generate_private_key(ec.SECP256R1()),
    'ecdsa-p384': lambda: ec.generate_private_key(ec.SECP384R1()),
    'ecdsa-p521': lambda: ec.generate_private_key(ec.SECP521R1()),
    'ed25519': ed25519.Ed25519PrivateKey.generate,
    'secp256k1': lambda: ec.generate_private_key(ec.SECP256K1()),
    'dsa': lambda: dsa.generate_private_key(2048),
}
_SHORT = {
    'rsa': 'rsa-2048',
    'p256': 'ecdsa-p256',
    'p384': 'ecdsa-p384',
    'p521': 'ecdsa-p521',
    'k256': 'secp256k1',
}
_DIGESTS: dict[str, _profile.Hash | None] = {
    'sha224': hashes.SHA224(),
    'sha256': hashes.SHA256(),
    'sha384': hashes.SHA384(),
    'sha512': hashes.SHA512(),
    'none': None,
}
_GENERAL_NAMES: dict[x509.NameKind, Callable[[str], c509.GeneralName]] = {
    x509.NameKind.DNS: c509.DNSName,
    x509.NameKind.IP: lambda value: c509.IPAddress(ipaddress.ip_address(value)),
    x509.NameKind.EMAIL: c509.RFC822Name,
    x509.NameKind.URI: c509.UniformResourceIdentifier,
    x509.NameKind.REGISTERED_ID: lambda value: c509.RegisteredID(c509.ObjectIdentifier(value)),
}


def private_key(name: str) -> CertificateIssuerPrivateKeyTypes:
    """The private key of a name, the same one every time.

    Args:
        name: `rsa-2048`, `-3072`, `-4096`, `ecdsa-p256`, `-p384`, `-p521`, `ed25519`, `secp256k1`
            or `dsa`; for short `rsa`, `p256`, `p384`, `p521` or `k256`. After a slash follows any
            text that tells one key of a kind from another: `p256/second`.

    """
    kind, _, variant = name.partition('/')
    return _key(_SHORT.get(kind, kind), variant)


def private_key_pem(name: str) -> str:
    """PEM text (PKCS 8, not encrypted) of the private key of a name."""
    data = private_key(name).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return data.decode()


@functools.cache
def request(
    *names: AnyName,
    common_name: str = '',
    subject: c509.Name | None = None,
    key: str = 'ecdsa-p256',
    digest: str = '',
    extensions: tuple[Extension, ...] = (),
    attributes: tuple[tuple[c509.ObjectIdentifier, bytes], ...] = (),
) -> str:
    """PEM text of a signing request; equal arguments give the equal text.

    Args:
        names: Subject alternative names.
        common_name: The only part of the subject; empty: the subject is empty.
        subject: The subject instead.
        key: The name of its `private_key`.
        digest: `sha224`, `sha256`, `sha384`, `sha512` or `none`; empty: the one that fits the key.
        extensions: Further ones that are asked for.
        attributes: Beside the extensions, such as a challenge password.

    """
    builder = c509.CertificateSigningRequestBuilder().subject_name(
        _named(common_name) if subject is None else subject
    )
    if names:
        general = [general_name(name) for name in names]
        builder = builder.add_extension(c509.SubjectAlternativeName(general), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    for identifier, value in attributes:
        builder = builder.add_attribute(identifier, value)
    private = private_key(key)
    csr = builder.sign(private, _DIGESTS[digest] if digest else _profile.digest(private))
    return csr.public_bytes(serialization.Encoding.PEM).decode().strip()


def general_name(name: AnyName) -> c509.GeneralName:
    """A name as it stands in a certificate; its syntax is not checked."""
    if isinstance(name, x509.Name):
        return _GENERAL_NAMES[name.kind](name.value)
    if not isinstance(name, str):
        return name
    try:
        return c509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return c509.DNSName(name)


@dataclasses.dataclass(frozen=True)
class Authority:
    """A CA that signs: a root, or an intermediate below another authority."""

    key: CertificateIssuerPrivateKeyTypes = dataclasses.field(repr=False)
    certificate: x509.Certificate
    parent: Authority | None = None

    @classmethod
    def root(
        cls,
        name: str = 'root',
        *,
        key: str = 'ecdsa-p256',
        subject: c509.Name | None = None,
        start: datetime.datetime = START,
        life: datetime.timedelta = LIFE,
        extensions: Iterable[Extension] = (),
        without: Collection[type[c509.ExtensionType]] = (),
    ) -> Authority:
        """An authority that signed itself.

        Args:
            name: Its common name. Two of one name and kind of key have the same key: the second is
                the first one renewed.
            key: The name of its key, without the part that `name` adds.
            subject: Its subject instead of the common name.
            start: The first second of its life.
            life: It ends a second before this is over.
            extensions: Instead of those of the profile where they are of a kind, or else beside.
            without: Extensions of the profile to leave out.

        """
        private = private_key(f'{key}/authority {name}')
        public = private.public_key()
        identity = _named(name) if subject is None else subject
        profile = [*_profile.identifiers(public, None), *_profile.ca_rights(None)]
        changed = _profile.changed(profile, extensions, without)
        pem = _profile.certify(
            key=public,
            subject=identity,
            issuer=identity,
            signer=private,
            extensions=changed,
            start=start,
            life=life,
        )
        return cls(private, x509.parse_certificate(pem))

    def intermediate(
        self,
        name: str = 'intermediate',
        *,
        key: str = 'ecdsa-p256',
        path_length: int | None = 0,
        start: datetime.datetime = START,
        life: datetime.timedelta = LIFE,
        extensions: Iterable[Extension] = (),
    ) -> Authority:
        """An authority below this one.

        Args:
            name: As for a root.
            key: As for a root.
            path_length: How many authorities there may be in a row below it.
            start: As for a root.
            life: As for a root.
            extensions: Beside those of the profile.

        """
        full = f'{key}/authority {name}'
        csr = x509.parse_request(request(common_name=name, key=full))
        constraints = (c509.BasicConstraints(ca=True, path_length=path_length), True)
        certificate = self.sign(
            csr, is_ca=True, start=start, life=life, extensions=[constraints, *extensions]
        )
        return Authority(private_key(full), certificate, self)

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """From its own certificate to that of the root."""
        return (self.certificate, *(self.parent.chain if self.parent else ()))

    @property
    def anchor(self) -> x509.Certificate:
        """The certificate of the root."""
        return self.chain[-1]

    def sign(
        self,
        request: x509.SigningRequest,
        *,
        start: datetime.datetime,
        life: datetime.timedelta = datetime.timedelta(days=90),
        is_ca: bool = False,
        names: Iterable[AnyName] | None = None,
        key: str | None = None,
        extensions: Iterable[Extension] = (),
        without: Collection[type[c509.ExtensionType]] = (),
    ) -> x509.Certificate:
        """A certificate for a request: key, subject and names from it, the rest from the profile.

        Args:
            request: Its rules are not checked.
            start: The first second of its life.
            life: As for a root, even if the authority ends earlier.
            is_ca: An authority that may sign no other one instead of a TLS server and client.
            names: These instead of the names of the request; a CA has none otherwise.
            key: The name of a key that is certified instead of that of the request.
            extensions: Instead of those of the profile where they are of a kind, or else beside.
            without: Extensions of the profile to leave out.

        """
        csr = c509.load_der_x509_csr(request.der)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # about lengths, which are the test's own affair
            subject = csr.subject
        public = csr.public_key() if key is None else private_key(key).public_key()
        issuer = c509.load_der_x509_certificate(self.certificate.der)
        if names is None:
            names = () if is_ca else request.names
        general = [general_name(name) for name in names]
        profile = [
            *_profile.identifiers(public, issuer),
            *(_profile.ca_rights(0) if is_ca else _profile.leaf_rights(public)),
        ]
        if general:
            critical = not list(subject)  # RFC 5280, 4.1.2.6
            profile.append((c509.SubjectAlternativeName(general), critical))
        changed = _profile.changed(profile, extensions, without)
        pem = _profile.certify(
            key=public,
            subject=subject,
            issuer=issuer.subject,
            signer=self.key,
            extensions=changed,
            start=start,
            life=life,
        )
        return x509.parse_certificate(pem)


@functools.cache
def _key(kind: str, variant: str) -> CertificateIssuerPrivateKeyTypes:
    del variant  # it tells keys apart in the cache
    return _KEYS[kind]()


def _named(common_name: str) -> c509.Name:
    part = c509.NameAttribute
    return c509.Name([part(c509.NameOID.COMMON_NAME, common_name)] if common_name else [])
