"""Which addresses Rekey talks to, from its settings: see `drivers.reach`."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings

from devices.drivers import reach
from fleet.local import ports


def configure() -> None:
    """Allow devices on this machine where the settings say so, but for Rekey's own ports."""
    reach.configure(settings.REKEY_LOCAL_DEVICES, _own_ports())


def _own_ports() -> Iterator[int]:
    own = (ports.WEB, ports.SMTP, ports.INBOX, ports.CONTROL)
    yield from (port.number for port in own)
    database = settings.DATABASES["default"]
    for port in (database.get("PORT"), settings.EMAIL_PORT, _port_in(settings.CELERY_BROKER_URL)):
        if port:
            yield int(port)
    yield urlsplit(settings.REKEY_URL).port or 443


def _port_in(url: str) -> int | None:
    return urlsplit(url).port if "://" in url else None
