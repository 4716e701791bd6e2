"""The offline way by the API: a QR for an integrator's own page, and the code that comes of it."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from fleet.api.models import KeptAnswer
from fleet.eventstore.models import EventRow, Job
from resets.codes import CodeKey
from tests.api.client import Api, api_of
from tests.cast import Cast, work
from tests.fleet.eventstore.ground import device, reset

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


def test_a_qr_is_shown_and_scanned_and_its_code_is_the_persons_behind_the_token(
    who: Cast, mail_sink: Any
) -> None:
    walk, tess = reset(who, device(who)), api_of(who.tess)
    here = f"resets/{walk}/"
    steps = {step["name"]: step for step in tess.get(here).json()["steps"]}
    assert not {"send-by-phone", "disown-reset"} & set(steps)
    answer = tess.post(steps["show-qr"]["href"], **{"Idempotency-Key": "once"})
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    qr = answer.json()
    assert (qr["reset"], qr["number"]) == (str(walk), 1)
    assert qr["svg"].startswith("<svg ")
    assert b64decode(qr["png"]).startswith(b"\x89PNG")
    address, _, token = qr["address"].partition("#")
    assert address == f"{settings.REKEY_URL}/phone/"

    assert Client().post("/phone/", {"token": token, "do": "yes"}).status_code == 200
    work()
    assert len(mail_sink.mails()) == 1
    code = CodeKey(settings.REKEY_CODE_KEY).code(walk, 1, 8)
    other = api_of(who.alice).post(f"{here}verify-code/", {"code": code})
    assert (other.status_code, other.json()["code"]) == (403, "not_your_code")
    assert tess.post(f"{here}verify-code/", {"code": code}).json()["phase"] == "verified"

    for table in (EventRow.everything, Job.objects, KeptAnswer.objects):
        assert token not in str(list(table.values()))


def test_it_is_refused_in_the_words_of_the_console(who: Cast) -> None:
    tess: Api = api_of(who.tess)
    blank = tess.post(f"resets/{reset(who, device(who, reset_email=''))}/show-qr/")
    assert (blank.status_code, blank.json()["code"]) == (422, "no_reset_email")
