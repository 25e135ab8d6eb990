"""Times the programs that a charm process runs, hook tools above all.

Not a module of the benchmarks: `dispatches.py` puts it into a charm as `lib/sitecustomize.py`, so
that the charm's Python runs it first, with whatever Python that is.
"""

import atexit
import json
import os
import pathlib
import subprocess
import time
from typing import Any

calls: 'list[tuple[str, float]]' = []
run: Any = subprocess.run


def timed(command: Any, *args: Any, **kwargs: Any) -> Any:
    """What `subprocess.run` does, noted."""
    begin = time.perf_counter()
    try:
        return run(command, *args, **kwargs)
    finally:
        name = command if isinstance(command, str) else command[0]
        calls.append((os.fspath(name).rpartition('/')[2], time.perf_counter() - begin))


def write() -> None:
    """Add one line to the record, of which the wrapper of dispatch adds the next."""
    with pathlib.Path(os.environ['BENCHMARK_RECORD']).open('a', encoding='utf-8') as record:
        record.write(json.dumps({'calls': calls}) + '\n')


if 'BENCHMARK_RECORD' in os.environ:  # not so in `juju exec`
    subprocess.run = timed
    atexit.register(write)
