"""The fuzzer sees what a reader lets out; a stand-in is in the place of its engine."""

from __future__ import annotations

import contextlib
import importlib
import sys
import types
from collections.abc import Sequence

import pytest

from tls_provider.testing import strangers


def uninstrumented(*, include: Sequence[str]) -> contextlib.AbstractContextManager[None]:
    assert 'tls_provider' in include
    return contextlib.nullcontext()


@pytest.mark.parametrize('kind', [ValueError, RecursionError, UnicodeEncodeError, KeyError])
def test_what_a_reader_raises_is_a_finding(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = types.ModuleType('atheris')
    engine.__dict__['instrument_imports'] = uninstrumented
    monkeypatch.setitem(sys.modules, 'atheris', engine)
    fuzz = importlib.import_module('fuzz')
    bag = strangers.dumps(next(iter(strangers.bags())))
    raised = kind('utf-8', '', 0, 1, '') if kind is UnicodeEncodeError else kind('x')

    def broken(*_: object) -> None:
        raise raised

    fuzz.read(bag)
    fuzz.read(b'no databag')
    monkeypatch.setattr(strangers, 'read_everything', broken)
    with pytest.raises(kind):
        fuzz.read(bag)
