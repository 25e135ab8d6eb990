"""The page on public and internal TLS: its commands as they stand there, and what clients see.

The servers are real, and so are the clients: curl, openssl and Python's, each with one root.
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
from collections.abc import Callable

import jubilant
import pytest
from acme_servers import Servers

from backends import process
from scenarios import blocks, client
from scenarios.blocks import INTERNAL, PUBLIC
from scenarios.stage import Stage

Wait = Callable[[], jubilant.Status]
PAGE = pathlib.Path(__file__).resolve().parents[2] / 'docs/how-to/wire-public-and-internal.md'
CLUSTER = 'cluster'
QUICK = ('juju deploy ', 'juju integrate ', 'juju config ')
"""Commands that need not wait for each other."""


@pytest.fixture(scope='module')
def stage(juju: jubilant.Juju, idle: Wait, artifact: Callable[[str], pathlib.Path]) -> Stage:
    artifact('tests/charms/ingress')
    folder = artifact('tests/charms/application').parent
    subprocess.run(['juju', 'switch', str(juju.model)], check=True)
    return Stage(juju, artifact, folder, idle)


@pytest.fixture(scope='module')
def public(stage: Stage, servers: Servers) -> pathlib.Path:
    """File with the public root, when both authorities are there."""
    root = blocks.deploy_public(stage, servers.dns, servers.acme)
    blocks.deploy_internal(stage)
    stage.idle()
    return root


@pytest.fixture(scope='module')
def internal(stage: Stage, public: pathlib.Path) -> pathlib.Path:
    """File with the internal root, until it is replaced."""
    return blocks.internal_root(stage)


@pytest.fixture(scope='module')
def follow(stage: Stage, public: pathlib.Path) -> Callable[[str, int], str]:
    """Runs the commands of a block (heading and number), and gives what the last one prints."""
    environ = {
        **os.environ,
        'PORT': str(process.free_port()),
        'PEER_PORT': str(process.free_port()),
    }
    page = PAGE.read_text(encoding='utf-8')

    def run(heading: str, number: int) -> str:
        section = page.partition(f'\n## {heading}\n')[2].partition('\n## ')[0]
        printed, before = '', ''
        for command in re.findall(r'```sh\n(.*?)```', section, re.DOTALL)[number].splitlines():
            if not (command.startswith(QUICK) and before.startswith(QUICK)):
                stage.idle()
            done = subprocess.run(
                ['bash', '-euo', 'pipefail', '-c', command],
                cwd=stage.folder,
                env=environ,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f'{command}: {done.stdout}{done.stderr}'
            printed, before = done.stdout.strip(), command
        stage.settle()
        return printed

    return run


Follow = Callable[[str, int], str]


def test_an_ingress_with_a_public_certificate_serves_those_who_trust_its_root_only(
    stage: Stage, follow: Follow, public: pathlib.Path, internal: pathlib.Path
) -> None:
    assert follow('At an ingress', 0) == 'application/0'

    assert client.accepted(blocks.site(stage), public).text == 'application/0'
    answer = client.refused(blocks.site(stage), internal)
    assert 'unable to get local issuer certificate' in answer.text


def test_an_ingress_that_trusts_the_internal_ca_encrypts_again(
    stage: Stage, follow: Follow, public: pathlib.Path, internal: pathlib.Path
) -> None:
    assert follow('At an ingress, encrypted again', 0) == 'application/0'

    client.accepted(blocks.site(stage), public)
    client.accepted(blocks.api(stage), internal)
    client.refused(blocks.api(stage), public)


def test_an_ingress_without_that_trust_sends_nothing_behind_it(
    stage: Stage, follow: Follow, public: pathlib.Path
) -> None:
    follow('At an ingress, encrypted again', 1)

    client.accepted(blocks.site(stage), public, status=503)
    follow('At an ingress, encrypted again', 2)
    client.accepted(blocks.site(stage), public)


def test_an_application_has_a_public_certificate_and_one_for_the_address_of_each_unit(
    stage: Stage, follow: Follow, public: pathlib.Path, internal: pathlib.Path
) -> None:
    follow('In the application', 0)

    blocks.await_calls(stage, answered=True, app=CLUSTER)
    for unit in (0, 1):
        client.accepted(blocks.api(stage, unit, CLUSTER), public)
        client.refused(blocks.api(stage, unit, CLUSTER), internal)
    follow('In the application', 1)


def test_a_client_without_a_certificate_is_no_unit(stage: Stage, internal: pathlib.Path) -> None:
    client.refused(blocks.peer(stage, app=CLUSTER), internal)

    assert 'PEER_DID_NOT_RETURN_A_CERTIFICATE' in blocks.complaint(stage, app=CLUSTER)


def test_units_without_trust_do_not_answer_each_other(stage: Stage, public: pathlib.Path) -> None:
    relation = (f'{CLUSTER}:receive-ca-cert', f'{INTERNAL}:send-ca-cert')
    stage.juju.remove_relation(*relation)
    stage.settle()

    blocks.await_calls(stage, answered=False, app=CLUSTER)
    for one in blocks.calls(stage, app=CLUSTER).values():
        assert 'unable to get local issuer certificate' in one['last']
    client.accepted(blocks.api(stage, app=CLUSTER), public)
    stage.juju.integrate(*relation)
    stage.settle()
    blocks.await_calls(stage, answered=True, app=CLUSTER)


def test_another_provider_takes_over_and_the_one_before_is_trusted_no_longer(
    stage: Stage, follow: Follow, public: pathlib.Path, internal: pathlib.Path
) -> None:
    assert follow('Another provider', 0) == f'{CLUSTER}/0'

    for unit in (0, 1):
        client.accepted(blocks.api(stage, unit, CLUSTER), internal)
        client.refused(blocks.api(stage, unit, CLUSTER), public)
    listed = stage.juju.run(f'{PUBLIC}/leader', 'list-certificates').results
    assert listed['total'] == '1'  # that of the ingress


def test_a_rotation_of_the_internal_ca_costs_no_connection(
    stage: Stage, follow: Follow, public: pathlib.Path, internal: pathlib.Path
) -> None:
    with client.watching(blocks.site(stage), public) as watch:
        calls = blocks.count_calls(stage, lambda: follow('Another private CA', 0), app=CLUSTER)

    blocks.demand_none_failed(calls, watch)
    new = blocks.internal_root(stage, 'new-root.pem')
    for target in (blocks.api(stage), blocks.api(stage, app=CLUSTER)):
        client.accepted(target, new)
        client.refused(target, internal)
    assert blocks.trusted(stage) == {
        path.read_text(encoding='ascii').strip() for path in (new, internal)
    }


def test_every_command_of_the_page_was_run() -> None:
    assert PAGE.read_text(encoding='utf-8').count('```sh\n') == 8
