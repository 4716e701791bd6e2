"""Whatever people, devices and the clock do, in whatever order: each device of a campaign stands in
exactly one place, the sum is right, and none is begun outside the rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import cycle
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from devices.models import Device, LoginTries, Telemetry
from devices.steps.change_device import ChangeDevice
from devices.steps.open_site import OpenSite
from devices.steps.remove_device import RemoveDevice
from fleet.accounts.models import Person
from fleet.errors import RekeyError
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import Command
from fleet.eventstore.store import load, read_stream, state_of
from resets.campaigns import codes_owner, deeds, process
from resets.campaigns.codes_letter import owners_page
from resets.campaigns.in_line import AGAIN_AFTER, UNHEARD
from resets.campaigns.models import CampaignCodes, CampaignItem
from resets.campaigns.projections import item as item_row
from resets.campaigns.settings import Settings, Window, too_many_failed
from resets.campaigns.state import (
    CampaignPhase,
    CampaignState,
    CodesState,
    ItemState,
    Kind,
    Standing,
    item_id,
)
from resets.campaigns.steps.control import CancelCampaign, PauseCampaign, ResumeCampaign, SetPace
from resets.campaigns.steps.end_campaign import CampaignEnded
from resets.campaigns.steps.items import TakeOut
from resets.models import Reset
from resets.steps.cancel_reset import CancelReset
from resets.steps.request_reset import RequestReset
from tests.cast import SETUP, Cast, cast
from tests.resets.campaigns import ground, quiet

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

EXAMPLES, STEPS = 5, 20
TRIED = (Standing.PROVEN, Standing.UNPROVEN, Standing.FAILED)
HOW = st.builds(
    Settings,
    canary=st.sampled_from([0, 1, 2]),
    wave=st.sampled_from([0, 2, 3]),
    at_once=st.integers(1, 3),
    pace=st.sampled_from([0, 0, 3]),
    one_per_nvr=st.booleans(),
    stop_share=st.sampled_from([0, 30, 50]),
    window=st.sampled_from([Window(), Window(tuple(range(7)), "08:00", "20:00")]),
)
DEVICES = st.integers(0, 8)
OUTCOMES = st.sampled_from(["proven", "proven", "unproven", "declined", "unreachable", "busy"])


class AnyCampaign(RuleBasedStateMachine):
    """A campaign over an NVR with three cameras, two devices of another mailbox, one elsewhere."""

    who: ClassVar[Cast]
    ada: ClassVar[Person]
    ids: ClassVar[list[UUID]]
    morning: ClassVar[datetime]

    @initialize(
        kind=st.sampled_from([Kind.RESET, Kind.ROTATION]),
        how=HOW,
        codes=st.sampled_from([True, True, False]),
        ends=st.lists(OUTCOMES, min_size=3, max_size=6),
    )
    def begins(self, kind: Kind, how: Settings, codes: bool, ends: list[str]) -> None:
        self.savepoint = transaction.atomic()
        self.savepoint._from_testcase = True  # type: ignore[attr-defined]  # as Django's own around each test
        self.savepoint.__enter__()
        self.travel = time_machine.travel(self.morning, tick=False)
        self.clock = self.travel.start()
        self.begun: list[datetime] = []
        self.asleep = self.beats = 0
        self.ends = cycle(ends)
        ends_at = timezone.now() + timedelta(days=2)
        self.campaign = quiet.under_way(
            self.who, self.ada, kind,
            place_id=self.who.organisation, settings=how, ends_at=ends_at,
        )  # fmt: skip
        if kind is Kind.RESET and codes:
            quiet.code_entered(self.who, self.campaign)

    def teardown(self) -> None:
        if not hasattr(self, "savepoint"):
            return
        try:
            self.comes_to_its_end()
        finally:
            self.travel.stop()
            transaction.set_rollback(True)
            self.savepoint.__exit__(None, None, None)

    # --- what anybody does ------------------------------------------------------------------------

    def try_to(self, command: Command[Any], stream: UUID, person: Person | None = None) -> None:
        with suppress(RekeyError):
            handle(command, stream, self.who.by(person or self.who.alice))

    @rule(chance=st.integers(0, 3))
    def somebody_pauses(self, chance: int) -> None:
        if not chance:
            self.try_to(PauseCampaign(), self.campaign)

    @rule()
    def somebody_resumes(self) -> None:
        self.try_to(ResumeCampaign(), self.campaign)

    @rule(chance=st.integers(0, 9))
    def somebody_cancels(self, chance: int) -> None:
        if not chance:
            self.try_to(CancelCampaign(), self.campaign)

    @rule(pace=st.sampled_from([0, 3]), at_once=st.integers(1, 3))
    def somebody_sets_the_pace(self, pace: int, at_once: int) -> None:
        self.try_to(SetPace(pace, at_once), self.campaign)

    @rule()
    def somebody_tries_again_what_failed(self) -> None:
        with suppress(RekeyError):
            deeds.retry_failed(self.campaign, self.who.by(self.who.alice))

    @rule(n=DEVICES)
    def somebody_takes_a_device_out(self, n: int) -> None:
        self.try_to(TakeOut(), item_id(self.campaign, self.ids[n]))

    @rule(n=DEVICES)
    def somebody_resets_a_device_by_itself(self, n: int) -> None:
        self.try_to(RequestReset(self.ids[n], "Lost"), new_id())

    @rule()
    def those_resets_are_cancelled(self) -> None:
        rows = Reset.objects.for_jobs().filter(open=True, campaign=None)
        for reset in rows.values_list("pk", flat=True):
            self.try_to(CancelReset(), reset)

    @rule(n=DEVICES, removes=st.booleans(), chance=st.integers(0, 3))
    def somebody_changes_a_device(self, n: int, removes: bool, chance: int) -> None:
        if chance:
            return
        change = RemoveDevice("Broken") if removes else ChangeDevice(host="203.0.113.99")
        self.try_to(change, self.ids[n])

    @rule()
    def a_code_is_entered(self) -> None:
        rows = CampaignCodes.objects.for_jobs().filter(campaign=self.campaign, verified=False)
        for mailbox in rows.order_by("mailbox").values_list("mailbox", flat=True)[:1]:
            with suppress(RekeyError):
                quiet.code_entered(self.who, self.campaign, mailbox)

    @rule(which=st.integers(0, 1), n=DEVICES)
    def the_owner_of_a_mailbox_takes_a_device_out(self, which: int, n: int) -> None:
        if token := self.a_mail(which):
            codes_owner.take_out(token, "", [item_id(self.campaign, self.ids[n])])

    @rule(which=st.integers(0, 1), chance=st.integers(0, 3))
    def the_owner_of_a_mailbox_says_that_this_was_not_them(self, which: int, chance: int) -> None:
        token = self.a_mail(which)
        if token and not chance:
            codes_owner.disown(token, "")
            quiet.draw_up("leave_out_disowned")

    def a_mail(self, which: int) -> str:
        """What the newest mail with a code says, if one was sent."""
        rows = CampaignCodes.objects.for_jobs().filter(campaign=self.campaign, sends__gt=0)
        for codes in rows.order_by("mailbox").values_list("pk", flat=True)[which : which + 1]:
            state = state_of(CodesState, codes)
            return owners_page(state, state.sends).partition("#")[2]
        return ""

    @rule(n=DEVICES, online=st.booleans())
    def a_device_is_heard(self, n: int, online: bool) -> None:
        quiet.heard(self.ids[n], online=online)

    @rule(n=DEVICES, tries=st.sampled_from([0, 2, 4]))
    def somebody_types_wrong_passwords_at_a_device(self, n: int, tries: int) -> None:
        until = timezone.now() + timedelta(minutes=30) if tries == 4 else None
        quiet.wrong_logins(self.ids[n], tries, until)

    @rule(n=DEVICES, outcome=OUTCOMES)
    def a_reset_ends(self, n: int, outcome: str) -> None:
        busy = quiet.in_work(self.campaign)
        if busy and not self.ended_already(device := busy[n % len(busy)]):
            quiet.end(device, outcome)

    @rule(seconds=st.sampled_from([1, 1, 30, 61, 700, 4_000, 40_000]))
    def time_passes(self, seconds: int) -> None:
        self.clock.shift(timedelta(seconds=seconds))

    # --- a turn -----------------------------------------------------------------------------------

    @rule(steps=st.integers(1, 3))
    def the_worker_sleeps(self, steps: int) -> None:
        self.asleep = steps + 1

    @invariant()
    def a_turn_is_taken(self) -> None:
        """After all that happens, unless the worker sleeps; every other time a reset ends."""
        self.asleep = max(0, self.asleep - 1)
        if not self.asleep:
            self.takes_a_turn()
            self.beats += 1
        if self.beats % 2:
            for device in quiet.in_work(self.campaign)[:1]:
                if not self.ended_already(device):
                    quiet.end(device, next(self.ends))

    @rule(outcome=OUTCOMES)
    def all_resets_end_and_turns_are_taken(self, outcome: str) -> None:
        for device in quiet.in_work(self.campaign):
            if not self.ended_already(device):
                quiet.end(device, outcome)

    def takes_a_turn(self) -> None:
        before, rows = ground.state(self.campaign), self.items()
        done = process.advance(self.campaign)
        after = self.items()
        stays = {Standing.RUNNING.value}  # the place of one that has come to its end is free
        busy = {d for d in rows if {rows[d].standing, after[d].standing} == stays}
        new = [d for d in after if after[d].attempt > rows[d].attempt]
        assert done or [r.standing for r in rows.values()] == [r.standing for r in after.values()]
        if new:
            tried = sum(row.standing in TRIED for row in after.values())
            assert not self.should_have_stopped(before, after.values())
            self.was_allowed(new, busy, tried, before.phase, before.settings, rows)
        self.begun += [timezone.now()] * len(new)

    def was_allowed(
        self,
        new: list[UUID],
        busy: set[UUID],
        tried: int,
        phase: CampaignPhase,
        how: Settings,
        rows: dict[UUID, CampaignItem],
    ) -> None:
        now, state = timezone.now(), ground.state(self.campaign)
        assert phase is CampaignPhase.RUNNING
        assert state.ends_at and now < state.ends_at
        sites = Counter(rows[device].site for device in new)
        for site, count in sites.items():
            working = sum(rows[device].site == site for device in busy)
            assert count + working <= how.at_once
        together = busy | set(new)
        nvrs = Counter(rows[device].nvr for device in together if rows[device].nvr)
        assert not together & set(nvrs), "an NVR in work beside its camera"
        assert not how.one_per_nvr or set(nvrs.values()) <= {1}
        assert tried >= how.canary or tried + len(together) <= how.canary
        if how.pace:
            minute = [one for one in self.begun if one > now - timedelta(minutes=1)]
            if self.paced_for_a_minute:
                assert len(minute) + len(new) <= how.pace
        for device in new:
            self.was_allowed_at(device, rows[device], how, now)

    def should_have_stopped(self, state: CampaignState, rows: Iterable[CampaignItem]) -> bool:
        since = state.counted_from
        ended = [r for r in rows if r.standing in TRIED and (not since or r.ended_at > since)]
        failed = sum(Standing(row.standing).failed for row in ended)
        return too_many_failed(state.settings, failed, len(ended))

    @property
    def paced_for_a_minute(self) -> bool:
        """Who sets a pace cannot know it kept in the minute before."""
        since = timezone.now() - timedelta(minutes=1)
        sets = [r for r in read_stream(self.campaign) if r.type == "resets.campaign_pace_set"]
        return not any(one.at > since for one in sets)

    def was_allowed_at(
        self, device: UUID, item: CampaignItem, how: Settings, now: datetime
    ) -> None:
        assert item.standing in (Standing.WAITING, Standing.PARKED)
        if item.standing == Standing.PARKED:
            heard = Telemetry.objects.filter(device=device, seen_at__gt=item.changed_at).exists()
            rested = item.changed_at <= now - AGAIN_AFTER
            assert heard if item.why in UNHEARD else rested
        row = Device.objects.for_jobs().get(pk=device)
        assert not row.removed
        assert row.host != "203.0.113.99"
        assert not Telemetry.objects.filter(device=device, online=False).exists()
        assert not LoginTries.objects.filter(device=device, locked_until__gt=now).exists()
        assert not Reset.objects.for_jobs().filter(device=device, open=True, campaign=None).exists()
        assert row.place and how.window.is_open(now, ZoneInfo(row.place.timezone))
        if item.mailbox:
            codes = CampaignCodes.objects.for_jobs().get(
                campaign=self.campaign, mailbox=item.mailbox
            )
            assert codes.verified and not codes.disowned

    # --- what stays true --------------------------------------------------------------------------

    def items(self) -> dict[UUID, CampaignItem]:
        rows = CampaignItem.objects.for_jobs().filter(campaign=self.campaign)
        return {row.device_id: row for row in rows}

    def ended_already(self, device: UUID) -> bool:
        return not Reset.objects.for_jobs().filter(device=device, open=True).exists()

    @invariant()
    def each_device_stands_in_one_place(self) -> None:
        rows = CampaignItem.objects.for_jobs().filter(campaign=self.campaign)
        assert Counter(row.device_id for row in rows) == Counter(self.ids)
        for row in rows:
            assert row.open == Standing(row.standing).open
            assert (row.standing == Standing.RUNNING) <= (row.reset is not None)
        standings = Counter(row.standing for row in rows)
        assert sum(standings.values()) == ground.state(self.campaign).chosen == len(self.ids)

    @invariant()
    def the_table_says_what_the_log_says(self) -> None:
        rows = {row.pk: row for row in self.items().values()}
        for pk, loaded in load(dict.fromkeys(rows, ItemState)).items():
            told = item_row(loaded.state)
            assert {name: getattr(rows[pk], name) for name in told} == told

    @invariant()
    def every_reset_of_the_campaign_is_that_of_its_item(self) -> None:
        resets = Reset.objects.for_jobs().filter(campaign=self.campaign)
        running = {row.reset for row in self.items().values() if row.standing == "running"}
        assert set(resets.filter(open=True).values_list("pk", flat=True)) <= running
        begun = sum(row.attempt for row in self.items().values())
        assert resets.count() == begun, "begun twice"

    def comes_to_its_end(self) -> None:
        """However it went, it can be brought to an end, and then every device has come to one."""
        self.try_to(CancelCampaign(), self.campaign)
        for _ in range(20):
            for device in quiet.in_work(self.campaign):
                if not self.ended_already(device):
                    quiet.end(device)
            if not process.advance(self.campaign):
                break
        state, rows = ground.state(self.campaign), self.items().values()
        assert state.phase is CampaignPhase.ENDED
        assert not [row for row in rows if row.open]
        last = [r.event for r in read_stream(self.campaign) if r.type == CampaignEnded.tag][-1]
        assert isinstance(last, CampaignEnded)
        counts = Counter(row.standing for row in rows)
        failed = counts["failed"] + counts["unproven"]
        assert (last.proven, last.failed, last.left_out) == (
            counts["proven"], failed, counts["left_out"],
        )  # fmt: skip
        assert last.proven + last.failed + last.left_out == len(self.ids)
        assert not Reset.objects.for_jobs().filter(campaign=self.campaign, open=True).exists()


@pytest.fixture
def fleet() -> None:
    who = cast()
    island = new_id()
    handle(OpenSite(who.organisation, "Island", "Asia/Tokyo"), island, SETUP)
    quay, cameras = quiet.nvr(who, "Quay", 3)
    others = quiet.devices(who, "Gate", "Hut", "Mast", reset_email="keeper@example.com")
    far = quiet.devices(who, "Buoy", "Light", site=island)
    AnyCampaign.who, AnyCampaign.ada = who, ground.second(who)
    AnyCampaign.ids = [quay, *cameras, *others, *far]
    AnyCampaign.morning = timezone.now().replace(hour=9, minute=0) + timedelta(days=1)


def test_any_story_of_a_campaign(fleet: None) -> None:
    run_state_machine_as_test(
        AnyCampaign,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            phases=[Phase.generate],  # to look for a shorter story takes minutes over a database
            suppress_health_check=list(HealthCheck),
        ),
    )
