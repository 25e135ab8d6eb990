"""Artifacts on units of minijuju: their own dispatch, under their base's Python."""

from __future__ import annotations

import dataclasses
import importlib
import json
import logging
import pathlib
import shlex
import tempfile
from typing import TYPE_CHECKING, Any

from .failure import Failure, one_line
from .target import host_architecture, interpreter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import jubilant

    from .artifact import Artifact

TIMEOUT = 120  # seconds for the hooks of all artifacts; they take about two each

# Run by a unit's interpreter in the charm's folder. The last line of output, after what a charm
# may write when it is imported, is a JSON list: the version, then each loaded module that is
# neither the charm's nor the standard library's.
LOADED = """
import json, os, sys, sysconfig
import charm
found = ['%d.%d.%d' % sys.version_info[:3]]
own = [os.getcwd()] + [sysconfig.get_path(name) for name in ('stdlib', 'platstdlib')]
for name, module in sorted(sys.modules.items()):
    file = getattr(module, '__file__', None)
    inside = not file or any(os.path.realpath(file).startswith(os.path.realpath(p)) for p in own)
    if not inside or file and '/dist-packages/' in file:
        found.append('%s (%s)' % (name, file))
print(json.dumps(found))
"""


@dataclasses.dataclass(frozen=True)
class Ran:
    """What a unit of an artifact did."""

    python: str
    """Full version of the interpreter: `3.12.3`."""
    status: str
    """Workload status that its hooks left behind: `active`."""


def runnable(artifact: Artifact) -> bool:
    """Whether this machine has the processor and the Python for an artifact."""
    target = artifact.target
    return target.architecture == host_architecture() and interpreter(target.python) is not None


def run(artifacts: Sequence[Artifact]) -> Mapping[pathlib.Path, Ran]:
    """Deploy artifacts that are runnable to a model of their own, until their hooks have run.

    Returns what each did, by its path. Raises Failure when a hook fails, or when a charm loads a
    module from outside of its artifact.
    """
    if not artifacts:
        return {}
    client: Any = importlib.import_module('jubilant')
    logging.getLogger('jubilant').setLevel(logging.CRITICAL)  # it tells every change of status
    trial: Any = importlib.import_module('minijuju.trial')
    with (
        tempfile.TemporaryDirectory(prefix='pack-') as folder,
        trial.engine(pathlib.Path(folder)) as program,
    ):
        juju: jubilant.Juju = client.Juju(cli_binary=str(program), wait_timeout=TIMEOUT)
        juju.add_model('pack')
        juju.model_config({'automatically-retry-hooks': False})
        names = {f'unit{number}': artifact for number, artifact in enumerate(artifacts)}
        for name, artifact in names.items():
            juju.deploy(artifact.path, name)
        try:
            status = juju.wait(
                client.all_agents_idle, error=client.any_error, delay=0.2, successes=1
            )
        except (client.WaitError, TimeoutError):
            log = juju.debug_log(limit=30)
            raise Failure(f'a hook failed on minijuju: {one_line(log, 2000)}') from None
        return {
            artifact.path: Ran(
                loaded(juju, f'{name}/0', artifact),
                status.apps[name].units[f'{name}/0'].workload_status.current,
            )
            for name, artifact in names.items()
        }


def loaded(juju: jubilant.Juju, unit: str, artifact: Artifact) -> str:
    """Version of a unit's Python. Raises Failure when a module is not from the artifact."""
    python = f'PYTHONPATH=lib:src venv/bin/python -c {shlex.quote(LOADED)}'
    version, *foreign = json.loads(juju.exec(python, unit=unit).stdout.splitlines()[-1])
    if foreign:
        raise Failure(f'{artifact.path.name} loads modules of the machine: {"; ".join(foreign)}')
    if not version.startswith(f'{artifact.target.python}.'):
        raise Failure(f'{artifact.path.name} ran under Python {version}')
    return version
