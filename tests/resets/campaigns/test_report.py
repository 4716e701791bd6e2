"""The report of a campaign: what stands in it, for whom, and that no password does."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.test import Client
from openpyxl import load_workbook
from pypdf import PdfReader

from devices.steps.change_device import ChangeDevice
from devices.steps.open_site import OpenSite
from fleet.accounts.access import actor_of
from fleet.accounts.models import Person
from fleet.accounts.state import Role
from fleet.errors import NotFound
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from resets.campaigns.report.facts import HEADS, WIDTHS, Line, Report, Table, report
from resets.campaigns.report.files import ReportForm, written
from resets.campaigns.report.pdf import BORROWED, NOTE, pdf_of
from resets.campaigns.state import Standing, item_id
from resets.campaigns.steps.items import BeginItem, EndItem
from tests.api.client import api_of
from tests.cast import SETUP, Cast, person
from tests.resets.campaigns import ground
from tests.security.world import PASSWORD, a_device

pytestmark = pytest.mark.django_db
once = pytest.mark.one_database
NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@dataclass
class Scene:
    """A campaign over two sites: three devices at Harbour, one at Museum, where Hans alone is."""

    who: Cast
    hans: Person
    harbour: list[UUID]
    museum: UUID
    campaign: UUID

    def end(self, device: UUID, standing: Standing, why: str) -> UUID:
        item, reset = item_id(self.campaign, device), new_id()
        handle(BeginItem(reset), item, SETUP)
        handle(EndItem(standing, why), item, SETUP)
        return reset


@pytest.fixture(scope="module")
def made(everybody: Cast) -> Scene:
    who, elsewhere = everybody, new_id()
    handle(OpenSite(who.organisation, "Museum", "Europe/London"), elsewhere, SETUP)
    hans = person("Hans", who.organisation, Role.ADMINISTRATOR, elsewhere)
    harbour = [a_device(who, who.site, number, "Pier") for number in (1, 2, 3)]
    museum = a_device(who, elsewhere, 4, "Vault")
    campaign = ground.under_way(who, ground.second(who), place_id=who.organisation)
    return Scene(who, hans, harbour, museum, campaign)


@pytest.fixture
def scene(made: Scene, db: None) -> Scene:
    return deepcopy(made)


def read(scene: Scene, somebody: Person) -> Report:
    return report(actor_of(somebody), scene.campaign)


def line_of(found: Report, name: str) -> Line:
    [line] = [one for one in found.lines if one.device == name]
    return line


def file(found: Report, form: ReportForm) -> bytes:
    return b"".join(written(found, form).pieces)


def csv_tables(content: bytes) -> list[list[list[str]]]:
    """Each table of the file, its heads first."""
    tables: list[list[list[str]]] = [[]]
    for row in csv.reader(io.StringIO(content.decode("utf-8-sig"))):
        if row:
            tables[-1].append(row)
        else:
            tables.append([])
    return tables


def texts(content: bytes) -> list[str]:
    """What stands on each page, words parted by single spaces."""
    return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(content)).pages]


def test_each_device_has_one_line_with_what_came_of_it(scene: Scene) -> None:
    with time_machine.travel(NOON, tick=False):
        reset = scene.end(scene.harbour[0], Standing.PROVEN, "proven")
        scene.end(scene.harbour[1], Standing.FAILED, "unreachable")
        scene.end(scene.museum, Standing.UNPROVEN, "new_refused")
    found = read(scene, scene.who.alice)
    assert sorted(line.device for line in found.lines) == ["Pier 1", "Pier 2", "Pier 3", "Vault 4"]
    proven = line_of(found, "Pier 1")
    assert (proven.site, proven.standing, proven.why) == ("Harbour", "Proven", "")
    assert (proven.account, proven.tries, proven.reset) == ("admin", "1", str(reset))
    assert (proven.begun, proven.ended) == ("2026-07-01 14:00:00+02:00",) * 2
    assert line_of(found, "Vault 4").ended == "2026-07-01 13:00:00+01:00"
    assert line_of(found, "Pier 2").why == "The device does not answer"
    assert line_of(found, "Vault 4").why.startswith("The device said yes to the new password")
    assert line_of(found, "Pier 3").standing == "Waiting"
    assert not line_of(found, "Pier 3").reset


def test_the_totals_are_those_of_the_lines(scene: Scene) -> None:
    scene.end(scene.harbour[0], Standing.PROVEN, "proven")
    for device in scene.harbour[1:]:
        scene.end(device, Standing.FAILED, "unreachable")
    _, sites, reasons, _ = read(scene, scene.who.alice).tables
    tally = {row[0]: dict(zip(sites.heads[1:], row[1:], strict=True)) for row in sites.rows}
    assert tally["Harbour"]["Proven"] == "1"
    assert tally["Harbour"]["Failed"] == "2"
    assert tally["Museum"]["Waiting"] == tally["Museum"]["Altogether"] == "1"
    assert tally["All of them"]["Altogether"] == "4"
    assert [*reasons.rows] == [("Failed", "The device does not answer", "2")]


def test_it_says_who_planned_what_and_why(scene: Scene) -> None:
    about = dict(read(scene, scene.who.alice).facts)
    assert about["Kind"] == "Rotation"
    assert about["Reason"] == "It is time"
    assert about["Place"] == "All sites of the organisation"
    assert (about["Planned by"], about["Agreed to by"]) == ("Alice", "Ada")
    assert about["At one time, for each site"] == "50"
    assert about["Pace"] == "As fast as it goes"
    assert about["Digest of what was agreed to"] == ground.state(scene.campaign).digest
    vera = person("Vera", scene.who.organisation, Role.VIEWER)
    assert "Digest of what was agreed to" not in dict(read(scene, vera).facts)


def test_who_has_a_role_at_one_site_gets_its_lines_and_no_trace_of_the_others(
    scene: Scene,
) -> None:
    for somebody, mine, names in (
        (scene.who.bob, "Harbour", ["Pier 1", "Pier 2", "Pier 3"]),
        (scene.hans, "Museum", ["Vault 4"]),
    ):
        found = read(scene, somebody)
        assert sorted(line.device for line in found.lines) == names
        assert {line.site for line in found.lines} == {mine}
        everything = file(found, ReportForm.CSV).decode()
        others = {"Harbour", "Museum", "Pier", "Vault"} - {mine, names[0].split()[0]}
        assert not [word for word in (*others, "Quarterly", "It is time") if word in everything]


def test_for_an_outsider_there_is_no_such_campaign(scene: Scene) -> None:
    with pytest.raises(NotFound):
        read(scene, scene.who.charlie)
    with pytest.raises(NotFound):
        report(actor_of(scene.who.alice), new_id())


@once
def test_the_three_files_hold_the_same(scene: Scene) -> None:
    scene.end(scene.harbour[0], Standing.PROVEN, "proven")
    found = read(scene, scene.who.alice)
    book = load_workbook(io.BytesIO(file(found, ReportForm.XLSX)))
    sheets = [[[c or "" for c in r] for r in book[t.name].values] for t in found.tables]
    kept = [rows for rows in sheets if len(rows) > 1]
    tables = csv_tables(file(found, ReportForm.CSV))
    assert [rows for rows in tables if len(rows) > 1] == kept
    assert tables[-1][0] == list(HEADS)
    pages = " ".join(texts(file(found, ReportForm.PDF)))
    for word in ("Quarterly", "Rotation", "Planned by Alice", "Pier 3", "Vault 4", "Page 1 of 1"):
        assert word in pages


@once
def test_no_password_stands_in_any_of_them(scene: Scene) -> None:
    scene.end(scene.harbour[0], Standing.PROVEN, "proven")
    found = read(scene, scene.who.alice)
    book = load_workbook(io.BytesIO(file(found, ReportForm.XLSX)))
    cells = [c for sheet in book for row in sheet.values for c in row]
    assert PASSWORD not in f"{cells}"
    assert PASSWORD not in file(found, ReportForm.CSV).decode()
    assert PASSWORD not in " ".join(texts(file(found, ReportForm.PDF)))


@once
def test_a_name_that_is_a_formula_stays_a_name(scene: Scene) -> None:
    trap = "=HYPERLINK(1)"
    handle(ChangeDevice(name="Pier 9"), scene.harbour[0], scene.who.by(scene.who.alice))
    row = Line(*(trap for _ in HEADS))
    found = Report(trap, [("Reason", trap)], [row], NOON)
    assert f"'{trap}" in file(found, ReportForm.CSV).decode()
    assert trap not in [c for t in csv_tables(file(found, ReportForm.CSV)) for r in t for c in r]
    book = load_workbook(io.BytesIO(file(found, ReportForm.XLSX)))
    assert {c.data_type for sheet in book for row in sheet.rows for c in row if c.value} == {"s"}


def a_row(name: str, number: int) -> Sequence[str]:
    return (f"Site {number % 3}", name, *(f"{head} {number}" for head in HEADS[2:]))


@once
def test_a_long_pdf_repeats_its_heads_and_counts_its_pages() -> None:
    rows = [a_row(f"Gate {number}", number) for number in range(200)]
    pages = texts(pdf_of("Long", [Table("Devices", HEADS, rows, WIDTHS)]))
    assert len(pages) > 5
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of" in page
        assert "Serial number NVR Account" in page
    everything = " ".join(pages)
    assert [n for n in range(200) if f"Gate {n} " not in everything] == []


@once
@pytest.mark.parametrize(
    "name", ["Łódź – Ñandú ß", "Ворота север", "Πύλη", "摄像机", "カメラ", "한국 카메라"]
)
def test_names_of_many_scripts_stand_in_the_pdf(name: str) -> None:
    [page] = texts(pdf_of(name, [Table("Devices", HEADS, [a_row(name, 1)], WIDTHS)]))
    assert page.replace(" ", "").count(name.replace(" ", "")) == 2
    assert NOTE not in page
    assert (BORROWED in page) is (name[0] > "\u3000")


@once
def test_a_letter_that_the_pdf_lacks_is_a_box_and_it_says_so() -> None:
    [page] = texts(pdf_of("x", [Table("Devices", HEADS, [a_row("بوابة", 1)], WIDTHS)]))
    assert "▯▯▯▯▯" in page
    assert NOTE in page


@once
def test_the_longest_cell_cannot_keep_a_page_from_ending() -> None:
    rows = [a_row("x" * 5000, 1), a_row("word " * 1000, 2)]
    [page] = texts(pdf_of("t" * 400, [Table("Devices", HEADS, rows, WIDTHS)]))
    assert "…" in page


@once
def test_pages_and_calls_give_it_to_whoever_may_see_it(scene: Scene) -> None:
    page = f"/campaigns/{scene.campaign}/report/"
    for somebody, status in (
        (scene.who.alice, 200),
        (scene.who.bob, 200),
        (scene.who.charlie, 404),
    ):
        client = Client(headers={"Host": "localhost"})
        client.force_login(somebody)
        for form in ReportForm:
            shown: Any = client.get(page, {"format": form})
            told: Any = api_of(somebody).get(f"campaigns/{scene.campaign}/report/", format=form)
            assert (shown.status_code, told.status_code) == (status, status)
            if status == 200:
                assert shown["Content-Type"] == told["Content-Type"] == form.media_type
                assert shown["Content-Disposition"].endswith(f'.{form}"')
                assert shown["Cache-Control"] == "no-store"
        assert client.get(page, {"format": "exe"}).status_code == 404
    refused: Any = api_of(scene.who.alice).get(f"campaigns/{scene.campaign}/report/", format="exe")
    assert refused.status_code == 400
