"""Whether a mailbox's domain takes mail: asked of a real DNS server, on loopback."""

from __future__ import annotations

import runpy
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.resolver
import pytest
from django.db import connection

import fleet.settings
from fleet.errors import Refused
from resets.mailboxes import domains, proposing
from resets.mailboxes.domains import domain_of
from resets.mailboxes.models import MailboxChange
from resets.mailboxes.proposing import propose
from resets.mailboxes.state import Domain
from tests.cast import Cast, cast
from tests.fleet.eventstore.ground import device
from tests.resets.mailboxes.dns_responder import Responder, responding
from tests.resets.mailboxes.ground import row

ZONE = {
    "mail.test": {"MX": ["10 mx.mail.test."]},
    "xn--bcher-kva.test": {"MX": ["10 mx.mail.test."]},
    "no-mx.test": {"A": ["198.51.100.0", "8.8.8.8"]},
    "no-mx-6.test": {"AAAA": ["2001:4860:4860::8888"]},
    "no-mail.test": {"MX": ["0 ."]},
    "inside.test": {"A": ["10.0.0.1"]},
    "nothing.test": {"TXT": ["here"]},
}
SILENT, BROKEN = frozenset({"silent.test"}), frozenset({"broken.test"})


@pytest.fixture
def dns_server(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Responder]:
    settings.REKEY_CHECK_MAIL_DOMAINS = True
    with responding(ZONE, SILENT, BROKEN) as responder:
        monkeypatch.setattr(domains, "resolver", responder.resolver)
        yield responder


@pytest.mark.parametrize("domain", ["mail.test", "MAIL.test", "no-mx.test", "no-mx-6.test"])
def test_a_domain_that_takes_mail_is_known_to(dns_server: Responder, domain: str) -> None:
    assert domain_of(f"keeper@{domain}") is Domain.TAKES_MAIL


def test_a_domain_with_letters_of_its_own_is_asked_for_as_dns_has_it(
    dns_server: Responder,
) -> None:
    assert domain_of("keeper@bücher.test") is Domain.TAKES_MAIL
    assert dns_server.asked == [("xn--bcher-kva.test", "MX")]


@pytest.mark.parametrize("domain", ["gone.test", "no-mail.test", "nothing.test", "inside.test"])
def test_a_domain_that_takes_no_mail_is_refused(dns_server: Responder, domain: str) -> None:
    with pytest.raises(Refused) as refused:
        domain_of(f"keeper@{domain}")
    assert (refused.value.code, refused.value.field) == ("mailbox_unreachable", "reset_email")
    assert domain in refused.value.message


@pytest.mark.parametrize("domain", ["silent.test", "broken.test"])
def test_what_dns_does_not_answer_is_unknown_and_waited_for_briefly(
    dns_server: Responder, domain: str
) -> None:
    began = time.monotonic()
    assert domain_of(f"keeper@{domain}") is Domain.UNKNOWN
    assert time.monotonic() - began < 2


def test_a_machine_without_dns_knows_no_domain(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> dns.resolver.Resolver:
        raise dns.resolver.NoResolverConfiguration

    settings.REKEY_CHECK_MAIL_DOMAINS = True
    monkeypatch.setattr(domains, "resolver", nobody)
    assert domain_of("keeper@mail.test") is Domain.UNKNOWN


def test_nobody_is_asked_where_mail_does_not_leave_the_house(
    dns_server: Responder, settings: Any
) -> None:
    settings.REKEY_CHECK_MAIL_DOMAINS = False
    assert domain_of("keeper@gone.test") is Domain.NOT_ASKED
    assert dns_server.asked == []


def test_what_is_no_mailbox_is_not_asked_for(dns_server: Responder) -> None:
    with pytest.raises(Refused) as refused:
        domain_of("keeper@mail.test, another@mail.test")
    assert refused.value.code == "mailbox_several"
    assert dns_server.asked == []


def test_the_resolver_of_this_machine_gives_up_soon() -> None:
    try:
        made = domains.resolver()
    except dns.resolver.NoResolverConfiguration:
        pytest.skip("there is none here")
    assert made.lifetime == domains.PATIENCE


@pytest.mark.parametrize(
    ("environment", "asked"),
    [
        ({}, False),
        ({"SMTP_URL": "smtp://localhost:25"}, False),
        ({"SMTP_URL": "smtp+tls://mail.example.org:587"}, True),
        ({"SMTP_URL": "smtp://mail.example.org", "REKEY_CHECK_MAIL_DOMAINS": ""}, False),
        ({"EMAIL_BACKEND": "anymail.backends.mailgun.EmailBackend"}, True),
        ({"REKEY_CHECK_MAIL_DOMAINS": "yes"}, True),
    ],
)
def test_domains_are_looked_up_where_mail_leaves_the_house(
    environment: dict[str, str], asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SMTP_URL", "EMAIL_BACKEND", "REKEY_CHECK_MAIL_DOMAINS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    read = runpy.run_path(str(Path(fleet.settings.__file__)))
    assert read["REKEY_CHECK_MAIL_DOMAINS"] is asked


# --- when a mailbox is proposed -------------------------------------------------------------------


@pytest.fixture
def who(db: None) -> Cast:
    return cast()


@pytest.mark.parametrize(
    ("domain", "known"), [("mail.test", "takes_mail"), ("silent.test", "unknown")]
)
def test_a_proposal_says_what_is_known_of_the_domain(
    who: Cast, dns_server: Responder, domain: str, known: str
) -> None:
    change = propose(device(who), f"keeper@{domain}", "The owner left", who.by(who.tess))
    assert row(change).domain == known


def test_an_unreachable_domain_is_not_proposed(who: Cast, dns_server: Responder) -> None:
    with pytest.raises(Refused) as refused:
        propose(device(who), "keeper@gone.test", "The owner left", who.by(who.tess))
    assert refused.value.code == "mailbox_unreachable"
    assert not MailboxChange.objects.for_jobs().exists()


@pytest.mark.django_db(transaction=True)
def test_dns_is_asked_outside_of_any_transaction(
    transactional_db: None, dns_server: Responder, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = cast()
    inside: list[bool] = []

    def looked_up(email: str) -> Domain:
        inside.append(connection.in_atomic_block)
        return domain_of(email)

    monkeypatch.setattr(proposing, "domain_of", looked_up)
    propose(device(who), "keeper@mail.test", "The owner left", who.by(who.tess))
    assert inside == [False]


def test_nobody_has_dns_asked_who_may_not_propose(who: Cast, dns_server: Responder) -> None:
    gate = device(who)
    for somebody in (who.bob, who.charlie):
        with pytest.raises(Exception, match=r"role|no such"):
            propose(gate, "keeper@mail.test", "The owner left", who.by(somebody))
    assert dns_server.asked == []
