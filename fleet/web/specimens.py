"""Invented values for the style page. None of it is real, and no other page uses it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils import timezone

from fleet.web.forms import CodeInput, SecretInput

ZONE = "Europe/Stockholm"


class EveryField(forms.Form):
    """One of each kind of input."""

    reason = forms.CharField(
        label="Reason", help_text="Why is this needed? It stands in the history.", max_length=200
    )
    notes = forms.CharField(label="Notes", required=False, widget=forms.Textarea(attrs={"rows": 3}))
    code = forms.CharField(
        label="Code from the email", help_text="8 digits, valid for 10 minutes.", widget=CodeInput
    )
    new_password = forms.CharField(
        label="New password", help_text="8 to 32 characters.", widget=SecretInput
    )
    site = forms.ChoiceField(label="Site", choices=[("1", "Gothenburg harbour"), ("2", "Lund")])
    way = forms.ChoiceField(
        label="Who chooses the new password?",
        choices=[("generated", "Rekey makes one for this device"), ("typed", "I type one")],
        widget=forms.RadioSelect,
        initial="generated",
    )
    notify = forms.BooleanField(label="Tell the site’s administrators by mail", required=False)


class Filters(forms.Form):
    """What a list of devices may be filtered by."""

    q = forms.CharField(label="Search", required=False, widget=forms.SearchInput)
    state = forms.ChoiceField(
        label="State", required=False, choices=[("", "Any"), ("not_certified", "Not certified")]
    )
    site = forms.ChoiceField(label="Site", required=False, choices=[("", "All sites")])


def everything(request: HttpRequest) -> dict[str, Any]:
    """The context of `style.html`."""
    now = timezone.now()
    wrong = EveryField({"reason": "", "code": "12a", "way": "typed", "site": "1"})
    wrong.add_error("code", "This code is not right. 4 tries are left. Look at the newest mail.")
    return {
        "title": "Components",
        "zone": ZONE,
        "now": now,
        "soon": now + timedelta(seconds=43),
        "earlier": now - timedelta(minutes=5),
        "form": EveryField(prefix="empty"),
        "wrong": wrong,
        "filter_form": Filters(request.GET),
        "page": Paginator(range(1, 1211), 50).get_page(request.GET.get("page", "4")),
        "tones": [
            ("ok", "Certified"),
            ("busy", "Applying"),
            ("warn", "Not certified"),
            ("bad", "Unproven"),
            ("quiet", "Never checked"),
        ],
        "devices": _devices(now),
        "entries": _entries(now),
        "walks": _walks(),
        "doors": _doors(),
        "tabs": [
            {"label": "Components", "url": request.path},
            {"label": "History", "url": "#history", "count": 12},
            {"label": "Security", "url": "#security", "icon": "shield"},
        ],
    }


def _devices(now: datetime) -> list[dict[str, Any]]:
    rows = [
        ("Gate 4", "Camera", "warn", "Not certified", "192.0.2.14", 3),
        ("Quay crane north", "Camera", "ok", "Certified", "192.0.2.15", 1),
        ("Recorder A", "NVR", "busy", "Reset under way", "192.0.2.2", 0),
        ("Weighbridge", "Camera", "bad", "Does not answer", "192.0.2.31", 4000),
    ]
    return [
        {
            "name": name,
            "kind": kind,
            "tone": tone,
            "state": state,
            "address": address,
            "seen": now - timedelta(minutes=minutes, seconds=12),
            "selected": index == 1,
        }
        for index, (name, kind, tone, state, address, minutes) in enumerate(rows)
    ]


def _entries(now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "sentence": "The new password opens every door of Gate 4, and the old one opens none.",
            "at": now - timedelta(minutes=2),
            "actor": "Worker",
            "tone": "ok",
            "icon": "shield-check",
        },
        {
            "sentence": "Bob typed a wrong code; 4 tries left.",
            "at": now - timedelta(minutes=5),
            "actor": "Bob Lind",
            "source": "198.51.100.7",
            "tone": "warn",
            "icon": "triangle-alert",
        },
        {
            "sentence": "Alice asked for a reset of Gate 4.",
            "at": now - timedelta(days=1, minutes=9),
            "actor": "Alice Berg",
            "source": "198.51.100.4",
            "reason": "The guard who knew the password has left (ticket 4711).",
            "tone": "busy",
            "icon": "key-round",
            "href": "#history",
        },
        {
            "sentence": "Gate 4 was added.",
            "at": now - timedelta(days=40),
            "actor": "Token “ticketing”",
            "source": "203.0.113.9",
        },
    ]


def _walks() -> list[list[dict[str, str]]]:
    names = ("Reason", "Send the code", "Enter the code", "New password", "Applied and proven")

    def walk(*states: str, note: str = "") -> list[dict[str, str]]:
        steps = [{"label": name, "state": state} for name, state in zip(names, states, strict=True)]
        for step in steps:
            if note and step["state"] in ("current", "failed"):
                step["note"] = note
        return steps

    return [
        walk("done", "done", "current", "todo", "todo", note="4 tries left"),
        walk("done", "done", "done", "done", "failed", note="The old password still opens RTSP"),
        walk("done", "skipped", "skipped", "current", "todo"),
        walk("done", "done", "done", "done", "done"),
    ]


def _doors() -> list[dict[str, Any]]:
    accepted = {"tone": "ok", "text": "Accepted"}
    refused = {"tone": "ok", "text": "Refused"}
    return [
        {"name": "ONVIF", "address": "192.0.2.14:80", "answers": [accepted, refused, refused]},
        {
            "name": "RTSP",
            "address": "192.0.2.14:554",
            "answers": [accepted, {"tone": "bad", "text": "Accepted"}, refused],
        },
        {
            "name": "Web page",
            "address": "192.0.2.14:443",
            "answers": [
                {"tone": "busy", "text": "Trying"},
                {"tone": "quiet", "text": "Not tried yet"},
                {"tone": "quiet", "text": "Not tried yet"},
            ],
        },
    ]
