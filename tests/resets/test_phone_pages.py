"""The phone page and "this was not me": what they show to whom, and what they keep secret."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from django.conf import settings
from django.core.cache import cache
from django.test import Client

from fleet.eventstore.handling import handle
from fleet.eventstore.models import EventRow
from fleet.eventstore.store import read_stream, state_of
from resets.limits.history import recount
from resets.limits.models import LimitUse
from resets.limits.rules import Counted, Limit, Scope
from resets.models import Reset
from resets.phone import addresses, guesses
from resets.phone import queries as phone_queries
from resets.phone.tokens import Kind, PhoneKey
from resets.rules import rules_id
from resets.state import ResetState
from resets.steps.cancel_reset import CancelReset
from resets.steps.send_code import SendCode
from resets.steps.show_qr import ShowQr
from resets.steps.site_rules import SetLimits
from tests.cast import Cast
from tests.fleet.eventstore.ground import device, reset

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

PHONE, NOT_ME = "/phone/", "/not-me/"
KEY = PhoneKey(settings.REKEY_CODE_KEY)


@pytest.fixture(autouse=True)
def no_guesses_yet() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def walk(who: Cast) -> UUID:
    return reset(who, device(who, reset_email="owner@example.com"))


def shown(who: Cast, walk: UUID) -> str:
    """The token of a QR that Tess shows."""
    handle(ShowQr(), walk, who.by(who.tess))
    return addresses.of_qr(state_of(ResetState, walk)).partition("#")[2]


def in_mail(who: Cast, walk: UUID) -> str:
    """The token in the mail of a code that Tess asked for."""
    handle(SendCode(), walk, who.by(who.tess))
    state = state_of(ResetState, walk)
    return addresses.of_not_me(state, state.sends).partition("#")[2]


def row(walk: UUID) -> Reset:
    found: Reset = Reset.objects.for_jobs().get(pk=walk)
    return found


def text_of(answer: Any) -> str:
    text = re.sub(r"<[^>]+>|\s+", " ", answer.content.decode())
    return re.sub(" +", " ", text)


def guess(**other: Any) -> dict[str, str]:
    told = {"kind": Kind.QR, "reset": uuid4(), "device": uuid4(), "key": KEY, **other}
    reset = ResetState(told["reset"], subject=told["device"])
    return {"token": told["key"].token(told["kind"], reset, 1)}


# --- the phone page -------------------------------------------------------------------------------


def test_a_phone_sees_what_it_is_for_and_sends_the_code(
    client: Client, who: Cast, walk: UUID
) -> None:
    token = shown(who, walk)
    seen = client.post(PHONE, {"token": token})
    assert seen.status_code == 200
    for words in ("Gate north", "Harbour", "o•••r@e•••e.com", "Tess", "Send the code"):
        assert words in text_of(seen)
    assert "owner@example.com" not in seen.content.decode()
    assert row(walk).phase == "requested", "to look uses nothing up"

    sent = client.post(PHONE, {"token": token, "do": "yes"}, REMOTE_ADDR="192.0.2.9")
    assert sent.status_code == 200
    assert "The code is on its way" in text_of(sent)
    assert re.search(r"Another code can be sent in \d+ s", text_of(sent))
    assert token not in sent.content.decode()
    [event] = [r for r in read_stream(walk) if r.type == "resets.code_issued"]
    assert (event.actor.kind, event.actor.name) == ("phone", "Whoever scanned the QR")
    assert event.source == "192.0.2.9"
    assert (event.event.owner, event.event.asked_by) == (str(who.tess.id), "Tess")


def test_to_open_the_page_does_nothing_however_often(client: Client, who: Cast, walk: UUID) -> None:
    shown(who, walk)
    before = EventRow.everything.count()
    for method in ("get", "head"):
        answer = getattr(client, method)(PHONE)
        assert answer.status_code == 200
        assert not answer.cookies.get(settings.SESSION_COOKIE_NAME)
    assert EventRow.everything.count() == before


@pytest.mark.parametrize("address", [PHONE, NOT_ME])
def test_the_pages_are_kept_nowhere_and_run_nothing_but_their_own_script(
    client: Client, who: Cast, walk: UUID, address: str
) -> None:
    token = shown(who, walk) if address == PHONE else in_mail(who, walk)
    for answer in (
        client.get(address),
        client.post(address, {"token": token}),
        client.post(address, {"token": "x"}),
        client.post(address, {"token": token, "do": "yes"}),
    ):
        assert answer["Cache-Control"] == "no-store"
        policy = answer["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy and "data:" not in policy
        page = answer.content.decode()
        assert not re.search(r"<script(?![^>]*src=)|<style| style=| on\w+=", page)
        assert answer["Referrer-Policy"] == "same-origin"


def test_a_form_of_another_site_is_not_taken(who: Cast, walk: UUID) -> None:
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post(PHONE, {"token": shown(who, walk), "do": "yes"})
    assert answer.status_code == 403
    assert row(walk).phase == "requested"


def test_each_qr_that_is_no_good_says_why(client: Client, who: Cast, walk: UUID) -> None:
    first = shown(who, walk)
    second = shown(who, walk)

    def code(token: str) -> str:
        answer = client.post(PHONE, {"token": token, "do": "yes"})
        assert answer.status_code in (409, 422, 429), answer.content
        assert "Gate north" not in answer.content.decode()
        return str(re.findall(r"<code>(\w+)</code>", answer.content.decode())[-1])

    assert code(first) == "qr_replaced"
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=10), tick=False):
        assert code(second) == "qr_expired"
    assert client.post(PHONE, {"token": second, "do": "yes"}).status_code == 200
    assert code(second) == "qr_used"
    third = shown(who, walk)
    assert code(third) == "too_soon"
    handle(CancelReset(), walk, who.by(who.tess))
    assert code(third) == "qr_of_ended_reset"
    assert code("of another world") == "qr_wrong"


def test_one_that_has_to_wait_may_try_again_with_the_same_qr(
    client: Client, who: Cast, walk: UUID
) -> None:
    handle(SendCode(), walk, who.by(who.tess))
    token = shown(who, walk)
    early = client.post(PHONE, {"token": token, "do": "yes"})
    assert early.status_code == 429
    assert 55 < int(early["Retry-After"]) <= 61
    assert f'value="{token}"' in early.content.decode()
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=70), tick=False):
        assert client.post(PHONE, {"token": token, "do": "yes"}).status_code == 200
    assert row(walk).sends == 2


def test_everything_that_is_not_authentic_is_answered_alike(
    client: Client, who: Cast, walk: UUID
) -> None:
    token, target = shown(who, walk), row(walk).device_id
    tokens = [
        "",
        "nothing",
        token[:-1],
        ("B" if token[-1] == "A" else "A").join((token[:-1], "")),
        guess()["token"],
        guess(reset=walk)["token"],
        guess(reset=target, device=target)["token"],
        guess(kind=Kind.NOT_ME, reset=walk, device=target)["token"],
        guess(key=PhoneKey(bytes(32)), reset=walk, device=target)["token"],
    ]
    for more in ({}, {"do": "yes"}):
        answers = [client.post(PHONE, {"token": one, **more}) for one in tokens]
        assert {answer.status_code for answer in answers} == {422}
        pages = {re.sub(r"[A-Za-z0-9]{64}", "", a.content.decode()) for a in answers}
        assert len(pages) == 1
        assert len({tuple(sorted(answer.headers.items())) for answer in answers}) == 1
    assert row(walk).phase == "requested"


def test_whatever_was_sent_the_same_is_done(
    client: Client, who: Cast, walk: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def noted(module: object, name: str) -> None:
        before = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a: (done.append(name), before(*a))[1])

    noted(phone_queries, "state_of")
    noted(PhoneKey, "holds")
    shown(who, walk)
    for token in ("nothing", guess()["token"], guess(reset=walk)["token"]):
        done.clear()
        client.post(PHONE, {"token": token, "do": "yes"})
        assert done == ["state_of", "holds"]


def test_who_sends_what_is_no_token_too_often_has_to_wait(
    client: Client, who: Cast, walk: UUID
) -> None:
    token = shown(who, walk)
    for _ in range(guesses.MOST):
        assert client.post(PHONE, {"token": "x"}, REMOTE_ADDR="192.0.2.1").status_code == 422
    for address in (PHONE, NOT_ME):
        answer = client.post(address, {"token": "x"}, REMOTE_ADDR="192.0.2.1")
        assert (answer.status_code, answer["Retry-After"]) == (429, "60")
    assert client.post(PHONE, {"token": token}, REMOTE_ADDR="192.0.2.2").status_code == 200
    cache.clear()  # its minute is over
    assert client.post(PHONE, {"token": token}, REMOTE_ADDR="192.0.2.1").status_code == 200


def test_all_addresses_of_a_household_count_as_one(client: Client) -> None:
    for n in range(guesses.MOST):
        client.post(PHONE, {"token": "x"}, REMOTE_ADDR=f"2001:db8:1:2::{n + 1:x}")
    again, other = "2001:db8:1:2:ffff::1", "2001:db8:1:3::1"
    assert client.post(PHONE, {"token": "x"}, REMOTE_ADDR=again).status_code == 429
    assert client.post(PHONE, {"token": "x"}, REMOTE_ADDR=other).status_code == 422


def test_the_limits_hold_for_phones_and_count_for_the_person_who_showed_the_qr(
    client: Client, who: Cast, walk: UUID
) -> None:
    one = Limit(Counted.CODES, Scope.PERSON, 1, 3600)
    always = Limit(Counted.GUESSES, Scope.MAILBOX, 50, 86_400)
    handle(SetLimits(who.site, (one, always)), rules_id(who.site), who.by(who.alice))
    first = client.post(PHONE, {"token": shown(who, walk), "do": "yes"})
    assert first.status_code == 200
    other = reset(who, device(who, name="Gate south"))
    token = shown(who, other)
    refused = client.post(PHONE, {"token": token, "do": "yes"}, REMOTE_ADDR="192.0.2.3")
    assert refused.status_code == 429
    assert 3500 < int(refused["Retry-After"]) <= 3601
    assert "limit_reached" in refused.content.decode()
    assert not state_of(ResetState, other).qr_used
    keys = set(LimitUse.objects.values_list("key", flat=True))
    recount()
    assert set(LimitUse.objects.values_list("key", flat=True)) == keys
    handle(ShowQr(), other, who.by(who.alice))
    hers = addresses.of_qr(state_of(ResetState, other)).partition("#")[2]
    assert client.post(PHONE, {"token": hers, "do": "yes"}).status_code == 200


def test_whoever_is_signed_in_is_a_phone_all_the_same(
    client: Client, who: Cast, walk: UUID
) -> None:
    client.force_login(who.charlie)
    token = shown(who, walk)
    assert client.post(PHONE, {"token": token, "do": "yes"}).status_code == 200
    [event] = [r for r in read_stream(walk) if r.type == "resets.code_issued"]
    assert (event.actor.kind, event.actor.id) == ("phone", "")


# --- this was not me ------------------------------------------------------------------------------


def test_the_owner_of_the_mailbox_stops_a_reset(client: Client, who: Cast, walk: UUID) -> None:
    token = in_mail(who, walk)
    seen = client.post(NOT_ME, {"token": token})
    for words in ("Gate north", "Harbour", "Tess", "The installer left"):
        assert words in text_of(seen)
    assert row(walk).open, "to look stops nothing"

    said = client.post(NOT_ME, {"token": token, "do": "yes"}, REMOTE_ADDR="192.0.2.8")
    assert "The reset was stopped" in text_of(said)
    assert (row(walk).phase, row(walk).outcome) == ("cancelled", "disowned")
    event = read_stream(walk)[-1]
    assert (event.type, event.actor.kind, event.source) == (
        "resets.reset_disowned",
        "mailbox",
        "192.0.2.8",
    )
    again = client.post(NOT_ME, {"token": token, "do": "yes"})
    assert again.status_code == 200
    assert read_stream(walk)[-1] == event
    assert "It was said already" in text_of(client.post(NOT_ME, {"token": token}))


def test_what_has_ended_is_recorded(client: Client, who: Cast, walk: UUID) -> None:
    token = in_mail(who, walk)
    handle(CancelReset(), walk, who.by(who.tess))
    said = client.post(NOT_ME, {"token": token, "do": "yes"})
    assert "too late" in text_of(said)
    assert (row(walk).outcome, state_of(ResetState, walk).disowned) == ("cancelled", True)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=9), tick=False):
        late = client.post(NOT_ME, {"token": token, "do": "yes"})
    assert late.status_code == 422
    assert "not_me_expired" in late.content.decode()


def test_the_two_kinds_do_not_open_each_other(client: Client, who: Cast, walk: UUID) -> None:
    qr, mail = shown(who, walk), in_mail(who, walk)
    for address, token, code in ((PHONE, mail, "qr_wrong"), (NOT_ME, qr, "not_me_wrong")):
        answer = client.post(address, {"token": token, "do": "yes"})
        assert answer.status_code == 422
        assert code in answer.content.decode()
    assert row(walk).open


# --- the console ----------------------------------------------------------------------------------


def page_of(client: Client, walk: UUID) -> Any:
    return client.get(f"/resets/{walk}/")


def test_the_wizard_shows_the_qr_to_whoever_shows_it_and_to_nobody_else(
    client: Client, who: Cast, walk: UUID
) -> None:
    client.force_login(who.tess)
    assert "The device is offline" in text_of(page_of(client, walk))
    assert client.post(f"/resets/{walk}/show-qr/").status_code == 302
    page = page_of(client, walk)
    address = addresses.of_qr(state_of(ResetState, walk))
    assert address in page.content.decode()
    assert 'src="data:image/svg+xml;base64,' in page.content.decode()
    assert page["Cache-Control"] == "no-store"

    image = client.get(f"/resets/{walk}/qr.png")
    assert (image["Content-Type"], image["Cache-Control"]) == ("image/png", "no-store")
    assert image.content.startswith(b"\x89PNG")

    for person, status in ((who.alice, 404), (who.bob, 404), (who.charlie, 404)):
        client.force_login(person)
        page = page_of(client, walk)
        assert address.rpartition("#")[2] not in page.content.decode()
        assert client.get(f"/resets/{walk}/qr.png").status_code == status
    client.force_login(who.alice)
    assert "Tess shows a QR" in text_of(page_of(client, walk))


def test_the_wizard_says_when_it_was_scanned_and_when_it_has_expired(
    client: Client, who: Cast, walk: UUID
) -> None:
    client.force_login(who.tess)
    token = shown(who, walk)
    live = f"/resets/{walk}/live/"
    same = client.get(live, {"on": "requested-send-code", "seen": "2.live"})
    assert same.status_code == 204
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=11), tick=False):
        late = client.get(live, {"on": "requested-send-code", "seen": "2.live"})
        assert "The QR has expired" in text_of(late)
        assert 'hx-swap-oob="true"' in late.content.decode()
    Client().post(PHONE, {"token": token, "do": "yes"})
    moved = client.get(live, {"on": "requested-send-code", "seen": "2.live"})
    assert moved["HX-Retarget"] == "#wizard"
    assert "The QR was scanned" in text_of(moved)
    assert token not in moved.content.decode()


def test_many_qrs_are_shown_at_once_and_printed(client: Client, who: Cast) -> None:
    walks = [reset(who, device(who, name=f"Gate {n}")) for n in range(3)]
    client.force_login(who.tess)
    assert "QR sheet" in text_of(client.get("/resets/"))
    led = client.post("/resets/qr-sheet/", {"reset": [str(walk) for walk in walks]})
    assert led.status_code == 302
    assert not re.search(r"[A-Z2-7]{56}", led["Location"])
    sheet = client.get(led["Location"])
    assert sheet["Cache-Control"] == "no-store"
    assert sheet.content.decode().count("data:image/svg+xml") == 3
    for n in range(3):
        assert f"Gate {n}" in text_of(sheet)
    assert text_of(sheet).count("203.0.113.7") == 3
    before = EventRow.everything.count()
    client.get(led["Location"])
    assert EventRow.everything.count() == before, "to print it again shows no new ones"


def test_the_sheet_may_be_of_all_that_fit_the_filters(client: Client, who: Cast) -> None:
    ours = reset(who, device(who, name="Gate one"))
    gone, other = reset(who, device(who, name="Gate two")), reset(who, device(who, name="Yard"))
    handle(CancelReset(), gone, who.by(who.tess))
    client.force_login(who.tess)
    led = client.post("/resets/qr-sheet/", {"filters": "q=Gate"})
    assert led["Location"].endswith(f"?reset={ours}")
    assert state_of(ResetState, other).qr == 0


def test_a_sheet_says_for_which_there_is_no_qr(client: Client, who: Cast, walk: UUID) -> None:
    blank = reset(who, device(who, name="No mailbox", reset_email=""))
    client.force_login(who.tess)
    asked = {"reset": [str(walk), str(blank)]}
    sheet = client.get(client.post("/resets/qr-sheet/", asked)["Location"])
    assert "No Reset Password Email is set" in text_of(sheet)
    assert sheet.content.decode().count("data:image/svg+xml") == 1


def test_a_sheet_is_for_those_who_may_show_each_of_them(
    client: Client, who: Cast, walk: UUID
) -> None:
    for person, status in ((who.bob, 403), (who.charlie, 404)):
        client.force_login(person)
        answer = client.post("/resets/qr-sheet/", {"reset": str(walk)})
        assert answer.status_code == status
        assert state_of(ResetState, walk).qr == 0
    handle(ShowQr(), walk, who.by(who.tess))
    for person, sees in ((who.tess, 1), (who.alice, 0), (who.bob, 0), (who.charlie, 0)):
        client.force_login(person)
        sheet = client.get(f"/resets/qr-sheet/?reset={walk}")
        assert sheet.content.decode().count("data:image/svg+xml") == sees
    client.force_login(who.bob)
    assert "QR sheet" not in text_of(client.get("/resets/"))
