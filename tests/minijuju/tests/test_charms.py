"""From a packed charm to the files and the Python of a unit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import jubilant
import pytest

from minijuju.charm import Charm
from minijuju.interpreter import find_python
from minijuju.testing import pack_charm
from minijuju.trial import provider

if TYPE_CHECKING:
    from conftest import Juju


def test_refresh_replaces_files_and_keeps_what_the_charm_made(juju: Juju, tmp_path: Path):
    juju.deploy(provider(tmp_path, extra='old'))
    juju.settle()
    juju.exec('touch made', unit='ca/0')
    (tmp_path / 'new').mkdir()

    juju.refresh('ca', path=provider(tmp_path / 'new', start='true', upgrade_charm='ls made'))
    app = juju.settle().apps['ca']

    assert app.charm_rev == 1
    assert juju.hooks('ca/0')[-2:] == ['upgrade-charm', 'config-changed']
    assert juju.exec('ls scripts/extra || echo removed', unit='ca/0').stdout == 'removed\n'


def test_byte_code_of_the_old_charm_is_not_run(juju: Juju, tmp_path: Path):
    def charm(folder: str, word: str) -> Path:
        (tmp_path / folder).mkdir()
        return pack_charm(
            tmp_path / folder / 'py.charm',
            metadata={'name': 'py'},
            scripts=dict.fromkeys(('start', 'upgrade-charm'), f'{sys.executable} main.py'),
            files={
                'main.py': 'import word; import subprocess\n'
                'subprocess.run(["status-set", "active", word.WORD], check=True)\n',
                'word.py': f'WORD = "{word}"\n',
            },
        )

    old, new = charm('one', 'old'), charm('two', 'new')
    juju.deploy(old)
    juju.settle()
    # Equal sizes and equal times are what makes Python take the old byte code for the new.
    juju.exec('touch -d @0 word.py && rm -r __pycache__ && python3 -c "import word"', unit='py/0')

    juju.refresh('py', path=new)

    assert juju.settle().apps['py'].app_status.message == 'new'


def test_a_shim_never_becomes_the_charms_python(juju: Juju, tmp_path: Path):
    minor = f'3.{sys.version_info[1]}'
    juju.deploy(
        pack_charm(
            tmp_path / 'py.charm',
            metadata={'name': 'py'},
            scripts={'start': 'status-set active "$(head -c4 "$(which python3)" | tail -c3)"'},
            files={f'venv/lib/python{minor}/site-packages/empty.py': ''},
        )
    )

    assert juju.settle().apps['py'].app_status.message == 'ELF'


def test_the_interpreter_in_pyvenv_cfg_comes_first(tmp_path: Path):
    minor = f'3.{sys.version_info[1]}'
    (tmp_path / 'venv').mkdir()
    (tmp_path / 'home').mkdir()
    (tmp_path / 'venv' / 'pyvenv.cfg').write_text(f'home = {tmp_path / "home"}\n')
    charm = Charm('x', 'd', tmp_path, ('ubuntu', '24.04'), minor)
    assert find_python(charm) == Path(sys.base_prefix, 'bin', f'python{minor}').resolve()

    (tmp_path / 'home' / f'python{minor}').symlink_to('/bin/cat')

    assert find_python(charm) == Path('/bin/cat').resolve()


@pytest.mark.parametrize(
    ('files', 'architecture', 'text'),
    [
        ({'venv/lib/python3.99/x.py': ''}, '', 'needs Python 3.99'),
        ({}, 's390x', 'is for s390x, this machine is'),
        ({'metadata.yaml': '{}'}, '', 'metadata.yaml is missing or names no charm'),
        ({'metadata.yaml': '{name: x, storage: {d: {type: filesystem}}}'}, '', 'needs storage'),
    ],
)
def test_unfit_charms_are_refused(
    juju: Juju, tmp_path: Path, files: dict[str, str], architecture: str, text: str
):
    path = pack_charm(
        tmp_path / 'x.charm', metadata={'name': 'x'}, files=files, architecture=architecture
    )

    with pytest.raises(jubilant.CLIError, match=text):
        juju.deploy(path)
    assert not juju.status().apps
