"""A small world with something of everything in it, and everybody who may come to its doors."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from uuid import UUID, uuid4

import time_machine

from devices import vault
from devices.lists import imports
from devices.state import ONVIF_PATH, Kind, Purpose, credential_id
from devices.steps.add_device import AddDevice
from devices.steps.credential import BeginCredential, PromoteCandidate
from devices.steps.discover import RecordDiscovered, Sighting
from devices.steps.open_site import OpenSite
from devices.steps.scan_network import RequestScan
from devices.steps.site_networks import SetNetworks
from devices.steps.take_in_device import RecordManagementAccount
from fleet.accounts import tokens
from fleet.accounts.access import actor_of_token
from fleet.accounts.models import Person
from fleet.accounts.state import Role
from fleet.accounts.steps.grant_role import GrantRole
from fleet.accounts.steps.revoke_token import RevokeToken
from fleet.audit.queries import parked
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import Actor, By
from fleet.eventstore.models import EventRow, Job
from fleet.eventstore.store import read_stream, state_of
from resets.campaigns.codes_letter import owners_page
from resets.campaigns.drawing import draw_up_plan
from resets.campaigns.state import CampaignState, CodesState, Selection, codes_id, item_id
from resets.campaigns.state import Kind as CampaignKind
from resets.campaigns.steps.approve_campaign import ApproveCampaign
from resets.campaigns.steps.plan_campaign import PlanCampaign
from resets.delivery.steps import SendTestMail
from resets.limits.rules import Counted, Limit, Scope
from resets.limits.state import Refusal
from resets.limits.steps import TripBreaker
from resets.mailboxes.proposing import propose
from resets.phone.addresses import of_not_me, of_qr
from resets.readiness.steps import BeginDrill
from resets.schedules.steps import MakeSchedule
from resets.schedules.timing import Every
from resets.state import ResetState
from resets.steps.request_reset import RequestReset
from resets.steps.show_qr import ShowQr
from tests.api.client import Api
from tests.cast import SETUP, Cast, cast, person

NETWORK = "192.0.2.0/24"
PASSWORD = "correct-horse-1-battery"
A_LIST = f"Name,Address,Password\na list,203.0.113.88,{PASSWORD}\n"

A_SCHEDULE = {
    "name": "Again",
    "reason": "A test",
    "every": "weeks",
    "number": 4,
    "first": datetime.now(UTC).date().isoformat(),
    "lasting": 48,
}


@dataclass
class Place:
    """A site of ours and what is at it. `device` has a reset under way, `other` has none; `found`
    is something that the `scan` came upon. Somebody proposed a mailbox for the one in `change`,
    and Alice did in `own_change`. A `campaign` of hers is under way for its `item` alone.
    Of the `schedule` Selma waits for somebody to agree to it.
    """

    site: UUID
    device: UUID
    other: UUID
    reset: UUID
    parked: UUID
    role: UUID
    scan: UUID
    found: UUID
    change: UUID
    own_change: UUID
    test_mail: UUID
    alarm: UUID
    campaign: UUID
    item: UUID
    schedule: UUID
    secret: str  # a word that stands in the names of its devices
    drill: UUID  # under way, of a device of its own

    @property
    def codes(self) -> UUID:
        """Of the one mailbox in the campaign."""
        return codes_id(self.campaign, "owner@example.com")

    @property
    def ids(self) -> tuple[UUID, ...]:
        """What an outsider never comes to see."""
        return (
            self.drill,
            self.site, self.device, self.other, self.reset, self.parked, self.role, self.scan,
            self.found, self.change, self.own_change, self.test_mail, self.alarm, self.campaign,
            self.item, self.codes, self.schedule,
        )  # fmt: skip


@dataclass
class World:
    who: Cast
    here: Place
    there: Place
    people: dict[str, Person]
    token: UUID
    tokens: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, SimpleCookie] = field(default_factory=dict)  # of those who are signed in
    imports: dict[tuple[UUID, bool], UUID] = field(default_factory=dict)

    def api(self, name: str) -> Api:
        return Api(self.tokens[name])

    def an_import(self, at: Place, *, token: bool = False) -> UUID:
        """A list that Alice has uploaded there, herself or by her token; made when asked for."""
        by = self.who.by(self.who.alice)
        if token:
            found = actor_of_token(self.tokens["alice"])
            assert found
            by = By(found[0])
        kept = self.imports.get((at.site, token))
        if kept is None:
            kept = imports.check(
                at.site, "list.csv", A_LIST.replace("a list", at.secret).encode(), by
            )
            self.imports[at.site, token] = kept
        return kept

    def a_qr(self, at: Place) -> str:
        """What a QR says that Alice shows there."""
        handle(ShowQr(), at.reset, self.who.by(self.who.alice))
        return of_qr(state_of(ResetState, at.reset))

    def a_code_mail(self, at: Place) -> str:
        """What the mail with the first code of the campaign there says."""
        return owners_page(state_of(CodesState, at.codes), 1)

    def a_not_me(self, at: Place) -> str:
        """What the mail with the first code of the reset there says."""
        return of_not_me(state_of(ResetState, at.reset), 1)


def world() -> World:
    """Two sites of our organisation: Bob, Tess and Olga have roles at the one that is `here`."""
    who = cast()
    olga = person("Olga", who.organisation, Role.OPERATOR, who.site)
    vera = person("Vera", who.organisation, Role.VIEWER)
    people = {
        "bob": who.bob,
        "tess": who.tess,
        "olga": olga,
        "vera": vera,
        "alice": who.alice,
        "charlie": who.charlie,
    }
    elsewhere = new_id()
    handle(OpenSite(who.organisation, "Museum", "Europe/London"), elsewhere, SETUP)
    made = World(who, _place(who, who.site), _place(who, elsewhere), people, UUID(int=0))
    for name in ("bob", "tess", "olga"):
        made.tokens[name] = _token(made, name, site=who.site)
    for name in ("vera", "alice", "charlie"):
        made.tokens[name] = _token(made, name)
    made.tokens["alice as a viewer"] = _token(made, "alice", role=Role.VIEWER)
    made.tokens["alice at the other site"] = _token(made, "alice", site=elsewhere)
    made.tokens["revoked"] = _token(made, "alice")
    handle(RevokeToken(), _id(made.tokens["revoked"]), who.by(who.alice))
    with time_machine.travel(datetime.now(UTC) - timedelta(days=31), tick=True):
        made.tokens["expired"] = _token(made, "alice")
    made.tokens["forged"] = made.tokens["alice"][:-1] + "x"
    made.tokens["nobody"] = ""
    made.token = _id(made.tokens["alice"])
    return made


def _place(who: Cast, site: UUID) -> Place:
    secret = f"gate-{site.hex[-8:]}"
    device, other = (a_device(who, site, number, secret) for number in (1, 2))
    reset = new_id()
    handle(RequestReset(device, "The installer left"), reset, who.by(who.alice))
    position = EventRow.everything.get(stream=reset, version=1).position
    Job.objects.create(
        reaction="resets.expire_reset",
        position=position,
        organisation=who.organisation,
        site=site,
        status=Job.Status.PARKED,
        due_at=datetime.now(UTC),
        attempts=12,
        error="TimeoutError",
    )
    [job] = [one for one in parked(Actor.job("tests")) if one.event.site == site]
    theo = Person.objects.create_user(f"theo-{site}@example.com", name="Theo")
    role = new_id()
    handle(GrantRole(theo.id, "Theo", Role.TECHNICIAN, who.organisation, site), role, SETUP)
    scan, found = new_id(), new_id()
    handle(SetNetworks(NETWORK), site, SETUP)
    handle(RequestScan(site, NETWORK), scan, who.by(who.alice))
    seen = Sighting(
        found.hex, "192.0.2.7", 80, False, ONVIF_PATH, secret, "Acme", "Eye 3", "", "", fresh=True
    )
    handle(RecordDiscovered(who.organisation, site, seen), found, SETUP)
    changes = [
        propose(a_device(who, site, number, secret), "keeper@example.net", "A test", who.by(by))
        for number, by in ((3, theo), (4, who.alice))
    ]
    tested = new_id()
    handle(SendTestMail(device), tested, who.by(who.alice))
    alarm = new_id()  # of nothing that is there, so that it stops nobody
    limit = Limit(Counted.RESETS, Scope.SITE, 40, 3600, trips=True)
    case = Refusal(who.organisation, site, limit, "", device, f"{secret} 1", "Alice")
    handle(TripBreaker(Scope.SITE, case, 0), alarm, SETUP)
    campaign = _campaign(who, site, a_device(who, site, 5, secret), secret)
    ids = (
        job.id,
        role,
        scan,
        found,
        *changes,
        tested,
        alarm,
        *campaign,
        _schedule(who, site, secret),
    )
    drill = new_id()
    handle(BeginDrill(a_device(who, site, 7, secret)), drill, who.by(who.alice))
    return Place(site, device, other, reset, *ids, secret, drill)


def _campaign(who: Cast, site: UUID, device: UUID, secret: str) -> tuple[UUID, UUID]:
    """A campaign for one device that somebody else has agreed to, and its item."""
    campaign, by = new_id(), who.by(who.alice)
    plan = PlanCampaign(
        place_id=site,
        kind=CampaignKind.RESET,
        name=f"{secret} anew",
        reason="A test",
        ends_at=datetime.now(UTC) + timedelta(days=30),
        selection=Selection(devices=(device,)),
    )
    handle(plan, campaign, by)
    draw_up_plan(read_stream(campaign)[0])
    amber = Person.objects.create_user(f"amber-{site}@example.com", name="Amber")
    handle(
        GrantRole(amber.id, "Amber", Role.ADMINISTRATOR, who.organisation, site), new_id(), SETUP
    )
    digest = state_of(CampaignState, campaign).digest
    handle(ApproveCampaign(digest), campaign, who.by(amber))
    return campaign, item_id(campaign, device)


def _schedule(who: Cast, site: UUID, secret: str) -> UUID:
    schedule = new_id()
    selma = Person.objects.create_user(f"selma-{site}@example.com", name="Selma")
    grant = GrantRole(selma.id, "Selma", Role.ADMINISTRATOR, who.organisation, site)
    handle(grant, new_id(), SETUP)
    make = MakeSchedule(
        place_id=site,
        name=f"{secret} again",
        reason="A test",
        every=Every.MONTHS,
        number=3,
        first=datetime.now(UTC).date(),
        lasting=48,
    )
    handle(make, schedule, who.by(selma))
    return schedule


def a_device(who: Cast, site: UUID, number: int, name: str = "Gate") -> UUID:
    """A device that was taken in, as if a worker had talked to it."""
    device = uuid4()
    added = AddDevice(
        site=site,
        kind=Kind.CAMERA,
        name=f"{name} {number}",
        host=f"203.0.113.{number}",
        port=80,
        username="admin",
        password=PASSWORD,
        reset_email="owner@example.com",
    )
    handle(added, device, who.by(who.alice))
    handle(RecordManagementAccount("rekey"), device, SETUP)
    secret, account = vault.put(device, PASSWORD), credential_id(device, "admin")
    begin = BeginCredential(who.organisation, site, device, "admin", Purpose.DEVICE, secret)
    handle(begin, account, SETUP)
    handle(PromoteCandidate(secret), account, SETUP)
    return device


def _token(
    made: World, name: str, role: Role = Role.ADMINISTRATOR, site: UUID | None = None
) -> str:
    by = made.who.by(made.people[name])
    return tokens.issue(by.actor.grants[0].organisation, "tests", role, 30, by, site)


def _id(token: str) -> UUID:
    return UUID(token.split("_")[1])
