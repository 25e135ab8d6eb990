"""One cell of the benchmark: one hook of one charm, in a process of its own.

Run as a program it reads a `Cell` from standard input and writes an `Outcome`, both as JSON.
"""

from __future__ import annotations

import dataclasses
import gc
import importlib
import json
import pathlib
import resource
import sys
from typing import TYPE_CHECKING, Any

import ops
import yaml
from ops import testing

import counting

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHARM = ROOT / 'charms/self-signed-certificates'

PROVIDERS = {
    'ours': ('charm', 'SelfSignedCertificatesCharm'),
    'library': ('library_provider', 'LibraryProvider'),
    'library-rsa': ('library_provider', 'RsaLibraryProvider'),
}
"""Module and class; imported by name, so that a process has the modules of one charm only."""
WATCHED = ('cryptography', 'requests', 'hvac', 'pydantic', 'ops_tracing')
"""Slow imports that a hook with nothing to do should not pay for."""


@dataclasses.dataclass(frozen=True)
class Model:
    """What a provider finds when a hook begins, or leaves when it ends."""

    requests: list[list[str]] = dataclasses.field(default_factory=list[list[str]])
    """Of each relation, the signing request of each unit."""
    published: list[dict[str, str]] = dataclasses.field(default_factory=list[dict[str, str]])
    """Of each relation, the databag of the provider's application."""
    peers: dict[str, str] = dataclasses.field(default_factory=dict[str, str])
    """The databag of the application in the peer relation."""
    secrets: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict[str, Any])
    """Of each secret of the application, its content by label."""

    def asking(self, requests: list[list[str]]) -> Model:
        """The same application with new relations."""
        return dataclasses.replace(self, requests=requests, published=[{} for _ in requests])

    def characters(self) -> int:
        """The size of all databags of the application."""
        bags = (*self.published, self.peers)
        return sum(len(value) for bag in bags for value in bag.values())

    def issued(self) -> int:
        """How many requests have a certificate."""
        return sum(
            len(_answered(bag) & {csr.strip() for csr in asked})
            for asked, bag in zip(self.requests, self.published, strict=True)
        )


@dataclasses.dataclass(frozen=True)
class Cell:
    """A hook to be run."""

    provider: str
    """A key of `PROVIDERS`."""
    event: str
    """`set-up`, `cold` or `steady`: config-changed, relation-changed or update-status."""
    model: Model
    config: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    warm_up: Model | None = None
    """A hook that asks for a certificate is run on this first, so that the figures hold no first
    use of anything. Without it no time is of use, but what was imported is what the hook imports.
    """


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a hook cost and what it did; times are CPU seconds, user and system."""

    seconds: float
    """Of the hook under `ops.testing`."""
    overhead: float
    """Of a hook of a charm that does nothing, on the same model: what `ops.testing` takes."""
    imports: float
    """Of the import of the charm, in a process that has imported `ops.testing`."""
    loaded: list[str]
    """Those of `WATCHED` that were imported at the end."""
    calls: dict[str, int]
    """Hook tools by name."""
    written: int
    """Characters written to databags."""
    parses: int
    key_loads: int
    model: Model


class Nothing(ops.CharmBase):
    """A charm that observes nothing."""


def options() -> Mapping[str, Any]:
    """The options of our charm, as its metadata declare them."""
    return _metadata().get('config', {}).get('options', {})


def run(cell: Cell) -> Outcome:
    """Run a hook; to be called once in a process, for it wraps what it counts."""
    tally = counting.Tally()
    counting.count_calls(tally)
    if cell.warm_up is not None:
        counting.count_cryptography(tally)
    module, name = PROVIDERS[cell.provider]
    start = _cpu()
    charm_type = getattr(importlib.import_module(module), name)
    imports = _cpu() - start
    if cell.warm_up is not None:
        _hook(charm_type, 'cold', cell.warm_up, cell.config)
        _hook(Nothing, 'cold', cell.warm_up, cell.config)
    overhead, _ = _hook(Nothing, cell.event, cell.model, cell.config)
    tally.reset()
    seconds, model = _hook(charm_type, cell.event, cell.model, cell.config)
    return Outcome(
        seconds=seconds,
        overhead=overhead,
        imports=imports,
        loaded=[name for name in WATCHED if name in sys.modules],
        calls=dict(sorted(tally.calls.items())),
        written=tally.written,
        parses=tally.parses,
        key_loads=tally.key_loads,
        model=model,
    )


def _hook(
    charm_type: type[ops.CharmBase], event: str, model: Model, config: dict[str, Any]
) -> tuple[float, Model]:
    """CPU seconds of one hook, and the model after it."""
    metadata = _metadata()
    settings, actions = metadata.pop('config', None), metadata.pop('actions', None)
    context = testing.Context(charm_type, metadata, config=settings, actions=actions)
    relations = [
        testing.Relation(
            'certificates',
            id=number,
            remote_app_name=f'app{number}',
            remote_units_data={unit: _databag(csr) for unit, csr in enumerate(asked)},
            local_app_data=dict(published),
        )
        for number, (asked, published) in enumerate(
            zip(model.requests, model.published, strict=True), start=1
        )
    ]
    peers = testing.PeerRelation('peers', id=0, local_app_data=dict(model.peers))
    state = testing.State(
        leader=True,
        relations=[*relations, peers],
        secrets=[
            testing.Secret(content, label=label, owner='app')
            for label, content in model.secrets.items()
        ],
        config=config,
    )
    match event:
        case 'cold':
            to_run = context.on.relation_changed(relations[0], remote_unit=0)
        case 'steady':
            to_run = context.on.update_status()
        case _:
            to_run = context.on.config_changed()
    gc.collect()
    start = _cpu()
    after = context.run(to_run, state)
    seconds = _cpu() - start
    return seconds, Model(
        requests=model.requests,
        published=[dict(after.get_relation(one.id).local_app_data) for one in relations],
        peers=dict(after.get_relation(peers.id).local_app_data),
        secrets={
            str(secret.label): dict(secret.latest_content or secret.tracked_content)
            for secret in after.secrets
        },
    )


def _databag(csr: str) -> dict[str, str]:
    requests = [{'certificate_signing_request': csr, 'ca': False}]
    return {'certificate_signing_requests': json.dumps(requests)}


def _answered(databag: Mapping[str, str]) -> set[str]:
    entries = json.loads(databag.get('certificates', '[]'))
    return {entry['certificate_signing_request'].strip() for entry in entries}


def _metadata() -> dict[str, Any]:
    return yaml.safe_load((CHARM / 'charmcraft.yaml').read_text(encoding='utf-8'))


def _cpu() -> float:
    """CPU seconds of this process and of the children that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _read(text: str) -> Cell:
    fields = json.loads(text)
    warm_up = fields.pop('warm_up')
    model = Model(**fields.pop('model'))
    return Cell(**fields, model=model, warm_up=Model(**warm_up) if warm_up else None)


if __name__ == '__main__':
    json.dump(dataclasses.asdict(run(_read(sys.stdin.read()))), sys.stdout)
