"""Programs that tests need are there, or it is said how to get them."""

from __future__ import annotations

import pytest

import programs


def test_what_is_there_needs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert programs.main(['sh']) == 0

    assert capsys.readouterr() == ('', '')


def test_what_is_missing_is_named_with_its_packages(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv('PATH', '')  # also no apt

    assert programs.main(['openssl', 'certtool', 'certutil']) == 1

    said = capsys.readouterr().err
    assert 'install openssl, certtool, certutil' in said
    assert 'apt install gnutls-bin libnss3-tools openssl' in said
