"""Secrets of charms and of users, driven by juju."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jubilant
import pytest

from minijuju.trial import provider, requirer

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Juju


def test_secrets_of_charms(juju: Juju, tmp_path: Path):
    share = """
if [[ ! -e uri ]]; then secret-add --label key --owner application password=one >uri; fi
secret-grant --relation "$JUJU_RELATION_ID" "$(<uri)"
relation-set --app secret="$(<uri)"
"""
    show = 'status-set active "$(secret-get "$JUJU_SECRET_ID" password --refresh)"'
    juju.deploy(provider(tmp_path, certs_relation_created=share, certs_relation_changed='true'))
    read = """
uri=$(relation-get --app secret "$JUJU_REMOTE_APP")
[[ -z $uri ]] || status-set active "$(secret-get "$uri" password --label shared)"
"""
    juju.deploy(requirer(tmp_path, needs_relation_changed=read, secret_changed=show))
    juju.integrate('ca', 'req')
    assert juju.settle().apps['req'].app_status.message == 'one'

    juju.exec('secret-set "$(<uri)" password=two', unit='ca/0')

    assert juju.settle().apps['req'].app_status.message == 'two'
    assert juju.hooks('ca/0')[-1] == 'secret-remove'
    (found,) = juju.secrets()
    assert (found.owner, found.label, found.revision) == ('ca', 'key', 2)
    revealed = juju.show_secret(found.uri, reveal=True)
    assert revealed.content == {'password': 'two'}


def test_secrets_of_users(juju: Juju, tmp_path: Path):
    changed = 'status-set active changed'
    juju.deploy(provider(tmp_path, secret_changed=changed))
    juju.settle()
    uri = juju.add_secret('token', {'value': 'one'}, info='about')
    read = f'secret-get {uri} value'
    with pytest.raises(jubilant.TaskError):
        juju.exec(read, unit='ca/0')

    juju.grant_secret('token', 'ca')
    assert juju.exec(read, unit='ca/0').stdout == 'one\n'
    juju.update_secret(uri, {'value': 'two'}, name='fresh')
    status = juju.settle()

    assert status.apps['ca'].app_status.message == 'changed'
    assert juju.exec(read, unit='ca/0').stdout == 'one\n'
    assert juju.exec(f'{read} --refresh', unit='ca/0').stdout == 'two\n'
    shown = juju.show_secret('fresh', revisions=True)
    assert (shown.owner, shown.name, shown.description) == ('<model>', 'fresh', 'about')
    assert [revision.revision for revision in shown.revisions or ()] == [1, 2]
    juju.remove_secret(uri)
    assert not juju.secrets()
