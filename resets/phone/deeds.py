"""What is done with QRs and the tokens in mails: one call of the domain each."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.utils import timezone

from fleet.accounts.access import of_a_mailbox, of_a_phone
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.messages import By
from fleet.eventstore.store import load
from resets.phone.queries import Held, held
from resets.phone.tokens import Kind
from resets.state import ResetState
from resets.steps.disown_reset import DisownReset, no_such_mail, refuse_late
from resets.steps.send_by_phone import SendByPhone, no_such_qr, refuse_qr
from resets.steps.show_qr import ShowQr

MOST_AT_ONCE = 100


def show_all(ids: Sequence[UUID], by: By) -> None:
    """Show a QR for each of these resets that can have one: all of them, or none.

    Raises NotFound and Forbidden.
    """

    def orders() -> list[Order]:
        states, now = load(dict.fromkeys(ids, ResetState)), timezone.now()
        able = [pk for pk in ids if ShowQr.offered(states[pk].state, now)]  # type: ignore[arg-type]
        return [Order(ShowQr(), pk) for pk in able]

    handle_all(orders, by)


def look(token: str) -> Held:
    """What a QR is for; it is not used up. Raises Refused, Conflict."""
    found = held(Kind.QR, token)
    if found is None:
        raise no_such_qr()
    refuse_qr(found.state, found.claim, found.now)
    return found


def send(token: str, source: str) -> Held:
    """Have the code sent, with a QR. Raises Refused, Conflict."""
    found = held(Kind.QR, token)
    if found is None:
        raise no_such_qr()
    by = By(of_a_phone(found.state.organisation, found.state.site), source)
    sent = handle(SendByPhone(token), found.state.id, by).state
    return Held(found.claim, sent, found.device, timezone.now())


def look_at_mail(token: str) -> Held:
    """What a mail was about; nothing is done. Raises Refused."""
    found = held(Kind.NOT_ME, token)
    if found is None:
        raise no_such_mail()
    refuse_late(found.state, found.now)
    return found


def disown(token: str, source: str) -> Held:
    """Say that it was not you, with the token of a mail. Raises Refused."""
    found = held(Kind.NOT_ME, token)
    if found is None:
        raise no_such_mail()
    by = By(of_a_mailbox(found.state.organisation, found.state.site), source)
    disowned = handle(DisownReset(token), found.state.id, by).state
    return Held(found.claim, disowned, found.device, timezone.now())
