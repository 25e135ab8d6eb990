"""Starting and ending charm processes."""

from __future__ import annotations

import os
import shutil
import threading
from typing import TYPE_CHECKING

from minijuju import processes

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

ENVIRONMENT = {'PATH': os.environ['PATH']}


def start(folder: Path, name: str, *command: str) -> subprocess.Popen[bytes]:
    outputs = {'stdout': folder / f'{name}.out', 'stderr': folder / f'{name}.err'}
    return processes.start([*command], folder=folder, environment=ENVIRONMENT, **outputs)


def test_a_file_just_written_can_be_executed_while_others_start(tmp_path: Path):
    # Without care one in some hundred starts fails with ETXTBSY, "Text file busy".
    source, ended = tmp_path / 'source', threading.Event()
    source.write_text('#!/bin/sh\nexit 0\n')
    source.chmod(0o755)

    def start_others() -> None:
        while not ended.is_set():
            start(tmp_path, 'other', 'true').wait()

    others = threading.Thread(target=start_others)
    others.start()
    try:
        codes: list[int] = []
        for number in range(400):
            copy = tmp_path / f'copy{number}'
            shutil.copy2(source, copy)
            codes.append(start(tmp_path, 'copy', str(copy)).wait())
    finally:
        ended.set()
        others.join()

    assert codes == [0] * 400


def test_a_group_is_killed_together(tmp_path: Path):
    process = start(tmp_path, 'group', 'bash', '-c', 'sleep 300 & echo $!; wait')
    while not (child := (tmp_path / 'group.out').read_text()):
        os.sched_yield()

    processes.kill_group(process)
    processes.await_end(process)

    assert process.wait() == -9
    assert processes.kill_marked(b'NOTHING_HAS_THIS_MARK=') == 0
    while os.path.exists(f'/proc/{child.strip()}'):  # noqa: PTH110, not a file
        os.sched_yield()


def test_processes_are_found_by_all_their_marks(tmp_path: Path):
    one, two = f'MARK_ONE={tmp_path}'.encode(), b'MARK_TWO=b1'
    environment = {**ENVIRONMENT, 'MARK_ONE': str(tmp_path), 'MARK_TWO': 'b1'}
    process = processes.start(
        ['sleep', '300'],
        folder=tmp_path,
        environment=environment,
        stdout=tmp_path / 'out',
        stderr=tmp_path / 'err',
    )
    try:
        assert processes.kill_marked(one, b'MARK_TWO=other') == 0
        while not processes.kill_marked(one, two):
            pass  # while a process is in the middle of its exec, it shows no environment

        assert process.wait(timeout=5) == -9
    finally:
        process.kill()
        process.wait()
