"""Our self-signed charm beside a provider on the public library: the same databags, the same run.

Prints tables in Markdown. Nothing is asserted on time; the exact counts are what a test can hold.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import cells

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LARGE = 200
"""From this size on a cell runs once: the library takes a minute."""
CA_KEYS = ('p256', 'rsa-2048')
KEY_OPTION = 'ca-key-algorithm'


@dataclasses.dataclass(frozen=True)
class Side:
    """One of the two that are compared."""

    name: str
    """`ours` or `library`."""
    provider: str
    config: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Row:
    """A cell of both sides: the figures of each by name of the side."""

    layout: str
    size: int
    phase: str
    sides: Mapping[str, Mapping[str, Any]]

    def pair(self, figure: str, form: Callable[[Any], str] = str) -> list[str]:
        """A figure of ours and of the library."""
        return [form(self.sides[name][figure]) for name in ('ours', 'library')]

    def ratio(self, figure: str) -> str:
        """Ours of the library's; empty where ours is too short to be told from nothing."""
        ours, library = (self.sides[name][figure] for name in ('ours', 'library'))
        return f'{ours / library:.3f}' if ours >= 0.0005 and library > 0 else ''


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--sizes', default='1,10,100,400', help='numbers of requests')
    parser.add_argument('--runs', type=int, default=5, help=f'of each cell under {LARGE} requests')
    parser.add_argument('--ca-key', choices=CA_KEYS, default=CA_KEYS[0])
    parser.add_argument('--json', type=pathlib.Path, help='also write every figure to this file')
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        # Valid byte code for all, written by the first hooks. Without it imports are compilations,
        # three times as long, and whether it is there depends on who ran what before.
        os.environ.pop('PYTHONDONTWRITEBYTECODE', None)
        os.environ['PYTHONPYCACHEPREFIX'] = cache
        _report(arguments)


def _report(arguments: argparse.Namespace) -> None:
    sizes = [int(size) for size in arguments.sizes.split(',')]
    sides, note = _sides(arguments.ca_key)
    prepared = {side.name: _run(side, 'set-up', cells.Model()).model for side in sides}
    requests = _requests(max(sizes))
    print(_environment(note), end='\n\n')
    idle = _idle(sides, prepared, requests, arguments.runs)
    print(_idle_table(idle), end='\n\n')
    rows: list[Row] = []
    for layout in ('units', 'relations'):
        for size in sizes:
            if size == 1 and layout == 'relations':
                continue  # one unit of one relation, as before
            asked = requests[:size]
            relations = [asked] if layout == 'units' else [[csr] for csr in asked]
            rows += _measure(sides, prepared, relations, layout, arguments.runs)
    print(_table(rows))
    if arguments.json:
        document = {
            'environment': _environment(note),
            'idle': [dataclasses.asdict(row) for row in idle],
            'rows': [dataclasses.asdict(row) for row in rows],
        }
        arguments.json.write_text(json.dumps(document, indent=1), encoding='utf-8')


def _sides(ca_key: str) -> tuple[tuple[Side, Side], str]:
    """Both sides with the same kind of CA key if that can be, and what to say about it."""
    options = cells.options()
    config = {'certificate-limit': -1} if 'certificate-limit' in options else {}
    if ca_key == CA_KEYS[0]:
        note = 'CA keys: ECDSA P-256'
        library = 'library'
    elif KEY_OPTION in options:
        config = {**config, KEY_OPTION: ca_key}
        note = 'CA keys: RSA-2048'
        library = 'library-rsa'
    else:
        note = f'CA keys: ours ECDSA P-256 (there is no option {KEY_OPTION}), library RSA-2048'
        library = 'library-rsa'
    return (Side('ours', 'ours', config), Side('library', library, config)), note


def _requests(count: int) -> list[str]:
    """Signing requests of different names. One key serves all: a provider does not notice."""
    key = rsa.generate_private_key(65537, 2048)
    return [_request(key, f'unit-{number}.example') for number in range(count)]


def _request(key: rsa.RSAPrivateKey, name: str) -> str:
    builder = x509.CertificateSigningRequestBuilder(
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    ).add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    csr = builder.sign(key, hashes.SHA256())
    return csr.public_bytes(serialization.Encoding.PEM).decode().strip()


def _measure(
    sides: tuple[Side, Side],
    prepared: Mapping[str, cells.Model],
    relations: list[list[str]],
    layout: str,
    runs: int,
) -> list[Row]:
    """The cold cell, and the steady one on what the cold one left."""
    size = sum(len(asked) for asked in relations)
    warm = {name: model.asking([relations[0][:1]]) for name, model in prepared.items()}
    models = {name: model.asking(relations) for name, model in prepared.items()}
    rows: list[Row] = []
    for phase in ('cold', 'steady'):
        outcomes: dict[str, list[cells.Outcome]] = {side.name: [] for side in sides}
        for _ in range(runs if size < LARGE else 1):
            for side in sides:
                outcome = _run(side, phase, models[side.name], warm[side.name])
                outcomes[side.name].append(outcome)
        figures = {name: _figures(found) for name, found in outcomes.items()}
        rows.append(Row(layout, size, phase, figures))
        models = {name: found[0].model for name, found in outcomes.items()}
    return rows


def _idle(
    sides: tuple[Side, Side],
    prepared: Mapping[str, cells.Model],
    requests: list[str],
    runs: int,
) -> list[Row]:
    """Hooks with nothing to do, in processes that import nothing but what the hook imports."""
    rows: list[Row] = []
    served = {
        side.name: _run(side, 'cold', prepared[side.name].asking([requests[:1]])).model
        for side in sides
    }
    for size, models in enumerate((prepared, served)):
        outcomes: dict[str, list[cells.Outcome]] = {side.name: [] for side in sides}
        for _ in range(runs):
            for side in sides:
                outcomes[side.name].append(_run(side, 'steady', models[side.name]))
        figures = {name: _figures(found) for name, found in outcomes.items()}
        rows.append(Row('no-op', size, 'steady', figures))
    return rows


def _run(
    side: Side, event: str, model: cells.Model, warm_up: cells.Model | None = None
) -> cells.Outcome:
    """Run a hook in a new process; raises RuntimeError with what it said where it failed."""
    cell = cells.Cell(side.provider, event, model, side.config, warm_up)
    sources = (cells.ROOT / 'shared/src', cells.CHARM / 'src')
    done = subprocess.run(
        [sys.executable, str(pathlib.Path(cells.__file__))],
        input=json.dumps(dataclasses.asdict(cell)),
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(map(str, sources))},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f'{side.provider}, {event}: {done.stderr}')
    fields: dict[str, Any] = json.loads(done.stdout)
    fields['model'] = cells.Model(**fields['model'])
    return cells.Outcome(**fields)


def _figures(outcomes: list[cells.Outcome]) -> dict[str, Any]:
    """The figures of a cell: medians of the times, counts of the first run."""
    first = outcomes[0]
    return {
        'runs': len(outcomes),
        'seconds': statistics.median(one.seconds for one in outcomes),
        'net': statistics.median(one.seconds - one.overhead for one in outcomes),
        'imports': statistics.median(one.imports for one in outcomes),
        'loaded': first.loaded,
        'calls': sum(first.calls.values()),
        'calls_by_name': first.calls,
        'relation_sets': first.calls.get('relation_set', 0),
        'written': first.written,
        'bag': first.model.characters(),
        'parses': first.parses,
        'key_loads': first.key_loads,
        'issued': first.model.issued(),
    }


def _environment(note: str) -> str:
    packages = ('ops', 'ops-scenario', 'cryptography', 'charmlibs-interfaces-tls-certificates')
    versions = ', '.join(f'{name} {importlib.metadata.version(name)}' for name in packages)
    today = datetime.datetime.now(datetime.timezone.utc).date()
    return (
        f'{today}, {os.cpu_count()} CPUs, Python {platform.python_version()}, {versions}. {note}.'
    )


def _ms(seconds: float) -> str:
    return f'{seconds * 1000:,.1f}' if seconds < 0.1 else f'{seconds * 1000:,.0f}'


def _number(count: int) -> str:
    return f'{count:,}'


def _idle_table(rows: list[Row]) -> str:
    heads = ['hook with nothing to do', 'import ms', 'hook-tool calls', 'slow modules loaded']
    lines = [
        [
            'one request, issued' if row.size else 'no relation',
            ' / '.join(row.pair('imports', _ms)),
            ' / '.join(row.pair('calls')),
            ' / '.join(row.pair('loaded', lambda names: ', '.join(names) or 'none')),
        ]
        for row in rows
    ]
    return _markdown(heads, lines)


def _table(rows: list[Row]) -> str:
    heads = (
        'N in', 'N', 'phase', 'CPU ms', 'ratio', 'net CPU ms', 'net ratio', 'calls',
        'relation-set', 'bytes written', 'final bytes', 'parses', 'key loads', 'issued',
    )  # fmt: skip
    lines = [
        [
            row.layout,
            str(row.size),
            row.phase,
            ' / '.join(row.pair('seconds', _ms)),
            row.ratio('seconds'),
            ' / '.join(row.pair('net', _ms)),
            row.ratio('net'),
            *(
                ' / '.join(row.pair(figure, _number))
                for figure in (
                    'calls', 'relation_sets', 'written', 'bag', 'parses', 'key_loads', 'issued',
                )
            ),
        ]
        for row in rows
    ]  # fmt: skip
    return _markdown(list(heads), lines)


def _markdown(heads: list[str], lines: list[list[str]]) -> str:
    table = [heads, ['---'] * len(heads), *lines]
    return '\n'.join(f'| {" | ".join(line)} |' for line in table)


if __name__ == '__main__':
    main()
