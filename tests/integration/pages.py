"""Commands of pages, run as a reader runs them."""

from __future__ import annotations

import pathlib
import subprocess
from collections.abc import Mapping


def run(command: str, folder: pathlib.Path, environ: Mapping[str, str] | None = None) -> None:
    """Run a command in a shell, in a folder; with the variables of the tests if there are none."""
    done = subprocess.run(
        ['bash', '-euc', command],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f'{command}: {done.stderr}'
