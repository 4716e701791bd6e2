"""The forms of sites and devices: the commands' own questions, and what to choose from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms

from devices import queries
from devices.state import Kind
from devices.steps.add_device import AddDevice
from devices.steps.open_site import OpenSite, time_zones
from fleet.accounts.access import may
from fleet.accounts.queries import organisations
from fleet.accounts.state import Role
from fleet.eventstore.messages import Actor
from fleet.web.command_forms import form_of

SUGGESTED = ("site", "nvr", "channel", "name", "host", "mac")


def add_device_form(
    actor: Actor,
    answers: Mapping[str, Any] | None = None,
    asked: Mapping[str, Any] | None = None,
) -> forms.Form:
    """Sites where the actor may add devices, and the NVRs there. `asked` (the page's address) may
    fill in what is known of the device.
    """
    role = Role(AddDevice.by)
    sites = [s for s in queries.site_names(actor) if may(actor, role, s.organisation, s.site)]
    names: dict[UUID | None, str] = {s.pk: s.name for s in sites}
    nvrs = queries.narrowed(queries.devices(actor), kind=Kind.NVR).filter(site__in=names)
    known = {name: asked[name] for name in SUGGESTED if asked and asked.get(name)}
    blank = [("", "None")] if "nvr" in known else []  # else the form adds it
    form = form_of(
        AddDevice,
        answers,
        initial=known,
        choices={
            "site": [(str(pk), name) for pk, name in names.items()],
            "kind": [(Kind.CAMERA.value, "Camera"), (Kind.NVR.value, "NVR")],
            "nvr": [*blank, *((str(n.pk), f"{n.name} ({names[n.site]})") for n in nvrs)],
        },
    )
    form.fields["nvr"].help_text = "Leave it out when the camera stands alone."
    return form


def open_site_form(actor: Actor, answers: Mapping[str, Any] | None = None) -> forms.Form:
    """Asks for the organisation too, where the actor may choose between several."""
    zone = queries.site_names(actor).values_list("timezone", flat=True).first() or "UTC"
    form = form_of(OpenSite, answers, {"timezone": zone}, {"timezone": _zones()})
    theirs = organisations(actor, Role(OpenSite.by))
    if len(theirs) > 1:
        choices = [(str(pk), name) for pk, name in theirs]
        asked = forms.TypedChoiceField(label="Organisation", choices=choices, coerce=UUID)
        form.fields = {"organisation": asked, **form.fields}
    return form


def organisation_chosen(actor: Actor, form: forms.Form) -> UUID | None:
    """Of a valid form of `open_site_form`; None when there is none to choose."""
    if "organisation" in form.fields:
        chosen: UUID = form.cleaned_data["organisation"]
        return chosen
    return next((pk for pk, _ in organisations(actor, Role(OpenSite.by))), None)


def _zones() -> list[tuple[str, Any]]:
    """Time zones by part of the world."""
    regions: dict[str, list[tuple[str, str]]] = {}
    for name in sorted(time_zones()):
        region, _, place = name.partition("/")
        if place and region not in ("Etc", "SystemV", "posix", "right"):
            regions.setdefault(region, []).append((name, place.replace("_", " ")))
    return [("UTC", "UTC"), *((region, names) for region, names in regions.items())]
