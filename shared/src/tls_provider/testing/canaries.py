"""Secrets that must not be seen: looks for them wherever a charm leaves something.

Every value of every secret that a state holds is one, unless a suite says that its key is public,
and so is every private key in a request or in an action's parameters. After each test the log,
statuses, our databags, results of actions, command lines and files that others may read are
searched for each of them: as it is, and in base64, hexadecimal digits, URL and JSON form.

    @pytest.fixture(autouse=True)
    def canaries(monkeypatch, caplog, tmp_path):
        with watched(monkeypatch, caplog, tmp_path, public={'ca-certificate'}):
            yield
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import pathlib
import re
import stat
import subprocess
import urllib.parse
import uuid
from collections.abc import Callable, Collection, Generator, Iterable
from typing import Any

import pytest
from ops import testing

SHORTEST = 8
"""Characters of a value that is looked for: a shorter one is anywhere."""
_KEY = re.compile(r'-----BEGIN [^-]*PRIVATE KEY[^-]*-----(.*?)-----END', re.DOTALL)


def seed(name: str) -> str:
    """A value for a secret that is nowhere else; the name is for who reads a failure."""
    return f'canary-{name}-{uuid.uuid4().hex}'


@dataclasses.dataclass
class Watch:
    """What was secret in a test, and what could be seen."""

    public: frozenset[str]
    """Keys of secrets whose values are none."""
    secrets: dict[str, str] = dataclasses.field(default_factory=dict[str, str])
    """Values, each with the name to show in its place."""
    seen: dict[str, set[str]] = dataclasses.field(default_factory=dict[str, set[str]])
    """Texts by place."""

    def see(self, place: str, *texts: object) -> None:
        """Note what is open to others."""
        self.seen.setdefault(place, set()).update(str(text) for text in texts)

    def see_state(self, state: testing.State) -> None:
        """Note secrets, and what a state shows."""
        for secret in state.secrets:
            contents = (secret.tracked_content, secret.latest_content or {})
            for key, value in (pair for one in contents for pair in one.items()):
                if key not in self.public:
                    self.hide(f'{secret.label or "secret"}: {key}', value)
        self.see('status', state.unit_status.message, state.app_status.message)
        self.see('version', state.workload_version)
        for relation in state.relations:
            self.see('databag', relation.local_unit_data)
            self.see('databag', getattr(relation, 'local_app_data', {}))
            remote = [getattr(relation, 'remote_app_data', {})]
            remote += getattr(relation, 'remote_units_data', {}).values()
            for bag in remote:
                self._hide_keys('databag of a requirer', json.dumps(bag).replace('\\\\n', '\n'))
        self.see('stored state', *(one.content for one in state.stored_states))

    def see_event(self, event: Any) -> None:
        """Note private keys in the parameters of an action."""
        action = getattr(event, 'action', None)
        if action is not None:
            for key, value in action.params.items():
                self._hide_keys(f'parameter {key}', str(value))

    def see_context(self, context: testing.Context[Any]) -> None:
        """Note what a run has written beside the state."""
        self.see('log', *(one.message for one in context.juju_log))
        history = (*context.unit_status_history, *context.app_status_history)
        self.see('status', *(one.message for one in history))
        self.see('action', context.action_results, *context.action_logs)

    def hide(self, name: str, value: str) -> None:
        """Note a secret that is in no state; the name is shown in its place."""
        if 'PRIVATE KEY' in value:
            self._hide_keys(name, value)
        elif len(value) >= SHORTEST:
            self.secrets[value] = name

    def _hide_keys(self, name: str, text: str) -> None:
        """A line from the middle of each private key: whoever has one has all of it."""
        for block in _KEY.findall(text):
            lines = [line.strip() for line in block.splitlines() if len(line.strip()) >= SHORTEST]
            if lines:
                self.secrets[lines[len(lines) // 2]] = f'{name}, a private key'

    def leaks(self, root: pathlib.Path) -> list[str]:
        """Where secrets are seen; the values are not repeated."""
        forms = {form: name for value, name in self.secrets.items() for form in _forms(value)}
        found = {
            f'{name} is in the {place}'
            for place, texts in self.seen.items()
            for text in texts
            for form, name in forms.items()
            if form in text
        }
        for place in _open_files(root):
            text = place.read_bytes().decode(errors='replace')
            found |= {
                f'{name} is in the file {place.relative_to(root)}, which others may read'
                for form, name in forms.items()
                if form in text
            }
        return sorted(found)


@contextlib.contextmanager
def watched(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    folder: pathlib.Path,
    *,
    public: Collection[str] = (),
) -> Generator[Watch]:
    """Watch every run of a charm and every process; raises AssertionError where a secret is seen.

    Args:
        monkeypatch: For the time of the watch.
        caplog: What was logged counts, also by threads.
        folder: Where the charm leaves files, at any depth.
        public: Keys of secrets whose values are no secrets.

    """
    watch = Watch(frozenset(public))
    run: Callable[..., testing.State] = vars(testing.Context)['run']

    def run_and_look(context: Any, event: Any, state: Any, **more: Any) -> Any:
        watch.see_event(event)
        watch.see_state(state)
        try:
            out = run(context, event, state, **more)
        except testing.ActionFailed as error:
            watch.see('action', error.message)
            raise
        finally:
            watch.see_context(context)
        watch.see_state(out)
        return out

    class Popen(subprocess.Popen[Any]):
        def __init__(self, args: Any, *rest: Any, **more: Any):
            watch.see('command line', args if isinstance(args, str) else [*map(str, args)])
            super().__init__(args, *rest, **more)

    # Neither Scenario nor subprocess has a place to listen at.
    monkeypatch.setattr(testing.Context, 'run', run_and_look)
    monkeypatch.setattr(subprocess, 'Popen', Popen)
    yield watch
    watch.see('log', caplog.text)
    leaks = watch.leaks(folder)
    assert not leaks, '\n'.join(leaks)


def _forms(value: str) -> Iterable[str]:
    """A value as it may be met: also within other data that was encoded as a whole."""
    raw = value.encode(errors='surrogatepass')
    yield value
    yield json.dumps(value)[1:-1]
    yield urllib.parse.quote(value, safe='')
    yield raw.hex()
    for lead in range(3):
        text = base64.b64encode(bytes(lead) + raw).decode().rstrip('=')
        yield text[4 if lead else 0 : -2]


def _open_files(root: pathlib.Path) -> list[pathlib.Path]:
    """Files that other users get at: readable, and no folder above shut, as far as the root."""
    found: list[pathlib.Path] = []
    for place in root.iterdir() if root.is_dir() else ():
        if place.is_symlink():
            continue
        mode = stat.S_IMODE(place.stat().st_mode)
        if place.is_dir() and mode & 0o011:
            found += _open_files(place)
        elif place.is_file() and mode & 0o044:
            found.append(place)
    return found
