"""The forms of the steps for one device: what is asked, what to choose from, what is said before.

The questions are the commands' own (`fleet.web.command_forms`); here is what only the console adds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.utils.functional import cached_property

from devices import deeds, queries, security
from devices.drivers.base import Service
from devices.state import DeviceState, Kind
from devices.steps.add_device import services_text
from fleet.accounts.access import may
from fleet.accounts.state import Role
from fleet.eventstore.messages import Actor, Command
from fleet.web.command_forms import Choices, Words, form_of, ordered


@dataclass(frozen=True)
class Says:
    """How the console names a step, and what it says of what will happen, as sentences."""

    name: str
    title: str
    icon: str
    done: str
    happens: tuple[str, ...] = ()
    tone: str = "quiet"
    button: str = ""


_SAYS = {
    "change-device": Says(
        "Change",
        "Change {name}",
        "pencil",
        "Changed. Rekey looks at the device now if it is found elsewhere than before.",
        (
            "Nothing is changed on the device, only in Rekey’s books.",
            "If the address changes, Rekey asks at once at the new one whether the stored password"
            " opens the device. So make sure that it is this device’s.",
        ),
        button="Save",
    ),
    "place-on-channel": Says(
        "NVR and channel",
        "NVR and channel of {name}",
        "hard-drive",
        "Saved.",
        (
            "Only Rekey’s books change. On the NVR itself the camera is added and removed on the"
            " NVR’s own screen.",
        ),
        button="Save",
    ),
    "move-device": Says(
        "Move",
        "Move {name} to another site",
        "map-pin",
        "Moved.",
        (
            "Its passwords and its history go with it. The new site’s people see it from then on,"
            " and the old site’s do not any more.",
            "A camera leaves its NVR. An NVR takes its cameras along.",
        ),
    ),
    "replace-device": Says(
        "Replace",
        "Replace {name} by a new device",
        "replace",
        "Replaced. Rekey is trying the new device’s password now.",
        (
            "For a broken device whose successor hangs in the same place. Name, site, NVR and"
            " channel stay, and the history of the place goes on.",
            "The old device’s password is kept in the vault as an earlier one. What was known of"
            " the old device is forgotten: serial number, MAC address, certificates.",
            "Rekey makes an account of its own on the new device.",
        ),
        "warn",
    ),
    "give-password": Says(
        "Type the password",
        "Type the password that {name} has",
        "key-round",
        "Kept. Rekey is trying it now; what comes of it appears here.",
        (
            "For a password that was mistyped, or that somebody has changed on the device. Nothing"
            " is changed on the device. A wrong one costs one of its login tries.",
        ),
        button="Try it",
    ),
    "try-history": Says(
        "Try earlier passwords",
        "Try the earlier passwords of {name}",
        "history",
        "Rekey is trying the earlier passwords. What comes of it appears here.",
        button="Try them",
    ),
    "accept-certificate": Says(
        "Accept the new certificate",
        "Accept the new certificate of {name}",
        "badge-check",
        "Accepted. Rekey is looking at the device again.",
        (
            "Compare it with what the device’s own page shows, at the device or in its own network."
            " If somebody stands between Rekey and the device, this is how they show.",
        ),
        "warn",
        button="Accept",
    ),
    "remove-device": Says(
        "Remove",
        "Remove {name} from the fleet?",
        "trash-2",
        "Removed from the fleet. Its history and its passwords are kept.",
        (
            "Rekey does not talk to it any more, and it takes part in nothing.",
            "Its history and its passwords are kept: they can still be looked up on its page.",
            "Nothing is changed on the device: Rekey’s own account stays on it.",
            "To have it back it has to be added again, with its password.",
        ),
        "warn",
    ),
}


@dataclass(frozen=True)
class DeviceStep:
    """A step of `deeds.steps` for one device, as somebody is asked about it."""

    slug: str
    device: Any
    actor: Actor

    @property
    def command(self) -> type[Command[DeviceState]]:
        return deeds.steps()[self.slug]

    @property
    def role(self) -> Role:
        return Role(self.command.by)

    @property
    def says(self) -> Says:
        """A step that nothing is said of here is named by its slug and its command."""
        known = _SAYS.get(self.slug)
        if known is not None:
            return known
        name = self.slug.replace("-", " ").capitalize()
        return Says(name, f"{name}: {{name}}", "list-checks", "Done.", (self.command.about,))

    @property
    def title(self) -> str:
        return self.says.title.replace("{name}", self.device.name)

    @property
    def button(self) -> str:
        return self.says.button or self.says.name

    @property
    def is_danger(self) -> bool:
        return self.slug == "remove-device"

    @property
    def is_filled_in(self) -> bool:
        """Whether everything stands in the form already, so that nothing in it is optional."""
        return self.slug == "change-device"

    @property
    def open(self) -> bool:
        """Whether it is worth asking; the command itself decides all the same."""
        there = {
            "place-on-channel": self.device.kind == Kind.CAMERA,
            "try-history": self.device.certified is False,
            "accept-certificate": bool(self.device.strange),
        }
        return not self.device.removed and there.get(self.slug, True)

    @property
    def allowed(self) -> bool:
        return may(self.actor, self.role, self.device.organisation, self.device.site)

    @cached_property
    def strange(self) -> list[security.Certificate]:
        return security.strange(self.device)

    def form(
        self, answers: Mapping[str, Any] | None = None, asked: Mapping[str, Any] | None = None
    ) -> forms.Form:
        """Filled in with how it stands; `asked` (a page's address) may suggest something else."""
        initial = self._as_it_stands()
        initial |= {name: asked[name] for name in ("nvr", "channel") if asked and name in asked}
        form = form_of(self.command, answers, initial, self._choices(initial))
        if self.slug == "accept-certificate":
            form.fields["certificate"].widget = forms.RadioSelect(
                choices=form.fields["certificate"].choices  # type: ignore[attr-defined]
            )
        if self.slug == "place-on-channel":
            form.fields["nvr"].help_text = "“None” when the camera stands alone."
        return form

    def ordered(self, form: forms.Form) -> Command[DeviceState]:
        """The command of a valid form. What was filled in and is empty now is meant to be empty."""
        told = form.cleaned_data
        given: dict[str, Any] = {}
        if self.slug == "change-device":
            given = {n: "" for n in told if told[n] == "" and isinstance(form.fields[n], Words)}
        if self.slug == "place-on-channel" and told["nvr"] is None:
            given = {"channel": self._channel_without_nvr(told.pop("channel"))}
        return ordered(self.command, form, **given)

    def _channel_without_nvr(self, typed: int | None) -> int | None:
        """What was filled in goes with its NVR; what was typed has to be explained."""
        return None if typed == self.device.channel else typed

    def _as_it_stands(self) -> dict[str, Any]:
        device = self.device
        if self.slug == "change-device":
            names = ("name", "host", "port", "tls", "path")
            services = services_text(Service(**one) for one in device.services)
            return {**{name: getattr(device, name) for name in names}, "services": services}
        if self.slug == "place-on-channel":
            return {"nvr": device.nvr_id or "", "channel": device.channel}
        if self.slug == "replace-device":
            return {name: getattr(device, name) for name in ("host", "port", "tls", "path")}
        if self.slug == "accept-certificate" and len(self.strange) == 1:
            return {"certificate": self.strange[0].certificate}
        return {}

    def _choices(self, initial: Mapping[str, Any]) -> dict[str, Choices]:
        if self.slug == "move-device":
            return {"site": self._sites()}
        if self.slug == "place-on-channel":
            blank = [("", "None")] if initial.get("nvr") else []
            return {"nvr": [*blank, *self._recorders()]}
        if self.slug == "accept-certificate":
            shown = [(c.certificate, f"Port {c.port}: {c.grouped}") for c in self.strange]
            return {"certificate": shown}
        return {}

    def _sites(self) -> list[tuple[str, str]]:
        return [
            (str(pk), name)
            for pk, name in sites_to_move_to(self.actor, self.device.organisation)
            if pk != self.device.site
        ]

    def _recorders(self) -> list[tuple[str, str]]:
        nvrs = queries.narrowed(
            queries.devices(self.actor), kind=Kind.NVR, site=self.device.site
        ).values_list("pk", "name")
        return [(str(pk), name) for pk, name in nvrs]


def sites_to_move_to(actor: Actor, organisation: UUID | None) -> list[tuple[UUID, str]]:
    """The organisation's sites where the actor may move devices."""
    role = Role(deeds.steps()["move-device"].by)
    return [
        (site.pk, site.name)
        for site in queries.site_names(actor).filter(organisation=organisation)
        if may(actor, role, site.organisation, site.site)
    ]


def steps_of(actor: Actor, device: Any) -> list[DeviceStep]:
    """Those that are worth offering to the actor now."""
    offered = (DeviceStep(slug, device, actor) for slug in deeds.steps())
    return [step for step in offered if step.open and step.allowed]
