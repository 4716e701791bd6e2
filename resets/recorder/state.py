"""What a reset keeps in mind of the camera's NVR. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AtRecorder(StrEnum):
    """Where a camera stands with its NVR. It has to be off it while its password is changed, where
    the NVR goes on trying one that does not open it; whoever took it off puts it back.
    """

    NONE = "none"  # it stands alone, or its NVR opens it
    TO_REMOVE = "to_remove"
    REMOVING = "removing"
    REMOVED = "removed"
    TO_PUT_BACK = "to_put_back"  # Rekey is at it
    BY_HAND = "to_put_back_by_hand"
    PUT_BACK = "put_back"
    PUT_BACK_BY_HAND = "put_back_by_hand"
    TO_TELL = "to_tell"  # it was never off it; the NVR's copy of the password is the old one
    TELLING = "telling"  # Rekey is at it
    TOLD = "told"
    LEFT_OFF = "left_off"

    @property
    def owed(self) -> bool:
        """Whether something is left to be done at the NVR, now that the reset is over."""
        return self in (self.TO_PUT_BACK, self.BY_HAND, self.TO_TELL, self.TELLING)

    @property
    def busy(self) -> bool:
        """Whether Rekey is at the NVR, or about to be."""
        return self in (self.REMOVING, self.TO_PUT_BACK, self.TELLING)


class Doing(StrEnum):
    """What is to be done at an NVR."""

    REMOVE = "remove"
    PUT_BACK = "put_back"
    TELL = "tell"  # give it the new password


@dataclass(frozen=True)
class CameraThere:
    """A camera as its NVR had it stored: what has to be known to put it back. `key` is what the NVR
    knows it by, `protocol` how it talks to it; "" where it did not tell.
    """

    number: int
    name: str
    host: str
    port: int
    mac: str
    key: str = ""
    protocol: str = ""
