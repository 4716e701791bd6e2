"""Rows can be thrown away and drawn again from the log, and come out as they were."""

from __future__ import annotations

import io
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.models import Device
from devices.state import Purpose, credential_id
from devices.steps.check_device import CheckDevice, RecordCheck, RecordTrouble
from devices.steps.credential import (
    BeginCredential,
    PromoteCandidate,
    StoreCandidate,
    WithdrawCandidate,
)
from devices.steps.take_in_device import DeviceIdentified, RecordIdentity
from fleet.accounts.state import Role
from fleet.accounts.steps.grant_role import GrantRole
from fleet.accounts.steps.revoke_role import RevokeRole
from fleet.errors import RekeyError
from fleet.eventstore import projections
from fleet.eventstore.handling import Order, handle_all
from fleet.eventstore.ids import new_id
from fleet.eventstore.projections import PROJECTIONS
from resets.codes import CodeKey
from resets.limits.models import LimitUse
from resets.models import Reset
from resets.state import Delivery, Door
from resets.steps.apply_password import RecordApplied, RecordWait
from resets.steps.cancel_reset import CancelReset
from resets.steps.choose_password import ChoosePassword
from resets.steps.deliver_code import RecordDelivery
from resets.steps.fail_reset import FailReset
from resets.steps.prove_password import RecordProof
from resets.steps.request_reset import RequestReset
from resets.steps.send_code import SendCode
from resets.steps.verify_code import VerifyCode
from tests.cast import SETUP, Cast, cast, lift_limits
from tests.fleet.eventstore.ground import add, device, every_row, reset, stored, tamper

pytestmark = pytest.mark.django_db

TABLES = sorted(p.model._meta.db_table for p in PROJECTIONS.values())


@pytest.fixture
def who() -> Cast:
    return lift_limits(cast())


def drawn() -> dict[str, list[Any]]:
    return {table: every_row(table) for table in TABLES}


def rebuild(**options: Any) -> str:
    out = io.StringIO()
    call_command("rebuild", stdout=out, **options)
    return out.getvalue()


# --- random histories -----------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
DOORS = st.builds(
    Door, TEXT, st.sampled_from(["new", "old", "wrong"]), st.sampled_from([True, False, None]), TEXT
)
SECRETS = st.integers(1, 4).map(lambda n: UUID(int=n))  # few, so that they meet again

DEVICE = st.one_of(
    st.just(CheckDevice()),
    st.builds(RecordCheck, st.booleans()),
    st.builds(RecordTrouble, st.sampled_from(["unreachable", "locked_out"])),
    st.builds(
        RecordIdentity,
        st.builds(DeviceIdentified, TEXT, TEXT, TEXT, TEXT, st.none() | st.integers(1, 128)),
    ),
)
CREDENTIAL = st.one_of(
    st.builds(StoreCandidate, SECRETS),
    st.builds(PromoteCandidate, SECRETS),
    st.builds(WithdrawCandidate, SECRETS),
)
RESET = st.one_of(
    st.just(SendCode()),
    st.just(VerifyCode("00000000")),
    st.just(ChoosePassword()),
    st.just(CancelReset()),
    st.just(RecordApplied()),
    st.builds(RecordDelivery, st.integers(0, 2), st.sampled_from(list(Delivery)[2:]), TEXT),
    st.builds(FailReset, st.just("not_authorised"), TEXT),
    st.builds(
        RecordProof,
        st.lists(DOORS, max_size=3).map(tuple),
        st.sampled_from(["proven", "new_refused", "old_still_opens"]),
    ),
)
HISTORY = st.lists(
    st.one_of(
        st.tuples(st.just("device"), DEVICE),
        st.tuples(st.just("credential"), CREDENTIAL),
        st.tuples(st.just("reset"), RESET),
        st.tuples(st.just("another reset"), st.none()),
        st.tuples(st.just("role"), st.none()),
    ),
    max_size=25,
)


@settings(
    max_examples=25,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=HISTORY)
def test_rows_drawn_again_equal_the_live_ones_after_any_history(
    who: Cast, history: list[Any]
) -> None:
    target = device(who)
    account = credential_id(target, "admin")
    begin = BeginCredential(
        who.organisation, who.site, target, "admin", Purpose.DEVICE, UUID(int=1)
    )
    streams = {"device": target, "credential": account, "reset": reset(who, target)}
    attempt(begin, account)
    for what, command in history:
        if what == "another reset":
            again = new_id()
            if attempt(RequestReset(target, "Again"), again):
                streams["reset"] = again
        elif what == "role":
            role = new_id()
            attempt(GrantRole(uuid4(), "Dora", Role.OPERATOR, who.organisation, who.site), role)
            attempt(RevokeRole("She left"), role)
        else:
            attempt(command, streams[what])
    live = drawn()
    assert list(projections.differences()) == []
    projections.rebuild()
    assert drawn() == live


def attempt(command: Any, stream: UUID) -> bool:
    try:
        handle_all([Order(command, stream)], SETUP)
    except RekeyError:
        return False
    return True


# --- rebuild and rebuild --check ------------------------------------------------------------------


def test_a_check_of_rows_that_nobody_touched_finds_nothing(who: Cast) -> None:
    reset(who, device(who))
    assert rebuild(check=True) == "every row is what the log says\n"


def test_emptied_tables_are_filled_as_they_were(who: Cast) -> None:
    reset(who, device(who))
    before = drawn()
    for table in TABLES:
        tamper(f"DELETE FROM {table}")
    assert not any(drawn().values())
    uses = LimitUse.objects.count()  # made again with them, see `also_rebuilt`
    count = sum(map(len, before.values())) + uses
    assert uses
    assert rebuild() == f"{count} rows drawn again from the log\n"
    assert drawn() == before


def test_more_streams_than_one_statement_takes_are_drawn_again(
    who: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = [new_id() for _ in range(75)]
    handle_all([Order(add(who), stream) for stream in streams], SETUP)
    before = drawn()
    for size in (1, 10, 74, 75, 76):
        monkeypatch.setattr(projections, "BATCH", size)
        assert list(projections.differences()) == []
        projections.rebuild()
        assert drawn() == before


ALTERED = [
    ("device", "name", "another"),
    ("device", "certified", True),
    ("device", "site", uuid4()),
    ("device", "version", 7),
    ("device", "changed_at", "2020-01-01 00:00:00+00:00"),
    ("device", "nvr_id", uuid4()),
    ("reset", "doors", '[{"door": "onvif"}]'),
    ("reset", "phase", "done"),
    ("role", "role", "operator"),
    ("site", "organisation", uuid4()),
    ("organisation", "name", "another"),
]


@pytest.mark.parametrize(("table", "column", "value"), ALTERED)
def test_an_altered_row_is_found_named_and_left_alone(
    who: Cast, table: str, column: str, value: Any
) -> None:
    reset(who, device(who))
    [row] = some_ids(table, 1)
    tamper(f"UPDATE {table} SET {column} = %s WHERE id = %s", [value, row])
    before = drawn()
    found = list(projections.differences())
    assert [(d.table, d.id, d.what) for d in found] == [(table, row, f"differs in {column}")]
    assert drawn() == before
    projections.rebuild()
    assert list(projections.differences()) == []


def test_a_missing_row_is_found_named_and_left_alone(who: Cast) -> None:
    targets = [device(who), device(who)]
    tamper("DELETE FROM device WHERE id = %s", [targets[0]])
    [found] = projections.differences()
    assert (found.table, found.id, found.what) == ("device", targets[0], "is missing")
    assert Device.everything.count() == 1


def test_a_row_too_many_is_found_named_and_left_alone(who: Cast) -> None:
    invented = put_one_too_many(who)
    [found] = projections.differences()
    assert (found.table, found.id) == ("device", invented)
    assert "no stream" in found.what
    assert Device.everything.count() == 2


def test_a_row_too_many_does_not_hide_behind_one_that_is_missing(who: Cast) -> None:
    invented = put_one_too_many(who)
    target = Device.everything.exclude(pk=invented).values_list("pk", flat=True)[0]
    tamper("DELETE FROM device WHERE id = %s", [target])
    assert {d.id for d in projections.differences()} == {invented, target}


def test_a_check_says_how_many_and_what_to_do_and_ends_with_an_error(who: Cast) -> None:
    target = device(who)
    tamper("UPDATE device SET name = 'another', port = 1 WHERE id = %s", [target])
    out = io.StringIO()
    with pytest.raises(CommandError, match=r"1 rows .*manage\.py rebuild"):
        call_command("rebuild", check=True, stdout=out)
    assert out.getvalue() == f"device {target} differs in name, port\n"


def test_a_rebuild_puts_right_whatever_was_wrong(who: Cast) -> None:
    device(who)
    before = drawn()
    put_one_too_many(who, device(who))
    live = Device.everything.values_list("pk", flat=True)
    tamper("UPDATE device SET name = 'another' WHERE id = %s", [live[0]])
    rebuild()
    assert list(projections.differences()) == []
    assert len(drawn()["device"]) == len(before["device"]) + 1


def put_one_too_many(who: Cast, of: UUID | None = None) -> UUID:
    """A copy of a device's row under an id that no stream has, at an address of its own."""
    of, invented = of or device(who), new_id()
    columns = [f.column for f in Device._meta.concrete_fields]
    changed = {"id": f"'{stored(invented)}'", "port": "1"}
    tamper(
        f"INSERT INTO device ({', '.join(columns)})"
        f" SELECT {', '.join(changed.get(c, c) for c in columns)} FROM device WHERE id = %s",
        [of],
    )
    return invented


def some_ids(table: str, count: int) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM {table} ORDER BY id LIMIT {count}")
        return [i if isinstance(i, UUID) else UUID(i) for (i,) in cursor.fetchall()]


def test_a_stream_of_one_category_accounts_for_no_row_of_another(who: Cast) -> None:
    """The id of a site as that of a device: there is a stream of that id, but not of a device."""
    target = device(who)
    tamper("UPDATE device SET id = %s WHERE id = %s", [who.site, target])
    found = {(d.table, d.id) for d in projections.differences()}
    assert found == {("device", target), ("device", who.site)}


def test_what_a_reset_knows_is_all_there_to_be_drawn_again(who: Cast) -> None:
    """A history of every kind of event, so that no picture depends on what only `handle` knew."""
    target = device(who)
    walk = reset(who, target)
    for command in (
        SendCode(),
        RecordDelivery(1, Delivery.DEFERRED, "451 later"),
        RecordDelivery(1, Delivery.HANDED_OVER, "250 ok"),
        VerifyCode("00000000"),
    ):
        attempt(command, walk)
    right = CodeKey(django_settings.REKEY_CODE_KEY).code(walk, 1, 8)
    for command in (
        VerifyCode(right),
        ChoosePassword(),
        RecordWait("unreachable", timezone.now()),
        RecordApplied(),
        RecordProof((Door("onvif", "new", True), Door("rtsp", "old", None, "closed")), "proven"),
    ):
        assert attempt(command, walk)
    before = drawn()
    assert Reset.objects.for_jobs().get(pk=walk).phase == "done"
    projections.rebuild()
    assert drawn() == before
