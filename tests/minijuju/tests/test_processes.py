"""Starting, reading and ending charm processes."""

from __future__ import annotations

import os
import shutil
import threading
import time
from typing import TYPE_CHECKING

from minijuju import outputs, processes
from minijuju.trial import await_end

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    import pytest

ENVIRONMENT = {'PATH': os.environ['PATH']}


def start(folder: Path, *command: str) -> subprocess.Popen[bytes]:
    return processes.start([*command], folder=folder, environment=ENVIRONMENT)


def first_line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


def end(process: subprocess.Popen[bytes]) -> int:
    with process:
        return process.wait()


def follow(process: subprocess.Popen[bytes]) -> tuple[list[str], list[str], str]:
    """Return the lines passed on from stdout and from stderr, and the text kept of stdout."""
    out, err = list[str](), list[str]()
    streams = [outputs.Output(out.extend), outputs.Output(err.extend)]
    outputs.follow(process, streams)
    end(process)
    return out, err, streams[0].text


def test_a_file_just_written_can_be_executed_while_others_start(tmp_path: Path):
    # Without care one in some hundred starts fails with ETXTBSY, "Text file busy".
    source, ended = tmp_path / 'source', threading.Event()
    source.write_text('#!/bin/sh\nexit 0\n')
    source.chmod(0o755)

    def start_others() -> None:
        while not ended.is_set():
            end(start(tmp_path, 'true'))

    others = threading.Thread(target=start_others)
    others.start()
    try:
        codes: list[int] = []
        for number in range(400):
            copy = tmp_path / f'copy{number}'
            shutil.copy2(source, copy)
            codes.append(end(start(tmp_path, str(copy))))
    finally:
        ended.set()
        others.join()

    assert codes == [0] * 400


def test_a_group_is_killed_together(tmp_path: Path):
    process = start(tmp_path, 'bash', '-c', 'sleep 300 & echo $!; wait')
    child = first_line(process)

    processes.kill_group(process)

    assert end(process) == -9
    await_end(int(child))


def test_processes_are_found_by_all_their_marks(tmp_path: Path):
    one, two = f'MARK_ONE={tmp_path}'.encode(), b'MARK_TWO=b1'
    marked = {**ENVIRONMENT, 'MARK_ONE': str(tmp_path), 'MARK_TWO': 'b1'}
    process = processes.start(
        ['bash', '-c', 'echo; exec sleep 300'], folder=tmp_path, environment=marked
    )
    first_line(process)

    assert processes.kill_marked(one, b'MARK_TWO=other') == 0
    assert processes.kill_marked(one, two) == 1

    assert end(process) == -9


def test_a_child_that_hides_its_marks_is_killed_with_its_parent(tmp_path: Path):
    mark = f'MARK={tmp_path}'
    process = processes.start(
        ['bash', '-c', 'env -i setsid sleep 300 & echo $!; wait'],
        folder=tmp_path,
        environment={**ENVIRONMENT, 'MARK': str(tmp_path)},
    )
    child = first_line(process)

    processes.kill_marked(mark.encode())

    assert end(process) == -9
    await_end(int(child))


def test_lines_are_passed_on_as_they_come(tmp_path: Path):
    process = start(tmp_path, 'bash', '-c', 'echo one; echo -n two; echo err >&2; echo three')

    assert follow(process) == (['one', 'twothree'], ['err'], 'one\ntwothree\n')


def test_what_is_no_text_is_read_all_the_same(tmp_path: Path):
    process = start(tmp_path, 'bash', '-c', r'printf "a\xff\0b"')

    assert follow(process) == (['a\ufffd\0b'], [], 'a\ufffd\0b')


def test_a_process_left_behind_holds_nobody_up(tmp_path: Path):
    # It would write for ever into the pipe that it has inherited.
    process = start(tmp_path, 'bash', '-c', 'yes & echo $!')

    lines, _, _ = follow(process)

    # Nobody reads the pipe any more, which ends whoever writes into it.
    await_end(int(next(line for line in lines if line != 'y')))


def test_a_flood_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # Limits of some bytes show the same as those of some megabytes.
    monkeypatch.setattr(outputs, 'OUTPUT_LIMIT', 10)
    monkeypatch.setattr(outputs, 'LINE_LIMIT', 3)
    process = start(tmp_path, 'bash', '-c', 'for i in {1..1000}; do echo $i; done')

    lines, _, text = follow(process)

    note = '[minijuju leaves out what is beyond 3 lines or 10 bytes]'
    assert lines == ['1', '2', '3', note]
    assert text == '1\n2\n3\n4\n5\n\n[minijuju dropped 3883 more bytes]\n'


def test_waiting_for_the_end_costs_no_time_of_the_processor(tmp_path: Path):
    process = start(tmp_path, 'sleep', '0.3')
    before = time.process_time()

    await_end(process.pid)

    assert time.process_time() - before < 0.1
    assert end(process) == 0
    await_end(process.pid)  # which is nobody's by now
