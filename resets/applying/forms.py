"""What is pasted into a page may be uploaded as well: a challenge, a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from fleet.eventstore.messages import Command, asked_fields


def typed_or_uploaded(command: type[Command[Any]], request: HttpRequest) -> Mapping[str, Any]:
    """A form's answers; a file stands for the text of the long field of its name."""
    answers = request.POST.copy()
    for name, (asked, _) in asked_fields(command).items():
        file = request.FILES.get(name)
        if asked.long and file is not None:
            # One character more than is allowed: the form then says so.
            answers[name] = file.read(asked.max_length + 1).decode(errors="replace")
    return answers
