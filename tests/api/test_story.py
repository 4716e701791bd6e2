"""The main job through the API: from an added camera to a proven new password."""

from __future__ import annotations

import re

import pytest

from devices.virtual import DeviceSpec, ThreadedFleet
from tests.api.client import Api
from tests.cast import Cast, work

pytestmark = pytest.mark.django_db


def code_in(mail: object) -> str:
    found = re.search(r"^ {4}(\d{4} \d{4})\r?$", mail.text, re.M)
    assert found, repr(mail.text)
    return found[1]


def add(api: Api, who: Cast, fleet: ThreadedFleet, spec: DeviceSpec) -> dict:
    host, port = fleet.address(spec.serial)
    body = {
        "site": str(who.site),
        "kind": "camera",
        "name": "Gate north",
        "host": host,
        "port": port,
        "username": "admin",
        "password": spec.password,
        "reset_email": "owner@example.com",
    }
    answer = api.post("devices/", body)
    assert answer.status_code == 201, answer.content
    assert api.get(answer["Location"]).json() == answer.json()
    return answer.json()


def test_a_lost_password_is_reset_by_the_api_alone(
    who: Cast, alice: Api, fleet: ThreadedFleet, honest: DeviceSpec, mail_sink
) -> None:
    device = add(alice, who, fleet, honest)
    assert device["certified"] is None
    work()
    shown = alice.get(f"devices/{device['id']}/").json()
    assert shown["certified"] is True
    assert {a["purpose"] for a in shown["accounts"]} == {"device", "management"}

    fleet.change_password(honest.serial, "admin", "Changed-elsewhere-1")
    assert alice.post(f"devices/{device['id']}/check/").status_code == 202
    work()
    [lost] = alice.all("devices/", certified="no")
    assert lost["id"] == device["id"]

    begun = alice.post(f"devices/{device['id']}/resets/", {"reason": "The installer left"})
    assert begun.status_code == 201
    here = begun["Location"]
    steps = {step["name"]: step for step in begun.json()["steps"]}
    assert {"send-code", "cancel-reset"} <= set(steps)
    assert "verify-code" not in steps
    sent = alice.post(steps["send-code"]["href"])
    assert sent.status_code == 200
    assert (sent.json()["phase"], sent.json()["delivery"]) == ("code_sent", "queued")
    assert sent.json()["may_send_from"] > sent.json()["sent_at"]
    too_soon = alice.post(steps["send-code"]["href"])
    assert (too_soon.status_code, too_soon.json()["code"]) == (429, "too_soon")
    assert 0 < int(too_soon["Retry-After"]) <= 60
    work()
    assert alice.get(here).json()["delivery"] == "handed_over"

    verify = next(s for s in alice.get(here).json()["steps"] if s["name"] == "verify-code")
    assert [field["name"] for field in verify["fields"]] == ["code"]
    [mail] = mail_sink.mails()
    wrong = alice.post(verify["href"], {"code": "0000 0000"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "wrong_code")
    assert wrong.json()["tries_left"] == 4
    assert wrong.json()["errors"][0]["field"] == "code"
    assert alice.get(here).json()["tries_left"] == 4
    assert alice.post(verify["href"], {"code": code_in(mail)}).json()["phase"] == "verified"
    chosen = alice.post(f"{here}choose-password/")
    assert (chosen.status_code, chosen.json()["phase"]) == (200, "applying")
    work()

    done = alice.get(here).json()
    assert (done["phase"], done["outcome"], done["open"]) == ("done", "proven", False)
    assert {d["login"]: d["opened"] for d in done["doors"]} == {
        "wrong": False,
        "old": False,
        "new": True,
    }
    revealed = alice.post(f"devices/{device['id']}/reveal/", {"reason": "For the new recorder"})
    assert revealed.status_code == 200
    assert revealed["Cache-Control"] == "no-store"
    assert fleet.opens(honest.serial, "admin", revealed.json()["password"])

    told = alice.all("events/", device=device["id"], limit=7)
    assert told[0]["type"] == "devices.password_revealed"
    assert told[0]["reason"] == "For the new recorder"
    assert told[-1]["sentence"] == "Alice (tests) added Gate north to the fleet."
    log = str(told)
    for secret in (revealed.json()["password"], code_in(mail), honest.password):
        assert secret not in log
