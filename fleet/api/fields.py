"""What a call takes, said once: the same words check what comes in and document it.

Types are Python's, with `msgspec.Meta` for bounds. A command's fields come from the command itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING
from datetime import UTC, datetime
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from django.http import QueryDict
from django.utils.functional import cached_property
from msgspec import Meta
from rest_framework.exceptions import ErrorDetail, ValidationError

from fleet.eventstore.messages import Asked, Command, asked_fields

Time = Annotated[datetime, Meta(tz=True)]
_WHOLE = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]  # beyond it, readers of JSON disagree
_NO_NUL = {"pattern": r"^[^\u0000]*$"}  # databases cannot keep one
# msgspec's words for what is wrong inside a value.
_AT = re.compile(r"(.*) - at `\$(.*)`", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`")


class Fields:
    """Named values of given types, some with defaults."""

    def __init__(self, name: str, kinds: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
        self.name = name
        self.kinds = dict(kinds)
        self.defaults = dict(defaults)

    @classmethod
    def of(cls, shape: type) -> Fields:
        """From a TypedDict, of which nothing has to be given."""
        kinds = get_type_hints(shape, include_extras=True)
        return cls(shape.__name__, kinds, dict.fromkeys(kinds))

    @classmethod
    def asked_by(cls, command: type[Command[Any]], **more: Any) -> Fields:
        """What a command asks people for; `more` are further fields, which may be left out."""
        hints = get_type_hints(command)
        asked = asked_fields(command)
        kinds = {name: _described(hints[name], told) for name, (told, _) in asked.items()}
        defaults = {name: f.default for name, (_, f) in asked.items() if f.default is not MISSING}
        return cls(command.__name__, {**more, **kinds}, {**dict.fromkeys(more), **defaults})

    def read(self, given: Any, *, strict: bool = True) -> dict[str, Any]:
        """The values, of the right types. Raises ValidationError that names every wrong field.

        Not strict: from text, as in an address.
        """
        if not isinstance(given, Mapping):
            raise ValidationError("Send a JSON object.", "not_an_object")
        values = dict(self.defaults)
        errors = {n: [_wrong(*_NO_SUCH)] for n in given.keys() - self.kinds}
        for name, kind in self.kinds.items():
            if name in given:
                try:
                    values[name] = _converted(given[name], kind, strict)
                except ValueError as error:  # msgspec's are, too
                    path, told = _misfit(name, str(error))
                    errors[path] = [told]
            elif name not in self.defaults:
                errors[name] = [_wrong(*_LEFT_OUT)]
        if errors:
            raise ValidationError(errors)
        return values

    def read_address(self, query: QueryDict) -> dict[str, Any]:
        """From the part of an address behind the question mark."""
        if twice := [name for name, values in query.lists() if len(values) > 1]:
            raise ValidationError({n: [_wrong("Give this once.", "repeated")] for n in twice})
        return self.read(query.dict(), strict=False)

    @cached_property
    def struct(self) -> type[msgspec.Struct]:
        """For the document alone."""
        return msgspec.defstruct(
            self.name,
            [
                (name, kind, self.defaults[name]) if name in self.defaults else (name, kind)
                for name, kind in self.kinds.items()
            ],
            kw_only=True,
            forbid_unknown_fields=True,
        )


def _described(hint: Any, told: Asked) -> Any:
    extra: dict[str, Any] = {"writeOnly": True} if told.secret else {}
    if told.initial is not None:
        extra["examples"] = [told.initial]
    about = Meta(title=told.label, description=told.help or None, extra_json_schema=extra)
    return Annotated[_bounded(hint, told), about]


def _bounded(hint: Any, told: Asked) -> Any:
    if hint is str:
        return Annotated[str, Meta(max_length=told.max_length, extra_json_schema=_NO_NUL)]
    if hint is int:
        return _WHOLE
    return _WHOLE | None if hint == int | None else hint


def text(about: str, max_length: int = 200) -> Any:
    """A type for text in an address."""
    return Annotated[str, Meta(description=about, max_length=max_length, extra_json_schema=_NO_NUL)]


def _converted(value: Any, kind: Any, strict: bool) -> Any:
    if isinstance(value, str) and "\0" in value:
        raise ValueError("Leave out the NUL character.")
    value = _whole(value)
    # Only these are written otherwise in an address; lax, a number would pass for a time as well.
    plain = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    lax = not strict and plain in (int, bool)
    converted = msgspec.convert(value, kind, strict=not lax)
    if isinstance(converted, datetime):
        try:
            return converted.astimezone(UTC)
        except OverflowError:
            raise ValueError("This is too far from today.") from None
    return converted


def _whole(value: Any) -> Any:
    """To JSON, 80.0 is a whole number, wherever it stands."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_whole(one) for one in value]
    if isinstance(value, Mapping):
        return {name: _whole(one) for name, one in value.items()}
    return value


_NO_SUCH = ("There is no such field.", "unknown")
_LEFT_OUT = ("This field is required.", "required")


def _misfit(name: str, told: str) -> tuple[str, ErrorDetail]:
    """Where in a field it is wrong, such as `limits[0].most`, and how."""
    if at := _AT.fullmatch(told):
        told, name = at[1], name + at[2]
    for pattern, words in ((_UNKNOWN, _NO_SUCH), (_MISSING, _LEFT_OUT)):
        if found := pattern.fullmatch(told):
            return f"{name}.{found[1]}", _wrong(*words)
    return name, _wrong(told, "invalid")


def _wrong(message: str, code: str) -> ErrorDetail:
    return ErrorDetail(message, code)
