"""`handle`: what one call does, and what it never does by halves."""

from __future__ import annotations

import os
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.db.models import UniqueConstraint

from devices.models import Device, Secret
from devices.state import DeviceState
from devices.steps.check_device import CheckDevice, RecordTrouble
from devices.steps.reveal_password import RevealPassword
from devices.steps.take_in_device import RecordManagementAccount
from fleet.accounts.state import Role
from fleet.accounts.steps.found_organisation import FoundOrganisation
from fleet.accounts.steps.grant_role import GrantRole
from fleet.accounts.steps.revoke_role import RevokeRole
from fleet.errors import Conflict, NotFound, Refused, RekeyError
from fleet.eventstore import handling, store
from fleet.eventstore.chain import first_break
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import Actor, By
from fleet.eventstore.projections import PROJECTIONS
from fleet.eventstore.store import read_stream, state_of
from resets.codes import CodeKey
from resets.models import Reset
from resets.steps.cancel_reset import CancelReset
from resets.steps.request_reset import DeviceFacts, RequestReset
from resets.steps.send_code import SendCode
from resets.steps.verify_code import VerifyCode
from tests.cast import SETUP, Cast
from tests.fleet.eventstore.ground import add, device, every_row, reset

TABLES = ("event", "organisation", "role", "site", "device", "credential", "reset", "vault")


def everything() -> dict[str, list[Any]]:
    return {table: every_row(table) for table in TABLES}


# --- what stands in the log -----------------------------------------------------------------------


def test_an_event_says_who_when_why_from_where_and_because_of_what(who: Cast) -> None:
    cause, thread = new_id(), new_id()
    target = device(who)
    by = By(who.by(who.tess).actor, "203.0.113.1", "it blinks", thread, cause)
    handle(CheckDevice(), target, by)
    last = read_stream(target)[-1]
    assert (last.actor.kind, last.actor.id, last.actor.name) == ("person", str(who.tess.id), "Tess")
    assert (last.source, last.reason) == ("203.0.113.1", "it blinks")
    assert (last.correlation, last.causation) == (thread, cause)
    assert (last.organisation, last.site, last.subject) == (who.organisation, who.site, target)
    assert last.category == "device"
    assert last.at.tzinfo is not None
    assert last.sentence == "Tess asked whether the stored password opens the device."


def test_the_commands_own_reason_counts_before_any_other(who: Cast) -> None:
    walk = reset(who, device(who))
    by = By(who.by(who.tess).actor, reason="another")
    handle(SendCode(), walk, by)
    handle(CancelReset(), walk, who.by(who.tess))
    requested, sent, cancelled = read_stream(walk)
    assert requested.reason == "The installer left"
    assert sent.reason == "another"
    assert cancelled.reason == "The installer left"  # the reset's own, where nobody gave another


def test_a_job_acts_because_of_the_event_it_reacts_to(who: Cast) -> None:
    [first, _] = read_stream(device(who))
    by = first.because("look")
    assert (by.actor.kind, by.correlation, by.causation) == ("job", first.correlation, first.id)


def test_a_command_that_finds_nothing_to_do_leaves_nothing_behind(who: Cast) -> None:
    target = device(who)
    before = everything()
    outcome = handle(RecordManagementAccount("rekey"), target, SETUP)
    assert (outcome.events, outcome.version) == ((), 2)
    assert everything() == before


# --- refusals -------------------------------------------------------------------------------------


def test_a_refused_command_leaves_nothing_behind_not_even_in_the_vault(who: Cast) -> None:
    before = everything()
    with pytest.raises(Refused, match="port"):
        handle(add(who, port=70_000), new_id(), who.by(who.alice))
    assert everything() == before
    assert not Secret.objects.exists()


def test_a_refusal_that_is_a_fact_is_recorded_and_raised(who: Cast) -> None:
    walk = reset(who, device(who))
    handle(SendCode(), walk, who.by(who.tess))
    with pytest.raises(Refused) as refused:
        handle(VerifyCode("00000000"), walk, who.by(who.tess))
    assert (refused.value.code, refused.value.facts) == ("wrong_code", {"tries_left": 4})
    assert read_stream(walk)[-1].type == "resets.code_rejected"
    assert Reset.objects.for_jobs().get(pk=walk).tries_left == 4


def test_a_stream_that_is_not_there_is_not_found(who: Cast) -> None:
    with pytest.raises(NotFound):
        handle(CheckDevice(), new_id(), who.by(who.alice))


def test_a_stream_of_another_kind_is_not_found_either(who: Cast) -> None:
    """The id of a device in the address of a reset's step, and the other way round."""
    target = device(who)
    walk = reset(who, target)
    before = everything()
    for command, stream in ((SendCode(), target), (CheckDevice(), walk), (CheckDevice(), who.site)):
        with pytest.raises(NotFound):
            handle(command, stream, who.by(who.alice))
    with pytest.raises(NotFound):
        state_of(DeviceState, walk)
    with pytest.raises(RekeyError):
        handle(FoundOrganisation("Again"), target, SETUP)
    assert everything() == before


def test_what_begins_a_stream_begins_it_once(who: Cast) -> None:
    target = device(who)
    with pytest.raises(Conflict) as refused:
        handle(add(who), target, who.by(who.alice))
    assert refused.value.code == "exists_already"


def test_who_never_gets_a_turn_is_told_to_try_again(
    who: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def taken(rows: object) -> None:
        tries.append(rows)
        raise store.VersionTaken

    target = device(who)
    before = everything()
    monkeypatch.setattr(store, "write", taken)
    monkeypatch.setattr(handling.time, "sleep", lambda seconds: None)
    with pytest.raises(Conflict) as refused:
        handle(CheckDevice(), target, who.by(who.tess))
    assert refused.value.code == "busy"
    assert len(tries) == handling.TRIES
    assert everything() == before


def test_an_error_of_the_database_that_nobody_has_words_for_is_not_hidden(
    who: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handling, "_conflicts", {})
    handle(add(who, host="camera.example", port=80), new_id(), who.by(who.alice))
    with pytest.raises(IntegrityError):
        handle(add(who, host="camera.example", port=80), new_id(), who.by(who.alice))


# --- many at once, or none ------------------------------------------------------------------------


def test_all_commands_of_one_transaction_happen_or_none(who: Cast) -> None:
    one, other = device(who), device(who)
    before = everything()
    orders = [
        Order(CheckDevice(), one),
        Order(RecordTrouble("unreachable"), other),
        Order(RevealPassword("  "), new_id()),
    ]
    with pytest.raises(RekeyError):
        handle_all(orders, SETUP)
    assert everything() == before


def test_commands_for_one_stream_see_each_others_events(who: Cast) -> None:
    target = device(who)
    orders = [
        Order(RecordTrouble("unreachable"), target),
        Order(RecordTrouble("unreachable"), target),
        Order(RecordTrouble("locked_out"), target),
    ]
    outcomes = handle_all(orders, SETUP)
    assert [len(o.events) for o in outcomes] == [1, 0, 1]
    assert [o.version for o in outcomes] == [3, 3, 4]
    assert Device.objects.for_jobs().get(pk=target).trouble == "locked_out"
    assert first_break(read_stream(target)) is None


def test_a_stream_can_begin_and_go_on_in_one_transaction(who: Cast) -> None:
    target = new_id()
    handle_all([Order(add(who), target), Order(RecordManagementAccount("rekey"), target)], SETUP)
    row = Device.objects.for_jobs().get(pk=target)
    assert (row.managed, row.version) == (True, 2)


@pytest.mark.parametrize("count", [1, 31, 32, 33, 700])
def test_as_many_streams_as_one_likes_are_handled_together(
    who: Cast, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """31 and 32: where PostgreSQL's COPY takes over from INSERT. 700: more than one statement's
    worth of parameters for the rows.
    """
    # Names in the log are older than the rule that keeps them in one line.
    monkeypatch.setattr("devices.steps.add_device.named", lambda name, what: name)
    streams = [new_id() for _ in range(count)]
    name = 'Gate "north"\t\\N \\. €\n%s {}'
    orders = [Order(add(who, name=f"{name}{i}", nvr=None), s) for i, s in enumerate(streams)]
    outcomes = handle_all(orders, SETUP)
    assert [o.version for o in outcomes] == [1] * count
    rows = Device.objects.for_jobs().in_bulk(streams)
    assert [rows[s].name for s in streams] == [f"{name}{i}" for i in range(count)]
    assert all(first_break(read_stream(s)) is None for s in streams[:40])
    assert [r.type for r in read_stream(streams[-1])] == ["devices.device_added"]


def test_recorded_refusals_of_many_commands_stand_in_the_outcomes(who: Cast) -> None:
    walks = [reset(who, device(who)) for _ in range(2)]
    by = who.by(who.tess)
    handle_all([Order(SendCode(), walk) for walk in walks], by)
    outcomes = handle_all([Order(VerifyCode("00000000"), walk) for walk in walks], by)
    assert [o.refusal and o.refusal.code for o in outcomes] == ["wrong_code"] * 2


# --- supplied facts -------------------------------------------------------------------------------


def test_a_key_that_came_with_the_command_is_not_used(who: Cast) -> None:
    walk = reset(who, device(who))
    handle(SendCode(), walk, who.by(who.tess))
    mine = CodeKey(b"a key of an intruder, 32 bytes..")
    guess = mine.code(walk, 1, 8)
    with pytest.raises(Refused) as refused:
        handle(VerifyCode(guess, key=mine), walk, who.by(who.tess))
    assert refused.value.code == "wrong_code"


def test_facts_that_came_with_the_command_are_looked_up_all_the_same(who: Cast) -> None:
    target, walk = device(who), new_id()
    invented = DeviceFacts(target, new_id(), new_id(), "Vault", "root", "thief@example.com", True)
    somebody = Actor("person", str(new_id()), "Mallory")
    command = RequestReset(target, "A fine reason", facts=invented, asker=somebody)
    state = handle(command, walk, who.by(who.tess)).state
    assert (state.reset_email, state.username, state.asker) == (
        "owner@example.com",
        "admin",
        "Tess",
    )
    assert (state.organisation, state.site) == (who.organisation, who.site)


def test_facts_are_looked_up_as_seen_by_whoever_asks(who: Cast) -> None:
    with pytest.raises(NotFound):
        handle(RequestReset(device(who), "A fine reason"), new_id(), who.by(who.charlie))


# --- unique constraints, in words -----------------------------------------------------------------


def code_of(command: Any, by: By) -> str:
    before = everything()
    with pytest.raises(Conflict) as refused:
        handle(command, new_id(), by)
    assert everything() == before
    return refused.value.code


def test_two_devices_at_one_address_are_a_conflict(who: Cast) -> None:
    handle(add(who, host="camera.example", port=80), new_id(), who.by(who.alice))
    again = add(who, host="camera.example", port=80)
    assert code_of(again, who.by(who.alice)) == "address_taken"
    handle(add(who, host="camera.example", port=81), new_id(), who.by(who.alice))


def test_two_open_resets_of_one_device_are_a_conflict_and_one_after_another_are_none(
    who: Cast,
) -> None:
    target = device(who)
    first = reset(who, target)
    assert code_of(RequestReset(target, "Again"), who.by(who.tess)) == "reset_open_already"
    handle(CancelReset(), first, who.by(who.tess))
    reset(who, target)


@pytest.mark.parametrize("whole_organisation", [True, False])
def test_two_roles_of_one_person_in_one_place_are_a_conflict(
    who: Cast, whole_organisation: bool
) -> None:
    site = None if whole_organisation else who.site
    grant = GrantRole(who.charlie.id, "Charlie", Role.VIEWER, who.organisation, site)
    role = new_id()
    handle(grant, role, who.by(who.alice))
    assert code_of(grant, who.by(who.alice)) == "has_role_already"
    handle(RevokeRole("He left"), role, who.by(who.alice))
    handle(grant, new_id(), who.by(who.alice))


def test_every_read_model_with_a_unique_constraint_has_words_for_its_breach() -> None:
    for projection in PROJECTIONS.values():
        table = projection.model._meta.db_table
        for constraint in projection.model._meta.constraints:
            if isinstance(constraint, UniqueConstraint):
                columns = [projection.model._meta.get_field(f).column for f in constraint.fields]
                assert constraint.name in handling._conflicts
                assert ", ".join(f"{table}.{c}" for c in columns) in handling._conflicts


@pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="SQLite prepares by itself")
def test_the_statements_of_a_step_are_prepared(who: Cast) -> None:
    """Django's connections forbid it, and then everything is only slower."""
    reset(who, device(who))
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        prepared = " ".join(statement for (statement,) in cursor.fetchall())
    for part in ("FROM event", 'INSERT INTO "event"', 'INSERT INTO "reset"', "limit_take"):
        assert part in prepared
