"""charmcraft.yaml read once, and the files for Juju made from it as charmcraft makes them."""

from __future__ import annotations

import dataclasses
import re
import time
import urllib.parse
from typing import TYPE_CHECKING, cast

import yaml

from . import parts
from .failure import Failure, one_line

if TYPE_CHECKING:
    import pathlib

    from .target import Target

# The keys that go into metadata.yaml as they are (charmcraft 4.5, models/metadata.py).
METADATA = frozenset({
    'name', 'summary', 'description', 'assumes', 'charm-user', 'containers', 'devices',
    'extra-bindings', 'peers', 'provides', 'requires', 'resources', 'storage', 'subordinate',
    'terms',
})  # fmt: skip
# Understood, and made into something else or into nothing.
OTHERS = frozenset({
    'type', 'title', 'links', 'actions', 'config', 'platforms', 'parts', 'base', 'build-base',
    'analysis', 'charm-libs',
})  # fmt: skip
# charmcraft.yaml's `links` -> the key in metadata.yaml.
LINKS = {
    'documentation': 'docs',
    'contact': 'maintainers',
    'issues': 'issues',
    'source': 'source',
    'website': 'website',
}
NAME = re.compile(r'(?!.*--)[a-z0-9][a-z0-9-]*[a-z0-9]')
PLATFORM = re.compile(r'[a-z]+@[0-9.]+:[a-z0-9]+')
LIMITS = {'name': 40, 'title': 40, 'summary': 78}  # characters, as charmcraft and Charmhub demand


@dataclasses.dataclass(frozen=True)
class Charm:
    """A charm's charmcraft.yaml, checked."""

    folder: pathlib.Path
    """Where the charm's source is, absolute."""
    name: str
    """Its name in Juju and Charmhub."""
    metadata: str
    """Text of metadata.yaml."""
    actions: str
    """Text of actions.yaml; empty when the charm has no actions, then there is no such file."""
    config: str
    """Text of config.yaml; empty when the charm has no options, then there is no such file."""
    platforms: frozenset[str]
    """What it may be packed for: `ubuntu@24.04:amd64`."""
    parts: tuple[parts.Part, ...]
    """What it ships besides Python code."""

    @property
    def downloads(self) -> tuple[str, ...]:
        """Names of the parts whose files come from elsewhere."""
        return tuple(part.name for part in self.parts if not part.local)

    @property
    def files(self) -> dict[str, str]:
        """The files for Juju that charmcraft.yaml tells, by name; those without content too."""
        return {
            'metadata.yaml': self.metadata,
            'actions.yaml': self.actions,
            'config.yaml': self.config,
        }


def load(folder: pathlib.Path) -> Charm:
    """The charm in a folder. Raises Failure, naming the key, for a file that is wrong."""
    path = folder / 'charmcraft.yaml'
    where = f'{folder.name}/charmcraft.yaml'
    try:
        content: object = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise Failure(f'{where} cannot be read: {one_line(str(error))}') from None
    except yaml.YAMLError as error:
        raise Failure(f'{where} is not YAML: {one_line(str(error))}') from None
    try:
        return parse(folder, parts.mapping(content, 'the file'))
    except Failure as error:
        raise Failure(f'{where}: {error}') from None


def parse(folder: pathlib.Path, project: dict[str, object]) -> Charm:
    """The charm that a charmcraft.yaml, as plain values, describes."""
    if project.get('type') != 'charm':
        raise Failure("type must be 'charm'")
    if unknown := sorted(project.keys() - METADATA - OTHERS):
        raise Failure(f'unknown key {", ".join(unknown)}')
    for key in ('name', 'summary', 'description'):
        if not project.get(key):
            raise Failure(f'{key} is missing')
    for key in ('name', 'title', 'summary', 'description'):
        value = project.get(key, '')
        if not isinstance(value, str) or len(value) > LIMITS.get(key, len(value)):
            raise Failure(f'{key} must be text of at most {LIMITS.get(key, "any")} characters')
    name = str(project['name'])
    if not NAME.fullmatch(name):
        raise Failure(f'name {name!r} must be lower-case letters, digits and single hyphens')
    config = parts.mapping(project.get('config') or {}, 'config')
    options(config)
    actions = parts.mapping(project.get('actions') or {}, 'actions')
    for action, content in actions.items():
        parts.mapping(content, f'action {action}')
    return Charm(
        folder=folder,
        name=name,
        metadata=dump(metadata(project)),
        actions=dump(actions) if actions else '',
        config=dump(config) if config else '',
        platforms=platforms(project),
        parts=parts.parse(parts.mapping(project.get('parts'), 'parts')),
    )


def metadata(project: dict[str, object]) -> dict[str, object]:
    """Content of metadata.yaml: known keys, the title renamed, the links flattened."""
    content = {
        key: value for key, value in project.items() if key in METADATA and value is not None
    }
    if 'title' in project:
        content['display-name'] = project['title']
    for key, value in parts.mapping(project.get('links') or {}, 'links').items():
        if key not in LINKS:
            raise Failure(f'unknown link {key}: use one of {", ".join(LINKS)}')
        if key == 'contact':
            content['maintainers'] = [value] if isinstance(value, str) else value
        elif isinstance(value, list):
            content[LINKS[key]] = [address(item) for item in cast('list[object]', value)]
        else:
            content[LINKS[key]] = address(value)
    return content


def address(value: object) -> str:
    """A link in the form that charmcraft writes: an address without a path ends with a slash."""
    split = urllib.parse.urlsplit(str(value))
    if split.scheme not in {'http', 'https'} or not split.netloc:
        raise Failure(f'link {value!r} must be an http or https address')
    return split._replace(path=split.path or '/').geturl()


def options(config: dict[str, object]) -> None:
    """Check the config options' shape; raises Failure naming the option that Juju would refuse."""
    kinds = {'string': str, 'int': int, 'float': (int, float), 'boolean': bool, 'secret': str}
    if unknown := config.keys() - {'options'}:
        raise Failure(f'config: unknown key {", ".join(sorted(unknown))}')
    for name, value in parts.mapping(config.get('options') or {}, 'config options').items():
        option = parts.mapping(value, f'option {name}')
        kind = kinds.get(str(option.get('type')))
        if kind is None or option.keys() - {'type', 'default', 'description'}:
            raise Failure(
                f'option {name}: needs type ({", ".join(kinds)}); may have default, description'
            )
        default = option.get('default')
        wrong_bool = isinstance(default, bool) and kind is not bool
        if default is not None and (wrong_bool or not isinstance(default, kind)):
            raise Failure(f'option {name}: default {default!r} is no {option["type"]}')


def platforms(project: dict[str, object]) -> frozenset[str]:
    """The labels `ubuntu@24.04:amd64` that the charm lists, from either form of the file."""
    listed = parts.mapping(project.get('platforms'), 'platforms')
    base = project.get('base')
    labels = frozenset(label if '@' in label else f'{base}:{label}' for label in listed)
    if wrong := sorted(label for label in labels if not PLATFORM.fullmatch(label)):
        raise Failure(f'platform {wrong[0]} must be BASE:ARCHITECTURE, as in ubuntu@24.04:amd64')
    if not labels:
        raise Failure('platforms lists nothing to pack for')
    return labels


def manifest(target: Target, seconds: int) -> str:
    """Text of manifest.yaml for a target; the time is seconds since 1970, UTC.

    Juju takes the base and architecture from here and refuses a charm without them. No charmcraft
    version is claimed: charmcraft took no part.
    """
    started = time.strftime('%Y-%m-%dT%H:%M:%S+00:00', time.gmtime(seconds))
    base = {
        'name': target.distribution,
        'channel': target.channel,
        'architectures': [target.architecture],
    }
    return dump(
        {
            'analysis': {'attributes': []},
            'bases': [base],
            'charmcraft-started-at': started,
        }
    )


def dump(content: object) -> str:
    """YAML in the form of charmcraft's files: keys sorted."""
    return yaml.safe_dump(content, sort_keys=True)
