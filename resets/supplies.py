"""What the commands of resets are told of the world: looked up in their transaction."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from devices import queries as devices
from devices import vault
from devices.models import Device
from devices.passwords import PasswordRules
from devices.queries import credential_for_jobs
from devices.state import Kind, Purpose
from fleet.accounts.access import require, role_at
from fleet.accounts.state import Role
from fleet.errors import NotFound
from fleet.eventstore.handling import supplies
from fleet.eventstore.ids import first_id_at
from fleet.eventstore.messages import By, Command
from fleet.eventstore.store import load
from resets.applying.challenges import code_key_of
from resets.applying.orders import completion_of
from resets.approvals.binding import facts_of
from resets.campaigns.state import CodesState
from resets.codes import CodeKey
from resets.models import Reset
from resets.phone.tokens import PhoneKey
from resets.rules import ApprovalRules, CodeRules, RulesState, rules_id
from resets.state import RecoveryMethod, ResetState
from resets.steps.approve_reset import Agreement
from resets.steps.bring_result import Judge
from resets.steps.choose_password import ChoosePassword, Kept
from resets.steps.request_reset import DeviceFacts, RequestReset
from resets.steps.restore_device import SetByHand
from resets.steps.site_rules import Place
from resets.steps.take_challenge import KnownSerial


@supplies(DeviceFacts)
def device_facts(command: RequestReset, state: ResetState, by: By) -> DeviceFacts:
    """The device as whoever asks may see it: to an outsider there is none."""
    row = devices.device(by.actor, command.device)
    assert row.organisation and row.site
    return DeviceFacts(
        row.id,
        row.organisation,
        row.site,
        row.name,
        row.username,
        row.reset_email,
        methods(row),
        row.removed,
        row.nvr_id,
        row.channel,
        bool(row.nvr_id) and row.nvr_opens is False,
    )


def methods(device: Device) -> tuple[RecoveryMethod, ...]:
    """The ways in which a new password can get onto a device, the best first.

    The device's own check of the code needs no account of ours there, and works on the LAN alone.
    """
    ways = []
    if device.managed:
        ways.append(RecoveryMethod.MANAGEMENT_ACCOUNT)
    speaks = any(service["driver"] == "recovery" for service in device.services)
    key = credential_for_jobs(device.pk, Purpose.RECOVERY)
    kept = key is not None and bool(key.current or key.candidate)
    if kept and (speaks or device.driver == "recovery"):
        ways.append(RecoveryMethod.DEVICE_RECOVERY)
    return (*ways, RecoveryMethod.FACTORY_RESTORE)


@supplies(CodeRules)
def code_rules(command: RequestReset, state: ResetState, by: By) -> CodeRules:
    return rules_of(command.facts.site).codes


def rules_of(place: UUID) -> RulesState:
    """The rules of a site, or of an organisation."""
    stream = rules_id(place)
    found = load({stream: RulesState})[stream].state
    assert isinstance(found, RulesState)
    return found


def sharing_sites(sites: Collection[UUID]) -> set[UUID]:
    """Those of some sites whose rules let a campaign give all devices one password."""
    rules = {rules_id(site): site for site in sites}
    found = {stream: one.state for stream, one in load(dict.fromkeys(rules, RulesState)).items()}
    return {
        rules[stream]
        for stream, state in found.items()
        if isinstance(state, RulesState) and state.sharing.allowed
    }


@supplies(Agreement)
def agreement(command: object, state: ResetState, by: By) -> Agreement:
    """Whether a second person has to agree to a reset that begins; and what it is by now."""
    device_id = command.device if isinstance(command, RequestReset) else state.subject
    assert device_id
    row, now = devices.device_for_jobs(device_id), timezone.now()
    facts = facts_of(row, row.reset_email)
    if not isinstance(command, RequestReset):
        return Agreement(facts=facts)
    rules = _approval_rules(row)
    if rules.above_a_day and row.site:  # or those who begin at once would not count one another
        devices.hold_place(row.site)
    return Agreement(_why(row, rules, now), facts, rules.valid)


def needs_approval(device: Device) -> str:
    """Why a second person has to agree to a reset of this device now; "" if nobody has to."""
    return _why(device, _approval_rules(device), timezone.now())


def _approval_rules(device: Device) -> ApprovalRules:
    assert device.site
    return rules_of(device.site).approval


def _why(device: Device, rules: ApprovalRules, now: datetime) -> str:
    today = 0
    if rules.above_a_day:
        since = first_id_at(now - timedelta(days=1))
        today = Reset.objects.for_jobs().filter(site=device.site, pk__gte=since).count()
    return rules.why(
        nvr=device.kind == Kind.NVR,
        mailbox=bool(device.reset_email),
        today=today,
        at=now,
        zone=devices.zone_of(device),
    )


@supplies(CodeKey)
def code_key(command: object, state: ResetState | CodesState, by: By) -> CodeKey:
    if isinstance(state, CodesState):
        return CodeKey(settings.REKEY_CODE_KEY)
    return code_key_of(state)


@supplies(Judge)
def judge(command: object, state: ResetState, by: By) -> Judge:
    return Judge(completion_of(state) if state.order else None)


@supplies(KnownSerial)
def known_serial(command: object, state: ResetState, by: By) -> KnownSerial:
    assert state.subject
    return KnownSerial(devices.device_for_jobs(state.subject).serial)


@supplies(PhoneKey)
def phone_key(command: object, state: object, by: By) -> PhoneKey:
    return PhoneKey(settings.REKEY_CODE_KEY)


@supplies(Kept)
def kept(command: ChoosePassword | SetByHand, state: ResetState, by: By) -> Kept:
    """Hold a typed password against the device's rules, or generate one; put it into the vault.

    One that the device has taken already is held against nothing.
    """
    assert state.subject
    device = devices.device_for_jobs(state.subject)
    if isinstance(command, SetByHand):
        return Kept(vault.put(device.id, command.password) if command.password else None)
    rules = PasswordRules.of_device(device.max_password)
    if command.password and (problem := rules.problem(command.password, state.username)):
        return Kept(None, problem)
    return Kept(vault.put(device.id, command.password or rules.generate()))


@supplies(Place)
def place(command: Command[RulesState], state: RulesState, by: By) -> Place:
    """The site, or the organisation, as whoever asks may see it. Raises NotFound: of rules in the
    words in which the gate speaks of those that are there, so that nobody learns whether they are;
    and Forbidden, also for rules that are as they were, where nothing happens that the gate would
    see.
    """
    place_id: UUID = command.place_id  # type: ignore[attr-defined]
    found = Place(place_id, None)
    if role_at(by.actor, place_id, None) is None:
        site = devices.site_names(by.actor).filter(pk=place_id).first()
        if site is None or site.organisation is None:
            if command.creates:  # a campaign or a schedule, which is nowhere yet
                raise NotFound("site or organisation", field="place")
            raise NotFound(state.category)
        found = Place(site.organisation, site.pk)
    if by.actor.kind != "job":
        require(by.actor, Role(command.by), found.organisation, found.site, state.category)
    return found
