"""Packs the charms of this repository without charmcraft: `python tools/pack`, or `pack.build`."""

from .assemble import Artifact, build
from .failure import Failure
from .target import Target, host, named

__all__ = ['Artifact', 'Failure', 'Target', 'build', 'host', 'named']
