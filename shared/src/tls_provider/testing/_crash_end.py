"""What a run of a charm comes to, without what is different every time."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping

from ops import testing

from tls_provider import wire, x509
from tls_provider.testing.world import World


@dataclasses.dataclass(frozen=True)
class End:
    """What is compared."""

    answers: frozenset[tuple[object, ...]]
    trusted: tuple[str, ...]
    secrets: collections.Counter[str]
    ledger: tuple[object, ...]
    status: str
    more: object = None
    """What the charm says of itself."""


def end(world: World) -> End:
    """As the world is now."""
    answers: set[tuple[object, ...]] = set()
    ledger: list[object] = []
    for relation in world.state.relations:
        if relation.endpoint == 'certificates':
            assert isinstance(relation, testing.Relation)
            found = wire.read_answers(relation.local_app_data)
            answers |= {
                (relation.id, _short(one.csr), _authority(world, one)) for one in found.entries
            }
            answers |= {(relation.id, _short(one.csr), one.code) for one in found.refusals}
        if relation.endpoint == 'peers':
            assert isinstance(relation, testing.PeerRelation)
            ledger += _steady(relation.local_app_data)
    return End(
        frozenset(answers),
        tuple(sorted(one.subject for one in world.trusted())),
        collections.Counter(
            f'{one.label} {sorted(one.latest_content or one.tracked_content)}'
            for one in world.state.secrets
        ),
        tuple(ledger),
        re.sub(r'\d', '0', f'{world.state.unit_status}'),
    )


def _short(csr: str) -> str:
    return hashlib.sha256(csr.encode()).hexdigest()[:8]


def _authority(world: World, entry: wire.Entry) -> str:
    """Who issued a certificate that is in force and for its request."""
    world.assert_certificate(entry, is_ca=False)
    return x509.parse_certificate(entry.certificate).issuer


def _steady(bag: Mapping[str, str]) -> list[object]:
    """Of a peer databag what is the same in every run."""
    book = json.loads(bag.get('ledger', '{}'))
    records = sorted(
        (key, one.get('message', ''), one.get('attempts', 0))
        for key, one in book.get('records', {}).items()
    )
    return [sorted(bag), records, len(book.get('to_revoke', ())), len(book.get('revoked', ()))]
