"""The fleet as a file: what is in it, for whom, and that it can be imported again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from devices.lists.models import Import
from devices.state import Kind
from devices.steps.add_device import AddDevice
from devices.steps.open_site import OpenSite
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from tests.cast import Cast
from tests.devices.list_ground import PASSWORD, body_of, run_import, upload, uploaded

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


def exported(client: Client, **query: str) -> bytes:
    answer = client.get(reverse("export-devices"), query)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert "attachment" in answer["Content-Disposition"]
    return b"".join(answer)


@pytest.fixture
def fleet(who: Cast) -> None:
    """An NVR, a camera on it, and one whose name is a formula."""
    by, nvr = who.by(who.alice), new_id()

    def add(device: UUID, name: str, port: int, **more: Any) -> None:
        given = {"kind": Kind.CAMERA, "reset_email": "owner@example.com"} | more
        handle(
            AddDevice(
                site=who.site, name=name, host="203.0.113.1", port=port, username="admin",
                password=PASSWORD, **given,
            ),
            device,
            by,
        )  # fmt: skip

    add(nvr, "Cellar", 1, kind=Kind.NVR, tls=True, services="vigi_nvr:20443 rtsp:554")
    add(new_id(), "Gate", 2, nvr=nvr, channel=7, mac="02:00:5E:00:53:01", serial="-1")
    add(new_id(), "=1+1", 3)


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_what_is_exported_is_imported_as_unchanged(
    pages: Client, who: Cast, fleet: None, form: str
) -> None:
    data = exported(pages, format=form)
    added = UUID(upload(pages, who, data, f"list.{form}")["Location"].split("/")[-2])
    row = Import.objects.for_jobs().get(pk=added)
    assert (row.unchanged, row.problems, row.lines) == (3, 0, 3)
    page = body_of(pages.get(reverse("import", args=[added])))
    assert "There is nothing to apply." in page
    assert reverse("apply-import", args=[added]) not in page


def test_sites_and_nvrs_of_one_name_are_told_apart(pages: Client, who: Cast) -> None:
    """By their ids and serial numbers: a new camera would not know otherwise where it belongs."""
    by, twin = who.by(who.alice), new_id()
    handle(OpenSite(who.organisation, "Harbour", "UTC"), twin, by)
    nvrs = [new_id(), new_id()]
    for n, nvr in enumerate(nvrs):
        added = AddDevice(
            twin, Kind.NVR, "Cellar", "203.0.113.1", n + 1, "admin", PASSWORD, serial=f"N{n}"
        )
        handle(added, nvr, by)
    camera = AddDevice(
        twin, Kind.CAMERA, "Gate", "203.0.113.2", 80, "admin", PASSWORD, nvr=nvrs[1], channel=1
    )
    handle(camera, new_id(), by)
    data = exported(pages)
    [gate] = [line for line in data.decode().splitlines() if line.startswith("Gate,")]
    assert ",N1,1," in gate
    assert f",{twin}," in gate
    added = UUID(upload(pages, who, data)["Location"].split("/")[-2])
    assert Import.objects.for_jobs().get(pk=added).unchanged == 3


def test_the_export_follows_the_lists_filters(pages: Client, fleet: None) -> None:
    lines = exported(pages, kind="nvr").decode("utf-8-sig").splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("Cellar,NVR,203.0.113.1,1,yes,")


def test_no_export_holds_a_password_and_viewers_get_a_mailbox_in_part(
    pages: Client, client: Client, who: Cast, fleet: None
) -> None:
    assert b"owner@example.com" in exported(pages)
    assert PASSWORD.encode() not in exported(pages)
    assert b",Password," not in exported(pages)
    client.force_login(who.bob)
    assert b"Gate" in exported(client)
    assert b"owner@example.com" not in exported(client)
    assert "o•••r@e•••e.com".encode() in exported(client)
    client.force_login(who.tess)
    assert b"owner@example.com" in exported(client)


def test_nothing_in_an_export_is_a_formula(pages: Client, fleet: None) -> None:
    text = exported(pages).decode("utf-8-sig")
    assert "'=1+1" in text
    assert ",'-1," in text


def test_charlies_export_holds_nothing_of_northern_light(
    client: Client, who: Cast, fleet: None
) -> None:
    client.force_login(who.charlie)
    assert len(exported(client).decode().splitlines()) == 1


def test_the_export_asks_as_often_for_many_devices_as_for_few(
    pages: Client, who: Cast, fleet: None
) -> None:
    with CaptureQueriesContext(connection) as few:
        exported(pages)
    added = uploaded(pages, who, *((f"C{n}", f"c{n}.example", PASSWORD) for n in range(50)))
    pages.post(reverse("apply-import", args=[added]))
    run_import()
    with CaptureQueriesContext(connection) as many:
        assert len(exported(pages).splitlines()) == 54
    assert len(many) == len(few)


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_template_can_be_filled_in_and_uploaded(pages: Client, who: Cast, form: str) -> None:
    answer = pages.get(reverse("import-template"), {"format": form})
    assert answer["Content-Disposition"].endswith(f'.{form}"')
    assert upload(pages, who, b"".join(answer), f"list.{form}").status_code == 302
