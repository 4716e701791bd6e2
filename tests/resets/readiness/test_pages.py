"""Readiness and drills as people and programs see them, without a browser."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import openpyxl
import pytest
import time_machine
from django.conf import settings as configured
from django.test import Client
from django.urls import reverse

from devices.steps.check_device import RecordCheck
from devices.steps.open_site import OpenSite
from devices.steps.take_in_device import DeviceIdentified, RecordIdentity
from fleet.accounts.models import Person
from fleet.accounts.state import Role
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import EventRow
from resets.codes import CodeKey
from resets.readiness.models import Drill
from resets.readiness.page import PER_PAGE
from resets.readiness.score import REASONS
from resets.readiness.steps import FailDrill, PassDrill
from tests.api.client import api_of
from tests.cast import SETUP, Cast, person
from tests.fleet.eventstore.ground import add, device, reset

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]
TO = "owner.one@example.com"


def browser(somebody: Person) -> Client:
    client = Client(headers={"Host": "localhost"})
    client.force_login(somebody)
    return client


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def certified(who: Cast, **fields: Any) -> UUID:
    camera = device(who, **fields)
    handle(RecordCheck(True), camera, SETUP)
    return camera


def code_of(drill: UUID, send: int = 1) -> str:
    return CodeKey(configured.REKEY_CODE_KEY).code(drill, send, 8)


# --- readiness ------------------------------------------------------------------------------------


def test_the_fleet_by_score_and_by_reason_the_worst_first(who: Cast) -> None:
    good, bad = certified(who, name="Gate"), device(who, name="Cellar", reset_email="")
    handle(RecordCheck(False), bad, SETUP)
    page = browser(who.bob).get(reverse("readiness"))
    said = text(page)
    for words in ("Not certified", "No Reset Password Email", "42", "84", "Mean score", "63"):
        assert words in said, words
    assert REASONS["mailbox_missing"].next in said
    shown = page.content.decode().split('id="results"')[1]
    assert shown.index(str(bad)) < shown.index(str(good))


def test_filters_narrow_it_down_and_an_odd_one_is_no_harm(who: Cast) -> None:
    good, bad = certified(who, name="Gate"), device(who, name="Cellar", reset_email="")
    bob, address = browser(who.bob), reverse("readiness")

    def shown(**query: Any) -> set[UUID]:
        found = bob.get(address, query).content.decode()
        return {one for one in (good, bad) if str(one) in found}

    assert shown() == {good, bad}
    assert shown(reason="mailbox_missing") == {bad}
    assert shown(reason="mailbox_untested") == {good}
    assert shown(band="nearly") == {good}
    assert shown(q="cellar") == {bad}
    assert shown(site=str(who.site)) == {good, bad}
    assert "No device fits these filters." in text(bob.get(address, {"q": "nothing"}))
    assert "No device fits these filters." in text(bob.get(address, {"band": "ready"}))
    for odd in ({"site": "x"}, {"reason": "x"}, {"band": "x"}, {"q": "x" * 900}, {"page": "x"}):
        assert bob.get(address, odd).status_code == 200


def test_a_long_list_has_pages(who: Cast) -> None:
    for number in range(PER_PAGE + 1):
        handle(add(who, name=f"Gate {number:02}"), new_id(), SETUP)
    bob, address = browser(who.bob), reverse("readiness")
    assert f"1–{PER_PAGE} of {PER_PAGE + 1} devices" in text(bob.get(address))
    assert "Gate 50" in text(bob.get(address, {"page": "2"}))


def test_nobody_sees_a_trace_of_what_is_not_theirs(who: Cast) -> None:
    elsewhere, hidden = new_id(), new_id()
    handle(OpenSite(who.organisation, "Museum", "Europe/London"), elsewhere, SETUP)
    handle(add(who, name="Treasury", site=elsewhere), hidden, who.by(who.alice))
    certified(who, name="Gate")
    for address in ("readiness", "export-readiness"):
        for somebody in (who.bob, who.tess, who.charlie):
            answer = browser(somebody).get(reverse(address))
            content = b"".join(answer) if answer.streaming else answer.content
            assert b"Treasury" not in content and b"Museum" not in content
            assert str(hidden).encode() not in content
    assert "No devices yet." in text(browser(who.charlie).get(reverse("readiness")))
    assert "Treasury" in text(browser(who.alice).get(reverse("readiness")))


def test_the_dashboard_and_the_menu_lead_there(who: Cast) -> None:
    assert "panel-readiness" not in browser(who.bob).get("/").content.decode()
    device(who, reset_email="")
    page = browser(who.bob).get("/").content.decode()
    assert f'href="{reverse("readiness")}"' in page
    panel = page.split('id="panel-readiness"')[1].split("</section>")[0]
    assert "No Reset Password Email" in panel and "reason=mailbox_missing" in panel
    assert "panel-readiness" not in browser(who.charlie).get("/").content.decode()


def test_the_devices_page_says_why_and_what_to_do(who: Cast) -> None:
    camera = certified(who)
    seen = DeviceIdentified("TP-Link", "VIGI C540V", "2.0.0 Build 240101", "A-1", None, "")
    handle(RecordIdentity(seen), camera, SETUP)
    said = text(browser(who.bob).get(reverse("device", args=[camera])))
    for words in ("69 of 100", "Firmware with a published flaw", "CVE-2026-0629", "Put right in:"):
        assert words in said, words
    assert REASONS["drill_overdue"].next in said


# --- the export -----------------------------------------------------------------------------------


def test_readiness_is_taken_along_as_a_list(who: Cast) -> None:
    certified(who, name="=cmd()", reset_email=TO)
    bad = device(who, name="Cellar", reset_email="")
    bob = browser(who.bob)
    answer = bob.get(reverse("export-readiness"))
    assert answer["Content-Type"].startswith("text/csv")
    content = b"".join(answer).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content)))
    assert [(row["Name"], row["Score"]) for row in rows] == [("Cellar", "55"), ("'=cmd()", "84")]
    assert rows[0]["Device"] == str(bad)
    assert "No Reset Password Email" in rows[0]["Reasons"]
    assert rows[0]["What to do"]
    assert TO not in content and "owner" not in content
    one = b"".join(bob.get(reverse("export-readiness"), {"reason": "mailbox_missing"})).decode()
    assert "Cellar" in one and "cmd" not in one
    book = b"".join(bob.get(reverse("export-readiness"), {"format": "xlsx"}))
    sheet = openpyxl.load_workbook(io.BytesIO(book)).active
    assert sheet["B2"].value == "Cellar"
    called = api_of(who.bob, Role.VIEWER).get("readiness/export/", below=60)
    assert b"Cellar" in b"".join(called)


# --- drills ---------------------------------------------------------------------------------------


def begun(somebody: Client, camera: UUID) -> str:
    answer = somebody.post(reverse("begin-drill", args=[camera]))
    assert answer.status_code == 302
    return str(answer.url)


def offered(somebody: Client, camera: UUID) -> bool:
    """Whether the device's page has the button."""
    page = somebody.get(reverse("device", args=[camera])).content.decode()
    return reverse("begin-drill", args=[camera]) in page


def test_a_drill_on_its_pages(who: Cast) -> None:
    camera, tess = certified(who, reset_email=TO), browser(who.tess)
    assert offered(tess, camera)
    address = begun(tess, camera)
    page = tess.get(address)
    said = text(page)
    for words in ("No password is changed by it.", "o•••e@e•••e.com", "Enter the code", "Queued"):
        assert words in said, words
    assert TO not in page.content.decode()
    assert begun(tess, camera) == address, "the one under way is led to"
    assert not offered(tess, camera)

    [drill] = Drill.objects.for_jobs()
    step = reverse("drill-step", args=[drill.pk, "enter-drill-code"])
    wrong = tess.post(step, {"code": "00000000"})
    assert (wrong.status_code, "4 tries left" in text(wrong)) == (422, True)
    assert tess.post(step, {"code": code_of(drill.pk)}).url == address
    assert "Rekey tries the way to the device" in text(tess.get(address))
    handle(PassDrill(), drill.pk, SETUP)
    assert "A reset would have worked" in text(tess.get(address))
    assert "Passed" in text(tess.get(reverse("device", args=[camera])))
    told = EventRow.everything.filter(stream=drill.pk).values_list("data", flat=True)
    assert code_of(drill.pk) not in "".join(told)


def test_why_a_drill_failed_stands_on_its_page(who: Cast) -> None:
    camera, tess = certified(who), browser(who.tess)
    address = begun(tess, camera)
    [drill] = Drill.objects.for_jobs()
    step = reverse("drill-step", args=[drill.pk, "enter-drill-code"])
    tess.post(step, {"code": code_of(drill.pk)})
    handle(FailDrill("unreachable", "The device does not answer."), drill.pk, SETUP)
    said = text(tess.get(address))
    assert "A reset would not have worked" in said and "The device does not answer." in said
    assert "The last drill failed" in text(tess.get(reverse("device", args=[camera])))
    assert offered(tess, camera)


def test_who_only_looks_presses_nothing_and_nobody_types_anothers_code(who: Cast) -> None:
    camera = certified(who)
    address = begun(browser(who.tess), camera)
    [drill] = Drill.objects.for_jobs()
    step = reverse("drill-step", args=[drill.pk, "enter-drill-code"])
    page = browser(who.bob).get(address)
    assert page.status_code == 200
    assert "<form" not in page.content.decode().split('id="main"')[1]
    assert not offered(browser(who.bob), camera)
    for somebody, status in ((who.bob, 403), (who.charlie, 404)):
        client = browser(somebody)
        assert client.post(step, {"code": code_of(drill.pk)}).status_code == status
        assert client.post(reverse("begin-drill", args=[camera])).status_code in (302, 404, 403)
    assert browser(who.charlie).get(address).status_code == 404
    olga = browser(person("Olga", who.organisation, Role.TECHNICIAN, who.site))
    assert "Somebody else asked for this code" in text(olga.get(address))
    assert olga.post(step, {"code": code_of(drill.pk)}).status_code == 403
    assert Drill.objects.for_jobs().get().phase == "code_sent"


def test_the_page_moves_by_itself(who: Cast) -> None:
    camera, tess = certified(who), browser(who.tess)
    begun(tess, camera)
    [drill] = Drill.objects.for_jobs()
    live = reverse("drill-live", args=[drill.pk])
    first = tess.get(live, {"on": "code_sent"})
    seen = re.search(r"seen=([\d.-]+)", first.content.decode())
    assert first.status_code == 200 and seen
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=90), tick=False):
        again = tess.get(live, {"on": "code_sent", "seen": seen[1]})
        assert "disabled" not in again.content.decode(), "another may be sent by now"
    step = reverse("drill-step", args=[drill.pk, "cancel-drill"])
    assert tess.post(step).status_code == 302
    moved = tess.get(live, {"on": "code_sent", "seen": seen[1]})
    assert (moved.status_code, moved["HX-Refresh"]) == (204, "true")


def test_where_there_can_be_no_drill_the_page_says_why(who: Cast) -> None:
    tess = browser(who.tess)
    camera = certified(who)
    reset(who, camera)
    refused = tess.post(reverse("begin-drill", args=[camera]))
    assert (refused.status_code, "A reset of this device is under way" in text(refused)) == (
        409,
        True,
    )
    bare = device(who, reset_email="")
    assert not offered(tess, bare)
    assert tess.post(reverse("begin-drill", args=[bare])).status_code == 422
    assert tess.post(reverse("begin-drill", args=[uuid4()])).status_code == 404


# --- the calls ------------------------------------------------------------------------------------


def test_readiness_by_calls(who: Cast) -> None:
    good, bad = certified(who, name="Gate"), device(who, name="Cellar", reset_email="")
    api = api_of(who.bob, Role.VIEWER)
    rows = api.all("readiness/")
    assert [(row["id"], row["score"]) for row in rows] == [(str(bad), 55), (str(good), 84)]
    assert [reason["code"] for reason in rows[0]["reasons"]] == [
        "mailbox_missing",
        "never_certified",
        "drill_overdue",
    ]
    assert rows[0]["band"] == "not_ready"
    assert api.get(f"devices/{good}/readiness/").json() == rows[1]
    assert api.all("readiness/", limit=1) == rows
    assert [row["id"] for row in api.all("readiness/", reason="mailbox_missing")] == [str(bad)]
    assert [row["id"] for row in api.all("readiness/", below=60)] == [str(bad)]
    assert api.all("readiness/", band="ready") == []
    assert api.all("readiness/", site=str(uuid4())) == []
    assert api.get("readiness/", reason="nothing").status_code == 400
    nowhere = api.get("readiness/", cursor=str(uuid4()))
    assert (nowhere.status_code, nowhere.json()["code"]) == (400, "no_such_cursor")
    charlie = api_of(who.charlie)
    assert charlie.all("readiness/") == []
    assert charlie.get(f"devices/{good}/readiness/").status_code == 404


def test_a_drill_by_calls(who: Cast) -> None:
    camera, api = certified(who, reset_email=TO), api_of(who.tess)
    made = api.post(f"devices/{camera}/drills/")
    assert made.status_code == 201
    drill = made.json()
    assert (drill["phase"], drill["mailbox"]) == ("code_sent", "o•••e@e•••e.com")
    second = api.post(f"devices/{camera}/drills/")
    assert (second.status_code, second.json()["code"]) == (429, "drill_too_soon")
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=20), tick=False):
        third = api.post(f"devices/{camera}/drills/")
        assert (third.status_code, third.json()["code"]) == (409, "drill_open_already")
    enter = f"drills/{drill['id']}/enter-drill-code/"
    wrong = api.post(enter, {"code": "00000000"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "wrong_code")
    done = api.post(enter, {"code": code_of(UUID(drill["id"]))})
    assert (done.status_code, done.json()["phase"]) == (200, "checking")
    assert api.get(made["Location"]).json() == done.json()
    assert api.all("drills/", device=str(camera), open="true") == [done.json()]
    assert api.all("drills/", phase="passed") == []
    assert api_of(who.charlie).all("drills/") == []
    assert api_of(who.bob, Role.VIEWER).post(f"devices/{camera}/drills/").status_code == 403


def test_in_the_history_a_viewer_reads_the_mailbox_in_part(who: Cast) -> None:
    camera = certified(who, reset_email=TO)
    api_of(who.tess).post(f"devices/{camera}/drills/")
    asked = {"type": "resets.drill_begun"}
    [seen] = api_of(who.bob, Role.VIEWER).all("events/", **asked)
    assert seen["data"]["reset_email"] == "o•••e@e•••e.com" and TO not in str(seen)
    assert api_of(who.charlie).all("events/", **asked) == []
    page = browser(who.bob).get(reverse("device", args=[camera]))
    assert "began a drill of a reset" in text(page) and TO not in page.content.decode()


def test_ten_codes_of_drills_in_a_day_to_one_mailbox(who: Cast) -> None:
    api = api_of(who.tess)
    for _ in range(10):
        assert api.post(f"devices/{device(who, reset_email=TO)}/drills/").status_code == 201
    refused = api.post(f"devices/{device(who, reset_email=TO.upper())}/drills/")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_drill_codes")
    assert int(refused["Retry-After"]) > 86_000
    other = device(who, reset_email="another@example.com")
    assert api.post(f"devices/{other}/drills/").status_code == 201
    begin = api.post(f"devices/{device(who, reset_email=TO)}/resets/", {"reason": "Lost"})
    code = api.post(f"resets/{begin.json()['id']}/send-code/")
    assert code.status_code == 200, "a reset's own codes are counted apart"
