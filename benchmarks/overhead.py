"""What minijuju adds to the time that charm processes take: goal, less than 15 %.

Runs a provider and its requirers on a minijuju of its own, one hook at a time, and prints tables
in Markdown. Nothing is asserted on time.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import tempfile
import time
from typing import TYPE_CHECKING, Any

import jubilant

import dispatches
import pack
from minijuju import daemon
from minijuju.install import Options, install
from minijuju.testing import pack_charm

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from dispatches import Dispatch, Ends

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHARMS = ('charms/self-signed-certificates', 'tests/charms/requirer')
MODEL = 'overhead'
QUIET = 1.0
"""Seconds without an end of a hook after which it is worth asking for the status."""
TIMEOUT = 300.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--units', type=int, default=4, help='of the requirer')
    parser.add_argument('--json', type=pathlib.Path, help='also write every figure to this file')
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix='overhead-') as folder:
        calibration = pathlib.Path(folder) / 'calibration'
        calibration.mkdir()
        wrapping = dispatches.cost_of_wrapping(calibration)
        process = dispatches.cost_of_process()
        found = measure(pathlib.Path(folder), arguments.units)
    rows = figures(found, wrapping)
    tools = tool_figures(found, wrapping, process)
    print(_table(rows), end='\n\n')
    print(_tool_table(tools), end='\n\n')
    print(f'Taken off each dispatch for the measuring: {wrapping * 1000:.1f} ms.')
    if arguments.json:
        document = {'rows': rows, 'tools': tools, 'wrapping': wrapping}
        document['dispatches'] = [dataclasses.asdict(one) for one in found]
        arguments.json.write_text(json.dumps(document, indent=1), encoding='utf-8')


def measure(folder: pathlib.Path, units: int) -> list[Dispatch]:
    """Deploy and integrate, change the configuration, run actions; every dispatch in order.

    Each of the three steps is given while the one agent is held by a command. So all of it is
    ready to run when the command ends, the agent never waits, and no time of `juju` is counted.
    """
    record = folder / 'record.jsonl'
    provider, requirer = (_artifact(charm, folder, record) for charm in CHARMS)
    names = [f'web/{number}' for number in range(units)]
    log = folder / 'home' / 'logs' / f'{MODEL}.log'
    with _engine(folder) as juju, dispatches.Ends(log).watched() as ends:
        juju.add_model(MODEL)
        juju.model_config({'automatically-retry-hooks': False})
        juju.model_config({'update-status-hook-interval': '60m'})
        metadata = {'name': 'holder', 'summary': 'Holds the agent.'}
        juju.deploy(pack_charm(folder / 'holder.charm', metadata=metadata))
        _settle(juju, ends)
        with _held(juju, ends, folder):
            juju.deploy(provider, 'ca')
            juju.deploy(requirer, 'web', num_units=units)
            juju.integrate('web:certificates', 'ca:certificates')
            juju.integrate('web:certificate_transfer', 'ca:send-ca-cert')
        with _held(juju, ends, folder):
            juju.config('ca', {'ca-common-name': 'Another'})
            juju.config('web', {'num_certificates': 2})
        with _held(juju, ends, folder):
            juju.cli('run', '--background', *names, 'check')
            juju.cli('run', '--background', 'ca/0', 'get-ca-certificate')
        return dispatches.join(record, ends.seen())


def _artifact(charm: str, folder: pathlib.Path, record: pathlib.Path) -> pathlib.Path:
    # The time that the integration tests take too, so that they share what is in the cache.
    os.environ.setdefault('SOURCE_DATE_EPOCH', '1700000000')
    cache = ROOT / '.tox' / 'artifacts'
    packed = pack.build(ROOT / charm, pack.named('host'), folder / 'packed', cache_folder=cache)
    return dispatches.wrap(packed.path, folder, record)


@contextlib.contextmanager
def _engine(folder: pathlib.Path) -> Generator[jubilant.Juju]:
    """A minijuju that runs one hook at a time, however long a hook takes."""
    try:
        options = Options(jobs=1, retry_factor=1.0, long_hook=TIMEOUT)
        command = install(folder / 'bin', folder / 'home', options)
        yield jubilant.Juju(cli_binary=str(command))
    finally:
        daemon.stop(folder / 'home')


@contextlib.contextmanager
def _held(juju: jubilant.Juju, ends: Ends, folder: pathlib.Path) -> Generator[None]:
    """The agent runs nothing in the block; after it all that is ready, until nothing is left."""
    pipe = folder / 'pipe'
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    juju.cli('exec', '--background', '--unit', 'holder/0', '--', f'cat {pipe}')
    with pipe.open('wb'):  # waits for the reader
        yield
    _settle(juju, ends)


def _settle(juju: jubilant.Juju, ends: Ends) -> None:
    """Return when no unit has anything to do. The daemon is asked only when it seems idle."""
    deadline = time.monotonic() + TIMEOUT
    count = -1
    while True:
        if (now := len(ends.seen())) == count and jubilant.all_agents_idle(juju.status()):
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f'not idle after {TIMEOUT:.0f} s: {juju.debug_log(limit=10)}')
        count = now
        time.sleep(QUIET)


def figures(found: Sequence[Dispatch], wrapping: float) -> list[dict[str, Any]]:
    """The sums of each kind of dispatch and of all; `wrapping` is seconds to take off each."""
    kinds = {
        'install': [one for one in found if one.name == 'install' and not one.is_action],
        'other hooks': [one for one in found if one.name != 'install' and not one.is_action],
        'actions': [one for one in found if one.is_action],
        'all': [*found],
    }
    return [
        {
            'what': what,
            'dispatches': len(some),
            'charm': sum(one.charm for one in some),
            'before': sum(one.before - wrapping for one in some),
            'after': sum(one.after for one in some),
        }
        for what, some in kinds.items()
    ]


def tool_figures(found: Sequence[Dispatch], wrapping: float, process: float) -> dict[str, Any]:
    """The sums of all hook tools, and what their time does to the overhead."""
    tools = [seconds for one in found for seconds in one.tools]
    charm = sum(one.charm for one in found)
    engine = sum(one.before + one.after - wrapping for one in found)
    return {
        'calls': len(tools),
        'seconds': sum(tools),
        'process': process,
        'share': sum(tools) / charm,
        'overhead': (engine + sum(tools)) / (charm - sum(tools)),
    }


def _table(rows: Sequence[dict[str, Any]]) -> str:
    heads = ('ran', 'dispatches', 'charm s', 'charm ms each', 'before', 'after', 'overhead')
    lines = [
        [
            row['what'],
            str(row['dispatches']),
            f'{row["charm"]:.2f}',
            *(
                f'{row[part] / row["dispatches"] * 1000:.1f}'
                for part in ('charm', 'before', 'after')
            ),
            f'{(row["before"] + row["after"]) / row["charm"]:.1%}',
        ]
        for row in rows
    ]
    return _markdown(heads, lines)


def _tool_table(tools: dict[str, Any]) -> str:
    heads = (
        'hook-tool calls', 'ms each', 'ms of `/bin/true`', 'of the charm\'s time',
        'overhead with all of that',
    )  # fmt: skip
    line = [
        str(tools['calls']),
        f'{tools["seconds"] / tools["calls"] * 1000:.1f}',
        f'{tools["process"] * 1000:.1f}',
        f'{tools["share"]:.1%}',
        f'{tools["overhead"]:.1%}',
    ]
    return _markdown(heads, [line])


def _markdown(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    table = [heads, ['---'] * len(heads), *lines]
    return '\n'.join(f'| {" | ".join(line)} |' for line in table)


if __name__ == '__main__':
    main()
