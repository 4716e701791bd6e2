"""The table of limits as a form: a row for each, and an empty one for another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms

from fleet.errors import RekeyError
from resets.limits.rules import DAY, HOUR, ORGANISATION_WIDE, Counted, Limit, Scope, spelled

WINDOWS = (600, HOUR, 6 * HOUR, DAY, 7 * DAY, 30 * DAY)
_COUNTED = {
    Counted.RESETS: "Resets begun",
    Counted.CODES: "Codes sent",
    Counted.GUESSES: "Codes typed",
}
_SCOPES = {
    Scope.DEVICE: "for one device",
    Scope.MAILBOX: "for one mailbox",
    Scope.PERSON: "by one person",
    Scope.SOURCE: "from one address",
    Scope.NVR: "for the cameras of one NVR",
    Scope.SITE: "at this site",
    Scope.ORGANISATION: "in the organisation",
}


class LimitForm(forms.Form):
    counted = forms.ChoiceField(label="What", choices=[(c.value, w) for c, w in _COUNTED.items()])
    scope = forms.ChoiceField(label="Over what")
    most = forms.IntegerField(label="At most", required=False)
    window = forms.TypedChoiceField(label="In", coerce=int)
    trips = forms.BooleanField(label="Sounds the alarm", required=False)
    remove = forms.BooleanField(label="Remove", required=False)

    def __init__(self, *args: Any, wide: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if wide:
            del self.fields["trips"]  # an alarm goes off at one site
        scopes = [s for s in _SCOPES if (s in ORGANISATION_WIDE) == wide]
        self._offer("scope", [(s.value, _SCOPES[s]) for s in scopes])
        for field in self.fields.values():  # the head of the column says it to those who see
            field.widget.attrs["aria-label"] = str(field.label)
        chosen = self.initial.get("window")
        windows = sorted({*WINDOWS, *([chosen] if chosen else [])})
        if self.is_bound and str(self["window"].value()).isdigit():
            windows = sorted({*windows, int(self["window"].value())})
        self._offer("window", [(seconds, spelled(seconds)) for seconds in windows])

    def _offer(self, name: str, choices: list[tuple[Any, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    @property
    def counts(self) -> bool:
        """Whether the row stands for a limit: an empty or a removed one stands for none."""
        chosen = self.cleaned_data
        return chosen.get("most") is not None and not chosen.get("remove")

    @property
    def limit(self) -> Limit:
        chosen = self.cleaned_data
        return Limit(
            Counted(chosen["counted"]),
            Scope(chosen["scope"]),
            chosen["most"],
            chosen["window"],
            chosen.get("trips", False),
        )

    def clean(self) -> dict[str, Any]:
        chosen = super().clean() or {}
        if not self.errors and self.counts:
            try:
                self.limit.checked()
            except RekeyError as no:
                self.add_error(no.field if no.field in self.fields else None, no.message)
        return chosen


_Rows = forms.formset_factory(LimitForm, extra=1, max_num=60, absolute_max=60)


def limits_form(limits: Iterable[Limit], *, wide: bool, answers: Any = None) -> Any:
    """The table with these limits in it; bound when there are answers."""
    rows = [
        {
            "counted": limit.counted.value,
            "scope": limit.scope.value,
            "most": limit.most,
            "window": limit.window,
            "trips": limit.trips,
        }
        for limit in limits
    ]
    return _Rows(answers, initial=rows, form_kwargs={"wide": wide})


def limits_in(form: Any) -> tuple[Limit, ...]:
    """What a valid table says."""
    return tuple(row.limit for row in form.forms if row.counts)
