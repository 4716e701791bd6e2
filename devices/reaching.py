"""Which addresses Rekey talks to, from its settings: see `drivers.reach`."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings

from devices.drivers import reach
from fleet.local import ports

POSTGRESQL = 5432
USUAL = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379}  # where an address names none


def configure() -> None:
    """Allow devices on this machine where the settings say so, but for Rekey's own ports."""
    own_name = urlsplit(settings.REKEY_URL).hostname
    reach.configure(settings.REKEY_LOCAL_DEVICES, _own_ports(), filter(None, [own_name]))


def _own_ports() -> Iterator[int]:
    own = (ports.WEB, ports.SMTP, ports.INBOX, ports.CONTROL)
    yield from (port.number for port in own)
    yield int(settings.EMAIL_PORT)
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("postgresql"):
        yield int(database.get("PORT") or POSTGRESQL)
    for url in (settings.CELERY_BROKER_URL, settings.REKEY_URL):
        parts = urlsplit(url)
        if port := parts.port or USUAL.get(parts.scheme):
            yield port
