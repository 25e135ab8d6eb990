"""Events that come by the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jubilant

from minijuju.trial import provider

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Juju


def test_expiry_comes_when_the_clock_does(juju: Juju, tmp_path: Path):
    expired = 'secret-remove "$JUJU_SECRET_ID" --revision "$JUJU_SECRET_REVISION"; touch expired'
    juju.deploy(provider(tmp_path, secret_expired=expired))
    juju.settle()
    juju.exec('secret-add --label x --expire 10m key=value', unit='ca/0')
    assert 'secret-expired' not in juju.hooks('ca/0')

    juju.cli('advance-clock', '11m', include_model=False)

    juju.settle()
    assert 'secret-expired' in juju.hooks('ca/0')
    assert not juju.secrets()


def test_a_short_expiry_comes_by_itself(juju: Juju, tmp_path: Path):
    expiry = 'status-set active expired'
    juju.deploy(provider(tmp_path, secret_expired=expiry))
    juju.settle()

    juju.exec('secret-add --expire 300ms key=value', unit='ca/0')

    def expired(status: jubilant.Status) -> bool:
        return status.apps['ca'].app_status.message == 'expired'

    juju.until(expired)


def test_update_status_follows_the_models_interval(juju: Juju, tmp_path: Path):
    juju.model_config({'update-status-hook-interval': '200ms'})
    juju.deploy(provider(tmp_path, update_status='status-set active updated'))

    def updated(status: jubilant.Status) -> bool:
        return status.apps['ca'].app_status.message == 'updated'

    juju.until(updated)
    assert juju.model_config()['update-status-hook-interval'] == '200ms'


def test_what_is_due_in_centuries_stops_nobody(juju: Juju, tmp_path: Path):
    juju.model_config({'update-status-hook-interval': '106751d'})
    juju.deploy(provider(tmp_path))
    juju.settle()

    juju.exec('secret-add --expire 9999-12-31T23:59:59Z key=value', unit='ca/0')

    assert juju.exec('is-leader', unit='ca/0').stdout == 'True\n'
