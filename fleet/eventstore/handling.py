"""`handle`: the only way in which anything changes.

Load, decide, evolve, project, append, in one transaction. Two who meet on one stream: the second
one's append is refused by the log, and its command is decided again on what is true by then.
"""

from __future__ import annotations

import dataclasses
import random
import time
import typing
from collections.abc import Callable, Hashable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone

from fleet.errors import Conflict, NotFound, Refused, RekeyError
from fleet.eventstore import gate, projections, store, subscriptions
from fleet.eventstore.messages import SUPPLIED, By, Command, Event, State
from fleet.eventstore.together import Together

JOB = "job"  # the kind of actor that is Rekey itself, and its role
TRIES = 20  # of one command against others on the same stream
COLLISIONS = ("40001", "40P01")  # PostgreSQL's serialization_failure and deadlock_detected

Supplier = Callable[[Any, Any, By], Any]
Listener = Callable[[Refused, Command[Any], UUID, By], None]
_suppliers: dict[type, Supplier] = {}
_listeners: dict[str, list[Listener]] = {}
_conflicts: dict[str, Callable[[], Conflict]] = {}
_moment: ContextVar[datetime] = ContextVar("moment")


@dataclass(frozen=True, slots=True)
class Order:
    """A command and the stream it is for.

    `looked_up`: whoever orders many at once has put facts of theirs into the command, looked up
    inside the transaction. What is in a command without this word is looked up all the same.
    """

    command: Command[Any]
    stream: UUID
    looked_up: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command has come to."""

    state: Any
    version: int
    events: tuple[Event[Any], ...]

    @property
    def refusal(self) -> RekeyError | None:
        return next((no for e in self.events if (no := e.refusal()) is not None), None)


def supplies(kind: type) -> Callable[[Supplier], Supplier]:
    """Register who looks up the facts of a type that commands have as `supplied()`.

    Called inside the transaction with the command, the state and who asks.
    """

    def register(supplier: Supplier) -> Supplier:
        _suppliers[kind] = supplier
        return supplier

    return register


def moment() -> datetime:
    """When the command that is being decided is decided: for suppliers. Its events will say so."""
    return _moment.get()


def when_refused(code: str, listener: Listener) -> None:
    """Register who is told of refusals with a code, once nothing is left of the refused command.

    Called outside of any transaction, with the refusal, the command, its stream and who asked: it
    may record what it likes. For refusals that are facts of something else than the stream.
    """
    _listeners.setdefault(code, []).append(listener)


def conflict_of(constraint: str, columns: str, answer: Callable[[], Conflict]) -> None:
    """Say what the breach of a read model's unique constraint means to people.

    PostgreSQL names the constraint, SQLite its columns, as in `reset.device_id`.
    """
    _conflicts[constraint] = _conflicts[columns] = answer


def handle(command: Command[Any], stream: UUID, by: By) -> Outcome:
    """Carry out a command.

    Raises a RekeyError: when it is refused (also when the refusal is itself a recorded fact, such
    as a wrong code), when there is no such stream or not for this actor, or when others kept
    changing the stream meanwhile.
    """
    try:
        [outcome] = handle_all([Order(command, stream)], by)
    except Refused as refused:
        for listener in _listeners.get(refused.code, ()):
            listener(refused, command, stream, by)
        raise
    if no := outcome.refusal:
        raise no
    return outcome


def handle_all(orders: Sequence[Order] | Callable[[], Sequence[Order]], by: By) -> list[Outcome]:
    """Carry out many commands in one transaction: all of them, or none.

    Several for one stream see each other's events. Recorded refusals stand in the outcomes. Orders
    that depend on what is true by then come as a function: it is called inside the transaction.
    """
    return _carried_out(lambda: [(o, by) for o in (orders() if callable(orders) else orders)])


def handle_together(orders: Sequence[Order], by: By) -> list[Outcome]:
    """As `handle_all`, for what a job records: those of jobs that run side by side are carried out
    in one transaction, and one by one should that fail. Only for commands that nothing is looked up
    for: it would not see what the other jobs' commands come to.
    """
    return _together((orders, by))


def handle_soon(orders: Sequence[Order], by: By) -> Callable[[], list[Outcome]]:
    """As `handle_together`, without waiting for it: what comes back has to be called, and answers
    once it is done, or raises what went wrong.
    """
    return _together.soon((orders, by))


def _handle_many(asked: list[tuple[Sequence[Order], By]]) -> list[list[Outcome]]:
    outcomes = iter(_carried_out(lambda: [(o, by) for orders, by in asked for o in orders]))
    return [list(islice(outcomes, len(orders))) for orders, _ in asked]


_together = Together(_handle_many)

Signed = tuple[Order, By]


def _carried_out(orders: Callable[[], Sequence[Signed]]) -> list[Outcome]:
    for attempt in range(TRIES):
        try:
            with transaction.atomic(durable=True):
                return _attempt(orders())
        except store.VersionTaken:
            _rest(attempt)
        except IntegrityError as error:
            raise _conflict(error) from error
        except OperationalError as error:
            # Many orders at once take locks in the order they come in, and may meet in a circle.
            if getattr(error.__cause__, "sqlstate", None) not in COLLISIONS:
                raise
            _rest(attempt)
    raise Conflict("busy", "Others keep changing this. Wait a moment and try again.")


def _rest(attempt: int) -> None:
    time.sleep(random.uniform(0, 0.01) * attempt)  # noqa: S311 - only spreads the tries


def _attempt(orders: Sequence[Signed]) -> list[Outcome]:
    now = timezone.now()
    _moment.set(now)
    loaded = store.load({order.stream: order.command.of for order, _ in orders})
    outcomes, rows = [], []
    for order, by in orders:
        stream = loaded[order.stream]
        before = stream.state
        events = _decide(order, stream, by, now)
        reason = getattr(order.command, "reason", "") or by.reason or getattr(before, "reason", "")
        rows += store.append(stream, events, by, reason, now)
        if order.command.creates or _scope(stream.state) != _scope(before):
            gate.check(by.actor, order.command.by, stream.state)
        outcomes.append(Outcome(stream.state, stream.version, events))
    if rows:
        changed = [loaded[stream] for stream in sorted({row["stream"] for row in rows})]
        pictures = [(stream.state, stream.version, now) for stream in changed]
        types = {row["type"] for row in rows}
        projections.project(pictures, types)
        store.write(rows)
        subscriptions.nudge_on_commit(types)
    return outcomes


def _decide(order: Order, stream: store.Loaded, by: By, now: datetime) -> tuple[Event[Any], ...]:
    command, before = order.command, stream.state
    if stream.version:
        if command.creates:
            raise Conflict("exists_already", "This was done already. Look at the list.")
        gate.check(by.actor, command.by, before)
    elif command.creates is False or (command.by == JOB and by.actor.kind != JOB):
        # What only jobs begin is decided on by nobody else: there is nothing yet to check it by.
        raise NotFound(before.category)
    for name, kind in _supplied_fields(type(command)):  # type: ignore[arg-type]
        if not order.looked_up or getattr(command, name) is SUPPLIED:
            fact = _suppliers[kind](command, before, by)
            command = dataclasses.replace(command, **{name: fact})  # type: ignore[type-var]
    return tuple(command.decide(before, now))


def _scope(state: State) -> tuple[UUID | None, UUID | None]:
    return state.organisation, state.site


@cache
def _supplied_fields(command: Hashable) -> list[tuple[str, type]]:
    assert isinstance(command, type)
    names = [f.name for f in dataclasses.fields(command) if "supplied" in f.metadata]
    if not names:
        return []
    hints = typing.get_type_hints(command)
    return [(name, hints[name]) for name in names]


def _conflict(error: IntegrityError) -> Exception:
    for constraint, answer in _conflicts.items():
        if constraint in str(error):
            return answer()
    return error
