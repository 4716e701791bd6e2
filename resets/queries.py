"""What pages, calls and steps ask about resets."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from devices import queries as devices
from devices import vault
from devices.passwords import PasswordRules
from fleet.accounts.access import may
from fleet.accounts.state import Role
from fleet.errors import NotFound
from fleet.eventstore.handling import supplies
from fleet.eventstore.messages import COMMANDS, Actor, By, Command
from fleet.eventstore.store import state_of
from resets.codes import CodeKey
from resets.models import Reset
from resets.state import CodeRules, ResetState
from resets.steps.choose_password import ChoosePassword, Kept
from resets.steps.request_reset import DeviceFacts, RequestReset


def resets(actor: Actor) -> QuerySet[Reset]:
    rows: QuerySet[Reset] = Reset.objects.visible_to(actor).select_related("device__place")
    return rows.order_by("-id")


def reset(actor: Actor, reset_id: UUID) -> Reset:
    row: Reset | None = resets(actor).filter(pk=reset_id).first()
    if row is None:
        raise NotFound("reset")
    return row


def open_reset_of(actor: Actor, device_id: UUID) -> Reset | None:
    row: Reset | None = resets(actor).filter(device=device_id, open=True).first()
    return row


def steps(category: str = "reset") -> dict[str, type[Command[ResetState]]]:
    """Every step that people can take on a reset that has begun, by the name in its address."""
    return {
        command.slug: command
        for command in COMMANDS.values()
        if command.of.category == category and command.by != Role.JOB and not command.creates
    }


def offered(actor: Actor, reset_id: UUID) -> list[type[Command[ResetState]]]:
    """The steps that are open to this actor now, in the order of the contents page."""
    state = state_of(ResetState, reset_id)
    now = timezone.now()
    return [
        command
        for command in steps().values()
        if command.offered(state, now)
        and may(actor, Role(command.by), state.organisation, state.site)
    ]


@supplies(DeviceFacts)
def device_facts(command: RequestReset, state: ResetState, by: By) -> DeviceFacts:
    """The device as whoever asks may see it: to an outsider there is none."""
    row = devices.device(by.actor, command.device)
    assert row.organisation and row.site
    return DeviceFacts(
        row.id, row.organisation, row.site, row.name, row.username, row.reset_email, row.managed
    )


@supplies(CodeRules)
def code_rules(command: RequestReset, state: ResetState, by: By) -> CodeRules:
    return CodeRules().checked()


@supplies(CodeKey)
def code_key(command: object, state: ResetState, by: By) -> CodeKey:
    return CodeKey(settings.REKEY_CODE_KEY)


@supplies(Kept)
def kept(command: ChoosePassword, state: ResetState, by: By) -> Kept:
    """Hold a typed password against the device's rules, or generate one; put it into the vault."""
    assert state.subject
    device = devices.device_for_jobs(state.subject)
    rules = PasswordRules.of_device(device.max_password)
    if command.password and (problem := rules.problem(command.password, state.username)):
        return Kept(None, problem)
    return Kept(vault.put(device.id, command.password or rules.generate()))
