"""The crash harness notices what it is there for."""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Sequence
from typing import Any, ClassVar

import ops
import pytest
from ops import testing

from tls_provider.actions import Actions
from tls_provider.issuer import Capabilities, ErrorCode, Issued, Outcome, Rejected, Request
from tls_provider.provider import Provider
from tls_provider.testing import common, crash_report, pki
from tls_provider.testing.kit.crashes import Crashes, Step
from tls_provider.testing.world import World

AUTHORITY = pki.Authority.root('once')


class Once:
    """An authority that serves each request as often as a file lets it."""

    capabilities = Capabilities('once')
    generation = 'one'
    settings = ''
    trust_anchors = (AUTHORITY.anchor.pem,)
    folder: ClassVar[pathlib.Path]
    most: ClassVar[int] = 1

    def issue(self, request: Request, *, timeout: datetime.timedelta) -> Outcome:
        del timeout
        if len(list(self.folder.glob(f'{request.csr.names[0].value}-*'))) >= self.most:
            return Rejected(ErrorCode.OTHER, 'once more than it may be')
        return self.sign(request)

    def sign(self, request: Request) -> Outcome:
        name = request.csr.names[0].value
        (self.folder / f'{name}-{len(list(self.folder.iterdir()))}').touch()
        start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=1)
        return Issued(AUTHORITY.sign(request.csr, start=start), AUTHORITY.chain)


class Charm(ops.CharmBase):
    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.provider = Provider(self, issuer=Once)
        self.actions = Actions(self, self.provider, trust_anchors=lambda: Once.trust_anchors)


class CharmWorld(World):
    @staticmethod
    def _context(charm: type[ops.CharmBase]) -> testing.Context[ops.CharmBase]:
        meta = {'name': 'once', **common.ENDPOINTS}
        options = {'options': common.OPTIONS}
        return testing.Context(charm, meta=meta, config=options, actions=common.ACTIONS)


class Killed(Crashes):
    charm = Charm
    world_type = CharmWorld
    backend: ClassVar = (f'{__name__}.Once.issue',)
    effects: ClassVar = (f'{__name__}.Once.sign',)

    def enter(self, outside: pathlib.Path) -> None:
        Once.folder = outside / 'orders'
        Once.folder.mkdir()

    def story(self) -> Sequence[Step]:
        return super().story()[:2]


def _proved(test: Any, tmp_path: pathlib.Path) -> dict[str, int]:
    found: dict[str, Any] = {}
    try:
        test(tmp_path, found.__setitem__)
    finally:
        assert found['crashes'][0] == 'Charm'
    return found['crashes'][1]


def test_an_order_that_is_repeated_is_counted(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Once, 'most', 2)  # so that it can be repeated

    tally = _proved(Killed().test_a_killed_process_costs_nobody_anything, tmp_path)

    assert tally['points'] > 20
    assert (tally['lost'], tally['doubled'], tally['orphans']) == (0, 1, 0)
    assert tally['spent'] > 3


def test_an_answer_that_is_lost_is_noticed(tmp_path: pathlib.Path):
    with pytest.raises(AssertionError, match='once more'):
        _proved(Killed().test_a_killed_process_costs_nobody_anything, tmp_path)


def test_a_charm_names_what_else_has_to_be_the_same(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Once, 'most', 2)

    class Looked(Killed):
        def look(self, world: World) -> object:
            del world
            return len(list(Once.folder.iterdir()))

    with pytest.raises(AssertionError, match='more: 4 instead of 3'):
        _proved(Looked().test_a_killed_process_costs_nobody_anything, tmp_path)


def test_one_point_between_two_calls_is_enough_where_nothing_else_reaches_out(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Once, 'most', 2)

    class Every(Killed):
        def story(self) -> Sequence[Step]:
            return Crashes.story(self)[:4]

    class Fewer(Every):
        backend_is_all = True

    tallies: list[dict[str, int]] = []
    for kind in (Every, Fewer):
        folder = tmp_path / kind.__name__
        folder.mkdir()
        tallies.append(_proved(kind().test_a_killed_process_costs_nobody_anything, folder))

    every, fewer = tallies
    assert fewer['points'] < every['points']
    assert (fewer['calls'], fewer['doubled']) == (every['calls'], 1)


def test_the_report_has_a_line_for_each_test():
    tally = dict.fromkeys(('points', 'calls', 'lost', 'doubled', 'spent', 'orphans'), 7)

    class Report:
        nodeid = 'test_that_is_killed_twice'
        user_properties = (('other', 1), ('crashes', ('Charm', tally)))

    [line] = crash_report.table([Report()])

    assert line.startswith('Charm, killed twice: crash points tried: 7; ')
