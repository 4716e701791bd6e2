"""Devices on pages, that no worker looks at."""

from __future__ import annotations

from html import unescape
from typing import Any
from uuid import UUID

from django.test import Client
from django.urls import reverse

from devices import vault
from devices.models import Device
from devices.state import Kind, Purpose, credential_id
from devices.steps.add_device import AddDevice
from devices.steps.credential import BeginCredential, PromoteCandidate, StoreCandidate
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from tests.cast import SETUP, Cast

INVENTED = "invented-for-this-test-1"


def add(who: Cast, name: str = "Gate", port: int = 80, **more: Any) -> UUID:
    device = new_id()
    asked: dict[str, Any] = {
        "site": who.site,
        "kind": Kind.CAMERA,
        "host": "203.0.113.9",
        "username": "admin",
        "password": INVENTED,
        "reset_email": "owner@example.com",
    }
    handle(AddDevice(name=name, port=port, **asked | more), device, who.by(who.alice))
    return device


def keep(who: Cast, device: UUID, passwords: int = 1) -> None:
    """As a worker does: the newest password current, the others superseded."""
    account = credential_id(device, "admin")
    for number in range(passwords):
        secret = vault.put(device, f"{INVENTED}-{number}")
        if number == 0:
            begin = BeginCredential(
                who.organisation, who.site, device, "admin", Purpose.DEVICE, secret
            )
            handle(begin, account, SETUP)
        else:
            handle(StoreCandidate(secret), account, SETUP)
        handle(PromoteCandidate(secret), account, SETUP)


def row(device: UUID) -> Device:
    return Device.objects.for_jobs().get(pk=device)


def body_of(pages: Client, device: UUID, name: str = "device") -> str:
    response = pages.get(reverse(name, args=[device]))
    assert response.status_code == 200, response
    return unescape(response.content.decode())


def words(body: str) -> str:
    return " ".join(body.split())
