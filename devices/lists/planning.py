"""What would happen to each line of a list: planned from the lines and what is known of the fleet.

A line becomes the commands that people send one by one, and those are tried on what is known: so it
is refused for the same reasons and in the same words. Only what no single command can know is
decided here: which device a line is about, and what two lines of one file want together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from devices import mailbox
from devices.lists import cells
from devices.lists.columns import LABELS
from devices.lists.finding import USUAL, Finder, address, port_of
from devices.lists.plans import Action, Change, Fleet, Line, Place, Plan, Problem
from devices.lists.reading import Row
from devices.state import DeviceState, Kind
from devices.steps.add_device import AddDevice, Placed, Reached, mac_in
from devices.steps.change_device import ChangeDevice
from devices.steps.place_on_channel import PlaceOnChannel, Recorder
from fleet.errors import Conflict, Refused, RekeyError
from fleet.eventstore.messages import Command

NOT_YET = UUID(int=0)  # in place of a password's id
_CHANGED = ("name", "host", "port", "tls", "path", "services")  # by ChangeDevice
_CHANNEL = ("nvr", "channel")  # by PlaceOnChannel
_FIXED = ("kind", "username", "reset_email", "serial", "mac")
_HARDWARE = ("serial", "mac")
_STAYS = "Its password stays as it is."


def plan(
    rows: Sequence[Row],
    fleet: Fleet,
    site: UUID,
    seed: UUID,
    now: datetime,
    progress: Callable[[int], None] = lambda done: None,
) -> Plan:
    """Plan every row. `site` is where a device is whose line names no site; new devices get ids
    made from `seed` and their line's number, the same ones each time. Never raises RekeyError.
    """
    planner = _Planner(fleet, site, now)
    drafts = [_Draft(row, uuid5(seed, f"line {row.number}")) for row in rows]
    for draft in drafts:
        draft.take(planner.find)
    for draft in drafts:
        planner.know(draft)
    for done, draft in enumerate(drafts, 1):
        draft.take(planner.change if draft.known else planner.add)
        progress(done)
    _refuse_twice(drafts)
    orders = [(command, d.device) for d in drafts for command in d.orders]
    orders.sort(key=lambda order: not _adds_nvr(order[0]))  # before the cameras on its channels
    return Plan([planner.line(draft) for draft in drafts], orders)


@dataclass
class _Draft:
    """A row while it is planned. `before` is the device as it is known, `after` as it would be."""

    row: Row
    device: UUID
    place: Place | None = None
    before: DeviceState | None = None
    after: DeviceState | None = None
    orders: list[Command[Any]] = field(default_factory=list)
    error: RekeyError | None = None

    @property
    def known(self) -> bool:
        return self.before is not None

    @property
    def action(self) -> Action:
        if self.error is not None:
            return Action.PROBLEM
        if not self.known:
            return Action.ADD
        return Action.UPDATE if self.orders else Action.UNCHANGED

    def cell(self, name: str) -> str:
        return self.row.cells.get(name, "")

    def take(self, step: Callable[[_Draft], None]) -> None:
        if self.error is None:
            try:
                step(self)
            except RekeyError as error:
                self.refuse(error)

    def refuse(self, error: RekeyError) -> None:
        self.error = error.with_traceback(None)
        self.orders.clear()


class _Planner:
    def __init__(self, fleet: Fleet, site: UUID, now: datetime) -> None:
        self.finder, self.out_of_reach, self.now = Finder(fleet, site), fleet.out_of_reach, now

    def find(self, draft: _Draft) -> None:
        """Find the line's site, and its device if there is one already."""
        draft.place = self.finder.place(draft.row)
        known = self.finder.device(draft.row, draft.place)
        if known is not None:
            if draft.cell("site") and known.site != draft.place.id:
                raise Refused(
                    "at_another_site",
                    f"{known.name} is at the site {self.finder.site_name(known.site)}. Move it on"
                    " its page, or leave the cell empty.",
                    field="site",
                )
            draft.before = draft.after = known
            draft.device = known.id
            draft.place = self.finder.places.get(known.site or NOT_YET, draft.place)
        if draft.place.no is not None:
            raise draft.place.no

    def know(self, draft: _Draft) -> None:
        """Let cameras find an NVR that comes with the same list, or is renamed by it."""
        kind = draft.before.kind if draft.before else draft.cell("kind").casefold()
        if draft.place and kind == Kind.NVR:
            name, serial = draft.cell("name"), draft.cell("serial")
            self.finder.know_nvr(draft.device, draft.place.id, name, serial)

    def add(self, draft: _Draft) -> None:
        assert draft.place
        usual = {name: USUAL[name] for name in ("kind", "username")}
        blank = dict.fromkeys(("name", "host", "password"), "")
        wanted = self._wanted(draft, draft.place.id)
        at = {"site": draft.place.id, "port": port_of(draft.row)}
        placed = Placed(draft.place.organisation, NOT_YET)
        self._try(
            AddDevice(**usual | blank | wanted | at),
            draft,
            DeviceState(draft.device),
            placed=placed,
        )

    def change(self, draft: _Draft) -> None:
        known = draft.before
        assert known
        wanted = self._wanted(draft, known.site, known.nvr)
        for name in _FIXED:
            _refuse_other(name, wanted.get(name), known)
        if wanted.get("host", "").casefold() == known.host.casefold():
            del wanted["host"]  # the same name in other letters
        changed = {name: wanted[name] for name in _CHANGED if name in wanted}
        self._try(ChangeDevice(**changed), draft, known, reached=Reached())
        if any(name in wanted for name in _CHANNEL):
            nvr = wanted.get("nvr", known.nvr)
            command = PlaceOnChannel(nvr, wanted.get("channel", known.channel))
            recorder = Recorder(self.finder.nvr_names.get(nvr, "") if nvr else "")
            self._try(command, draft, draft.after or known, recorder=recorder)

    def line(self, draft: _Draft) -> Line:
        """What people are told."""
        at, error = draft.after, draft.error
        host, port = draft.cell("host"), port_of(draft.row)
        if at is not None and not host:
            host, port = at.host, at.port
        return Line(
            number=draft.row.number,
            action=draft.action,
            name=draft.cell("name") or (at.name if at else ""),
            site=draft.place.name if draft.place else draft.cell("site"),
            address=f"{host}:{port}" if host else "",
            device=None if error and not draft.known else draft.device,
            changes=tuple(self._changes(draft)) if draft.known and not error else (),
            problem=Problem(LABELS.get(error.field or "", ""), error.code, error.message)
            if error
            else None,
            note=_STAYS if draft.known and not error and draft.cell("password") else "",
        )

    def _wanted(self, draft: _Draft, site: UUID | None, nvr: UUID | None = None) -> dict[str, Any]:
        """The filled cells, as commands want them. Raises Refused, NotFound."""
        wanted = {n: cells.value(n, text) for n, text in draft.row.cells.items() if n != "site"}
        if "nvr" in wanted:
            wanted["nvr"] = self.finder.nvr(wanted["nvr"], site, nvr)
        return wanted

    def _try(
        self, command: Command[Any], draft: _Draft, state: DeviceState, **facts: object
    ) -> None:
        """Carry out a command on what is known; keep it if anything comes of it."""
        told: Command[Any] = dataclasses.replace(command, **facts)  # type: ignore[type-var]
        events = tuple(told.decide(state, self.now))
        draft.after = after = _folded(state, events)
        if events:
            draft.orders.append(told)
        if (after.host, after.port) != (state.host, state.port) or not draft.known:
            self.out_of_reach(after.host, after.port)
        self._refuse_taken(draft, state, after)

    def _refuse_taken(self, draft: _Draft, before: DeviceState, after: DeviceState) -> None:
        finder, own = self.finder, draft.device
        moved = address(after) != address(before)
        if moved and finder.addresses.get(address(after), own) != own:
            raise Conflict(
                "address_taken",
                "A device of this site has this address and port already.",
                field="host",
            )
        place = (after.nvr, after.channel)
        if place != (before.nvr, before.channel) and finder.channels.get(place, own) != own:
            raise Conflict(
                "channel_taken", "Another camera is on this channel already.", field="channel"
            )

    def _changes(self, draft: _Draft) -> Iterator[Change]:
        for name in (*_CHANGED, *_CHANNEL):
            old, new = getattr(draft.before, name), getattr(draft.after, name)
            if old != new:
                yield Change(LABELS[name], self._shown(name, old), self._shown(name, new))

    def _shown(self, name: str, value: Any) -> str:
        if name == "nvr":
            return self.finder.nvr_names.get(value, "")
        return cells.text(name, value)


def _folded(state: DeviceState, events: Sequence[Any]) -> DeviceState:
    for happened in events:
        state = happened.evolve(state)
    return state


def _adds_nvr(command: Command[Any]) -> bool:
    return isinstance(command, AddDevice) and command.kind is Kind.NVR


def _refuse_other(name: str, wanted: Any, known: DeviceState) -> None:
    """Raises Refused for what no list changes. What is not known yet, the device itself tells."""
    now = getattr(known, name)
    if wanted is None or wanted == now or (name in _HARDWARE and now.strip() in ("", wanted)):
        return
    if name in _HARDWARE:
        raise Refused(
            "another_device",
            f"{known.name} is there, with another {LABELS[name]}: {now}. If it was replaced, say so"
            " on its page.",
            field=name,
        )
    if name == mailbox.FIELD:
        if mailbox.same(wanted, now):
            return
        raise Refused(
            "mailbox_not_by_import",
            f"A list does not {'change' if now else 'set'} the Reset Password Email of a device"
            " that is in the fleet: two people have to agree to it. Propose it on the device’s"
            " page, and leave the cell empty.",
            field=name,
        )
    raise Refused(
        "not_by_import",
        f"A list does not change this. It is {cells.text(name, now) or 'empty'} now; leave the cell"
        " empty to keep it.",
        field=name,
    )


# --- what two lines want together -----------------------------------------------------------------


def _refuse_twice(drafts: Sequence[_Draft]) -> None:
    """Two lines that want the same thing both become problems: only people know which is meant."""
    wanted: dict[tuple[str, object], list[_Draft]] = {}
    for draft in drafts:
        for claim in _claims(draft):
            if claim[1]:
                wanted.setdefault(claim, []).append(draft)
    for (what, _), those in wanted.items():
        for draft in those if len(those) > 1 else ():
            if draft.error is None:
                other = those[0] if those[0] is not draft else those[1]
                draft.refuse(_twice(what, other.row.number))


def _claims(draft: _Draft) -> Iterator[tuple[str, object]]:
    """What a line wants to have alone."""
    if draft.before:
        yield "device", draft.before.id
    else:
        yield "serial", draft.cell("serial")
        yield "mac", _comparable_mac(draft.cell("mac"))
    if draft.after and draft.error is None:
        yield "host", address(draft.after)
        if draft.after.nvr:
            yield "channel", (draft.after.nvr, draft.after.channel)


def _comparable_mac(text: str) -> str:
    try:
        return mac_in(text)
    except Refused:
        return text


def _twice(what: str, line: int) -> RekeyError:
    if what == "device":
        return Refused("device_twice", f"Line {line} is about the same device.")
    if what == "host":
        return Conflict("address_taken", f"Line {line} has the same address and port.", field=what)
    if what == "channel":
        return Conflict("channel_taken", f"Line {line} has the same NVR and channel.", field=what)
    return Conflict(f"{what}_taken", f"Line {line} has the same {LABELS[what]}.", field=what)
