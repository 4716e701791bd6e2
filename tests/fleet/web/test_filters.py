"""What a list is narrowed down by."""

from __future__ import annotations

import pytest
from django import forms
from django.http import QueryDict

from fleet.eventstore.messages import Actor
from fleet.web.filters import Filters, search


class Cameras(Filters):
    q = search()
    channel = forms.IntegerField(required=False)
    kind = forms.ChoiceField(required=False)
    sort = forms.CharField(required=False, widget=forms.HiddenInput)


def asked(address: str) -> Cameras:
    form = Cameras(Actor.job("test"), QueryDict(address))
    form.offer("kind", [("", "Any"), ("camera", "Cameras")])
    return form


def test_what_makes_no_sense_narrows_nothing_down_and_leaves_the_others() -> None:
    form = asked("q=Gate&channel=first&kind=toaster")
    assert [form.value(name) for name in ("q", "channel", "kind")] == ["Gate", None, None]


@pytest.mark.parametrize(
    ("address", "chosen"),
    [("", False), ("q=+", False), ("sort=name", False), ("channel=0", True), ("kind=x", False)],
)
def test_a_list_is_narrowed_down_by_what_is_shown_and_makes_sense(
    address: str, chosen: bool
) -> None:
    assert asked(address).chosen is chosen
