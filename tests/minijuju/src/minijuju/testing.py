"""For tests of minijuju, and of what runs on it: tiny charms, and models without processes."""

from __future__ import annotations

import shlex
import stat
import zipfile
from contextlib import nullcontext
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from minijuju import lifecycle, progress
from minijuju.charm import Charm, EndpointSpec, Option, Role, machine_architecture
from minijuju.context import HookContext
from minijuju.document import dump
from minijuju.hooktools import Reply, run_tool
from minijuju.model import App, Endpoint, Model
from minijuju.operations import (
    EnterScope,
    LeaveScope,
    LifecycleHook,
    RelationHook,
    Remove,
    SecretHook,
)
from minijuju.resolver import config_digest, next_op

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from minijuju.model import Relation, Unit
    from minijuju.operations import Op, RelationKind

MODEL_UUID = '7b5a8a4e-8e4a-4d2e-9a52-5d29a6a2a111'
"""Of the model in every simulation."""
_TURNS = 500  # of a simulation; no test has as many

# Runs the script named after the hook or the action, if the charm has one.
_DISPATCH = """#!/bin/bash
script=scripts/${JUJU_DISPATCH_PATH##*/}
if [[ -e $script ]]; then exec bash -e "$script"; fi
"""


def pack_charm(
    path: Path,
    *,
    metadata: Mapping[str, object],
    scripts: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
    architecture: str = '',
) -> Path:
    """Write a packed charm of bash scripts and return its path.

    Args:
        path: where the ``.charm`` goes.
        metadata: content of metadata.yaml.
        scripts: bash text by the name of a hook or an action.
        files: other files by their name in the charm, ``actions.yaml`` and ``config.yaml`` too.
        architecture: for manifest.yaml; this machine's when empty.
    """
    base = {
        'name': 'ubuntu',
        'channel': '24.04',
        'architectures': [architecture or machine_architecture()],
    }
    content = {
        'dispatch': _DISPATCH,
        'metadata.yaml': dump(dict(metadata)),
        'manifest.yaml': dump({'bases': [base]}),
        **{f'scripts/{name}': script for name, script in (scripts or {}).items()},
        **(files or {}),
    }
    with zipfile.ZipFile(path, 'w') as archive:
        for name, text in content.items():
            info = zipfile.ZipInfo(name)
            mode = 0o755 if name == 'dispatch' else 0o644
            info.external_attr = (stat.S_IFREG | mode) << 16
            archive.writestr(info, text)
    return path


class Simulation:
    """A model whose hooks do nothing, or what the test lets them do, without processes."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=timezone.utc)
        self.model = Model('sim', MODEL_UUID, self.now, Path('/nonexistent'))
        self.log: list[tuple[str, str]] = []
        """Level and message of every juju-log."""

    @classmethod
    def related(cls) -> Simulation:
        """Return a provider ``a`` and a requirer ``b`` at rest, two units each.

        Relation 0 is among the peers of ``a``, relation 1 between ``a:certs`` and ``b:needs``.
        ``a/0`` and ``b/0`` are the leaders.
        """
        found = cls()
        options = {'size': 'big', 'no': None}
        found.deploy('a', units=2, provides='certs', peers='peers', options=options)
        found.deploy('b', units=2, requires='needs')
        found.integrate('a:certs', 'b:needs')
        found.settle()
        return found

    def deploy(
        self,
        name: str,
        *,
        units: int = 1,
        provides: str = '',
        requires: str = '',
        peers: str = '',
        options: Mapping[str, object] | None = None,
    ) -> App:
        """Add an application whose endpoints all have the interface ``tls``."""
        roles: dict[str, Role] = {provides: 'provider', requires: 'requirer', peers: 'peer'}
        roles.pop('', None)
        specs = {name: EndpointSpec(name, 'tls', role) for name, role in roles.items()}
        charm = Charm(
            name=name,
            digest=f'{name}-1',
            folder=Path('/nonexistent'),
            base=('ubuntu', '24.04'),
            python='',
            endpoints=specs,
            bindings=frozenset(specs),
            options={k: Option(k, 'string', v, '') for k, v in (options or {}).items()},
        )
        app = self.model.apps[name] = App(name, charm, 0, self.now)
        for spec in specs.values():
            if spec.role == 'peer':
                lifecycle.add_relation(self.model, (Endpoint(name, spec),))
        self.add_units(app, units)
        return app

    def add_units(self, app: App, count: int = 1) -> None:
        """Add units to an application."""
        for _ in range(count):
            address = f'127.1.0.{2 + self.model.next_machine}'
            lifecycle.add_unit(self.model, app, address, self.now)

    def integrate(self, one: str, other: str) -> Relation:
        """Relate two endpoints, ``app:endpoint``."""
        first, second = (self._endpoint(reference) for reference in (one, other))
        return lifecycle.add_relation(self.model, (first, second))

    def unit(self, name: str) -> Unit:
        """Return a unit; ``LookupError`` when there is none."""
        unit = self.model.unit(name)
        if unit is None:
            raise LookupError(name)
        return unit

    def relation_context(
        self, unit: str, kind: RelationKind, number: int, other: str = ''
    ) -> HookContext:
        """Return the context of a relation hook of the unit."""
        relation = self.model.relations[number]
        app = self.unit(unit).app
        end, remote = relation.end_of(app), relation.remote_of(app)
        names = (end.spec.name, remote.app, remote.spec.name)
        return self.context(unit, RelationHook(kind, number, *names, other))

    def context(self, unit: str, op: Op | None = None) -> HookContext:
        """Return the context of a hook of the unit, update-status when none is given."""

        def write(level: str, message: str) -> None:
            self.log.append((level, message))

        return HookContext(
            id='context',
            model=self.model,
            unit=self.unit(unit),
            op=op or LifecycleHook('update-status'),
            now=lambda: self.now,
            log=write,
        )

    def write(self, relation: Relation, subject: str, **data: str) -> None:
        """Write a databag as a hook of the subject's unit would, or of its leader for an app."""
        unit = subject if '/' in subject else self.model.apps[subject].leader
        context = self.context(unit)
        context.write_bag(relation, data, app='/' not in subject)
        if problem := context.commit():
            raise ValueError(problem)

    def step(self, unit: str, during: Callable[[], None] = lambda: None) -> str | None:
        """Run the unit's next operation and return its text, None when there is none.

        The text is ``joined b/0`` for ``EP-relation-joined`` and so on; ``during`` is called
        while the operation runs.
        """
        found = self.model.unit(unit)
        op = next_op(self.model, found, self.now) if found is not None else None
        if found is None or op is None:
            return None
        config = config_digest(self.model, found)
        match op:
            case EnterScope():
                lifecycle.enter_scope(self.model, found, op.relations)
                return 'enter'
            case LeaveScope():
                lifecycle.leave_scope(self.model, found, op.relation)
                return 'leave'
            case Remove():
                lifecycle.drop_unit(self.model, found)
                return 'gone'
            case LifecycleHook() | RelationHook() | SecretHook():
                if op == LifecycleHook('upgrade-charm'):
                    found.charm = self.model.apps[found.app].charm
                progress.begin(self.model, found, op, self.now)
                during()
                progress.succeed(self.model, found, op, config, self.now)
                return event_text(op)
            case _:
                self.model.tasks[op.task].status = 'completed'
                return 'task'

    def run(self, unit: str) -> list[str]:
        """Run one unit until it has nothing to do; return the texts of its operations.

        Raises:
            RuntimeError: there is no end to it.
        """
        steps: list[str] = []
        while step := self.step(unit):
            steps.append(step)
            if len(steps) > _TURNS:
                raise RuntimeError(f'{unit} always has something to do: {steps[-5:]}')
        return steps

    def fail(self, unit: str, *, retry: bool = True) -> str:
        """Let the unit's next hook fail, and return its text; ``LookupError`` without one."""
        found = self.unit(unit)
        op = next_op(self.model, found, self.now)
        if not isinstance(op, LifecycleHook | RelationHook | SecretHook):
            raise LookupError(unit)
        self.model.settings['automatically-retry-hooks'] = str(retry).lower()
        progress.begin(self.model, found, op, self.now)
        progress.fail(found, op, factor=1, now=self.now)
        return event_text(op)

    def settle(self) -> dict[str, list[str]]:
        """Run everything until nothing is left; return each unit's events, hooks only.

        Raises:
            RuntimeError: there is no end to it.
        """
        events: dict[str, list[str]] = {}
        for _ in range(_TURNS):
            steps = [(unit.name, self.step(unit.name)) for unit in [*self.model.units()]]
            for name, text in steps:
                if text is not None and text not in {'enter', 'leave', 'gone'}:
                    events.setdefault(name, []).append(text)
            if not any(text for _, text in steps):
                return events
        raise RuntimeError(f'after {_TURNS} turns there is still something to do: {events}')

    def advance(self, **length: float) -> None:
        """Put the clock forward, by the arguments of ``timedelta``."""
        self.now += timedelta(**length)

    def _endpoint(self, reference: str) -> Endpoint:
        app, _, name = reference.partition(':')
        return Endpoint(app, self.model.apps[app].charm.endpoints[name])


def tool(context: HookContext, line: str, stdin: str = '', cwd: Path = Path('/')) -> Reply:
    """Run a hook tool in a hook, by a line as a shell would read it."""
    name, *args = shlex.split(line)
    return run_tool(nullcontext(context), name, args, cwd, stdin)


def event_text(op: Op) -> str:
    """Return an operation in a few words: ``joined b/0``, ``app changed``, ``install``."""
    match op:
        case RelationHook():
            if op.kind == 'changed' and not op.remote_unit:
                return 'app changed'
            return ' '.join(part for part in (op.kind, op.remote_unit, op.departing) if part)
        case LifecycleHook() | SecretHook():
            return op.name
        case _:
            return type(op).__name__
