"""The steps that may be taken with a thing: a call for each, and what is told of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypedDict
from uuid import UUID

from django.urls import URLPattern, path, reverse
from rest_framework.response import Response

from fleet.api.calls import ApiView, Values, call
from fleet.api.fields import Fields
from fleet.eventstore.handling import handle
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


def step_patterns(
    at: str,
    name: str,
    steps: Mapping[str, type[Command[Any]]],
    answer: type,
    shown: Callable[..., Any],
    *,
    do: Callable[..., object] = handle,
    own: Mapping[type[Command[Any]], type[ApiView]] = {},
) -> list[URLPattern]:
    """The address of each step, behind `at`, that of a thing; `name` is that of the thing's call.

    Each is carried out by `do(command, *ids, by)`, with the ids in the address, and answers with
    `shown(view, *ids)`, an `answer`. `own`: those whose call is another one.
    """
    return [
        path(
            f"{at}{slug}/",
            (own.get(command) or _step_view(command, answer, shown, do)).as_view(),
            name=f"{name}-{slug}",
        )
        for slug, command in steps.items()
    ]


def _step_view(
    command: type[Command[Any]],
    answer: type,
    shown: Callable[..., Any],
    do: Callable[..., object],
) -> type[ApiView]:
    def post(self: ApiView, asked: Values, **ids: UUID) -> Response:
        do(command(**asked), *ids.values(), self.by)
        return Response(shown(self, *ids.values()))

    post.__doc__ = command.about
    declared = call(answer=answer, body=Fields.asked_by(command))(post)
    return type(f"{command.__name__}View", (ApiView,), {"post": declared})


def steps_shown(
    offered: Iterable[type[Command[Any]]], name: str, **ids: UUID
) -> list[dict[str, Any]]:
    """What is offered, as each a `Step`; `name` and `ids` are those of the thing's call."""
    return [_shown(c, reverse(f"{name}-{c.slug}", kwargs=ids)) for c in offered]


def _shown(command: type[Command[Any]], href: str) -> dict[str, Any]:
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
