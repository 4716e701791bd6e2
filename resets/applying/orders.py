"""Orders for devices that Rekey does not reach: how they are made, and shown."""

from __future__ import annotations

import os
from uuid import UUID

from django.conf import settings

from devices.doors import login
from devices.drivers.recovery_crypto import NONCE_BYTES, Completion, b64, code_for, unb64
from devices.models import Device
from devices.queries import device_for_jobs
from devices.state import credential_id
from devices.steps.credential import StoreCandidate
from fleet.accounts.access import require
from fleet.accounts.state import Role
from fleet.errors import Conflict
from fleet.eventstore import handling
from fleet.eventstore.handling import handle_all
from fleet.eventstore.messages import Actor, By
from fleet.eventstore.store import state_of
from resets.applying.challenges import key_of, service_of
from resets.applying.papers import Body, OrderPaper, Signer
from resets.state import Phase, ResetState
from resets.steps.give_order import MakeOrder


def make_order(reset: ResetState, by: By) -> None:
    """Make the order for the challenge that was brought; the password is a candidate from here."""
    assert reset.subject and reset.secret
    account = credential_id(reset.subject, reset.username)
    nonce = b64(os.urandom(NONCE_BYTES))
    orders = [
        handling.Order(StoreCandidate(reset.secret), account),
        handling.Order(MakeOrder(nonce), reset.id),
    ]
    handle_all(orders, by)


def signer() -> Signer:
    return Signer(settings.REKEY_CODE_KEY)


def completion_of(reset: ResetState) -> Completion:
    """The request that the newest order holds, with the device's key. Raises VaultError,
    NotSupported.
    """
    order = reset.order
    assert order and reset.subject
    return Completion(
        recovery_key=key_of(device_for_jobs(reset.subject)),
        challenge=order.challenge,
        value=unb64(order.value),
        serial=order.serial,
        username=reset.username,
        nonce=unb64(order.nonce),
    )


def order_paper(actor: Actor, reset_id: UUID) -> OrderPaper:
    """The newest order of a reset that waits for its result; the same each time it is asked for.

    Raises NotFound, Forbidden, Conflict (so VaultError).
    """
    reset = state_of(ResetState, reset_id)
    require(actor, Role.TECHNICIAN, reset.organisation, reset.site, "reset")
    if reset.order is None or reset.phase is not Phase.APPLYING:
        raise Conflict("no_order", "No order waits to be carried out. Look where the reset stands.")
    assert reset.subject and reset.secret
    asked, device = completion_of(reset), device_for_jobs(reset.subject)
    code = code_for(asked.recovery_key, asked.value, asked.serial)
    new = login(device.id, reset.username, reset.secret)
    host, port, tls, pin = _address(device)
    unsigned = OrderPaper(
        rekey="order/1",
        key=signer().public,
        reset=reset.id,
        number=reset.order.number,
        device=reset.device_name,
        host=host,
        port=port,
        tls=tls,
        pin=pin,
        serial=asked.serial,
        expires_at=reset.order.expires_at,
        body=Body(**asked.body(code, new.password)),
    )
    return signer().sign(unsigned)


def _address(device: Device) -> tuple[str, int, bool, str]:
    service = service_of(device)
    port, tls = (service.port, service.tls) if service else (device.port, device.tls)
    pin = next((pin["certificate"] for pin in device.pins if pin["port"] == port), "")
    return device.host, port, tls, pin if tls else ""
