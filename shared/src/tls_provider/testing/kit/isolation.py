"""Group E: requests are answered each for itself, in each relation for itself."""

from __future__ import annotations

import json

from tls_provider.testing import pki, requirers
from tls_provider.testing.kit.base import Kit, honest_request
from tls_provider.testing.world import World


class Isolation(Kit):
    """Several requirers, and several requests of one."""

    def test_a_refused_request_leaves_others_of_its_databag_served(self, world: World) -> None:
        """One databag with a good and a bad one."""
        good, bad = honest_request(), pki.request('a b.example')
        relation = world.relate(units={0: requirers.bag(bad, good)})

        self.serve(world, relation)

        answers = world.answers(relation)
        assert [entry.csr for entry in answers.entries] == [good]
        assert [refusal.csr for refusal in answers.refusals] == [bad]
        world.assert_settled()

    def test_one_request_in_two_relations_has_two_answers(self, world: World) -> None:
        """Withdrawing one leaves the other."""
        csr = honest_request()
        relations = [world.relate(app, {0: requirers.bag(csr)}) for app in ('a', 'b')]
        self.serve(world, relations[0])
        first, second = (world.entry(relation) for relation in relations)
        assert first.csr == second.csr == csr

        world.write(relations[0], {0: requirers.bag()})
        world.changed(relations[0])

        assert world.answers(relations[0]).entries == ()
        assert world.entry(relations[1]) == second
        world.assert_settled()

    def test_one_key_in_two_relations_has_two_certificates(self, world: World) -> None:
        """Other names, the same key."""
        csrs = [pki.request(f'{name}.example', key='ecdsa-p256/shared') for name in ('a', 'b')]
        relations = [
            world.relate(app, {0: requirers.bag(csr)})
            for app, csr in zip(('a', 'b'), csrs, strict=True)
        ]

        self.serve(world, relations[0])

        assert [world.entry(relation).csr for relation in relations] == csrs
        world.assert_settled()

    def test_one_request_of_unit_and_application_has_one_answer(self, world: World) -> None:
        """It stays as long as either holds it."""
        csr = honest_request()
        relation = world.relate(units={0: requirers.bag(csr)}, app_bag=requirers.bag(csr))
        self.serve(world, relation)
        before = world.entry(relation)

        world.write(relation, {})
        world.changed(relation)

        assert world.entry(relation) == before
        world.assert_settled()

    def test_one_request_as_leaf_and_as_ca_of_two_units_is_a_leaf(self, world: World) -> None:
        """The contradiction is named."""
        csr = pki.request('a.example', common_name='a.example')
        relation = world.relate(units={0: requirers.bag(csr, is_ca=True), 1: requirers.bag(csr)})

        self.serve(world, relation)

        assert world.entry(relation).csr == csr
        assert 'with and without ca' in world.status
        world.assert_settled()

    def test_a_damaged_twin_costs_a_request_nothing(self, world: World) -> None:
        """A unit that has the text of another one's, but for a blank that counts."""
        csr = honest_request()
        damaged = csr.replace('CERTIFICATE REQUEST', 'CERTIFICATEREQUEST')
        relation = world.relate(units={0: requirers.bag(damaged), 1: requirers.bag(csr)})

        self.serve(world, relation)

        assert world.entry(relation).csr == csr
        assert 'kafka/0' in world.status
        world.assert_settled()

    def test_no_databag_holds_anything_of_another_relation(self, world: World) -> None:
        """Neither requests nor certificates nor errors."""
        names = ('a', 'b', 'c d')
        csrs = {name: pki.request(f'{name}.example', key=f'ecdsa-p256/{name}') for name in names}
        relations = {
            name: world.relate(f'app-{name[0]}', {0: requirers.bag(csr)})
            for name, csr in csrs.items()
        }

        self.serve(world, relations['a'])

        for name in names:
            text = json.dumps(dict(world.relation(relations[name]).local_app_data))
            bodies = {other: csr.splitlines()[2] for other, csr in csrs.items()}
            assert {other for other, body in bodies.items() if body in text} == {name}
        world.assert_settled()

    def test_a_relation_that_goes_leaves_the_others_as_they_are(self, world: World) -> None:
        """Nothing is written to them."""
        going, staying = (
            world.relate(app, {0: requirers.bag(honest_request(app))}) for app in ('a', 'b')
        )
        self.serve(world, going)
        before = dict(world.relation(staying).local_app_data)

        world.part(going)

        assert world.relation(staying).local_app_data == before
        world.assert_settled()
