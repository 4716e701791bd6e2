"""A mail service tells what became of a mail: believed with its secret alone, once, in any order.

The payloads are those of two services' documentation, signed here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from fleet.eventstore import projections
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import EventRow
from resets.codes import CodeKey, grouped
from resets.delivery.marks import Mark
from resets.delivery.models import CodeMail, MailTest
from resets.delivery.steps import SendTestMail
from resets.delivery.webhooks import addresses
from resets.models import Reset
from resets.steps.cancel_reset import CancelReset
from resets.steps.send_code import SendCode
from tests.cast import SETUP, Cast
from tests.fleet.eventstore.ground import device, reset
from tests.resets.delivery.payloads import AUTHORISED, SECRET, SIGNING_KEY, webhook

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

SERVICES = ("mailgun", "postmark")
TO = "Owner.One@Example.com"
Post = Callable[..., Any]


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def post(service: str, settings: Any) -> Post:
    """Sends a webhook to Rekey as it listens to this service."""
    settings.REKEY_MAIL_SERVICE = service
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET, "MAILGUN_WEBHOOK_SIGNING_KEY": SIGNING_KEY}
    urls: Any = ModuleType("urls_of_a_service")
    urls.urlpatterns = addresses(service)
    settings.ROOT_URLCONF = urls
    client = Client(headers={"Host": "localhost"}, enforce_csrf_checks=True)

    def send(kind: str, mark: Mark, **other: Any) -> Any:
        asked = webhook(service, kind, mark.reference, TO) | other
        return client.post(f"/anymail/{service}/tracking/", **asked)

    return send


@pytest.fixture
def walk(who: Cast) -> UUID:
    begun = reset(who, device(who, reset_email=TO))
    handle(SendCode(), begun, who.by(who.tess))
    return begun


def row(walk: UUID) -> Reset:
    found: Reset = Reset.objects.for_jobs().get(pk=walk)
    return found


def mails(walk: UUID) -> dict[int, str]:
    rows = CodeMail.objects.for_jobs().filter(stream=walk)
    return dict(rows.values_list("send", "delivery"))


@pytest.mark.parametrize(
    ("kind", "known", "said"),
    [
        ("delivered", "delivered", "OK"),
        ("deferred", "held_up", "O•••e@e•••e.com"),
        ("bounced", "bounced", "5.1.1 <O•••e@e•••e.com>: user unknown"),
        ("rejected", "refused", ""),
        ("spam", "spam", ""),
    ],
)
def test_what_a_service_tells_of_a_mail_is_known(
    post: Post, walk: UUID, kind: str, known: str, said: str
) -> None:
    assert post(kind, Mark(walk, 1)).status_code == 200
    assert row(walk).delivery == known
    assert said in row(walk).delivery_detail
    assert mails(walk) == {1: known}
    last = EventRow.everything.filter(stream=walk).latest("version")
    assert (last.actor_kind, last.category) == ("job", "reset")
    assert "wner.one" not in last.data.lower()
    assert list(projections.differences()) == []


def test_a_webhook_that_is_repeated_is_recorded_once(post: Post, walk: UUID) -> None:
    for _ in range(3):
        assert post("bounced", Mark(walk, 1)).status_code == 200
    assert EventRow.everything.filter(type="resets.code_bounced").count() == 1


def test_in_whichever_order_they_come_the_same_is_known_in_the_end(post: Post, who: Cast) -> None:
    kinds = ("delivered", "deferred", "bounced", "delivered")
    for n, order in enumerate(sorted(set(permutations(kinds)))):
        begun = reset(who, device(who, reset_email=f"owner{n}@example.com"))
        handle(SendCode(), begun, who.by(who.tess))
        for kind in order:
            assert post(kind, Mark(begun, 1)).status_code == 200
        assert row(begun).delivery == "bounced", order


def test_opens_are_nobodys_business(post: Post, walk: UUID) -> None:
    before = EventRow.everything.count()
    assert post("opened", Mark(walk, 1)).status_code == 200
    assert EventRow.everything.count() == before


def test_news_of_a_reset_that_has_ended_is_of_its_mail_alone(
    post: Post, who: Cast, walk: UUID
) -> None:
    handle(CancelReset(), walk, who.by(who.tess))
    assert post("bounced", Mark(walk, 1)).status_code == 200
    assert (row(walk).phase, row(walk).delivery) == ("cancelled", "bounced")


def test_the_answer_never_tells_whether_there_is_such_a_mail(
    post: Post, who: Cast, walk: UUID
) -> None:
    before = EventRow.everything.count()
    unknown = (
        Mark(uuid4(), 1),  # no such reset
        Mark(walk, 2),  # no such code of it
        Mark(who.site, 1),  # an id, but of something else
        Mark(uuid4()),  # no such test mail
        Mark(walk),
    )
    answers = [post("bounced", mark) for mark in unknown]
    assert EventRow.everything.count() == before
    answers.append(post("bounced", Mark(walk, 1)))
    assert {(a.status_code, a.content) for a in answers} == {(200, b"")}
    assert len({tuple(sorted(a.headers.items())) for a in answers}) == 1


def test_mails_of_others_are_none_of_ours(post: Post, walk: UUID) -> None:
    class Foreign:
        reference = "20261122.4711"

    assert post("bounced", Foreign()).status_code == 200
    assert mails(walk) == {1: "queued"}


@pytest.mark.parametrize("shown", [str, grouped])
def test_a_code_that_a_server_quotes_is_not_kept(
    post: Post, service: str, walk: UUID, shown: Callable[[str], str]
) -> None:
    code = CodeKey(django_settings.REKEY_CODE_KEY).code(walk, 1, 8)
    asked = webhook(service, "bounced", Mark(walk, 1).reference, TO)
    asked["data"] = asked["data"].replace("user unknown", f"spam: «{shown(code)}» owner.one")
    assert post("bounced", Mark(walk, 1), **asked).status_code == 200
    kept = EventRow.everything.filter(stream=walk).latest("version").data
    assert "spam: «…» O•••e" in kept
    assert code not in kept and grouped(code) not in kept


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic "},
        {"Authorization": AUTHORISED[:-2] + "x="},
        {"Authorization": "Bearer " + SECRET},
    ],
)
def test_who_does_not_show_the_secret_is_turned_away(
    post: Post, walk: UUID, headers: dict[str, str]
) -> None:
    answers = [post("bounced", mark, headers=headers) for mark in (Mark(walk, 1), Mark(uuid4(), 1))]
    assert {a.status_code for a in answers} == {400}
    assert answers[0].content == answers[1].content
    assert mails(walk) == {1: "queued"}


@pytest.mark.parametrize("service", ["mailgun"], indirect=True)
def test_a_signature_that_is_not_the_services_is_turned_away(
    post: Post, service: str, walk: UUID
) -> None:
    asked = webhook(service, "bounced", Mark(walk, 1).reference, TO)
    body = json.loads(asked["data"])
    body["signature"]["token"] = "0" * 50
    assert post("bounced", Mark(walk, 1), data=json.dumps(body)).status_code == 400
    assert mails(walk) == {1: "queued"}


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", "7", '"x"', "{}", '{"event-data": 7}', "\ud83d", "\0" * 9]
)
def test_what_is_no_webhook_at_all_is_turned_away_and_breaks_nothing(
    post: Post, walk: UUID, body: str
) -> None:
    data = body.encode("utf-8", "surrogatepass")
    assert post("bounced", Mark(walk, 1), data=data).status_code in (200, 400)
    assert mails(walk) == {1: "queued"}


def test_a_test_mail_is_known_again_as_well(post: Post, who: Cast) -> None:
    test = new_id()
    handle(SendTestMail(device(who, reset_email=TO)), test, who.by(who.alice))
    for kind in ("deferred", "delivered", "deferred"):
        assert post(kind, Mark(test)).status_code == 200
    found = MailTest.objects.for_jobs().get(pk=test)
    assert found.delivery == "delivered"
    assert post("bounced", Mark(test)).status_code == 200
    found = MailTest.objects.for_jobs().get(pk=test)
    assert (found.delivery, "O•••e@e•••e.com" in found.answer) == ("bounced", True)


def test_without_a_service_there_is_nothing_to_be_found() -> None:
    assert addresses("") == []
    client = Client(headers={"Host": "localhost"})
    for name in SERVICES:
        asked = webhook(name, "bounced", Mark(uuid4(), 1).reference, TO)
        assert client.post(f"/anymail/{name}/tracking/", **asked).status_code == 404


def test_only_the_service_in_use_is_listened_to_and_no_mail_is_taken_in(settings: Any) -> None:
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET}
    [one] = addresses("postmark")
    assert str(one.pattern) == "anymail/postmark/tracking/"


def test_a_service_is_set_up_by_the_environment_alone(tmp_path: Path) -> None:
    asked = (
        "import django; django.setup()\n"
        "from django.conf import settings; from django.urls import reverse\n"
        "print(reverse('mail-webhook'), settings.ANYMAIL['MAILGUN_API_KEY'])"
    )
    known = {name: value for name, value in os.environ.items() if "ANYMAIL" not in name}
    known |= {
        "REKEY_VAR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "fleet.settings",
        "REKEY_MAIL_SERVICE": "mailgun",
        "ANYMAIL_MAILGUN_API_KEY": "made-up",
    }

    def run(**more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", asked]
        root = Path(__file__).parents[3]
        return subprocess.run(command, env=known | more, cwd=root, capture_output=True, text=True)

    assert "needs ANYMAIL_WEBHOOK_SECRET" in run().stderr
    set_up = run(ANYMAIL_WEBHOOK_SECRET=SECRET)
    assert set_up.stdout == "/anymail/mailgun/tracking/ made-up\n", set_up.stderr


@pytest.mark.parametrize("secret", ["", "no-colon"])
def test_a_service_without_a_secret_is_not_listened_to_at_all(settings: Any, secret: str) -> None:
    settings.ANYMAIL = {"WEBHOOK_SECRET": secret}
    with pytest.raises(ImproperlyConfigured, match="ANYMAIL_WEBHOOK_SECRET"):
        addresses("postmark")


@pytest.mark.parametrize("name", ["mailgun", "amazon_ses"])
def test_what_a_service_needs_beside_it_is_asked_for_at_the_start(settings: Any, name: str) -> None:
    """Mailgun's key for signatures; a package for Amazon's, which is not installed."""
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET}
    with pytest.raises(ImproperlyConfigured, match=r"SIGNING_KEY|boto3"):
        addresses(name)


def test_a_service_that_nobody_knows_is_named_with_those_that_are(settings: Any) -> None:
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET}
    with pytest.raises(ImproperlyConfigured, match=r"mailgun, .*postmark"):
        addresses("pigeon")


def test_what_a_job_may_record_no_person_may(who: Cast, walk: UUID) -> None:
    from fleet.errors import Forbidden
    from resets.state import Delivery
    from resets.steps.deliver_code import RecordDelivery

    with pytest.raises(Forbidden):
        handle(RecordDelivery(1, Delivery.DELIVERED, ""), walk, who.by(who.alice))
    handle(RecordDelivery(1, Delivery.DELIVERED, ""), walk, SETUP)
