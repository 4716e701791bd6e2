"""Passwords leave: the right ones, for those alone who may, recorded first, and nowhere else."""

from __future__ import annotations

import json
from copy import copy, deepcopy
from dataclasses import replace
from typing import Any

import pyrage
import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from devices.steps.remove_device import RemoveDevice
from fleet.accounts.models import Person
from fleet.accounts.state import Role
from fleet.accounts.steps.grant_role import GrantRole
from fleet.errors import Forbidden, NotFound, Refused
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import EventRow
from fleet.eventstore.store import read_one
from resets.handover import queries
from resets.handover.files import HandoverForm
from resets.handover.handing import Wish, hand_over_campaign, hand_over_devices
from resets.handover.locks import Keys
from resets.handover.state import MOST
from resets.notices.reactions import tell_of_handover
from tests.api.client import api_of
from tests.cast import SETUP
from tests.fleet.eventstore.ground import device as unproven_device
from tests.resets.handover_ground import SIGN_IN, Scene, give, scene

pytestmark = pytest.mark.django_db
once = pytest.mark.one_database
ONE, EACH = "resets.passwords_handed_over", "devices.password_handed_over"


@pytest.fixture(scope="module")
def made(module_db: None) -> Scene:
    return scene()


@pytest.fixture(name="scene")
def a_scene(made: Scene, db: None) -> Scene:
    return replace(made, who=deepcopy(made.who), hans=copy(made.hans))  # a key is never copied


def told(kind: str) -> list[EventRow]:
    return list(EventRow.everything.filter(type=kind).order_by("position"))


def tell_all() -> None:
    """As a worker does with what was handed over."""
    for row in told(ONE):
        tell_of_handover(read_one(row.position))


# --- what is in the file --------------------------------------------------------------------------


def test_a_campaigns_file_holds_the_passwords_of_what_it_has_proven_and_no_others(
    scene: Scene,
) -> None:
    handed = hand_over_campaign(scene.campaign, scene.wish, scene.by(scene.who.alice))
    assert scene.opened(handed) == scene.those(scene.proven)
    assert handed.devices == 3
    assert handed.name.endswith(".csv.age")
    assert not any(
        password in repr(handed) + handed.content for password in scene.passwords.values()
    )


@once
def test_a_password_is_the_one_of_now(scene: Scene) -> None:
    newer = give(scene.harbour[0])
    handed = hand_over_devices(scene.harbour, scene.wish, scene.by(scene.who.alice))
    assert scene.opened(handed) == scene.those(scene.harbour) | {scene.harbour[0]: newer}


@once
def test_json_is_for_programs(scene: Scene) -> None:
    wish = Wish("A test", scene.wish.lock, HandoverForm.JSON)
    handed = hand_over_devices(scene.harbour[:1], wish, scene.by(scene.who.alice))
    [row] = json.loads(pyrage.decrypt(handed.content.encode(), [scene.identity]))
    assert row["password"] == scene.passwords[scene.harbour[0]]
    assert (row["site"], row["name"], row["username"]) == ("Harbour", "Pier 1", "admin")


# --- what stands in the history -------------------------------------------------------------------


def test_each_password_that_left_stands_in_its_devices_history(scene: Scene) -> None:
    hand_over_campaign(scene.campaign, scene.wish, scene.by(scene.who.alice))
    rows = told(EACH)
    assert {row.subject for row in rows} == set(scene.proven)
    assert {(row.actor_name, row.reason, row.source) for row in rows} == {
        ("Alice", "The recorder needs them", "127.0.0.1")
    }
    both = told(ONE)
    assert {json.loads(row.data)["devices"] for row in both} == {2, 1}
    assert len({row.correlation for row in (*rows, *both)}) == 1
    everything = "".join(row.data for row in EventRow.everything.all())
    assert not [password for password in scene.passwords.values() if password in everything]


@once
def test_it_is_recorded_before_there_is_a_file(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(lock: Keys, plain: bytes) -> str:
        assert len(told(EACH)) == 3
        raise OSError("the machine stops here")

    monkeypatch.setattr(Keys, "sealed", breaks)
    with pytest.raises(OSError, match="stops here"):
        hand_over_campaign(scene.campaign, scene.wish, scene.by(scene.who.alice))
    assert len(told(EACH)) == 3


def test_where_one_password_is_not_known_none_leaves(scene: Scene) -> None:
    new = unproven_device(scene.who, name="Fresh")
    with pytest.raises(Refused) as refused:
        hand_over_devices([scene.harbour[0], new], scene.wish, scene.by(scene.who.alice))
    assert refused.value.code == "no_password_known"
    assert "Fresh" in refused.value.message
    assert refused.value.facts["devices"] == [str(new)]
    assert not told(EACH) + told(ONE)


@once
def test_those_who_administer_the_site_are_told_by_mail(scene: Scene, mail_sink: Any) -> None:
    hand_over_devices([scene.museum], scene.wish, scene.by(scene.who.alice))
    tell_all()
    mails = [m for m in mail_sink.mails() if "taken along" in str(m.message["Subject"])]
    ada = Person.objects.get(name="Ada")
    readers = {scene.who.alice.email, scene.hans.email, ada.email}
    assert {m.message["To"] for m in mails} == readers
    for mail in mails:
        assert "The recorder needs them" in mail.text
        assert "Museum" in mail.text
        assert scene.passwords[scene.museum] not in mail.text


@once
def test_no_password_gets_into_a_log_or_a_table(
    scene: Scene, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    asked = {"reason": "A test", "keys": [str(scene.identity.to_public())]}
    answer = api_of(scene.who.alice).post(
        f"campaigns/{scene.campaign}/hand-over/", asked, **{"Idempotency-Key": "a key"}
    )
    assert answer.status_code == 200
    tell_all()
    said = caplog.text + "".join(capfd.readouterr())
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            said += repr(cursor.fetchall())
    assert "A test" in said
    assert not [password for password in scene.passwords.values() if password in said]
    assert answer.json()["content"][40:100] not in said


# --- who may --------------------------------------------------------------------------------------


def test_bob_and_tess_take_nothing_along_and_charlie_finds_nothing(scene: Scene) -> None:
    who = scene.who
    for somebody, why in ((who.bob, Forbidden), (who.tess, Forbidden), (who.charlie, NotFound)):
        with pytest.raises(why):
            hand_over_campaign(scene.campaign, scene.wish, scene.by(somebody))
        with pytest.raises(why):
            hand_over_devices(scene.harbour, scene.wish, scene.by(somebody))
    assert not told(EACH) + told(ONE)


def test_hans_takes_those_of_his_site_along_alone(scene: Scene) -> None:
    handed = hand_over_campaign(scene.campaign, scene.wish, scene.by(scene.hans))
    assert scene.opened(handed) == scene.those([scene.museum])
    with pytest.raises(NotFound):
        hand_over_devices([scene.museum, scene.harbour[0]], scene.wish, scene.by(scene.hans))
    assert {row.subject for row in told(EACH)} == {scene.museum}


@once
def test_where_hans_may_but_look_nothing_leaves_with_his(scene: Scene) -> None:
    looks = GrantRole(scene.hans.id, "Hans", Role.VIEWER, scene.who.organisation, scene.who.site)
    handle(looks, new_id(), SETUP)
    handed = hand_over_campaign(scene.campaign, scene.wish, scene.by(scene.hans))
    assert scene.opened(handed) == scene.those([scene.museum])
    with pytest.raises(Forbidden):
        hand_over_devices([scene.museum, scene.harbour[0]], scene.wish, scene.by(scene.hans))


@once
def test_a_device_that_was_removed_is_left_out_of_a_campaigns_file(scene: Scene) -> None:
    handle(RemoveDevice("Sold"), scene.museum, scene.by(scene.who.alice))
    handed = hand_over_campaign(scene.campaign, scene.wish, scene.by(scene.who.alice))
    assert scene.opened(handed) == scene.those(scene.harbour[:2])


@once
def test_a_file_of_nothing_and_one_of_too_many_are_refused(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = scene.by(scene.who.alice)
    handle(RemoveDevice("Sold"), scene.museum, alice)
    with pytest.raises(Refused, match="no device") as nothing:
        hand_over_campaign(scene.campaign, scene.wish, scene.by(scene.hans))
    assert nothing.value.code == "nothing_chosen"
    monkeypatch.setattr(queries, "MOST", 1)
    with pytest.raises(Refused) as many:
        hand_over_devices(scene.harbour, scene.wish, alice)
    assert many.value.code == "too_many_devices"
    with pytest.raises(Refused) as many:
        hand_over_campaign(scene.campaign, scene.wish, alice)
    assert many.value.code == "too_many_devices"


@once
def test_nobody_takes_them_along_all_the_time(scene: Scene) -> None:
    for _ in range(MOST):
        hand_over_devices([scene.museum], scene.wish, scene.by(scene.who.alice))
    with pytest.raises(Refused) as often:
        hand_over_devices([scene.museum], scene.wish, scene.by(scene.who.alice))
    assert often.value.code == "handed_over_too_often"
    assert len(told(EACH)) == MOST
    hand_over_devices([scene.museum], scene.wish, scene.by(scene.hans))
    answer: Any = api_of(scene.who.alice).post(
        "hand-over/",
        {
            "devices": [str(scene.museum)],
            "reason": "A test",
            "keys": [str(scene.identity.to_public())],
        },
    )
    assert (answer.status_code, answer.json()["code"]) == (429, "handed_over_too_often")
    assert 3000 < int(answer["Retry-After"]) <= 3600


# --- pages and calls ------------------------------------------------------------------------------


def fresh(somebody: Person, address: str) -> Client:
    """Somebody who has just typed their own password again."""
    client = Client(headers={"Host": "localhost"})
    client.force_login(somebody)
    asked: Any = client.get(address)
    assert asked.status_code == 302
    assert asked["Location"].startswith("/account/reauthenticate/")
    again = client.post(asked["Location"], {"password": SIGN_IN}, follow=True)
    assert again.status_code == 200
    return client


@once
def test_the_page_gives_the_file_once_after_a_fresh_sign_in(scene: Scene) -> None:
    address = reverse("hand-over-campaign", args=[scene.campaign])
    client = fresh(scene.who.alice, address)
    sent = {
        "reason": "A test",
        "form": "csv",
        "keys": str(scene.identity.to_public()),
        "once": client.session["handover_once"],
    }
    given: Any = client.post(address, sent)
    assert given["Content-Disposition"].startswith('attachment; filename="rekey-passwords-')
    assert given["Cache-Control"] == "no-store"
    assert scene.opened(given.content.decode()) == scene.those(scene.proven)
    reloaded: Any = client.post(address, sent)
    assert (reloaded.status_code, reloaded["Location"]) == (302, address)
    assert len(told(EACH)) == 3
    for device in scene.proven:
        shown = client.get(reverse("device", args=[device])).content.decode()
        assert "Alice took the password of the account admin along" in shown


@once
def test_ticked_devices_come_to_the_same_page(scene: Scene) -> None:
    ticked = {"device": [str(pk) for pk in scene.harbour]}
    client = Client(headers={"Host": "localhost"})
    client.force_login(scene.who.tess)
    assert reverse("hand-over") not in client.get(reverse("devices")).content.decode()
    assert client.post(reverse("hand-over"), ticked).status_code == 403
    client.force_login(scene.who.alice)
    assert reverse("hand-over") in client.get(reverse("devices")).content.decode()
    asked: Any = client.post(reverse("hand-over"), ticked)
    assert asked.status_code == 302
    client = fresh(scene.who.alice, asked["Location"])
    wrong = {
        "reason": "A test",
        "form": "csv",
        "passphrase": "correct horse battery staple",
        "again": "correct horse battery stable",
        "once": client.session["handover_once"],
    }
    refused: Any = client.post(asked["Location"], wrong)
    assert refused.status_code == 422
    page = refused.content.decode()
    assert 'id="id_again_error"' in page
    assert "correct horse battery" not in page
    assert not told(EACH)
    empty: Any = client.get(reverse("hand-over"))
    assert (empty.status_code, empty["Location"]) == (302, reverse("devices"))


@once
def test_without_a_fresh_sign_in_neither_page_nor_call_gives_it(scene: Scene) -> None:
    client = Client(headers={"Host": "localhost"})
    client.force_login(scene.who.alice)
    asked = {"reason": "A test", "keys": [str(scene.identity.to_public())]}
    page: Any = client.post(reverse("hand-over-campaign", args=[scene.campaign]), asked)
    assert page.status_code == 302
    for address, body in (
        (f"/api/v1/campaigns/{scene.campaign}/hand-over/", asked),
        ("/api/v1/hand-over/", asked | {"devices": [str(scene.museum)]}),
    ):
        answer: Any = client.post(address, body, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (403, "sign_in_again")
        assert "Enter your password again at /account/reauthenticate/" in answer.json()["detail"]
    assert not told(EACH) + told(ONE)


@once
def test_a_call_gives_it_once_and_keeps_no_answer(scene: Scene) -> None:
    alice = api_of(scene.who.alice)
    asked = {
        "devices": [str(pk) for pk in scene.harbour],
        "reason": "A test",
        "keys": [str(scene.identity.to_public())],
    }
    answer: Any = alice.post("hand-over/", asked, **{"Idempotency-Key": "one"})
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert scene.opened(answer.json()["content"]) == scene.those(scene.harbour)
    again: Any = alice.post("hand-over/", asked, **{"Idempotency-Key": "one"})
    assert (again.status_code, again.json()["code"]) == (409, "done_already")
    assert len(told(EACH)) == 3
