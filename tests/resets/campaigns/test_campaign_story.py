"""The main job of a campaign, through the domain: planned, agreed to, carried out, proven."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devices import vault
from devices.queries import credential_for_jobs
from devices.state import Purpose
from devices.virtual import Character, ThreadedFleet, default_scenario, fleet_in_thread
from fleet.errors import Forbidden
from fleet.eventstore import projections
from fleet.eventstore.chain import first_break
from fleet.eventstore.handling import handle
from fleet.eventstore.store import read_stream
from resets.campaigns.state import CampaignPhase
from resets.campaigns.steps.approve_campaign import ApproveCampaign
from resets.models import Reset
from tests.cast import Cast, add_device, work
from tests.resets.campaigns import ground

pytestmark = pytest.mark.django_db

SPECS = default_scenario(seed=7, port_base=0)
HONEST = [s for s in SPECS if s.kind == "camera" and s.character is Character.HONEST][:3]
LIAR = next(s for s in SPECS if s.character is Character.LIAR)


@pytest.fixture
def fleet() -> Iterator[ThreadedFleet]:
    with fleet_in_thread([*HONEST, LIAR]) as running:
        yield running


def test_a_rotation_gives_each_device_a_password_of_its_own_and_proves_it(
    who: Cast, fleet: ThreadedFleet
) -> None:
    devices = {spec.name: add_device(who, fleet, spec) for spec in [*HONEST, LIAR]}
    work()
    campaign = ground.planned(who)
    assert ground.state(campaign).phase is CampaignPhase.AWAITING_APPROVAL
    with pytest.raises(Forbidden) as own:
        handle(ApproveCampaign(ground.state(campaign).digest), campaign, who.by(who.alice))
    assert own.value.code == "own_request"

    ground.agree(who, campaign, ground.second(who))
    ground.carry_out(campaign)

    proven = {spec.name: "proven proven" for spec in HONEST}
    assert ground.standings(campaign) == proven | {LIAR.name: "unproven new_refused"}
    assert ground.state(campaign).phase is CampaignPhase.ENDED
    passwords = {}
    for spec in HONEST:
        credential = credential_for_jobs(devices[spec.name], Purpose.DEVICE)
        passwords[spec.name] = vault.get(credential.current, devices[spec.name])
        assert fleet.opens(spec.serial, "admin", passwords[spec.name])
        assert not fleet.opens(spec.serial, "admin", spec.password)
    assert len(set(passwords.values())) == len(HONEST)
    assert fleet.opens(LIAR.serial, "admin", LIAR.password)
    assert {row.campaign for row in Reset.objects.for_jobs()} == {campaign}
    assert not list(projections.differences())
    assert first_break(read_stream(campaign)) is None
