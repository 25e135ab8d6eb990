"""Nothing that a stranger writes comes out of a reader as an exception."""

from __future__ import annotations

import datetime
import pathlib
import random

import ops
import pytest
from ops import testing

from tls_provider import transfer, wire
from tls_provider.issuer import Capabilities, Issued, Outcome, Request
from tls_provider.provider import Provider
from tls_provider.testing import _der, common, mutation, pki, requirers, strangers
from tls_provider.testing.world import World

CORPUS = sorted((pathlib.Path(__file__).parent / 'corpus').iterdir())
"""Databags that reached what no other one did, found by tools/fuzz.py."""
AUTHORITY = pki.Authority.root('strangers')
GROWTH = 30_000
"""Characters of a databag that is changed further."""


class Signer:
    capabilities = Capabilities('any', ca_certificates=True)
    generation = 'one'
    settings = ''
    trust_anchors = (AUTHORITY.anchor.pem,)

    def issue(self, request: Request, *, timeout: datetime.timedelta) -> Outcome:
        del timeout
        start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=1)
        leaf = AUTHORITY.sign(request.csr, start=start, is_ca=request.is_ca)
        return Issued(leaf, AUTHORITY.chain)


class Charm(ops.CharmBase):
    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.provider = Provider(self, issuer=Signer)


class CharmWorld(World):
    @staticmethod
    def _context(charm: type[ops.CharmBase]) -> testing.Context[ops.CharmBase]:
        meta = {'name': 'any', **common.ENDPOINTS}
        return testing.Context(charm, meta=meta, config={'options': common.OPTIONS})


@pytest.mark.parametrize('place', CORPUS, ids=lambda place: place.stem)
def test_what_was_found_is_read(place: pathlib.Path):
    strangers.read_everything(strangers.loads(place.read_bytes()))


def test_mutated_databags_are_read(mutations: int):
    chance = random.Random(20_260_301)
    pool = list(strangers.bags())
    for bag in pool:
        strangers.read_everything(bag)

    for _ in range(mutations):
        bag = mutation.mutated_bag(chance.choice(pool), chance, strangers.donors())
        try:
            strangers.read_everything(bag)
        except Exception as error:
            raise AssertionError(strangers.dumps(bag)) from error
        if len(str(bag)) < GROWTH:
            # Some have been changed many times, most a few times.
            pool[chance.randrange(len(pool))] = chance.choice((bag, chance.choice(_SEEDS)))


_SEEDS = strangers.bags()
_OURS = {'certificates', 'request_errors', 'capabilities'}


def test_mutations_can_be_repeated():
    bag = _SEEDS[-1]

    once, again = (mutation.mutated_bag(bag, random.Random(9), strangers.donors()) for _ in 'ab')

    assert once == again != bag


@pytest.mark.parametrize(
    'der', [b'', b'0', b'0\x80', b'\x1f\x01', b'0\x84\xff\xff\xff\xff', b'\x30\x05a']
)
def test_what_is_no_der_is_changed_too(der: bytes):
    assert {_der.mutated_der(der, random.Random(seed)) for seed in range(9)} != {der}


@pytest.mark.parametrize('seed', range(15))
def test_mutated_databags_harm_nobody_in_the_hook(seed: int):
    """Those of requirers and our own; the honest requirer is served, and then nothing moves."""
    world = CharmWorld(
        Charm, testing.State(leader=True, relations={testing.PeerRelation('peers')})
    )
    chance = random.Random(seed)
    for number in range(5):
        bags = [
            mutation.mutated_bag(chance.choice(_SEEDS), chance, strangers.donors())
            for _ in range(2)
        ]
        own = mutation.mutated_bag(_SEEDS[-1], chance, strangers.donors())
        evil = world.relate(f'evil-{number}', {0: bags[0], 1: bags[1]}, app_bag=bags[0])
        if any(one.unreadable for bag in bags for one in wire.read_requests('', bag)[1]):
            continue  # what was published stays then, for its request may be in there
        world.write_own(evil, {key: own[key] for key in _OURS & own.keys()})
    honest = world.relate('honest', {0: requirers.bag(pki.request('honest.example'))})

    world.changed(honest)

    assert world.entry(honest)
    world.assert_settled()


class TrustCharm(ops.CharmBase):
    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        framework.observe(self.on.update_status, self._on_update_status)

    def _on_update_status(self, _: ops.UpdateStatusEvent) -> None:
        transfer.publish(self, 'send-ca-cert', Signer.trust_anchors)


@pytest.mark.parametrize('seed', range(10))
def test_mutated_databags_of_those_who_trust_change_nothing_for_others(seed: int):
    chance = random.Random(seed)
    honest = testing.Relation('send-ca-cert', remote_app_data={'version': '1'})
    evil = [
        testing.Relation(
            'send-ca-cert',
            remote_app_data=mutation.mutated_bag({'version': text}, chance),
            remote_units_data={0: mutation.mutated_bag({'version': text}, chance)},
        )
        for text in ('1', '0', 'junk', '[1]')
    ]
    meta = {'name': 'any', **common.ENDPOINTS}
    context = testing.Context(TrustCharm, meta=meta)

    out = context.run(
        context.on.update_status(), testing.State(leader=True, relations={honest, *evil})
    )

    bags = [out.get_relation(one.id).local_app_data for one in (honest, *evil)]
    assert bags == [bags[0]] * 5
    assert AUTHORITY.anchor.pem.strip().splitlines()[1] in bags[0]['certificates']
