"""A fleet that nobody talks to: what comes of each device of a campaign is said by the test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from devices import vault
from devices.models import LoginTries, Telemetry
from devices.state import Kind, Purpose, credential_id
from devices.steps.check_device import RecordCheck
from devices.steps.credential import BeginCredential, PromoteCandidate
from devices.steps.take_in_device import RecordManagementAccount
from fleet.accounts.models import Person
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import Actor, By
from fleet.eventstore.models import Job
from fleet.eventstore.subscriptions import pump, run
from resets.campaigns import process
from resets.campaigns.models import CampaignCodes, CampaignItem
from resets.campaigns.state import Kind as CampaignKind
from resets.campaigns.steps.codes import EnterCampaignCode, SendCampaignCode
from resets.codes import CodeKey
from resets.models import Reset
from resets.rules import CodeRules
from resets.steps.apply_password import RecordApplied
from resets.steps.fail_reset import FailReset
from resets.steps.prove_password import RecordProof
from tests.cast import Cast
from tests.fleet.eventstore.ground import add
from tests.resets.campaigns import ground

JOB = By(Actor.job("test"))


def devices(who: Cast, *names: str, **fields: Any) -> list[UUID]:
    """Devices whose passwords are known, and that Rekey has its own account on."""
    ids = [new_id() for _ in names]
    wishes = [add(who, **({"name": name} | fields)) for name in names]
    handle_all([Order(wish, pk) for wish, pk in zip(wishes, ids, strict=True)], who.by(who.alice))
    secrets = vault.put_many((pk, "made-up-and-old-1") for pk in ids)
    orders: list[Order] = []
    for wish, pk, secret in zip(wishes, ids, secrets, strict=True):
        begun = BeginCredential(who.organisation, wish.site, pk, "admin", Purpose.DEVICE, secret)
        account = credential_id(pk, "admin")
        orders += [
            Order(RecordManagementAccount("rekey"), pk),
            Order(begun, account),
            Order(PromoteCandidate(secret), account),
            Order(RecordCheck(opened=True), pk),
        ]
    handle_all(orders, JOB)
    return ids


def many(who: Cast, count: int, **fields: Any) -> list[UUID]:
    return devices(who, *(f"Camera {n:03}" for n in range(1, count + 1)), **fields)


def nvr(who: Cast, name: str, cameras: int, **fields: Any) -> tuple[UUID, list[UUID]]:
    """An NVR with cameras on its first channels."""
    [recorder] = devices(who, name, kind=Kind.NVR, **fields)
    return recorder, [
        devices(who, f"{name}, channel {n}", nvr=recorder, channel=n)[0]
        for n in range(1, cameras + 1)
    ]


def draw_up(*names: str) -> None:
    """What a worker does, of the plans alone: nobody is to talk to devices that are nowhere."""
    pump()
    reactions = [f"resets.{name}" for name in names or ("draw_up_plan",)]
    due = Job.objects.filter(reaction__in=reactions, due_at__lte=timezone.now())
    for job in list(due.order_by("id").values_list("id", flat=True)):
        run(job)


def planned(who: Cast, kind: CampaignKind = CampaignKind.ROTATION, **more: Any) -> UUID:
    campaign = ground.plan(who, kind, **more)
    draw_up()
    return campaign


def under_way(
    who: Cast, ada: Person, kind: CampaignKind = CampaignKind.ROTATION, **more: Any
) -> UUID:
    campaign = planned(who, kind, **more)
    ground.agree(who, campaign, ada)
    return campaign


def code_entered(who: Cast, campaign: UUID, *mailboxes: str) -> None:
    """The codes for these mailboxes, or for all, are sent, read and entered."""
    which = Q(mailbox__in=mailboxes) if mailboxes else Q()
    by, digits = who.by(who.alice), CodeRules().digits
    rows = CampaignCodes.objects.for_jobs().filter(which, campaign=campaign)
    for codes in rows.values_list("pk", flat=True):
        send = handle(SendCampaignCode(), codes, by).state.sends
        code = CodeKey(settings.REKEY_CODE_KEY).code(codes, send, digits)
        handle(EnterCampaignCode(code), codes, by)


# --- what comes of a device -----------------------------------------------------------------------


def end(device: UUID, outcome: str = "proven") -> None:
    """Its reset comes to an end: proven, `unproven`, or failed for this reason."""
    reset = Reset.objects.for_jobs().get(device=device, open=True).pk
    if outcome in ("proven", "unproven"):
        proof = "proven" if outcome == "proven" else "new_refused"
        handle_all([Order(RecordApplied(), reset), Order(RecordProof((), proof), reset)], JOB)
    else:
        handle_all([Order(FailReset(outcome, outcome), reset)], JOB)


def in_work(campaign: UUID) -> list[UUID]:
    rows = CampaignItem.objects.for_jobs().filter(campaign=campaign, standing="running")
    return list(rows.order_by("number").values_list("device", flat=True))


def end_all(campaign: UUID, outcome: str = "proven") -> int:
    """What is in work ends, and the campaign takes it in; answers with how many were."""
    ended = in_work(campaign)
    for device in ended:
        end(device, outcome)
    process.advance(campaign)
    return len(ended)


def to_the_end(campaign: UUID, most: int = 200) -> list[list[UUID]]:
    """Everything that is begun is proven; answers with what was in work together, in order."""
    together: list[list[UUID]] = []
    for _ in range(most):
        ground.turns(campaign, 200)
        begun = in_work(campaign)
        if not begun:
            return together
        together.append(begun)
        end_all(campaign)
    raise AssertionError("it never ends")


def names(campaign: UUID, ids: Sequence[UUID]) -> list[str]:
    rows = CampaignItem.objects.for_jobs().filter(campaign=campaign, device__in=ids)
    told = dict(rows.values_list("device", "device_name"))
    return [told[pk] for pk in ids]


# --- what is heard of a device --------------------------------------------------------------------


def heard(device: UUID, *, online: bool) -> None:
    """The sweep asks it now."""
    now = timezone.now()
    told: dict[str, Any] = {"online": online, "asked_at": now}
    if online:
        told["seen_at"] = now
    Telemetry.objects.update_or_create(
        device=device, defaults=told, create_defaults={**told, "next_at": now}
    )


def wrong_logins(device: UUID, failed: int, locked_until: Any = None, username: str = "x") -> None:
    LoginTries.objects.update_or_create(
        device=device,
        username=username,
        defaults={
            "failed": failed,
            "failed_at": timezone.now() if failed else None,
            "locked_until": locked_until,
        },
    )
