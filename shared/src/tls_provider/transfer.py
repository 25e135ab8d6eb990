"""certificate_transfer, provider side: exactly the trust anchors, in versions 1 and 0.

Version 1 lies in the application's databag, version 0 in the databag of the unit that leads. A
requirer says in its own databag that it reads version 1; until it does, both are there. What is no
longer trusted goes from both, also when another unit leads.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tls_provider import databag

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ops

_NOTHING = {'ca': '', 'certificate': '', 'chain': '', 'version': ''}
"""Version 0 without a certificate."""


def publish(charm: ops.CharmBase, endpoint: str, anchors: Sequence[str]) -> None:
    """Make these the certificates that clients on an endpoint trust; for the leader.

    Args:
        charm: The charm.
        endpoint: Provides `certificate_transfer`.
        anchors: PEM texts of one certificate each, newest first.

    """
    every = list(dict.fromkeys(anchor.strip() for anchor in anchors))
    version_1 = {'certificates': json.dumps(sorted(every)), 'version': '1'}
    version_0 = _NOTHING
    if every:
        # Readers without a library take the texts as they stand, so these are not JSON.
        version_0 = {
            'ca': every[0],
            'certificate': every[0],
            'chain': json.dumps(every),
            'version': '0',
        }
    for relation in charm.model.relations[endpoint]:
        if not relation.active:
            continue
        reads_1 = _requirer_version(relation) == '1'
        databag.write(relation.data[charm.app], version_1)
        databag.write(relation.data[charm.unit], _NOTHING if reads_1 else version_0)


def retire(charm: ops.CharmBase, endpoint: str) -> None:
    """Take back what this unit published while it led; for units that do not lead."""
    for relation in charm.model.relations[endpoint]:
        if relation.active:
            databag.write(relation.data[charm.unit], _NOTHING)


def _requirer_version(relation: ops.Relation) -> str:
    app = databag.remote_application(relation)
    return relation.data[app].get('version', '') if app is not None else ''
