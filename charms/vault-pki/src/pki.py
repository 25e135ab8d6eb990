"""The PKI engine at one mount: each thing that is done there, as one request."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from errors import Failure, Kind
from options import KEY_ALGORITHMS
from role import BACK_DATE
from tls_provider import x509

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping

    from answers import Answer
    from connection import Connection
    from options import CA

CRL_LIFE, CRL_GRACE = '72h', '24h'
"""How long a revocation list is valid, and how long before its end there is another one."""
_SIGNS = 'read-only,issuing-certificates,crl-signing,ocsp-signing'
_RETIRED = 'read-only,crl-signing,ocsp-signing'


@dataclasses.dataclass(frozen=True)
class Issuer:
    """A CA certificate in the mount."""

    id: str
    name: str
    key: str
    """The id of its key; empty: it has none and only makes chains complete."""
    chain: tuple[x509.Certificate, ...]
    """The CA certificate itself first."""
    signs: bool = True
    truncates: bool = True
    """It lets no certificate end after itself."""


@dataclasses.dataclass(frozen=True)
class Signed:
    """What the server signed."""

    certificate: x509.Certificate
    issuer: str
    """The fingerprint of the CA certificate that it is of."""


@dataclasses.dataclass(frozen=True)
class Mount:
    """A mount of the PKI engine. Everything raises `Failure`, and is safe to repeat."""

    connection: Connection
    path: str

    def is_there(self) -> bool:
        """Whether there is a mount of the engine at the path."""
        return self.longest_life() is not None

    def longest_life(self) -> int | None:
        """Seconds that anything in the mount may live; None: there is no such mount."""
        try:
            found = self.connection.get(f'sys/mounts/{self.path}')
        except Failure as failure:
            if failure.kind is Kind.NO_MOUNT:
                return None
            raise
        if found.text('type') != 'pki':
            shown = x509.printable(found.text('type'), 20) or 'nothing known'
            raise Failure(Kind.WRONG, f'option mount: {self.path} is a mount of {shown}, not pki')
        return found.part('config').number('max_lease_ttl')

    def enable(self, life: datetime.timedelta) -> None:
        """Make the mount, for certificates of this life at the most."""
        values = {'type': 'pki', 'config': {'max_lease_ttl': _limit(life)}}
        try:
            self.connection.post(f'sys/mounts/{self.path}', values)
        except Failure as failure:
            if failure.kind is not Kind.TAKEN:
                raise
            if not self.is_there():
                message = f'option mount: {self.path} lies above or below another mount'
                raise Failure(Kind.WRONG, message, failure.reason) from None

    def allow(self, life: datetime.timedelta) -> None:
        """Let certificates live that long."""
        self.connection.post(f'sys/mounts/{self.path}/tune', {'max_lease_ttl': _limit(life)})

    def configure(self, public_address: str) -> None:
        """Have revocation lists made in time, and named in certificates if there is an address.

        What has ended is removed from the server by and by.
        """
        self.connection.post(
            f'{self.path}/config/auto-tidy',
            {
                'enabled': True,
                'interval_duration': '24h',
                'tidy_cert_store': True,
                'tidy_revoked_certs': True,
                'safety_buffer': CRL_LIFE,
            },
        )
        self.connection.post(
            f'{self.path}/config/crl',
            {
                'expiry': CRL_LIFE,
                'auto_rebuild': True,
                'auto_rebuild_grace_period': CRL_GRACE,
                'disable': False,
            },
        )
        place = f'{public_address}/v1/{self.path}'
        if public_address:
            self.connection.post(f'{self.path}/config/cluster', {'path': place, 'aia_path': place})
        issuer = '{{cluster_aia_path}}/issuer/{{issuer_id}}'
        urls: dict[str, Any] = {
            'enable_templating': bool(public_address),
            'issuing_certificates': [f'{issuer}/der'],
            'crl_distribution_points': [f'{issuer}/crl/der'],
            'ocsp_servers': ['{{cluster_aia_path}}/ocsp'],
        }
        if not public_address:
            urls |= {name: [] for name in urls if name != 'enable_templating'}
        self.connection.post(f'{self.path}/config/urls', urls)

    def write_role(self, name: str, values: Mapping[str, object]) -> None:
        """Make a role as it is given; all values, for what is left out gets a default."""
        self.connection.post(f'{self.path}/roles/{name}', values)

    def keys(self) -> dict[str, str]:
        """Ids of the keys in the mount, by name; those without a name are left out."""
        found = self.connection.list(f'{self.path}/keys').parts('key_info')
        return {name: key for key, info in found.items() if (name := info.text('key_name'))}

    def issuers(self) -> dict[str, str]:
        """Names of all issuers in the mount by id, some empty; anybody may list them."""
        found = self.connection.list(f'{self.path}/issuers')
        named = found.parts('key_info')
        return {one: named.get(one, found).text('issuer_name') for one in found.texts('keys')}

    def issuer(self, reference: str = 'default') -> Issuer | None:
        """The issuer of an id or name; None where there is no such one."""
        try:
            found = self.connection.get(f'{self.path}/issuer/{reference}')
        except Failure as failure:
            if failure.kind is Kind.NO_ISSUER:
                return None
            raise
        return Issuer(
            id=found.text('issuer_id'),
            name=found.text('issuer_name'),
            key=found.text('key_id'),
            chain=_certificates(found),
            signs='issuing-certificates' in found.text('usage'),
            truncates=found.text('leaf_not_after_behavior') == 'truncate',
        )

    def public_chain(self) -> tuple[x509.Certificate, ...]:
        """The chain of the default issuer, which anybody may read."""
        return _certificates(self.connection.get(f'{self.path}/issuer/default/json'))

    def generate(self, name: str, ca: CA) -> tuple[str, str]:
        """A new key of a name, and a request for it: the key's id, and PEM."""
        kind, bits = KEY_ALGORITHMS[ca.key_algorithm]
        values = {'key_name': name, 'key_type': kind, 'key_bits': bits, **_request(ca)}
        made = self.connection.post(f'{self.path}/intermediate/generate/internal', values)
        return made.text('key_id'), made.text('csr')

    def request(self, key: str, ca: CA) -> str:
        """A request for a key that is there, as PEM."""
        values = {'key_ref': key, **_request(ca)}
        path = f'{self.path}/intermediate/generate/existing'
        return self.connection.post(path, values).text('csr')

    def generate_root(self, name: str, ca: CA) -> Issuer:
        """A new root, or the one of this name."""
        kind, bits = KEY_ALGORITHMS[ca.key_algorithm]
        values = {
            'key_name': name,
            'issuer_name': name,
            'key_type': kind,
            'key_bits': bits,
            'ttl': f'{int(ca.root_validity.total_seconds())}s',
            'not_before_duration': f'{BACK_DATE}s',
            'exclude_cn_from_sans': True,
            **dict(ca.subject),
        }
        try:
            self.connection.post(f'{self.path}/issuers/generate/root/internal', values)
        except Failure as failure:
            if failure.kind is not Kind.TAKEN:
                raise
        made = self.issuer(name)
        if made is None:
            raise Failure(Kind.DOWN, f'the root was made and is not in mount {self.path}')
        return made

    def take(self, chain: Iterable[x509.Certificate], key: str) -> str:
        """Put a signed CA certificate and its chain into the mount; gives the issuer's id.

        Args:
            chain: The CA certificate first, the root last.
            key: The id of its key.

        """
        bundle = ''.join(one.pem for one in chain)
        made = self.connection.post(
            f'{self.path}/intermediate/set-signed', {'certificate': bundle}
        )
        mapping = made.part('mapping')
        for issuer in mapping.values:
            if mapping.text(issuer) == key:
                return issuer
        raise Failure(Kind.WRONG, f'the CA certificate is for no key in mount {self.path}')

    def set_issuer(self, issuer: str, name: str, *, signs: bool) -> None:
        """Let an issuer sign, or keep it for its revocation lists only."""
        values = {
            'issuer_name': name,
            'leaf_not_after_behavior': 'truncate',
            'usage': _SIGNS if signs else _RETIRED,
        }
        path = f'{self.path}/issuer/{issuer}'
        try:
            self.connection.post(path, values)
        except Failure as failure:
            if failure.kind is not Kind.NO_CRL_USAGE:
                raise
            usage = values['usage'].replace(',crl-signing', '')
            self.connection.post(path, {**values, 'usage': usage})

    def set_default(self, issuer: str) -> None:
        """Make an issuer the one that is meant where none is named."""
        self.connection.post(f'{self.path}/config/issuers', {'default': issuer})

    def sign(self, path: str, values: Mapping[str, object]) -> Signed:
        """Sign by a role, below a path of the mount.

        What Vault does not accept for an unknown reason is held to be the request's fault, which
        others need not suffer from.
        """
        try:
            found = self.connection.post(f'{self.path}/{path}', values)
        except Failure as failure:
            if failure.kind is not Kind.UNKNOWN:
                raise
            message = f'Vault does not accept the request: {failure.reason}'
            raise Failure(Kind.REFUSED, message, failure.reason, transient=True) from None
        try:
            certificate = x509.parse_certificate(found.text('certificate'))
            return Signed(certificate, x509.fingerprint_of(found.text('issuing_ca')))
        except x509.Malformed as error:
            message = f'what Vault has signed cannot be read: {error}'
            raise Failure(Kind.DOWN, message) from None

    def revoke(self, serial: int) -> None:
        """Revoke a certificate by its serial number; the next lists hold it."""
        digits = f'{serial:x}'
        digits = digits.zfill(len(digits) + len(digits) % 2)
        text = ':'.join(digits[at : at + 2] for at in range(0, len(digits), 2))
        self.connection.post(f'{self.path}/revoke', {'serial_number': text})

    def make_lists(self) -> None:
        """Make the revocation lists anew."""
        self.connection.get(f'{self.path}/crl/rotate')


def _limit(life: datetime.timedelta) -> str:
    return f'{int(life.total_seconds() / 3600) + 24}h'


def _request(ca: CA) -> dict[str, object]:
    return {'add_basic_constraints': True, 'exclude_cn_from_sans': True, **dict(ca.subject)}


def _certificates(found: Answer) -> tuple[x509.Certificate, ...]:
    """The certificate of an issuer and what stands above it."""
    try:
        own = x509.parse_certificate(found.text('certificate'))
        chain = tuple(x509.parse_certificate(text) for text in found.texts('ca_chain'))
    except x509.Malformed as error:
        raise Failure(Kind.WRONG, f'the CA certificate in Vault cannot be read: {error}') from None
    return chain if chain and chain[0].fingerprint == own.fingerprint else (own, *chain)
