"""The forms of campaigns: what a list may be filtered by, and all that a plan asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone

from devices import queries as devices
from devices.state import Kind as DeviceKind
from devices.status import Status
from fleet.accounts.access import may
from fleet.accounts.queries import organisations
from fleet.accounts.state import Role
from fleet.errors import Refused
from fleet.eventstore.messages import Actor
from fleet.web.command_forms import Words
from fleet.web.filters import Filters, search
from resets.campaigns import queries, tallies, words
from resets.campaigns.settings import BOUNDS, DAYS, Settings, Window
from resets.campaigns.state import WHY_NOT, CampaignPhase, Kind, Selection
from resets.campaigns.steps.plan_campaign import LONGEST_NAME, PlanCampaign

USUAL_LENGTH = timedelta(days=14)
MOST_CHOICES = 500  # of models and of NVRs: a longer list is searched for by its text
_DEFAULTS = Settings()
_WINDOW = Window((), "22:00", "05:00")
Choices = list[tuple[str, str]]


class CampaignFilters(Filters):
    q = search()
    phase = forms.ChoiceField(
        label="Stands at",
        required=False,
        choices=[("", "Any"), *((p.value, words.PHASES[p].text) for p in CampaignPhase)],
    )
    kind = forms.ChoiceField(
        label="Kind",
        required=False,
        choices=[("", "Any"), *((k.value, words.KINDS[k].text) for k in Kind)],
    )

    def found(self) -> QuerySet[Any]:
        chosen = {name: self.value(name) for name in ("phase", "kind")}
        rows = queries.campaigns(self.actor)
        return queries.campaigns_narrowed(rows, text=self.value("q"), **chosen)


class PlanFilters(Filters):
    """What the list of a plan's devices may be filtered by: what the dry run said, above all."""

    q = search()
    forecast = forms.ChoiceField(label="What would happen", required=False)
    site = forms.TypedChoiceField(label="Site", required=False, coerce=UUID, empty_value=None)

    def __init__(self, actor: Actor, campaign: UUID, asked: QueryDict) -> None:
        super().__init__(actor, asked)
        self._campaign = campaign
        forecasts = tallies.by_forecast(actor, campaign)
        said = [(one.key or "none", WHY_NOT.get(one.key, "A new password")) for one in forecasts]
        self.offer("forecast", [("", "Anything"), *said])
        sites = [(str(one.key), one.name) for one in tallies.by_site(actor, campaign)]
        if len(sites) > 1:
            self.offer("site", [("", "All sites"), *sites])
        else:
            del self.fields["site"]

    def found(self) -> QuerySet[Any]:
        chosen = {name: self.value(name) for name in ("forecast", "site")}
        rows = queries.items(self.actor, self._campaign)
        return queries.items_narrowed(rows, text=self.value("q"), **chosen)


class PlanForm(forms.Form):
    """A plan, as somebody may make it. With `chosen` it is for these devices alone; `proposed` is
    what a link that led here has filled in.
    """

    place = forms.TypedChoiceField(label="Where?", coerce=UUID)
    kind = forms.TypedChoiceField(
        label="What is done?",
        coerce=Kind,
        widget=forms.RadioSelect,
        initial=Kind.RESET,
        choices=[
            (Kind.RESET.value, "Reset: the passwords are lost, and a code is mailed"),
            (Kind.ROTATION.value, "Rotation: the passwords are known, and are changed"),
        ],
    )
    name = Words(label="Name", max_length=LONGEST_NAME)
    reason = Words(
        label="Why?",
        help_text="It stands in the history of each device.",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    status = forms.TypedChoiceField(
        label="Status",
        required=False,
        coerce=Status,
        empty_value=None,
        choices=[("", "Any"), *((s.value, s.words) for s in Status if s is not Status.REMOVED)],
    )
    device_kind = forms.TypedChoiceField(
        label="Kind",
        required=False,
        coerce=DeviceKind,
        empty_value=None,
        choices=[("", "Any"), (DeviceKind.CAMERA, "Cameras"), (DeviceKind.NVR, "NVRs")],
    )
    model = forms.ChoiceField(label="Model", required=False)
    nvr = forms.TypedChoiceField(
        label="Cameras of an NVR", required=False, coerce=UUID, empty_value=None
    )
    older_than = forms.IntegerField(
        label="Password older than … days",
        required=False,
        help_text="Also where Rekey never set one.",
    )
    text = forms.CharField(
        label="Text",
        required=False,
        max_length=200,
        strip=True,
        help_text="In the name, the address, the model, the serial number, …",
    )
    canary = forms.IntegerField(
        label="Canary ring",
        help_text="So many devices come first, one of each model before others. 0: none.",
        initial=_DEFAULTS.canary,
    )
    wave = forms.IntegerField(
        label="Devices in each wave after it",
        help_text="0: all others together.",
        initial=_DEFAULTS.wave,
    )
    at_once = forms.IntegerField(
        label="Devices at one time, for each site", initial=_DEFAULTS.at_once
    )
    pace = forms.IntegerField(
        label="Devices a minute",
        help_text=f"0: as fast as it goes. At most {BOUNDS['pace'][1]:,}.",
        initial=_DEFAULTS.pace,
    )
    stop_share = forms.IntegerField(
        label="Stop when so many percent have failed",
        help_text="0: never. Somebody then has to let it go on.",
        initial=_DEFAULTS.stop_share,
    )
    one_per_nvr = forms.BooleanField(
        label="Never more than one camera of an NVR at a time", required=False
    )
    one_password = forms.BooleanField(
        label="One password for all devices of a site",
        required=False,
        help_text="Whoever learns it from one device opens all of them. The rules of the site have "
        "to allow it.",
    )
    days = forms.TypedMultipleChoiceField(
        label="Only on these days",
        required=False,
        coerce=int,
        help_text="None ticked: at any time.",
        widget=forms.CheckboxSelectMultiple,
        choices=[(str(number), day) for number, day in enumerate(DAYS)],
    )
    opens = forms.CharField(
        label="From",
        required=False,
        initial=_WINDOW.opens,
        widget=forms.TimeInput(attrs={"type": "time"}),
        max_length=8,
    )
    closes = forms.CharField(
        label="To",
        required=False,
        help_text="In the time zone of each site. Earlier than “From”: on the next day.",
        initial=_WINDOW.closes,
        widget=forms.TimeInput(attrs={"type": "time"}),
        max_length=8,
    )
    ends_at = forms.DateTimeField(
        label="It ends at the latest",
        help_text="A device that does not answer is waited for until then, in the site’s zone.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    ABOUT: tuple[str, ...] = ("place", "kind", "name", "reason")
    WHICH: tuple[str, ...] = ("status", "device_kind", "model", "nvr", "older_than", "text")
    HOW: tuple[str, ...] = (
        "canary", "wave", "at_once", "pace", "stop_share", "one_per_nvr", "one_password",
    )  # fmt: skip
    WHEN: tuple[str, ...] = ("days", "opens", "closes", "ends_at")
    PROPOSED = ("kind", *WHICH)  # what the address of a link may fill in

    def __init__(
        self,
        actor: Actor,
        answers: Mapping[str, Any] | None = None,
        chosen: Sequence[Any] = (),
        proposed: Mapping[str, str] | None = None,
    ) -> None:
        proposed = proposed or {}
        super().__init__(answers, initial={n: proposed[n] for n in self.PROPOSED if n in proposed})
        self._actor, self._chosen = actor, chosen
        places = places_of(actor, chosen)
        _offer(self, "place", [(str(pk), name) for pk, name in places])
        self.fits_nowhere = not places
        known = {str(pk): pk for pk, _ in places}
        place = known.get(proposed.get("place", ""), places[0][0] if places else None)
        self.initial["place"] = str(place or "")
        zone = zone_of_place(actor, place)
        ends = (timezone.now() + USUAL_LENGTH).astimezone(zone)
        self.initial["ends_at"] = ends.replace(minute=0, tzinfo=None)
        if chosen:
            for name in self.WHICH:
                del self.fields[name]
        else:
            _offer(self, "model", [("", "Any"), *((m, m) for m in _models(actor))])
            _offer(self, "nvr", [("", "Any"), *_nvrs(actor)])

    @property
    def about(self) -> list[forms.BoundField]:
        return [self[name] for name in self.ABOUT]

    @property
    def which(self) -> list[forms.BoundField]:
        return [self[name] for name in self.WHICH if name in self.fields]

    @property
    def how(self) -> list[forms.BoundField]:
        return [self[name] for name in self.HOW]

    @property
    def when(self) -> list[forms.BoundField]:
        return [self[name] for name in self.WHEN]

    def plan(self) -> PlanCampaign:
        """The plan that a valid form stands for."""
        told = self.cleaned_data
        zone = zone_of_place(self._actor, told["place"])
        ends_at: datetime = told["ends_at"]
        return PlanCampaign(
            place_id=told["place"],
            kind=told["kind"],
            name=told["name"],
            reason=told["reason"],
            ends_at=_in_utc(ends_at, zone),
            selection=self._selection(told),
            settings=self._settings(told),
        )

    def _selection(self, told: Mapping[str, Any]) -> Selection:
        if self._chosen:
            return Selection(devices=tuple(row.pk for row in self._chosen))
        return Selection(
            text=told["text"],
            kind=told["device_kind"],
            status=told["status"],
            nvr=told["nvr"],
            model=told["model"],
            older_than=told["older_than"],
        )

    def _settings(self, told: Mapping[str, Any]) -> Settings:
        window = Window(tuple(told["days"]), told["opens"][:5], told["closes"][:5])
        return Settings(
            **{name: told[name] for name in self.HOW}, window=window if told["days"] else Window()
        )


def _in_utc(ends_at: datetime, zone: ZoneInfo) -> datetime:
    """Raises Refused where no calendar gets to, such as the first day of the year 1."""
    try:
        return ends_at.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:
        raise Refused("end_too_far", "This is too far from today.", field="ends_at") from None


def places_of(actor: Actor, chosen: Sequence[Any] = ()) -> list[tuple[UUID, str]]:
    """Where somebody may plan a campaign: for devices that are chosen, places that all are at."""
    sites = [
        (row.pk, row.name)
        for row in devices.site_names(actor)
        if may(actor, Role.ADMINISTRATOR, row.organisation, row.pk)
    ]
    whole = [(pk, f"All sites of {n}") for pk, n in organisations(actor, Role.ADMINISTRATOR)]
    if not chosen:
        return [*sites, *whole]
    at = {row.site for row in chosen}, {row.organisation for row in chosen}
    return [place for place in [*sites, *whole] if {place[0]} in at]


def zone_of_place(actor: Actor, place: UUID | None) -> ZoneInfo:
    """The zone of a site; that of all sites of an organisation where they share one, else UTC."""
    rows = devices.site_names(actor).filter(Q(pk=place) | Q(organisation=place))
    zones = set(rows.values_list("timezone", flat=True))
    return ZoneInfo(zones.pop() if len(zones) == 1 else "UTC")


def _models(actor: Actor) -> list[str]:
    rows = devices.devices(actor).exclude(model="").order_by("model")
    return list(rows.values_list("model", flat=True).distinct()[:MOST_CHOICES])


def _nvrs(actor: Actor) -> Choices:
    rows = devices.devices(actor).filter(kind=DeviceKind.NVR.value)
    named = rows.values_list("pk", "name", "place__name")[:MOST_CHOICES]
    return [(str(pk), f"{name}, {place}") for pk, name, place in named]


def _offer(form: forms.Form, name: str, choices: Choices) -> None:
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)
    field.choices = choices
