"""Exact counts of what a hook does, made by wrapping what it calls.

A wrapper costs 0.1 us for a parse, where the cheapest takes 3.7, and 0.2 us for a hook tool: times
with many parses are up to 3 % too long.
"""

from __future__ import annotations

import collections
import functools
import importlib
from typing import TYPE_CHECKING, Any

from scenario import mocking

if TYPE_CHECKING:
    from collections.abc import Callable

_X509 = (
    'load_pem_x509_certificate',
    'load_pem_x509_certificates',
    'load_der_x509_certificate',
    'load_pem_x509_csr',
    'load_der_x509_csr',
)
_KEYS = ('load_pem_private_key', 'load_der_private_key')


class Tally:
    """What was done since the last `reset`."""

    def __init__(self):
        self.reset()
        self.inside = False
        """A call of the backend is under way; calls from within it are its own affair."""

    def reset(self) -> None:
        """Start from nothing."""
        self.calls: collections.Counter[str] = collections.Counter()
        """Calls of the backend by name, each of which runs one hook tool under Juju."""
        self.written = 0
        """Characters of all values given to relation-set."""
        self.parses = 0
        """Certificates and signing requests that were parsed."""
        self.key_loads = 0
        """Private keys that were loaded."""


def count_calls(tally: Tally) -> None:
    """Count the hook tools that a charm runs under `ops.testing`.

    `ops.testing` has no hook tools: its backend has one method for each, in place of those that
    run the tool, and takes the same arguments. So every public method of the backend's class is
    wrapped, of which the table of `scenario.mocking` is the list. That class is private; a release
    of ops-scenario that renames it fails here, at once.
    """
    backend: Any = getattr(mocking, '_MockModelBackend')  # noqa: B009 : private, see above
    methods: dict[str, Any] = dict(backend.__dict__)
    for name, method in methods.items():
        if callable(method) and not name.startswith('_'):
            setattr(backend, name, _counted_call(tally, name, method))


def count_cryptography(tally: Tally) -> None:
    """Count parses and key loads; imports `cryptography`.

    To be called before the charm is imported, so that `from ... import` finds the wrappers too.
    """
    x509: Any = importlib.import_module('cryptography.x509')
    serialization: Any = importlib.import_module('cryptography.hazmat.primitives.serialization')
    for name in _X509:
        setattr(x509, name, _counted_parse(tally, getattr(x509, name)))
    for name in _KEYS:
        setattr(serialization, name, _counted_load(tally, getattr(serialization, name)))


def _counted_call(tally: Tally, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def counted(*args: Any, **kwargs: Any) -> Any:
        if tally.inside:
            return method(*args, **kwargs)
        if name == 'is_leader':
            # Under Juju ops runs the tool once and remembers for 30 s; here it asks every time.
            tally.calls[name] = 1
        else:
            tally.calls[name] += 1
        if name == 'relation_set':
            values: dict[str, str] = kwargs['data']  # ops passes it by name
            tally.written += sum(len(value) for value in values.values())
        tally.inside = True
        try:
            return method(*args, **kwargs)
        finally:
            tally.inside = False

    return counted


def _counted_parse(tally: Tally, parse: Callable[..., Any]) -> Callable[..., Any]:
    several = parse.__name__.endswith('s')

    @functools.wraps(parse)
    def counted(*args: Any, **kwargs: Any) -> Any:
        found: Any = parse(*args, **kwargs)
        tally.parses += len(found) if several else 1
        return found

    return counted


def _counted_load(tally: Tally, load: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(load)
    def counted(*args: Any, **kwargs: Any) -> Any:
        tally.key_loads += 1
        return load(*args, **kwargs)

    return counted
