"""The NVR's channel as one more door of the proof: does the NVR open it with the new password?"""

from __future__ import annotations

import time
from dataclasses import replace

from devices.drivers.base import DoorTried, Login
from devices.drivers.errors import DeviceError
from devices.drivers.proof import Proof
from devices.models import Device
from devices.recorder_list import Stuck
from devices.vault import VaultError
from fleet.eventstore.messages import Recorded
from fleet.eventstore.subscriptions import Later
from resets.recorder.duty import at_nvr, put_right
from resets.recorder.state import AtRecorder, Doing
from resets.state import ResetState
from resets.steps.recorder import DOOR

NVR_LAGS = "nvr_lags"
REFUSED = "still_refused"
TRIES = 5  # to be alone with the NVR, a second apart: somebody may be reading its channels


def at_the_nvr(
    proof: Proof, reset: ResetState, camera: Device, new: Login, recorded: Recorded
) -> Proof:
    """The proof with the NVR's channel in it, where the camera has one and all before was proven.

    The camera is put back, or the NVR's copy of the password is changed. An NVR that then says that
    it does not get in leaves the change unproven. One that Rekey cannot change, or that does not
    answer, is a door that was not tried: what is left to do there is told once the reset is over.
    """
    if not proof.proven or reset.nvr is None:
        return proof
    tried = _tried(reset, camera, new, recorded)
    if tried.opened is False:
        return Proof((*proof.doors, tried), proven=False, reason=NVR_LAGS)
    return replace(proof, doors=(*proof.doors, tried))


def _tried(reset: ResetState, camera: Device, new: Login, recorded: Recorded) -> DoorTried:
    doing, why = Doing.PUT_BACK, ""
    if reset.at_recorder is AtRecorder.NONE:
        doing = Doing.TELL
    for _ in range(TRIES):
        try:
            with at_nvr(reset, camera, recorded, "let the NVR prove it") as nvr:
                put_right(nvr, doing, new)
                return DoorTried(DOOR, "new", True)
        except Later as busy:
            why = busy.why
            time.sleep(1)
        except (Stuck, DeviceError, VaultError) as error:
            refused = error.code == REFUSED
            return DoorTried(DOOR, "new", False if refused else None, error.code)
    return DoorTried(DOOR, "new", None, why)
