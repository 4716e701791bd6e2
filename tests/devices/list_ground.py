"""Lists that are uploaded."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from fleet.eventstore import subscriptions
from fleet.eventstore.models import Job
from tests.cast import Cast
from tests.devices.lists.made_up import csv_of

PASSWORD = "invented-for-this-test-1"
HEAD = ("Name", "Address", "Password")


def line(number: int, name: str = "", **more: str) -> tuple[str, ...]:
    return (name or f"Camera {number}", f"203.0.113.{number}", PASSWORD, *more.values())


def upload(pages: Client, who: Cast, data: bytes, name: str = "list.csv") -> Any:
    body = {"site": str(who.site), "content": SimpleUploadedFile(name, data)}
    return pages.post(reverse("import-devices"), body)


def uploaded(pages: Client, who: Cast, *lines: tuple[str, ...], head: Any = HEAD) -> UUID:
    answer = upload(pages, who, csv_of(head, *lines))
    assert answer.status_code == 302, body_of(answer)
    return UUID(answer["Location"].split("/")[-2])


def body_of(answer: Any) -> str:
    return answer.content.decode()


def shown(answer: Any) -> list[str]:
    """Each line of the table in words."""
    rows = re.findall(r"<tr><th scope=\"row\">.*?</tr>", body_of(answer), re.S)
    return [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in rows]


def run_import() -> None:
    subscriptions.pump()
    for job in Job.objects.filter(reaction="devices.apply_import"):
        subscriptions.run(job.id)
