"""What a list is narrowed down by: a form that the page's address fills in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.http import QueryDict

from fleet.eventstore.messages import Actor

Choices = Iterable[tuple[str, Any]]  # grouped ones too


class Filters(forms.Form):
    """What makes no sense narrows nothing down, and leaves the others as they are.

    Hidden fields say how the rest is shown: in which order, how many on a page.
    """

    def __init__(self, actor: Actor, asked: QueryDict) -> None:
        super().__init__(asked)
        self.actor = actor

    @property
    def chosen(self) -> bool:
        """Whether anything narrows the list down."""
        return any(self.value(one.name) not in (None, "") for one in self.visible_fields())

    def value(self, name: str) -> Any:
        """What was asked for under this name; None where that makes no sense, or nothing was."""
        self.is_valid()
        found = self.cleaned_data.get(name)
        return None if found == "" else found

    def offer(self, name: str, choices: Choices) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = list(choices)


def search(label: str = "Search") -> forms.CharField:
    """A field for the text that is looked for."""
    return forms.CharField(
        label=label, required=False, widget=forms.SearchInput, max_length=100, strip=True
    )
