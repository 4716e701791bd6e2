"""What pages and calls ask about limits, refusals and alarms."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery

from devices import queries as devices
from devices.models import Site
from fleet.accounts.access import require, role_at
from fleet.accounts.queries import organisation_name
from fleet.accounts.state import Role
from fleet.errors import NotFound
from fleet.eventstore.messages import Actor
from fleet.eventstore.store import load
from resets.limits.models import Breaker, Refusals
from resets.limits.rules import DEFAULTS, ORGANISATION_DEFAULTS, Limit
from resets.rules import RulesState, rules_id


@dataclass(frozen=True)
class Ground:
    """Where limits hold: at a site, or (`site` None) over an organisation as a whole."""

    organisation: UUID
    site: UUID | None
    name: str
    own: tuple[Limit, ...] | None

    @property
    def id(self) -> UUID:
        return self.site or self.organisation

    @property
    def limits(self) -> tuple[Limit, ...]:
        """Those that hold there: its own, or the defaults where nobody has set any."""
        defaults = DEFAULTS if self.site else ORGANISATION_DEFAULTS
        return defaults if self.own is None else self.own


def ground(actor: Actor, place: UUID) -> Ground:
    """A site or an organisation that the actor may see, and its limits. Raises NotFound."""
    if role_at(actor, place, None) is not None:
        return Ground(place, None, organisation_name(place), _own(place))
    site = devices.site_names(actor).filter(pk=place).first()
    if site is None or site.organisation is None:
        raise NotFound("site")
    return Ground(site.organisation, site.pk, site.name, _own(place))


def _own(place: UUID) -> tuple[Limit, ...] | None:
    stream = rules_id(place)
    state = load({stream: RulesState})[stream].state
    assert isinstance(state, RulesState)
    return state.limits


def refusals(actor: Actor) -> QuerySet[Refusals]:
    """Refusals by limits, ten minutes in a row, the newest first."""
    rows: QuerySet[Refusals] = Refusals.objects.visible_to(actor)
    return rows.order_by("-until", "-id")


def breakers(actor: Actor) -> QuerySet[Breaker]:
    """Alarms that went off, those that wait for a person first, each with its site's name."""
    rows: QuerySet[Breaker] = Breaker.objects.visible_to(actor)
    name = Site.objects.for_jobs().filter(pk=OuterRef("site")).values("name")
    return rows.annotate(site_name=Subquery(name)).order_by("-tripped", "-tripped_at", "-id")


def breaker(actor: Actor, breaker_id: UUID) -> Breaker:
    """Raises NotFound."""
    return devices.one(breakers(actor), breaker_id, "alarm")


def require_administrator(actor: Actor, at: Ground) -> None:
    """Raises Forbidden below an administrator."""
    require(actor, Role.ADMINISTRATOR, at.organisation, at.site, "site")
