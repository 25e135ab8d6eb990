"""What a killed process of this charm leaves behind: orders that are not lost, keys that are gone.

lego is a script here that hands out certificates made beforehand and notes what it was told to do;
all else is the charm's own. The real one is killed in test_lego.py.
"""

from __future__ import annotations

import collections
import datetime
import hashlib
import pathlib
import resource
import tempfile
from typing import Any, ClassVar

import ops
import pytest
from cryptography.hazmat.primitives import serialization
from ops import testing

import lego
from charm import LegoCharm
from tls_provider import x509
from tls_provider.issuer import Outcome
from tls_provider.testing import pki, requirers
from tls_provider.testing.kit.crashes import CSRS, Crashes
from tls_provider.testing.world import World

EMAIL = 'operator@example.test'
SERVER = 'https://localhost:1/dir'
AUTHORITY = pki.Authority.root('ACME root').intermediate('ACME issuing')
MOST = 8
"""Certificates of one request in the whole story."""
SCRIPT = r"""#!/bin/sh
set -eu
here={server}
case "$*" in *--help*) echo 'run'; echo 'renew'; echo '--dns.propagation-wait'; exit;; esac
place=. command=
while [ $# -gt 0 ]; do
  case $1 in --path) place=$2; shift;; run|revoke) command=$1;; esac
  shift
done
account=$place/accounts/localhost_1/{email}
if [ ! -e "$account/account.json" ]; then
  echo register >> "$here/effects"
  mkdir -p "$account/keys"
  cp "$here/key" "$account/keys/{email}.key"
  echo '{{"registration": {{"uri": "https://localhost:1/account/1"}}}}' > "$account/account.json"
fi
if [ $command = revoke ]; then echo revoke >> "$here/effects"; exit; fi
csr=$(sha256sum < "$place/request.csr" | cut -c1-64)
number=0
until mkdir "$here/taken-$csr-$number" 2>/dev/null; do number=$((number + 1)); done
echo "order $csr" >> "$here/effects"
mkdir -p "$place/certificates"
cp "$here/../../chains/$csr-$number" "$place/certificates/out.crt"
"""


class LegoWorld(World):
    """A charm with a disk of its own, which a killed process leaves as it is."""

    chooses_serials = False
    chooses_profile = False
    outside: ClassVar[pathlib.Path]

    @staticmethod
    def _context(charm: type[ops.CharmBase]) -> testing.Context[ops.CharmBase]:
        return testing.Context(charm, charm_root=LegoWorld.outside / 'charm')


class TestCrashes(Crashes):
    charm = LegoCharm
    world_type = LegoWorld
    backend: ClassVar = (
        'command._wait',  # lego runs, and is left alone
        'journal.Journal.keep',
        'journal.Journal.tidy',
        'lego.Lego.issue',
        'runs.Runs.learn',
        'runs.Runs.order',
    )

    def enter(self, outside: pathlib.Path) -> None:
        LegoWorld.outside = outside
        server = outside / 'server'
        chains = outside.parent / 'chains'  # not there with what is put back: it never changes
        server.mkdir(mode=0o700)
        chains.mkdir()
        script = outside / 'charm' / 'bin' / 'lego'
        script.parent.mkdir(parents=True)
        script.write_text(SCRIPT.format(server=server, email=EMAIL))
        script.chmod(0o755)
        # As lego 4 writes it, which reads no PKCS 8.
        key = pki.private_key('ecdsa-p256/account').private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        (server / 'key').write_bytes(key)
        start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
        for csr in CSRS:
            request = x509.parse_request(csr)
            for number in range(MOST):
                leaf = AUTHORITY.sign(request, start=start + datetime.timedelta(seconds=number))
                place = chains / f'{hashlib.sha256(csr.encode()).hexdigest()}-{number}'
                place.write_text(''.join(one.pem for one in (leaf, *AUTHORITY.chain[:-1])))

    def spent(self, outside: pathlib.Path) -> collections.Counter[str]:
        effects = outside / 'server' / 'effects'
        return collections.Counter(effects.read_text().splitlines() if effects.exists() else [])

    def ready(self) -> testing.State:
        state = super().ready()
        secret = testing.Secret({'httpreq-endpoint': 'https://localhost:1'})
        nothing = pathlib.Path(tempfile.mkstemp(dir=LegoWorld.outside.parent)[1])
        return testing.State(
            leader=True,
            config={
                'email': EMAIL,
                'accept-terms-of-service': True,
                'server': SERVER,
                'plugin': 'httpreq',
                'plugin-config-secret-id': secret.id,
                'ca-root-certificates': AUTHORITY.anchor.pem,
            },
            relations=state.relations,
            secrets={secret},
            resources={testing.Resource(name='lego', path=nothing)},
        )


def test_a_full_disk_is_told_and_serves_again_once_there_is_room(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / 'outside'
    outside.mkdir()
    TestCrashes().enter(outside)
    world = LegoWorld(LegoCharm, TestCrashes().ready())
    relation = world.relate('kafka', {0: requirers.bag(CSRS[0])})
    issue = lego.Lego.issue

    def without_room(*arguments: Any, **more: Any) -> Outcome:
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
        try:
            return issue(*arguments, **more)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    with monkeypatch.context() as patch:
        # Only what the issuer writes: Scenario has files of its own.
        patch.setattr(lego.Lego, 'issue', without_room)
        world.changed(relation)

    assert isinstance(world.state.unit_status, testing.BlockedStatus)
    assert 'cannot write its files: File too large' in world.status
    assert not world.answers(relation).entries
    assert not list((outside / 'charm' / 'orders').iterdir())
    world.act('retry-requests')
    assert world.entry(relation)
    world.assert_settled()
