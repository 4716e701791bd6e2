"""The steps that may be taken with a thing now, as its call tells of them."""

from __future__ import annotations

from typing import Any, TypedDict

from fleet.api.fields import Fields
from fleet.eventstore.messages import Command, asked_fields


class StepField(TypedDict):
    """What a step asks for; its types stand in this document."""

    name: str
    label: str
    help: str
    required: bool
    secret: bool


class Step(TypedDict):
    """A step that may be taken now."""

    name: str
    about: str
    method: str
    href: str
    fields: list[StepField]


def step_of(command: type[Command[Any]], href: str) -> dict[str, Any]:
    """A command as a `Step`, at its address."""
    defaults = Fields.asked_by(command).defaults
    return {
        "name": command.slug,
        "about": command.about,
        "method": "POST",
        "href": href,
        "fields": [
            {
                "name": name,
                "label": told.label,
                "help": told.help,
                "required": name not in defaults,
                "secret": told.secret,
            }
            for name, (told, _) in asked_fields(command).items()
        ],
    }
