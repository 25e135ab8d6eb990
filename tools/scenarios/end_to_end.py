"""Termination in the application: a public API, and units that prove themselves to each other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scenarios import blocks, client
from scenarios.blocks import APPLICATION, INTERNAL, PUBLIC

if TYPE_CHECKING:
    from scenarios.stage import Stage

CHARMS = (f'charms/{PUBLIC}', f'charms/{INTERNAL}', 'tests/charms/application')
PROGRAMS = ('openssl', 'curl', 'pebble', 'named')
TRUST = (f'{APPLICATION}:receive-ca-cert', f'{INTERNAL}:send-ca-cert')


def tell(stage: Stage) -> None:
    """Each kind of traffic has its provider, and neither client trusts the other kind's."""
    juju = stage.juju
    with blocks.servers(stage.folder / 'servers') as (names, server):
        with stage.step('juju deploy lego, self-signed-certificates, application (two units)'):
            public = blocks.deploy_public(stage, names, server)
            blocks.deploy_internal(stage)
            blocks.deploy_application(stage, units=2)
            stage.idle()
        with stage.step(f'juju integrate application:api-certificates {PUBLIC}'):
            juju.integrate(f'{APPLICATION}:api-certificates', PUBLIC)
            stage.settle()
        stage.tell(client.accepted(blocks.api(stage, 0), public))
        stage.tell(client.accepted(blocks.api(stage, 1), public))
        with stage.step(f'juju integrate application:peer-certificates {INTERNAL}, and trust it'):
            juju.integrate(f'{APPLICATION}:peer-certificates', INTERNAL)
            juju.integrate(*TRUST)
            stage.settle()
            blocks.await_calls(stage, answered=True)
        internal = blocks.internal_root(stage)
        _show_calls(stage)
        stage.tell(client.refused(blocks.api(stage), internal))
        client.refused(blocks.peer(stage), internal)
        stage.show('A client without a certificate is no unit', blocks.complaint(stage))
        with stage.step('juju remove-relation application:receive-ca-cert: no trust, no calls'):
            juju.remove_relation(*TRUST)
            stage.settle()
            blocks.await_calls(stage, answered=False)
        _show_calls(stage)
        stage.tell(client.accepted(blocks.api(stage), public))
        with stage.step('juju integrate application:receive-ca-cert: trust again'):
            juju.integrate(*TRUST)
            stage.settle()
            blocks.await_calls(stage, answered=True)
        stage.show('$ juju status --relations', juju.cli('status', '--relations'))


def hints(stage: Stage) -> list[str]:
    """Commands for whoever looks around afterwards."""
    return [
        client.curl(blocks.api(stage), stage.folder / 'public-root.pem').command,
        f'juju run {APPLICATION}/1 show-peers',
        'juju debug-log --limit 20',
    ]


def _show_calls(stage: Stage) -> None:
    found = {f'{APPLICATION}/{unit}': blocks.calls(stage, unit) for unit in (0, 1)}
    lines = [f'{unit} calls {json.dumps(calls)}' for unit, calls in found.items()]
    stage.show(f'$ juju run {APPLICATION}/0 show-peers; juju run ...', '\n'.join(lines))
