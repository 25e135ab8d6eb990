"""The CA certificate from a provider above this one, through the library of the requirers.

The library takes a private key for granted, to sign its request and to see whether an answer fits.
The key of this CA is in Vault and never leaves it: what the library gets in its place is the
public half, and the request that Vault has signed. It knows one key at a time, and removes what is
of another one: requests of CAs before, which stay with the parent while they count, it does not
see.
"""

from __future__ import annotations

import datetime
import json
import os
from typing import TYPE_CHECKING, Any, cast

from above import Answer, Requests
from tls_provider import databag, wire, x509

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import ops
    from charmlibs.interfaces.tls_certificates import TLSCertificatesRequiresV4


class Parent:
    """The endpoint towards the parent; for the leader, others have no part in it."""

    def __init__(self, charm: ops.CharmBase, endpoint: str, wanted: Callable[[], Requests]):
        """Have the library observe its events, in hooks of models with a parent.

        Args:
            charm: The charm.
            endpoint: Requires `tls-certificates`.
            wanted: Gives what the parent is to have.

        """
        self._charm = charm
        self._endpoint = endpoint
        self._wanted = wanted
        self._library: TLSCertificatesRequiresV4 | None = None
        self._problems: dict[str, str] = {}
        self._published: dict[int, wire.Answers] = {}
        if not charm.unit.is_leader():
            return
        # In the hook in which a relation ends the library removes its secrets; the relation is not
        # listed then, and no event is there yet.
        hook = os.environ.get('JUJU_DISPATCH_PATH', '').rpartition('/')[2]
        relation = self._relation()
        if (relation and not self._problem(relation)) or hook == f'{endpoint}-relation-broken':
            self._library = _library(charm, endpoint, self._requests)

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

    def _requests(self) -> Requests:
        wanted = self._wanted()
        if wanted.keeps_all:
            others = tuple(one for one in self.held() if not _same(one, wanted.asked))
            return Requests(wanted.asked, others)
        # What the parent has not signed yet is worth nothing to anybody.
        signed = tuple(entry.csr for entry in self._answers().entries)
        return Requests(wanted.asked, tuple(one for one in wanted.kept if _is_among(one, signed)))

    def _answers(self) -> wire.Answers:
        """What the parent has published, read once for each relation."""
        relation = self._relation()
        app = databag.remote_application(relation) if relation else None
        if relation is None or app is None:
            return wire.Answers()
        if relation.id not in self._published:
            self._published[relation.id] = wire.read_answers(relation.data[app])
        return self._published[relation.id]

    def sync(self) -> None:
        """Withdraw what counts no more, and hand over what is missing."""
        relation = self._relation()
        if relation is None or self._problem(relation):
            return
        wanted, held = self._requests(), self.held()
        is_there = not wanted.asked or _is_among(wanted.asked, held)
        if is_there and all(_is_among(one, (wanted.asked, *wanted.kept)) for one in held):
            return
        if self._library is None:
            self._library = _library(self._charm, self._endpoint, self._requests)
        self._library.sync()

    def ask(self, csr: str) -> Answer:
        """Hand over a request, unless that was done, and give what came back."""
        self.sync()
        return self.answer(csr)

    def answer(self, csr: str) -> Answer:
        """What came back for a request."""
        relation = self._relation()
        if relation is None:
            several = len(self._charm.model.relations[self._endpoint]) > 1
            what = 'several parents: keep one' if several else 'no CA certificate'
            return Answer(f'{what}; {_NEXT}', blocked=True)
        app = databag.remote_application(relation)
        name = app.name if app else 'the parent'
        if problem := self._problem(relation):
            return Answer(f'{name} sent what cannot be read: {problem}', blocked=True)
        answers = self._answers()
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
        app, asked = databag.remote_application(relation), self._wanted().asked
        if app is None:
            return ''
        if asked not in self._problems:
            self._problems[asked] = _problem(relation.data[app], self._answers(), asked)
        return self._problems[asked]


def _problem(bag: Mapping[str, str], answers: wire.Answers, asked: str) -> str:
    now = datetime.datetime.now(datetime.timezone.utc)
    if not all(map(_is_readable, bag.values())):
        return 'it counts or nests too far'
    if len(answers.entries) != _count(bag.get('certificates', '[]')):
        return 'not every entry is complete'
    try:
        for entry in answers.entries:
            x509.parse_request(entry.csr)
            own = x509.parse_certificate(entry.certificate)
            for text in (entry.ca, *entry.chain):
                x509.parse_certificate(text)
            if own.not_after < now and _same(entry.csr, asked):
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


def _is_among(one: str, others: tuple[str, ...]) -> bool:
    return any(_same(one, other) for other in others)


_NEXT = 'integrate parent with a provider, sign what get-ca-csr shows, or set ca-type=root'


def _library(
    charm: ops.CharmBase, endpoint: str, wanted: Callable[[], Requests]
) -> TLSCertificatesRequiresV4:
    from charmlibs.interfaces import tls_certificates as library  # noqa: PLC0415 : as hvac
    from cryptography import x509 as c509  # noqa: PLC0415

    class PublicHalf(library.PrivateKey):
        """Of the key in Vault."""

        def __init__(self) -> None:
            self._private_key: Any = self

        def public_key(self) -> object:
            """The key that request and certificate must be for."""
            request = wanted().asked
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
            request = wanted().asked
            assert request, 'there is one where its attributes are'  # noqa: S101
            return library.CertificateSigningRequest.from_string(request)

    class Library(library.TLSCertificatesRequiresV4):
        """For the request that is worked on."""

        def get_csrs_from_requirer_relation_data(
            self,
        ) -> list[library.RequirerCertificateRequest]:
            """All in the databag but those that stay as they are."""
            stay = wanted().kept
            every = super().get_csrs_from_requirer_relation_data()
            return [
                one for one in every if not _is_among(str(one.certificate_signing_request), stay)
            ]

        def _remove_requirer_csr_from_relation_data(
            self, csr: library.CertificateSigningRequest, mode: Any = None
        ) -> None:
            """Not those that stay.

            The library takes their certificates for ended: it does not see that the parent has
            renewed them.
            """
            if not _is_among(str(csr), wanted().kept):
                super()._remove_requirer_csr_from_relation_data(csr, mode)

    def requests(_: object) -> list[library.CertificateRequestAttributes]:
        request = wanted().asked
        if not request:
            return []
        csr = library.CertificateSigningRequest.from_string(request)
        return [Request.from_csr(csr, is_ca=True)]

    return Library(
        charm,
        endpoint,
        certificate_requests=requests,
        mode=library.Mode.APP,
        private_key=PublicHalf(),
        renewal_relative_time=1.0,  # the charm renews, with another key, long before
    )
