"""The console's pages of imports and exports: what is shown, to whom, and what may be pressed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from devices.lists import imports
from devices.lists.models import Import, ImportFile
from devices.lists.page import ImportPage
from devices.lists.reading import LARGEST
from devices.lists.state import ImportPhase
from devices.models import Device, Secret
from devices.state import Kind
from devices.steps.add_device import AddDevice
from devices.steps.open_site import OpenSite
from fleet.accounts.state import Role
from fleet.eventstore import subscriptions
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import EventRow, Job
from fleet.eventstore.subscriptions import LEASE
from tests.cast import Cast, person
from tests.devices.list_ground import (
    HEAD,
    PASSWORD,
    body_of,
    line,
    run_import,
    shown,
    upload,
    uploaded,
)
from tests.devices.lists.made_up import csv_of, xlsx_of

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


# --- the way --------------------------------------------------------------------------------------


def test_alice_uploads_a_list_sees_what_would_happen_and_applies_it(
    pages: Client, who: Cast
) -> None:
    added = uploaded(pages, who, line(1, "Gate"), line(2, "Door"))
    page = pages.get(reverse("import", args=[added]))
    assert shown(page) == [
        "Gate Add 2 Harbour 203.0.113.1:80",
        "Door Add 3 Harbour 203.0.113.2:80",
    ]
    assert "nothing has been changed" in body_of(page)
    assert not Device.objects.for_jobs().exists()

    assert pages.post(reverse("apply-import", args=[added])).status_code == 302
    assert "Waiting for a worker" in body_of(pages.get(reverse("import", args=[added])))
    run_import()
    page = body_of(pages.get(reverse("import", args=[added])))
    assert "2 devices added, 0 changed." in page
    for device in Device.objects.for_jobs():
        assert reverse("device", args=[device.pk]) in page
    assert reverse("apply-import", args=[added]) not in page
    assert Device.objects.for_jobs().count() == 2


def test_an_xlsx_is_a_list_as_well(pages: Client, who: Cast) -> None:
    answer = upload(pages, who, xlsx_of(HEAD, line(1)), "list.xlsx")
    assert answer.status_code == 302


def test_the_page_keeps_itself_up_to_date_while_it_is_applied(pages: Client, who: Cast) -> None:
    added = uploaded(pages, who, line(1), line(2))
    live = reverse("import-live", args=[added])
    assert pages.get(live)["HX-Refresh"] == "true"
    pages.post(reverse("apply-import", args=[added]))
    first = pages.get(live)
    assert f'hx-get="{live}?seen=' in body_of(first)
    version = re.search(r"seen=([^\"]+)\"", body_of(first))[1]
    assert pages.get(live, {"seen": version}).status_code == 204
    ImportFile.objects.filter(pk=added).update(done=1)
    moved = body_of(pages.get(live, {"seen": version}))
    assert "1 of 2 lines checked" in moved
    assert 'value="1" max="2"' in moved
    ImportFile.objects.filter(pk=added).update(done=2)
    assert "written at once" in body_of(pages.get(live, {"seen": version}))
    run_import()
    answer = pages.get(live, {"seen": version})
    assert (answer.status_code, answer["HX-Refresh"]) == (204, "true")


def test_the_job_tells_how_far_it_is(
    pages: Client, who: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "TELL_EVERY", 2)
    added = uploaded(pages, who, *(line(n) for n in range(1, 6)))
    pages.post(reverse("apply-import", args=[added]))
    told: list[int] = []
    real = imports._teller

    def listening(import_id: UUID, lines: int) -> Any:
        tell = real(import_id, lines)
        return lambda done: (tell(done), told.append(imports.looked_at(import_id)))

    monkeypatch.setattr(imports, "_teller", listening)
    run_import()
    assert told == [0, 2, 2, 4, 5]


# --- problems -------------------------------------------------------------------------------------


def test_problems_come_first_and_nothing_can_be_applied(pages: Client, who: Cast) -> None:
    added = uploaded(pages, who, line(1, "Gate"), ("Door", "nowhere!", PASSWORD))
    page = pages.get(reverse("import", args=[added]))
    assert shown(page)[0].startswith(
        "Door Problem 3 Harbour nowhere!:80 Address: Give an IP address"
    )
    assert reverse("apply-import", args=[added]) not in body_of(page)
    assert "Has problems" in body_of(page)
    refused = pages.post(reverse("apply-import", args=[added]))
    assert refused.status_code == 422
    assert "Lines with a problem: 1." in body_of(refused)


def test_lines_are_filtered_by_what_happens_to_them(pages: Client, who: Cast) -> None:
    for name, port in (("Gate", 1), ("Door", 2)):
        device = AddDevice(who.site, Kind.CAMERA, name, "203.0.113.1", port, "admin", PASSWORD)
        handle(device, new_id(), who.by(who.alice))
    head = ("Name", "Address", "Port", "Password")
    added = uploaded(
        pages,
        who,
        ("Gate", "203.0.113.1", "1", ""),
        ("Front door", "203.0.113.1", "2", ""),
        ("Cellar", "203.0.113.1", "3", PASSWORD),
        ("Attic", "203.0.113.1", "many", PASSWORD),
        head=head,
    )
    address = reverse("import", args=[added])
    for show, found in {
        "": ["Attic", "Gate", "Front door", "Cellar"],
        "problem": ["Attic"],
        "add": ["Cellar"],
        "update": ["Front door"],
        "unchanged": ["Gate"],
        "nonsense": ["Attic", "Gate", "Front door", "Cellar"],
    }.items():
        rows = shown(pages.get(address, {"show": show}))
        assert [row.split(" ")[0] for row in rows] == [name.split(" ")[0] for name in found], show
    [changed] = shown(pages.get(address, {"show": "update"}))
    assert changed.endswith("Name: Door → Front door")
    tabs = re.findall(
        r'<a href="[^"]*"[^>]*>([\w ]+)<span class="count">(\d+)', body_of(pages.get(address))
    )
    assert tabs == [
        ("All", "4"),
        ("Problems", "1"),
        ("To add", "1"),
        ("To change", "1"),
        ("Unchanged", "1"),
    ]


def test_many_lines_come_page_by_page_with_as_many_queries(pages: Client, who: Cast) -> None:
    few = uploaded(pages, who, line(1), line(2))
    many = uploaded(pages, who, *((f"C{n}", f"c{n}.example", PASSWORD) for n in range(230)))
    queries = []
    for added in (few, many):
        with CaptureQueriesContext(connection) as captured:
            pages.get(reverse("import", args=[added]))
        queries.append(len(captured))
    assert queries[0] == queries[1]
    page = pages.get(reverse("import", args=[many]))
    assert len(shown(page)) == 100
    assert "1–100 of 230 lines" in body_of(page)
    assert len(shown(pages.get(reverse("import", args=[many]), {"page": 3}))) == 30


def test_no_query_a_line_in_the_dry_run_and_the_job(pages: Client, who: Cast) -> None:
    """Else ten thousand of them take minutes."""
    counts = []
    for size, prefix in ((5, "a"), (200, "b")):
        lines = [(f"{prefix}{n}", f"{prefix}{n}.example", PASSWORD) for n in range(size)]
        with CaptureQueriesContext(connection) as captured:
            added = uploaded(pages, who, *lines)
            pages.post(reverse("apply-import", args=[added]))
            run_import()
        assert Import.objects.for_jobs().get(pk=added).phase == ImportPhase.APPLIED
        counts.append(len(captured))
    assert counts[1] <= counts[0] + 5, counts


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"Name,Adress,Password\nGate,203.0.113.1,x\n", "do you mean Address?"),
        (b"Gate,203.0.113.1,x\n", "The first line has to name the columns"),
        (b"PK\x03\x04 not really", "This XLSX file cannot be read"),
        (b"", "The submitted file is empty"),
        (b"a" * (LARGEST + 1), "A list has at most 5 MB"),
        (b"a" * (LARGEST * 2), "A list has at most 5 MB"),
    ],
)
def test_what_is_no_list_is_refused_at_its_field_and_nothing_is_kept(
    pages: Client, who: Cast, data: bytes, words: str
) -> None:
    answer = upload(pages, who, data)
    assert answer.status_code == 422
    assert words in body_of(answer)
    assert body_of(answer).count('class="field-error"') == 1
    assert not ImportFile.objects.exists()
    assert not Secret.objects.exists()
    assert not EventRow.everything.filter(category="import").exists()


def test_an_upload_never_becomes_a_file_on_a_disk() -> None:
    assert settings.FILE_UPLOAD_HANDLERS == [
        "django.core.files.uploadhandler.MemoryFileUploadHandler"
    ]
    assert settings.FILE_UPLOAD_MAX_MEMORY_SIZE > LARGEST


def test_no_page_of_an_import_holds_its_passwords(pages: Client, who: Cast) -> None:
    added = uploaded(pages, who, line(1), ("Door", "nowhere!", PASSWORD))
    for address in ("import", "import-live"):
        assert PASSWORD not in body_of(pages.get(reverse(address, args=[added])))
    assert PASSWORD not in body_of(upload(pages, who, b"Name,Adress\nGate," + PASSWORD.encode()))


def test_what_a_file_says_is_text_and_nothing_else(pages: Client, who: Cast) -> None:
    evil = "<script>alert(1)</script>"
    answer = upload(pages, who, csv_of(HEAD, line(1, evil)), f"{evil}.csv")
    page = body_of(pages.get(answer["Location"]))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


# --- who ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bob", "tess"])
def test_who_may_not_add_devices_may_not_import(client: Client, who: Cast, name: str) -> None:
    client.force_login(getattr(who, name))
    assert client.get(reverse("import-devices")).status_code == 403
    assert upload(client, who, csv_of(HEAD, line(1))).status_code == 403
    assert not ImportFile.objects.exists()


def test_charlie_and_a_colleague_meet_nothing_of_alices_list(
    pages: Client, client: Client, who: Cast
) -> None:
    added = uploaded(pages, who, line(1))
    colleague = person("Ada", who.organisation, Role.ADMINISTRATOR)
    for other in (who.charlie, colleague, who.bob):
        client.force_login(other)
        for address in ("import", "import-live"):
            assert client.get(reverse(address, args=[added])).status_code == 404
        for address in ("apply-import", "discard-import"):
            assert client.post(reverse(address, args=[added])).status_code == 404
    assert Import.objects.for_jobs().get(pk=added).phase == ImportPhase.CHECKED


def test_the_sites_to_choose_from_are_where_one_may_add(client: Client, who: Cast) -> None:
    museum = new_id()
    handle(OpenSite(who.organisation, "Museum", "UTC"), museum, who.by(who.alice))
    client.force_login(person("Olga", who.organisation, Role.OPERATOR, who.site))
    body = body_of(client.get(reverse("import-devices")))
    assert f'value="{who.site}"' in body
    assert "Museum" not in body
    body = {"site": str(museum), "content": SimpleUploadedFile("l.csv", csv_of(HEAD, line(1)))}
    assert client.post(reverse("import-devices"), body).status_code == 422


# --- afterwards -----------------------------------------------------------------------------------


def test_a_list_can_be_discarded(pages: Client, who: Cast) -> None:
    added = uploaded(pages, who, line(1))
    answer = pages.post(reverse("discard-import", args=[added]), follow=True)
    assert "The list is deleted. Nothing was changed." in body_of(answer)
    page = body_of(pages.get(reverse("import", args=[added])))
    assert "Upload it again" in page
    assert "Discarded" in page


def test_after_an_hour_it_is_not_kept_any_longer(pages: Client, who: Cast) -> None:
    now = datetime.now(UTC)
    added = uploaded(pages, who, line(1))
    with time_machine.travel(now + timedelta(hours=1) + LEASE, tick=False):
        page = ImportPage(Import.objects.for_jobs().get(pk=added))
        assert not page.may_apply
        subscriptions.pump()
        for job in Job.objects.filter(reaction="devices.expire_import"):
            subscriptions.run(job.id)
    page = body_of(pages.get(reverse("import", args=[added])))
    assert "Not kept any longer" in page
    assert "Camera 1" not in page


def test_the_last_lists_of_ones_own_stand_below_the_form(
    pages: Client, client: Client, who: Cast
) -> None:
    uploaded(pages, who, line(1))
    assert "list.csv" in body_of(pages.get(reverse("import-devices")))
    client.force_login(person("Ada", who.organisation, Role.ADMINISTRATOR))
    assert "list.csv" not in body_of(client.get(reverse("import-devices")))
