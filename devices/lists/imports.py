"""Imports of lists of devices: checked first, applied whole or not at all, kept for an hour.

A list holds passwords. So it is kept in the vault, whoever uploaded it is the only one who sees its
lines, and it goes when it is applied, discarded or an hour old. What it does is done in the name
and with the rights of whoever asked for it, at the moment when it is done.
"""

from __future__ import annotations

import dataclasses
import gc
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac

from devices import queries, vault
from devices.drivers.base import Service
from devices.lists.models import Import, ImportFile
from devices.lists.planning import plan
from devices.lists.plans import Action, Fleet, Line, Place, Plan
from devices.lists.reading import Row, read
from devices.lists.state import Counts, ImportState
from devices.models import Secret
from devices.state import DeviceState, Kind
from devices.steps.add_device import AddDevice, Placed
from devices.steps.import_devices import (
    ApplyImport,
    CheckImport,
    CompleteImport,
    DiscardImport,
    Kept,
)
from devices.supplies import refuse_out_of_reach
from fleet.accounts.access import acting_again, require
from fleet.accounts.state import Role
from fleet.errors import Forbidden, NotFound, Refused, RekeyError
from fleet.eventstore.handling import Order, handle, handle_all, supplies
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import Actor, By, Recorded

LONGEST_NAME = 100  # of a file
TELL_EVERY = 250  # lines


@dataclass(frozen=True)
class DryRun:
    """What the dry run found, line by line; `notes` are about the file."""

    lines: list[Line]
    notes: tuple[str, ...] = ()


class Outdated(Refused):
    """What the dry run showed is so no more: somebody has changed the fleet, or a role."""

    def __init__(self, made: Plan, other: int) -> None:
        super().__init__(
            "import_outdated",
            f"Lines that come to something else than in the dry run: {other:,}. Look at all of it"
            " again below.",
        )
        self.plan = made


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without Python's collector, which looks again and again at ten thousand lines that are all
    still needed: a third of the time, and what keeps the cost of a line from being the same.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


# --- what people ask ------------------------------------------------------------------------------


@_uncollected()
def check(site: UUID, file: str, data: bytes, by: By) -> UUID:
    """Do the dry run of a list and keep it; answers with the import's id.

    Raises Refused for what is no list, NotFound and Forbidden for the site.
    """
    at = queries.place(by.actor, site)
    assert at.organisation
    require(by.actor, Role(CheckImport.by), at.organisation, at.id, "site")
    sheet, checked = read(data), new_id()
    known = fleet(by.actor, at.organisation)
    made = plan(sheet.rows, known, at.id, checked, timezone.now())
    command = CheckImport(
        organisation=at.organisation,
        site=at.id,
        owner=owner(by.actor),
        file=_file_name(file),
        fingerprint=_fingerprint(data),
        counts=counted(made),
        rows=msgspec.json.encode(sheet.rows).decode(),
        plan=msgspec.msgpack.encode(DryRun(made.lines, sheet.notes)),
    )
    handle(command, checked, by)
    return checked


def apply(import_id: UUID, by: By) -> None:
    """Have the list applied by a worker. Raises NotFound, Forbidden, Refused."""
    own(by.actor, import_id)
    handle(ApplyImport(), import_id, by)


def discard(import_id: UUID, by: By) -> None:
    """Delete the list. Raises NotFound, Forbidden, Refused."""
    own(by.actor, import_id)
    handle(DiscardImport(), import_id, by)
    let_go(import_id)


def owner(actor: Actor) -> str:
    return f"{actor.kind} {actor.id}"


def owned(actor: Actor) -> QuerySet[Import]:
    """The imports that whoever looks has uploaded, the newest first."""
    rows: QuerySet[Import] = Import.objects.visible_to(actor)
    return rows.filter(owner=owner(actor)).order_by("-id")


def own(actor: Actor, import_id: UUID) -> Import:
    """Raises NotFound, also for somebody else's, and Forbidden for who may not import any more."""
    row = owned(actor).filter(pk=import_id).first()
    if row is None:
        raise NotFound("import")
    require(actor, Role(CheckImport.by), row.organisation, row.site, "import")
    return row


def dry_run(import_id: UUID) -> DryRun:
    """The lines of an import that `own` has answered with; none once they are let go."""
    kept = ImportFile.objects.filter(pk=import_id).values_list("plan", flat=True).first()
    return msgspec.msgpack.decode(kept, type=DryRun) if kept else DryRun([])


def looked_at(import_id: UUID) -> int:
    """How many lines the job has looked at by now."""
    done = ImportFile.objects.filter(pk=import_id).values_list("done", flat=True).first()
    return done or 0


# --- what the job does ----------------------------------------------------------------------------


@_uncollected()
def carry_out(state: ImportState, asked: Recorded) -> None:
    """Apply a list, all of it in one transaction, if it still comes to what the dry run has shown.

    Planned once beforehand: that shows how far it is, and keeps nobody waiting if it fails. Raises
    RekeyError; nothing was done then.
    """
    actor = acting_again(asked.actor)
    if actor is None:
        raise Forbidden("not_allowed_any_more", "Whoever asked for it may not do so any more.")
    by = By(actor, asked.source, asked.reason, asked.correlation, asked.id)
    rows, shown = _rows(state.id), dry_run(state.id).lines

    def planned(progress: Callable[[int], None] = lambda done: None) -> Plan:
        assert state.organisation and state.site
        known, now = fleet(actor, state.organisation), timezone.now()
        made = plan(rows, known, state.site, state.id, now, progress)
        if other := sum(one != before for one, before in zip(made.lines, shown, strict=True)):
            raise Outdated(made, other)
        return made

    def orders() -> Sequence[Order]:
        made = planned()
        complete = Order(CompleteImport(counted(made)), state.id)
        return [complete, *_with_passwords(made)]

    planned(_teller(state.id, len(rows)))
    handle_all(orders, by)


def let_go(import_id: UUID, *, but_lines: bool = False) -> None:
    """Delete the list, with its passwords; and its dry run, which holds none, unless it is to stay
    for whoever looks at what has come of it.
    """
    Secret.objects.filter(device=import_id).delete()
    kept = ImportFile.objects.filter(pk=import_id)
    if but_lines:
        kept.update(rows=None)
    else:
        kept.delete()


def keep_lines(import_id: UUID, made: Plan) -> None:
    """Show these lines from now on."""
    told = msgspec.msgpack.encode(DryRun(made.lines))
    ImportFile.objects.filter(pk=import_id).update(plan=told, done=0)


@supplies(Kept)
def kept(command: CheckImport, state: ImportState, by: By) -> Kept:
    """The list, put into the vault."""
    secret = vault.put(state.id, command.rows)
    ImportFile.objects.create(id=state.id, rows=secret, plan=command.plan)
    return Kept()


def fleet(actor: Actor, organisation: UUID) -> Fleet:
    """What the actor knows of an organisation's fleet, with two queries."""
    places = queries.site_names(actor).filter(organisation=organisation)
    rows = queries.devices(actor).filter(organisation=organisation).order_by()
    return Fleet(
        [_place(actor, organisation, *of) for of in places.values_list("id", "name")],
        [_device(organisation, *of) for of in rows.values_list(*_COLUMNS).iterator(2000)],
        refuse_out_of_reach,
    )


# --- small things ---------------------------------------------------------------------------------

_COLUMNS = (
    "id", "site", "kind", "name", "host", "port", "tls", "path", "services", "username",
    "reset_email", "nvr_id", "channel", "serial", "mac",
)  # fmt: skip


def _device(organisation: UUID, id: UUID, site: UUID, kind: str, *rest: Any) -> DeviceState:
    name, host, port, tls, path, services, username, email, nvr, channel, serial, mac = rest
    return DeviceState(
        id=id,
        organisation=organisation,
        site=site,
        subject=id,
        kind=Kind(kind),
        name=name,
        host=host,
        port=port,
        tls=tls,
        path=path,
        services=tuple(Service(**service) for service in services),
        username=username,
        reset_email=email,
        nvr=nvr,
        channel=channel,
        serial=serial,
        mac=mac,
    )


def _place(actor: Actor, organisation: UUID, site: UUID, name: str) -> Place:
    try:
        require(actor, Role(AddDevice.by), organisation, site, "site")
    except RekeyError as no:
        return Place(site, organisation, name, no.with_traceback(None))
    return Place(site, organisation, name)


def _rows(import_id: UUID) -> list[Row]:
    secret = ImportFile.objects.filter(pk=import_id).values_list("rows", flat=True).first()
    if secret is None:
        raise Refused("import_over", "This list is not kept any longer. Upload it again.")
    return msgspec.json.decode(vault.get(secret, import_id), type=list[Row])


def _with_passwords(made: Plan) -> list[Order]:
    """The plan's orders, once their passwords are in the vault."""
    adding = [(c, stream) for c, stream in made.orders if isinstance(c, AddDevice)]
    secrets = iter(vault.put_many((stream, command.password) for command, stream in adding))
    return [
        Order(
            _placed(command, next(secrets)) if isinstance(command, AddDevice) else command,
            stream,
            looked_up=True,
        )
        for command, stream in made.orders
    ]


def _placed(command: AddDevice, secret: UUID) -> AddDevice:
    placed = Placed(command.placed.organisation, secret)
    return dataclasses.replace(command, placed=placed)


def _teller(import_id: UUID, lines: int) -> Callable[[int], None]:
    def tell(done: int) -> None:
        if done % TELL_EVERY == 0 or done == lines:
            ImportFile.objects.filter(pk=import_id).update(done=done)

    return tell


def counted(made: Plan) -> Counts:
    """How many lines of a plan are of each kind."""
    found = made.counts
    return Counts(
        found[Action.ADD], found[Action.UPDATE], found[Action.UNCHANGED], found[Action.PROBLEM]
    )


def _file_name(text: str) -> str:
    """What a file is called, without folders and without what no name has in it."""
    last = re.split(r"[/\\]", text)[-1]
    return re.sub(r"[\x00-\x1f\x7f]", "", last).strip()[:LONGEST_NAME] or "list"


def _fingerprint(data: bytes) -> str:
    """Tells whether two files are the same. Keyed: by a plain hash, whoever knows all of a list but
    a password could try that out.
    """
    return salted_hmac("devices.lists.imports", data, algorithm="sha256").hexdigest()
