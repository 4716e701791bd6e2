"""Who is told of a campaign by mail: once each, in words, and of what they may see alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from devices import vault
from devices.models import Secret
from devices.steps.open_site import OpenSite
from fleet.accounts.models import Person
from fleet.accounts.state import Role
from fleet.accounts.steps.grant_role import GrantRole
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.ids import new_id
from resets.campaigns import deeds
from resets.campaigns.settings import Settings
from resets.campaigns.state import CampaignPhase, Kind, Selection
from resets.campaigns.steps.approve_campaign import DeclineCampaign
from resets.campaigns.steps.by_schedule import ApproveBySchedule, PlanRun, StandingApproval
from resets.campaigns.steps.control import CancelCampaign, PauseCampaign
from resets.models import Reset
from resets.notices.models import Notice
from resets.recorder.state import Doing
from resets.rules import rules_id
from resets.steps.recorder import RecordRecorderDeclined
from resets.steps.site_rules import SetPasswordSharing
from tests.cast import SETUP, Cast, person
from tests.resets.campaigns import ground, quiet

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

OWNER, KEEPER = "owner@example.com", "keeper@example.com"


def mails(sink: Any) -> dict[str, Any]:
    """The notices that have come since the last look, by whom they are for: one each."""
    found = [m for m in sink.mails() if m.message["Message-ID"].startswith("<notice-")]
    new = [m for m in found if m.id not in getattr(sink, "looked_at", ())]
    sink.looked_at = {m.id for m in found}
    readers = Counter(m.message["To"] for m in new)
    assert set(readers.values()) <= {1}, readers
    return {m.message["To"]: m for m in new}


def told(mail: Any) -> str:
    return " ".join(mail.text.split())


def finished(campaign: UUID, failed: UUID | None = None) -> None:
    ground.turns(campaign)
    if failed:
        quiet.end(failed, "declined")
    quiet.to_the_end(campaign)
    assert ground.state(campaign).phase is CampaignPhase.ENDED
    quiet.draw_up("tell_of_campaign")


# --- before it begins -----------------------------------------------------------------------------


def test_administrators_are_asked_to_agree_and_not_the_planner(
    who: Cast, ada: Person, mail_sink: Any
) -> None:
    quiet.many(who, 3)
    campaign = quiet.planned(who, name="Spring clean")
    quiet.draw_up("ask_to_agree")
    quiet.draw_up("ask_to_agree")
    [(reader, mail)] = mails(mail_sink).items()
    assert reader == ada.email
    assert mail.message["Subject"] == "Your approval is asked: Spring clean"
    for words in ("Alice asks for new passwords on 3 devices", "It is time", "3 of 3"):
        assert words in told(mail), words
    assert f"/campaigns/{campaign}/" in mail.text


def test_one_password_is_said_in_each_mail_of_its_campaign(
    who: Cast, ada: Person, mail_sink: Any
) -> None:
    handle(SetPasswordSharing(who.site, allowed=True), rules_id(who.site), who.by(who.alice))
    quiet.devices(who, "Gate", "Quay", reset_email=OWNER)
    campaign = quiet.planned(who, settings=replace(ground.SETTINGS, one_password=True))
    quiet.draw_up("ask_to_agree")
    warning = "Passwords: One for all devices of a site: whoever learns it"
    assert warning in told(mails(mail_sink)[ada.email])
    ground.agree(who, campaign, ada)
    finished(campaign)
    quiet.draw_up("tell_of_campaign")
    found = mails(mail_sink)
    assert warning in told(found[ada.email])
    assert "each its own" not in told(found[OWNER])


def test_an_empty_plan_asks_nobody(who: Cast, ada: Person, mail_sink: Any) -> None:
    quiet.many(who, 2, reset_email="")
    quiet.planned(who, Kind.RESET)
    quiet.draw_up("ask_to_agree", "tell_of_campaign")
    assert mails(mail_sink) == {}


@pytest.mark.parametrize("holds", [True, False])
def test_a_run_of_a_schedule_asks_only_where_its_approval_does_not_hold(
    who: Cast, ada: Person, mail_sink: Any, holds: bool
) -> None:
    quiet.many(who, 2)
    campaign, ends_at = new_id(), timezone.now() + timedelta(hours=3)
    run = PlanRun(
        who.organisation, who.site, "Quarterly,\nrun 1", "It is time", Selection(), ground.SETTINGS,
        ends_at, "Alice", str(who.alice.id), new_id(),
    )  # fmt: skip
    handle(run, campaign, quiet.JOB)
    quiet.draw_up()
    approval = StandingApproval(ada.name, str(ada.id), "" if holds else "schedule_changed")
    agreed = replace(ApproveBySchedule(), approval=approval)
    handle_all([Order(agreed, campaign, looked_up=True)], quiet.JOB)
    quiet.draw_up("ask_to_agree")
    found = mails(mail_sink)
    assert set(found) == (set() if holds else {ada.email})
    for mail in found.values():  # its name is of a time when names could have lines
        assert mail.message["Subject"] == "Your approval is asked: Quarterly, run 1"


def test_the_planner_reads_why_it_was_declined_and_nobody_else(
    who: Cast, ada: Person, mail_sink: Any
) -> None:
    quiet.many(who, 2)
    campaign = quiet.planned(who)
    quiet.draw_up("ask_to_agree")
    mails(mail_sink)
    handle(DeclineCampaign("Not in the season"), campaign, who.by(ada))
    ground.turns(campaign)
    quiet.draw_up("tell_of_declined_campaign", "tell_of_campaign")
    [(reader, mail)] = mails(mail_sink).items()
    assert reader == who.alice.email
    assert "Ada did not agree to your campaign. No device was touched." in told(mail)
    assert "Not in the season" in told(mail)


# --- while it is under way ------------------------------------------------------------------------


def test_administrators_are_told_at_once_when_it_stops_itself(
    who: Cast, ada: Person, mail_sink: Any
) -> None:
    quiet.many(who, 6)
    settings = Settings(canary=0, at_once=5, stop_share=20)
    campaign = quiet.under_way(who, ada, settings=settings)
    ground.turns(campaign)
    quiet.end_all(campaign, "declined")
    ground.turns(campaign)
    quiet.draw_up("tell_of_stop")
    found = mails(mail_sink)
    assert set(found) == {who.alice.email, ada.email}
    mail = found[ada.email]
    assert mail.message["Subject"] == "A campaign stopped itself: Quarterly"
    assert "paused itself: too many devices failed" in told(mail)
    assert "Camera 001: Failed" in told(mail)


def test_nobody_is_told_what_somebody_has_paused(who: Cast, ada: Person, mail_sink: Any) -> None:
    quiet.many(who, 1)
    campaign = quiet.under_way(who, ada)
    handle(PauseCampaign(), campaign, who.by(who.alice))
    quiet.draw_up("tell_of_stop")
    assert mails(mail_sink) == {}


# --- when it has ended ----------------------------------------------------------------------------


def test_at_the_end_each_administrator_and_each_owner_reads_what_came_of_it(
    who: Cast, ada: Person, mail_sink: Any
) -> None:
    failed, _ = quiet.devices(who, "Gate", "Quay", reset_email=OWNER)
    quiet.devices(who, "Mast", reset_email=KEEPER)
    quiet.devices(who, "Roof", reset_email="")
    campaign = quiet.under_way(who, ada)
    finished(campaign, failed)
    quiet.draw_up("tell_of_campaign")
    found = mails(mail_sink)
    assert set(found) == {who.alice.email, ada.email, OWNER, KEEPER}
    mail = found[ada.email]
    assert mail.message["Subject"] == "The campaign has ended: Quarterly"
    for words in ("every device has come to an end", "Proven: 3", "Failed: 1", "Gate: Failed"):
        assert words in told(mail), words
    assert f"/campaigns/{campaign}/" in mail.text
    owner = found[OWNER]
    assert "Quay, Harbour: Proven" in told(owner)
    assert "Gate, Harbour: Failed" in told(owner)
    assert "the Reset Password Email of these devices" in told(owner)
    assert "each its own" in told(owner)
    for stranger in ("Mast", "Roof", "/campaigns/"):
        assert stranger not in owner.text
    assert "Mast, Harbour: Proven" in told(found[KEEPER])
    assert Notice.objects.for_jobs().filter(about=campaign).count() == 1


def test_no_password_is_in_any_mail(who: Cast, ada: Person, mail_sink: Any) -> None:
    quiet.many(who, 3)
    campaign = quiet.under_way(who, ada)
    finished(campaign)
    secrets = {row.pk: row.device for row in Secret.objects.all()}
    passwords = set(vault.get_many(secrets).values())
    found = mails(mail_sink)
    assert found
    for mail in found.values():
        assert not [one for one in passwords if one in mail.text]


def test_owners_of_devices_that_were_never_begun_are_not_written_to(
    who: Cast, ada: Person, mail_sink: Any
) -> None:
    quiet.many(who, 2)
    campaign = quiet.under_way(who, ada)
    handle(CancelCampaign(), campaign, who.by(who.alice))
    ground.turns(campaign)
    quiet.draw_up("tell_of_campaign")
    found = mails(mail_sink)
    assert set(found) == {who.alice.email, ada.email}
    assert "Left out: 2" in told(found[ada.email])
    assert "it was cancelled" in told(found[ada.email])


def test_who_administers_but_one_site_reads_of_that_site_alone(
    who: Cast, ada: Person, mail_sink: Any
) -> None:
    island, cliff = new_id(), new_id()
    handle(OpenSite(who.organisation, "Island", "UTC"), island, SETUP)
    handle(OpenSite(who.organisation, "Cliff", "UTC"), cliff, SETUP)
    quiet.devices(who, "Gate", "Quay")
    [buoy] = quiet.devices(who, "Buoy", site=island)
    quiet.devices(who, "Hut", site=cliff)
    dora = person("Dora", who.organisation, Role.ADMINISTRATOR, island)
    grant(who, dora, cliff)
    campaign = quiet.under_way(who, ada, place_id=who.organisation)
    finished(campaign, buoy)
    found = mails(mail_sink)
    assert set(found) == {who.alice.email, ada.email, dora.email, OWNER}
    mail = told(found[dora.email])
    assert "Buoy: Failed" in mail
    assert "Island: 0 of 1 proven Cliff: 1 of 1 proven" in mail or (
        "Cliff: 1 of 1 proven Island: 0 of 1 proven" in mail
    )
    assert "Proven: 1" in mail
    assert "Harbour" not in mail
    assert f"/campaigns/{campaign}/" not in mail
    assert "Harbour: 2 of 2 proven" in told(found[ada.email])


def grant(who: Cast, somebody: Person, site: UUID) -> None:
    role = GrantRole(somebody.id, somebody.name, Role.ADMINISTRATOR, who.organisation, site)
    handle(role, new_id(), SETUP)


def test_what_is_left_to_do_at_nvrs_is_said(who: Cast, ada: Person, mail_sink: Any) -> None:
    _, [camera] = quiet.nvr(who, "Quay", 1)
    campaign = quiet.under_way(who, ada, selection=Selection(devices=(camera,)))
    ground.turns(campaign)
    reset = Reset.objects.for_jobs().get(device=camera).pk
    quiet.end(camera)
    handle(RecordRecorderDeclined(Doing.TELL, "no_service"), reset, quiet.JOB)
    finished(campaign)
    assert "Left to do at NVRs: 1 camera" in told(mails(mail_sink)[ada.email])


def test_one_that_goes_on_for_what_failed_tells_of_its_second_end(
    who: Cast, ada: Person, mail_sink: Any
) -> None:
    [device] = quiet.many(who, 1)
    campaign = quiet.under_way(who, ada)
    finished(campaign, device)
    mails(mail_sink)
    deeds.retry_failed(campaign, who.by(who.alice))
    finished(campaign)
    found = mails(mail_sink)
    assert set(found) == {who.alice.email, ada.email, OWNER}
    assert "Proven: 1" in told(found[ada.email])


def test_charlie_and_bob_read_nothing(who: Cast, ada: Person, mail_sink: Any) -> None:
    quiet.many(who, 1)
    campaign = quiet.under_way(who, ada)
    quiet.draw_up("ask_to_agree", "tell_of_stop", "tell_of_declined_campaign")
    asked = mails(mail_sink)
    finished(campaign)
    assert not {who.charlie.email, who.bob.email, who.tess.email} & {*asked, *mails(mail_sink)}
