"""The clock that can be put forward, and the texts of moments and lengths of time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from minijuju.clock import Clock, go_duration, parse_duration, parse_moment, rfc3339, status_time

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def test_the_clock_is_the_machines_until_it_is_put_forward():
    clock = Clock()
    before = datetime.now(timezone.utc)

    assert before <= clock.now() <= datetime.now(timezone.utc)
    assert clock.offset == timedelta()


def test_what_the_clock_is_put_forward_adds_up():
    clock = Clock()

    clock.advance(timedelta(days=30))
    clock.advance(timedelta(hours=1))

    assert clock.offset == timedelta(days=30, hours=1)
    ahead = clock.now() - datetime.now(timezone.utc)
    assert abs(ahead - clock.offset) < timedelta(minutes=1)


def test_the_clock_ends_where_the_calendar_leaves_room_for_what_is_due_later():
    clock = Clock()
    centuries = timedelta(days=100_000)
    while clock.advance(centuries):
        pass

    assert 8700 < clock.now().year <= 9000
    assert clock.now() + centuries


@pytest.mark.parametrize('text', ['2562048h', '999999999d', '9' * 400])
def test_what_is_too_long_for_go_is_no_duration(text: str):
    assert parse_duration(text) is None
    assert go_duration(f'{text.rstrip("hd")}h') is None


def test_moments_are_written_in_utc():
    moment = datetime(2026, 1, 31, 23, 0, 1, tzinfo=timezone(timedelta(hours=-2)))

    assert rfc3339(moment) == '2026-02-01T01:00:01Z'
    assert status_time(moment) == '01 Feb 2026 01:00:01Z'


@pytest.mark.parametrize(
    ('text', 'seconds'),
    [('1h30m', 5400), ('10s', 10), ('300ms', 0.3), ('1.5m', 90), ('2d', 172800), ('30', 30)],
)
def test_lengths_of_time_for_commands(text: str, seconds: float):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize('text', ['', 'soon', '1', '1x', 'h', '1 h', '5d', '1h-30m', '+'])
def test_what_go_does_not_take_for_a_duration(text: str):
    assert go_duration(text) is None


@pytest.mark.parametrize(('text', 'seconds'), [('1h30m', 5400), ('-1.5h', -5400), ('0s', 0)])
def test_go_durations(text: str, seconds: float):
    assert go_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    'text',
    [
        '2026-02-30T00:00:00',
        '2026-02-01',
        '2026-02-01 00:00:00',
        '2026-02-01T00:00:00z',
        '2026-02-01T00:00:00+2',
        '2d',
        '9999-12-31T23:59:59-12:00',
        '0001-01-01T00:00:00+12:00',
        '99999999999h',
    ],
)
def test_what_is_no_moment(text: str):
    assert parse_moment(text, NOW) is None
