"""The mail server is away while codes of a campaign are to be mailed: each goes out once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.utils import timezone

from fleet.eventstore.handling import handle
from fleet.eventstore.models import Job
from resets.campaigns.steps.codes import EnterCampaignCode
from resets.codes import grouped
from tests.cast import Cast, work
from tests.resets.campaigns.codes_ground import KEEPER, Shared, code_of, row, shared

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]
TICK = 10  # seconds between two looks of the workers
AWAY = 60


@pytest.fixture
def campaign(who: Cast, mail_sink: Any) -> Shared:
    """With the mails of its beginning out of the way."""
    begun = shared(who)
    work()
    return begun


def look(began: datetime, since: int, until: int) -> None:
    """What workers do from second to second, in no time."""
    for second in range(since, until, TICK):
        with time_machine.travel(began + timedelta(seconds=second), tick=False):
            work()


def arrived(sink: Any, codes: UUID) -> list[Any]:
    """The mails with these codes, the oldest first."""
    mark = f"<campaign-{codes}-"
    mails = [mail for mail in sink.mails() if mail.message["Message-ID"].startswith(mark)]
    return mails[::-1]


def nobody_listens(sink: Any) -> Callable[[], None]:
    sink.stop()
    started: Callable[[], None] = sink.start
    return started


def not_now(sink: Any) -> Callable[[], None]:
    sink.defer(times=None)
    behaves: Callable[[], None] = sink.behave
    return behaves


@pytest.mark.parametrize("misbehave", [nobody_listens, not_now])
def test_a_code_goes_out_soon_after_the_mail_server_is_back_and_once_alone(
    who: Cast, campaign: Shared, mail_sink: Any, misbehave: Callable[[Any], Callable[[], None]]
) -> None:
    back = misbehave(mail_sink)
    mailboxes = [campaign.send(), campaign.send(campaign.porter)]
    began = timezone.now()
    look(began, 0, AWAY)
    assert {row(codes).delivery for codes in mailboxes} == {"deferred"}
    assert not Job.objects.filter(status=Job.Status.PARKED).exists(), "nobody is asked to help"
    back()
    look(began, AWAY, AWAY + AWAY // 2 + TICK)
    for codes in mailboxes:
        assert row(codes).delivery == "handed_over"
        [mail] = arrived(mail_sink, codes)
        assert grouped(code_of(codes)) in mail.text
    look(began, 4 * AWAY, 4 * AWAY + 1)
    assert [len(arrived(mail_sink, codes)) for codes in mailboxes] == [1, 1]
    with time_machine.travel(began + timedelta(seconds=4 * AWAY), tick=False):
        handle(EnterCampaignCode(code_of(campaign.keeper)), campaign.keeper, who.by(who.tess))
    assert row(campaign.keeper).verified, "there is time left to type it"


def test_of_two_codes_that_were_asked_for_meanwhile_the_newer_one_goes_out(
    campaign: Shared, mail_sink: Any
) -> None:
    mail_sink.stop()
    codes, began = campaign.send(), timezone.now()
    look(began, 0, AWAY)
    with time_machine.travel(began + timedelta(seconds=AWAY + 1), tick=False):
        campaign.send()
    look(began, AWAY + 2, AWAY + 20)
    mail_sink.start()
    look(began, AWAY + 20, 2 * AWAY)
    [mail] = arrived(mail_sink, codes)
    assert mail.message["Message-ID"].startswith(f"<campaign-{codes}-2@")
    assert grouped(code_of(codes, 2)) in mail.text


def test_one_mailbox_that_is_put_off_keeps_no_other_one_waiting(
    campaign: Shared, mail_sink: Any
) -> None:
    mail_sink.defer(KEEPER, times=3)
    keeper, porter = campaign.send(), campaign.send(campaign.porter)
    work()
    assert (row(keeper).delivery, row(porter).delivery) == ("deferred", "handed_over")
    look(timezone.now(), TICK, AWAY)
    assert row(keeper).delivery == "handed_over"
    assert [len(arrived(mail_sink, codes)) for codes in (keeper, porter)] == [1, 1]


def test_a_server_that_stays_away_is_told_of_once_the_code_has_expired(
    campaign: Shared, mail_sink: Any
) -> None:
    mail_sink.stop()
    codes, began = campaign.send(), timezone.now()
    look(began, 0, AWAY)
    look(began, 601, 602)
    assert row(codes).delivery == "refused"
    assert "no mail server took it before the code expired" in row(codes).answer
    mail_sink.start()
    look(began, 660, 661)
    assert arrived(mail_sink, codes) == [], "nobody could use it"
    assert not Job.objects.filter(reaction="resets.mail_campaign_code").exists()
