"""The cast: Alice owns the site, Bob may look, Charlie is an outsider; and a worker's hands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from devices.state import Kind
from devices.steps.add_device import AddDevice
from devices.steps.open_site import OpenSite
from devices.virtual import DeviceSpec, ThreadedFleet
from fleet.accounts.access import actor_of
from fleet.accounts.models import Person
from fleet.accounts.state import Role
from fleet.accounts.steps.found_organisation import FoundOrganisation
from fleet.accounts.steps.grant_role import GrantRole
from fleet.eventstore import subscriptions
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import Actor, By
from fleet.eventstore.models import Job
from resets.limits.rules import HOUR, Counted, Limit, Scope
from resets.rules import rules_id
from resets.steps.site_rules import SetLimits

SETUP = By(Actor.job("set up"))


@dataclass
class Cast:
    organisation: UUID
    site: UUID
    alice: Person
    bob: Person
    tess: Person
    charlie: Person

    def by(self, person: Person) -> By:
        return By(actor_of(person), source="127.0.0.1")


def organisation(name: str, site: str) -> tuple[UUID, UUID]:
    owner, place = new_id(), new_id()
    handle(FoundOrganisation(name), owner, SETUP)
    handle(OpenSite(owner, site, "Europe/Stockholm"), place, SETUP)
    return owner, place


def lift_limits(who: Cast) -> Cast:
    """For tests that do more in a minute than people in a year. The last limit has to stay."""
    stays = Limit(Counted.GUESSES, Scope.MAILBOX, 100, HOUR)
    for place, limits in ((who.site, (stays,)), (who.organisation, ())):
        handle(SetLimits(place, limits), rules_id(place), who.by(who.alice))
    return who


def person(
    name: str, organisation: UUID, role: Role, site: UUID | None = None, password: str | None = None
) -> Person:
    made = Person.objects.create_user(f"{name.lower()}@example.com", password, name=name)
    handle(GrantRole(made.id, name, role, organisation, site), new_id(), SETUP)
    return made


def cast(password: str | None = None) -> Cast:
    """Alice administers the organisation; Bob views and Tess is a technician at its one site;
    Charlie administers another organisation.
    """
    ours, site = organisation("Northern Light", "Harbour")
    theirs, _ = organisation("Elsewhere", "Island")
    return Cast(
        ours,
        site,
        person("Alice", ours, Role.ADMINISTRATOR, password=password),
        person("Bob", ours, Role.VIEWER, site, password=password),
        person("Tess", ours, Role.TECHNICIAN, site, password=password),
        person("Charlie", theirs, Role.ADMINISTRATOR, password=password),
    )


def add_device(
    who: Cast,
    fleet: ThreadedFleet,
    spec: DeviceSpec,
    email: str = "owner@example.com",
    **more: Any,
) -> UUID:
    """Add a virtual device under its true password; a worker has yet to take it in."""
    host, port = fleet.address(spec.serial)
    device = uuid4()
    command = AddDevice(
        site=who.site,
        kind=Kind(spec.kind),
        name=spec.name,
        host=host,
        port=port,
        username="admin",
        password=spec.password,
        reset_email=email,
        **more,
    )
    handle(command, device, who.by(who.alice))
    return device


def work(rounds: int = 20) -> None:
    """Do what a worker does, until nothing is due."""
    for _ in range(rounds):
        subscriptions.pump()
        due = subscriptions.due_jobs()
        if not due:
            return
        for job in due:
            subscriptions.run(job)
    raise AssertionError(f"still due after {rounds} rounds: {list(Job.objects.all())}")
