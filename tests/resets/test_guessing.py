"""Guesses at the code of one reset, from many addresses: none gets in, the limits answer, the log
stays readable, and whose code it is finishes undisturbed.

REKEY_FAULT_GUESSES says how many (100,000 for the figures).
"""

from __future__ import annotations

import os
import re
from collections import Counter
from ipaddress import ip_address
from typing import Any
from uuid import UUID

import pytest

from devices.virtual import Character, default_scenario, fleet_in_thread
from fleet.errors import RekeyError
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import By
from fleet.eventstore.models import EventRow
from resets.models import Reset
from resets.steps.choose_password import ChoosePassword
from resets.steps.request_reset import RequestReset
from resets.steps.send_code import SendCode
from resets.steps.verify_code import VerifyCode
from tests.cast import Cast, add_device, cast, work

pytestmark = pytest.mark.django_db(transaction=True)

GUESSES = int(os.environ.get("REKEY_FAULT_GUESSES", "300"))
CAMERA = next(s for s in default_scenario(seed=7, port_base=0) if s.character is Character.HONEST)
FIRST = int(ip_address("198.18.0.1"))  # RFC 2544: addresses for measurements
FEW = 40  # events that any number of guesses may leave


def guess(reset: UUID, code: str, by: By) -> str:
    try:
        handle(VerifyCode(code), reset, by)
    except RekeyError as no:
        return no.code
    return "in"


def test_nobody_guesses_a_code_and_whose_it_is_still_gets_in(mail_sink: Any) -> None:
    who = cast()
    with fleet_in_thread([CAMERA]) as fleet:
        device = add_device(who, fleet, CAMERA)
        work()
        reset, alice = new_id(), who.by(who.alice)
        handle(RequestReset(device, "The installer left"), reset, alice)
        handle(SendCode(), reset, alice)
        work()
        right = re.sub(r"\D", "", code_in(mail_sink.mails()[-1]))
        before = EventRow.everything.count()

        answers = tried_by_tess(who, reset, right)

        assert set(answers) == {"not_your_code", "limit_reached"}
        assert answers["not_your_code"] <= FEW
        assert EventRow.everything.count() - before <= FEW
        assert Reset.everything.get(pk=reset).tries_left == 5
        handle(VerifyCode(right), reset, alice)
        handle(ChoosePassword(), reset, alice)
        work()
        assert Reset.everything.get(pk=reset).phase == "done"


def tried_by_tess(who: Cast, reset: UUID, right: str) -> Counter[str]:
    """She may reset devices at this site, and has each guess come from another address; the right
    code is among them.
    """
    actor = who.by(who.tess).actor
    guesses = [f"{n:08d}" for n in range(GUESSES - 1)]
    guesses.insert(3, right)
    return Counter(
        guess(reset, code, By(actor, str(ip_address(FIRST + n)))) for n, code in enumerate(guesses)
    )


def code_in(mail: Any) -> str:
    found = re.search(r"^ {4}(\d{4} \d{4})\r?$", mail.text, re.M)
    assert found
    return found[1]
