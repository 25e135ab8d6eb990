"""What a hook finds when it runs, and which hooks run together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import jubilant

from minijuju.testing import pack_charm
from minijuju.trial import provider, requirer

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Juju


def test_the_environment_is_built_from_nothing(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path, start='env >env', certs_relation_created='env >relation'))
    juju.deploy(requirer(tmp_path))
    juju.integrate('ca', 'req')
    juju.settle()

    def read(name: str) -> dict[str, str]:
        lines = juju.exec(f'cat {name}', unit='ca/0').stdout.splitlines()
        return dict(line.split('=', 1) for line in lines)

    env, relation = read('env'), read('relation')

    assert not {'HOME', 'USER', 'PYTHONPATH'} & set(env)
    assert env['JUJU_UNIT_NAME'] == 'ca/0'
    assert env['JUJU_HOOK_NAME'] == 'start'
    assert env['JUJU_DISPATCH_PATH'] == 'hooks/start'
    assert env['JUJU_VERSION'].startswith('3.6.')
    assert env['JUJU_CHARM_HTTP_PROXY'] == ''
    assert env['CHARM_DIR'].endswith('/units/ca-0/charm')
    assert re.fullmatch(r'certs:\d+', relation['JUJU_RELATION_ID'])
    assert (relation['JUJU_REMOTE_APP'], relation['JUJU_REMOTE_UNIT']) == ('req', '')


def test_hooks_of_different_applications_run_at_once(juju: Juju, tmp_path: Path):
    meet = """
touch {mine}
for _ in {{1..400}}; do [[ -e {other} ]] && status-set active && exit 0; sleep 0.01; done
exit 1
"""
    here, there = tmp_path / 'here', tmp_path / 'there'
    juju.deploy(provider(tmp_path, 'one', start=meet.format(mine=here, other=there)))
    juju.deploy(provider(tmp_path, 'two', start=meet.format(mine=there, other=here)))

    assert jubilant.all_active(juju.settle())


def test_hooks_of_one_unit_never_overlap(juju: Juju, tmp_path: Path):
    juju.deploy(
        pack_charm(
            tmp_path / 'busy.charm',
            metadata={'name': 'busy', 'peers': {'peers': {'interface': 'x'}}},
            scripts={},
            files={'dispatch': '#!/bin/bash\nmkdir lock && sleep 0.02 && rmdir lock\n'},
        ),
        num_units=3,
    )

    assert not jubilant.any_error(juju.settle())


def test_large_and_multi_byte_data_survive_the_client(juju: Juju, tmp_path: Path):
    joined = """
python3 -c 'import json; print(json.dumps({"big": "é\\n" * 100_000 + "end\\n\\n"}))' >data
relation-set --file=- <data
relation-get --format=json big "$JUJU_UNIT_NAME" >back
python3 -c '
import json
assert json.load(open("back")) == json.load(open("data"))["big"]
'
"""
    juju.deploy(provider(tmp_path))
    juju.deploy(requirer(tmp_path, needs_relation_joined=joined))
    juju.integrate('ca', 'req')

    assert not jubilant.any_error(juju.settle())


def test_context_ids_and_tokens_are_needed(juju: Juju, tmp_path: Path, home: Path):
    juju.deploy(provider(tmp_path))
    juju.settle()

    assert (home / 'daemon').stat().st_mode & 0o777 == 0o600
    done = juju.exec('JUJU_CONTEXT_ID=guess is-leader || echo refused', unit='ca/0')
    assert done.stdout == 'refused\n'
