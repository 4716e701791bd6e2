"""A drill, as its events leave it: a reset that is walked up to the device, and no further."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from fleet.eventstore.messages import state
from resets.rules import CodeRules
from resets.state import Mailing, RecoveryMethod


class DrillPhase(StrEnum):
    """Where a drill stands. CHECKING: the code was right, and the way to the device is tried."""

    CODE_SENT = "code_sent"
    CHECKING = "checking"
    PASSED = "passed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def open(self) -> bool:
        return self in (DrillPhase.CODE_SENT, DrillPhase.CHECKING)


@state("drill")
class DrillState(Mailing):
    """`subject` is the device; `method` the way that is tried, the best there is. Codes are bounded
    by the site's rules as those of a reset are, and nobody but `owner` may type one. `waiting_for`:
    why the way could not be tried yet. `outcome`: the code of the error it failed with.
    """

    device_name: str = ""
    reset_email: str = ""
    method: RecoveryMethod = RecoveryMethod.MANAGEMENT_ACCOUNT
    asker: str = ""
    rules: CodeRules = CodeRules()
    phase: DrillPhase = DrillPhase.CODE_SENT
    begun_at: datetime | None = None
    expires_at: datetime | None = None

    sends: int = 0
    sent_at: datetime | None = None
    code_expires_at: datetime | None = None
    tries_left: int = 0
    owner: str = ""

    waiting_for: str = ""
    outcome: str = ""
    ended_at: datetime | None = None

    @property
    def sends_left(self) -> int:
        return max(self.rules.sends - self.sends, 0)
