"""A password counts as changed only when the new one opens, and the old and a wrong one do not."""

import asyncio
from dataclasses import dataclass, field

import pytest

from devices.drivers import Login, Proof, prove
from devices.drivers.errors import DeviceError, LockedOut, OpensToAnything, Unreachable
from devices.drivers.proof import Door
from devices.virtual import Auth, Character
from tests.devices.drivers.made_up import Lab, password, with_camera


def proof_after_a_change(**traits) -> Proof:
    """Change the administrator's password on a virtual camera, and prove it."""

    async def story(lab: Lab) -> Proof:
        onvif, new = lab.driver(), password()
        await onvif.set_password(lab.admin, "admin", new)
        return await proven(onvif, "admin", new, lab.admin.password, password())

    return with_camera(story, **traits)


async def proven(driver, *passwords) -> Proof:
    """The proof at a driver's one door. It is synchronous, and the driver's loop runs meanwhile."""
    loop = asyncio.get_running_loop()

    def check(login: Login) -> bool:
        return asyncio.run_coroutine_threadsafe(driver.check(login), loop).result(30)

    return await asyncio.to_thread(prove, [Door(driver.name, check)], *passwords)


@pytest.mark.parametrize("auth", list(Auth))
@pytest.mark.parametrize(
    ("character", "reason", "opened"),
    [
        (Character.HONEST, "proven", [False, False, True]),
        (Character.LIAR, "new_refused", [False, True, False]),
        (Character.KEEPER, "old_still_opens", [False, True, True]),
        (Character.OPEN, "opens_to_anything", [True, True, True]),
        (Character.TERSE, "proven", [False, False, True]),
    ],
)
def test_the_proof_sees_through_the_device(auth, character, reason, opened):
    proof = proof_after_a_change(auth=auth, character=character)
    assert [door.opened for door in proof.doors] == opened
    assert [door.login for door in proof.doors] == ["wrong", "old", "new"]
    assert {door.door for door in proof.doors} == {"onvif"}
    assert proof.reason == reason
    assert proof.proven == (reason == "proven")


def test_a_proof_leaves_the_count_of_failed_logins_at_nought():
    async def story(lab: Lab):
        onvif, new = lab.driver(), password()
        await onvif.set_password(lab.admin, "admin", new)
        for _ in range(10):
            proof = await proven(onvif, "admin", new, lab.admin.password, password())
            assert proof.proven

    with_camera(story, lockout_tries=3)


def test_a_dead_device_proves_nothing():
    async def story(lab: Lab):
        return await proven(lab.driver(), "admin", password(), None, password())

    proof = with_camera(story, character=Character.DEAD)
    assert (proof.proven, proof.reason) == (False, "unreachable")
    assert [door.opened for door in proof.doors] == [None]


@dataclass
class Scripted:
    """A door that answers each check from a list."""

    answers: list[bool | DeviceError]
    name: str = "scripted"
    tried: list[str] = field(default_factory=list)

    @property
    def door(self) -> Door:
        return Door(self.name, self.check)

    def check(self, login: Login) -> bool:
        self.tried.append(login.password)
        answer = self.answers.pop(0)
        if isinstance(answer, DeviceError):
            raise answer
        return answer


def test_the_new_password_is_tried_last():
    scripted = Scripted([False, False, True])
    assert prove([scripted.door], "admin", "new", "old", "wrong").proven
    assert scripted.tried == ["wrong", "old", "new"]


@pytest.mark.parametrize("old", [None, "new"])
def test_without_another_old_password_two_logins_are_enough(old):
    scripted = Scripted([False, True])
    assert prove([scripted.door], "admin", "new", old, "wrong").proven
    assert scripted.tried == ["wrong", "new"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (LockedOut(30), "locked_out"),
        (Unreachable(), "unreachable"),
        (OpensToAnything(), "opens_to_anything"),
    ],
)
def test_a_proof_ends_at_the_first_door_that_cannot_be_tried(error, reason):
    scripted = Scripted([False, error])
    proof = prove([scripted.door], "admin", "new", "old", "wrong")
    assert (proof.proven, proof.reason) == (False, reason)
    assert [door.login for door in proof.doors] == ["wrong", "old"]
    assert proof.doors[-1].detail == reason
    assert scripted.tried == ["wrong", "old"]


def test_the_new_password_has_to_open_every_door():
    first, second = Scripted([False, False, True]), Scripted([False, True, False], name="rtsp")
    proof = prove([first.door, second.door], "admin", "new", "old", "wrong")
    assert (proof.proven, proof.reason) == (False, "door_lags")
    assert [(d.door, d.login) for d in proof.doors if d.opened] == [
        ("scripted", "new"),
        ("rtsp", "old"),
    ]


def test_a_further_door_that_cannot_be_tried_leaves_the_change_unproven():
    first, second = Scripted([False, False, True]), Scripted([Unreachable()], name="rtsp")
    proof = prove([first.door, second.door], "admin", "new", "old", "wrong")
    assert (proof.proven, proof.reason, proof.error) == (False, "unreachable", None)


def test_a_wrong_password_has_to_be_wrong():
    with pytest.raises(ValueError, match="wrong"):
        prove([Scripted([]).door], "admin", "new", "old", "old")
