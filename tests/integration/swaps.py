"""Four providers in one model, requirers that move between them, and what is seen meanwhile."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import itertools
import json
import threading
import time
from collections.abc import Generator, Iterable
from typing import Any, cast

import jubilant

from tls_provider import ledger, x509
from tls_provider.testing import pki

SELF_SIGNED, LEGO = 'self-signed-certificates', 'lego'
MANUAL, VAULT = 'manual-tls-certificates', 'vault-pki'
CIRCUIT = (
    SELF_SIGNED, LEGO, SELF_SIGNED, MANUAL, SELF_SIGNED, VAULT, LEGO, MANUAL, LEGO, VAULT, MANUAL,
    VAULT, SELF_SIGNED,
)  # fmt: skip
"""A way from provider to provider that takes every step there is once, and ends where it began."""
PAIRS = tuple(itertools.pairwise(CIRCUIT))

TLS, TRUST = 'certificates', 'send-ca-cert'
"""Endpoints of a provider."""
PERIOD = 0.1
"""Seconds between two looks at what is published: what a window may be too long by."""


class People:
    """Those who answer what the manual provider asks for, by its actions."""

    def __init__(self, juju: jubilant.Juju):
        self._juju = juju
        self._root = pki.Authority.root('The Organisation')
        self._issuer = self._root.intermediate('The Organisation, servers')

    @property
    def root(self) -> str:
        """PEM of their root."""
        return self._root.certificate.pem

    def answer(self) -> int:
        """Sign and supply what is asked for; gives how many requests there were."""
        leader = f'{MANUAL}/leader'
        found = self._juju.run(leader, 'get-outstanding-certificate-requests').results
        rows: list[dict[str, Any]] = json.loads(found['result'])
        for row in rows:
            start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
            signed = self._issuer.sign(x509.parse_request(row['csr']), start=start)
            supply = {
                'certificate-signing-request': row['csr'],
                'certificate': signed.pem,
                'ca-certificate': self.root,
                'ca-chain': self._issuer.certificate.pem,
                'relation-id': row['relation_id'],
            }
            self._juju.run(leader, 'provide-certificate', supply)
        return len(rows)


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a provider has published in one relation."""

    provider: str
    endpoint: str
    """Of the requirer."""
    relation_id: int
    databag: dict[str, str]

    @property
    def certificates(self) -> list[dict[str, Any]]:
        """Those that are not revoked."""
        entries: list[dict[str, Any]] = json.loads(self.databag.get('certificates', '[]'))
        return [one for one in entries if not one.get('revoked')]


def answers(juju: jubilant.Juju, unit: str, endpoint: str = TLS) -> list[Answer]:
    """What providers have published to a unit on one of their endpoints, by relation."""
    found = [
        Answer(next(iter(one.related_units)).partition('/')[0], one.endpoint, one.relation_id, bag)
        for one in juju.show_unit(unit).relation_info
        if one.related_endpoint == endpoint and one.related_units
        for bag in [{key: str(value) for key, value in one.app_data.items()}]
    ]
    return sorted(found, key=lambda answer: answer.relation_id)


@dataclasses.dataclass
class Window:
    """The time in which nothing was published to a unit."""

    longest: float = 0.0
    """Seconds between the last look at a certificate and the next one; 0 where none was missed."""
    without: int = 0
    """Looks that found none."""
    wall: float = 0.0
    """Seconds that all of it took."""


@contextlib.contextmanager
def watching(juju: jubilant.Juju, unit: str) -> Generator[Window]:
    """Look all the time whether a unit has a certificate that is published."""
    window, ended = Window(), threading.Event()
    failures: list[BaseException] = []

    def watch() -> None:
        seen = time.monotonic()
        missed = False
        try:
            while True:
                last = ended.is_set()
                now = time.monotonic()
                if any(answer.certificates for answer in answers(juju, unit)):
                    if missed:
                        window.longest = max(window.longest, now - seen)
                    seen, missed = now, False
                else:
                    missed = True
                    window.without += 1
                if last:
                    break
                ended.wait(PERIOD)
        except BaseException as error:  # told where it can fail the test
            failures.append(error)

    thread = threading.Thread(target=watch)
    began = time.monotonic()
    thread.start()
    try:
        yield window
    finally:
        window.wall = time.monotonic() - began
        ended.set()
        thread.join()
    for error in failures:
        raise error


def parted(juju: jubilant.Juju, app: str, endpoint: str, provider: str) -> None:
    """Wait until nothing is left of a relation."""

    def gone(status: jubilant.Status) -> bool:
        related = status.apps[app].relations.get(endpoint, [])
        return all(one.related_app != provider for one in related)

    juju.wait(gone, error=jubilant.any_error, delay=0.1, successes=1)


def leftovers(juju: jubilant.Juju, provider: str, relation_ids: Iterable[int]) -> list[str]:
    """What a provider still has of relations: databags, and entries of its ledger."""
    relations = juju.show_unit(f'{provider}/0').relation_info
    ids = set(relation_ids)
    found = [
        f'databag of relation {one.relation_id}' for one in relations if one.relation_id in ids
    ]
    [peers] = [one for one in relations if one.endpoint == 'peers']
    book = ledger.loads(str(peers.app_data['ledger']))
    found += [name for name in book.records if int(name.partition(':')[0]) in ids]
    return found + [f'to revoke: {one.message}' for one in book.to_revoke]


def secrets(juju: jubilant.Juju) -> dict[str, list[str]]:
    """Labels of the secrets of each application, in order."""
    found: dict[str, list[str]] = {}
    for one in json.loads(juju.cli('secrets', '--format', 'json')).values():
        owner = str(one['owner']).partition('/')[0]
        found.setdefault(owner, []).append(str(one.get('label', '')))
    return {owner: sorted(labels) for owner, labels in found.items()}


def form(value: object) -> object:
    """A value with what it says taken out: keys in their order, and kinds.

    Of list entries of one form there is one.
    """
    match value:
        case dict():
            fields = cast('dict[str, object]', value)
            return {key: form(one) for key, one in fields.items()}
        case list():
            kinds = [form(one) for one in cast('list[object]', value)]
            return [kind for n, kind in enumerate(kinds) if kind not in kinds[:n]]
        case bool():
            return 'true or false'
        case int():
            return 'number'
        case str():
            return _form_of_text(value)
        case _:
            return type(value).__name__


def form_of_databag(databag: dict[str, str]) -> dict[str, object]:
    """The form of a databag, whose values are JSON."""
    return {key: form(json.loads(databag[key])) for key in sorted(databag)}


def _form_of_text(text: str) -> str:
    kinds = {'CERTIFICATE REQUEST': 'PEM of a request', 'CERTIFICATE': 'PEM of a certificate'}
    for label, kind in kinds.items():
        # A request is given back as it was written, with the white space around it.
        if text.startswith(f'-----BEGIN {label}-----'):
            ends = text.strip().endswith(f'-----END {label}-----')
            return kind if ends and text.count('-----BEGIN') == 1 else f'{kind}, and more'
    return 'text'
