"""No form of a secret is shown."""

from __future__ import annotations

import base64
import json
import time
import urllib.parse

import pytest

import redaction

SECRET = 'pa"ss+/w=rd \\<é>'


def shown(text: str, *secrets: str) -> str:
    return redaction.shown(redaction.hide(text, secrets))


@pytest.mark.parametrize(
    'form',
    [
        SECRET,
        urllib.parse.quote(SECRET),
        urllib.parse.quote(SECRET, safe=''),
        urllib.parse.quote(SECRET, safe='').lower(),
        urllib.parse.quote_plus(SECRET),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(SECRET))[3:-3],
        'pa\\"ss+/w=rd \\\\\\u003cé\\u003e',
        'pa&quot;ss+/w=rd \\&lt;é&gt;',
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(SECRET.encode()).decode().rstrip('='),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip('='),
    ],
)
def test_encoded_secrets_are_hidden(form: str) -> None:
    assert shown(f'[{form}]', SECRET) == '[***]'


@pytest.mark.parametrize('user', ['u', 'us', 'use'])
def test_a_password_is_hidden_in_the_credentials_of_a_header(user: str) -> None:
    sent = base64.b64encode(f'{user}:hunter22'.encode()).decode()

    found = shown(f'Basic {sent}', 'hunter22')

    assert len(found.replace('***', '')) <= len('Basic ') + 6


def test_lines_of_a_secret_are_hidden_each() -> None:
    secret = 'first-line\r\n  second-line  \nxyz'

    assert shown('first-line, second-line, xyz', secret) == '***, ***, xyz'
    assert shown('second-line', json.dumps(secret)) == '***'


def test_a_secret_is_hidden_without_the_space_around_it() -> None:
    assert shown('key s3cret.', ' s3cret\n') == 'key ***.'


def test_short_secrets_are_left() -> None:
    assert shown('token abc', 'abc', ' abc', '') == 'token abc'


def test_secrets_that_overlap_are_hidden_both() -> None:
    assert shown('abcdefghi', 'abcdef', 'defghi') == '***'


def test_what_is_hidden_keeps_its_length() -> None:
    text = 'a s3cret of https://h/x?y'

    hidden = redaction.hide(text, ['s3cret'])

    assert len(hidden) == len(text)
    assert redaction.shown(hidden[2:8]) == '***'
    assert redaction.shown(hidden[3:5]) == '***'


def test_the_beginning_of_a_cut_text_may_be_the_end_of_a_secret() -> None:
    assert redaction.shown(redaction.hide('cret', ['s3cret'], is_cut=True)) == '***'


def test_queries_of_links_are_not_shown() -> None:
    assert shown('see https://h/unpause?jwt=eyJ and x?y') == 'see https://h/unpause?*** and x?y'


@pytest.mark.parametrize(
    ('text', 'secret'),
    [
        ('http://' * 9000, 'none'),
        ('?' * 65536, 'none'),
        ('a' * 65536, 'a' * 2000),
        ('"\\' * 32768, 'x"\\' * 800),
    ],
)
def test_long_texts_take_no_long_time(text: str, secret: str) -> None:
    start = time.monotonic()
    shown(text, secret)

    assert time.monotonic() - start < 2
