"""juju commands about offers and their consumption in other models."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from minijuju import lifecycle
from minijuju.arguments import Refused
from minijuju.charm import APP_NAME
from minijuju.cli import command
from minijuju.command import check_alive, check_controller
from minijuju.offers import Offer, Saas, connections, specs_of
from minijuju.status import OWNER, remote_endpoints
from minijuju.status_table import table

if TYPE_CHECKING:
    from minijuju.command import Command
    from minijuju.model import Model

_URL = re.compile(
    r'(?:(?P<controller>[^:/.]+):)?(?P<model>(?:[^:/.]+/)?[^:/.]+)\.(?P<name>[^:/.]+)'
)


@command('offer', 'c|controller=', most=2)
def _offer(call: Command) -> str:
    target, colon, listed = call.required(0, 'endpoint for the offer').partition(':')
    if not colon or not listed:
        raise Refused('an offer must at least specify application endpoint', code=2)
    reference, _, app_name = target.rpartition('.')
    model = call.find_model(reference) if reference else call.model
    check_alive(model)
    app = model.apps.get(app_name)
    if app is None or app.dying:
        raise Refused(f'application "{app_name}" not found')
    endpoints = tuple(listed.split(','))
    for endpoint in endpoints:
        spec = app.charm.endpoints.get(endpoint)
        if spec is None or spec.role == 'peer':
            raise Refused(f'application "{app_name}" has no "{endpoint}" relation')
    name = call.arguments.at(1) or app_name
    if not APP_NAME.fullmatch(name):
        raise Refused(f'offer name "{name}" not valid')
    known = model.offers.get(name)
    if known is not None and known.app != app_name:
        raise Refused(f'cannot add application offer "{name}": already exists')
    model.offers[name] = Offer(name, app_name, endpoints)
    shown, url = ', '.join(endpoints), _url(model, name)
    call.notes.append(f'Application "{app_name}" endpoints [{shown}] available at "{url}"')
    return ''


@command('remove-offer', 'c|controller=', 'force', 'y|yes', most=None)
def _remove_offer(call: Command) -> str:
    for reference in call.arguments.positional or (call.required(0, 'offer'),):
        model, name = _parse(call, reference) if '.' in reference else (call.model, reference)
        offer = model.offers.get(name)
        if offer is None:
            raise Refused(f'offer "{reference}" not found')
        held = connections(model, offer)
        if held and not call.arguments.on('force'):
            what = f'{len(held)} relation{"s" if len(held) > 1 else ""}'
            raise Refused(f'cannot delete application offer "{name}": offer has {what}')
        del model.offers[name]
        for relation in held:
            lifecycle.end_relation(relation)
        lifecycle.sweep(model)
    return ''


@command('consume', most=2)
def _consume(call: Command) -> str:
    saas = consume(call, call.required(0, 'remote offer'), call.arguments.at(1))
    call.notes.append(f'Added {saas.url} as {saas.alias}')
    return ''


@command('remove-saas', 'force', 'no-wait', most=None)
def _remove_saas(call: Command) -> str:
    model = call.model
    for name in call.arguments.positional or (call.required(0, 'SAAS application names'),):
        if model.saas.pop(name, None) is None:
            raise Refused(f'saas application "{name}" not found')
        for relation in model.relations_of(name):
            lifecycle.end_relation(relation)
    lifecycle.sweep(model)
    return ''


@command('offers|list-offers', 'active-only', most=1)
def _offers(call: Command) -> str:
    wanted, model = call.arguments.at(0), call.model
    found = [
        (model, offer) for name, offer in sorted(model.offers.items()) if wanted in {'', name}
    ]
    return _listed(call, found)


@command('find-offers', most=1)
def _find_offers(call: Command) -> str:
    wanted = call.arguments.at(0).removesuffix('.')
    model = call.find_model(wanted) if wanted else None
    models = [model] if model is not None else call.controller.models.values()
    return _listed(call, [(model, offer) for model in models for offer in model.offers.values()])


def consume(call: Command, reference: str, alias: str = '') -> Saas:
    """Return an offer under its alias in the call's model, consumed now if it was not before.

    Raises:
        Refused: there is no such offer, or the alias means something else.
    """
    model, (far, name) = call.model, _parse(call, reference)
    check_alive(model)
    offer = far.offers.get(name)
    if offer is None:
        raise Refused(f'application offer "{_url(far, name)}" not found')
    alias = alias or name
    known = model.saas.get(alias)
    if known is not None and known.model is far and known.app is not None:
        return known
    if known is not None or alias in model.apps:
        kind = 'saas application' if known is not None else 'application'
        raise Refused(f'cannot add saas application "{alias}": {kind} already exists')
    specs = specs_of(far, offer)
    saas = model.saas[alias] = Saas(alias, _url(far, name), far, offer, specs)
    return saas


def _parse(call: Command, reference: str) -> tuple[Model, str]:
    match = _URL.fullmatch(reference)
    if match is None:
        raise Refused(f'application offer URL "{reference}" not valid', code=2)
    if match['controller']:
        check_controller(match['controller'])
    return call.find_model(match['model']), match['name']


def _url(model: Model, name: str) -> str:
    return f'{OWNER}/{model.name}.{name}'


def _listed(call: Command, found: list[tuple[Model, Offer]]) -> str:
    specs = {
        _url(model, offer.name): (
            offer,
            specs_of(model, offer),
            len(connections(model, offer)),
        )
        for model, offer in found
    }
    if call.arguments.value('format', 'tabular') != 'tabular':
        return call.formatted(
            {
                offer.name: {
                    'application': offer.app,
                    'offer-url': url,
                    'endpoints': remote_endpoints(by_name),
                }
                for url, (offer, by_name, _) in specs.items()
            }
        )
    rows = [('Offer', 'Application', 'Connected', 'URL', 'Endpoint', 'Interface', 'Role')]
    rows += [
        (offer.name, offer.app, f'{count}/{count}', url, name, spec.interface, spec.role)
        for url, (offer, by_name, count) in specs.items()
        for name, spec in by_name.items()
    ]
    return table(rows)
