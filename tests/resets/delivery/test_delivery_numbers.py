"""Mails in numbers: by whose day, by domain, for whom; and all of it drawn from the log."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from devices.steps.open_site import OpenSite
from fleet.accounts.access import actor_of
from fleet.accounts.state import Role
from fleet.eventstore import projections
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import EventRow
from resets.campaigns.steps.codes import RecordCampaignMail, SendCampaignCode
from resets.delivery import queries
from resets.delivery.models import CodeMail
from resets.delivery.queries import Wanted
from resets.readiness.models import Drill
from resets.readiness.steps import BeginDrill, RecordDrillMail, SendDrillCode
from resets.state import Delivery
from resets.steps.add_note import AddNote
from resets.steps.deliver_code import RecordDelivery
from resets.steps.send_code import SendCode
from tests.cast import SETUP, Cast, person
from tests.fleet.eventstore.ground import device, every_row, reset, tamper
from tests.resets.campaigns.codes_ground import row, shared
from tests.resets.delivery.ground import mailed

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HANDED, DELIVERED, BOUNCED = Delivery.HANDED_OVER, Delivery.DELIVERED, Delivery.BOUNCED
REFUSED, SPAM, DEFERRED, HELD_UP = (
    Delivery.REFUSED,
    Delivery.SPAM,
    Delivery.DEFERRED,
    Delivery.HELD_UP,
)


def wanted(zone: str = "UTC", **more: Any) -> Wanted:
    day = timedelta(days=1)
    return Wanted(NOON - 30 * day, NOON + 2 * day, ZoneInfo(zone), **more)


def counted(who: Cast, person_: Any = None, **more: Any) -> dict[tuple[str, str], dict[str, int]]:
    actor = actor_of(person_ or who.alice)
    return {
        (str(group.day), group.domain): {d.value: n for d, n in group.counts.items()}
        for group in queries.groups(actor, wanted(**more))
    }


def test_mails_are_counted_by_day_and_domain(who: Cast) -> None:
    mailed(who, NOON, "a@x.example", HANDED)
    mailed(who, NOON, "b@X.EXAMPLE", HANDED, BOUNCED)
    mailed(who, NOON, "c@y.example")
    mailed(who, NOON - timedelta(days=1), "a@x.example", REFUSED)
    mailed(who, NOON - timedelta(days=31), "a@x.example", REFUSED)
    assert counted(who) == {
        ("2026-11-20", "x.example"): {"handed_over": 1, "bounced": 1},
        ("2026-11-20", "y.example"): {"queued": 1},
        ("2026-11-19", "x.example"): {"refused": 1},
    }
    order = [(g.day, g.domain) for g in queries.groups(actor_of(who.alice), wanted())]
    assert order == [
        (date(2026, 11, 20), "x.example"),
        (date(2026, 11, 20), "y.example"),
        (date(2026, 11, 19), "x.example"),
    ]


def test_each_code_of_a_reset_counts_and_each_for_itself(who: Cast) -> None:
    with time_machine.travel(NOON, tick=False):
        walk = reset(who, device(who, reset_email="a@x.example"))
        handle(SendCode(), walk, who.by(who.tess))
    with time_machine.travel(NOON + timedelta(seconds=61), tick=False):
        handle(SendCode(), walk, who.by(who.tess))
    for send, delivery in ((2, HANDED), (1, BOUNCED)):
        handle(RecordDelivery(send, delivery, ""), walk, SETUP)
    assert counted(who) == {("2026-11-20", "x.example"): {"handed_over": 1, "bounced": 1}}


def test_a_day_is_the_day_of_whoever_looks(who: Cast) -> None:
    mailed(who, datetime(2026, 11, 20, 23, 30, tzinfo=UTC), "a@x.example")
    assert list(counted(who)) == [("2026-11-20", "x.example")]
    assert list(counted(who, zone="Europe/Stockholm")) == [("2026-11-21", "x.example")]
    assert list(counted(who, zone="America/Lima")) == [("2026-11-20", "x.example")]


def test_what_is_counted_is_where_one_is_an_administrator_and_nowhere_else(who: Cast) -> None:
    mailed(who, NOON, "a@x.example")
    elsewhere = new_id()
    handle(OpenSite(who.organisation, "Museum", "Europe/London"), elsewhere, SETUP)
    dora = person("Dora", who.organisation, Role.ADMINISTRATOR, elsewhere)
    assert len(counted(who)) == 1
    for somebody in (who.bob, who.tess, who.charlie, dora):
        assert counted(who, somebody) == {}, somebody.name
        assert queries.in_all(queries.groups(actor_of(somebody), wanted())).mails == 0


def test_sites_and_domains_narrow_it_down(who: Cast) -> None:
    mailed(who, NOON, "a@mail.x.example")
    mailed(who, NOON, "a@y.example")
    assert list(counted(who, domain="X.EX")) == [("2026-11-20", "mail.x.example")]
    assert len(counted(who, site=who.site)) == 2
    assert counted(who, site=new_id()) == {}


def test_the_rate_of_failures_is_of_those_that_are_not_on_their_way(who: Cast) -> None:
    for n, news in enumerate(([], [DEFERRED], [HANDED, HELD_UP], [HANDED], [HANDED, DELIVERED])):
        mailed(who, NOON, f"a{n}@x.example", *news)
    [group] = queries.groups(actor_of(who.alice), wanted())
    assert (group.mails, group.on_the_way, group.handed_over, group.delivered) == (5, 3, 1, 1)
    assert (group.failed, group.failure_rate) == (0, 0.0)
    for n, news in enumerate(([REFUSED], [HANDED, BOUNCED], [HANDED, DELIVERED, SPAM])):
        mailed(who, NOON, f"b{n}@x.example", *news)
    [group] = queries.groups(actor_of(who.alice), wanted())
    assert (group.failed, group.failure_rate, group.percent) == (3, 0.6, "60%")
    assert group.failures == "1 refused, 1 came back, 1 spam"
    assert queries.in_all([group, group]).mails == 16


def test_the_last_answer_is_that_of_the_newest_mail_that_has_one(who: Cast) -> None:
    actor = actor_of(who.alice)
    for hour, answer in ((1, "550 first"), (3, "550 last"), (2, "550 between")):
        at = NOON + timedelta(hours=hour)
        mailed(who, at, "a@x.example", REFUSED, answer=answer)
    mailed(who, NOON + timedelta(hours=4), "b@x.example")
    mailed(who, NOON, "a@y.example")
    groups = queries.groups(actor, wanted())
    said = queries.answers(actor, wanted(), groups)
    assert {g.domain: said.get(g.id) for g in groups} == {
        "x.example": "550 last",
        "y.example": None,
    }
    assert queries.answers(actor, wanted(), []) == {}


def test_two_queries_answer_a_page_however_many_mails_there_are(who: Cast) -> None:
    actor = actor_of(who.alice)
    for days in range(4):
        mailed(who, NOON - timedelta(days=days), f"a{days}@x.example", REFUSED)
        with CaptureQueriesContext(connection) as asked:
            queries.answers(actor, wanted(), queries.groups(actor, wanted()))
        assert len(asked) == 2


def test_the_rows_are_drawn_from_the_log_and_compared_with_it(who: Cast) -> None:
    walk = mailed(who, NOON, "a@x.example", HANDED, BOUNCED)
    mailed(who, NOON, "b@x.example")
    before = every_row("code_mail")
    assert len(before) == 2
    assert list(projections.differences()) == []

    tamper("UPDATE code_mail SET delivery = 'delivered' WHERE domain = %s", ["x.example"])
    found = list(projections.differences())
    assert {d.what for d in found} == {"differs in delivery"}
    assert {d.table for d in found} == {"code_mail"}
    tamper("DELETE FROM code_mail WHERE stream = %s", [walk])
    assert {d.what for d in projections.differences()} == {"is missing", "differs in delivery"}
    projections.rebuild()
    assert every_row("code_mail") == before


def test_a_row_that_its_reset_knows_nothing_of_is_found(who: Cast) -> None:
    walk = mailed(who, NOON, "a@x.example", HANDED)
    [row] = CodeMail.objects.for_jobs().filter(stream=walk)
    invented = new_id()
    copy = ", ".join(f.column for f in CodeMail._meta.concrete_fields if f.column != "id")
    tamper(
        f"INSERT INTO code_mail (id, {copy}) SELECT %s, {copy} FROM code_mail WHERE id = %s",
        [invented, row.pk],
    )
    [found] = projections.differences()
    assert (found.id, found.stream) == (invented, walk)
    assert "its stream knows nothing of it" in found.what
    tamper("UPDATE code_mail SET stream = %s WHERE id = %s", [new_id(), invented])
    [found] = projections.differences()
    assert found.id == invented and "no stream accounts for it" in found.what
    projections.rebuild()
    assert list(projections.differences()) == []


def test_a_step_that_tells_nothing_of_mails_leaves_their_rows_alone(who: Cast) -> None:
    walk = mailed(who, NOON, "a@x.example", HANDED)
    [row] = CodeMail.objects.for_jobs().filter(stream=walk)
    tamper("UPDATE code_mail SET answer = 'mine' WHERE id = %s", [row.pk])
    handle(AddNote("A note"), walk, who.by(who.tess))
    assert CodeMail.objects.for_jobs().get(pk=row.pk).answer == "mine"
    handle(RecordDelivery(1, BOUNCED, "550"), walk, SETUP)
    assert CodeMail.objects.for_jobs().get(pk=row.pk).answer == "550"


def test_the_mailbox_itself_stands_in_no_row_of_numbers(who: Cast) -> None:
    mailed(who, NOON, "somebody@x.example", REFUSED, answer="550 no")
    assert "somebody" not in str(every_row("code_mail"))
    assert EventRow.everything.filter(data__contains="somebody@x.example").exists()


# --- the codes of campaigns and drills ------------------------------------------------------------


def test_codes_of_campaigns_and_of_drills_count_as_those_of_resets_do(who: Cast) -> None:
    drill = new_id()
    with time_machine.travel(NOON, tick=False):
        campaign = shared(who)
        handle(BeginDrill(device(who, reset_email="a@x.example")), drill, who.by(who.tess))
        codes = campaign.send()
        campaign.send(campaign.porter)
    handle(RecordDrillMail(1, HANDED, "250"), drill, SETUP)
    handle(RecordCampaignMail(1, HANDED, "250"), codes, SETUP)
    handle(RecordCampaignMail(1, DELIVERED, "250 so"), codes, SETUP)
    assert counted(who) == {
        ("2026-11-20", "example.com"): {"delivered": 1},
        ("2026-11-20", "example.net"): {"queued": 1},
        ("2026-11-20", "x.example"): {"handed_over": 1},
    }
    actor = actor_of(who.alice)
    groups = queries.groups(actor, wanted(domain="example.com"))
    assert [*queries.answers(actor, wanted(), groups).values()] == ["250 so"]
    assert counted(who, who.charlie) == counted(who, who.tess) == {}


def test_of_each_of_their_codes_it_is_known_what_became_of_it(who: Cast) -> None:
    """Also of one that was replaced: that a mailbox is dead is worth knowing."""
    drill = new_id()
    with time_machine.travel(NOON, tick=False):
        campaign = shared(who)
        handle(BeginDrill(device(who, reset_email="a@x.example")), drill, who.by(who.tess))
        codes = campaign.send()
    with time_machine.travel(NOON + timedelta(seconds=61), tick=False):
        campaign.send()
        handle(SendDrillCode(), drill, who.by(who.tess))
    for send, delivery in ((2, HANDED), (1, BOUNCED), (1, HANDED)):
        handle(RecordCampaignMail(send, delivery, ""), codes, SETUP)
        handle(RecordDrillMail(send, delivery, ""), drill, SETUP)
    assert counted(who) == {
        ("2026-11-20", "example.com"): {"handed_over": 1, "bounced": 1},
        ("2026-11-20", "x.example"): {"handed_over": 1, "bounced": 1},
    }
    assert row(codes).delivery == Drill.objects.for_jobs().get().delivery == "handed_over"


def test_codes_of_a_campaign_over_all_sites_count_for_who_administers_all_of_them(
    who: Cast,
) -> None:
    dora = person("Dora", who.organisation, Role.ADMINISTRATOR, who.site)
    with time_machine.travel(NOON, tick=False):
        wide = shared(who, place_id=who.organisation)
        handle(SendCampaignCode(), wide.keeper, who.by(who.alice))
    assert counted(who) == {("2026-11-20", "example.com"): {"queued": 1}}
    assert counted(who, dora) == counted(who, site=who.site) == {}


def test_the_rows_of_campaigns_and_drills_are_drawn_from_the_log_as_well(who: Cast) -> None:
    drill = new_id()
    codes = shared(who).send()
    handle(BeginDrill(device(who, reset_email="a@x.example")), drill, who.by(who.tess))
    handle(RecordDrillMail(1, BOUNCED, "550"), drill, SETUP)
    mailed(who, NOON, "b@y.example", HANDED)
    before = every_row("code_mail")
    assert len(before) == 3
    assert list(projections.differences()) == []
    tamper("UPDATE code_mail SET delivery = 'delivered' WHERE stream = %s", [codes])
    tamper("DELETE FROM code_mail WHERE stream = %s", [drill])
    found = {(d.table, d.stream, d.what) for d in projections.differences()}
    assert found == {
        ("code_mail", codes, "differs in delivery"),
        ("code_mail", drill, "is missing"),
    }
    projections.rebuild()
    assert every_row("code_mail") == before
    assert list(projections.differences()) == []
