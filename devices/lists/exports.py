"""Lists of devices for people to take along, and to import again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone

from devices import queries
from devices.drivers.base import Service
from devices.lists import writing
from devices.lists.writing import Form, Written
from devices.models import Device
from devices.state import Kind
from devices.status import Status
from fleet.eventstore.messages import Actor
from fleet.web.answers import as_file

_AS_IT_IS = (
    "name", "kind", "host", "port", "tls", "path", "username", "channel", "serial", "mac",
    "manufacturer", "model", "firmware",
)  # fmt: skip
_COLUMNS = (
    *_AS_IT_IS, "organisation", "site", "place__name", "reset_email", "services", "nvr_id",
    "nvr__name", "nvr__serial", "certified", "nvr_opens", "trouble", "removed",
)  # fmt: skip
AT_ONCE = 2000  # rows


def export(actor: Actor, found: QuerySet[Device], form: Form) -> Written:
    """These devices as a list that may be imported again."""
    name = f"rekey-devices-{timezone.now():%Y-%m-%d}"
    return writing.devices(listed(actor, found), form, name)


def answer(written: Written) -> StreamingHttpResponse:
    """The file, handed out piece by piece."""
    response = StreamingHttpResponse(written.pieces, content_type=written.media_type)
    return as_file(response, written.name)


def listed(actor: Actor, found: QuerySet[Device]) -> Iterator[Mapping[str, Any]]:
    """These devices as `lists.writing` takes them. Never a password; a mailbox in full for those
    alone who may reset the device's.
    """
    site_names = Counter(queries.site_names(actor).values_list("name", flat=True))
    nvrs = queries.narrowed(queries.devices(actor), kind=Kind.NVR).order_by()
    nvr_names = Counter(nvrs.values_list("site", "name"))

    for row in found.values_list(*_COLUMNS, named=True).iterator(AT_ONCE):
        nvr_is_plain = nvr_names[row.site, row.nvr__name] < 2 or not row.nvr__serial
        yield {
            **{name: getattr(row, name) for name in _AS_IT_IS},
            # What two have in common tells neither: its id or its serial number does.
            "site": row.place__name if site_names[row.place__name] < 2 else str(row.site),
            "nvr": row.nvr__name if nvr_is_plain else row.nvr__serial,
            "reset_email": queries.mailbox_shown(
                actor, row.reset_email, row.organisation, row.site
            ),
            "services": [Service(**service) for service in row.services],
            "status": Status.of(row).words,
        }
