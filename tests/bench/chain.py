"""What the hash chain costs of a step."""

from __future__ import annotations

import contextlib

from fleet.errors import Refused
from fleet.eventstore import store
from fleet.eventstore.chain import GENESIS, link
from fleet.eventstore.handling import handle
from fleet.eventstore.models import EventRow
from resets.steps.verify_code import VerifyCode
from tests.bench import world
from tests.bench.measure import Contestant, report, take_turns

STEPS = 200


def run(rounds: int) -> None:
    by = world.alice()
    resets = iter(world.resets(STEPS * (rounds + 1)))
    row = EventRow.everything.order_by("position").values().first()
    assert row is not None
    assert store.link is link

    def linked(times: int) -> None:
        for _ in range(times):
            link(GENESIS, row)

    def handled(times: int) -> None:
        for _ in range(times):
            with contextlib.suppress(Refused):
                handle(VerifyCode("00000000"), next(resets), by)

    results = take_turns(
        [Contestant("link", linked, 20_000), Contestant("a step", handled, STEPS)], rounds
    )
    report("The chain (goal: at most 10 % of a step)", "link", results, {"a step": 10})
