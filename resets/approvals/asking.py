"""How pages ask about what a second person agrees to: a mailbox, a campaign, a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms

from fleet.eventstore.messages import Command, asked_fields
from fleet.web.command_forms import form_of


@dataclass(frozen=True)
class Says:
    """How a step is named, on its button and on its page. `done`: what is said once it is taken;
    `told`: what follows from it, where that is more than the step's own words.
    """

    name: str
    title: str
    icon: str
    done: str
    look: str = ""
    told: str = ""


@dataclass(frozen=True)
class Step:
    """Something that a reader may do, and how it is asked. `digest` is that of what is shown."""

    command: type[Command[Any]]
    says: Says
    digest: str

    @property
    def slug(self) -> str:
        return self.command.slug

    @property
    def about(self) -> str:
        """What it does. (A template would call the command itself to look into it.)"""
        return self.command.about

    @property
    def is_approval(self) -> bool:
        """Whether its answer is bound to what is shown."""
        return "digest" in asked_fields(self.command)

    def form(self, answers: Mapping[str, Any] | None = None) -> forms.Form:
        """The digest goes with an approval's form, unseen."""
        form = form_of(self.command, answers, {"digest": self.digest})
        if self.is_approval:
            form.fields["digest"].widget = forms.HiddenInput()
        return form
