"""The codes of a campaign from end to end: two mailboxes, two mails, and who may do what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings

from devices.virtual import Character, ThreadedFleet, default_scenario, fleet_in_thread
from fleet.errors import Conflict, Forbidden, NotFound, RekeyError
from fleet.eventstore import projections
from fleet.eventstore.handling import handle
from fleet.eventstore.models import EventRow
from resets.campaigns.models import CampaignCodes
from resets.campaigns.state import Kind, codes_id
from resets.campaigns.steps.codes import EnterCampaignCode, SendCampaignCode
from resets.codes import CodeKey, grouped
from tests.cast import Cast, add_device, work
from tests.resets.campaigns import ground

pytestmark = pytest.mark.django_db

SPECS = default_scenario(seed=7, port_base=0)
HONEST = [s for s in SPECS if s.kind == "camera" and s.character is Character.HONEST][:4]
KEEPER, PORTER = "keeper@example.com", "porter@example.net"


@pytest.fixture
def fleet() -> Iterator[ThreadedFleet]:
    with fleet_in_thread(HONEST) as running:
        yield running


def code_of(codes: UUID, send: int = 1) -> str:
    return CodeKey(settings.REKEY_CODE_KEY).code(codes, send, 8)


def test_one_mail_for_each_mailbox_and_each_code_opens_its_own_devices(
    who: Cast, fleet: ThreadedFleet, mail_sink: Any
) -> None:
    mailboxes = [KEEPER, "keeper@Example.com", KEEPER, PORTER]
    for spec, mailbox in zip(HONEST, mailboxes, strict=True):
        add_device(who, fleet, spec, mailbox)
    work()
    campaign = ground.under_way(who, ground.second(who), Kind.RESET)
    rows = CampaignCodes.objects.for_jobs().filter(campaign=campaign)
    assert {row.mailbox for row in rows} == {KEEPER, PORTER}
    keeper, porter = codes_id(campaign, KEEPER), codes_id(campaign, PORTER)
    ground.turns(campaign)
    assert set(ground.standings(campaign).values()) == {"waiting"}, "without a code none begins"

    with pytest.raises(NotFound):
        handle(SendCampaignCode(), keeper, who.by(who.charlie))
    with pytest.raises(Forbidden):
        handle(SendCampaignCode(), keeper, who.by(who.bob))
    for codes in (keeper, porter):
        handle(SendCampaignCode(), codes, who.by(who.tess))
    work()
    mails = {m.to[0]: m for m in mail_sink.mails() if "code" in m.subject}
    assert set(mails) == {KEEPER, PORTER}
    assert mails[KEEPER].subject == "Verification code for 3 devices"
    for mailbox, codes, those in (
        (KEEPER, keeper, HONEST[:3]),
        (PORTER, porter, HONEST[3:]),
    ):
        for said in (mails[mailbox].text, mails[mailbox].html):
            assert grouped(code_of(codes)) in said
            listed = {spec.name for spec in HONEST if re.search(rf"\b{spec.name}\b", said)}
            assert listed == {spec.name for spec in those}

    for person, typed, refusal in (
        (who.alice, code_of(keeper), "not_your_code"),
        (who.tess, code_of(porter), "wrong_code"),
    ):
        with pytest.raises(RekeyError) as no:
            handle(EnterCampaignCode(typed), keeper, who.by(person))
        assert no.value.code == refusal
    ground.turns(campaign)
    assert set(ground.standings(campaign).values()) == {"waiting"}

    handle(EnterCampaignCode(grouped(code_of(keeper))), keeper, who.by(who.tess))
    ground.carry_out(campaign)
    proven = {spec.name: "proven proven" for spec in HONEST[:3]}
    assert ground.standings(campaign) == proven | {HONEST[3].name: "waiting"}
    with pytest.raises(Conflict, match="entered already"):
        handle(EnterCampaignCode(code_of(keeper)), keeper, who.by(who.tess))

    handle(EnterCampaignCode(code_of(porter)), porter, who.by(who.tess))
    ground.carry_out(campaign)
    assert ground.standings(campaign) == {spec.name: "proven proven" for spec in HONEST}
    log = "\n".join(EventRow.everything.values_list("data", flat=True))
    for secret in (code_of(keeper), code_of(porter), grouped(code_of(keeper))):
        assert secret not in log
    assert not list(projections.differences())
