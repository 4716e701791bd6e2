"""Rows are pictures of the log: nobody writes them but `handle`, and nobody sees them unasked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db.models import Manager

from devices.models import Device, Site
from fleet.eventstore import gate
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import Actor
from fleet.eventstore.models import EventRow, PartModel, ReadModel, Scoped
from fleet.eventstore.projections import PROJECTIONS
from tests.cast import Cast
from tests.fleet.eventstore.ground import add, device, every_row, reset

pytestmark = pytest.mark.django_db

SCOPED = [m for m in apps.get_models() if issubclass(m, Scoped)]


@pytest.mark.parametrize("model", SCOPED)
@pytest.mark.parametrize(
    "look",
    [
        lambda rows: rows.all(),
        lambda rows: rows.filter(pk=1),
        lambda rows: rows.get(pk=1),
        lambda rows: rows.first(),
        lambda rows: rows.count(),
        lambda rows: rows.exists(),
        lambda rows: rows.values_list("pk"),
        lambda rows: rows.in_bulk(),
        lambda rows: list(rows.iterator()),
        lambda rows: rows.raw("SELECT 1"),
        lambda rows: rows.none(),
        lambda rows: rows.create(),
        lambda rows: rows.update(site=None),
        lambda rows: rows.get_or_create(pk=1),
    ],
)
def test_whoever_does_not_say_who_looks_gets_nothing(
    model: type[Scoped], look: Callable[[Any], Any]
) -> None:
    with pytest.raises(TypeError, match=r"say who looks|through handle\(\) alone"):
        look(model.objects)


WRITES: dict[str, Callable[[Any, Any], Any]] = {
    "create": lambda rows, row: rows.create(pk=new_id()),
    "bulk_create": lambda rows, row: rows.bulk_create([row]),
    "bulk_update": lambda rows, row: rows.bulk_update([row], ["site"]),
    "update": lambda rows, row: rows.update(site=None),
    "delete": lambda rows, row: rows.all().delete(),
    "get_or_create": lambda rows, row: rows.get_or_create(pk=new_id()),
    "update_or_create": lambda rows, row: rows.update_or_create(pk=row.pk),
    "filtered update": lambda rows, row: rows.filter(pk=row.pk).update(site=None),
    "filtered delete": lambda rows, row: rows.filter(pk=row.pk).delete(),
    "save": lambda rows, row: row.save(),
    "save of a field": lambda rows, row: row.save(update_fields=["site"]),
    "delete of a row": lambda rows, row: row.delete(),
}


@pytest.mark.parametrize("write", WRITES)
def test_no_manager_writes(who: Cast, write: str) -> None:
    device(who)
    tables = [model._meta.db_table for model in (Site, Device, EventRow)]
    before = [every_row(table) for table in tables]
    for model in (Site, Device, EventRow):
        for rows in (
            model.objects.for_jobs(),
            model.objects.visible_to(who.by(who.alice).actor),
            model.everything,
            model._default_manager,
            model._base_manager,
        ):
            with pytest.raises(TypeError, match=r"written through handle\(\) alone"):
                WRITES[write](rows, model.everything.first())
    assert [every_row(table) for table in tables] == before


def test_rows_reached_from_another_row_cannot_be_written_either(who: Cast) -> None:
    target = device(who)
    reset(who, target)
    row = Device.objects.for_jobs().get(pk=target)
    for related in (row.resets, row.channels, row.place.devices):
        assert isinstance(related, Manager)
        for write in ("create", "update", "delete"):
            with pytest.raises(TypeError, match=r"written through handle\(\) alone"):
                WRITES[write](related, row)


@pytest.mark.parametrize(
    "write",
    [
        lambda rows: rows.acreate(),
        lambda rows: rows.aupdate(name="another"),
        lambda rows: rows.adelete(),
        lambda rows: rows.aget_or_create(pk=new_id()),
        lambda rows: rows.aupdate_or_create(pk=new_id()),
        lambda rows: rows.abulk_create([Device()]),
        lambda rows: rows.abulk_update([Device()], ["name"]),
        lambda rows: Device().asave(),
        lambda rows: Device().adelete(),
    ],
)
def test_no_manager_writes_asynchronously(write: Callable[[Any], Any]) -> None:
    async def attempt() -> None:
        await write(Device.objects.for_jobs())

    with pytest.raises(TypeError, match=r"written through handle\(\) alone"):
        asyncio.run(attempt())


def test_every_read_model_is_drawn_by_a_projection() -> None:
    """A table that no projection draws would be written by nobody, or past the log."""
    models = [m for m in apps.get_models() if issubclass(m, (ReadModel, PartModel))]
    assert {p.model for p in PROJECTIONS.values()} == set(models)


def test_everybody_sees_what_is_theirs(who: Cast) -> None:
    target = device(who)
    handle(add(who), new_id(), who.by(who.alice))
    seen = {
        person.name: set(Device.objects.visible_to(who.by(person).actor).values_list("pk", "site"))
        for person in (who.alice, who.bob, who.tess, who.charlie)
    }
    assert (target, who.site) in seen["Alice"]
    assert seen["Alice"] == seen["Bob"] == seen["Tess"]
    assert len(seen["Alice"]) == 2
    assert seen["Charlie"] == set()
    assert Device.objects.for_jobs().count() == 2


def test_somebody_without_any_role_sees_nothing(who: Cast) -> None:
    nobody = Actor("person", str(new_id()), "Nobody")
    for model in SCOPED:
        assert not model.objects.visible_to(nobody).exists()


# --- the gate -------------------------------------------------------------------------------------


def test_without_a_guard_nobody_may_look_or_do(who: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "_guard", None)
    by = who.by(who.alice)
    before = every_row("event")
    for attempt in (
        lambda: list(Device.objects.visible_to(by.actor)),
        lambda: handle(add(who), new_id(), by),
    ):
        with pytest.raises(RuntimeError, match="nobody guards"):
            attempt()
    assert every_row("event") == before
