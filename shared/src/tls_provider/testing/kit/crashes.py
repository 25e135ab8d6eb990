"""Group G: a process that is killed anywhere costs nobody a certificate.

Each hook of a story runs once as it should. Then, for every call that it made to Juju or to its
backend, it runs again from the state before in a process of its own, is killed by SIGKILL at that
call, and is run again as Juju does: what was not committed is lost, what is outside stays. The end
has to be that of the run without a crash. A charm declares what reaches out of its process:

    class TestCrashes(Crashes):
        charm = MyCharm
        backend = ('mine.Issuer.issue',)    # a point before and one after each call of these
        effects = ('mine.Client.sign',)     # calls that cost something, counted by request
"""

from __future__ import annotations

import collections
import dataclasses
import json
import os
import pathlib
import tempfile
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import ClassVar

from ops import testing

from tls_provider import x509
from tls_provider.testing import _crash_end, pki, requirers
from tls_provider.testing._crash_points import Points, kept, lines, watched
from tls_provider.testing.kit.base import Kit, Record
from tls_provider.testing.world import World


@dataclasses.dataclass(frozen=True)
class Step:
    """One hook or action of a story."""

    name: str
    run: Callable[[World], object]
    """Lets the charm run once."""
    prepare: Callable[[World], object] = lambda _: None
    """What others do before."""


@dataclasses.dataclass
class Tally:
    """What came of the crashes of a story."""

    calls: int = 0
    """To Juju and to the backend, in the runs without a crash."""
    points: int = 0
    """Where the process was killed: those of the calls before which something may have changed."""
    lost: int = 0
    """Answers that the run without a crash gives and the run after one does not."""
    doubled: int = 0
    """The most effects that one crash cost beyond those of the run without, of one request."""
    spent: int = 0
    """All of them."""
    orphans: int = 0
    """Secrets of the application that the run without a crash does not leave."""
    differences: list[str] = dataclasses.field(default_factory=list[str])
    """Where else the end is another one."""


class Crashes(Kit):
    """A charm whose process is killed at every point of a story."""

    variant: ClassVar[str] = ''
    """What tells this story from others of the charm, for the report."""
    backend: ClassVar[Sequence[str]] = ()
    """Dotted names of functions that reach the backend or the disk."""
    backend_is_all: ClassVar[bool] = False
    """Nothing else reaches out of the process: no point is needed between two such calls."""
    effects: ClassVar[Sequence[str]] = ()
    """Dotted names of functions each call of which is something that the backend did."""
    forgiven: ClassVar[frozenset[str]] = frozenset()
    """Fields of the end that a crash may change; a charm that needs this says why."""
    spends: ClassVar[int] = 1
    """Effects of one request that a crash may cost beyond those of the run without."""

    def story(self) -> Sequence[Step]:
        """What happens to every charm; one of its own may add to it."""
        return (
            Step('deployed', lambda world: world.run('start')),
            Step('first requests', _changed('kafka'), _related),
            *self.settling('answered'),
            Step('request replaced', _changed('kafka'), _replaced),
            *self.settling('answered again'),
            Step('revoked', _revoke),
            *self.settling('answered after that'),
            Step('another leader', lambda world: world.run('leader_elected')),
            Step('requirer gone', lambda world: world.part(_relation(world, 'zookeeper'))),
        )

    def settling(self, name: str) -> Sequence[Step]:
        """What lets requests that wait for somebody be decided; nothing where none do."""
        del name
        return ()

    def spent(self, outside: pathlib.Path) -> collections.Counter[str]:
        """What the backend did so far, by request or other thing."""
        return collections.Counter(lines(outside / 'effects'))

    def enter(self, outside: pathlib.Path) -> None:
        """Make what is outside of the process; all that a killed one leaves is in this folder."""

    def keep(self, outside: pathlib.Path) -> AbstractContextManager[Callable[[], None]]:
        """Give a function that puts all that is outside of the process back as it is now."""
        return kept(outside)

    def look(self, world: World) -> object:
        """What else has to be the same in the end."""
        del world

    def test_a_killed_process_costs_nobody_anything(
        self, tmp_path: pathlib.Path, record_property: Record
    ) -> None:
        """Killed at every point, then run again."""
        self._tell(record_property, self._run_story(tmp_path, kills=1))

    def test_nor_does_one_that_is_killed_twice(
        self, tmp_path: pathlib.Path, record_property: Record
    ) -> None:
        """Killed at every fifth point, and at the same one of the run after that."""
        self._tell(record_property, self._run_story(tmp_path, kills=2))

    def _tell(self, record: Record, tally: Tally) -> None:
        name = f'{self.charm.__name__} {self.variant}'.strip()
        record('crashes', (name, dataclasses.asdict(tally)))
        assert tally.points > 20
        assert not tally.differences, '\n'.join(tally.differences[:5])
        assert (tally.lost, tally.orphans) == (0, 0)

    def _run_story(self, tmp_path: pathlib.Path, *, kills: int) -> Tally:
        outside = tmp_path / 'outside'
        outside.mkdir()
        self.enter(outside)
        world = self.world_type(self.charm, self.ready())
        tally = Tally()
        for step in self.story():
            step.prepare(world)
            self._crash_everywhere(step, world, outside, tally, kills)
        world.assert_settled()
        return tally

    def _crash_everywhere(
        self, step: Step, world: World, outside: pathlib.Path, tally: Tally, kills: int
    ) -> None:
        """Run a step with and without crashes; the world goes on as it is after the last one."""
        before = world.state
        with self.keep(outside) as restore:
            points = self._points()
            self._run(step, world, outside, points)
            tally.calls += points.calls
            expected, spent = self._end(world), self.spent(outside)
            for number in range(0, len(points.names) + 1, 1 if kills == 1 else 5):
                restore()
                world.state = before
                where = f'{step.name}, {points.names[number:][:1] or "committed"}'
                for _ in range(kills):
                    self._run_and_kill(step, world, outside, number, must_die=kills == 1)
                self._run(step, world, outside, self._points())
                tally.points += 1
                self._compare(tally, where, expected, self._end(world))
                more = self.spent(outside) - spent
                tally.spent += more.total()
                tally.doubled = max(tally.doubled, *more.values(), 0)
                if any(count > self.spends * kills for count in more.values()):
                    tally.differences.append(f'{where}: {dict(more)} more')

    def _points(self, end_at: int | None = None) -> Points:
        return Points(end_at, self.backend_is_all)

    def _end(self, world: World) -> _crash_end.End:
        return dataclasses.replace(_crash_end.end(world), more=self.look(world))

    def _compare(
        self, tally: Tally, where: str, expected: _crash_end.End, found: _crash_end.End
    ) -> None:
        lost = expected.answers - found.answers
        orphans = found.secrets - expected.secrets
        tally.lost += len(lost)
        tally.orphans += sum(orphans.values())
        for name, wanted in vars(expected).items():
            if name not in self.forgiven and (came := getattr(found, name)) != wanted:
                tally.differences.append(f'{where}: {name}: {came} instead of {wanted}')

    def _run(self, step: Step, world: World, outside: pathlib.Path, points: Points) -> None:
        with watched(points, self.backend, self.effects, outside / 'effects'):
            step.run(world)

    def _run_and_kill(
        self, step: Step, world: World, outside: pathlib.Path, number: int, *, must_die: bool
    ) -> None:
        """Run a step in a process of its own up to a point of it.

        Where it found something that a killed one has left, it may not get there any more.
        """
        with warnings.catch_warnings():
            # The child goes on with this thread alone, and is killed.
            warnings.simplefilter('ignore', DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            status = 1
            try:
                tempfile.tempdir = str(outside.parent)  # what is left there goes with the test
                points = self._points(number)
                self._run(step, world, outside, points)
                points.reach('end of the hook')
                status = 2 if must_die else 0
            except BaseException:  # nothing may get back to the runner of the tests
                traceback.print_exc()
            finally:
                os._exit(status)
        _, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status) or status == 0, f'point {number} of {step.name}: {status}'


def _changed(app: str) -> Callable[[World], None]:
    return lambda world: world.changed(_relation(world, app))


def _relation(world: World, app: str) -> int:
    """The relation with an application."""
    [found] = [
        relation.id
        for relation in world.state.relations
        if isinstance(relation, testing.Relation) and relation.remote_app_name == app
    ]
    return found


CSRS = tuple(
    pki.request(f'{name}.example', common_name=f'{name}.example', key=f'ecdsa-p256/{name}')
    for name in 'abcd'
)
"""The requests of the story."""


def _related(world: World) -> None:
    world.relate('kafka', {0: requirers.bag(CSRS[0], CSRS[1])})
    world.relate('zookeeper', {0: requirers.bag(CSRS[2], pki.request('not valid'))})


def _replaced(world: World) -> None:
    world.write(_relation(world, 'kafka'), {0: requirers.bag(CSRS[1], CSRS[3])})


def _revoke(world: World) -> None:
    [entry] = [
        one
        for one in world.answers(_relation(world, 'kafka')).entries
        if one.csr.strip() == CSRS[1].strip()
    ]
    serial = x509.parse_certificate(entry.certificate).hex_serial
    peers = world.state.get_relations('peers')
    records = json.loads(str(getattr(peers[0], 'local_app_data', {}).get('ledger')))['records']
    [key] = [key for key, one in records.items() if one.get('serial') == serial]
    world.act('revoke-certificate', id=key)
