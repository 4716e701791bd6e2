"""Through the front door: every command, with people of every role and with strangers."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from devices import queries as devices
from devices.discovery import discoveries
from devices.lists.state import Counts
from devices.state import Kind, Purpose, credential_id
from devices.steps.activate_device import ActivateDevice
from devices.steps.add_device import AddDevice
from devices.steps.credential import BeginCredential
from devices.steps.discover import RecordDiscovered, Sighting
from devices.steps.import_devices import CheckImport
from devices.steps.open_site import OpenSite
from devices.steps.scan_network import RequestScan
from devices.steps.site_networks import SetNetworks
from fleet.accounts.access import actor_of
from fleet.accounts.models import Person
from fleet.accounts.state import Role
from fleet.accounts.steps.found_organisation import FoundOrganisation
from fleet.accounts.steps.grant_role import GrantRole
from fleet.accounts.steps.issue_token import IssueToken
from fleet.errors import Forbidden, NotFound
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import COMMANDS, By, Command
from fleet.eventstore.models import EventRow
from resets import queries as resets
from resets.campaigns import queries as campaigns
from resets.campaigns.settings import Settings
from resets.campaigns.state import Kind as CampaignKind
from resets.campaigns.state import Selection
from resets.campaigns.steps.by_schedule import PlanRun
from resets.campaigns.steps.codes import BeginCodes
from resets.campaigns.steps.items import PlanItem
from resets.campaigns.steps.plan_campaign import PlanCampaign
from resets.delivery import queries as mails
from resets.delivery.steps import SendTestMail, SendTestMailTo
from resets.handover.steps import HandOver
from resets.limits.rules import DEFAULTS, Counted, Limit, Scope
from resets.limits.state import Refusal
from resets.limits.steps import RecordRefusal, TripBreaker
from resets.mailboxes import queries as mailboxes
from resets.mailboxes.steps import ProposeMailbox
from resets.notices.state import Told
from resets.notices.steps import RecordNotice
from resets.readiness.steps import BeginDrill
from resets.rules import CodeRules, rules_id
from resets.schedules import queries as schedules
from resets.schedules.steps import MakeSchedule
from resets.schedules.timing import Every
from resets.state import RecoveryMethod
from resets.steps.begin_in_campaign import BeginInCampaign
from resets.steps.request_reset import DeviceFacts, RequestReset
from resets.steps.site_rules import SetApprovalRules, SetCodeRules, SetLimits, SetPasswordSharing
from tests.cast import SETUP, Cast, person
from tests.fleet.accounts.needs import MAY, NEEDS, OURS
from tests.fleet.eventstore.ground import device, every_row, reset
from tests.resets.mailboxes.ground import proposed

NETWORK = "192.0.2.0/24"
SEEN = Sighting(
    "urn:uuid:1", "192.0.2.7", 80, False, "/", "Gate", "Acme", "Eye 3", "A-1", "", fresh=True
)


def a_list(who: Cast) -> CheckImport:
    return CheckImport(
        who.organisation, who.site, "person 1", "list.csv", "abc", Counts(add=1), "[]", b"{}"
    )


LATER = datetime(2026, 11, 22, 12, 10, tzinfo=UTC)
SITE_LIMIT = Limit(Counted.RESETS, Scope.SITE, 5, 3600, trips=True)


def a_refusal(who: Cast, device: UUID) -> Refusal:
    return Refusal(who.organisation, who.site, SITE_LIMIT, "", device, "Gate", "Tess")


def some_codes(who: Cast) -> BeginCodes:
    return BeginCodes(new_id(), who.organisation, who.site, "owner@example.com", CodeRules())


def a_plan(who: Cast) -> PlanCampaign:
    ends = timezone.now() + timedelta(days=1)
    return PlanCampaign(who.site, CampaignKind.RESET, "Another", "A test", ends)


def an_item(who: Cast, device: UUID) -> PlanItem:
    return PlanItem(
        new_id(), who.organisation, who.site, CampaignKind.RESET, 1, 0, device, "Gate", "", None,
        "admin", None, "", "", "", False,
    )  # fmt: skip


def a_reset_in_campaign(who: Cast, device: UUID) -> BeginInCampaign:
    ways = (RecoveryMethod.MANAGEMENT_ACCOUNT,)
    facts = DeviceFacts(device, who.organisation, who.site, "Gate", "admin", "", ways)
    return BeginInCampaign(
        new_id(), facts, ways[0], "A test", "Alice", "", "Ada", "", True, new_id()
    )


def a_schedule(who: Cast) -> MakeSchedule:
    today = datetime.now(UTC).date()
    return MakeSchedule(who.site, "Again", "A test", Every.WEEKS, 4, today, 48)


def a_run(who: Cast) -> PlanRun:
    ends_at = datetime.now(UTC) + timedelta(days=1)
    return PlanRun(
        who.organisation, who.site, "Again", "A test", Selection(), Settings(), ends_at, "Alice",
        str(who.alice.pk), new_id(),
    )  # fmt: skip


def a_handover(who: Cast) -> HandOver:
    return HandOver(who.site, None, 1, "a passphrase", "A test")


def a_notice(who: Cast) -> RecordNotice:
    told = Told("mailbox", "The owner", "o•••r@e•••e.com", False, "250 OK")
    return RecordNotice(who.organisation, who.site, new_id(), "A test", told)


@dataclass
class World:
    who: Cast
    streams: dict[str, UUID]


@pytest.fixture(scope="module")
def made(everybody: Cast) -> World:
    who = everybody
    target = device(who)
    account = credential_id(target, "admin")
    begin = BeginCredential(who.organisation, who.site, target, "admin", Purpose.DEVICE, new_id())
    handle(begin, account, SETUP)
    handle(SetNetworks(NETWORK), who.site, SETUP)
    scan, found, uploaded = new_id(), new_id(), new_id()
    handle(RequestScan(who.site, NETWORK), scan, who.by(who.alice))
    handle(RecordDiscovered(who.organisation, who.site, SEEN), found, SETUP)
    handle(a_list(who), uploaded, who.by(who.alice))
    guard, alarm = new_id(), new_id()
    handle(RecordRefusal(a_refusal(who, target), LATER), guard, SETUP)
    handle(TripBreaker(Scope.SITE, a_refusal(who, target), 0), alarm, SETUP)
    handle(SetCodeRules(who.site, digits=7), rules_id(who.site), who.by(who.alice))
    tested = new_id()
    handle(SendTestMail(target), tested, who.by(who.alice))
    drilled = new_id()
    handle(BeginDrill(device(who)), drilled, who.by(who.alice))
    noticed = new_id()
    handle(a_notice(who), noticed, SETUP)
    handed = new_id()
    handle(a_handover(who), handed, who.by(who.alice))
    codes, campaign, item = new_id(), new_id(), new_id()
    handle(some_codes(who), codes, SETUP)
    schedule = new_id()
    handle(a_schedule(who), schedule, who.by(who.alice))
    handle(a_plan(who), campaign, who.by(who.alice))
    handle(an_item(who, target), item, SETUP)
    token = new_id()
    handle(IssueToken(who.organisation, "0" * 64, "ours"), token, who.by(who.alice))
    [role] = EventRow.everything.filter(
        type="accounts.role_granted", data__contains=str(who.bob.id)
    ).values_list("stream", flat=True)
    return World(
        who,
        {
            "organisation": who.organisation,
            "site": who.site,
            "scan": scan,
            "discovered": found,
            "import": uploaded,
            "role": role,
            "token": token,
            "device": target,
            "credential": account,
            "reset": reset(who, device(who)),
            "mailbox_change": proposed(who, device(who)),
            "rules": rules_id(who.site),
            "guard": guard,
            "breaker": alarm,
            "notice": noticed,
            "test_mail": tested,
            "drill": drilled,
            "handover": handed,
            "campaign": campaign,
            "campaign_item": item,
            "campaign_codes": codes,
            "schedule": schedule,
        },
    )


@pytest.fixture
def world(made: World, db: None) -> World:
    return deepcopy(made)


GOING_ON = [name for name in OURS if not COMMANDS[name].creates]


def empty(name: str) -> Command[Any]:
    """A command with nothing in it: the guard comes before anything is read from it."""
    cls = COMMANDS[name]
    return cls(**{f.name: None for f in fields(cls) if "supplied" not in f.metadata})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", GOING_ON)
def test_nobody_gets_past_the_guard_with_a_command_on_what_is_there(
    world: World, name: str
) -> None:
    who, stream = world.who, world.streams[COMMANDS[name].of.category]
    before = every_row("event")
    for somebody, expected in (
        (who.charlie, NotFound),
        (Person(id=uuid4(), name="Nobody"), NotFound),
        (who.bob, NotFound if COMMANDS[name].of.category == "token" else Forbidden),
    ):
        if expected is Forbidden and NEEDS[name] is Role.VIEWER:
            continue
        with pytest.raises(expected):
            handle(empty(name), stream, By(actor_of(somebody)))
    if NEEDS[name] is Role.JOB:
        with pytest.raises(Forbidden):
            handle(empty(name), stream, who.by(who.alice))
    assert every_row("event") == before


CREATING: dict[str, Callable[[Cast, UUID], Command[Any]]] = {
    "organisation.found-organisation": lambda who, device: FoundOrganisation("Another"),
    "site.open-site": lambda who, device: OpenSite(who.organisation, "Another", "UTC"),
    "role.grant-role": lambda who, device: GrantRole(
        uuid4(), "Dora", Role.VIEWER, who.organisation, who.site
    ),
    "token.issue-token": lambda who, device: IssueToken(
        who.organisation, "0" * 64, "another", site=who.site
    ),
    "device.add-device": lambda who, device: AddDevice(
        who.site, Kind.CAMERA, "Another", "203.0.113.9", 80, "admin", "made-up-and-old-1"
    ),
    "device.activate-device": lambda who, device: ActivateDevice(
        who.site, Kind.CAMERA, "Another", "203.0.113.9", 80, "owner@example.com"
    ),
    "scan.request-scan": lambda who, device: RequestScan(who.site, NETWORK),
    "discovered.record-discovered": lambda who, device: RecordDiscovered(
        who.organisation, who.site, SEEN
    ),
    "import.check-import": lambda who, device: a_list(who),
    "reset.request-reset": lambda who, device: RequestReset(device, "The installer left"),
    "reset.begin-in-campaign": lambda who, device: a_reset_in_campaign(who, device),
    "mailbox_change.propose-mailbox": lambda who, device: ProposeMailbox(
        device, "keeper@example.net", "The owner has left"
    ),
    "rules.set-code-rules": lambda who, device: SetCodeRules(who.site, digits=6),
    "rules.set-approval-rules": lambda who, device: SetApprovalRules(who.site, always=True),
    "rules.set-password-sharing": lambda who, device: SetPasswordSharing(who.site, allowed=True),
    "rules.set-limits": lambda who, device: SetLimits(who.site, DEFAULTS[:6]),
    "guard.record-refusal": lambda who, device: RecordRefusal(a_refusal(who, device), LATER),
    "breaker.trip-breaker": lambda who, device: TripBreaker(Scope.SITE, a_refusal(who, device), 0),
    "notice.record-notice": lambda who, device: a_notice(who),
    "test_mail.send-test-mail": lambda who, device: SendTestMail(device),
    "drill.begin-drill": lambda who, device: BeginDrill(device),
    "test_mail.send-test-mail-to": lambda who, device: SendTestMailTo(who.site, "a@example.com"),
    "campaign.plan-campaign": lambda who, device: a_plan(who),
    "campaign_item.plan-item": lambda who, device: replace(an_item(who, device), device=new_id()),
    "campaign_codes.begin-codes": lambda who, device: some_codes(who),
    "handover.hand-over": lambda who, device: a_handover(who),
    "campaign.plan-run": lambda who, device: a_run(who),
    "schedule.make-schedule": lambda who, device: a_schedule(who),
    "credential.begin-credential": lambda who, device: BeginCredential(
        who.organisation, who.site, device, "root", Purpose.DEVICE, uuid4()
    ),
}


def test_every_command_that_begins_something_is_tried_below() -> None:
    assert set(CREATING) == {name for name in OURS if COMMANDS[name].creates is not False}


@pytest.mark.parametrize("name", CREATING)
def test_nobody_gets_past_the_guard_with_a_command_that_begins_something(
    world: World, name: str
) -> None:
    who = world.who
    command = CREATING[name](who, world.streams["device"])
    people = {role: person(f"P{role}", who.organisation, role, who.site) for role in MAY}
    tables = (
        "event", "site", "device", "role", "token", "reset", "credential", "vault", "scan",
        "discovered", "import", "import_file", "mailbox_change", "campaign",
        "campaign_item", "campaign_codes",
    )  # fmt: skip
    before = {table: every_row(table) for table in tables}
    for role, somebody in people.items():
        if NEEDS[name] not in MAY[role] or name == "site.open-site":
            with pytest.raises((Forbidden, NotFound)):
                handle(command, new_id(), who.by(somebody))
    for stranger in (who.charlie, Person(id=uuid4(), name="Nobody")):
        with pytest.raises(NotFound):
            handle(command, new_id(), By(actor_of(stranger)))
    assert {table: every_row(table) for table in tables} == before

    allowed = SETUP if NEEDS[name] is Role.JOB else who.by(who.alice)
    assert handle(command, new_id(), allowed).version >= 1


def test_a_stranger_is_told_the_same_as_if_nothing_were_there(world: World) -> None:
    who, stranger = world.who, world.who.by(world.who.charlie)
    for name in GOING_ON:
        stream = world.streams[COMMANDS[name].of.category]
        assert told(lambda n=name, s=stream: handle(empty(n), s, stranger)) == told(
            lambda n=name: handle(empty(n), new_id(), stranger)
        ), name
    walk = RequestReset(world.streams["device"], "The installer left")
    assert told(lambda: handle(walk, new_id(), stranger)) == told(
        lambda: handle(replace(walk, device=new_id()), new_id(), stranger)
    )
    for look, stream in (
        (devices.site, who.site),
        (devices.device, world.streams["device"]),
        (discoveries.scan, world.streams["scan"]),
        (discoveries.one_discovered, world.streams["discovered"]),
        (resets.reset, world.streams["reset"]),
        (mailboxes.change, world.streams["mailbox_change"]),
        (mails.mail_test, world.streams["test_mail"]),
        (schedules.schedule, world.streams["schedule"]),
        (campaigns.campaign, world.streams["campaign"]),
    ):
        assert told(lambda f=look, s=stream: f(stranger.actor, s)) == told(
            lambda f=look: f(stranger.actor, new_id())
        )


def told(attempt: Callable[[], Any]) -> tuple[Any, ...]:
    with pytest.raises(NotFound) as refused:
        attempt()
    error = refused.value
    return error.code, error.message, error.field, error.facts
