"""A provider takes the place of another: the application has another certificate, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenarios import blocks, client
from scenarios.blocks import APPLICATION, INTERNAL, PUBLIC

if TYPE_CHECKING:
    from scenarios.stage import Stage

CHARMS = (f'charms/{PUBLIC}', f'charms/{INTERNAL}', 'tests/charms/application')
PROGRAMS = ('openssl', 'curl', 'pebble', 'named')
ENDPOINT = f'{APPLICATION}:api-certificates'


def tell(stage: Stage) -> None:
    """From a private CA to an ACME server and back; a client asks all the time."""
    with blocks.servers(stage.folder / 'servers') as (names, server):
        with stage.step('juju deploy self-signed-certificates, lego, application'):
            public = blocks.deploy_public(stage, names, server)
            blocks.deploy_internal(stage)
            blocks.deploy_application(stage)
            stage.idle()
        with stage.step(f'juju integrate {ENDPOINT} {INTERNAL}'):
            stage.juju.integrate(ENDPOINT, INTERNAL)
            stage.settle()
        internal = blocks.internal_root(stage)
        api = blocks.api(stage)
        stage.tell(client.accepted(api, internal))
        stage.tell(client.refused(api, public))
        both = stage.file('both-roots.pem', internal.read_text() + public.read_text())
        for old, new, before, after in (
            (INTERNAL, PUBLIC, internal, public),
            (PUBLIC, INTERNAL, public, internal),
        ):
            with (
                stage.step(f'juju remove-relation {ENDPOINT} {old}, juju integrate ... {new}'),
                client.watching(api, both) as watch,
            ):
                stage.juju.remove_relation(ENDPOINT, old)
                stage.idle()
                stage.juju.integrate(ENDPOINT, new)
                stage.settle()
                client.accepted(api, after)
            stage.tell(client.accepted(api, after))
            stage.tell(client.refused(api, before))
            stage.show('A client that trusts both, meanwhile', str(watch))
        stage.show('$ juju status --relations', stage.juju.cli('status', '--relations'))


def hints(stage: Stage) -> list[str]:
    """Commands for whoever looks around afterwards."""
    return [
        client.curl(blocks.api(stage), stage.folder / 'internal-root.pem').command,
        f'juju run {INTERNAL}/leader list-certificates',
        'juju debug-log --limit 20',
    ]
