"""What this charm is told to trust, through the library for certificate_transfer."""

from __future__ import annotations

import ops
from charmlibs.interfaces import certificate_transfer

ENDPOINT = 'certificate_transfer'


class Trust(ops.Object):
    """Collects the CA certificates of all relations and shows them."""

    def __init__(self, charm: ops.CharmBase):
        super().__init__(charm, 'trust')
        self._library = certificate_transfer.CertificateTransferRequires(charm, ENDPOINT)
        self.framework.observe(charm.on['get-trusted-ca-certificates'].action, self._show)

    def _show(self, event: ops.ActionEvent) -> None:
        certificates = sorted(self._library.get_all_certificates())
        event.set_results({'ca-certificates': '\n'.join(certificates), 'count': len(certificates)})
