"""What a charm's own files say about it: endpoints, options, actions, base."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import yaml

from minijuju.arguments import Refused, switch
from minijuju.document import load, mapping, sequence, text

if TYPE_CHECKING:
    from pathlib import Path

Role = Literal['provider', 'requirer', 'peer']
_ROLES: dict[str, Role] = {'provides': 'provider', 'requires': 'requirer', 'peers': 'peer'}
_DOCUMENT_LIMIT = 1024 * 1024
APP_NAME = re.compile(r'[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*')
"""What names an application, and a charm."""
_MACHINES = {'x86_64': 'amd64', 'aarch64': 'arm64'}


@dataclass(frozen=True)
class EndpointSpec:
    """An endpoint as metadata.yaml declares it."""

    name: str
    interface: str
    role: Role
    limit: int = 0
    """How many relations it may have; 0 for any number."""


@dataclass(frozen=True)
class Option:
    """A config option."""

    name: str
    type: str
    default: object
    """The default, None when there is none."""
    description: str

    def parse(self, value: str) -> object:
        """Return the value that a text on the command line means.

        Raises:
            Refused: the text is not of the option's type.
        """
        try:
            match self.type:
                case 'int' if re.fullmatch(r'[+-]?[0-9]+', value):
                    return int(value)
                case 'float' if value == value.strip() and '_' not in value:
                    return float(value)
                case 'boolean' if (meant := switch(value)) is not None:
                    return meant
                case 'int' | 'float' | 'boolean':
                    raise ValueError
                case 'secret' if value and not value.startswith('secret:'):
                    raise ValueError
                case _:
                    return value
        except ValueError:
            wrong = f'option "{self.name}" expected {self.type}, got "{value}"'
            raise Refused(wrong) from None


@dataclass(frozen=True)
class ActionSpec:
    """An action and the JSON schema of its parameters."""

    name: str
    description: str
    params: dict[str, object]
    required: tuple[str, ...]
    additional: bool


@dataclass(frozen=True)
class Charm:
    """A charm as unpacked into the cache."""

    name: str
    digest: str
    """SHA-256 of the artifact."""
    folder: Path
    base: tuple[str, str]
    """Distribution and channel, ``('ubuntu', '24.04')``."""
    python: str
    """Minor version of the Python in ``venv``, ``3.12``; empty without a venv."""
    endpoints: dict[str, EndpointSpec] = field(default_factory=dict[str, EndpointSpec])
    bindings: frozenset[str] = frozenset()
    """Names that network-get knows: endpoints and extra bindings."""
    options: dict[str, Option] = field(default_factory=dict[str, Option])
    actions: dict[str, ActionSpec] = field(default_factory=dict[str, ActionSpec])
    resources: frozenset[str] = frozenset()


def read_charm(folder: Path, digest: str) -> Charm:
    """Return what an unpacked charm says about itself.

    Raises:
        Refused: metadata.yaml is missing or useless, the charm is for another architecture,
            or it needs what a one-machine stand-in does not have.
    """
    metadata = _read(folder / 'metadata.yaml')
    name = text(metadata.get('name'))
    if not APP_NAME.fullmatch(name):
        raise Refused(f'metadata.yaml is missing or names no charm: "{name}"')
    for key, what in {
        'containers': 'Pebble containers',
        'storage': 'storage',
        'devices': 'devices',
    }.items():
        if mapping(metadata.get(key)):
            raise Refused(f'charm "{name}" needs {what}, which minijuju does not have')
    if metadata.get('subordinate'):
        raise Refused(f'charm "{name}" is a subordinate, which minijuju does not support')
    manifest = _read(folder / 'manifest.yaml')
    _check_architecture(name, manifest)
    endpoints = {
        endpoint: _endpoint(endpoint, spec, role)
        for section, role in _ROLES.items()
        for endpoint, spec in mapping(metadata.get(section)).items()
    }
    return Charm(
        name=name,
        digest=digest,
        folder=folder,
        base=_base(manifest),
        python=_python_of(folder),
        endpoints=endpoints,
        bindings=frozenset({*endpoints, *mapping(metadata.get('extra-bindings'))}),
        options=_options(_read(folder / 'config.yaml')),
        actions=_actions(_read(folder / 'actions.yaml')),
        resources=frozenset(mapping(metadata.get('resources'))),
    )


def machine_architecture() -> str:
    """Return this machine's architecture by Juju's name for it, ``amd64``."""
    return _MACHINES.get(platform.machine(), platform.machine())


def _endpoint(name: str, spec: object, role: Role) -> EndpointSpec:
    # "interface" alone is the short form of a mapping with nothing else.
    fields = {'interface': spec} if isinstance(spec, str) else mapping(spec)
    limit = fields.get('limit')
    return EndpointSpec(
        name, text(fields.get('interface')), role, limit if isinstance(limit, int) else 0
    )


def _read(path: Path) -> dict[str, object]:
    try:
        if path.stat().st_size > _DOCUMENT_LIMIT:
            raise Refused(f'{path.name} is larger than {_DOCUMENT_LIMIT} bytes')
        return mapping(load(path.read_text(encoding='utf-8')))
    except FileNotFoundError:
        return {}
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise Refused(f'cannot read {path.name}: {error}') from error


def _check_architecture(name: str, manifest: dict[str, object]) -> None:
    here = machine_architecture()
    bases = [mapping(base) for base in sequence(manifest.get('bases'))]
    listed = {text(arch) for base in bases for arch in sequence(base.get('architectures'))}
    if listed and not listed & {here, 'all'}:
        raise Refused(
            f'charm "{name}" is for {", ".join(sorted(listed))}, this machine is {here}: '
            f'pack it for {here}'
        )


def _base(manifest: dict[str, object]) -> tuple[str, str]:
    for base in sequence(manifest.get('bases')):
        fields = mapping(base)
        channel = text(fields.get('channel')).partition('/')[0]
        if channel:
            return text(fields.get('name')) or 'ubuntu', channel
    return 'ubuntu', '24.04'


def _python_of(folder: Path) -> str:
    found = sorted((folder / 'venv' / 'lib').glob('python3.*'))
    minors = [path.name for path in found if re.fullmatch(r'python3\.\d+', path.name)]
    return minors[0].removeprefix('python') if minors else ''


def _options(config: dict[str, object]) -> dict[str, Option]:
    found: dict[str, Option] = {}
    for name, spec in mapping(config.get('options')).items():
        fields = mapping(spec)
        kind = text(fields.get('type')) or 'string'
        default = fields.get('default')
        if kind == 'float' and isinstance(default, int) and not isinstance(default, bool):
            default = float(default)
        found[name] = Option(name, kind, default, text(fields.get('description')))
    return found


def _actions(actions: dict[str, object]) -> dict[str, ActionSpec]:
    found: dict[str, ActionSpec] = {}
    for name, spec in actions.items():
        fields = mapping(spec)
        found[name] = ActionSpec(
            name=name,
            description=text(fields.get('description')),
            params=mapping(fields.get('params')),
            required=tuple(text(item) for item in sequence(fields.get('required'))),
            additional=fields.get('additionalProperties') is not False,
        )
    return found
