"""Which requests a backend is asked for."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tls_provider.engine import Engine

if TYPE_CHECKING:
    import datetime
    from collections.abc import Generator

    from tls_provider.issuer import Outcome, Request


@contextlib.contextmanager
def asked() -> Generator[list[str]]:
    """Notes whose requests the backend is asked for meanwhile."""
    requests: list[str] = []
    issue = Engine.issue

    def noted(self: Engine, request: Request, timeout: datetime.timedelta) -> Outcome | None:
        requests.append(request.requirer)
        return issue(self, request, timeout)

    Engine.issue = noted
    try:
        yield requests
    finally:
        Engine.issue = issue
