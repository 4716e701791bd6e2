"""Forms that are generated from commands: what a new step asks needs no line here.

A field's label, help and kind come from the command; whether an answer will do is the command's
own decision, so that pages and calls refuse in the same words.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from http import HTTPStatus
from typing import Any, TypeVar
from uuid import UUID

from django import forms

from fleet.errors import Conflict, Refused
from fleet.eventstore.messages import Asked, Command, asked_fields
from fleet.web.forms import CodeInput, SecretInput, show_refusal
from fleet.web.middleware import status_of

T = TypeVar("T")
Choices = Sequence[tuple[Any, Any]]


class Words(forms.CharField):
    """Text that is marked as required, while the command itself says what is wrong with none."""

    def validate(self, value: Any) -> None:
        pass


class OneTimeCode(CodeInput):
    """A verification code's input. What was typed is never sent back."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, None, attrs)
        return context


def form_of(
    command: type[Command[Any]],
    answers: Mapping[str, Any] | None = None,
    initial: Mapping[str, Any] | None = None,
    choices: Mapping[str, Choices] | None = None,
) -> forms.Form:
    """The form that asks what the command wants to know; bound when there are answers.

    `choices` turns fields into a choice of values, as in `{"site": [(id, "Harbour")]}`.
    """
    form = _form_class(command)(answers, initial=dict(initial or {}))
    for name, offered in (choices or {}).items():
        form.fields[name] = _choice(form.fields[name], offered, form.initial.get(name))
    return form


def ordered(command: type[Command[Any]], form: forms.Form, **given: Any) -> Command[Any]:
    """The command that a valid form stands for; what was left empty keeps the command's default."""
    typed = {
        n: v for n, v in form.cleaned_data.items() if form.fields[n].required or v not in (None, "")
    }
    return command(**given, **typed)


def attempt(form: forms.Form, act: Callable[[], T]) -> tuple[T | None, HTTPStatus]:
    """Act on a form if it is valid. What is refused then stands in the form, and in the status."""
    if not form.is_valid():
        return None, HTTPStatus.UNPROCESSABLE_ENTITY
    try:
        return act(), HTTPStatus.CREATED
    except (Refused, Conflict) as error:
        show_refusal(form, error)
        return None, status_of(error)


def _form_class(command: type[Command[Any]]) -> type[forms.Form]:
    hints = typing.get_type_hints(command)
    fields = {
        name: _field(name, hints[name], asked, field.default is dataclasses.MISSING)
        for name, (asked, field) in asked_fields(command).items()
    }
    return type(f"{command.__name__}Form", (forms.Form,), fields)


def _field(name: str, hint: Any, asked: Asked, required: bool) -> forms.Field:
    common = {"label": asked.label, "help_text": asked.help, "initial": asked.initial}
    kind = _without_none(hint)
    if kind is bool:
        return forms.BooleanField(**common, required=False)
    if kind is int:
        return forms.IntegerField(**common, required=required)
    if kind is UUID:
        return forms.UUIDField(**common, required=required)
    if isinstance(kind, type) and issubclass(kind, Enum):
        choices = [(one.value, str(one.value).replace("_", " ").capitalize()) for one in kind]
        return forms.TypedChoiceField(**common, coerce=kind, choices=choices, required=required)
    if kind is not str:
        raise TypeError(f"a form cannot ask for {name}: {hint}")
    return Words(
        **common,
        required=required,
        max_length=asked.max_length,
        strip=not asked.secret,
        widget=_text_input(name, asked),
    )


def _choice(field: forms.Field, offered: Choices, chosen: Any) -> forms.Field:
    coerce = UUID if isinstance(field, forms.UUIDField) else getattr(field, "coerce", str)
    blank = [] if field.required or chosen else [("", "None")]
    return forms.TypedChoiceField(
        label=field.label,
        help_text=field.help_text,
        initial=field.initial,
        required=field.required,
        choices=[*blank, *offered],
        coerce=coerce,
        empty_value=None,
    )


def _text_input(name: str, asked: Asked) -> forms.Widget:
    if asked.secret:
        return OneTimeCode() if name == "code" else SecretInput()
    return forms.Textarea(attrs={"rows": 3}) if asked.long else forms.TextInput()


def _without_none(hint: Any) -> Any:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        [kind] = [one for one in typing.get_args(hint) if one is not type(None)]
        return kind
    return hint
