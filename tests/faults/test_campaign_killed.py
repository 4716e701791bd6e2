"""A campaign while all of Rekey is struck around it: workers, the web server, the broker with all
that is in it, the database; and the mail server is away while its codes are to be mailed, and while
its end is to be told. Nothing is left out, and nothing happens twice that anybody would notice.

REKEY_FAULT_CAMPAIGN says over how many cameras (1000 for the figures), REKEY_FAULT_SEED which
draws. From 100 cameras on, the mail server is away for a minute.
"""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devices.virtual import Character, DeviceSpec
from devices.virtual.scenario_file import read
from fleet.local.mailbox import Mail
from tests.faults.campaigning import FIRST, Ground
from tests.faults.conftest import OwnServers
from tests.faults.havoc import Havoc, strikes_at
from tests.faults.rekey import Up, inside, started, until
from tests.plugins.mail import RunningSink

CAMERAS = int(os.environ.get("REKEY_FAULT_CAMPAIGN", "12"))
SEED = int(os.environ.get("REKEY_FAULT_SEED", "25"))
LONG = CAMERAS >= 100
AT_ONCE = max(2, CAMERAS // 50)
FEW = max(1, CAMERAS // 100)  # of each kind of trouble
PATIENCE = 90.0 + CAMERAS  # seconds
OUTAGE = 60.0 if LONG else 2.0  # seconds without a mail server
TIMES = 3 if LONG else 1  # that everything is struck
LONGEST_PEACE = 20.0 if LONG else 0.5  # seconds between two strikes
UNDER_WAY = 2  # mails, at most, that were taken as something was struck
TAKES_HOLD = timedelta(seconds=2)
SCENARIO = f"""
size = {CAMERAS}
seed = {SEED}
port_base = 0
[all]
delay = 0.05
[character]
liar = {FEW}
"""


@pytest.fixture
def ground(own_servers: OwnServers, tmp_path: Path) -> Iterator[Ground]:
    scenario = tmp_path / "cameras.toml"
    scenario.write_text(SCENARIO)
    mail = RunningSink(tmp_path / "mail")
    mail.start()
    own = own_servers.environment | {
        "SMTP_URL": mail.smtp_url,
        "REKEY_SWEEP_DEVICES_SECONDS": "4",  # a camera that is there again is soon seen
    }
    fleet = started(
        ["manage.py", "virtual_fleet", "--scenario", str(scenario),
         "--control-port", own["REKEY_CONTROL_PORT"], "--discovery-port", "0"], own,
    )  # fmt: skip
    up = Up(own, "--no-virtual-fleet", "--workers", "2")
    try:
        up.wait_until_ready()
        yield Ground(up, own_servers, mail, read(scenario), PATIENCE)
    finally:
        up.stop()
        mail.close()
        fleet.kill()
        fleet.wait()


@dataclass
class Campaign:
    """One over all cameras, of which some are `away` when it begins, and others `gone` for good."""

    ground: Ground
    gone: list[DeviceSpec]
    away: list[DeviceSpec]
    id: str

    @classmethod
    def agreed(cls, ground: Ground) -> Campaign:
        honest = [spec for spec in ground.specs if spec.character is Character.HONEST]
        gone, away = honest[:FEW], honest[FEW : 2 * FEW]
        for spec in (*gone, *away):
            ground.power(spec, on=False)
        return cls(ground, gone, away, ground.planned(AT_ONCE))

    def paused_in_the_middle(self) -> None:
        """What has begun comes to its end, and nothing else begins."""
        ground, id_ = self.ground, self.id
        until("one is proven", lambda: ground.counts(id_)["proven"], PATIENCE)
        ground.steer(id_, "pause", "paused")
        until("nothing is in work", lambda: not ground.counts(id_)["running"], PATIENCE)
        without_code = sum(mailbox != FIRST for mailbox in ground.mailbox.values())
        assert ground.counts(id_)["waiting"] > without_code, "it was over before it was paused"
        for spec in self.away:
            ground.power(spec, on=True)
        ground.steer(id_, "resume", "running")

    def done(self) -> bool:
        """All but those that are gone have ended; or spent their login tries, where a worker died
        between two of them, and are left alone until every device has forgotten them.
        """
        counts = self.ground.counts(self.id)
        if counts["waiting"] or counts["running"]:
            return False
        return counts["parked"] - self.ground.parked(self.id, "tries_spent") == FEW

    def codes_while_the_mail_server_is_away(self) -> None:
        """People press send all the same, are told, and the codes come when it is back."""
        ground, rest = self.ground, set(self.ground.mailbox.values()) - {FIRST}
        ground.mail.stop()
        went = time.monotonic()
        for mailbox in rest:
            ground.send(self.id, mailbox)
        until("all are told", lambda: ground.deferred(self.id, rest), PATIENCE)
        time.sleep(max(0.0, went + OUTAGE - time.monotonic()))
        ground.mail.start()
        for mailbox in rest:
            ground.enter(self.id, mailbox)

    def ends_while_the_mail_server_is_away(self) -> None:
        """Nobody can be told; then all but one are, and it is away once more."""
        ground = self.ground
        ground.mail.stop()
        went = time.monotonic()
        ground.steer(self.id, "cancel", "ending", "ended")
        time.sleep(max(0.0, went + OUTAGE - time.monotonic()))
        ground.mail.defer(FIRST)
        ground.mail.start()
        everybody = ground.people | set(ground.mailbox.values())
        others = everybody - {FIRST}
        until("others are told", lambda: ground.told_of_its_end() >= others, PATIENCE)
        ground.mail.stop()
        ground.mail.start()
        until("all are told", lambda: ground.told_of_its_end() == everybody, PATIENCE)


@pytest.mark.one_database  # the one that can be killed
def test_a_campaign_ends_as_it_should_whatever_is_struck(ground: Ground) -> None:
    began = time.monotonic()
    ground.take_in()
    taken_in = time.monotonic() - began
    campaign = Campaign.agreed(ground)
    began = time.monotonic()
    ground.send(campaign.id, FIRST)
    ground.enter(campaign.id, FIRST)
    campaign.paused_in_the_middle()
    strikes = strikes_at(ground.up, ground.servers)
    havoc = Havoc(
        SEED, strikes, lambda: ground.share_done(campaign.id), times=TIMES, longest=LONGEST_PEACE
    )
    havoc.begin()
    campaign.codes_while_the_mail_server_is_away()
    try:
        until("all is done", campaign.done, PATIENCE)
    except AssertionError as error:
        stands = inside(ground.own, "standings", campaign=campaign.id)
        raise AssertionError(stands) from error
    took = time.monotonic() - began
    havoc.wait(PATIENCE)
    campaign.ends_while_the_mail_server_is_away()

    where = {"control_port": ground.control, "campaign": campaign.id}
    stands = inside(ground.own, "audit", seconds=PATIENCE, **where)
    told = stands["campaign"]
    mails = ground.mail.mails()
    print(
        f"\n{CAMERAS} cameras, seed {SEED}: taken in within {taken_in:.0f} s, done in {took:.0f} s,"
        f" told of by {time.monotonic() - began:.0f} s; mail server away for {OUTAGE:.0f} s twice;"
        f"\n  {dict(Counter(row['standing'] for row in told['items']))},"
        f" {dict(Counter(row['why'] for row in told['items']))};"
        f"\n  struck {havoc.many} times: {havoc.struck};"
        f"\n  {told['resets']} resets, {stands['events']} events, {len(mails)} mails,"
        f" {len({mail.message['Message-ID'] for mail in mails})} different ones;"
        f" {len(ground.alice.statuses)} answers, {ground.alice.broken} calls without an answer,"
        f" {sum(s >= 500 for s in ground.alice.statuses)} while the database was away"
    )
    everything_is_in_one_state(campaign, told)
    nothing_began_while_it_was_paused(told)
    each_device_opens_as_it_should(campaign, told, stands)
    nobody_had_anything_twice(campaign, mails)
    assert not stands["owed"]
    assert not stands["broken_chains"]
    assert not stands["wrong_rows"]


def everything_is_in_one_state(campaign: Campaign, told: dict[str, Any]) -> None:
    """And the sums are right: of devices, resets, and their ends."""
    spent = sum((row["standing"], row["why"]) == ("left_out", "locked") for row in told["items"])
    ends = Counter(row["standing"] for row in told["items"])
    assert set(ends) <= {"proven", "unproven", "left_out"}
    assert (ends.total(), ends["left_out"]) == (CAMERAS, FEW + spent)
    assert CAMERAS - 2 * FEW - spent <= ends["proven"] <= CAMERAS - 2 * FEW
    by_name = {row["device_name"]: row for row in told["items"]}
    assert {by_name[spec.name]["standing"] for spec in campaign.gone} == {"left_out"}
    assert {by_name[spec.name]["standing"] for spec in campaign.away} == {"proven"}
    facts = campaign.ground.facts(campaign.id)
    assert (facts["chosen"], facts["planned"]) == (CAMERAS, CAMERAS)
    assert told["resets"] == len(told["begun"])
    assert len(told["ends"]) == len(set(told["ends"])) == told["resets"], "ended once each"
    away = {spec.name for spec in campaign.away}
    again = [row for row in told["items"] if row["attempt"] > 1 and row["device_name"] not in away]
    assert [row for row in again if row["why"] == "proven"] == []


def nothing_began_while_it_was_paused(told: dict[str, Any]) -> None:
    """But for a turn that was under way."""
    when = {one["type"]: datetime.fromisoformat(one["at"]) for one in told["log"]}
    begun = [datetime.fromisoformat(at) for at in told["begun"]]
    late = [at for at in begun if when["paused"] + TAKES_HOLD < at < when["resumed"]]
    assert late == [], when


def each_device_opens_as_it_should(
    campaign: Campaign, told: dict[str, Any], stands: dict[str, Any]
) -> None:
    """With what the vault has and nothing else: the new one where that is proven, else the old one;
    and none was given a password again after its proof.
    """
    ground = campaign.ground
    by_name = {row["device_name"]: row for row in told["items"]}
    for facts in stands["devices"].values():
        assert facts["opened_by"]["device"] == ["current"], facts
    assert stands["passwords"] == CAMERAS, "two devices have one password"
    for spec in ground.specs:
        row, set_ = by_name[spec.name], ground.passwords_set(spec)
        assert ground.opens_with_its_first(spec) is (row["standing"] != "proven"), row
        if spec in campaign.gone:
            assert set_ == 0, row
        else:
            assert (row["why"] != "locked") <= set_ <= row["attempt"], (set_, row)


def nobody_had_anything_twice(campaign: Campaign, mails: list[Mail]) -> None:
    """But for a mail that was under way when something was struck, and nobody could tell whether it
    was taken: that is sent again under the same Message-ID, by which a mailbox knows it.
    """
    found = defaultdict(set)
    for mail in mails:
        [to] = mail.to
        found[to, mail.subject].add(mail.message["Message-ID"].strip())
    twice = {about: ids for about, ids in found.items() if len(ids) > 1}
    assert not twice
    ground = campaign.ground
    for mailbox in set(ground.mailbox.values()):
        about = [subject for to, subject in found if to == mailbox]
        assert len(about) == 2, "its code, and what became of its devices"
    assert len(mails) - len(found) <= UNDER_WAY, "what was taken is not sent again"
    statuses = Counter(ground.alice.statuses)
    assert set(statuses) <= {200, 201, 409, 500, 503}, statuses
