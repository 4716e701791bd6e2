"""The forms of discovery: the commands' own questions, filled in with what the scans have seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict

from devices import queries
from devices.discovery import additions, discoveries
from devices.discovery.discoveries import Standing
from devices.discovery.page import REPEATS, Grounds
from devices.filters import SIZES, SiteFilters
from devices.state import Kind, Method, Repeat
from devices.steps.activate_device import ActivateDevice
from devices.steps.add_device import AddDevice
from devices.steps.scan_network import RequestScan
from devices.steps.site_networks import SetNetworks
from fleet.eventstore.messages import Actor, Command
from fleet.web.command_forms import form_of
from fleet.web.filters import search

Answers = Mapping[str, Any] | None

# What is asked at once, and what only those need who know better than the scan.
ADD = ("name", "kind", "username", "password", "reset_email", "nvr", "channel")
ACTIVATE = ("name", "kind", "reset_email", "nvr", "channel")
TYPED = ("username", "password")
WHERE = ("host", "port", "tls", "path", "services", "serial", "mac")
HOW = [
    (Method.WS_DISCOVERY.value, "WS-Discovery: devices answer a call"),
    (Method.ADDRESS_SCAN.value, "Address scan: each address is asked"),
]
SEARCHED = ("network", "method", "ports")
NETWORKS_TOLD = 6
FOR_ALL = ("username", "password", "reset_email")


class DiscoveredFilters(SiteFilters):
    field_order = ("q", "standing", "fresh", "site")

    q = search()
    standing = forms.TypedChoiceField(
        label="Standing",
        required=False,
        coerce=Standing,
        empty_value=None,
        choices=[("", "Any"), *((one.value, one.words) for one in Standing)],
    )
    fresh = forms.TypedChoiceField(
        label="Password",
        required=False,
        coerce=lambda text: text == "yes",
        empty_value=None,
        choices=[("", "Any"), ("yes", "None yet"), ("no", "Has one")],
    )
    sort = forms.CharField(required=False, widget=forms.HiddenInput)
    per = forms.TypedChoiceField(
        required=False,
        coerce=int,
        empty_value=None,
        choices=[(str(n), str(n)) for n in SIZES],
        widget=forms.HiddenInput,
    )

    @property
    def size(self) -> int:
        return self.value("per") or SIZES[0]

    def found(self) -> QuerySet[Any]:
        rows = discoveries.narrowed(
            discoveries.discovered(self.actor),
            text=self.value("q"),
            site=self.value("site"),
            standing=self.value("standing"),
            fresh=self.value("fresh"),
        )
        return discoveries.in_order(rows, self.value("sort") or "standing")


def scan_form(
    grounds: Grounds, at: Any, answers: Answers = None, before: Answers = None
) -> forms.Form:
    """To search at one of the sites where the actor may. `at`: the one whose networks are offered,
    None when there is none. `before`: what was searched, to be searched again.
    """
    networks = list(at.networks) if at else []
    filled = {name: text for name in SEARCHED if (text := (before or {}).get(name))}
    form = form_of(
        RequestScan,
        answers,
        initial={
            "site": str(at.pk) if at else "",
            "network": networks[0] if len(networks) == 1 else "",
            "method": Method.WS_DISCOVERY.value,
            "repeat": Repeat.NEVER.value,
        }
        | filled,
        choices={
            "site": [(str(row.pk), row.name) for row in grounds.sites],
            "method": HOW,
            "repeat": [(one.value, words) for one, words in REPEATS.items()],
        },
    )
    form.fields["method"].widget = forms.RadioSelect(choices=HOW)
    some = ", ".join(networks[:NETWORKS_TOLD]) + " …" * (len(networks) > NETWORKS_TOLD)
    form.fields[
        "network"
    ].help_text = f"One of the site’s own, or a part of it, a /20 at most: {some}"
    form.fields["network"].widget.attrs |= {"list": "networks", "autocomplete": "off"}
    return form


def networks_form(site: Any, answers: Answers = None) -> forms.Form:
    return form_of(SetNetworks, answers, {"networks": "\n".join(site.networks)})


def add_form(actor: Actor, row: Any, answers: Answers = None) -> forms.Form:
    """To add one discovered device, which has a password."""
    return _one(AddDevice, actor, row, answers, (*ADD, *WHERE))


def activate_form(actor: Actor, row: Any, answers: Answers = None) -> forms.Form:
    """To set the first password of one discovered device, and add it."""
    return _one(ActivateDevice, actor, row, answers, (*ACTIVATE, *TYPED, *WHERE))


def add_many_form(answers: Answers = None) -> forms.Form:
    """What all of the chosen ones have in common."""
    return _only(form_of(AddDevice, answers), FOR_ALL)


def activate_many_form(answers: Answers = None) -> forms.Form:
    return _only(form_of(ActivateDevice, answers), ("reset_email",))


def chosen_ids(answers: QueryDict) -> list[UUID]:
    """What was ticked. Raises ValueError for what is no id."""
    return [UUID(text) for text in answers.getlist("discovered")]


def _one(
    command: type[Command[Any]], actor: Actor, row: Any, answers: Answers, names: Sequence[str]
) -> forms.Form:
    nvrs = queries.narrowed(queries.devices(actor), site=row.site, kind=Kind.NVR)
    form = form_of(
        command,
        answers,
        initial={
            "name": additions.name_of(row),
            "kind": additions.kind_of(row).value,
            **{name: getattr(row, name) for name in WHERE if name != "services"},
        },
        choices={
            "kind": [(Kind.CAMERA.value, "Camera"), (Kind.NVR.value, "NVR")],
            "nvr": [(str(nvr.pk), nvr.name) for nvr in nvrs],
        },
    )
    form.fields["nvr"].help_text = "Leave it out when the camera stands alone."
    return _only(form, names)


def _only(form: forms.Form, names: Sequence[str]) -> forms.Form:
    """Those fields alone; what else the command asks is known here."""
    form.fields = {name: form.fields[name] for name in names}
    return form
