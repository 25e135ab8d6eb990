"""Group B: what is refused is refused with its code, named to everybody, and not for ever."""

from __future__ import annotations

import json

import pytest

from tls_provider import wire
from tls_provider.issuer import ErrorCode
from tls_provider.testing import pki, requirers
from tls_provider.testing.features import CASES, KEYS, Case, Feature
from tls_provider.testing.kit.base import Kit, Record
from tls_provider.testing.world import World


def _case_of(feature: Feature) -> tuple[Case, str]:
    """A case that needs a feature, and a kind of key that does."""
    for key, needed in KEYS.items():
        if needed is feature:
            return next(case for case in CASES if not case.needs), key
    return min((case for case in CASES if feature in case.needs), key=_needs), 'ecdsa-p256'


def _needs(case: Case) -> int:
    return len(case.needs)


class Refusals(Kit):
    """Requests that a provider does not serve, or not yet."""

    @pytest.mark.parametrize('feature', Feature, ids=lambda feature: feature.name)
    def test_what_is_not_allowed_is_refused_until_it_is(
        self, feature: Feature, world: World, record_property: Record
    ) -> None:
        """Refused with its code and named; served in the hook that allows it."""
        code = self._code(feature)
        case, key = _case_of(feature)
        self.allow(world, *(case.needs - {feature}))
        relation = world.relate(units={0: requirers.bag(case.request(key), is_ca=case.is_ca)})
        honest = self.honest(world)

        self.serve(world, relation)

        assert world.entry(honest)
        world.assert_settled()
        if code is None:
            assert world.entry(relation)
            return
        refusal = world.refusal(relation)
        assert refusal.code == code
        assert 'kafka/0' in world.status
        [row] = [one for one in world.requests() if one['relation-id'] == relation]
        assert (row['requirer'], row['state'], row['code']) == ('kafka/0', 'refused', code)
        assert row['message'] == refusal.message
        if feature in self.optional:
            self.allow(world, feature)
            self.settle(world)
            assert world.entry(relation)
            world.assert_settled()
            self.prove(record_property, feature, 'by option')

    def _code(self, feature: Feature) -> int | None:
        if feature in self.unsupported:
            return self.unsupported[feature]
        return self.optional[feature].code if feature in self.optional else None

    def test_capabilities_agree_with_what_is_refused(self, world: World) -> None:
        """What is advertised is what was declared to the kit."""
        relation = world.relate()
        self.serve(world, relation)

        text = world.relation(relation).local_app_data['capabilities']

        published = json.loads(text)
        lacking = {*self.unsupported, *self.optional}
        assert published['supports_ip_sans'] is (Feature.IP_SANS not in lacking)
        assert published['supports_wildcard_dns'] is (Feature.WILDCARDS not in lacking)
        assert published['supports_ca_certificates'] is (Feature.ISSUE_CA not in lacking)
        assert published['provider_type']

    def test_ca_certificates_are_for_the_applications_that_are_named(self, world: World) -> None:
        """The list counts, and it is advertised to each application for itself."""
        csr = pki.request(common_name='Sub CA')
        named = world.relate('vault', {0: requirers.bag(csr, is_ca=True)})
        other = world.relate('kafka', {0: requirers.bag(csr, is_ca=True)})

        world.configure(allow_ca_requests='vault')
        self.settle(world)

        if Feature.ISSUE_CA in self.unsupported:
            assert world.refusal(named).code == self.unsupported[Feature.ISSUE_CA]
            return
        assert world.entry(named)
        assert world.refusal(other).code == ErrorCode.OTHER
        texts = [world.relation(one).local_app_data['capabilities'] for one in (named, other)]
        supports = [json.loads(text)['supports_ca_certificates'] for text in texts]
        assert supports == [True, False]
        world.assert_settled()

    def test_domains_outside_the_list_are_refused_until_they_are_in_it(self, world: World) -> None:
        """With a code of its own; what is issued already stays."""
        inside, outside = pki.request('a.example'), pki.request('a.corp')
        relation = world.relate(units={0: requirers.bag(inside)})
        self.serve(world, relation)
        world.configure(allowed_domains='corp')
        assert world.entry(relation)

        world.configure(allowed_domains='example')
        world.write(relation, {0: requirers.bag(inside, outside)})
        self.serve(world, relation)

        answers = world.answers(relation)
        assert [entry.csr for entry in answers.entries] == [inside]
        [refusal] = answers.refusals
        assert (refusal.csr, refusal.code) == (outside, ErrorCode.DOMAIN_NOT_ALLOWED)
        text = world.relation(relation).local_app_data['capabilities']
        assert json.loads(text)['allowed_domains'] == ['example']
        world.assert_settled()
        world.configure(allowed_domains='example,corp')
        self.settle(world)
        assert len(world.answers(relation).entries) == 2
        world.assert_settled()

    def test_the_limit_counts_what_is_issued_and_what_is_asked(self, world: World) -> None:
        """Over it is refused at once; a place that becomes free is taken in the same hook."""
        csrs = [pki.request(f'n{number}.example') for number in range(5)]
        world.configure(certificate_limit=3)
        relation = world.relate(units={0: requirers.bag(*csrs)})
        self.serve(world, relation)
        first = _issued(world.answers(relation))
        assert len(first) == 3
        assert {one.code for one in world.answers(relation).refusals} == {ErrorCode.OTHER}
        world.assert_settled()

        world.write(relation, {0: requirers.bag(*[csr for csr in csrs if csr != first[0]])})
        self.serve(world, relation)

        after = _issued(world.answers(relation))
        assert len(after) == 3
        assert set(first[1:]) <= set(after)
        world.assert_settled()
        world.configure(certificate_limit=-1)
        self.settle(world)
        assert len(_issued(world.answers(relation))) == 4
        world.configure(certificate_limit=1)
        assert len(_issued(world.answers(relation))) == 4, 'what is issued stays'
        world.assert_settled()


def _issued(answers: wire.Answers) -> list[str]:
    return [entry.csr for entry in answers.entries]
