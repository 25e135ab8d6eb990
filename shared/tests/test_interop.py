"""The requirers' own library takes what is written, and its requests are read."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable

import ops
import pytest
from charmlibs.interfaces import tls_certificates
from ops import testing

from tls_provider import wire, x509
from tls_provider.issuer import Capabilities
from tls_provider.wire import Answers, Entry, Refusal

Sign = Callable[..., x509.Certificate]

REQUESTS = [
    tls_certificates.CertificateRequestAttributes(
        common_name='a.example', sans_dns=frozenset({'a.example'}), sans_ip=frozenset({'10.0.0.1'})
    )
]


class Requirer(ops.CharmBase):
    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.certificates = tls_certificates.TLSCertificatesRequiresV4(
            self, 'certificates', REQUESTS, key_algorithm='ecdsa'
        )


@pytest.fixture
def context() -> testing.Context[Requirer]:
    meta = {'name': 'r', 'requires': {'certificates': {'interface': 'tls-certificates'}}}
    return testing.Context(Requirer, meta=meta)


@pytest.fixture
def asking(context: testing.Context[Requirer]) -> testing.State:
    """The state of a requirer that has asked."""
    relation = testing.Relation('certificates')
    state = testing.State(leader=True, relations={relation})
    return context.run(context.on.relation_created(relation), state)


def _request(state: testing.State) -> x509.SigningRequest:
    [relation] = state.get_relations('certificates')
    assert isinstance(relation, testing.Relation)
    [submission], complaints = wire.read_requests('r/0', relation.local_unit_data)
    assert complaints == []
    return x509.parse_request(submission.csr)


def _answered(state: testing.State, answers: Answers) -> tuple[testing.Relation, testing.State]:
    bag = wire.write_answers(answers) | wire.write_capabilities(Capabilities('test'), 'kafka')
    [relation] = state.get_relations('certificates')
    assert isinstance(relation, testing.Relation)
    changed = dataclasses.replace(
        relation, remote_app_data={key: text for key, text in bag.items() if text}
    )
    return changed, dataclasses.replace(state, relations={changed})


def _emitted(context: testing.Context[Requirer]) -> list[str]:
    names = [type(event).__name__ for event in context.emitted_events]
    return [name for name in names if name.startswith('Certificate')]


def _entry(csr: str, certificate: x509.Certificate, root: x509.Certificate) -> Entry:
    chain = (certificate.pem.strip(), root.pem.strip())
    return Entry(csr, chain[0], chain[1], chain, notice_hours=7)


def test_a_request_of_the_library_is_read(asking: testing.State):
    request = _request(asking)

    assert request.proves_possession
    assert {str(name) for name in request.names} == {'a.example', '10.0.0.1'}


def test_the_library_takes_a_certificate(
    context: testing.Context[Requirer], asking: testing.State, sign: Sign, root: Sign
):
    request = _request(asking)
    certificate = _certify(request, sign)
    relation, state = _answered(asking, Answers((_entry(request.pem, certificate, root()),)))

    context.run(context.on.relation_changed(relation), state)

    assert _emitted(context) == ['CertificateAvailableEvent']


def test_the_library_takes_a_refusal(context: testing.Context[Requirer], asking: testing.State):
    refusal = Refusal(_request(asking).pem, 102, 'not here', 'policy', 'test')
    relation, state = _answered(asking, Answers((), (refusal,)))

    context.run(context.on.relation_changed(relation), state)

    assert _emitted(context) == ['CertificateDeniedEvent']


def test_the_library_takes_an_empty_answer(
    context: testing.Context[Requirer], asking: testing.State
):
    relation, state = _answered(asking, Answers())

    context.run(context.on.relation_changed(relation), state)

    assert _emitted(context) == []


def test_the_library_reads_capabilities(context: testing.Context[Requirer], asking: testing.State):
    relation, state = _answered(asking, Answers())

    with context(context.on.relation_changed(relation), state) as manager:
        capabilities = manager.charm.certificates.get_provider_capabilities()

    assert capabilities is not None
    assert capabilities.provider_type == 'test'
    assert capabilities.supports_ip_sans is True
    assert capabilities.supports_ca_certificates is False
    assert capabilities.allowed_domains is None


@pytest.mark.parametrize('second', ['twice the same extension', 'another request'])
def test_the_library_survives_the_echo_of_a_neighbours_malformed_request(
    second: str,
    context: testing.Context[Requirer],
    asking: testing.State,
    make_request: Callable[..., str],
    duplicate_extension: str,
    sign: Sign,
    root: Sign,
):
    request = _request(asking)
    two = f'{make_request("b.example")}\n{make_request("c.example")}'
    text = two if second == 'another request' else duplicate_extension
    echo, _ = x509.single_request(text)
    entry = _entry(request.pem, _certify(request, sign), root())
    refusal = Refusal(echo, 999, 'unusable')
    relation, state = _answered(asking, Answers((entry,), (refusal,)))

    context.run(context.on.relation_changed(relation), state)

    assert _emitted(context) == ['CertificateAvailableEvent']


def _certify(request: x509.SigningRequest, sign: Sign) -> x509.Certificate:
    return sign(request.pem, start=datetime.datetime.now(datetime.timezone.utc))
