"""A provider charm among requirers, event by event, and what holds after every one of them."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import inspect
import json
import pathlib
from typing import TYPE_CHECKING, Any

import yaml
from cryptography import x509 as c509
from ops import testing

from tls_provider import wire, x509
from tls_provider.testing import requirers
from tls_provider.testing.asking import asked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import ops

Config = dict[str, 'str | int | float | bool']


@functools.cache
def _described(charm: type) -> str:
    source = pathlib.Path(inspect.getfile(charm)).parents[1] / 'charmcraft.yaml'
    return json.dumps(yaml.safe_load(source.read_text(encoding='utf-8')))


def described(charm: type) -> dict[str, Any]:
    """What `testing.Context` has to know of a charm in a folder of its own.

    Read once: to read it for each context takes longer than a hook does.
    """
    meta: dict[str, Any] = json.loads(_described(charm))
    return {'actions': meta.pop('actions', None), 'config': meta.pop('config', None), 'meta': meta}


class World:
    """A state that events change; each test has one of its own.

    A charm whose authority is not its own may lower what is asked of certificates in a subclass.
    """

    chooses_serials = True
    """Serial numbers are the charm's own, and have 64 bits at least."""
    chooses_profile = True
    """Form and extensions are the charm's own, and linters have nothing against them."""
    knows_root = True
    """Chains end in a root."""

    def __init__(self, charm: type[ops.CharmBase], state: testing.State):
        self.context = self._context(charm)
        self.state = state
        if not state.get_relations('send-ca-cert'):
            trust = testing.Relation('send-ca-cert', remote_app_data={'version': '1'})
            self.state = dataclasses.replace(state, relations={*state.relations, trust})

    @staticmethod
    def _context(charm: type[ops.CharmBase]) -> testing.Context[ops.CharmBase]:
        """With the metadata of the charm's own folder."""
        return testing.Context(charm, **described(charm))

    def relate(
        self,
        app: str = 'kafka',
        units: Mapping[int, Mapping[str, str]] | None = None,
        app_bag: Mapping[str, str] | None = None,
    ) -> int:
        """Add a requirer with these databags; gives the relation."""
        relation = testing.Relation(
            'certificates',
            remote_app_name=app,
            remote_units_data={number: dict(bag) for number, bag in (units or {}).items()},
            remote_app_data=dict(app_bag or {}),
        )
        self.state = dataclasses.replace(self.state, relations={*self.state.relations, relation})
        return relation.id

    def relation(self, relation_id: int) -> testing.Relation:
        """The relation as it is now."""
        relation = self.state.get_relation(relation_id)
        assert isinstance(relation, testing.Relation)
        return relation

    def write(
        self,
        relation_id: int,
        units: Mapping[int, Mapping[str, str]] | None = None,
        app_bag: Mapping[str, str] | None = None,
    ) -> None:
        """Give a requirer other databags; those that are None stay."""
        old = self.relation(relation_id)
        changes: dict[str, Any] = {}
        if units is not None:
            changes['remote_units_data'] = {number: dict(bag) for number, bag in units.items()}
        if app_bag is not None:
            changes['remote_app_data'] = dict(app_bag)
        self._replace(old, dataclasses.replace(old, **changes))

    def write_own(self, relation_id: int, bag: Mapping[str, str]) -> None:
        """Put something else into our own databag."""
        old = self.relation(relation_id)
        self._replace(old, dataclasses.replace(old, local_app_data=dict(bag)))

    def part(self, relation_id: int) -> None:
        """Break a relation, with its event."""
        relation = self.relation(relation_id)
        state = self.context.run(self.context.on.relation_broken(relation), self.state)
        self.state = dataclasses.replace(
            state, relations={one for one in state.relations if one.id != relation_id}
        )

    def configure(self, **options: str | float) -> None:
        """Change options, `_` for `-`, with the event."""
        changed: Config = {name.replace('_', '-'): value for name, value in options.items()}
        self.state = dataclasses.replace(self.state, config={**self.state.config, **changed})
        self.run('config_changed')

    def run(self, event: str = 'update_status') -> None:
        """Run an event without arguments."""
        emit: Callable[[], Any] = getattr(self.context.on, event)
        self.state = self.context.run(emit(), self.state)

    def changed(self, relation_id: int) -> None:
        """Run relation-changed, or relation-created where there is no unit yet."""
        relation, on = self.relation(relation_id), self.context.on
        change = on.relation_changed if relation.remote_units_data else on.relation_created
        self.state = self.context.run(change(relation), self.state)

    def act(self, name: str, **params: object) -> dict[str, Any]:
        """The results of an action; raises `ops.testing.ActionFailed`."""
        self.state = self.context.run(self.context.on.action(name, params=params), self.state)
        return dict(self.context.action_results or {})

    def lead(self, leader: bool) -> None:
        """Make the unit the leader or not; the event comes with the first."""
        self.state = dataclasses.replace(self.state, leader=leader)
        if leader:
            self.run('leader_elected')

    def answers(self, relation_id: int) -> wire.Answers:
        """What is published in a relation."""
        return wire.read_answers(self.relation(relation_id).local_app_data)

    def entry(self, relation_id: int) -> wire.Entry:
        """The only certificate of a relation that has no refusal."""
        answers = self.answers(relation_id)
        assert answers.refusals == ()
        [entry] = answers.entries
        return entry

    def refusal(self, relation_id: int) -> wire.Refusal:
        """The only refusal of a relation that has no certificate."""
        answers = self.answers(relation_id)
        assert answers.entries == ()
        [refusal] = answers.refusals
        return refusal

    def requests(self) -> list[dict[str, Any]]:
        """What `list-requests` shows."""
        return json.loads(self.act('list-requests')['requests'])

    def trusted(self) -> list[x509.Certificate]:
        """What clients are told to trust."""
        [trust] = self.state.get_relations('send-ca-cert')
        bag = self.relation(trust.id).local_app_data
        return [x509.parse_certificate(pem) for pem in json.loads(bag.get('certificates', '[]'))]

    @property
    def status(self) -> str:
        """The message of the unit's status."""
        return self.state.unit_status.message

    def _replace(self, old: testing.RelationBase, new: testing.RelationBase) -> None:
        relations = {one for one in self.state.relations if one.id != old.id}
        self.state = dataclasses.replace(self.state, relations={*relations, new})

    def assert_settled(self) -> None:
        """What holds after every event; then another event changes nothing."""
        anchors = [anchor.fingerprint for anchor in self.trusted()]
        for relation in self.state.relations:
            if relation.endpoint == 'certificates':
                assert isinstance(relation, testing.Relation)
                requirers.assert_every_generation_reads(relation.local_app_data)
                self._assert_answers(relation, anchors)
        self._assert_no_key_is_seen()
        self._assert_nothing_more_to_do()

    def _assert_answers(self, relation: testing.Relation, anchors: list[str]) -> None:
        """Each request has one answer at most, and each certificate is what was asked for."""
        asked = _asked(relation)
        answers = wire.read_answers(relation.local_app_data)
        published = [answer.csr for answer in (*answers.entries, *answers.refusals)]
        assert len(published) == len(set(published)), 'two answers to one request'
        assert set(published) <= set(asked), 'an answer to what is not asked, or not its text'
        for entry in answers.entries:
            self.assert_certificate(entry, is_ca=asked[entry.csr])
            assert x509.fingerprint_of(entry.ca) in anchors

    def assert_certificate(self, entry: wire.Entry, *, is_ca: bool) -> None:
        """A certificate is for its request alone, in force, and its chain is in order."""
        leaf, *chain = assert_certificate(entry, is_ca=is_ca)
        if self.chooses_serials:
            assert leaf.serial.bit_length() >= 64
        if self.knows_root:
            root = c509.load_der_x509_certificate(chain[-1].der)
            assert root.issuer == root.subject

    def _assert_nothing_more_to_do(self) -> None:
        before = self.state
        with asked() as requests:
            after = self.context.run(self.context.on.update_status(), before)
        assert not requests, 'a second pass asks the backend'
        assert after.relations == before.relations, 'a second pass writes'
        assert _contents(after) == _contents(before), 'a second pass changes a secret'
        assert after.unit_status == before.unit_status

    def _assert_no_key_is_seen(self) -> None:
        """No private key of anybody is in a databag, the log, the status or a result."""
        seen = [log.message for log in self.context.juju_log]
        seen += [
            status.message
            for status in (*self.context.unit_status_history, self.state.unit_status)
        ]
        seen += [str(self.context.action_results)]
        for relation in self.state.relations:
            seen.append(str(getattr(relation, 'local_app_data', '')))
            seen.append(str(getattr(relation, 'local_unit_data', '')))
        assert not [text for text in seen if 'PRIVATE KEY' in text]
        bodies = [
            line
            for content in _contents(self.state).values()
            for text in content.values()
            if 'PRIVATE KEY' in text
            for line in text.splitlines()[1:-1]
        ]
        assert not [body for body in bodies if any(body in text for text in seen)]


def _contents(state: testing.State) -> dict[str, dict[str, str]]:
    return {
        secret.label or secret.id: dict(secret.latest_content or secret.tracked_content)
        for secret in state.secrets
    }


def _asked(relation: testing.Relation) -> dict[str, bool]:
    """The requests of a relation, and whether all that submit one want a CA certificate."""
    asked: dict[str, bool] = {}
    bags = [*relation.remote_units_data.values(), relation.remote_app_data]
    for bag in bags:
        for submission in wire.read_requests('unit', bag)[0]:
            asked[submission.csr] = asked.get(submission.csr, True) and submission.is_ca
    return asked


def assert_certificate(entry: wire.Entry, *, is_ca: bool) -> list[x509.Certificate]:
    """The chain of a certificate that is for its request alone, in force and in order."""
    request = x509.parse_request(entry.csr)
    leaf, *chain = [x509.parse_certificate(text) for text in entry.chain]
    assert leaf == x509.parse_certificate(entry.certificate)
    assert x509.parse_certificate(entry.ca) == chain[-1]
    now = datetime.datetime.now(datetime.timezone.utc)
    assert x509.mismatch(request, leaf, chain, is_ca=is_ca, now=now) is None
    assert leaf.not_after <= min(one.not_after for one in chain), 'it outlives an issuer'
    _assert_extensions(c509.load_der_x509_certificate(leaf.der), is_ca=is_ca)
    return [leaf, *chain]


def _assert_extensions(leaf: c509.Certificate, *, is_ca: bool) -> None:
    """The profile alone decides about rights: nothing that a request asked for is there."""
    found = {extension.oid.dotted_string: extension for extension in leaf.extensions}
    known = {'2.5.29.14', '2.5.29.15', '2.5.29.17', '2.5.29.19', '2.5.29.35', '2.5.29.37'}
    assert set(found) <= known | {'2.5.29.31', '1.3.6.1.5.5.7.1.1', '2.5.29.32'}
    identifier = leaf.extensions.get_extension_for_class(c509.AuthorityKeyIdentifier).value
    assert identifier.key_identifier
    assert identifier.authority_cert_issuer is None, 'a renewed issuer would not be found'
    constraints = leaf.extensions.get_extension_for_class(c509.BasicConstraints)
    assert constraints.critical
    assert constraints.value == c509.BasicConstraints(ca=is_ca, path_length=0 if is_ca else None)
    usage = leaf.extensions.get_extension_for_class(c509.KeyUsage).value
    assert (usage.key_cert_sign, usage.crl_sign) == (is_ca, is_ca)
    if not is_ca:
        purposes = leaf.extensions.get_extension_for_class(c509.ExtendedKeyUsage).value
        assert {purpose.dotted_string for purpose in purposes} <= {
            '1.3.6.1.5.5.7.3.1',
            '1.3.6.1.5.5.7.3.2',
        }
    for extension in leaf.extensions:
        points = extension.value
        if isinstance(points, c509.CRLDistributionPoints):
            assert 'evil.example' not in str(points)
