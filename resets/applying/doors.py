"""The proof as the wizard shows it: what each door of the device answered to which password."""

from __future__ import annotations

from typing import Any

from resets.state import Phase, ResetState
from resets.words import NOT_TRIED, Look

LOGINS = ("new", "old", "wrong")  # the columns of the doors' table, as its component has them
_ANSWERS = {
    ("new", True): Look("ok", "Opens"),
    ("new", False): Look("bad", "Refused"),
    ("old", True): Look("bad", "Opens"),
    ("old", False): Look("ok", "Refused"),
    ("wrong", True): Look("bad", "Opens"),
    ("wrong", False): Look("ok", "Refused"),
}


def doors_of(reset: ResetState, driver: str) -> list[dict[str, Any]]:
    """Each door with its answers to the new, the old and a wrong password. Until the first has
    answered, the device's own, by the name of its driver, stands for them all.
    """
    answers: dict[str, dict[str, Look]] = {}
    for tried in reset.doors:
        look = _ANSWERS.get((tried.login, bool(tried.opened)), Look("quiet", tried.login))
        if tried.opened is None:
            look = NOT_TRIED.get(tried.detail, Look("warn", "No answer"))
        answers.setdefault(tried.door, {})[tried.login] = look
    missing = Look("quiet", "Not tried")
    if not answers and reset.phase in (Phase.APPLYING, Phase.PROVING):
        proving = reset.phase is Phase.PROVING
        missing = Look("busy", "Trying") if proving else Look("quiet", "Not yet")
        answers[driver] = {}
    return [
        {"name": door.upper(), "answers": [by_login.get(one, missing) for one in LOGINS]}
        for door, by_login in answers.items()
    ]
