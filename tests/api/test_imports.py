"""Importing and exporting lists of devices by API."""

from __future__ import annotations

import csv
import io
from base64 import b64encode
from typing import Any

import pytest

from devices.api import DeviceFilters
from devices.lists import api as import_api
from devices.lists.models import ImportFile
from devices.lists.reading import LARGEST
from devices.models import Device
from fleet.eventstore import subscriptions
from fleet.eventstore.models import Job
from tests.api.client import Api, api_of
from tests.cast import Cast
from tests.devices.lists.made_up import csv_of, xlsx_of

PASSWORD = "invented-for-this-test-1"
HEAD = ("Name", "Address", "Password")


def a_list(who: Cast, data: bytes) -> dict[str, Any]:
    return {"site": str(who.site), "file": "list.csv", "content": b64encode(data).decode()}


def lines(count: int) -> list[tuple[str, ...]]:
    return [(f"Camera {n}", f"203.0.113.{n}", PASSWORD) for n in range(1, count + 1)]


def run_import() -> None:
    subscriptions.pump()
    for job in Job.objects.filter(reaction="devices.apply_import"):
        subscriptions.run(job.id)


@pytest.mark.parametrize("data", [csv_of(HEAD, *lines(3)), xlsx_of(HEAD, *lines(3))])
def test_a_list_is_uploaded_looked_at_and_applied(who: Cast, alice: Api, data: bytes) -> None:
    created = alice.post("imports/", a_list(who, data))
    assert created.status_code == 201, created.content
    facts = created.json()
    assert created["Location"] == f"/api/v1/imports/{facts['id']}/"
    assert (facts["phase"], facts["to_add"], facts["problems"]) == ("checked", 3, 0)
    assert [line["action"] for line in facts["lines"]] == ["add"] * 3
    assert PASSWORD not in created.content.decode()
    assert not Device.objects.for_jobs().exists()

    applying = alice.post(f"imports/{facts['id']}/apply/")
    assert (applying.status_code, applying.json()["phase"]) == (202, "applying")
    run_import()
    done = alice.get(f"imports/{facts['id']}/").json()
    assert (done["phase"], done["to_add"]) == ("applied", 3)
    assert alice.get(f"devices/{done['lines'][0]['device']}/").json()["name"] == "Camera 1"
    assert [one["id"] for one in alice.all("imports/")] == [facts["id"]]


def test_lines_come_in_pages_and_by_what_happens_to_them(who: Cast, alice: Api) -> None:
    data = csv_of(HEAD, *lines(5), ("Door", "nowhere!", PASSWORD))
    made = alice.post("imports/", a_list(who, data)).json()
    assert made["next_after"] is None
    address = f"imports/{made['id']}/"
    first = alice.get(address, limit=4).json()
    assert ([one["number"] for one in first["lines"]], first["next_after"]) == ([2, 3, 4, 5], 5)
    rest = alice.get(address, limit=4, after=5).json()
    assert ([one["number"] for one in rest["lines"]], rest["next_after"]) == ([6, 7], None)
    [wrong] = alice.get(address, action="problem").json()["lines"]
    assert wrong["problem"]["code"] == "host_wrong"
    assert wrong["problem"]["column"] == "Address"
    refused = alice.post(f"{address}apply/")
    assert (refused.status_code, refused.json()["code"]) == (422, "import_has_problems")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"Name,Adress\nGate,203.0.113.1\n", "column_unknown"),
        (b"", "header_missing"),
        (b"a" * (LARGEST + 1), "file_too_large"),
    ],
)
def test_what_is_no_list_is_refused(who: Cast, alice: Api, data: bytes, code: str) -> None:
    refused = alice.post("imports/", a_list(who, data))
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert refused.json()["errors"][0]["field"] == "content"
    assert not ImportFile.objects.exists()


@pytest.mark.parametrize("content", ["?", "YQ", "ÿ", "Y Q=="])
def test_what_is_no_base64_is_refused(who: Cast, alice: Api, content: str) -> None:
    refused = alice.post("imports/", a_list(who, b"") | {"content": content})
    assert (refused.status_code, refused.json()["code"]) == (422, "content_wrong")


def test_a_body_far_too_large_is_not_read(who: Cast, alice: Api) -> None:
    body = a_list(who, b"") | {"content": "A" * import_api.ListParser.largest}
    refused = alice.post("imports/", body)
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")


def test_sent_twice_with_one_key_it_is_one_import(who: Cast, alice: Api) -> None:
    body, key = a_list(who, csv_of(HEAD, *lines(1))), {"Idempotency-Key": "one"}
    ids = {alice.post("imports/", body, **key).json()["id"] for _ in range(2)}
    assert len(ids) == 1
    assert len(alice.all("imports/")) == 1


def test_an_import_is_its_tokens_alone(who: Cast, alice: Api) -> None:
    made = alice.post("imports/", a_list(who, csv_of(HEAD, *lines(1)))).json()
    for other in (api_of(who.alice), api_of(who.charlie), api_of(who.bob)):
        assert other.get(f"imports/{made['id']}/").status_code == 404
        assert other.post(f"imports/{made['id']}/apply/").status_code == 404
        assert other.all("imports/") == []


def test_a_discarded_list_is_gone(who: Cast, alice: Api) -> None:
    made = alice.post("imports/", a_list(who, csv_of(HEAD, *lines(1)))).json()
    gone = alice.post(f"imports/{made['id']}/discard/")
    assert (gone.status_code, gone.json()["phase"], gone.json()["lines"]) == (200, "discarded", [])
    refused = alice.post(f"imports/{made['id']}/apply/")
    assert (refused.status_code, refused.json()["code"]) == (422, "import_over")


# --- export ---------------------------------------------------------------------------------------


def exported(api: Api, **query: str) -> bytes:
    answer = api.get("devices/export/", **query)
    assert answer.status_code == 200
    return b"".join(answer)


@pytest.fixture
def three(who: Cast, alice: Api) -> None:
    made = alice.post("imports/", a_list(who, csv_of(HEAD, *lines(3)))).json()
    alice.post(f"imports/{made['id']}/apply/")
    run_import()


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_what_is_exported_is_imported_as_unchanged(
    who: Cast, alice: Api, three: None, form: str
) -> None:
    made = alice.post("imports/", a_list(who, exported(alice, format=form))).json()
    assert (made["unchanged"], made["problems"]) == (3, 0)
    nothing = alice.post(f"imports/{made['id']}/apply/")
    assert (nothing.status_code, nothing.json()["code"]) == (422, "import_changes_nothing")


def test_the_export_takes_the_filters_of_the_list(alice: Api, three: None) -> None:
    filters = set(DeviceFilters.__annotations__) - {"cursor", "limit", "sort"}
    assert set(import_api.ExportFilters.__annotations__) - {"format"} == filters
    text = exported(alice, q="113.2").decode("utf-8-sig")
    assert [row["Name"] for row in csv.DictReader(io.StringIO(text))] == ["Camera 2"]
    assert PASSWORD not in text


@pytest.mark.parametrize("accept", ["*/*", "text/csv", "application/json"])
def test_the_file_may_be_asked_for_by_its_type(alice: Api, three: None, accept: str) -> None:
    answer = alice.client.get("/api/v1/devices/export/", headers={"Accept": accept})
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv")
    refused = alice.client.get("/api/v1/devices/export/?format=odt", headers={"Accept": accept})
    assert (refused.status_code, refused["Content-Type"]) == (400, "application/problem+json")
