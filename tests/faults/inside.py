"""What a test asks of a separate Rekey, run as one of its own processes: facts in and out as JSON.

`python -m tests.faults.inside prepare|audit|…` in the environment of that Rekey.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any
from uuid import UUID

import django

django.setup()

from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.contrib.sessions.models import Session  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.models import Q, QuerySet  # noqa: E402
from django.utils import timezone  # noqa: E402

from devices import demo, vault  # noqa: E402
from devices.models import Credential, Device, Secret  # noqa: E402
from fleet.accounts import tokens  # noqa: E402
from fleet.accounts.access import actor_of  # noqa: E402
from fleet.accounts.models import Person  # noqa: E402
from fleet.accounts.state import Role  # noqa: E402
from fleet.eventstore import projections, store  # noqa: E402
from fleet.eventstore.chain import first_break  # noqa: E402
from fleet.eventstore.messages import By  # noqa: E402
from fleet.eventstore.models import Checkpoint, EventRow, Job  # noqa: E402
from fleet.eventstore.store import read_stream  # noqa: E402
from fleet.eventstore.subscriptions import CHECKPOINT  # noqa: E402
from resets.campaigns.models import CampaignItem  # noqa: E402
from resets.models import Reset  # noqa: E402
from tests.cast import cast, lift_limits, person  # noqa: E402

FINAL = ("resets.reset_proven", "resets.reset_unproven", "resets.reset_failed")


def prepare(password: str | None = None) -> dict[str, str]:
    """The cast, with more resets in a minute than people need in a year, and a token of Alice's."""
    who = lift_limits(cast(password))
    token = tokens.issue(
        who.organisation, "faults", Role.ADMINISTRATOR, 30, who.by(who.alice), who.site
    )
    return {"site": str(who.site), "token": token, "email": who.alice.email}


def prepare_for_two() -> dict[str, str]:
    """The same with a token of Ada's, another administrator: what Alice plans, she agrees to."""
    facts = prepare()
    owner = actor_of(Person.objects.get(email=facts["email"])).grants[0].organisation
    ada = person("Ada", owner, Role.ADMINISTRATOR)
    token = tokens.issue(owner, "agree", Role.ADMINISTRATOR, 30, By(actor_of(ada)))
    return facts | {"second": token, "second_email": ada.email}


def _campaign(id_: str) -> dict[str, Any]:
    """How its devices stand, when it was paused by its log, and how its resets began and ended."""
    resets = Reset.objects.for_jobs().filter(campaign=id_).values("pk")
    ends = EventRow.everything.filter(type__in=FINAL, stream__in=resets)
    begun = EventRow.everything.filter(
        type="resets.item_begun", stream__in=_items(id_).values("pk")
    )
    return {
        "items": standings(id_),
        "log": [
            {"type": recorded.type.rpartition("_")[2], "at": recorded.at.isoformat()}
            for recorded in read_stream(UUID(id_))
        ],
        "begun": [at.isoformat() for at in begun.values_list("at", flat=True)],
        "resets": resets.count(),
        "ends": [str(stream) for stream in ends.values_list("stream", flat=True)],
    }


def audit(
    seconds: float = 0.0, control_port: int | None = None, campaign: str | None = None
) -> dict[str, Any]:
    """How all of it stands, once nothing is owed, or after so long. Passwords are only tried at the
    devices' back door, never told.
    """
    ends = time.monotonic() + seconds
    while (owed := _owed()) and time.monotonic() < ends:
        time.sleep(0.2)
    streams = EventRow.everything.values_list("stream", flat=True).distinct()
    return {
        "owed": owed,
        "later": list(Job.objects.values_list("reaction", flat=True)),
        "resets": {
            str(row.id): {"device": str(row.device_id), "phase": row.phase, "outcome": row.outcome}
            for row in Reset.objects.for_jobs()
        },
        "events": EventRow.everything.count(),
        "broken_chains": [str(s) for s in streams if first_break(read_stream(s)) is not None],
        "wrong_rows": [f"{d.table} {d.id} {d.what}" for d in projections.differences()],
        "devices": _devices(demo.BackDoor(control_port)) if control_port else {},
        "passwords": _distinct_passwords(),
        "campaign": _campaign(campaign) if campaign else {},
    }


def _owed() -> list[str]:
    """What nobody has read of the log, and the jobs that are due or have failed."""
    read = Checkpoint.objects.get(name=CHECKPOINT).position
    jobs = Job.objects.filter(~Q(error="") | Q(due_at__lte=timezone.now()))
    unread = ["events that nobody has read"] if read < store.last_position() else []
    return unread + [f"{job.reaction} {job.status} {job.error}" for job in jobs]


def standings(campaign: str) -> list[dict[str, Any]]:
    """How a campaign's devices stand."""
    columns = ("device_name", "standing", "why", "attempt")
    return list(_items(campaign).order_by("number").values(*columns))


def _items(campaign: str) -> QuerySet[CampaignItem]:
    return CampaignItem.objects.for_jobs().filter(campaign=campaign)


def _devices(world: demo.BackDoor) -> dict[str, dict[str, Any]]:
    places = world._addresses.items()
    serials = {place: serial for (serial, service), place in places if service == "onvif"}
    found = {}
    for device in Device.objects.for_jobs():
        serial = serials[device.host, device.port]
        accounts = {}
        for account in Credential.objects.for_jobs().filter(device=device.pk):
            opening = [
                kind
                for kind, secret in _known(account)
                if world.opens(serial, account.username, vault.get(secret, device.pk))
            ]
            accounts[account.purpose] = opening
        found[str(device.pk)] = {
            "name": device.name,
            "certified": device.certified,
            "managed": device.managed,
            "opened_by": accounts,
        }
    return found


def _known(account: Any) -> list[tuple[str, Any]]:
    named = [("current", account.current), ("candidate", account.candidate)]
    old = [("superseded", UUID(secret)) for secret in account.superseded]
    return [(kind, secret) for kind, secret in (*named, *old) if secret]


def _distinct_passwords() -> int:
    """How many passwords the devices have, by the vault."""
    current = Credential.objects.for_jobs().filter(purpose="device", current__isnull=False)
    return len({vault.get(row.current, row.device) for row in current})


def dump() -> dict[str, Any]:
    """What is in the database; and, to be looked for, every password of the vault in clear.

    In their table the sessions are packed, so they are told once more as they are.
    """
    return {
        "tables": _rows(),
        "sessions": [json.dumps(row.get_decoded()) for row in Session.objects.all()],
        "passwords": [vault.get(row.id, row.device) for row in Secret.objects.all()],
    }


def _rows() -> dict[str, list[str]]:
    """Every row of every table of the database, Rekey's own or not; bytes in hex."""
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            found[table] = [" | ".join(_text(value) for value in row) for row in cursor.fetchall()]
    return found


def _text(value: Any) -> str:
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else str(value)


def plant(text: str, session: str) -> None:
    """A table that is not Rekey's, with a secret in it, as text and as bytes; and a session."""
    packed = SessionStore()
    packed["shown"] = session
    packed.save()
    with connection.cursor() as cursor:
        blob = "bytea" if connection.vendor == "postgresql" else "blob"
        cursor.execute(f"CREATE TABLE planted (words text, packed {blob})")
        cursor.execute("INSERT INTO planted VALUES (%s, %s)", [f"a{text}z", text.encode()])


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](**json.load(sys.stdin))))
