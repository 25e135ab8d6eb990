"""The issuer against a real ACME server and a real name server, by the real binary."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import errno
import os
import pathlib
import signal
import stat
import threading
import time
from collections.abc import Generator

import pytest
from conftest import BINARY, EMAIL, Bed, Make, asked, now
from cryptography.hazmat.primitives import serialization

import command
from account import Account
from authority_roots import Roots
from backends import acme, dns
from command import ExternalAccount
from duplicates import History
from journal import Brought, Journal
from lego import Lego
from runs import Runs
from tls_provider import x509
from tls_provider.issuer import (
    ErrorCode,
    Issued,
    Outcome,
    Pending,
    Rejected,
    Request,
    Unavailable,
)
from tls_provider.testing import pki

MINUTE = datetime.timedelta(minutes=1)


def issue(issuer: Lego, request: Request) -> Outcome:
    return issuer.issue(request, timeout=MINUTE)


@pytest.fixture(scope='module')
def account(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Account:
    """An account that is registered."""

    options = bed.options()
    folder = tmp_path_factory.mktemp('first') / 'orders'
    roots = Roots(options.issuer_roots, tuple, tuple)
    issuer = Lego(Runs(options, lambda: BINARY, None), Journal(folder), roots, History())
    assert isinstance(issue(issuer, asked('first.example.test')), Issued)
    assert issuer.account is not None
    assert issuer.account.registration
    return issuer.account


class TestOrders:
    @pytest.mark.parametrize(
        'names',
        [
            ('one.example.test',),
            ('a.example.test', 'b.example.test'),
            ('*.example.test', 'example.test'),
            ('delegated.example.test',),
        ],
        ids=','.join,
    )
    def test_what_was_asked_for_comes_with_its_chain(
        self, names: tuple[str, ...], bed: Bed, account: Account, make: Make
    ):
        request = asked(*names)

        outcome = issue(make(bed.options(), account), request)

        assert isinstance(outcome, Issued)
        assert {name.value for name in outcome.certificate.names} == set(names)
        assert outcome.certificate.public_key == request.csr.public_key
        assert outcome.chain[-1].pem.strip() == bed.acme.root().strip()
        problem = x509.mismatch(
            request.csr, outcome.certificate, outcome.chain, is_ca=False, now=now()
        )
        assert problem is None

    def test_an_account_is_used_again(self, bed: Bed, account: Account, make: Make):
        before = bed.acme.log.read_text().count('POST /sign-me-up')
        issuer = make(bed.options(), account)

        assert isinstance(issue(issuer, asked('again.example.test')), Issued)

        assert bed.acme.log.read_text().count('POST /sign-me-up') == before
        assert issuer.account == account

    def test_an_account_that_is_gone_is_registered_again_with_its_key(
        self, bed: Bed, account: Account, make: Make
    ):
        gone = account.registration.replace('/my-account/', '/my-account/9')
        assert gone != account.registration
        issuer = make(bed.options(), dataclasses.replace(account, registration=gone))

        outcome = issue(issuer, asked('gone.example.test'))

        assert isinstance(outcome, Issued)
        assert issuer.account is not None
        assert issuer.account.private_key == account.private_key
        assert issuer.account.registration not in {'', gone}

    def test_several_at_once_register_one_account(self, bed: Bed, make: Make):
        before = bed.acme.log.read_text().count('POST /sign-me-up')
        issuer = make(bed.options(email='parallel@example.test'))
        outcomes: list[Outcome] = []
        requests = [asked(f'p{number}.example.test') for number in range(4)]
        requests.append(asked('*.p0.example.test'))  # the same record as p0

        def run(request: Request) -> None:
            outcomes.append(issue(issuer, request))

        threads = [threading.Thread(target=run, args=(one,)) for one in requests]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert [type(one) for one in outcomes] == [Issued] * 5
        assert bed.acme.log.read_text().count('POST /sign-me-up') == before + 1

    def test_nothing_is_left_on_disk_but_certificates(
        self, bed: Bed, account: Account, make: Make, tmp_path: pathlib.Path
    ):
        issue(make(bed.options(), account), asked('disk.example.test'))

        [left] = (tmp_path / 'orders').iterdir()
        assert 'PRIVATE' not in left.read_text()
        assert left.read_text().count('BEGIN CERTIFICATE') == 2
        assert stat.S_IMODE(left.stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / 'orders').stat().st_mode) == 0o700


class TestCrashes:
    def test_what_an_order_brought_is_not_ordered_again(
        self, bed: Bed, account: Account, make: Make
    ):
        request = asked('crash.example.test')
        first = issue(make(bed.options(), account), request)
        orders = bed.acme.orders()

        second = issue(make(bed.options(), account), request)

        assert isinstance(first, Issued)
        assert isinstance(second, Issued)
        assert second.certificate == first.certificate
        assert bed.acme.orders() == orders

    def test_what_is_published_is_ordered_again_when_another_is_wanted(
        self, bed: Bed, account: Account, make: Make
    ):
        request = asked('renew.example.test')
        first = issue(make(bed.options(), account), request)
        assert isinstance(first, Issued)
        renewed = dataclasses.replace(request, replaces=first.certificate.pem.strip())

        second = issue(make(bed.options(), account), renewed)
        third = issue(make(bed.options(), account), renewed)

        assert isinstance(second, Issued)
        assert second.certificate != first.certificate
        assert third == second

    def test_what_a_killed_hook_left_is_taken_over(
        self, bed: Bed, account: Account, make: Make, tmp_path: pathlib.Path
    ):
        request = asked('killed.example.test')
        first = issue(make(bed.options(), account), request)
        assert isinstance(first, Issued)
        [kept] = (tmp_path / 'orders').glob('*.pem')
        work = kept.with_name(kept.name.rpartition('-')[0] + '.work')
        (work / 'certificates').mkdir(parents=True)
        kept.rename(work / 'certificates' / 'out.crt')
        account.write(work, 4)
        orders = bed.acme.orders()
        issuer = make(bed.options())

        second = issue(issuer, request)

        assert second == first
        assert bed.acme.orders() == orders
        assert issuer.account == account
        assert not work.exists()

    def test_a_process_that_a_killed_hook_left_is_ended(
        self, bed: Bed, account: Account, make: Make
    ):
        request = asked('orphan.example.test')
        with make(bed.options()).journal.work(request.csr.pem) as work:
            script = work / 'lego'
            script.write_text('#!/bin/sh\nsleep 600\n')
            script.chmod(0o700)
            thread = threading.Thread(target=_run, args=(script, work))
            thread.start()
            while not (pid := _read(work / 'pid')):
                time.sleep(0.01)
            make(bed.options(), account)
            thread.join(30)

        assert not thread.is_alive()
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


def _run(script: pathlib.Path, work: pathlib.Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # the folder goes with the process
        command.run(script, [str(work)], {}, work, MINUTE * 10)


def _read(path: pathlib.Path) -> str:
    return path.read_text() if path.exists() else ''


class TestFailures:
    def test_wrong_key_of_the_zone(self, bed: Bed, account: Account, make: Make):
        secret = 'd3Jvbmctc2VjcmV0LW9mLXRoZS16b25lLWtleQ=='
        variables = {**bed.dns.variables(), 'RFC2136_TSIG_SECRET': secret}
        issuer = make(bed.options(variables=variables), account)
        orders = bed.acme.orders()

        first = issue(issuer, asked('key.example.test'))
        second = issue(issuer, asked('other.example.test'))

        assert isinstance(first, Unavailable)
        assert first.blocked
        assert first.message.startswith('plugin rfc2136: ')
        assert 'bad' in first.message
        assert secret not in first.message
        assert first.retry_at is not None
        assert first.retry_at > now() + 50 * MINUTE
        assert second == first
        assert bed.acme.orders() == orders + 1

    def test_a_zone_that_is_not_served(self, bed: Bed, account: Account, make: Make):
        outcome = issue(make(bed.options(), account), asked('www.elsewhere.test'))

        assert isinstance(outcome, Rejected)
        assert outcome.code == ErrorCode.DOMAIN_NOT_ALLOWED
        assert outcome.transient
        assert 'no zone for it is served' in outcome.message
        assert 'elsewhere.test' in outcome.message

    def test_a_name_that_the_server_refuses(self, bed: Bed, account: Account, make: Make):
        outcome = issue(make(bed.options(), account), asked(f'www.{acme.BLOCKED}'))

        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.transient) == (ErrorCode.DOMAIN_NOT_ALLOWED, False)
        assert outcome.reason == 'rejectedIdentifier'
        assert outcome.message.startswith('refused by localhost:')
        assert f'www.{acme.BLOCKED}' in outcome.message

    def test_a_server_that_is_down(self, bed: Bed, account: Account, make: Make):
        options = bed.options(server='https://localhost:9/dir')
        account = dataclasses.replace(account, server=options.server)

        outcome = issue(make(options, account), asked('down.example.test'))

        assert isinstance(outcome, Unavailable)
        assert not outcome.blocked
        assert 'connection refused' in outcome.message

    def test_a_server_whose_certificate_is_not_trusted(
        self, bed: Bed, account: Account, make: Make
    ):
        outcome = issue(make(bed.options(acme_roots=()), account), asked('tls.example.test'))

        assert isinstance(outcome, Unavailable)
        assert outcome.blocked
        assert outcome.message.startswith('option acme-ca-certificates: ')

    def test_an_address_that_is_no_directory(self, bed: Bed, account: Account, make: Make):
        options = bed.options(server=bed.acme.directory + '/nothing')
        account = dataclasses.replace(account, server=options.server)

        outcome = issue(make(options, account), asked('url.example.test'))

        assert isinstance(outcome, Unavailable)
        assert outcome.blocked
        assert outcome.message.startswith('option server: ')

    def test_a_record_that_does_not_spread(self, bed: Bed, account: Account, make: Make):
        # The name servers of a zone are asked at port 53, where nobody is.
        variables = {**bed.dns.variables(), 'RFC2136_PROPAGATION_TIMEOUT': '2'}
        options = bed.options(variables=variables, propagation_wait=None)

        outcome = issue(make(options, account), asked('slow.example.test'))

        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.transient) == (ErrorCode.OTHER, True)
        assert 'time limit exceeded' in outcome.message

    def test_a_name_server_that_is_down(self, bed: Bed, account: Account, make: Make):
        variables = {**bed.dns.variables(), 'RFC2136_NAMESERVER': '127.0.0.1:9'}
        options = bed.options(variables=variables, nameservers=('127.0.0.1:9',))

        outcome = issue(make(options, account), asked('dns.example.test'))

        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.transient) == (ErrorCode.OTHER, True)

    def test_a_provider_that_the_binary_lacks(self, bed: Bed, account: Account, make: Make):
        issuer = make(bed.options(plugin='no-such-provider', variables={}), account)

        outcome = issue(issuer, asked('plugin.example.test'))

        assert isinstance(outcome, Unavailable)
        assert outcome.blocked
        assert outcome.message.startswith('option plugin: unrecognized DNS provider')

    def test_a_provider_that_lacks_settings(self, bed: Bed, account: Account, make: Make):
        issuer = make(bed.options(variables={}), account)

        outcome = issue(issuer, asked('lacking.example.test'))

        assert isinstance(outcome, Unavailable)
        assert outcome.blocked
        assert 'RFC2136_NAMESERVER' in outcome.message

    def test_a_profile_that_the_binary_does_not_know(self, bed: Bed, account: Account, make: Make):
        outcome = issue(make(bed.options(profile='short'), account), asked('p.example.test'))

        assert outcome == Unavailable(
            'lego: option profile: the binary is too old for it', blocked=True
        )

    @pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGTERM])
    def test_lego_is_killed(
        self,
        number: signal.Signals,
        bed: Bed,
        account: Account,
        make: Make,
        tmp_path: pathlib.Path,
    ):
        variables = {**bed.dns.variables(), 'RFC2136_POLLING_INTERVAL': '30'}
        issuer = make(bed.options(variables=variables, propagation_wait=30), account)
        outcomes: list[Outcome] = []
        thread = threading.Thread(
            target=lambda: outcomes.append(issue(issuer, asked('kill.example.test')))
        )
        thread.start()
        while not (places := list((tmp_path / 'orders').glob('*.work/pid'))):
            time.sleep(0.01)
        while not (pid := places[0].read_text()):
            time.sleep(0.01)

        os.kill(int(pid), number)
        thread.join(30)

        [outcome] = outcomes
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.transient) == (ErrorCode.OTHER, True)
        assert not list((tmp_path / 'orders').glob('*.work'))

    def test_lego_hangs(self, bed: Bed, account: Account, make: Make, tmp_path: pathlib.Path):
        options = bed.options(propagation_wait=600, order_timeout=datetime.timedelta(seconds=2))

        outcome = issue(make(options, account), asked('hang.example.test'))

        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.transient) == (ErrorCode.OTHER, True)
        assert 'order-timeout' in outcome.message
        assert not list((tmp_path / 'orders').glob('*.work'))

    def test_there_is_no_binary(self, bed: Bed, make: Make, tmp_path: pathlib.Path):
        issuer = make(bed.options(), binary=tmp_path / 'lego')

        outcome = issue(issuer, asked('binary.example.test'))

        assert isinstance(outcome, Unavailable)
        assert outcome.blocked
        assert outcome.message == 'lego: the binary cannot be run: No such file or directory'

    def test_another_program_is_no_lego(self, bed: Bed, make: Make):
        issuer = make(bed.options(), binary=pathlib.Path('/bin/true'))

        outcome = issue(issuer, asked('binary.example.test'))

        assert outcome == Unavailable('lego: the binary is no lego that is known', blocked=True)

    def test_the_disk_cannot_be_written(self, bed: Bed, make: Make, tmp_path: pathlib.Path):
        (tmp_path / 'file').write_text('')
        issuer = make(bed.options(), folder='file/orders')

        outcome = issue(issuer, asked('disk.example.test'))

        assert isinstance(outcome, Unavailable)
        assert outcome.blocked
        assert outcome.message.startswith('this unit cannot write its files: ')

    def test_without_room_for_the_certificate_no_order_is_begun(
        self, bed: Bed, account: Account, make: Make, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr('journal.LEAST_FREE', 1 << 62)
        orders = bed.acme.orders()

        outcome = issue(make(bed.options(), account), asked('room.example.test'))

        assert outcome == Unavailable(
            'this unit cannot write its files: No space left on device', blocked=True
        )
        assert bed.acme.orders() == orders

    def test_what_cannot_be_noted_is_published_all_the_same(
        self, bed: Bed, account: Account, make: Make, tmp_path: pathlib.Path
    ):
        issuer = make(bed.options(), account)
        request = asked('full.example.test')
        issuer.journal = Unwritable(tmp_path / 'orders')

        outcome = issue(issuer, request)

        assert isinstance(outcome, Issued)
        assert not list((tmp_path / 'orders').glob('*.pem'))

    def test_a_root_that_is_not_known_costs_no_second_order(
        self, bed: Bed, account: Account, make: Make
    ):
        request = asked('root.example.test')
        outcome = issue(make(bed.options(issuer_roots=()), account), request)
        orders = bed.acme.orders()
        mended = issue(make(bed.options(), account), request)

        assert isinstance(outcome, Unavailable)
        assert outcome.blocked
        assert outcome.message.startswith('option ca-root-certificates: the root "CN=Pebble Root')
        assert isinstance(mended, Issued)
        assert bed.acme.orders() == orders

    def test_nor_an_order_of_another_request(self, bed: Bed, account: Account, make: Make):
        options = bed.options(issuer_roots=())
        before = bed.acme.orders()

        for number in range(3):
            outcome = issue(make(options, account), asked(f'root{number}.example.test'))
            assert isinstance(outcome, Unavailable)

        assert bed.acme.orders() == before + 1

    def test_other_roots_are_worth_another_order(self, bed: Bed, account: Account, make: Make):
        """The server has another root since, and the operator gives that one."""
        options = bed.options(issuer_roots=())
        assert isinstance(issue(make(options, account), asked('old.example.test')), Unavailable)
        lost = x509.parse_certificate(pki.Authority.root('another').certificate.pem)
        changed = bed.options(issuer_roots=(lost.pem,))
        before = bed.acme.orders()

        outcome = issue(make(changed, account), asked('new.example.test'))

        assert isinstance(outcome, Unavailable)
        assert bed.acme.orders() == before + 1

    def test_a_fresh_certificate_that_is_dated_back_is_published(
        self, bed: Bed, account: Account, make: Make
    ):
        """What it replaces begins later: its CA dates back less, or its clock was ahead."""
        request = asked('dated.example.test')
        ahead = pki.Authority.root('ahead').sign(
            request.csr, start=now() + datetime.timedelta(hours=24)
        )

        outcome = issue(
            make(bed.options(), account), dataclasses.replace(request, replaces=ahead.pem)
        )

        assert isinstance(outcome, Issued)

    def test_a_certificate_that_begins_later_waits_for_its_time(
        self, bed: Bed, account: Account, make: Make
    ):
        """The clock of this unit is behind."""
        request = asked('behind.example.test')
        issuer = make(bed.options(), account)
        issuer.clock = lambda: now() - datetime.timedelta(hours=3)
        early = issue(issuer, request)
        orders = bed.acme.orders()

        later = issue(make(bed.options(), account), request)

        assert isinstance(early, Rejected)
        assert early.transient
        assert 'not valid now' in early.message
        assert isinstance(later, Issued)
        assert bed.acme.orders() == orders

    def test_no_order_is_begun_when_the_time_is_over(
        self, bed: Bed, make: Make, tmp_path: pathlib.Path
    ):
        """The time of a pass goes by while the first order registers the account."""
        issuer = make(bed.options(email='late@example.test'))
        outcomes: list[Outcome] = []
        first = threading.Thread(
            target=lambda: outcomes.append(issue(issuer, asked('first.example.test')))
        )
        first.start()
        while not list((tmp_path / 'orders').glob('*.work')):
            time.sleep(0.01)

        second = issuer.issue(asked('late.example.test'), timeout=MINUTE / 600)

        first.join(60)
        assert second == Pending(Lego.WAITS)
        assert [type(one) for one in outcomes] == [Issued]

    def test_a_damaged_key_of_the_account_is_replaced(
        self, bed: Bed, account: Account, make: Make
    ):
        damaged = dataclasses.replace(account, private_key=account.private_key[:-60])
        issuer = make(bed.options(), damaged)
        before = bed.acme.log.read_text().count('POST /sign-me-up')

        for name in ('damaged.example.test', 'damaged2.example.test'):
            assert isinstance(issue(issuer, asked(name)), Issued)

        assert bed.acme.log.read_text().count('POST /sign-me-up') == before + 1
        assert issuer.account is not None
        assert issuer.account.private_key != damaged.private_key

    def test_a_key_that_lego_4_cannot_read_is_converted(
        self, bed: Bed, account: Account, make: Make
    ):
        key = serialization.load_pem_private_key(account.private_key.encode(), None)
        pkcs8 = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
        issuer = make(bed.options(), dataclasses.replace(account, private_key=pkcs8))

        assert isinstance(issue(issuer, asked('pkcs8.example.test')), Issued)

        assert issuer.account == account

    def test_an_address_of_the_account_that_the_server_does_not_take(
        self, bed: Bed, account: Account, make: Make
    ):
        foreign = account.registration.replace('https://localhost', 'https://127.0.0.1')
        assert foreign != account.registration
        issuer = make(bed.options(), dataclasses.replace(account, registration=foreign))

        assert isinstance(issue(issuer, asked('foreign.example.test')), Issued)

        assert issuer.account is not None
        assert issuer.account.private_key == account.private_key


class Unwritable(Journal):
    """On a disk that became full when lego had ended."""

    def keep(self, csr: str, brought: Brought) -> None:
        del csr, brought
        raise OSError(errno.ENOSPC, 'No space left on device')


@pytest.fixture(scope='module')
def bound(name_server: dns.NameServer, tmp_path_factory: pytest.TempPathFactory) -> Generator[Bed]:
    """A server that wants an account of its operator's."""
    folder = tmp_path_factory.mktemp('bound')
    settings = acme.external_account()
    with acme.acme_server(folder, name_server.address, settings=settings) as server:
        yield Bed(name_server, server)


class TestExternalAccount:
    def test_an_account_is_bound(self, bound: Bed, make: Make):
        account = ExternalAccount(acme.EAB_KEY_ID, acme.EAB_KEY)
        issuer = make(bound.options(external_account=account))

        outcome = issue(issuer, asked('eab.example.test'))

        assert isinstance(outcome, Issued)
        assert issuer.account is not None
        # The key has done its part: a wrong one is no hindrance to an order or a revocation.
        wrong = ExternalAccount(acme.EAB_KEY_ID, 'AAAA')
        later = make(bound.options(external_account=wrong), issuer.account)
        assert isinstance(issue(later, asked('eab2.example.test')), Issued)
        assert revoke(later, outcome.certificate) is None
        assert bound.acme.status(f'{outcome.certificate.serial:x}') == 'Revoked'

    @pytest.mark.parametrize(
        ('key_id', 'key'),
        [
            (acme.EAB_KEY_ID, acme.EAB_KEY.replace('z', 'y')),
            ('kid-2', acme.EAB_KEY),
        ],
    )
    def test_a_wrong_one_is_named(self, key_id: str, key: str, bound: Bed, make: Make):
        issuer = make(bound.options(external_account=ExternalAccount(key_id, key)))

        outcome = issue(issuer, asked('eab.example.test'))

        assert isinstance(outcome, Unavailable)
        assert outcome.blocked
        assert outcome.message.startswith('option eab-secret-id: ')
        assert key not in outcome.message

    def test_a_missing_one_is_named(self, bound: Bed, make: Make):
        outcome = issue(make(bound.options()), asked('eab.example.test'))

        assert isinstance(outcome, Unavailable)
        assert outcome.blocked
        assert outcome.message.startswith(
            'option eab-secret-id: the server wants an external account'
        )


class TestRevocation:
    def test_a_certificate_is_revoked_once(self, bed: Bed, account: Account, make: Make):
        issuer = make(bed.options(), account)
        outcome = issue(issuer, asked('revoke.example.test'))
        assert isinstance(outcome, Issued)
        serial = f'{outcome.certificate.serial:x}'

        first = revoke(issuer, outcome.certificate)
        second = revoke(issuer, outcome.certificate)

        assert (first, second) == (None, None)
        assert bed.acme.status(serial) == 'Revoked'

    def test_a_revoked_one_does_not_come_back(self, bed: Bed, account: Account, make: Make):
        """From the disk of a unit that led before."""
        request = asked('back.example.test')
        first = issue(make(bed.options(), account), request)
        assert isinstance(first, Issued)
        serial = f'{first.certificate.serial:x}'

        second = issue(make(bed.options(), account, settled={serial}), request)

        assert isinstance(second, Issued)
        assert second.certificate != first.certificate

    def test_an_older_one_is_no_replacement(self, bed: Bed, account: Account, make: Make):
        request = asked('older.example.test')
        first = issue(make(bed.options(), account), request)
        second = issue(make(bed.options(), account, folder='another'), request)
        assert isinstance(first, Issued)
        assert isinstance(second, Issued)
        renewed = dataclasses.replace(request, replaces=second.certificate.pem)

        third = issue(make(bed.options(), account), renewed)

        assert isinstance(third, Issued)
        assert third.certificate.serial not in {
            first.certificate.serial,
            second.certificate.serial,
        }

    def test_the_same_request_in_two_relations_has_two_certificates(
        self, bed: Bed, account: Account, make: Make
    ):
        """So that the revocation of one leaves the other alone."""
        request = asked('twins.example.test')
        issuer = make(bed.options(), account)
        first, second = issue(issuer, request), issue(issuer, request)
        assert isinstance(first, Issued)
        assert isinstance(second, Issued)
        assert first.certificate != second.certificate
        orders = bed.acme.orders()

        lost = make(bed.options(), account)
        again = {issue(lost, request), issue(lost, request)}

        assert again == {first, second}
        assert bed.acme.orders() == orders

    def test_it_is_tried_again_where_the_server_is_down(
        self, bed: Bed, account: Account, make: Make
    ):
        options = bed.options(server='https://localhost:9/dir')
        issuer = make(options, dataclasses.replace(account, server=options.server))

        outcome = revoke(issuer, _foreign())

        assert isinstance(outcome, Unavailable)

    def test_what_the_server_does_not_revoke_is_not_taken_for_revoked(
        self, bed: Bed, account: Account, make: Make
    ):
        outcome = revoke(make(bed.options(), account), _foreign())

        assert isinstance(outcome, Unavailable)
        assert outcome.message.startswith('localhost:')

    def test_without_an_account_nothing_can_be_revoked(self, bed: Bed, make: Make):
        outcome = revoke(make(bed.options()), _foreign())

        assert isinstance(outcome, Unavailable)
        assert outcome.message.startswith('no ACME account of this server')

    def test_only_the_server_that_issued_can_revoke(self, bed: Bed, account: Account, make: Make):
        issuer = make(bed.options(), account)

        outcome = issuer.revoke(
            _foreign(), generation='https://ca.example/dir Root X', timeout=MINUTE
        )

        assert isinstance(outcome, Unavailable)
        assert outcome.message == 'ca.example has issued it: set option server as it was'


def revoke(issuer: Lego, certificate: x509.Certificate) -> Unavailable | None:
    return issuer.revoke(certificate, generation=issuer.generation, timeout=MINUTE)


def _foreign() -> x509.Certificate:
    authority = pki.Authority.root('another')
    csr = x509.parse_request(pki.request('a.example.test', key='ecdsa-p256'))
    return authority.sign(csr, start=now() - MINUTE)


class TestDuplicates:
    @pytest.fixture
    def often(self) -> History:
        history = History()
        names = asked('www.example.org').csr.names
        for day in range(3):
            history.note(names, now() - datetime.timedelta(days=day))
        return history

    def test_a_fourth_certificate_for_the_same_names_is_held_back(
        self, often: History, bed: Bed, account: Account, make: Make
    ):
        orders = bed.acme.orders()
        issuer = make(bed.options(is_public=True), account, history=often)

        outcome = issue(issuer, asked('www.example.org'))

        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.transient) == (ErrorCode.SERVER_NOT_AVAILABLE, True)
        assert outcome.retry_at is not None
        assert outcome.retry_at > now() + datetime.timedelta(days=4)
        assert 'retry-requests' in outcome.message
        assert bed.acme.orders() == orders

    def test_the_operator_may_order_it(
        self, often: History, bed: Bed, account: Account, make: Make
    ):
        issuer = make(bed.options(is_public=True), account, history=often)

        outcome = issue(issuer, asked('www.example.org', ordered=True))

        assert isinstance(outcome, Issued)

    def test_a_private_server_counts_nothing(
        self, often: History, bed: Bed, account: Account, make: Make
    ):
        issuer = make(bed.options(), account, history=often)

        assert isinstance(issue(issuer, asked('www.example.org')), Issued)


def test_the_key_of_an_account_is_stored_although_its_registration_fails(bed: Bed, make: Make):
    issuer = make(bed.options(server='https://localhost:9/dir'))

    issue(issuer, asked('first.example.test'))

    assert issuer.account is not None
    assert 'PRIVATE KEY' in issuer.account.private_key
    assert issuer.account.registration == ''
    assert issuer.account.email == EMAIL
