"""DNS providers of lego and the variables that each takes, from its own help.

The file beside this module was read from `lego dnshelp` and from what each provider of lego 4.9.1
says is missing where nothing is given. Newer versions know more providers and more variables:
what is not in the file is let through, for lego itself to judge.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_FILE = pathlib.Path(__file__).with_name('dns_providers.json')


@dataclasses.dataclass(frozen=True)
class DnsProvider:
    """One that is known."""

    required: tuple[frozenset[str], ...]
    """Sets of variables, one of which must be given; empty: not known."""
    variables: frozenset[str]
    """All that it takes."""

    @property
    def polling_interval(self) -> str | None:
        """The variable with the seconds between two looks at the record."""
        return next((one for one in self.variables if one.endswith('_POLLING_INTERVAL')), None)

    def lacking(self, given: Iterable[str]) -> tuple[str, ...]:
        """Variables without which it does not work, where that is certain.

        It is not certain where something is given that is not known.
        """
        # lego reads any variable from a file that the same name with _FILE gives.
        names = {name.removesuffix('_FILE') for name in given}
        if not self.required or any(one <= names for one in self.required):
            return ()
        if not names <= self.variables:
            return ()
        nearest = min(self.required, key=lambda one: len(one - names))
        return tuple(sorted(nearest - names))


@functools.cache
def _providers() -> Mapping[str, Any]:
    return json.loads(_FILE.read_text(encoding='utf-8'))


def known(code: str) -> DnsProvider | None:
    """The provider of a code; None for one that this file lacks."""
    found = _providers().get(code)
    if found is None:
        return None
    return DnsProvider(
        tuple(frozenset(one) for one in found['required']),
        frozenset(found['variables']).union(*found['required']),
    )
