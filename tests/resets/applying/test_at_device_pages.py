"""The wizard's pages of what people do at the device, and the same by calls."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from devices.drivers.recovery_crypto import b64
from fleet.accounts.state import Role
from resets.applying import papers
from resets.applying.offline import carried_out
from resets.applying.orders import signer
from resets.applying.papers import ChallengePaper, OrderPaper
from resets.limits.models import LimitUse
from resets.queries import waiting_for
from resets.state import RecoveryMethod
from resets.steps.restore_device import LOST
from tests.api.client import Api, api_of
from tests.cast import Cast, work
from tests.devices.recovery_bench import run
from tests.faults.dying import pass_time
from tests.faults.ground import row, state
from tests.resets.applying.ground import Able, activated, code_in, code_mails

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


@pytest.fixture
def camera(who: Cast) -> Iterator[Able]:
    with activated(who) as able:
        yield able


@pytest.fixture
def pages(client: Client, who: Cast) -> Client:
    """Alice's browser."""
    client.force_login(who.alice)
    return client


def text(response: Any) -> str:
    assert response.status_code == 200, response.content
    bare = re.sub(r"<[^>]+>", " ", response.content.decode())
    return html.unescape(re.sub(r"\s+", " ", bare))


def page(pages: Client, reset: UUID) -> str:
    return text(pages.get(reverse("reset", args=[reset])))


def step(pages: Client, reset: UUID, slug: str, **answers: Any) -> Any:
    return pages.post(reverse("reset-step", args=[reset, slug]), answers)


def challenge_of(camera: Able) -> str:
    """The file that is written at the device."""
    given = run(camera.recovery.challenge())
    until = "2099-01-01T00:00:00Z"
    fields = {"challenge": given.id, "value": b64(given.value), "serial": camera.spec.serial}
    return json.dumps({"rekey": "challenge/1", **fields, "expires_at": until})


def carried(order: str) -> str:
    """What the device makes of an order, in its file."""
    return run(carried_out(papers.read(order, OrderPaper))).text()


# --- the order ------------------------------------------------------------------------------------


def test_the_wizard_leads_around_a_device_that_is_out_of_reach(
    camera: Able, pages: Client, mail_sink: Any
) -> None:
    camera.fleet.power(camera.spec.serial, False)
    reset = camera.begin()
    work()
    told = page(pages, reset)
    assert "The device does not answer." in told
    assert "none can be mailed before it has given a challenge" in told
    assert "Go on without reaching it" in told

    camera.fleet.power(camera.spec.serial, True)
    asks = text(pages.get(reverse("reset-step", args=[reset, "bring-challenge"])))
    host, port = camera.fleet.address(camera.spec.serial, "recovery")
    assert f"manage.py apply-offline challenge {host}:{port}" in asks
    wrong = step(pages, reset, "bring-challenge", challenge="nonsense", value="", serial="")
    assert wrong.status_code == 422
    assert "This is no challenge." in html.unescape(wrong.content.decode())
    file = SimpleUploadedFile("challenge.json", challenge_of(camera).encode())
    assert step(pages, reset, "bring-challenge", challenge=file).status_code == 302
    work()
    [mail] = code_mails(mail_sink)
    assert step(pages, reset, "verify-code", code=code_in(mail)).status_code == 302
    assert step(pages, reset, "choose-password").status_code == 302
    work()

    told = page(pages, reset)
    assert "Waits for the order's result" in told
    assert f"apply-offline apply order-1.json --key={signer().public}" in told
    assert papers.fingerprint(signer().public) in told
    order = pages.get(reverse("reset-order", args=[reset]))
    assert order["Content-Disposition"] == 'attachment; filename="order-1.json"'
    assert order["Cache-Control"] == "no-store"
    result = carried(order.content.decode())
    bad = step(pages, reset, "bring-result", result=result.replace('"done"', '"closed"'))
    assert bad.status_code == 422
    assert "seal does not fit" in html.unescape(bad.content.decode())
    file = SimpleUploadedFile("result.json", result.encode())
    assert step(pages, reset, "bring-result", result=file).status_code == 302
    work()
    assert row(reset).phase == "done"
    assert "Done and proven" in page(pages, reset)


def test_after_some_results_another_challenge_is_asked_for(
    camera: Able, pages: Client, mail_sink: Any
) -> None:
    reset = ordered(camera, mail_sink)
    run(camera.recovery.challenge())  # somebody asks the device for another one
    order = pages.get(reverse("reset-order", args=[reset])).content.decode()
    step(pages, reset, "bring-result", result=carried(order))
    told = page(pages, reset)
    assert "Waits for another challenge" in told
    assert "Bring the device’s challenge" in told
    assert "the device had forgotten what it asked" in told
    used = LimitUse.objects.count()
    step(pages, reset, "bring-challenge", challenge=challenge_of(camera))
    work()
    assert state(reset).orders == 2
    assert LimitUse.objects.count() == used, "no code was sent"
    assert len(code_mails(mail_sink)) == 1, "the mailbox is proven already"
    order = pages.get(reverse("reset-order", args=[reset])).content.decode()
    step(pages, reset, "bring-result", result=carried(order))
    work()
    assert row(reset).phase == "done"


def test_who_waits_no_longer_is_told_what_may_be(
    camera: Able, pages: Client, mail_sink: Any
) -> None:
    reset = ordered(camera, mail_sink)
    asks = text(pages.get(reverse("reset-step", args=[reset, "stop-waiting"])))
    assert "the vault keeps it" in asks
    assert step(pages, reset, "stop-waiting").status_code == 302
    assert "is not known, so the vault keeps it" in page(pages, reset)
    assert camera.candidate == state(reset).secret
    gone = pages.get(reverse("reset-order", args=[reset]))
    assert gone.status_code == 409


def test_a_viewer_sees_that_it_waits_and_takes_no_order(
    camera: Able, client: Client, mail_sink: Any
) -> None:
    reset = ordered(camera, mail_sink)
    client.force_login(camera.who.bob)
    assert "Waits for the order's result" in page(client, reset)
    assert client.get(reverse("reset-order", args=[reset])).status_code == 403
    client.force_login(camera.who.charlie)
    assert client.get(reverse("reset-order", args=[reset])).status_code == 404


def ordered(camera: Able, mail_sink: Any) -> UUID:
    """Up to the order."""
    reset = camera.request()
    paper = papers.read(challenge_of(camera), ChallengePaper)
    api = api_of(camera.who.alice)
    brought = {"challenge": paper.challenge, "value": paper.value, "serial": paper.serial}
    posted(api, reset, "bring-challenge", **brought)
    work()
    posted(api, reset, "verify-code", code=code_in(code_mails(mail_sink)[-1]))
    posted(api, reset, "choose-password")
    work()
    return reset


def posted(api: Api, reset: UUID, slug: str, **body: Any) -> dict[str, Any]:
    answer = api.post(f"resets/{reset}/{slug}/", body)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_all_of_it_has_its_calls(camera: Able, mail_sink: Any) -> None:
    reset = ordered(camera, mail_sink)
    api = api_of(camera.who.alice)
    facts = api.get(f"resets/{reset}/").json()
    assert (facts["phase"], facts["waiting_for"]) == ("applying", "order")
    assert {one["name"] for one in facts["steps"]} >= {"bring-result", "stop-waiting"}
    order = api.get(f"resets/{reset}/order/")
    assert order.status_code == 200
    result = carried(order.content.decode())
    other = api.post(f"resets/{reset}/bring-result/", {"result": result[:-9]})
    assert (other.status_code, other.json()["code"]) == (422, "result_malformed")
    posted(api, reset, "bring-result", result=result)
    work()
    twice = api.post(f"resets/{reset}/bring-result/", {"result": result})
    assert (twice.status_code, twice.json()["code"]) == (409, "result_brought_already")
    assert api.get(f"resets/{reset}/").json()["phase"] == "done"
    assert api.get(f"resets/{reset}/order/").json()["code"] == "no_order"
    viewer = api_of(camera.who.bob, Role.VIEWER)
    assert viewer.get(f"resets/{reset}/order/").status_code == 403


# --- the factory restore --------------------------------------------------------------------------


def test_the_walk_to_the_button(camera: Able, pages: Client, mail_sink: Any) -> None:
    camera.method = RecoveryMethod.FACTORY_RESTORE
    begin = reverse("request-reset", args=[camera.id])
    asks = pages.get(begin, {"method": "factory_restore"}).content.decode()
    assert re.search(r'value="factory_restore"[^>]* (selected|checked)', asks)
    reset = camera.begin()
    told = page(pages, reset)
    assert "will be restored to its factory settings" in told
    for words in LOST.values():
        assert words in told
    camera.choose(reset)
    work()
    told = page(pages, reset)
    alice = camera.who.by(camera.who.alice).actor
    assert [one.pk for one in waiting_for(alice)] == [reset], "it is somebody's turn"
    assert "Waits for the device's button" in told
    assert "Press its reset button" in told
    assert "Rekey looks every few seconds whether it was restored, until" in told
    assert "Cancel the reset" in told

    camera.fleet.factory_reset(camera.spec.serial)
    pass_time(10)
    work()
    told = page(pages, reset)
    assert "Done and proven" in told
    assert "Put back what the device has forgotten" in told
    assert step(pages, reset, "tick-off", item="time").status_code == 302
    assert page(pages, reset).count("Tick off") == len(LOST) - 1


def test_what_was_set_by_hand_is_typed_in_the_wizard(
    camera: Able, pages: Client, mail_sink: Any
) -> None:
    camera.method = RecoveryMethod.FACTORY_RESTORE
    reset = camera.begin_and_choose()
    work()
    assert step(pages, reset, "set-by-hand", password="Mistyped-1-today").status_code == 302
    work()
    told = page(pages, reset)
    assert "Waits for a password set by hand" in told
    assert "the password that was typed does not open it" in told
    current = camera.spec.password if camera.opens_with_the_current else ""
    assert current not in told or not current


def test_where_nothing_else_is_left_the_restore_is_offered(
    camera: Able, pages: Client, mail_sink: Any
) -> None:
    del camera.flash["recovery key"]
    reset = camera.begin()
    work()
    told = pages.get(reverse("reset", args=[reset]))
    assert "Begin a factory restore" in text(told)
    assert "?method=factory_restore" in told.content.decode()
