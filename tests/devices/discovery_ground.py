"""Devices that a scan came upon, and pages about them."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from django.test import Client
from django.urls import reverse

from devices.state import Kind, discovered_id
from devices.steps.add_device import AddDevice
from devices.steps.discover import RecordDiscovered, Sighting
from devices.steps.scan_network import RequestScan
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from tests.cast import SETUP, Cast

NETWORK = "203.0.113.0/24"
INVENTED = "invented-for-this-test-1"
MAILBOX = "owner@example.com"


def found(who: Cast, number: int, **more: Any) -> UUID:
    """Something that a scan came upon."""
    said = {
        "key": f"urn:uuid:{number}",
        "host": f"203.0.113.{number}",
        "port": 80,
        "tls": False,
        "path": "/onvif/device_service",
        "name": "",
        "manufacturer": "TP-Link",
        "model": "C340",
        "serial": f"S{number:04}",
        "mac": f"00:00:5E:00:53:{number:02X}",
        "fresh": False,
    } | more
    stream = discovered_id(who.site, said["key"])
    handle(RecordDiscovered(who.organisation, who.site, Sighting(**said)), stream, SETUP)
    return stream


def added(who: Cast, number: int, **more: Any) -> UUID:
    """A device of the fleet, that no worker has looked at."""
    said = {
        "site": who.site,
        "kind": Kind.CAMERA,
        "name": f"Gate {number}",
        "host": f"203.0.113.{number}",
        "port": 80,
        "username": "admin",
        "password": INVENTED,
        "reset_email": MAILBOX,
    } | more
    device = new_id()
    handle(AddDevice(**said), device, who.by(who.alice))
    return device


def a_scan(who: Cast, **how: Any) -> UUID:
    """A scan that no worker has begun."""
    scan = new_id()
    handle(RequestScan(who.site, NETWORK, **how), scan, who.by(who.alice))
    return scan


def body(pages: Client, name: str, *args: Any, **query: Any) -> str:
    response = pages.get(reverse(name, args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def listed(response_body: str) -> list[str]:
    """The addresses of the list's rows, in order."""
    return re.findall(r'data-label="Address"><span><code>([^<]+):80</code>', response_body)


def buttons(said: str) -> set[str]:
    """What the page of a discovered device offers."""
    head = said[said.index('class="page-actions"') : said.index('class="lede"')]
    plain = re.sub(r'<span class="unseen">[^<]*</span>', "", head)
    return {" ".join(text.split()) for text in re.findall(r"<(?:a|button) [^>]*>([^<]+)<", plain)}
