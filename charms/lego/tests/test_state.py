"""What lasts between hooks: the account, finished orders, the history of names."""

from __future__ import annotations

import dataclasses
import datetime
import json
import pathlib
import stat

import pytest
from conftest import asked, now

import account
from account import Account
from duplicates import SPAN, History
from journal import Brought, Journal, settled
from tls_provider.ledger import Ledger, Record, Revocation, Revoked
from tls_provider.testing import pki

SERVER = 'https://h:14000/dir'
EMAIL = 'a@b.example'
ACCOUNT = Account(SERVER, EMAIL, 'key\n', '{"uri": "https://h/1"}')


class TestAccount:
    @pytest.mark.parametrize('generation', [4, 5])
    @pytest.mark.parametrize('registration', ['', '{"uri": "https://h/1"}'])
    def test_what_was_written_is_found(
        self, generation: int, registration: str, tmp_path: pathlib.Path
    ):
        value = Account(SERVER, EMAIL, 'key\n', registration)

        value.write(tmp_path, generation)

        assert account.found(tmp_path, SERVER, EMAIL) == value
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

    def test_lego_5_finds_the_key_of_an_account_that_is_not_registered(
        self, tmp_path: pathlib.Path
    ):
        dataclasses.replace(ACCOUNT, registration='').write(tmp_path, 5)

        [place] = tmp_path.rglob('account.json')
        assert 'registration' not in json.loads(place.read_text())

    @pytest.mark.parametrize('generation', [4, 5])
    def test_a_damaged_key_is_of_no_use(self, generation: int):
        good = pki.private_key_pem('ecdsa-p256')
        for text in ('', 'junk', good[:-60], good.replace('M', 'N', 1)):
            assert dataclasses.replace(ACCOUNT, private_key=text).usable(generation) is None

    def test_lego_4_reads_no_pkcs_8(self):
        account = dataclasses.replace(ACCOUNT, private_key=pki.private_key_pem('ecdsa-p256'))

        assert account.usable(5) == account
        old = account.usable(4)
        assert old is not None
        assert 'BEGIN EC PRIVATE KEY' in old.private_key
        assert old.usable(4) == old.usable(5) == old

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

    @pytest.mark.parametrize(
        ('content', 'key'),
        [
            ({'email': EMAIL, 'private-key': 'key'}, 'key'),
            ({'email': 'other@b.example', 'private-key': 'key'}, None),
            ({'email': EMAIL}, None),
            ({}, None),
        ],
    )
    def test_that_of_canonicals_charm_is_not_registered_as_far_as_is_known(
        self, content: dict[str, str], key: str | None
    ):
        adopted = account.adopted(SERVER, EMAIL)(content)

        assert adopted == (Account(SERVER, EMAIL, key) if key else None)

    @pytest.mark.parametrize('text', ['junk', '[]', '{}', '1', ''])
    def test_a_damaged_registration_is_none(self, text: str):
        content = {**ACCOUNT.content(), 'registration': text}

        assert account.read(content, SERVER, EMAIL) == Account(SERVER, EMAIL, 'key\n')

    @pytest.mark.parametrize('text', ['', '{', '[]', '{"registration": null}', '1'])
    def test_a_damaged_file_leaves_the_key(self, text: str, tmp_path: pathlib.Path):
        ACCOUNT.write(tmp_path, 4)
        [place] = tmp_path.rglob('account.json')
        place.write_text(text)

        assert account.found(tmp_path, SERVER, EMAIL) == Account(SERVER, EMAIL, 'key\n')

    def test_each_server_and_address_has_a_label(self):
        labels = {
            account.label(server, email)
            for server in (SERVER, 'https://other/dir')
            for email in (EMAIL, 'c@d.example')
        }
        assert len(labels) == 4

    def test_the_key_is_not_shown(self):
        assert 'key\\n' not in repr(ACCOUNT)


ROOT = pki.Authority.root('root')


def brought(name: str = 'a.example', age: int = 0, days: int = 30) -> Brought:
    start = now() - datetime.timedelta(seconds=age)
    certificate = ROOT.sign(asked(name).csr, start=start, life=datetime.timedelta(days=days))
    return Brought(certificate, (ROOT.certificate,))


def serial(one: Brought) -> str:
    return f'{one.certificate.serial:x}'


class TestJournal:
    @pytest.fixture
    def journal(self, tmp_path: pathlib.Path) -> Journal:
        return Journal(tmp_path / 'orders', SERVER)

    def test_what_is_kept_is_found_by_its_request_and_settings(
        self, journal: Journal, tmp_path: pathlib.Path
    ):
        journal.keep('csr', one := brought())

        assert journal.find('csr') == [one]
        assert journal.newest() == one
        assert journal.find('other') == []
        other = Journal(tmp_path / 'orders', 'https://other/dir')
        assert (other.find('csr'), other.newest()) == ([], None)
        with_roots = Journal(tmp_path / 'orders', SERVER, 'roots')
        assert (with_roots.find('csr'), with_roots.newest()) == ([one], None)

    def test_several_of_a_request_are_found_newest_first(self, journal: Journal):
        old, new = brought(age=90), brought()
        journal.keep('csr', old)
        journal.keep('csr', new)
        journal.keep('other', brought(age=30))

        assert journal.find('csr') == [new, old]
        assert journal.newest() == new

    def test_what_is_dropped_is_gone(self, journal: Journal):
        first, second = brought(), brought('b.example')
        journal.keep('one', first)
        journal.keep('two', second)

        journal.drop(serial(first))

        assert journal.find('one') == []
        assert journal.find('two') == [second]

    def test_what_is_settled_or_over_or_junk_is_forgotten(
        self, journal: Journal, tmp_path: pathlib.Path
    ):
        done, over, waits = brought('done.example'), brought(age=90000, days=1), brought('a.b')
        for one in (done, over, waits):
            journal.keep('csr', one)
        for name in ('half.new', f'junk-csr-{1:x}.pem'):
            (tmp_path / 'orders' / name).write_text('junk')

        journal.tidy({serial(done)}, now())

        assert journal.find('csr') == [waits]
        assert len(list((tmp_path / 'orders').iterdir())) == 1

    def test_what_a_killed_hook_left_is_noted_and_cleared(
        self, journal: Journal, tmp_path: pathlib.Path
    ):
        one = brought()
        text = one.certificate.pem + ROOT.certificate.pem
        _leave(tmp_path / 'orders', journal, text)

        [(folder, found)] = list(journal.recover())

        assert found == one
        assert not folder.exists()
        assert journal.find('csr') == [one]
        assert list(journal.recover()) == []

    @pytest.mark.parametrize('cut', [0, 4, 100, -30])
    def test_half_a_certificate_is_none(self, cut: int, journal: Journal, tmp_path: pathlib.Path):
        _leave(tmp_path / 'orders', journal, brought().certificate.pem[:cut])

        journal.clear()

        assert not list((tmp_path / 'orders').iterdir())

    def test_what_the_ledger_knows_is_settled(self):
        published, revoked, leaving = brought(), brought(), brought()
        end = int(now().timestamp()) + 9999
        book = Ledger(
            records={'1:a': Record(serial=serial(published)), '1:b': Record()},
            revoked=(Revoked(serial(revoked), '', 0, end),),
            to_revoke=(
                Revocation(leaving.certificate.pem, '', end),
                Revocation('junk', '', end),
            ),
        )

        assert settled(book) == {serial(one) for one in (published, revoked, leaving)}

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


def _leave(orders: pathlib.Path, journal: Journal, text: str) -> None:
    """As after a kill."""
    with journal.work('csr') as folder:
        name = folder.name
    certificates = orders / name / 'certificates'
    certificates.mkdir(parents=True)
    (certificates / 'out.crt').write_text(text)


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

    def test_one_that_is_noted_twice_counts_once(self):
        names = asked('a.example').csr.names
        history = History()
        for _ in range(3):
            history.note(names, now().replace(microsecond=0) - datetime.timedelta(days=1))

        assert history.free_at(names, now()) is None

    def test_another_server_counts_for_itself(self):
        names = asked('a.example').csr.names
        private = History(server='https://private/dir')
        for day in (3, 2, 1):
            private.note(names, now() - datetime.timedelta(days=day))
        text = private.dumps(now())

        assert History(text, 'https://private/dir').free_at(names, now()) is not None
        assert History(text, SERVER).free_at(names, now()) is None
        assert History(text, SERVER).dumps(now()) == text

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
