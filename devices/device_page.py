"""A device as its page shows it: everything is looked up, and nothing decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property

from devices import queries, security
from devices.channel_rows import ChannelRow, channel_rows
from devices.device_forms import DeviceStep, steps_of
from devices.drivers.errors import Unreachable
from devices.page_parts import parts_of
from devices.state import Kind
from devices.status import Status
from devices.steps.add_device import AddDevice
from devices.steps.check_device import CheckDevice
from devices.steps.credential import CandidatePromoted, CandidateStored, CandidateWithdrawn
from devices.steps.remove_device import DeviceRemoved
from devices.steps.reveal_password import RevealPassword
from fleet.accounts.access import may
from fleet.accounts.state import Role
from fleet.audit.entries import Entry
from fleet.audit.queries import history
from fleet.eventstore.messages import Actor

EVENTS = 15
# Those that stand with the device's security; the others stand with its basic information.
SECURITY = ("give-password", "try-history", "accept-certificate")
# Whose sentences do not name the account: a device has several.
WITHOUT_ACCOUNT = {one.tag for one in (CandidateStored, CandidatePromoted, CandidateWithdrawn)}
STILL_LOOKING = timedelta(minutes=1)


@dataclass(frozen=True)
class DevicePage:
    """`cursor`: from where on the history is shown; "" for the newest."""

    actor: Actor
    device: Any
    look: queries.Look | None
    cursor: str = ""

    @classmethod
    def of(cls, actor: Actor, device_id: UUID, cursor: str = "") -> DevicePage:
        """Raises NotFound."""
        # In this order: when no answer is owed any more, the device is read with the answer in it.
        look = queries.newest_look(actor, device_id)
        return cls(actor, queries.device(actor, device_id), look, cursor)

    @property
    def version(self) -> str:
        """Another text whenever the live part has to be shown anew."""
        return f"{self.device.version}-{self.look.key if self.look else ''}"

    @property
    def zone(self) -> ZoneInfo:
        return queries.zone_of(self.device)

    @property
    def owed(self) -> bool:
        return self.look is not None and self.look.owed

    @property
    def at_rest(self) -> bool:
        """Whether there is nothing to wait for; also where older history is being read."""
        return not self.owed or bool(self.cursor)

    @property
    def just_asked(self) -> bool:
        """Whether somebody who pressed the button is still looking for the answer."""
        return self.look is not None and timezone.now() - self.look.since < STILL_LOOKING

    @property
    def has_news(self) -> bool:
        """Whether there is anything to say but that all is well."""
        well = Status.of(self.device) is Status.CERTIFIED
        parked = self.look is not None and self.look.parked
        return not well or self.owed or parked or self.just_asked

    @property
    def says(self) -> str:
        return f"{self.device.name}: {Status.of(self.device).words}"

    # --- what this person may do, for what is worth showing ---

    @property
    def may_check(self) -> bool:
        return self._may(Role(CheckDevice.by)) and not self.device.removed

    @property
    def may_reset(self) -> bool:
        return self._may(Role.TECHNICIAN) and not self.device.removed

    @property
    def may_add(self) -> bool:
        return self._may(Role(AddDevice.by)) and not self.device.removed

    @property
    def may_reveal(self) -> bool:
        return self._may(Role(RevealPassword.by))

    @property
    def mailbox(self) -> str:
        device = self.device
        return queries.mailbox_shown(
            self.actor, device.reset_email, device.organisation, device.site
        )

    @property
    def recoverable(self) -> bool:
        """Whether Forget Password needs nobody at the device, and has a mailbox for the code."""
        return bool(self.device.managed and self.device.reset_email)

    @cached_property
    def steps(self) -> list[DeviceStep]:
        return steps_of(self.actor, self.device)

    @property
    def basic_steps(self) -> list[DeviceStep]:
        return [step for step in self.steps if step.slug not in SECURITY]

    @property
    def change(self) -> DeviceStep | None:
        return self._step("change-device")

    @property
    def give(self) -> DeviceStep | None:
        return self._step("give-password")

    @property
    def try_history(self) -> DeviceStep | None:
        return self._step("try-history") if self.earlier else None

    @property
    def accept(self) -> DeviceStep | None:
        return self._step("accept-certificate")

    def _step(self, slug: str) -> DeviceStep | None:
        return next((step for step in self.steps if step.slug == slug), None)

    # --- how it is out there ---

    @cached_property
    def heard(self) -> Any:
        """What the sweep heard last; None: it has not asked yet."""
        return queries.telemetry(self.actor, [self.device.pk]).get(self.device.pk)

    @property
    def online(self) -> bool | None:
        """None: nobody knows. What a look has found out since the sweep counts more."""
        if self.device.trouble == Unreachable.code:
            return False
        return self.heard.online if self.heard else None

    @cached_property
    def asked_at(self) -> datetime | None:
        return security.last_asked(self.actor, self.device, self.heard)

    @cached_property
    def tries(self) -> security.LoginBudget:
        return security.login_budget(self.actor, self.device)

    @property
    def pins(self) -> list[security.Certificate]:
        return security.pinned(self.device)

    @property
    def strange(self) -> list[security.Certificate]:
        return security.strange(self.device)

    @property
    def earlier(self) -> int:
        """How many earlier passwords of the device's account the vault keeps."""
        own = (a for a in self.accounts if a.username == self.device.username)
        return sum(len(account.superseded) for account in own)

    @property
    def never_opened(self) -> bool:
        """Whether no password was ever proven, so that the one that was typed is a wrong one."""
        own = (a for a in self.accounts if a.username == self.device.username)
        return self.device.certified is False and not any(a.current for a in own)

    @cached_property
    def password_is_shared(self) -> bool:
        return security.is_shared(self.device, self.accounts)

    @property
    def ways(self) -> list[security.Way]:
        return security.ways(self.device, self.accounts)

    @property
    def protocols(self) -> list[security.Protocol]:
        return list(security.protocols(self.device))

    # --- what belongs to it ---

    @cached_property
    def accounts(self) -> list[Any]:
        return list(queries.credentials(self.actor, self.device.pk))

    @property
    def is_nvr(self) -> bool:
        return bool(self.device.kind == Kind.NVR)

    @cached_property
    def channels(self) -> list[ChannelRow]:
        """An NVR's, as it tells them and as Rekey knows them."""
        return channel_rows(self.actor, self.device, self.heard)

    @property
    def tells_channels(self) -> bool:
        return security.tells_channels(self.device)

    @property
    def removal(self) -> Entry | None:
        """Who removed it from the fleet and why, as far as this page of its history goes."""
        if not self.device.removed:
            return None
        return next((e for e in self.entries if e.recorded.type == DeviceRemoved.tag), None)

    @cached_property
    def parts(self) -> list[dict[str, Any]]:
        return parts_of(self.actor, self.device)

    @cached_property
    def _history(self) -> tuple[list[Entry], UUID | None]:
        try:
            cursor = UUID(self.cursor)
        except ValueError:
            cursor = None
        found, behind = history(self.actor, subject=self.device.pk, cursor=cursor, size=EVENTS)
        whose = {account.pk: f"Account {account.username}" for account in self.accounts}
        return [
            Entry(r, detail=whose.get(r.stream, "") if r.type in WITHOUT_ACCOUNT else "")
            for r in found
        ], behind

    @property
    def entries(self) -> list[Entry]:
        return self._history[0]

    @property
    def older_url(self) -> str:
        behind = self._history[1]
        return f"{reverse('device', args=[self.device.pk])}?cursor={behind}" if behind else ""

    def _may(self, role: Role) -> bool:
        return may(self.actor, role, self.device.organisation, self.device.site)
