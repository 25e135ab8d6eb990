"""The commands of the page about packing, run one after another as they stand there."""

from __future__ import annotations

import os
import pathlib
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .. import target

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGE = ROOT / 'docs' / 'how-to' / 'pack.md'
TOX = '.venv/bin/tox run -e pack'


def test_commands_of_the_page_work(base: target.Target, tmp_path: pathlib.Path) -> None:
    blocks = re.findall(r'```sh\n(.*?)```', PAGE.read_text(encoding='utf-8'), re.DOTALL)
    commands = ''.join(blocks).splitlines()
    # What tox runs, in a folder where nothing of the checkout is overwritten.
    program = shlex.join([sys.executable, str(ROOT / 'tools' / 'pack')])

    for line in commands:
        assert line.startswith(TOX)
        command = line.removeprefix(TOX).removeprefix(' --').replace('ubuntu@24.04', base.base)
        done = subprocess.run(
            ['sh', '-c', program + command],
            cwd=tmp_path,
            env={**os.environ, 'SOURCE_DATE_EPOCH': '1700000000'},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f'{line}: {done.stdout}{done.stderr}'

    assert len(commands) == 4
    made = {folder.name: len(list(folder.iterdir())) for folder in tmp_path.iterdir()}
    assert made.keys() == {'dist', 'again', 'charmcraft', 'finished'}
    assert made['again'] == made['finished'] == 1
