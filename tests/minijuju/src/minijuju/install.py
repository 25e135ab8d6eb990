"""Making the ``juju`` command that belongs to one state folder."""

from __future__ import annotations

import json
import os
import shlex
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from minijuju.document import load, mapping, text


@dataclass(frozen=True)
class Options:
    """What is fixed when the command is made."""

    jobs: int
    """How many hooks run at once."""
    retry_factor: float
    """Scales the delays before a failed hook runs again; 1 is Juju's 5 s and up."""
    charms: str = ''
    """The folder in which ``deploy NAME`` looks for charms, empty for none."""
    long_hook: float = 10.0
    """Seconds after which a hook no longer counts among those that run at once."""


def install(into: Path, home: Path, options: Options) -> Path:
    """Write an executable ``juju`` into a folder, bound to this Python and to a state folder.

    Returns:
        The command's path.

    Raises:
        ValueError: the path has ``/snap/`` in it, for which jubilant would move files about.
    """
    into, home = into.absolute(), home.absolute()
    if '/snap/' in f'{into}/':
        raise ValueError(f'{into}: jubilant takes a juju below /snap/ for a snap')
    into.mkdir(parents=True, exist_ok=True)
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    (home / 'options.json').write_text(json.dumps(asdict(options)), encoding='utf-8')
    command = into / 'juju'
    command.write_text(
        client_text(home=home, python=Path(sys.executable), source=Path(__file__).parents[1]),
        encoding='utf-8',
    )
    command.chmod(0o755)
    return command


def read_options(home: Path) -> Options:
    """Return the options of a state folder."""
    try:
        stored = mapping(load((home / 'options.json').read_text(encoding='utf-8')))
    except FileNotFoundError:
        stored = {}
    jobs = stored.get('jobs')
    return Options(
        jobs=jobs if isinstance(jobs, int) else default_jobs(),
        retry_factor=_number(stored.get('retry_factor'), 1.0),
        charms=text(stored.get('charms')),
        long_hook=_number(stored.get('long_hook'), Options.long_hook),
    )


def default_jobs() -> int:
    """Return how many hooks run at once by default: as many as there are cores."""
    return max(1, os.cpu_count() or 1)


def _number(value: object, default: float) -> float:
    return float(value) if isinstance(value, int | float) else default


def client_text(**values: Path) -> str:
    """Return the bash client; with ``home``, ``python`` and ``source`` it is a juju command."""
    client = (Path(__file__).parent / 'client.sh').read_text(encoding='utf-8')
    for name, value in values.items():
        client = client.replace(f'\n{name}=\n', f'\n{name}={shlex.quote(str(value))}\n', 1)
    return client
