"""Every provider takes the place of every other one, and the requirer does not notice which it is.

Four providers stand in one model. Three requirers go round them by a circuit that has each ordered
pair once: one with the library and one endpoint, which removes a relation before it has the next;
one with two endpoints, where both stand for a while; and one that has nothing but a databag, with
two relations on one endpoint.
"""

from __future__ import annotations

import itertools
import json
import pathlib
import re
import shlex
from collections.abc import Callable
from typing import Any

import jubilant
import pytest
import swaps
import verification
from acme_servers import Servers
from swaps import LEGO, MANUAL, PAIRS, SELF_SIGNED, TLS, TRUST, VAULT

from backends import openbao
from minijuju import testing
from scenarios import blocks
from scenarios.stage import Stage
from tls_provider.testing import requirers, verifiers
from tls_provider.testing.pki import request as signing_request

GOLDEN = pathlib.Path(__file__).parent / 'golden' / 'answer.json'
ONE, TWO, BAG = 'one', 'two', 'bag'
"""Requirers: with one endpoint, with two, and with a databag alone."""
UNITS = {app: f'{app}/0' for app in (ONE, TWO, BAG)}
PROVIDERS = (SELF_SIGNED, LEGO, MANUAL, VAULT)
ALONE = (SELF_SIGNED, MANUAL)
"""Providers with no server behind them, whose address would be in an error."""
RECEIVE = 'certificate_transfer'
FIRST, SECOND = 'certificates', 'other-certificates'

Record = Callable[[str, object], None]
swap = pytest.mark.parametrize(
    ('old', 'new'), [pytest.param(*pair, id=' to '.join(pair)) for pair in PAIRS]
)


class Market:
    """The providers, and what a requirer has of them."""

    def __init__(self, stage: Stage, roots: dict[str, str]):
        self.stage = stage
        self.juju = stage.juju
        self.people = swaps.People(stage.juju)
        self.roots = {**roots, MANUAL: self.people.root}
        self._keys = itertools.count()

    def settle(self, app: str) -> None:
        """Wait until a requirer has what it wants, and no unit has anything left to do."""
        self.juju.wait(
            lambda status: jubilant.all_active(status, app, *PROVIDERS),
            error=jubilant.any_error,
            delay=0.1,
            successes=1,
        )
        self.stage.idle()

    def answer(self, provider: str) -> None:
        """Have the people do their part, if the provider is the one that waits for them."""
        if provider == MANUAL:
            self.stage.idle()
            assert self.people.answer() == 1

    def integrate(self, app: str, endpoint: str, provider: str) -> None:
        """Relate a requirer by an endpoint, and to what is trusted, and wait for the answer."""
        self.juju.integrate(f'{app}:{endpoint}', f'{provider}:{TLS}')
        if app == BAG:
            self._ask(provider)
        else:
            self.juju.integrate(f'{app}:{RECEIVE}', f'{provider}:{TRUST}')
        self.answer(provider)
        self.settle(app)

    def remove(self, app: str, endpoint: str, provider: str) -> None:
        """Undo that, and wait until the relations are gone."""
        self.juju.remove_relation(f'{app}:{endpoint}', f'{provider}:{TLS}')
        if app != BAG:
            self.juju.remove_relation(f'{app}:{RECEIVE}', f'{provider}:{TRUST}')
            swaps.parted(self.juju, app, RECEIVE, provider)
        swaps.parted(self.juju, app, endpoint, provider)

    def _ask(self, provider: str) -> None:
        """Write what a requirer without a library writes: for a leaf and for a CA."""
        number = next(self._keys)
        generation = list(requirers.GENERATIONS)[number % len(requirers.GENERATIONS)]
        key = f'p256/{number}'
        leaf = signing_request('bag.example.test', common_name='bag.example.test', key=key)
        above = signing_request(common_name='bag CA', key=key)
        text = json.dumps(
            [
                entry
                for bag in (
                    requirers.bag(leaf, generation=generation),
                    requirers.bag(above, is_ca=True, generation=generation),
                )
                for entry in json.loads(bag['certificate_signing_requests'])
            ]
        )

        def joined(status: jubilant.Status) -> bool:
            related = status.apps[BAG].relations.get(FIRST, [])
            return any(one.related_app == provider for one in related)

        self.juju.wait(joined, delay=0.1, successes=1)
        self.stage.idle()
        relation = self.published(BAG, provider).relation_id
        words = [
            'relation-set',
            '-r',
            f'{FIRST}:{relation}',
            f'certificate_signing_requests={text}',
        ]
        self.juju.exec(shlex.join(words), unit=UNITS[BAG])

    def published(self, app: str, provider: str, endpoint: str = TLS) -> swaps.Answer:
        """What a provider says to a requirer."""
        found = swaps.answers(self.juju, UNITS[app], endpoint)
        [answer] = [one for one in found if one.provider == provider]
        return answer

    def providers(self, app: str) -> list[str]:
        """The providers that a requirer has."""
        return [answer.provider for answer in swaps.answers(self.juju, UNITS[app])]

    def trusted(self, app: str) -> set[str]:
        """What a requirer is told to trust."""
        found = self.juju.run(UNITS[app], 'get-trusted-ca-certificates').results
        return set(certificates_of(found['ca-certificates']))

    def bring(self, app: str, provider: str) -> str:
        """Have a requirer where a swap begins; gives the endpoint by which it is related there.

        It is there already, unless the swap before was left out or failed.
        """
        answers = swaps.answers(self.juju, UNITS[app])
        if [answer.provider for answer in answers] != [provider]:
            for answer in answers:
                self.remove(app, answer.endpoint, answer.provider)
            self.integrate(app, FIRST, provider)
            answers = swaps.answers(self.juju, UNITS[app])
        self.settle(app)
        return answers[0].endpoint

    def bystanders(self, app: str) -> list[Any]:
        """The certificates of the other requirers."""
        return [
            answer.certificates
            for other in UNITS.values()
            if other != UNITS[app]
            for answer in swaps.answers(self.juju, other)
        ]

    def assert_moved(self, app: str, old: str, new: str, gone: list[int]) -> None:
        """Check that a requirer has the new provider's certificate, and nothing of the old one."""
        [answer] = swaps.answers(self.juju, UNITS[app])
        assert answer.provider == new
        requirers.assert_every_generation_reads(answer.databag)
        [entry] = answer.certificates
        chain: list[str] = entry['chain']
        host = f'{app}.example.test'
        assert entry['ca'].strip() == self.roots[new].strip()
        verification.assert_verifies(chain, self.roots[new], host, lints=False)
        with pytest.raises(verifiers.Refused):
            verifiers.openssl(verifiers.Presented(tuple(chain), self.roots[old], '', host))
        assert swaps.leftovers(self.juju, old, gone) == []
        if app != BAG:
            assert self.trusted(app) == {self.roots[new].strip()}
            [issued] = json.loads(
                self.juju.run(UNITS[app], 'get-certificate').results['certificates']
            )
            assert issued['certificate'] == entry['certificate'].strip()
            assert self.juju.run(UNITS[app], 'check').results['checked'] == '1'

    def assert_no_orphans(self, app: str, before: dict[str, list[str]]) -> None:
        """Check that nobody has more secrets than before a swap."""
        after = swaps.secrets(self.juju)
        assert {name: after.get(name) for name in PROVIDERS} == {
            name: before.get(name) for name in PROVIDERS
        }
        # The library has one with the key and one with the certificate.
        assert len(after.get(app, [])) == (0 if app == BAG else 2)


def certificates_of(bundle: str) -> list[str]:
    end = '-----END CERTIFICATE-----'
    return [f'{part.strip()}\n{end}' for part in bundle.split(end)[:-1]]


@pytest.fixture(scope='module')
def market(
    juju: jubilant.Juju,
    idle: Callable[[], jubilant.Status],
    artifact: Callable[[str], pathlib.Path],
    servers: Servers,
    bao: openbao.OpenBao,
    tmp_path_factory: pytest.TempPathFactory,
) -> Market:
    folder = tmp_path_factory.mktemp('market')
    stage = Stage(juju, artifact, folder, idle)
    blocks.deploy_public(stage, servers.dns, servers.acme)
    blocks.deploy_internal(stage)
    juju.deploy(artifact(f'charms/{MANUAL}'), MANUAL)
    address = {'vault-address': bao.address, 'vault-ca-certificates': bao.certificate}
    juju.deploy(artifact(f'charms/{VAULT}'), VAULT, config={**address, 'ca-type': 'root'})
    for app in (ONE, TWO):
        name = f'{app}.example.test'
        config = {'common_name': name, 'sans_dns': name, 'key-algorithm': 'ecdsa-p256'}
        juju.deploy(artifact('tests/charms/requirer'), app, config=config)
    juju.deploy(bare(folder), BAG)
    idle()
    token = juju.add_secret('admin', {'token': bao.root_token})
    juju.grant_secret('admin', VAULT)
    juju.run(f'{VAULT}/leader', 'authorize', {'secret-id': str(token)})
    juju.cli('remove-secret', 'admin')
    idle()
    roots = {
        name: juju.run(f'{name}/leader', 'get-ca-certificate').results['ca-certificate']
        for name in (SELF_SIGNED, VAULT)
    }
    made = Market(stage, {**roots, LEGO: servers.acme.root()})
    # Each provider answers somebody, so that each has the secrets that it will have.
    for app, provider in ((ONE, LEGO), (TWO, VAULT), (BAG, SELF_SIGNED)):
        made.integrate(app, FIRST, provider)
    return made


def bare(folder: pathlib.Path) -> pathlib.Path:
    """A charm that does nothing."""
    metadata = {'name': BAG, 'requires': {FIRST: {'interface': 'tls-certificates'}}}
    scripts = {'start': 'status-set active'}
    return testing.pack_charm(folder / f'{BAG}.charm', metadata=metadata, scripts=scripts)


def test_every_ordered_pair_is_there_once() -> None:
    assert sorted(PAIRS) == sorted(itertools.permutations(PROVIDERS, 2))


@swap
def test_a_relation_is_removed_and_the_next_one_made(
    market: Market, record_property: Record, old: str, new: str
) -> None:
    endpoint = market.bring(ONE, old)
    gone = [market.published(ONE, old, one).relation_id for one in (TLS, TRUST)]
    secrets, bystanders = swaps.secrets(market.juju), market.bystanders(ONE)

    with swaps.watching(market.juju, UNITS[ONE]) as window:
        market.remove(ONE, endpoint, old)
        market.integrate(ONE, endpoint, new)

    record_property('swap', ('one endpoint', old, new, window.wall, window.longest))
    market.assert_moved(ONE, old, new, gone)
    market.assert_no_orphans(ONE, secrets)
    assert market.bystanders(ONE) == bystanders


@swap
def test_a_relation_on_a_second_endpoint_leaves_no_time_without_a_certificate(
    market: Market, record_property: Record, old: str, new: str
) -> None:
    endpoint = market.bring(TWO, old)
    other = {FIRST: SECOND, SECOND: FIRST}[endpoint]
    gone = [market.published(TWO, old, one).relation_id for one in (TLS, TRUST)]
    secrets, bystanders = swaps.secrets(market.juju), market.bystanders(TWO)

    with swaps.watching(market.juju, UNITS[TWO]) as window:
        market.integrate(TWO, other, new)
        both = market.trusted(TWO)
        market.remove(TWO, endpoint, old)
        market.settle(TWO)

    record_property('swap', ('two endpoints', old, new, window.wall, window.longest))
    assert both == {market.roots[one].strip() for one in (old, new)}
    assert window.without == 0
    market.assert_moved(TWO, old, new, gone)
    market.assert_no_orphans(TWO, secrets)
    assert market.bystanders(TWO) == bystanders


@swap
def test_a_databag_with_two_relations_is_answered_in_both(
    market: Market, record_property: Record, old: str, new: str
) -> None:
    endpoint = market.bring(BAG, old)
    before = market.published(BAG, old)
    secrets, bystanders = swaps.secrets(market.juju), market.bystanders(BAG)

    with swaps.watching(market.juju, UNITS[BAG]) as window:
        market.integrate(BAG, endpoint, new)
        during = market.published(BAG, old)
        market.remove(BAG, endpoint, old)
        market.settle(BAG)

    record_property('swap', ('two relations', old, new, window.wall, window.longest))
    assert during == before
    assert window.without == 0
    market.assert_moved(BAG, old, new, [before.relation_id])
    market.assert_no_orphans(BAG, secrets)
    assert market.bystanders(BAG) == bystanders


@pytest.mark.parametrize('provider', PROVIDERS)
def test_answers_have_one_form(market: Market, provider: str) -> None:
    market.bring(BAG, provider)
    market.bring(ONE, provider)

    # As text: the order of keys counts.
    found = {
        TLS: swaps.form_of_databag(market.published(BAG, provider).databag),
        TRUST: swaps.form_of_databag(market.published(ONE, provider, TRUST).databag),
    }

    expected = GOLDEN.read_text(encoding='utf-8')
    if provider in ALONE:
        expected = expected.replace(f'{" " * 20}"endpoint": "text",\n', '')
    assert json.dumps(found, indent=4).splitlines() == expected.splitlines()


_FAILED = re.compile(r'hook "[a-z-]+" failed|committing .* failed|Traceback')


def test_no_hook_failed(market: Market) -> None:
    log = market.juju.cli('debug-log', '--replay', '--no-tail')

    assert _FAILED.search('unit-web-0: ERROR hook "config-changed" failed: exit status 1')
    assert 'INFO' in log
    assert [line for line in log.splitlines() if _FAILED.search(line)] == []
