"""The kit on a provider of another kind: an authority under two others that lacks much."""

from __future__ import annotations

import datetime
import pathlib
from typing import Any, ClassVar

import ops
import pytest
from ops import testing

import tls_provider
from tls_provider import x509
from tls_provider.actions import Actions
from tls_provider.issuer import Capabilities, Issued, Outcome, Request
from tls_provider.options import allow_ca_requests, allowed_domains, certificate_limit
from tls_provider.provider import Provider
from tls_provider.testing import common, matrix, pki
from tls_provider.testing.features import Feature, Promise
from tls_provider.testing.kit import Allowed, Conformance
from tls_provider.testing.world import World
from tls_provider.x509 import NameKind

pytest_plugins = ['pytester']

AUTHORITY = pki.Authority.root('top').intermediate('policy', path_length=1).intermediate('issuing')


class Narrow:
    """An issuer below two authorities, for DNS names alone."""

    generation = 'narrow'
    settings = ''
    trust_anchors = (AUTHORITY.anchor.pem,)

    def __init__(self, capabilities: Capabilities):
        self.capabilities = capabilities

    def issue(self, request: Request, *, timeout: datetime.timedelta) -> Outcome:
        del timeout
        start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=1)
        leaf = AUTHORITY.sign(request.csr, start=start, is_ca=request.is_ca)
        return Issued(leaf, AUTHORITY.chain)


class NarrowCharm(ops.CharmBase):
    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.provider = Provider(self, issuer=self._issuer)
        self.actions = Actions(self, self.provider, trust_anchors=lambda: Narrow.trust_anchors)

    def _issuer(self) -> Narrow:
        return Narrow(
            Capabilities(
                'narrow',
                ip_sans=False,
                wildcards=bool(self.config.get('wildcards')),
                allowed_domains=allowed_domains(self.config),
                ca_requests=allow_ca_requests(self.config),
                certificate_limit=certificate_limit(self.config),
                name_kinds=frozenset({NameKind.DNS}),
                key_algorithms=frozenset({'rsa', 'ecdsa-p256', 'ecdsa-p384'}),
            )
        )


class NarrowWorld(World):
    """Its charm has no folder to take the metadata from."""

    @staticmethod
    def _context(charm: type[ops.CharmBase]) -> testing.Context[ops.CharmBase]:
        return testing.Context(
            charm,
            meta={'name': 'narrow', **common.ENDPOINTS},
            config={'options': {**common.OPTIONS, 'wildcards': {'type': 'boolean'}}},
            actions=common.ACTIONS,
        )


class TestNarrow(Conformance):
    charm = NarrowCharm
    world_type = NarrowWorld
    unsupported: ClassVar = {
        Feature.IP_SANS: 101,
        Feature.EMAIL_SANS: 102,
        Feature.URI_SANS: 102,
        Feature.REGISTERED_ID_SANS: 102,
        Feature.OTHER_NAME_SANS: 102,
        Feature.ISSUE_CA: 999,
        Feature.ECDSA_P521: 999,
        Feature.ED25519: 999,
    }
    optional: ClassVar = {Feature.WILDCARDS: Allowed(103, {'wildcards': True})}


class Report:
    def __init__(self, *proved: tuple[str, str, str]):
        self.user_properties = [('proved', one) for one in proved] + [('other', 1)]


def test_the_matrix_shows_what_was_proved():
    passed = [
        Report(('A', 'RSA', 'served'), ('A', 'IP_SANS', 'refused')),
        Report(('A', 'ISSUE_CA', 'by option'), ('A', 'ISSUE_CA', 'served')),
        Report(('B', 'RSA', 'served')),
    ]

    lines = matrix.table(matrix.proofs(passed, [Report(('B', 'RSA', 'served'))]))

    assert lines[0] == '| feature | A | B |'
    assert '| RSA keys | served | FAILED |' in lines
    assert '| IP addresses | refused | not tested |' in lines
    assert '| CA certificates | by option | not tested |' in lines
    assert len(lines) == 2 + len(Feature) + len(Promise)


def test_nothing_proved_is_no_table():
    assert matrix.proofs([Report()], []) == {}


class TestTheKitNotices:
    """What breaks a promise is seen after any event."""

    @pytest.fixture
    def world(self) -> World:
        kit = TestNarrow()
        return NarrowWorld(NarrowCharm, kit.ready())

    def _answered(self, world: World) -> int:
        relation = TestNarrow().honest(world)
        world.changed(relation)
        world.assert_settled()
        return relation

    @pytest.mark.parametrize('field', ['certificate', 'ca', 'chain', 'revoked'])
    def test_a_missing_field(self, field: str, world: World):
        relation = self._answered(world)
        bag = dict(world.relation(relation).local_app_data)
        world.write_own(relation, {**bag, 'certificates': bag['certificates'].replace(field, 'x')})

        with pytest.raises((AssertionError, KeyError)):
            world.assert_settled()

    def test_a_chain_out_of_order(self, world: World):
        relation = self._answered(world)
        entry = world.entry(relation)
        links = [pem.replace('\n', '\\n') for pem in entry.chain]
        text = world.relation(relation).local_app_data['certificates']
        swapped = text.replace(links[1], 'other').replace(links[2], links[1])
        bag = dict(world.relation(relation).local_app_data)
        world.write_own(relation, {**bag, 'certificates': swapped.replace('other', links[2])})

        with pytest.raises(AssertionError):
            world.assert_settled()

    def test_an_answer_to_nobody(self, world: World):
        relation = self._answered(world)
        world.write(relation, {})

        with pytest.raises(AssertionError, match='not asked'):
            world.assert_settled()

    def test_a_root_that_nobody_is_told_to_trust(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ):
        # The kit's own reading is under test: a charm that publishes another root is made here.
        monkeypatch.setattr(Narrow, 'trust_anchors', (pki.Authority.root('other').anchor.pem,))
        relation = TestNarrow().honest(world)
        world.changed(relation)

        with pytest.raises(AssertionError):
            world.assert_settled()

    def test_a_leaf_for_another_key(self):
        csr = pki.request('a.example')
        start = datetime.datetime.now(datetime.timezone.utc)
        request = x509.parse_request(csr)
        leaf = AUTHORITY.sign(request, start=start, key='ecdsa-p256/other')

        assert x509.mismatch(request, leaf, AUTHORITY.chain, is_ca=False, now=start)


def test_a_charm_that_lacks_nothing_of_the_common_face():
    every: dict[str, Any] = {
        **common.ENDPOINTS,
        'config': {'options': common.OPTIONS},
        'actions': {**common.ACTIONS, 'another': {}},
    }

    assert common.lacking(every) == []


@pytest.mark.parametrize(
    ('changes', 'problem'),
    [
        ({'provides': {}}, 'provides certificates'),
        ({'peers': {'peers': {'interface': 'x'}}}, 'peers peers'),
        ({'config': {}}, 'option allowed-domains'),
        ({'actions': {}}, 'action list-requests'),
        ({'actions': {**common.ACTIONS, 'list-requests': {}}}, 'action list-requests'),
    ],
)
def test_what_a_charm_lacks_of_the_common_face(changes: dict[str, object], problem: str):
    every = {
        **common.ENDPOINTS,
        'config': {'options': common.OPTIONS},
        'actions': common.ACTIONS,
    }

    assert problem in common.lacking({**every, **changes})


def test_a_page_keeps_the_columns_of_other_charms():
    page = matrix.updated('# Title\n\nWords.\n\n', {'b': {'RSA': 'served'}})
    both = matrix.updated(page + '\nMore words.\n', {'a': {'RSA': 'refused'}})

    assert '| RSA keys | refused | served |' in both.splitlines()
    assert both.startswith('# Title\n\nWords.\n\n| feature | a | b |\n')
    assert both.endswith('|\n\nMore words.\n')
    assert matrix.updated(both, {'b': {'RSA': 'served'}}) == both
    assert matrix.updated(both, {'b': {'RSA': 'FAILED'}}) != both


def test_a_page_that_says_something_else_fails_the_run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
):
    source = pathlib.Path(tls_provider.__file__).parents[1]
    monkeypatch.setenv('PYTHONPATH', str(source))
    pytester.makepyfile(
        """
        def test_a_case(record_property):
            record_property('proved', ('charm', 'RSA', 'served'))
        """
    )
    arguments = ['-p', 'tls_provider.testing.matrix', '--matrix', 'page.md']

    wrong = pytester.runpytest_subprocess(*arguments)
    update = pytester.runpytest_subprocess(*arguments, '--matrix-update')
    right = pytester.runpytest_subprocess(*arguments)

    assert [wrong.ret, update.ret, right.ret] == [1, 0, 0]
    wrong.stdout.fnmatch_lines(['page.md says something else*'])
