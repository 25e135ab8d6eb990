"""An internal CA makes way for another, while its applications go on talking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenarios import blocks, client
from scenarios.blocks import APPLICATION, INGRESS, INTERNAL

if TYPE_CHECKING:
    from scenarios.stage import Stage

CHARMS = (f'charms/{INTERNAL}', 'tests/charms/application', 'tests/charms/ingress')
PROGRAMS = ('openssl', 'curl', 'haproxy')
EDGE = 'edge'
"""A CA of its own for the ingress, so that clients of that one have nothing to do with it."""


def tell(stage: Stage) -> None:
    """Planned: no connection fails. After a compromise: the old CA is out at once."""
    juju = stage.juju
    with stage.step(
        'juju deploy self-signed-certificates, edge, application (two units), ingress'
    ):
        blocks.deploy_internal(stage)
        juju.deploy(stage.artifact(f'charms/{INTERNAL}'), EDGE)
        blocks.deploy_application(stage, units=2)
        blocks.deploy_ingress(stage)
        juju.integrate(f'{INGRESS}:certificates', EDGE)
        stage.idle()
    with stage.step(f'juju integrate: all inside is certified by {INTERNAL}, and trusts it'):
        for endpoint in ('api-certificates', 'peer-certificates'):
            juju.integrate(f'{APPLICATION}:{endpoint}', INTERNAL)
        for app in (APPLICATION, INGRESS):
            juju.integrate(f'{app}:receive-ca-cert', f'{INTERNAL}:send-ca-cert')
        stage.settle()
        blocks.await_calls(stage, answered=True)
    edge = stage.file(
        'edge-root.pem', juju.run(f'{EDGE}/leader', 'get-ca-certificate').results['ca-certificate']
    )
    old = blocks.internal_root(stage, 'old-root.pem')
    site, api = blocks.site(stage), blocks.api(stage)
    stage.tell(client.accepted(site, edge))
    stage.tell(client.accepted(api, old))

    with (
        stage.step(f'juju run {INTERNAL}/leader rotate-private-key'),
        client.watching(site, edge) as watch,
    ):
        calls = blocks.count_calls(stage, lambda: blocks.rotate(stage))
    new = blocks.internal_root(stage, 'new-root.pem')
    stage.tell(client.accepted(api, new))
    stage.tell(client.refused(api, old))
    stage.show(
        'Meanwhile',
        f'CAs in trust now: {len(blocks.trusted(stage))}\n'
        f'between the units: {calls}\nthrough the ingress: {watch}',
    )
    blocks.demand_none_failed(calls, watch)

    with (
        stage.step(f'juju run {INTERNAL}/leader rotate-private-key compromised=true'),
        client.watching(site, edge) as watch,
    ):
        calls = blocks.count_calls(stage, lambda: blocks.rotate(stage, compromised=True))
        blocks.await_calls(stage, answered=True)
    newest = blocks.internal_root(stage, 'newest-root.pem')
    stage.tell(client.accepted(api, newest))
    stage.tell(client.refused(api, new))
    stage.tell(client.accepted(site, edge))
    stage.show(
        'Meanwhile: what the old CAs had issued was trusted no longer, on purpose',
        f'CAs in trust now: {len(blocks.trusted(stage))}\n'
        f'between the units: {calls}\nthrough the ingress: {watch}',
    )


def hints(stage: Stage) -> list[str]:
    """Commands for whoever looks around afterwards."""
    return [
        client.curl(blocks.site(stage), stage.folder / 'edge-root.pem').command,
        f'juju run {INTERNAL}/leader rotate-private-key',
        f'juju run {APPLICATION}/1 show-peers',
    ]
