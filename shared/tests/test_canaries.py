"""A secret is found wherever a charm lets it out, and nowhere else."""

from __future__ import annotations

import base64
import logging
import pathlib
import subprocess
import sys
import urllib.parse
from collections.abc import Callable

import ops
import pytest
from ops import testing

from tls_provider.testing import canaries, pki, requirers

META: dict[str, object] = {
    'name': 'leaky',
    'provides': {'certificates': {'interface': 'tls-certificates'}},
}
Leak = Callable[[ops.CharmBase, str], object]
logger = logging.getLogger(__name__)


class Charm(ops.CharmBase):
    """Does with its secret what a class attribute says."""

    leak: Leak

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        framework.observe(self.on.update_status, self._on_event)
        framework.observe(self.on.leak_action, self._on_leak)

    def _on_event(self, _: ops.EventBase) -> None:
        type(self).leak(self, self.model.get_secret(label='mine').get_content()['token'])

    def _on_leak(self, event: ops.ActionEvent) -> None:
        secret = self.model.get_secret(label='mine').get_content()['token']
        event.set_results({'all': secret})


def _publish(charm: ops.CharmBase, text: str) -> None:
    for relation in charm.model.relations['certificates']:
        relation.data[charm.app]['x'] = text


def _status(charm: ops.CharmBase, text: str) -> None:
    charm.unit.status = ops.BlockedStatus(text)
    charm.unit.status = ops.ActiveStatus()


def _run(_: ops.CharmBase, text: str) -> None:
    subprocess.run([sys.executable, '-c', '', text], check=True)


LEAKS: dict[str, Leak] = {
    'log': lambda _, text: logger.debug('it is %s', text),
    'log in base64': lambda _, text: logger.debug(base64.b64encode(f'a:{text}'.encode())),
    'log in hexadecimal digits': lambda _, text: logger.debug(text.encode().hex()),
    'log as an address': lambda _, text: logger.debug(urllib.parse.quote(text, safe='')),
    'status': _status,
    'databag': _publish,
    'command line': _run,
}
SECRET = canaries.seed('token/+')


def _watch(
    leak: Leak,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    folder: pathlib.Path,
    *,
    action: bool = False,
    public: str = 'name',
) -> None:
    Charm.leak = staticmethod(leak)
    context = testing.Context(Charm, meta=META, actions={'leak': {}})
    secret = testing.Secret({'token': SECRET, 'name': 'leaky-charm'}, label='mine', owner='app')
    key = pki.private_key_pem('ecdsa-p256/lost')
    relation = testing.Relation('certificates', remote_app_data=requirers.bag(key))
    state = testing.State(leader=True, relations={relation}, secrets={secret})
    with (
        caplog.at_level(logging.DEBUG),
        canaries.watched(monkeypatch, caplog, folder, public={public}),
    ):
        event = context.on.action('leak') if action else context.on.update_status()
        context.run(event, state)


@pytest.mark.parametrize('place', LEAKS)
def test_a_secret_is_found(
    place: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: pathlib.Path,
):
    with pytest.raises(
        AssertionError, match=f'mine: token is in the {place.split(maxsplit=1)[0]}'
    ) as raised:
        _watch(LEAKS[place], monkeypatch, caplog, tmp_path)

    assert SECRET not in str(raised.value)


def test_so_it_is_in_the_result_of_an_action(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: pathlib.Path
):
    with pytest.raises(AssertionError, match='mine: token is in the action'):
        _watch(LEAKS['log'], monkeypatch, caplog, tmp_path, action=True)


@pytest.mark.parametrize(
    ('folder', 'mode', 'found'), [(0o755, 0o644, 1), (0o700, 0o644, 0), (0o755, 0o600, 0)]
)
def test_a_file_that_others_may_read_is_found(
    folder: int,
    mode: int,
    found: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: pathlib.Path,
):
    def leak(_: ops.CharmBase, text: str) -> None:
        place = tmp_path / 'work' / 'key'
        place.parent.mkdir(mode=folder)
        place.write_text(f'a {text}')
        place.chmod(mode)

    if not found:
        _watch(leak, monkeypatch, caplog, tmp_path)
        return
    with pytest.raises(AssertionError, match='token is in the file work/key, which others'):
        _watch(leak, monkeypatch, caplog, tmp_path)


def test_a_private_key_of_a_requirer_is_found(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: pathlib.Path
):
    line = pki.private_key_pem('ecdsa-p256/lost').splitlines()[2]

    with pytest.raises(AssertionError, match='databag of a requirer, a private key is in the'):
        _watch(lambda _, __: logger.info(line), monkeypatch, caplog, tmp_path)


def test_what_is_public_may_be_seen(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: pathlib.Path
):
    _watch(lambda _, __: logger.info('leaky-charm'), monkeypatch, caplog, tmp_path)
