"""The parts that wirings are made of: two authorities, an ingress, an application."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

from backends import acme, dns, process
from scenarios.client import Target, Unexpected, Watch

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Generator

    from scenarios.stage import Stage

INTERNAL, PUBLIC = 'self-signed-certificates', 'lego'
APPLICATION, INGRESS = 'application', 'ingress'
API_NAME, SITE_NAME = 'api.example.test', 'www.example.test'


@contextlib.contextmanager
def servers(folder: pathlib.Path) -> Generator[tuple[dns.NameServer, acme.AcmeServer]]:
    """A name server and an ACME server that validates by it, in an empty folder."""
    for name in ('dns', 'acme'):
        (folder / name).mkdir(parents=True)
    with (
        dns.name_server(folder / 'dns') as names,
        acme.acme_server(folder / 'acme', names.address) as server,
    ):
        yield names, server


def deploy_internal(stage: Stage) -> None:
    """The internal authority, which certifies any name and address."""
    stage.juju.deploy(stage.artifact(f'charms/{INTERNAL}'), INTERNAL)


def internal_root(stage: Stage, name: str = 'internal-root.pem') -> pathlib.Path:
    """File with the internal CA in force."""
    found = stage.juju.run(f'{INTERNAL}/leader', 'get-ca-certificate').results
    return stage.file(name, found['ca-certificate'])


def deploy_public(stage: Stage, names: dns.NameServer, server: acme.AcmeServer) -> pathlib.Path:
    """The public authority, which certifies names of the zone; gives the file with its root."""
    variables = {key.lower().replace('_', '-'): text for key, text in names.variables().items()}
    secret = stage.juju.add_secret('dns', variables)
    options = {
        'plugin': 'rfc2136',
        'plugin-config-secret-id': str(secret),
        'email': 'operator@example.test',
        'accept-terms-of-service': True,
        'server': server.directory,
        'acme-ca-certificates': server.certificate,
        'ca-root-certificates': server.root(),
        'dns-nameservers': names.address,
        'dns-propagation-wait': 1,
    }
    stage.juju.deploy(stage.artifact(f'charms/{PUBLIC}'), PUBLIC, config=options)
    stage.juju.grant_secret('dns', PUBLIC)
    return stage.file('public-root.pem', server.root())


def deploy_application(
    stage: Stage, *, units: int = 1, scheme: str = 'https', name: str = API_NAME
) -> None:
    """The application, with ports that nobody else has."""
    options = {
        'api-name': name,
        'api-scheme': scheme,
        'port': process.free_port(),
        'peer-port': process.free_port(),
    }
    artifact = stage.artifact('tests/charms/application')
    stage.juju.deploy(artifact, APPLICATION, config=options, num_units=units)


def deploy_ingress(stage: Stage) -> None:
    """The ingress, in front of the application, with a port that nobody else has."""
    options = {'external-hostname': SITE_NAME, 'port': process.free_port()}
    stage.juju.deploy(stage.artifact('tests/charms/ingress'), INGRESS, config=options)
    stage.juju.integrate(f'{INGRESS}:backend', f'{APPLICATION}:backend')


def site(stage: Stage) -> Target:
    """The ingress as clients see it."""
    port = stage.juju.config(INGRESS)['port']
    return Target(SITE_NAME, stage.address(f'{INGRESS}/0'), int(str(port)))


def api(stage: Stage, unit: int = 0, app: str = APPLICATION) -> Target:
    """The API of a unit as clients see it."""
    options = stage.juju.config(app)
    address = stage.address(f'{app}/{unit}')
    return Target(str(options['api-name']), address, int(str(options['port'])))


def peer(stage: Stage, unit: int = 0, app: str = APPLICATION) -> Target:
    """A unit as the other units see it: by its address."""
    address = stage.address(f'{app}/{unit}')
    return Target(address, address, int(str(stage.juju.config(app)['peer-port'])))


def calls(stage: Stage, unit: int = 0, app: str = APPLICATION) -> dict[str, dict[str, Any]]:
    """What came of a unit's calls to the others, by address."""
    found = stage.juju.run(f'{app}/{unit}', 'show-peers').results['peers']
    return json.loads(found)


def await_calls(stage: Stage, *, answered: bool, app: str = APPLICATION) -> None:
    """Wait until the calls of two units to each other are all answered, or all fail.

    Raises Unexpected after half a minute.
    """
    grows, stays = ('answered', 'failed') if answered else ('failed', 'answered')
    deadline = time.monotonic() + 30
    for unit in (0, 1):
        before = calls(stage, unit, app)
        while True:
            after = calls(stage, unit, app)
            if len(after) == 1 and all(
                address in before
                and one[grows] > before[address][grows]
                and one[stays] == before[address][stays]
                for address, one in after.items()
            ):
                break
            if time.monotonic() > deadline:
                raise Unexpected(f'{app}/{unit}: calls are not all {grows}: {after}')
            before = after


def complaint(stage: Stage, unit: int = 0, app: str = APPLICATION) -> str:
    """Why a unit refused the last connection that it refused."""
    command = ('tail', '-n', '1', 'state/server.log')
    return stage.juju.exec(*command, unit=f'{app}/{unit}').stdout.strip()


def rotate(stage: Stage, *, compromised: bool = False) -> None:
    """Have the internal CA replaced."""
    parameters = {'compromised': True} if compromised else {}
    stage.juju.run(f'{INTERNAL}/leader', 'rotate-private-key', parameters)
    stage.settle()


def count_calls(stage: Stage, act: Callable[[], object], app: str = APPLICATION) -> Watch:
    """What came of calls between two units while something was done."""

    def total(key: str) -> int:
        return sum(one[key] for unit in (0, 1) for one in calls(stage, unit, app).values())

    answered, failed = total('answered'), total('failed')
    act()
    return Watch(total('answered') - answered, total('failed') - failed)


def trusted(stage: Stage) -> set[str]:
    """The CAs that the internal authority says are to be trusted."""
    found = stage.juju.run(f'{INTERNAL}/leader', 'get-ca-certificate').results['trusted']
    end = '-----END CERTIFICATE-----'
    return {f'{part.strip()}\n{end}' for part in found.split(end)[:-1]}


def demand_none_failed(*watches: Watch) -> None:
    """Raise Unexpected where a connection failed, or there was none."""
    for watch in watches:
        if watch.failed or not watch.answered:
            raise Unexpected(f'{watch}: {"; ".join(watch.reasons)}')
