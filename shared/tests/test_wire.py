"""Databags: any text gives values and complaints; what is written is read again."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tls_provider import wire, x509
from tls_provider.issuer import Capabilities
from tls_provider.wire import Answers, Complaint, Entry, Refusal, Submission

KEY = 'certificate_signing_requests'


def _pem(text: str) -> str:
    return f'-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----'


LEAF, MIDDLE, ROOT = _pem('leaf'), _pem('middle'), _pem('root')
ENTRY = Entry('request', LEAF, ROOT, (LEAF, ROOT), notice_hours=216)
REFUSAL = Refusal('request', 102, 'no', 'the reason', 'vault')


def _read(value: object) -> tuple[list[Submission], list[str]]:
    submissions, complaints = wire.read_requests('kafka/0', {KEY: json.dumps(value)})
    assert {complaint.owner for complaint in complaints} <= {'kafka/0'}
    return submissions, [complaint.message for complaint in complaints]


def test_a_databag_without_requests_says_nothing():
    databag = {'egress-subnets': '10.0.0.1/32', 'ingress-address': '10.0.0.1'}

    assert wire.read_requests('kafka/0', databag) == ([], [])


def test_requests_are_read_in_order_with_owner_and_flag():
    value = [
        {'certificate_signing_request': 'a', 'ca': False},
        {'certificate_signing_request': 'b', 'ca': True, 'unknown': 1},
    ]

    assert _read(value) == (
        [Submission('a', False, 'kafka/0'), Submission('b', True, 'kafka/0')],
        [],
    )


@pytest.mark.parametrize('extra', [{}, {'ca': None}, {'ca': False}])
def test_a_request_without_flag_is_for_a_leaf(extra: dict[str, object]):
    submissions, _ = _read([{'certificate_signing_request': 'a', **extra}])

    assert submissions == [Submission('a', False, 'kafka/0')]


@pytest.mark.parametrize(
    'text',
    [
        '', 'junk', '{"a": 1}', 'null', '1', '"text"', 'true', '[', '[' * 100_000,
        '[' + '9' * 5000 + ']', '\ufeff[]', '[] []', '{' * 100_000, 'NaN', '[{"a":' * 100_000,
    ],
    ids=lambda text: repr(text[:12]),
)  # fmt: skip
def test_a_value_that_is_no_list_is_one_complaint(text: str):
    read = wire.read_requests('kafka/0', {KEY: text})

    assert read == ([], [Complaint('kafka/0', f'{KEY} is not a JSON list', unreadable=True)])


@pytest.mark.parametrize(
    ('item', 'complaint'),
    [
        (None, 'not a JSON object'),
        ('text', 'not a JSON object'),
        ([], 'not a JSON object'),
        (float('inf'), 'not a JSON object'),
        ({}, 'certificate_signing_request is not a text'),
        ({'certificate_signing_request': None}, 'certificate_signing_request is not a text'),
        ({'certificate_signing_request': 1}, 'certificate_signing_request is not a text'),
        ({'certificate_signing_request': ['a']}, 'certificate_signing_request is not a text'),
        ({'certificate_signing_request': 'a', 'ca': 'true'}, 'ca is neither true nor false'),
        ({'certificate_signing_request': 'a', 'ca': 1}, 'ca is neither true nor false'),
        ({'certificate_signing_request': 'a', 'ca': 0}, 'ca is neither true nor false'),
        ({'certificate_signing_request': 'a', 'ca': []}, 'ca is neither true nor false'),
    ],
)
def test_a_wrong_entry_costs_itself_alone(item: object, complaint: str):
    submissions, complaints = _read([item, {'certificate_signing_request': 'good', 'ca': False}])

    assert submissions == [Submission('good', False, 'kafka/0')]
    assert complaints == [f'request 1 of 2: {complaint}']


def test_the_longest_request_is_read_and_a_longer_one_not():
    longest = 'a' * wire.MAX_REQUEST

    submissions, complaints = _read(
        [{'certificate_signing_request': longest}, {'certificate_signing_request': longest + 'a'}]
    )

    assert submissions == [Submission(longest, False, 'kafka/0')]
    assert complaints == [
        'request 2 of 2: certificate_signing_request is longer than 65536 characters'
    ]


def test_the_longest_value_is_read_and_a_longer_one_not():
    longest = '[]' + ' ' * (wire.MAX_VALUE - 2)

    assert wire.read_requests('a', {KEY: longest}) == ([], [])
    assert wire.read_requests('a', {KEY: longest + ' '}) == (
        [],
        [Complaint('a', f'{KEY} is longer than 1048576 characters', unreadable=True)],
    )


@pytest.mark.parametrize(
    'key', ['unit_name', 'common_name', 'cert_requests', 'client_cert_requests']
)
def test_a_requirer_of_the_retired_version_is_named(key: str):
    submissions, [complaint] = wire.read_requests('old/0', {key: 'x'})

    assert submissions == []
    assert 'version 0' in complaint.message


def test_a_requirer_of_both_versions_is_served():
    databag = {'common_name': 'x', KEY: '[{"certificate_signing_request": "a"}]'}

    assert wire.read_requests('old/0', databag) == ([Submission('a', False, 'old/0')], [])


def test_answers_are_read_as_they_were_written():
    answers = Answers(
        (ENTRY, Entry('second', LEAF, ROOT, (LEAF, MIDDLE, ROOT), revoked=True)),
        (REFUSAL, Refusal('second', 999, 'no')),
    )

    assert wire.read_answers(wire.write_answers(answers)) == answers


def test_an_entry_has_every_field_that_a_generation_of_requirers_wants():
    [entry] = json.loads(wire.write_answers(Answers((ENTRY,)))['certificates'])

    assert entry == {
        'certificate_signing_request': 'request',
        'certificate': LEAF,
        'ca': ROOT,
        'chain': [LEAF, ROOT],
        'revoked': False,
        'recommended_expiry_notification_time': 216,
    }


def test_a_refusal_has_both_spellings_of_the_key():
    [error] = json.loads(wire.write_answers(Answers((), (REFUSAL,)))['request_errors'])

    assert error == {
        'csr': 'request',
        'certificate_signing_request': 'request',
        'error': {
            'code': 102,
            'name': 'domain_not_allowed',
            'message': 'no',
            'reason': 'the reason',
            'provider': 'vault',
        },
    }


@pytest.mark.parametrize(
    ('code', 'name'),
    [
        (101, 'ip_not_allowed'),
        (102, 'domain_not_allowed'),
        (103, 'wildcard_not_allowed'),
        (201, 'server_not_available'),
        (999, 'other'),
        (177, 'other'),
    ],
)
def test_a_code_has_the_name_of_the_interface(code: int, name: str):
    answers = Answers((), (Refusal('a', code, 'no'),))

    [error] = json.loads(wire.write_answers(answers)['request_errors'])

    assert error['error'] == {'code': code, 'name': name, 'message': 'no'}


def test_without_answers_the_certificates_are_an_empty_list():
    assert wire.write_answers(Answers()) == {'certificates': '[]', 'request_errors': ''}


def test_without_certificates_a_refusal_does_not_stand_alone():
    assert wire.write_answers(Answers((), (REFUSAL,)))['certificates'] == '[]'


def test_the_text_does_not_depend_on_the_order_of_answers():
    entries = tuple(Entry(csr, LEAF, ROOT, (LEAF,)) for csr in 'bca')
    refusals = tuple(Refusal(csr, 999, 'no') for csr in 'fed')

    forwards = wire.write_answers(Answers(entries, refusals))
    backwards = wire.write_answers(Answers(entries[::-1], refusals[::-1]))

    assert forwards == backwards
    assert [entry.csr for entry in wire.read_answers(forwards).entries] == ['a', 'b', 'c']


@pytest.mark.parametrize('key', ['certificates', 'request_errors'])
@pytest.mark.parametrize('text', ['', 'junk', '{}', 'null', '[' * 100_000, '[1, null, [], {}]'])
def test_published_junk_is_nothing(key: str, text: str):
    assert wire.read_answers({key: text}) == Answers()


@pytest.mark.parametrize(
    'wrong',
    [
        {'certificate': None},
        {'certificate_signing_request': 1},
        {'ca': None},
        {'chain': None},
        {'chain': []},
        {'chain': LEAF},
        {'chain': [LEAF, 7]},
        {'chain': [LEAF, 'x']},
        {'ca': ''},
        {'certificate': 'x'},
        {'certificate': f'{LEAF}\n{ROOT}'},
    ],
)
def test_a_published_entry_of_wrong_types_is_left_out(wrong: dict[str, object]):
    [entry] = json.loads(wire.write_answers(Answers((ENTRY,)))['certificates'])

    text = json.dumps([entry | wrong, entry])

    assert wire.read_answers({'certificates': text}).entries == (ENTRY,)


@pytest.mark.parametrize(
    ('wrong', 'notice'),
    [
        ({'recommended_expiry_notification_time': None}, 0),
        ({'recommended_expiry_notification_time': True}, 0),
        ({'recommended_expiry_notification_time': '216'}, 0),
        ({'revoked': None}, 216),
        ({'revoked': 'true'}, 216),
    ],
)
def test_optional_fields_of_wrong_types_are_defaults(wrong: dict[str, object], notice: int):
    [entry] = json.loads(wire.write_answers(Answers((ENTRY,)))['certificates'])

    [read] = wire.read_answers({'certificates': json.dumps([entry | wrong])}).entries

    assert (read.notice_hours, read.revoked, read.chain) == (notice, False, (LEAF, ROOT))


@pytest.mark.parametrize(
    'error',
    [
        None,
        {},
        {'code': 1},
        {'code': True, 'message': 'no'},
        {'code': '1', 'message': 'no'},
        {'code': 1, 'message': None},
    ],
)
def test_a_published_refusal_of_wrong_types_is_left_out(error: object):
    text = json.dumps([{'csr': 'a', 'error': error}])

    assert wire.read_answers({'request_errors': text}).refusals == ()


def test_optional_texts_of_a_refusal_of_wrong_types_are_empty():
    error = {'code': 7, 'message': 'no', 'reason': 1, 'provider': None}

    read = wire.read_answers({'request_errors': json.dumps([{'csr': 'a', 'error': error}])})

    assert read.refusals == (Refusal('a', 7, 'no'),)


def test_capabilities_are_written_in_the_words_of_the_interface():
    capabilities = Capabilities('acme', ip_sans=False, allowed_domains=('a.example', 'b.example'))

    text = wire.write_capabilities(capabilities, 'kafka')['capabilities']

    assert json.loads(text) == {
        'supports_ip_sans': False,
        'supports_wildcard_dns': True,
        'supports_subdomain': True,
        'supports_ca_certificates': False,
        'provider_type': 'acme',
        'allowed_domains': ['a.example', 'b.example'],
    }


def test_capabilities_for_any_domain_name_none():
    text = wire.write_capabilities(Capabilities('vault'), 'kafka')['capabilities']

    assert 'allowed_domains' not in json.loads(text)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(['certificate_signing_request', 'ca', 'chain', 'csr', 'error', 'code'])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(text=st.text(max_size=200) | _json.map(json.dumps) | st.lists(_json).map(json.dumps))
def test_no_text_raises(text: str):
    submissions, complaints = wire.read_requests('a/0', {KEY: text})
    answers = wire.read_answers({'certificates': text, 'request_errors': text})

    assert all(isinstance(one.csr, str) and isinstance(one.is_ca, bool) for one in submissions)
    assert all(complaint.message for complaint in complaints)
    assert wire.read_answers(wire.write_answers(answers)) == wire.read_answers(
        wire.write_answers(wire.read_answers(wire.write_answers(answers)))
    )


_certificates = st.text('ab1+/=\n', max_size=9).map(_pem)


@given(
    st.lists(
        st.builds(
            Entry,
            csr=st.text(max_size=9),
            certificate=_certificates,
            ca=_certificates,
            chain=st.lists(_certificates, min_size=1, max_size=3).map(tuple),
            revoked=st.booleans(),
            notice_hours=st.integers(0, 10**6),
        ),
        max_size=4,
        unique_by=lambda entry: entry.csr,
    )
)
def test_any_entries_are_read_as_they_were_written(entries: list[Entry]):
    read = wire.read_answers(wire.write_answers(Answers(tuple(entries))))

    assert read.entries == tuple(sorted(entries, key=lambda entry: entry.csr))


def test_of_several_blocks_the_first_request_is_submitted_with_a_flaw():
    request = '-----BEGIN CERTIFICATE REQUEST-----\nMI\n-----END CERTIFICATE REQUEST-----'
    key = '-----BEGIN Private Key-----\nMC\n-----END Private Key-----'

    submissions, complaints = _read([{'certificate_signing_request': f'{key}\n{request}'}])

    [submission] = submissions
    assert submission.csr == request
    assert 'make a new key' in submission.flaw
    assert complaints == []


def test_sizes_are_not_below_what_is_written():
    entry = Entry('r' * 1500, _pem('c\n' * 1000), _pem('d\n' * 800), (LEAF, ROOT), revoked=True)
    refusal = Refusal('r\n' * 500, 999, 'no', 'reason', 'provider')

    assert len(wire.write_answers(Answers((entry,)))['certificates']) < 1.4 * wire.size(entry)
    written = wire.write_answers(Answers((), (refusal,)))['request_errors']
    assert len(written) < 1.4 * wire.refusal_size(refusal.csr)


def test_a_complaint_about_one_request_leaves_the_value_readable():
    _, [complaint] = wire.read_requests('a', {KEY: '[7]'})

    assert not complaint.unreadable


def test_a_private_key_alone_is_submitted_with_no_flaw_of_its_own():
    key = '-----BEGIN PRIVATE KEY-----\nMC\n-----END PRIVATE KEY-----'

    [submission], complaints = _read([{'certificate_signing_request': key}])

    assert (submission.flaw, complaints) == ('', [])


@pytest.mark.parametrize('dress', ['{}', '\n{}\n', '  {}\r\n'])
def test_white_space_around_a_certificate_is_no_reason_to_drop_it(dress: str):
    [entry] = json.loads(wire.write_answers(Answers((ENTRY,)))['certificates'])
    dressed = dress.format(LEAF)

    read = wire.read_answers({'certificates': json.dumps([entry | {'certificate': dressed}])})

    assert [one.certificate for one in read.entries] == [dressed]


@pytest.mark.parametrize(
    'text',
    [
        '-----BEGIN CERTIFICATE-----',
        '-----END CERTIFICATE-----',
        f'note\n{LEAF}',
        f'{LEAF}\nnote',
        LEAF.replace('CERTIFICATE', 'X509 CRL'),
    ],
)
@pytest.mark.parametrize('field', ['certificate', 'ca', 'chain'])
def test_what_is_not_shaped_as_one_certificate_is_dropped(field: str, text: str):
    [entry] = json.loads(wire.write_answers(Answers((ENTRY,)))['certificates'])
    wrong = entry | {field: [LEAF, text] if field == 'chain' else text}

    assert wire.read_answers({'certificates': json.dumps([wrong])}) == Answers()


@pytest.mark.parametrize('count', [1, 100])
@pytest.mark.parametrize('key', ['p256', 'rsa'])
def test_the_expected_size_covers_what_is_issued(
    count: int,
    key: str,
    make_request: Callable[..., str],
    sign: Callable[..., x509.Certificate],
    root: Callable[..., x509.Certificate],
):
    csr = make_request(*(f'{n}.{"a" * 60}.{"b" * 60}.example' for n in range(count)), key=key)
    leaf, ca = sign(csr).pem.strip(), root().pem.strip()
    entry = Entry(csr, leaf, ca, (leaf, ca))

    written = len(wire.write_answers(Answers((entry,)))['certificates'])

    assert written <= wire.size(entry) <= wire.expected_size(csr)


@pytest.mark.parametrize('text', ['\U0001f600' * 9000, '\u00e4' * 9000, '\x01' * 9000])
def test_sizes_cover_characters_that_are_escaped(text: str):
    refusals = wire.write_answers(Answers((), (Refusal(text, 999, 'no'),)))['request_errors']
    entries = wire.write_answers(Answers((Entry(text, LEAF, ROOT, (LEAF, ROOT)),)))['certificates']

    assert len(refusals) < 1.4 * wire.refusal_size(text)
    assert len(entries) < 1.4 * wire.expected_size(text)
    assert len(entries) < 1.4 * wire.size(Entry(text, LEAF, ROOT, (LEAF, ROOT)))


def test_a_databag_full_of_junk_is_not_read_to_its_end():
    bag = {'certificate_signing_requests': json.dumps([1] * 100_000)}

    submissions, complaints = wire.read_requests('kafka/0', bag)

    assert submissions == []
    assert len(complaints) == wire.MAX_COMPLAINTS + 1
    assert complaints[-1].message == 'too much is wrong; the rest is not read'
    assert complaints[-1].unreadable
