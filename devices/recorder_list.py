"""An NVR's own list of cameras, as far as a service of it lets Rekey change it.

Whatever is to be changed, the list is read first and after each step: a run that comes back finds
how far the one before came, and an NVR that says yes and does nothing is found out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar

from devices.doors import Talk, services_of
from devices.drivers.base import Ability, Driver, Login, Service, StoredCamera
from devices.drivers.errors import Busy
from devices.drivers.registry import abilities_of
from devices.models import Device

T = TypeVar("T")

MOST_STEPS = 16
PAUSE = 0.4  # seconds between two looks at an NVR that is still trying
_NEEDED = {
    Ability.CAMERAS,
    Ability.REMOVE_CAMERA,
    Ability.ADD_CAMERA,
    Ability.MOVE_CAMERA,
    Ability.SET_CAMERA_LOGIN,
}


class Stuck(Exception):
    """The NVR does not come to where it should: a person has to look. `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Step(StrEnum):
    """What comes next on the way of a camera to its channel."""

    ADD = "add"
    SET_LOGIN = "set_login"
    MOVE = "move"
    WAIT = "wait"
    REFUSED = "refused"  # says the NVR, which may not have tried the new login yet
    DONE = "done"


_MOST = {Step.ADD: 2, Step.MOVE: 2, Step.REFUSED: 3}
_STUCK = {Step.ADD: "no_change", Step.MOVE: "other_channel", Step.REFUSED: "still_refused"}


def list_service(nvr: Device) -> Service | None:
    """The service of a recorder that changes its list of cameras."""
    services = (s for s in services_of(nvr) if abilities_of(s.driver) >= _NEEDED)
    return next(services, None)


def find(listed: Sequence[StoredCamera], camera: StoredCamera) -> StoredCamera | None:
    """A camera on the list: by what the NVR knows it by, else by its MAC address, else by where it
    is. It may be there twice: then the one on its own channel.
    """
    same = (
        [c for c in listed if camera.key and c.key == camera.key]
        or [c for c in listed if camera.mac and c.mac == camera.mac]
        or [c for c in listed if _stands_there(c, camera)]
    )
    return min(same, key=lambda c: c.number != camera.number, default=None)


def next_step(listed: Sequence[StoredCamera], camera: StoredCamera, told: bool) -> Step:
    """What is to be done so that a camera ends on its channel, under its name, and opened.

    `told`: its login was given to the NVR already. Nothing else on the list is touched. Raises
    Stuck.
    """
    here = find(listed, camera)
    taken = any(c.number == camera.number and c != here for c in listed)
    if here is None:
        if taken:
            raise Stuck("channel_taken")
        return Step.ADD
    if not told:
        return Step.SET_LOGIN
    if here.number != camera.number:
        if taken:
            raise Stuck("other_channel")
        return Step.MOVE
    return {True: Step.DONE, False: Step.REFUSED, None: Step.WAIT}[here.opens]


@dataclass
class RecorderList:
    """The list of one NVR, within one conversation. Every call may raise DeviceError."""

    talk: Talk
    admin: Login
    service: Service

    def read(self) -> tuple[StoredCamera, ...]:
        return self._ask(lambda driver, admin: driver.cameras(admin))

    def take_off(self, camera: StoredCamera) -> None:
        """Remove a camera; one that is not there any more is removed. Raises Stuck."""
        for _ in range(2):
            here = find(self.read(), camera)
            if here is None:
                return
            self._ask(partial(_remove, here))
        if find(self.read(), camera) is not None:
            raise Stuck("no_change")

    def put_back(self, camera: StoredCamera, opened_by: Login) -> None:
        """Bring a camera onto its channel, under its name, opened with this login.

        Raises Stuck, and Busy while the NVR is still trying.
        """
        steps: list[Step] = []
        while len(steps) < MOST_STEPS:
            listed = self.read()
            step = next_step(listed, camera, Step.SET_LOGIN in steps)
            if step is Step.DONE:
                return
            if steps.count(step) == _MOST.get(step, MOST_STEPS):
                raise Stuck(_STUCK[step])
            if step in steps or step is Step.REFUSED:
                time.sleep(PAUSE)
            here = find(listed, camera)
            if step is Step.ADD:
                self._ask(partial(_add, _as_spoken_to(camera, listed), opened_by))
            elif step is Step.MOVE and here:
                self._ask(partial(_move, here, camera.number))
            elif step is Step.SET_LOGIN and here:
                self._ask(partial(_set_login, replace(here, name=camera.name), opened_by))
            steps.append(step)
        raise Busy("The recorder is still trying the camera.")

    def tell(self, camera: StoredCamera, opened_by: Login) -> int:
        """Give the NVR another login for a camera, wherever it has it: the channel.

        Raises as `put_back`, and Stuck where the NVR does not have it.
        """
        here = find(self.read(), camera)
        if here is None:
            raise Stuck("still_missing")
        self.put_back(here, opened_by)
        return here.number

    def _ask(self, call: Callable[[Driver, Login], Coroutine[Any, Any, T]]) -> T:
        return self.talk.ask_as(self.admin, call, self.service)


async def _remove(camera: StoredCamera, driver: Driver, admin: Login) -> None:
    await driver.remove_camera(admin, camera)


async def _add(camera: StoredCamera, opened_by: Login, driver: Driver, admin: Login) -> None:
    await driver.add_camera(admin, camera, opened_by)


async def _move(camera: StoredCamera, number: int, driver: Driver, admin: Login) -> None:
    await driver.move_camera(admin, camera, number)


async def _set_login(camera: StoredCamera, opened_by: Login, driver: Driver, admin: Login) -> None:
    await driver.set_camera_login(admin, camera, opened_by)


def _as_spoken_to(camera: StoredCamera, listed: Sequence[StoredCamera]) -> StoredCamera:
    """With the NVR's word for how it talks to it; where that is not known, the one that it has for
    all the others.
    """
    words = {c.protocol for c in listed}
    if camera.protocol or len(words) != 1:
        return camera
    return replace(camera, protocol=words.pop())


def _stands_there(listed: StoredCamera, camera: StoredCamera) -> bool:
    """Whether it may be the same by its address: one address may be of several cameras."""
    if listed.host != camera.host or (listed.mac and camera.mac):
        return False
    return listed.port == camera.port or listed.number == camera.number
