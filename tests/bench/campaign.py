"""A rotation and a reset of a whole virtual fleet by two real workers, on PostgreSQL and Valkey:
2 % of the devices are dead, 1 % lie, 1 % are locked, and all answer after 20 ms. Beside it, in the
same run, the same device calls from a bare asynchronous client at the same concurrency.

Every device is looked at in the end: it is in one standing, and opens with one password. A reset
begins with codes, one mail for all devices that share a mailbox.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import resource
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.utils import timezone

from devices import vault
from devices.models import Credential
from devices.state import Kind as DeviceKind
from devices.state import Purpose, credential_id
from devices.steps.add_device import AddDevice
from devices.steps.check_device import RecordCheck
from devices.steps.credential import BeginCredential, PromoteCandidate
from devices.steps.open_site import OpenSite
from devices.steps.take_in_device import RecordManagementAccount
from devices.virtual import Character, DeviceSpec
from devices.virtual.scenario_file import read
from fleet.accounts.models import Person
from fleet.accounts.state import Role
from fleet.eventstore import store
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import Checkpoint, EventRow, Job
from fleet.eventstore.subscriptions import CHECKPOINT
from resets.campaigns.models import Campaign, CampaignItem
from resets.campaigns.settings import Settings
from resets.campaigns.state import Kind, Standing
from resets.campaigns.steps.approve_campaign import ApproveCampaign
from resets.campaigns.steps.control import CancelCampaign
from resets.campaigns.steps.plan_campaign import PlanCampaign
from tests.bench import world
from tests.bench.campaign_codes import Inbox, mailbox_of, mails_told, type_codes
from tests.bench.campaign_devices import MANAGEMENT, bare, each, known, managed, opens
from tests.bench.processes import (
    Measured,
    counted,
    mail_sink,
    measured,
    rekey_processes,
    virtual_fleet,
)
from tests.cast import SETUP, Cast, lift_limits, person

SCENARIO = """
size = {size}
seed = {seed}
layout = "addresses"
[all]
delay = 0.02
[auth]
"http-digest md5" = 0.5
"http-digest sha256" = 0.5
[character]
dead = 0.02
liar = 0.01
locked = 0.01
"""
PARKED_ALONE = {Standing.PARKED.value}


def run(rounds: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sizes = [int(size) for size in os.environ.get("REKEY_BENCH_DEVICES", "1000").split()]
    at_once = int(os.environ.get("REKEY_BENCH_AT_ONCE", "20"))
    world.alice()
    ada = person("Ada", world._cast[0].organisation, Role.ADMINISTRATOR)
    kinds = [Kind(kind) for kind in os.environ.get("REKEY_BENCH_KINDS", "rotation").split()]
    with mail_sink() as inbox:
        for number, (size, kind) in enumerate(itertools.product(sizes, kinds)):
            with tempfile.TemporaryDirectory() as folder:
                scenario = Path(folder) / "campaign.toml"
                scenario.write_text(SCENARIO.format(size=size, seed=number + 1))
                specs = read(scenario)
                with virtual_fleet(scenario) as control:
                    One(world._cast[0], ada, kind, specs, at_once, control, Inbox(inbox)).run()


@dataclass
class One:
    """One campaign over one fleet."""

    who: Cast
    ada: Person
    kind: Kind
    specs: list[DeviceSpec]
    at_once: int
    control: int
    inbox: Inbox

    def run(self) -> None:
        size = len(self.specs)
        began = time.perf_counter()
        site, devices = self._taken_in()
        print(f"\n{size} devices taken in within {time.perf_counter() - began:.0f} s", flush=True)
        bare = self._bare()
        self.inbox.clear()
        events = EventRow.everything.count()
        # What brought the devices here is nothing that a worker has to react to.
        Checkpoint.objects.update_or_create(
            name=CHECKPOINT, defaults={"position": store.last_position()}
        )
        with rekey_processes() as running:
            campaign = self._approved(site)
            before, counts = measured(running), counted()
            began = time.perf_counter()
            handle(
                ApproveCampaign(Campaign.objects.for_jobs().get(pk=campaign).digest),
                campaign,
                self.who.by(self.ada),
            )
            if self.kind is Kind.RESET:
                type_codes(campaign, self.who.by(self.who.alice), self.inbox)
                print(f"  codes entered within {time.perf_counter() - began:.1f} s", flush=True)
            bound = 60 + size * 0.25
            self._until(bound, lambda: self._open(campaign) <= PARKED_ALONE)
            took = time.perf_counter() - began
            after = measured(running)
            counts = {name: n - counts[name] for name, n in counted().items()}
            handle(CancelCampaign(), campaign, self.who.by(self.who.alice))
            self._until(60, lambda: not Campaign.objects.for_jobs().get(pk=campaign).open)
        events = EventRow.everything.count() - events
        standings = Counter(self._items(campaign).values_list("standing", flat=True))
        self._verify(campaign, devices, standings)
        stages = self._stages(campaign)
        self._report(
            took,
            bare,
            f"{events} events, {mails_told(campaign, self.inbox)}",
            standings,
            before,
            after,
        )
        print("  median seconds from beginning a device:", stages)
        each = (f"{n / len(self.specs):.1f} {name}" for name, n in counts.items())
        print("  a device:", ", ".join(each))
        Job.objects.all().delete()

    # --- putting them there -----------------------------------------------------------------------

    def _taken_in(self) -> tuple[UUID, dict[UUID, DeviceSpec]]:
        """The devices as if workers had taken them in, with an account of Rekey's on each."""
        site, own = new_id(), dict[UUID, DeviceSpec]()
        name = f"Yard {len(self.specs)} {self.kind}"
        handle(OpenSite(self.who.organisation, name), site, SETUP)
        lift_limits(replace(self.who, site=site))
        for at in range(0, len(self.specs), 1000):
            some = {new_id(): spec for spec in self.specs[at : at + 1000]}
            own |= some
            adds = [self._add(site, spec, at + n) for n, spec in enumerate(some.values())]
            handle_all([Order(add, pk) for add, pk in zip(adds, some, strict=True)], SETUP)
            for account, purpose in (("admin", Purpose.DEVICE), (MANAGEMENT, Purpose.MANAGEMENT)):
                self._credentials(site, some, account, purpose)
            handle_all([Order(RecordManagementAccount(MANAGEMENT), pk) for pk in some], SETUP)
            handle_all([Order(RecordCheck(True), pk) for pk in some], SETUP)
        asyncio.run(each(self.specs, self.at_once, managed))
        return site, own

    def _add(self, site: UUID, spec: DeviceSpec, number: int) -> AddDevice:
        where = (spec.name, spec.host, spec.port)
        mailbox = mailbox_of(number)
        return AddDevice(site, DeviceKind.CAMERA, *where, "admin", "Unused-1-x", mailbox)

    def _credentials(
        self, site: UUID, some: dict[UUID, DeviceSpec], account: str, purpose: Purpose
    ) -> None:
        passwords = [(pk, known(spec, account)) for pk, spec in some.items()]
        streams = [(pk, credential_id(pk, account)) for pk in some]
        secrets = vault.put_many(passwords)
        begin = [
            Order(
                BeginCredential(self.who.organisation, site, pk, account, purpose, secret), stream
            )
            for (pk, stream), secret in zip(streams, secrets, strict=True)
        ]
        handle_all(begin, SETUP)
        promote = zip(streams, secrets, strict=True)
        handle_all([Order(PromoteCandidate(secret), s) for (_, s), secret in promote], SETUP)

    # --- carrying it out --------------------------------------------------------------------------

    def _bare(self) -> float:
        """Devices a second of the bare client."""
        began = time.perf_counter()
        asyncio.run(bare(self.specs, self.at_once))
        return len(self.specs) / (time.perf_counter() - began)

    def _approved(self, site: UUID) -> UUID:
        """The campaign, drawn up and about to be agreed to."""
        campaign = new_id()
        settings = Settings(canary=0, at_once=self.at_once, stop_share=0)
        ends = timezone.now() + timedelta(days=1)
        plan = PlanCampaign(site, self.kind, "Bench", "Bench", ends, settings=settings)
        handle(plan, campaign, self.who.by(self.who.alice))
        row = Campaign.objects.for_jobs()
        began = time.perf_counter()
        self._until(120, lambda: row.get(pk=campaign).phase == "awaiting_approval")
        print(f"  drawn up within {time.perf_counter() - began:.1f} s", flush=True)
        return campaign

    def _open(self, campaign: UUID) -> set[str]:
        standings = [s.value for s in Standing if s.open]
        rows = self._items(campaign).filter(standing__in=standings)
        return set(rows.values_list("standing", flat=True).distinct())

    def _items(self, campaign: UUID) -> Any:
        return CampaignItem.objects.for_jobs().filter(campaign=campaign).order_by()

    def _until(self, seconds: float, true: Callable[[], bool]) -> None:
        ends = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < ends, f"not within {seconds:.0f} s"
            time.sleep(0.2)

    # --- what came of it --------------------------------------------------------------------------

    def _verify(
        self, campaign: UUID, devices: dict[UUID, DeviceSpec], standings: Counter[str]
    ) -> None:
        """The sums are right; whatever is proven opens with the vault's password, and everything
        else with its old one."""
        assert standings.total() == len(self.specs), standings
        assert not any(standings[s.value] for s in Standing if s.open), standings
        honest = sum(s.character is Character.HONEST for s in self.specs)
        liars = sum(s.character is Character.LIAR for s in self.specs)
        assert standings[Standing.PROVEN] == honest, standings
        assert standings[Standing.UNPROVEN] == liars, standings
        proven = set(
            self._items(campaign)
            .filter(standing=Standing.PROVEN.value)
            .values_list("device", flat=True)
        )
        current = dict(
            Credential.objects.for_jobs()
            .filter(device__in=proven, purpose=Purpose.DEVICE.value)
            .values_list("current", "device")
        )
        new = {current[s]: password for s, password in vault.get_many(current).items()}
        assert len(set(new.values())) == len(proven), "two devices have one password"
        wrong = asyncio.run(opens(self.control, devices, new))
        assert not wrong, f"{len(wrong)} devices do not open as they should: {wrong[:5]}"

    def _stages(self, campaign: UUID) -> str:
        """When a device that was proven got its password, was proven, and counted as ended."""
        rows = self._items(campaign).filter(standing=Standing.PROVEN.value)
        items = {reset: (begun, ended) for reset, begun, ended in
                 rows.values_list("reset", "begun_at", "ended_at")}  # fmt: skip
        found = dict[str, list[float]]()
        types = ("resets.password_applied", "resets.reset_proven")
        events = EventRow.everything.filter(stream__in=items, type__in=types)
        for stream, kind, at in events.values_list("stream", "type", "at"):
            found.setdefault(kind, []).append((at - items[stream][0]).total_seconds())
        found["ended"] = [(ended - begun).total_seconds() for begun, ended in items.values()]
        return ", ".join(f"{kind} {statistics.median(times):.2f}" for kind, times in found.items())

    def _report(
        self,
        took: float,
        bare: float,
        told: str,
        standings: Counter[str],
        before: dict[str, Measured],
        after: dict[str, Measured],
    ) -> None:
        size = len(self.specs)
        print(f"{self.kind} of {size} devices, {self.at_once} at once, 2 workers: {took:.1f} s")
        print(f"  {dict(standings)}; {told}; every device opens as it should")
        ratio = size / took / bare
        verdict = "reached" if ratio >= 0.5 else "NOT reached"
        print(f"  {size / took:.1f}/s; bare client {bare:.1f}/s; ours/bare {ratio:.2f}", end="")
        print(f"  goal ≥ 0.5: {verdict}")
        for name, now in after.items():
            cpu = (now.cpu - before[name].cpu) / size * 1000
            print(f"  {name:<12}{cpu:6.1f} ms CPU a device; peak memory {now.peak_mb:.0f} MB")
