"""A worker that is killed at each point of its work at an NVR: the camera is never lost to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest

from devices import doors, lock_outs
from fleet.eventstore import projections
from fleet.eventstore.handling import handle
from resets.limits.models import LimitUse
from resets.steps.cancel_reset import CancelReset
from resets.steps.remove_from_recorder import RemoveFromRecorder
from tests.cast import Cast, cast, work
from tests.faults.dying import Life, pass_time, run_until
from tests.faults.ground import job_of, owed
from tests.resets.recorder_ground import ADAPTER, CHANNEL, GATE, QUAY, Site, site

# What a death in a commit does is asked of both databases by `test_every_point`.
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("no_broker"),
    pytest.mark.one_database,
]

THERE = {CHANNEL: (GATE, True), 5: (QUAY, True)}
LONGEST = max(doors.LEASE.total_seconds(), lock_outs.UNKNOWN.forgets) + 1


@pytest.fixture
def who(transactional_db: None) -> Cast:
    return cast()


@pytest.fixture
def there(who: Cast) -> Iterator[Site]:
    with site(who, (ADAPTER,)) as made:
        yield made


def wake_up_later() -> None:
    """Leases run out, login tries come back that nobody knows the end of, and days go by."""
    pass_time(LONGEST)
    LimitUse.objects.all().delete()
    work()


def at_each_point(
    there: Site, reaction: str, begin: Callable[[], UUID], near: str, after: Callable[[UUID], None]
) -> list[str]:
    """Begin anew for each point of a job after which something has changed, from shortly before it
    first talks of `near`; let its worker be killed there, and see what becomes of it. The points of
    the whole job.
    """
    reset = begin()
    whole = run_until(job_of(reaction), 10_000)
    after(reset)
    first = whole.points.index(f"before {near}")
    for point, name in enumerate(whole.points, start=1):
        if point < first or not name.startswith("after"):
            continue
        reset = begin()
        life: Life = run_until(job_of(reaction), point)
        assert life.killed, life.points
        told = f"killed {life.points[-1]} ({point})"
        try:
            after(reset)
        except AssertionError as error:
            raise AssertionError(f"{told}: {error}") from error
        assert not owed(), told
    counted = LimitUse._meta.db_table  # whose days have gone by
    assert [one for one in projections.differences() if one.table != counted] == []
    return whole.points


def test_wherever_a_removal_dies_the_camera_ends_on_its_channel(there: Site) -> None:
    def begin() -> UUID:
        there.shut_out_of_nvr()
        reset = there.begin()
        handle(RemoveFromRecorder(), reset, there.by)
        return reset

    def called_off(reset: UUID) -> None:
        handle(CancelReset(), reset, there.by)  # nobody knows yet how far it came
        wake_up_later()
        became = there.row(reset).recorder
        assert became in ("put_back", "none")
        assert there.channels == {**THERE, CHANNEL: (GATE, became == "put_back")}

    points = at_each_point(there, "resets.take_off_recorder", begin, "chm_del_dev", called_off)
    assert {"before chm_del_dev", "after chm_del_dev"} <= set(points)


def test_wherever_a_removal_dies_the_reset_goes_on(there: Site) -> None:
    def begin() -> UUID:
        there.shut_out_of_nvr()
        reset = there.begin()
        handle(RemoveFromRecorder(), reset, there.by)
        return reset

    def goes_on(reset: UUID) -> None:
        wake_up_later()
        assert there.row(reset).recorder == "removed"
        assert there.channels == {5: (QUAY, True)}
        there.do(reset, CancelReset())
        assert there.row(reset).recorder == "put_back"
        assert there.channels == THERE

    at_each_point(there, "resets.take_off_recorder", begin, "chm_del_dev", goes_on)


def test_wherever_putting_it_back_dies_it_ends_on_its_channel(there: Site) -> None:
    def begin() -> UUID:
        there.shut_out_of_nvr()
        reset = there.begin()
        there.do(reset, RemoveFromRecorder())
        handle(CancelReset(), reset, there.by)
        return reset

    def put_back(reset: UUID) -> None:
        wake_up_later()
        assert there.stands(reset) == ("cancelled", "put_back", "")
        assert there.channels == THERE

    points = at_each_point(
        there, "resets.put_right_on_recorder", begin, "chm_add_dev_list", put_back
    )
    assert {"after chm_add_dev_list", "after chm_mod_dev_chn", "after chm_edit_dev"} <= set(points)


def test_wherever_the_proof_dies_the_nvr_opens_the_camera_with_the_new_password(
    there: Site,
) -> None:
    def begin() -> UUID:
        there.shut_out_of_nvr()
        reset = there.begin()
        there.do(reset, RemoveFromRecorder())
        there.choose(reset)
        return reset

    def proven(reset: UUID) -> None:
        wake_up_later()
        assert there.stands(reset) == ("done", "put_back", "")
        assert there.nvr_door(reset) == (True, "")
        assert there.channels == THERE
        assert there.current_opens

    at_each_point(there, "resets.apply_password", begin, "chm_add_dev_list", proven)
