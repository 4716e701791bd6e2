"""The form of a schedule: what a campaign asks, and when it comes again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone

from fleet.eventstore.messages import Actor
from resets.campaigns.forms import CampaignFilters, PlanForm
from resets.schedules import queries, words
from resets.schedules.state import LONGEST_REASON, SchedulePhase, SchedulePlan
from resets.schedules.steps import ChangeSchedule, MakeSchedule
from resets.schedules.timing import Every

EVERY = [
    (Every.MONTHS.value, "Every so many months"),
    (Every.WEEKS.value, "Every so many weeks"),
    (Every.AGE.value, "Whenever passwords are older than so many days"),
]


class ScheduleFilters(CampaignFilters):
    phase = forms.ChoiceField(
        label="Stands at",
        required=False,
        choices=[("", "Any"), *((p.value, words.PHASES[p].text) for p in SchedulePhase)],
    )
    kind = None  # type: ignore[assignment]  # each is for rotations

    def found(self) -> QuerySet[Any]:
        rows: QuerySet[Any] = queries.schedules(self.actor)
        if text := self.value("q"):
            rows = queries.with_text(rows, text)
        phase = self.value("phase")
        return rows.filter(phase=phase) if phase else rows


class ScheduleForm(PlanForm):
    """A schedule, as somebody may make or change it. With `plan` it begins as that one is."""

    every = forms.TypedChoiceField(
        label="A run begins",
        coerce=Every,
        widget=forms.RadioSelect,
        initial=Every.MONTHS,
        choices=EVERY,
    )
    number = forms.IntegerField(label="So many months, weeks or days", initial=3)
    first = forms.DateField(
        label="First day",
        help_text="From then on, when the hours below begin. It counts by the clock of the site.",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    lasting = forms.IntegerField(
        label="A run ends after so many hours",
        help_text="168 is a week. A device that does not answer is waited for until then.",
        initial=168,
    )
    ahead = forms.IntegerField(
        label="Tell administrators so many days before what it would do",
        help_text="By mail: how many devices, and which could not be rotated and why. 0: never.",
        initial=3,
    )

    ABOUT: tuple[str, ...] = ("place", "name", "reason")
    WHEN = ("every", "number", "first", "days", "opens", "closes", "lasting", "ahead")

    def __init__(
        self,
        actor: Actor,
        answers: Mapping[str, Any] | None = None,
        plan: SchedulePlan | None = None,
    ) -> None:
        super().__init__(actor, answers)
        for name in ("kind", "ends_at"):
            del self.fields[name]
        # Today has begun: without hours, the first run would be that of the next period.
        self.initial["first"] = timezone.now().date() + timedelta(days=1)
        if plan is not None:
            del self.fields["place"]
            self.ABOUT = ("name", "reason")
            self.initial.update(_answers(plan))
            self._keep_choice("model", plan.selection.model)
            self._keep_choice("nvr", str(plan.selection.nvr or ""))
        self.fields["reason"].max_length = LONGEST_REASON  # type: ignore[attr-defined]
        self._devices = plan.selection.devices if plan else ()

    @property
    def listed(self) -> int:
        """Of how many devices that were listed the rest chooses; 0: of all."""
        return len(self._devices)

    def made(self) -> MakeSchedule:
        """What a valid form stands for, for a schedule that is made."""
        return MakeSchedule(place_id=self.cleaned_data["place"], **self._asked())

    def changed(self) -> ChangeSchedule:
        """What a valid form stands for, for one that is there."""
        return ChangeSchedule(**self._asked())

    def _asked(self) -> dict[str, Any]:
        told = self.cleaned_data
        plain = ("name", "reason", "every", "number", "first", "lasting", "ahead")
        selection = self._selection(told)
        if self._devices:
            selection = type(selection)(**{**selection.__dict__, "devices": self._devices})
        return {name: told[name] for name in plain} | {
            "selection": selection,
            "settings": self._settings(told),
        }

    def _keep_choice(self, name: str, value: str) -> None:
        """What was chosen stays a choice, also where there is no such device any more."""
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        choices: list[Any] = list(field.choices)  # type: ignore[arg-type]
        if value and value not in [key for key, _ in choices]:
            field.choices = [*choices, (value, value)]


def _answers(plan: SchedulePlan) -> dict[str, Any]:
    chosen, how, window = plan.selection, plan.settings, plan.settings.window
    return {
        "name": plan.name,
        "reason": plan.reason,
        "every": plan.timing.every.value,
        "number": plan.timing.number,
        "first": plan.timing.first,
        "lasting": plan.lasting,
        "ahead": plan.ahead,
        "status": chosen.status.value if chosen.status else "",
        "device_kind": chosen.kind.value if chosen.kind else "",
        "model": chosen.model,
        "nvr": str(chosen.nvr) if chosen.nvr else "",
        "older_than": chosen.older_than,
        "text": chosen.text,
        "canary": how.canary,
        "wave": how.wave,
        "at_once": how.at_once,
        "pace": how.pace,
        "stop_share": how.stop_share,
        "one_per_nvr": how.one_per_nvr,
        "one_password": how.one_password,
        "days": [str(day) for day in window.days],
        **({} if window.always else {"opens": window.opens, "closes": window.closes}),
    }
