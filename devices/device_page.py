"""A device as its page shows it: everything is looked up, and nothing decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils import timezone

from devices import queries
from devices.page_parts import parts_of
from devices.state import Kind, Purpose
from devices.status import Status
from devices.steps.check_device import CheckDevice
from devices.steps.reveal_password import RevealPassword
from fleet.accounts.access import may
from fleet.accounts.state import Role
from fleet.audit.entries import Entry
from fleet.audit.queries import history
from fleet.eventstore.messages import Actor

EVENTS = 15
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
        device = queries.device(actor, device_id)
        return cls(actor, device, queries.newest_look(actor, device_id), cursor)

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
        return self._may(Role(CheckDevice.by))

    @property
    def may_reset(self) -> bool:
        return self._may(Role.TECHNICIAN)

    @property
    def may_reveal(self) -> bool:
        return self._may(Role(RevealPassword.by))

    @property
    def may_know_mailbox(self) -> bool:
        """Whose mailbox it is, is nothing for those who only look."""
        return self._may(Role.OPERATOR)

    @property
    def recoverable(self) -> bool:
        """Whether Forget Password can go through at all."""
        return bool(self.device.managed and self.device.reset_email)

    # --- what belongs to it ---

    @cached_property
    def accounts(self) -> list[Any]:
        return list(queries.credentials(self.actor, self.device.pk))

    @property
    def management(self) -> Any:
        """Rekey's own account on the device, as far as the vault knows."""
        own = (a for a in self.accounts if a.purpose == Purpose.MANAGEMENT)
        return next(own, None)

    @cached_property
    def channels(self) -> list[Any]:
        if self.device.kind != Kind.NVR:
            return []
        rows = queries.narrowed(queries.devices(self.actor), nvr=self.device.pk)
        return list(rows.order_by("channel", "name", "id"))

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
        return [Entry(recorded) for recorded in found], behind

    @property
    def entries(self) -> list[Entry]:
        return self._history[0]

    @property
    def older_url(self) -> str:
        behind = self._history[1]
        return f"{reverse('device', args=[self.device.pk])}?cursor={behind}" if behind else ""

    def _may(self, role: Role) -> bool:
        return may(self.actor, role, self.device.organisation, self.device.site)
