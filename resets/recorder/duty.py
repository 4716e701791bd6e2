"""What a reset owes to the NVR of its camera, and how it is done there.

Two jobs never change one list at once: each talks to the NVR alone. Whoever comes to it looks where
the reset stands once it is alone with the NVR, so that a camera whose reset has just been called
off is not taken off after it was put back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import cast
from uuid import UUID

from devices.doors import Talk, login, talking
from devices.drivers.base import Channel, Login, Service, StoredCamera
from devices.drivers.errors import DeviceError
from devices.models import Credential, Device
from devices.queries import credential_for_jobs, device_for_jobs
from devices.recorder_list import RecorderList, Stuck, find, list_service
from devices.recorders import channel_service, is_on, keep_online, orders_of
from devices.state import CredentialState, Purpose, credential_id
from fleet.eventstore.handling import handle_all
from fleet.eventstore.messages import Recorded
from fleet.eventstore.store import state_of
from resets.models import Reset
from resets.recorder.state import CameraThere, Doing
from resets.state import ResetState
from resets.steps.recorder import NvrFacts

EARLIER = 5  # resets of the same camera that are asked what its NVR had stored


def nvr_of(reset: ResetState) -> Device | None:
    """The NVR that the camera was on when its reset began, if it is in the fleet still."""
    if reset.nvr is None:
        return None
    nvr = device_for_jobs(reset.nvr)
    return None if nvr.removed else nvr


def facts_of(nvr: Device | None) -> NvrFacts:
    """What Rekey can do on an NVR."""
    if nvr is None:
        return NvrFacts()
    why = _why_not(nvr, credential_for_jobs(nvr.pk, Purpose.DEVICE))
    return NvrFacts(nvr.name, removes=not why, why=why)


def by_hand(nvrs: Collection[UUID]) -> dict[UUID, str]:
    """Of some NVRs, those on which Rekey can do nothing, and why: as `facts_of`, for many."""
    rows = Device.objects.for_jobs().filter(pk__in=nvrs, removed=False)
    kept = Credential.objects.for_jobs().filter(device__in=nvrs, purpose=Purpose.DEVICE.value)
    known = {one.device: one for one in kept.order_by("-id")}
    found = {row.pk: _why_not(row, known.get(row.pk)) for row in rows}
    return {nvr: why for nvr, why in found.items() if why}


def _why_not(nvr: Device, known: Credential | None) -> str:
    if list_service(nvr) is None:
        return "no_service"
    return "" if nvr.certified and known and known.current else "not_certified"


def opened_by(reset: ResetState, device: Device) -> Login | None:
    """A login that is known to open the camera now. Raises vault.VaultError."""
    account = state_of(CredentialState, credential_id(device.pk, reset.username))
    if account.current is None:
        return None
    proven = account.current == reset.secret and new_opened(reset)
    if not proven and not device.certified:
        return None
    return login(device.pk, reset.username, account.current)


def new_opened(reset: ResetState) -> bool:
    """Whether the new password opened the camera."""
    return any(door.login == "new" and door.opened for door in reset.doors)


@dataclass
class AtNvr:
    """A conversation with the NVR about one camera. `cameras` is its list, where Rekey can change
    it; `tells` the service that at least says what is on its channels.
    """

    reset: ResetState
    camera: Device
    nvr: Device
    talk: Talk
    admin: Login
    cameras: RecorderList | None
    tells: Service | None

    @property
    def wanted(self) -> StoredCamera:
        """The camera as it belongs on the NVR: as it was there, at the address that it has now."""
        there = self.reset.camera_there or _from_earlier(self.camera)
        if there is None:
            there = CameraThere(0, self.camera.name, "", self.camera.port, self.camera.mac)
        return StoredCamera(
            number=self.camera.channel or there.number,
            name=there.name,
            online=False,
            host=self.camera.host,
            mac=there.mac or self.camera.mac,
            port=there.port or self.camera.port,
            key=there.key,
            protocol=there.protocol,
            opens=None,
        )

    def channel(self) -> Channel | None:
        """The camera's channel as the NVR tells it. Raises DeviceError, Stuck where it does not."""
        told = self._channels()
        if self.cameras is not None:
            return find(cast(Sequence[StoredCamera], told), self.wanted)
        here = [c for c in told if is_on(self.camera, c)]
        return min(here, key=lambda c: c.number != self.reset.channel, default=None)

    def read_anew(self) -> None:
        """Record what is on its channels by now; that it does not tell just now is no trouble."""
        with suppress(DeviceError):
            told = self._channels()
            handle_all(orders_of(self.nvr, told), self.talk.by)
            keep_online(self.nvr, told)

    def _channels(self) -> Sequence[Channel]:
        if self.cameras is not None:
            return self.cameras.read()
        if self.tells is None:
            raise Stuck("no_service")
        return self.talk.ask_as(self.admin, lambda d, one: d.channels(one), self.tells)


def opens(channel: Channel) -> bool | None:
    """Whether the NVR opens what is on a channel, as far as it tells."""
    return channel.opens if isinstance(channel, StoredCamera) else channel.online


def there(channel: Channel, camera: Device) -> CameraThere:
    """What has to be known to put it back."""
    known = CameraThere(channel.number, channel.name, channel.host, camera.port, channel.mac)
    if not isinstance(channel, StoredCamera):
        return known
    return replace(known, port=channel.port, key=channel.key, protocol=channel.protocol)


@contextmanager
def at_nvr(reset: ResetState, camera: Device, recorded: Recorded, job: str) -> Iterator[AtNvr]:
    """Talk to the camera's NVR. Raises Stuck where Rekey cannot, Later while somebody else does,
    vault.VaultError.
    """
    nvr = nvr_of(reset)
    if nvr is None:
        raise Stuck("no_service")
    if camera.nvr_id != nvr.pk:  # somebody has decided otherwise since
        raise Stuck("elsewhere")
    service, tells = list_service(nvr), channel_service(nvr)
    if service is None and tells is None:
        raise Stuck("no_service")
    account = credential_for_jobs(nvr.pk, Purpose.DEVICE)
    if account is None or account.current is None or not nvr.certified:
        raise Stuck("not_certified")
    admin = login(nvr.pk, account.username, account.current)
    with talking(nvr, recorded, job) as talk:
        talk.trust(admin)
        listed = RecorderList(talk, admin, service) if service else None
        yield AtNvr(reset, camera, nvr, talk, admin, listed, tells)


def put_right(nvr: AtNvr, doing: Doing, opened_by: Login) -> int:
    """Put the camera back, or only change what the NVR opens it with; the channel it is on.

    Raises DeviceError, Stuck.
    """
    if nvr.cameras is None:
        raise Stuck("no_service")
    if doing is Doing.TELL:
        return nvr.cameras.tell(nvr.wanted, opened_by)
    nvr.cameras.put_back(nvr.wanted, opened_by)
    return nvr.wanted.number


def _from_earlier(camera: Device) -> CameraThere | None:
    """How the NVR had it before an earlier reset took it off."""
    rows = Reset.objects.for_jobs().filter(device=camera.pk).order_by("-id")
    for reset_id in rows.values_list("pk", flat=True)[:EARLIER]:
        there = state_of(ResetState, reset_id).camera_there
        if there is not None and there.protocol:
            return there
    return None
