"""Roots: of chains, and those that other applications hand over."""

from __future__ import annotations

import datetime
import json
import pathlib
import random

import pytest
from conftest import asked, now

import binary
import received_roots
from authority_roots import Roots
from tls_provider.testing import mutation, pki, strangers

ROOT = pki.Authority.root('root')
LOWER = ROOT.intermediate('lower')
OTHER = pki.Authority.root('other')


def no_files() -> tuple[pathlib.Path, ...]:
    return ()


def leaf(authority: pki.Authority = LOWER):
    return authority.sign(asked('a.example').csr, start=now())


@pytest.mark.parametrize('where', ['given', 'published', 'bundle'])
def test_a_root_is_found(where: str, tmp_path: pathlib.Path) -> None:
    texts = [OTHER.certificate.pem, ROOT.certificate.pem]
    bundle = tmp_path / 'bundle'
    bundle.write_text('# comment\n' + '\njunk\n'.join(texts))
    roots = Roots(
        texts if where == 'given' else [],
        lambda: texts if where == 'published' else [],
        lambda: [tmp_path / 'absent', bundle] if where == 'bundle' else [],
    )

    chain = roots.complete(leaf(), [LOWER.certificate], now())

    assert chain == (LOWER.certificate, ROOT.certificate)
    published = [text.strip() for text in texts] if where == 'published' else []
    assert list(roots.anchors()) == published


def test_a_root_that_came_with_the_chain_is_not_looked_for() -> None:
    roots = Roots([], list, no_files)

    assert roots.complete(leaf(), [LOWER.certificate, ROOT.certificate], now()) == (
        LOWER.certificate,
        ROOT.certificate,
    )


def test_a_certificate_directly_below_its_root() -> None:
    roots = Roots([ROOT.certificate.pem], list, no_files)

    assert roots.complete(leaf(ROOT), [], now()) == (ROOT.certificate,)


def test_a_root_below_one_that_is_not_known() -> None:
    """The server sends the root as another root has certified it, for old clients."""
    crossed = OTHER.intermediate('root', path_length=None).certificate
    roots = Roots([ROOT.certificate.pem], list, no_files)

    chain = roots.complete(leaf(), [LOWER.certificate, crossed], now())

    assert chain == (LOWER.certificate, ROOT.certificate)


def test_the_upper_root_is_preferred() -> None:
    crossed = OTHER.intermediate('root', path_length=None).certificate
    roots = Roots([ROOT.certificate.pem, OTHER.certificate.pem], list, no_files)

    chain = roots.complete(leaf(), [LOWER.certificate, crossed], now())

    assert chain == (LOWER.certificate, crossed, OTHER.certificate)


@pytest.mark.parametrize('first', [0, 1])
def test_of_roots_with_one_name_and_key_the_valid_one_counts(first: int) -> None:
    valid = pki.Authority.root('twin')
    ended = pki.Authority.root('twin', life=datetime.timedelta(days=1))
    texts = [valid.certificate.pem, ended.certificate.pem]
    roots = Roots([texts[first], texts[1 - first]], list, no_files)

    assert roots.complete(leaf(valid), [], now()) == (valid.certificate,)


def test_no_root_is_none() -> None:
    roots = Roots([OTHER.certificate.pem, 'junk'], list, no_files)

    assert roots.complete(leaf(), [LOWER.certificate], now()) is None
    assert roots.anchors() == ()


def test_the_charm_and_the_machine_bring_roots() -> None:
    texts = [path.read_text() for path in binary.root_bundles() if path.is_file()]

    assert any(text.count('BEGIN CERTIFICATE') > 50 for text in texts)


class TestReceived:
    def test_both_versions_of_the_interface(self) -> None:
        first, second = ROOT.certificate.pem, OTHER.certificate.pem
        bags = [
            {'certificates': json.dumps([first]), 'version': '1'},
            {'certificate': leaf().pem, 'ca': second, 'chain': json.dumps([leaf().pem, second])},
        ]

        assert received_roots.read(bags) == tuple(sorted((first, second)))
        assert received_roots.read(bags[::-1]) == received_roots.read(bags)

    @pytest.mark.parametrize(
        'bag',
        [
            {'certificates': '{'},
            {'certificates': '[' * 200_000},
            {'certificates': '{"a": 1}'},
            {'certificates': '[1, null, "junk"]'},
            {'ca': 'junk', 'chain': '"x"'},
            {},
        ],
    )
    def test_junk_counts_as_nothing(self, bag: dict[str, str]) -> None:
        assert received_roots.read([bag]) == ()


class TestBinary:
    def test_the_one_in_the_charm(self, tmp_path: pathlib.Path) -> None:
        assert binary.find(None, tmp_path) == tmp_path / 'bin' / 'lego'
        assert binary.find(tmp_path / 'absent', tmp_path) == tmp_path / 'bin' / 'lego'

    def test_an_empty_resource_is_none(self, tmp_path: pathlib.Path) -> None:
        (tmp_path / 'attached').write_bytes(b'')

        assert binary.find(tmp_path / 'attached', tmp_path) == tmp_path / 'bin' / 'lego'

    def test_an_attached_one_is_made_executable_and_taken_anew_when_it_changes(
        self, tmp_path: pathlib.Path
    ) -> None:
        attached = tmp_path / 'attached'
        attached.write_text('one')
        attached.chmod(0o600)

        first = binary.find(attached, tmp_path)
        assert (first.read_text(), first.stat().st_mode & 0o777) == ('one', 0o755)
        inode = first.stat().st_ino
        assert binary.find(attached, tmp_path).stat().st_ino == inode
        attached.write_text('three')

        assert binary.find(attached, tmp_path).read_text() == 'three'


def test_mutated_databags_break_nothing_and_hide_no_other() -> None:
    chance = random.Random(4)
    texts = [one.certificate.pem for one in (ROOT, LOWER)]
    honest = {'certificates': json.dumps([OTHER.certificate.pem]), 'version': '1'}
    bag = {
        'certificates': json.dumps(texts),
        'chain': json.dumps(texts),
        'ca': texts[0],
        'version': '1',
    }
    for _ in range(1000):
        evil = mutation.mutated_bag(bag, chance, strangers.donors())

        assert OTHER.certificate.pem in received_roots.read([evil, honest])
