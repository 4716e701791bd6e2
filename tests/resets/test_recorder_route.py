"""Method 2: a camera on an NVR's channel, through the domain and over real sockets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fleet.errors import Refused
from fleet.eventstore import projections
from fleet.eventstore.handling import handle
from fleet.eventstore.models import EventRow, Job
from resets.steps.recorder import (
    RemoveFromRecorder,
)
from resets.steps.send_code import SendCode
from tests.cast import Cast, cast, work
from tests.resets.recorder_ground import (
    CHANNEL,
    GATE,
    QUAY,
    Site,
    site,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def who() -> Cast:
    return cast()


@pytest.fixture
def there(who: Cast) -> Iterator[Site]:
    with site(who) as made:
        yield made


def owed() -> list[str]:
    return list(
        Job.objects.exclude(reaction="resets.expire_reset").values_list("reaction", flat=True)
    )


# --- not certified --------------------------------------------------------------------------------


def test_a_camera_that_its_nvr_does_not_open_is_removed_reset_and_put_back(there: Site) -> None:
    there.shut_out()
    before = there.channels
    assert before == {CHANNEL: (GATE, False), 5: (QUAY, True)}
    reset = there.begin()
    assert there.stands(reset) == ("requested", "to_remove", "")
    with pytest.raises(Refused) as no:
        handle(SendCode(), reset, there.by)
    assert no.value.code == "still_on_recorder"

    there.do(reset, RemoveFromRecorder())
    assert there.stands(reset) == ("requested", "removed", "")
    assert there.channels == {5: (QUAY, True)}

    there.choose(reset)
    work()
    assert there.stands(reset) == ("done", "put_back", ""), there.told(reset)
    assert there.channels == {CHANNEL: (GATE, True), 5: (QUAY, True)}
    assert there.nvr_door(reset) == (True, "")
    assert there.current_opens
    assert (there.camera.certified, there.camera.nvr_opens) == (True, True)
    assert there.fleet.calls(GATE)["failed_logins"] < 7
    assert not owed()
    assert list(projections.differences()) == []
    log = "\n".join(EventRow.everything.values_list("data", flat=True))
    assert there.current not in log
