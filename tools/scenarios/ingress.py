"""Termination at an ingress: plain HTTP behind it, then HTTPS by an internal CA."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenarios import blocks, client
from scenarios.blocks import APPLICATION, INGRESS, INTERNAL, PUBLIC

if TYPE_CHECKING:
    from scenarios.stage import Stage

CHARMS = (
    f'charms/{PUBLIC}', f'charms/{INTERNAL}', 'tests/charms/application', 'tests/charms/ingress',
)  # fmt: skip
PROGRAMS = ('openssl', 'curl', 'haproxy', 'pebble', 'named')


def tell(stage: Stage) -> None:
    """A client reaches the application through the ingress, in three wirings."""
    juju = stage.juju
    with blocks.servers(stage.folder / 'servers') as (names, server):
        with stage.step('juju deploy lego, self-signed-certificates, application, ingress'):
            public = blocks.deploy_public(stage, names, server)
            blocks.deploy_internal(stage)
            blocks.deploy_application(stage, scheme='http')
            blocks.deploy_ingress(stage)
            stage.idle()
        with stage.step(f'juju integrate ingress:certificates {PUBLIC}: plain HTTP behind it'):
            juju.integrate(f'{INGRESS}:certificates', PUBLIC)
            stage.settle()
        site, internal = blocks.site(stage), blocks.internal_root(stage)
        stage.tell(client.accepted(site, public))
        stage.tell(client.refused(site, internal))
        with stage.step('juju config application api-scheme=https, with a certificate of its own'):
            juju.config(APPLICATION, {'api-scheme': 'https'})
            juju.integrate(f'{APPLICATION}:api-certificates', INTERNAL)
            stage.settle()
        stage.tell(client.accepted(blocks.api(stage), internal))
        stage.tell(client.accepted(site, public, status=503))
        with stage.step(f'juju integrate ingress:receive-ca-cert {INTERNAL}:send-ca-cert'):
            juju.integrate(f'{INGRESS}:receive-ca-cert', f'{INTERNAL}:send-ca-cert')
            stage.settle()
        stage.tell(client.accepted(site, public))
        with stage.step(f'juju remove-relation ingress {INTERNAL}: the trust goes with it'):
            juju.remove_relation(f'{INGRESS}:receive-ca-cert', f'{INTERNAL}:send-ca-cert')
            stage.settle()
        stage.tell(client.accepted(site, public, status=503))
        with stage.step(f'juju integrate ingress:receive-ca-cert {INTERNAL}:send-ca-cert'):
            juju.integrate(f'{INGRESS}:receive-ca-cert', f'{INTERNAL}:send-ca-cert')
            stage.settle()
        stage.tell(client.accepted(site, public))
        stage.show('$ juju status --relations', juju.cli('status', '--relations'))


def hints(stage: Stage) -> list[str]:
    """Commands for whoever looks around afterwards."""
    return [
        client.curl(blocks.site(stage), stage.folder / 'public-root.pem').command,
        f'juju remove-relation {INGRESS}:receive-ca-cert {INTERNAL}:send-ca-cert',
        'juju debug-log --limit 20',
    ]
