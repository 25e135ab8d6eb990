"""The charm shows what providers say is to be trusted."""

from __future__ import annotations

import json

from ops import testing

from charm import RequirerCharm


def test_certificates_of_all_relations_are_shown_together():
    context = testing.Context(RequirerCharm)
    relations = {
        testing.Relation(
            'certificate_transfer',
            remote_app_data={'certificates': json.dumps(pems), 'version': '1'},
        )
        for pems in (['B', 'A'], ['B', 'C'], [])
    }

    context.run(
        context.on.action('get-trusted-ca-certificates'), testing.State(relations=relations)
    )

    assert context.action_results == {'ca-certificates': 'A\nB\nC', 'count': 3}


def test_without_a_relation_nothing_is_trusted():
    context = testing.Context(RequirerCharm)

    context.run(context.on.action('get-trusted-ca-certificates'), testing.State())

    assert context.action_results == {'ca-certificates': '', 'count': 0}


def test_the_leader_asks_for_version_1():
    context = testing.Context(RequirerCharm)
    relation = testing.Relation('certificate_transfer')

    state = context.run(
        context.on.relation_created(relation), testing.State(leader=True, relations={relation})
    )

    assert state.get_relation(relation.id).local_app_data == {'version': '1'}
