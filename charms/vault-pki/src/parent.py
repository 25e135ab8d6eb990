"""The CA certificate from a provider above this one, through the library of the requirers.

The library takes a private key for granted, to sign its request and to see whether an answer fits.
The key of this CA is in Vault and never leaves it: what the library gets in its place is the
public half, and the request that Vault has signed.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
from typing import TYPE_CHECKING, Any, cast

from tls_provider import databag, wire, x509

if TYPE_CHECKING:
    from collections.abc import Callable

    import ops
    from charmlibs.interfaces.tls_certificates import TLSCertificatesRequiresV4


@dataclasses.dataclass(frozen=True)
class Answer:
    """What has come back for a request so far."""

    message: str = ''
    """Why there is no certificate, and what to do."""
    blocked: bool = False
    """Somebody has to act."""
    certificate: x509.Certificate | None = None
    chain: tuple[x509.Certificate, ...] = ()
    """What came with it."""
    revoked: bool = False


class Parent:
    """The endpoint towards the parent; for the leader, others have no part in it."""

    def __init__(self, charm: ops.CharmBase, endpoint: str, wanted: Callable[[], str | None]):
        """Have the library observe its events, in hooks of models with a parent.

        Args:
            charm: The charm.
            endpoint: Requires `tls-certificates`.
            wanted: Gives the request that the parent is to have, as PEM; empty: none is to be
                there, None: what is there stays.

        """
        self._charm = charm
        self._endpoint = endpoint
        self._wanted = wanted
        self._library: TLSCertificatesRequiresV4 | None = None
        if not charm.unit.is_leader():
            return
        # In the hook in which a relation ends the library removes its secrets; the relation is not
        # listed then, and no event is there yet.
        hook = os.environ.get('JUJU_DISPATCH_PATH', '').rpartition('/')[2]
        relation = self._relation()
        if (relation and not self._problem(relation)) or hook == f'{endpoint}-relation-broken':
            self._library = _library(charm, endpoint, self._request)

    def is_there(self) -> bool:
        """Whether there is one to ask."""
        return self._relation() is not None

    def held(self) -> tuple[str, ...]:
        """The requests that it has of this application, as PEM."""
        relation = self._relation()
        if relation is None:
            return ()
        own, _ = wire.read_requests('', relation.data[self._charm.app])
        return tuple(one.csr for one in own)

    def _request(self) -> str:
        wanted = self._wanted()
        return next(iter(self.held()), '') if wanted is None else wanted

    def ask(self, csr: str) -> Answer:
        """Hand over a request, unless that was done, and give what came back."""
        relation = self._relation()
        if relation is None:
            several = len(self._charm.model.relations[self._endpoint]) > 1
            what = 'several parents: keep one' if several else 'no CA certificate'
            return Answer(f'{what}; {_NEXT}', blocked=True)
        app = databag.remote_application(relation)
        name = app.name if app else 'the parent'
        if problem := self._problem(relation):
            return Answer(f'{name} sent what cannot be read: {problem}', blocked=True)
        if not any(_same(one, csr) for one in self.held()):
            if self._library is None:
                self._library = _library(self._charm, self._endpoint, self._request)
            self._library.sync()
        answers = wire.read_answers(relation.data[app]) if app else wire.Answers()
        for entry in answers.entries:
            if _same(entry.csr, csr):
                certificate = x509.parse_certificate(entry.certificate)
                others = [*entry.chain, entry.ca]
                chain = tuple(x509.parse_certificate(one) for one in others)
                said = f'{name} has revoked the CA certificate' if entry.revoked else ''
                return Answer(said, entry.revoked, certificate, chain, entry.revoked)
        for refusal in answers.refusals:
            if _same(refusal.csr, csr):
                shown = x509.printable(refusal.message, 110)
                return Answer(f'{name} refused the CA certificate ({refusal.code}): {shown}', True)
        return Answer(f'waits for {name} to sign the CA certificate')

    def _relation(self) -> ops.Relation | None:
        """The one relation; several would break the library."""
        relations = [one for one in self._charm.model.relations[self._endpoint] if one.active]
        return relations[0] if len(relations) == 1 else None

    def _problem(self, relation: ops.Relation) -> str:
        """What is wrong with the parent's databag, on which the library would break."""
        app = databag.remote_application(relation)
        if app is None:
            return ''
        request, now = self._request(), datetime.datetime.now(datetime.timezone.utc)
        bag = relation.data[app]
        if not all(map(_is_readable, bag.values())):
            return 'it counts or nests too far'
        entries = wire.read_answers(bag).entries
        if len(entries) != _count(bag.get('certificates', '[]')):
            return 'not every entry is complete'
        try:
            for entry in entries:
                x509.parse_request(entry.csr)
                own = x509.parse_certificate(entry.certificate)
                for text in (entry.ca, *entry.chain):
                    x509.parse_certificate(text)
                if own.not_after < now and _same(request, entry.csr):
                    return 'the certificate has ended'
        except x509.Malformed as error:
            return str(error)
        return ''


def _is_readable(text: str) -> bool:
    """Whether the library's reader gives a value or says that there is none."""
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return True
    except (ValueError, RecursionError):
        return False
    return True


def _count(text: str) -> int:
    """How many entries a list has; of what is no list the library takes none."""
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return 0
    return len(cast('list[object]', found)) if isinstance(found, list) else 0


def _same(one: str, other: str) -> bool:
    return ''.join(one.split()) == ''.join(other.split())


_NEXT = 'integrate parent with a provider, sign what get-ca-csr shows, or set ca-type=root'


def _library(
    charm: ops.CharmBase, endpoint: str, wanted: Callable[[], str]
) -> TLSCertificatesRequiresV4:
    from charmlibs.interfaces import tls_certificates as library  # noqa: PLC0415 : as hvac
    from cryptography import x509 as c509  # noqa: PLC0415

    class PublicHalf(library.PrivateKey):
        """Of the key in Vault."""

        def __init__(self) -> None:
            self._private_key: Any = self

        def public_key(self) -> object:
            """The key that request and certificate must be for."""
            request = wanted()
            assert request, 'only requests are compared with it'  # noqa: S101
            return c509.load_pem_x509_csr(request.encode()).public_key()

        def is_valid(self) -> bool:
            """Vault made it."""
            return True

    class Request(library.CertificateRequestAttributes):
        """What Vault has signed, in place of what a private key would sign here."""

        def generate_csr(
            self, private_key: library.PrivateKey
        ) -> library.CertificateSigningRequest:
            """The request of Vault."""
            del private_key
            request = wanted()
            assert request, 'there is one where its attributes are'  # noqa: S101
            return library.CertificateSigningRequest.from_string(request)

    def requests(_: object) -> list[library.CertificateRequestAttributes]:
        request = wanted()
        if not request:
            return []
        csr = library.CertificateSigningRequest.from_string(request)
        return [Request.from_csr(csr, is_ca=True)]

    return library.TLSCertificatesRequiresV4(
        charm,
        endpoint,
        certificate_requests=requests,
        mode=library.Mode.APP,
        private_key=PublicHalf(),
        renewal_relative_time=1.0,  # the charm renews, with another key, long before
    )
