"""What lasts between hooks: the account, finished orders, the history of names."""

from __future__ import annotations

import datetime
import json
import os
import pathlib
import stat

import pytest
from conftest import asked, now

import account
from account import Account
from duplicates import SPAN, History
from journal import Journal

SERVER = 'https://h:14000/dir'
EMAIL = 'a@b.example'
ACCOUNT = Account(SERVER, EMAIL, 'key\n', '{"uri": "https://h/1"}')
PEM = '-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n'


class TestAccount:
    @pytest.mark.parametrize('generation', [4, 5])
    @pytest.mark.parametrize('registration', ['', '{"uri": "https://h/1"}'])
    def test_what_was_written_is_found(
        self, generation: int, registration: str, tmp_path: pathlib.Path
    ):
        value = Account(SERVER, EMAIL, 'key\n', registration)

        value.write(tmp_path, generation)

        assert account.found(tmp_path, SERVER, EMAIL, generation) == value
        files = [path for path in tmp_path.rglob('*') if path.is_file()]
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}

    def test_the_layout_of_lego_4(self, tmp_path: pathlib.Path):
        ACCOUNT.write(tmp_path, 4)

        place = tmp_path / 'accounts/h_14000/a@b.example'
        assert (place / 'keys/a@b.example.key').read_text() == 'key\n'
        assert json.loads((place / 'account.json').read_text()) == {
            'email': EMAIL,
            'registration': {'uri': 'https://h/1'},
        }

    def test_the_layout_of_lego_5(self, tmp_path: pathlib.Path):
        ACCOUNT.write(tmp_path, 5)

        place = tmp_path / 'accounts/h_14000/a@b.example'
        assert (place / 'a@b.example.key').read_text() == 'key\n'
        assert json.loads((place / 'account.json').read_text()) == {
            'id': EMAIL,
            'email': EMAIL,
            'keyType': 'EC256',
            'server': SERVER,
            'registration': {'uri': 'https://h/1'},
        }

    def test_it_goes_through_a_secret(self):
        assert account.read(ACCOUNT.content(), SERVER, EMAIL) == ACCOUNT

    @pytest.mark.parametrize(
        'content',
        [
            {},
            {'server': SERVER, 'email': EMAIL},
            {**ACCOUNT.content(), 'email': 'other@b.example'},
            {**ACCOUNT.content(), 'server': 'https://other/dir'},
        ],
    )
    def test_the_account_of_another_is_none(self, content: dict[str, str]):
        assert account.read(content, SERVER, EMAIL) is None

    @pytest.mark.parametrize('text', ['junk', '[]', '{}', '1', ''])
    def test_a_damaged_registration_is_none(self, text: str):
        content = {**ACCOUNT.content(), 'registration': text}

        assert account.read(content, SERVER, EMAIL) == Account(SERVER, EMAIL, 'key\n')

    @pytest.mark.parametrize('text', ['', '{', '[]', '{"registration": null}', '1'])
    def test_a_damaged_file_leaves_the_key(self, text: str, tmp_path: pathlib.Path):
        ACCOUNT.write(tmp_path, 4)
        [place] = tmp_path.rglob('account.json')
        place.write_text(text)

        assert account.found(tmp_path, SERVER, EMAIL, 4) == Account(SERVER, EMAIL, 'key\n')

    def test_each_server_and_address_has_a_label(self):
        labels = {
            account.label(server, email)
            for server in (SERVER, 'https://other/dir')
            for email in (EMAIL, 'c@d.example')
        }
        assert len(labels) == 4

    def test_the_key_is_not_shown(self):
        assert 'key\\n' not in repr(ACCOUNT)


class TestJournal:
    @pytest.fixture
    def journal(self, tmp_path: pathlib.Path) -> Journal:
        (tmp_path / 'orders').mkdir()
        return Journal(tmp_path / 'orders', SERVER)

    def test_what_is_kept_is_found_by_its_request_and_server(
        self, journal: Journal, tmp_path: pathlib.Path
    ):
        journal.keep('csr', PEM.format('a'))

        assert journal.find('csr', '') == PEM.format('a')
        assert journal.find('other', '') is None
        assert Journal(tmp_path / 'orders', 'https://other/dir').find('csr', '') is None

    def test_what_is_published_is_no_answer(self, journal: Journal):
        journal.keep('csr', PEM.format('a') + PEM.format('issuer'))

        assert journal.find('csr', PEM.format('a').strip()) is None
        assert journal.find('csr', PEM.format('b')) is not None

    def test_what_is_dropped_is_gone(self, journal: Journal):
        journal.keep('one', PEM.format('a') + PEM.format('issuer'))
        journal.keep('two', PEM.format('b') + PEM.format('issuer'))

        journal.drop(PEM.format('a'))

        assert journal.find('one', '') is None
        assert journal.find('two', '') is not None

    def test_old_ones_are_forgotten(self, journal: Journal, tmp_path: pathlib.Path):
        journal.keep('csr', PEM.format('a'))
        [place] = (tmp_path / 'orders').iterdir()
        os.utime(place, (1, 1))

        assert list(journal.recover()) == []
        assert journal.find('csr', '') is None

    @pytest.mark.parametrize('text', ['', 'junk', PEM.format('a')[:-12]])
    def test_half_a_certificate_is_none(self, text: str, journal: Journal, tmp_path: pathlib.Path):
        journal.keep('csr', 'x')
        [place] = (tmp_path / 'orders').iterdir()
        place.unlink()
        certificates = place.with_suffix('.work') / 'certificates'
        certificates.mkdir(parents=True)
        (certificates / 'out.crt').write_text(text)

        assert len(list(journal.recover())) == 1
        assert journal.find('csr', '') is None
        assert not list((tmp_path / 'orders').iterdir())

    def test_a_folder_for_work_is_private_and_goes(self, tmp_path: pathlib.Path):
        journal = Journal(tmp_path / 'new', SERVER)

        with journal.work('csr') as folder:
            assert (folder / 'request.csr').read_text() == 'csr'
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            (folder / 'more').write_text('x')

        assert not folder.exists()

    def test_it_goes_also_when_work_fails(self, journal: Journal):
        with pytest.raises(RuntimeError), journal.work('csr') as folder:
            raise RuntimeError

        assert not folder.exists()


class TestHistory:
    def test_three_in_seven_days_are_enough(self):
        names = asked('a.example', 'b.example').csr.names
        history = History()
        for day in (6, 3, 1):
            history.note(names, now() - datetime.timedelta(days=day))

        free = history.free_at(names, now())

        assert free is not None
        assert abs(free - (now() + datetime.timedelta(days=1))) < datetime.timedelta(minutes=1)
        assert history.free_at(asked('a.example').csr.names, now()) is None
        assert history.free_at(asked('b.example', 'a.example').csr.names, now()) == free

    def test_older_ones_do_not_count(self):
        names = asked('a.example').csr.names
        history = History()
        for day in (8, 3, 1):
            history.note(names, now() - datetime.timedelta(days=day))

        assert history.free_at(names, now()) is None

    def test_it_goes_through_a_text_without_what_is_old(self):
        names = asked('a.example').csr.names
        history = History()
        for day in (8, 3, 2, 1):
            history.note(names, now() - datetime.timedelta(days=day))

        text = history.dumps(now())

        assert History(text).free_at(names, now()) == history.free_at(names, now())
        assert len(json.loads(text).popitem()[1]) == 3
        assert History(text).dumps(now() + SPAN) == ''

    @pytest.mark.parametrize('text', ['', '{', '[]', '{"a": 1}', '{"a": ["x"]}', 'null', '1'])
    def test_junk_counts_as_nothing(self, text: str):
        assert History(text).dumps(now()) == ''
