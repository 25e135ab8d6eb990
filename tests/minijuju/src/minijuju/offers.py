"""Offers: a relation between applications of two models.

Each model has a relation of its own, and the two are twins: they share their databags, and who
enters or leaves one does the same in the other. The application of the other model has another
name in each, ``remote-<32 hex>`` where it consumes and its alias where it is consumed.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from minijuju import lifecycle
from minijuju.model import Endpoint

if TYPE_CHECKING:
    from minijuju.charm import EndpointSpec
    from minijuju.model import App, Bag, Model, Relation, Unit


@dataclass(frozen=True)
class Offer:
    """Endpoints of an application that other models may use."""

    name: str
    app: str
    endpoints: tuple[str, ...]


@dataclass
class Saas:
    """An offer as the model that consumes it knows it."""

    alias: str
    url: str
    """``admin/model.offer``."""
    model: Model
    """The model that offers."""
    offer: Offer
    specs: dict[str, EndpointSpec]
    tokens: dict[str, str] = field(default_factory=dict[str, str])
    """What each consuming application is called in the model that offers."""

    @property
    def app(self) -> App | None:
        """The application that is offered, None when the offer or its model is gone."""
        current = self.model.offers.get(self.offer.name)
        return self.model.apps.get(self.offer.app) if current is self.offer else None


@dataclass(frozen=True)
class Twin:
    """The other model's side of a relation."""

    model: Model
    relation: Relation
    names: dict[str, str]
    """What the two applications are called over there, by their names here."""

    def unit(self, name: str) -> Unit | None:
        """Return the unit that a name over here means."""
        return self.model.unit(self._there(name))

    def enter(self, name: str, bag: Bag) -> None:
        """Let a unit of this side be seen over there; both sides have the one bag."""
        self.relation.unit_bags[self._there(name)] = bag
        self.relation.scope.add(self._there(name))

    def leave(self, name: str) -> None:
        """Let a unit of this side be gone over there."""
        self.relation.scope.discard(self._there(name))

    def _there(self, name: str) -> str:
        app, slash, number = name.partition('/')
        return self.names[app] + slash + number


def connect(model: Model, own: Endpoint, saas: Saas, offered: str) -> Relation:
    """Relate an endpoint to one that the model consumes, and return this model's relation."""
    far = Endpoint(saas.offer.app, saas.specs[offered])
    token = saas.tokens.setdefault(own.app, f'remote-{uuid.uuid4().hex}')
    here = lifecycle.add_relation(model, (own, Endpoint(saas.alias, far.spec)))
    there = lifecycle.add_relation(saas.model, (far, Endpoint(token, own.spec)))
    names = {own.app: token, saas.alias: far.app}
    here.twin = Twin(saas.model, there, names)
    there.twin = Twin(model, here, {name: app for app, name in names.items()})
    there.app_bags = {names[app]: bag for app, bag in here.app_bags.items()}
    return here


def sever(model: Model, relation: Relation) -> None:
    """Drop this side of a relation, which has no units left; the other side ends in its time."""
    twin = relation.twin
    if twin is None:
        return
    twin.relation.dying, twin.relation.twin, relation.twin = True, None, None
    lifecycle.drop_relation(model, relation)
    lifecycle.sweep(twin.model)


def specs_of(model: Model, offer: Offer) -> dict[str, EndpointSpec]:
    """Return the endpoints of an offer that its application has; a refresh may take some away."""
    app = model.apps.get(offer.app)
    known = app.charm.endpoints if app is not None else {}
    return {name: known[name] for name in offer.endpoints if name in known}


def connections(model: Model, offer: Offer) -> list[Relation]:
    """Return the relations that an offer has."""
    return [
        relation
        for relation in model.relations_of(offer.app)
        if relation.twin is not None
        and relation.end_of(offer.app).spec.name in offer.endpoints
        and relation.remote_of(offer.app).app.startswith('remote-')
    ]
