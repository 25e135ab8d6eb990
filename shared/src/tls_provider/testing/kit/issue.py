"""Group A: what is certified, with every kind of key, for every generation of requirers.

Group C is in it: linters and verifiers accept all of that.
"""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509 as c509

from tls_provider import wire, x509
from tls_provider.testing import evidence, pki, requirers
from tls_provider.testing.features import CASES, KEYS, Case, Feature
from tls_provider.testing.kit.base import Kit, Record
from tls_provider.testing.world import World

_OFTEN = ('rsa-2048', 'ecdsa-p256')
"""Kinds of keys with which each case is shown to every verifier; other kinds in one case."""


class IssueMatrix(Kit):
    """Requests that a provider serves."""

    @pytest.mark.parametrize('key', KEYS)
    @pytest.mark.parametrize('case', CASES, ids=lambda case: case.name)
    def test_a_request_is_served_or_refused_as_declared(
        self, case: Case, key: str, world: World, record_property: Record
    ) -> None:
        """Each case with each kind of key."""
        needs = {*case.needs, KEYS[key]}
        self.allow(world, *needs)
        csr = case.request(key)
        relation = world.relate(units={0: requirers.bag(csr, is_ca=case.is_ca)})
        honest = self.honest(world)

        self.serve(world, relation)

        assert world.entry(honest)
        world.assert_settled()
        lacking, entry = needs & set(self.unsupported), None
        if lacking:
            assert world.refusal(relation).code in {self.unsupported[one] for one in lacking}
        else:
            entry = world.entry(relation)
            assert entry.csr == csr
            world.assert_certificate(entry, is_ca=case.is_ca)
            evidence.assert_accepted(
                entry,
                csr_key=key,
                is_ca=case.is_ca,
                lints=world.chooses_profile,
                by_all=key in _OFTEN or case is CASES[0],
            )
        for feature in lacking or needs:
            self.prove(record_property, feature, 'refused' if lacking else _how(feature, entry))

    @pytest.mark.parametrize('generation', requirers.GENERATIONS)
    def test_every_generation_of_requirers_is_answered(
        self, generation: str, world: World
    ) -> None:
        """Each finds its own text in the answer."""
        csr = pki.request('a.example', common_name='a.example')
        relation = world.relate(units={0: requirers.bag(csr, generation=generation)})

        self.serve(world, relation)

        sent = requirers.GENERATIONS[generation].dress(csr)
        assert world.entry(relation).csr == sent
        world.assert_settled()

    def test_a_leaf_of_a_requirers_ca_verifies(self, world: World) -> None:
        """A CA certificate is good for what it is made for."""
        self.allow(world, Feature.ISSUE_CA)
        csr = pki.request(common_name='Sub CA', key='ecdsa-p256/sub')
        relation = world.relate(units={0: requirers.bag(csr, is_ca=True)})
        self.serve(world, relation)
        if Feature.ISSUE_CA in self.unsupported:
            assert world.refusal(relation).code == self.unsupported[Feature.ISSUE_CA]
            return
        own, *above = [x509.parse_certificate(pem) for pem in world.entry(relation).chain]
        authority = pki.Authority(pki.private_key('ecdsa-p256/sub'), own)
        request = pki.request('a.example', key='ecdsa-p256')
        start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=2)
        hour = datetime.timedelta(hours=1)

        leaf = authority.sign(x509.parse_request(request), start=start, life=hour)

        evidence.assert_verifies([leaf, own, *above], 'ecdsa-p256')

    def test_another_request_with_the_same_key_is_served(self, world: World) -> None:
        """Requirers may keep their key when they renew."""
        first = pki.request('a.example', 'first.example')
        second = pki.request('a.example', 'second.example')
        relation = world.relate(units={0: requirers.bag(first)})
        self.serve(world, relation)

        world.write(relation, {0: requirers.bag(second)})
        self.serve(world, relation)

        assert world.entry(relation).csr == second
        world.assert_settled()

    def test_a_request_that_is_replaced_is_withdrawn_in_the_same_hook(self, world: World) -> None:
        """There is never an answer to what nobody asks any more."""
        relation = world.relate(units={0: requirers.bag(pki.request('a.example'))})
        self.serve(world, relation)
        other = pki.request('b.example')

        world.write(relation, {0: requirers.bag(other)})
        world.changed(relation)

        answers = world.answers(relation)
        assert {entry.csr for entry in answers.entries} <= {other}
        self.settle(world)
        assert world.entry(relation).csr == other
        world.assert_settled()

    def test_units_and_the_application_are_answered_in_one_relation(self, world: World) -> None:
        """All modes of the library at once."""
        csrs = [pki.request(f'{name}.example') for name in ('one', 'two', 'app')]
        relation = world.relate(
            units={0: requirers.bag(csrs[0]), 1: requirers.bag(csrs[1])},
            app_bag=requirers.bag(csrs[2]),
        )

        self.serve(world, relation)

        assert {entry.csr for entry in world.answers(relation).entries} == set(csrs)
        world.assert_settled()

    def test_a_unit_that_leaves_is_withdrawn(self, world: World) -> None:
        """Only its own request."""
        csrs = [pki.request(f'{name}.example') for name in ('one', 'two')]
        relation = world.relate(
            units={number: requirers.bag(csr) for number, csr in enumerate(csrs)}
        )
        self.serve(world, relation)

        world.write(relation, {0: requirers.bag(csrs[0])})
        world.changed(relation)

        assert world.entry(relation).csr == csrs[0]
        world.assert_settled()


def _how(feature: Feature, entry: wire.Entry | None) -> str:
    """A subject need not be certified as it was asked for; whether it was is worth knowing."""
    if feature is not Feature.LITERAL_SUBJECT or entry is None:
        return 'served'
    certificate = c509.load_pem_x509_certificate(entry.certificate.encode())
    request = c509.load_pem_x509_csr(entry.csr.encode())
    return 'served' if certificate.subject == request.subject else 'dropped'
